"""The segment stage: reads ingest's page, writes the segment page and three artefacts."""

from __future__ import annotations

from assay.events.v1.analysis_pb2 import Analysis
from assay.segment.v1.segment_pb2 import SegmentPage

from mesh.errors import FailedPrecondition
from mesh.settings import Settings
from mesh.stage import Stage, StageContext
from svc_segment import page
from svc_segment.engine import engine, model
from svc_segment.images import overlay, png
from svc_segment.model import DEFAULT


async def handle(analysis: Analysis, ctx: StageContext) -> SegmentPage:
    """Segment the working image.

    Raises FailedPrecondition when ingest has not written its page, NotFound for an unknown `job.model`.
    """
    if not analysis.ingest.working.key:
        raise FailedPrecondition("NO_WORKING_IMAGE", "Ingest's page is missing.", field="ingest.working")
    data = await ctx.get(analysis.ingest.working)
    await ctx.progress(10, "Looking for ink")
    found = await engine().segment(data, "ingest.working", analysis.job.model, ctx.deadline, ctx.compute)
    await ctx.progress(80, "Writing the mask")
    result = found.segmentation
    written = page.build(result, found.model, Settings().version)
    mask = await ctx.compute(png, result.mask)
    written.mask.CopyFrom(await ctx.put("mask.png", mask, "image/png"))
    probability = await ctx.compute(png, result.probability)
    written.probability.CopyFrom(await ctx.put("probability.png", probability, "image/png"))
    picture = await ctx.compute(overlay, found.rgb, result)
    written.overlay.CopyFrom(await ctx.put("overlay.jpg", picture, "image/jpeg"))
    return written


def prepare() -> None:
    """Load and warm the default model before the process says it is ready."""
    model(DEFAULT)


STAGE = Stage(
    name="segment",
    kind="tattoo",
    consumes="ingested",
    publishes="segmented",
    page="segment",
    handle=handle,
    prepare=prepare,
)
