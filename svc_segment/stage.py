"""The segment stage: reads ingest's page, writes the segment page and three artefacts."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from assay.events.v1.analysis_pb2 import Analysis
from assay.segment.v1.segment_pb2 import SegmentPage

from mesh.errors import FailedPrecondition
from mesh.settings import Settings
from mesh.stage import Stage, StageContext
from svc_segment import page, shadow
from svc_segment.core import Segmentation
from svc_segment.engine import Result, engine, sessions
from svc_segment.images import overlay, png
from svc_segment.model import DEFAULT, Model

log = structlog.get_logger()


async def handle(analysis: Analysis, ctx: StageContext) -> SegmentPage:
    """Segment the working image.

    Raises FailedPrecondition when ingest has not written its page, NotFound for an unknown `job.model`.
    """
    if not analysis.ingest.working.key:
        raise FailedPrecondition("NO_WORKING_IMAGE", "Ingest's page is missing.", field="ingest.working")
    data = await ctx.get(analysis.ingest.working)
    await ctx.progress(10, "Looking for ink")
    drawn = await engine().segment(data, "ingest.working", analysis.job.model, ctx.deadline, draw)
    await ctx.progress(80, "Writing the mask")
    written = page.build(drawn.result, drawn.model, Settings().version)
    written.mask.CopyFrom(await ctx.put("mask.png", drawn.mask, "image/png"))
    written.probability.CopyFrom(await ctx.put("probability.png", drawn.probability, "image/png"))
    written.overlay.CopyFrom(await ctx.put("overlay.jpg", drawn.overlay, "image/jpeg"))
    beside = Settings().shadow_model
    if beside and beside != drawn.model.contract.label:
        written.shadow.CopyFrom(await shadow.compare(beside, data, drawn.result, ctx))
    return written


@dataclass(frozen=True)
class Drawn:
    """A result with its artefacts as files."""

    result: Segmentation
    model: Model
    mask: bytes
    probability: bytes
    overlay: bytes


def draw(found: Result) -> Drawn:
    """The artefacts of a result, while its pixels are still in this core's cache."""
    result = found.segmentation
    return Drawn(result, found.model, png(result.mask), png(result.probability), overlay(found.rgb, result))


def prepare() -> None:
    """Load and warm the active model before the process says it is ready.

    Where no version may be served the process is ready all the same: each job then ends with that reason.
    """
    try:
        sessions(DEFAULT)
    except FailedPrecondition as error:
        log.error("no_model_to_serve", code=error.code, reason=error.message)


STAGE = Stage(
    name="segment",
    kind="tattoo",
    consumes="ingested",
    publishes="segmented",
    page="segment",
    handle=handle,
    prepare=prepare,
)
