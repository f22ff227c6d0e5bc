"""The segment stage with an emulated device, for bench/scale_out.py only: one process is one replica.

Everything around the step is real: the fact, the working image from S3, its decoding, the artefact put, the
next fact. The step itself holds the replica's one device for STEP_S and computes nothing.
"""

from __future__ import annotations

import asyncio

import grpc.aio
from assay.events.v1.analysis_pb2 import Analysis
from assay.segment.v1.segment_pb2 import SegmentPage

from mesh import service
from mesh.service import Resources
from mesh.stage import Stage, StageContext
from svc_segment.images import decode, png

STEP_S = 0.2
_device = asyncio.Lock()


async def handle(analysis: Analysis, ctx: StageContext) -> SegmentPage:
    """A page with one artefact, after the device was held."""
    picture = await ctx.compute(decode, await ctx.get(analysis.ingest.working), "ingest.working")
    async with _device:
        await asyncio.sleep(STEP_S)
    mask = await ctx.put("mask.png", await ctx.compute(png, picture[..., 0]), "image/png")
    return SegmentPage(mask=mask, execution_provider="emulated")


STAGE = Stage(
    name="segment",
    kind="tattoo",
    consumes="ingested",
    publishes="segmented",
    page="segment",
    handle=handle,
)


def register(_: grpc.aio.Server, __: Resources) -> None:
    """No calls are served, only facts."""


if __name__ == "__main__":
    service.run("svc_segment", services=[], register=register, stages=[STAGE])
