"""The segment stage: reads ingest's page, writes the segment page and three artefacts."""

from __future__ import annotations

import structlog
from assay.events.v1.analysis_pb2 import Analysis
from assay.segment.v1.segment_pb2 import SegmentPage

from mesh.errors import FailedPrecondition
from mesh.settings import Settings
from mesh.stage import Stage, StageContext
from svc_segment import page, shadow
from svc_segment.engine import engine, model
from svc_segment.images import overlay, png
from svc_segment.model import DEFAULT

log = structlog.get_logger()


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
    beside = Settings().shadow_model
    if beside and beside != found.model.contract.label:
        written.shadow.CopyFrom(await shadow.compare(beside, data, result, ctx))
    return written


def prepare() -> None:
    """Load and warm the active model before the process says it is ready.

    Where no version may be served the process is ready all the same: each job then ends with that reason.
    """
    try:
        model(DEFAULT)
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
