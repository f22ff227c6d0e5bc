"""The follow-up of one analysis: fetches the earlier visit, compares, stores the picture."""

import asyncio
from datetime import UTC, datetime
from typing import Final

import numpy as np
from assay.color.v1.color_pb2 import ColorPage, FollowUp
from assay.events.v1.analysis_pb2 import Analysis

from mesh.errors import InvalidInput, NotFound
from mesh.stage import StageContext
from mesh.visits import handed_in_at
from svc_color.followup.compare import Earlier, Photo, compare, conditions, days_of, refused
from svc_color.images import read_label_map, read_png

PICTURE: Final = "earlier_visit_registered.png"
_INK: Final = 128


async def follow_up(analysis: Analysis, page: ColorPage, photo: Photo, ctx: StageContext) -> FollowUp:
    """What changed since `analysis.job.baseline`, with the earlier photo laid over this one as an artefact.

    What the earlier visit lacks is a reason on the page and no failure of this job.

    Args:
        page: today's page, inks and skin filled in. photo: today's photo as it was measured.

    Raises:
        Transient: storage does not answer.
    """
    baseline = analysis.job.baseline
    segmenter = model_of(analysis)
    at = handed_in_at(analysis.job) or datetime.now(UTC)
    now = conditions(page, analysis.ingest.camera, segmenter, at)
    empty = FollowUp(baseline_job_id=baseline.job_id, days=days_of(baseline, now))
    if not baseline.color.inks or not baseline.clusters.key:
        return refused(empty, ["NO_INK_THEN"], baseline)
    try:
        files = await asyncio.gather(
            *(ctx.get(ref) for ref in (baseline.working, baseline.mask, baseline.clusters))
        )
    except NotFound:
        return refused(empty, ["BASELINE_GONE"], baseline)
    except InvalidInput as error:
        ctx.log.warning("baseline_unreadable", code=error.code, reason=error.message)
        return refused(empty, ["BASELINE_UNREADABLE"], baseline)
    try:
        earlier = await ctx.compute(read_earlier, *files)
    except InvalidInput as error:
        ctx.log.warning("baseline_unreadable", code=error.code, reason=error.message)
        return refused(empty, ["BASELINE_UNREADABLE"], baseline)
    made, picture = await ctx.compute(compare, baseline, earlier, photo, now)
    if picture:
        made.registered.CopyFrom(await ctx.put(PICTURE, picture, "image/png"))
    ctx.log.info("followed_up", not_comparable=list(made.not_comparable), inks=len(made.inks))
    return made


def read_earlier(working: bytes, mask: bytes, clusters: bytes) -> Earlier:
    """The earlier visit from its files.

    Raises:
        InvalidInput: a file that cannot be read (svc_color.images), or IMAGE_SIZES_DIFFER.
    """
    rgb = read_png(working, "baseline.working", "rgb")
    ink = read_png(mask, "baseline.mask", "grey") >= _INK
    labels = read_label_map(clusters, "baseline.clusters")
    if not rgb.shape[:2] == ink.shape == labels.shape:
        raise InvalidInput(
            "IMAGE_SIZES_DIFFER",
            "The images of the earlier visit are of different sizes.",
            field="baseline.mask",
            fix="Name another analysis to compare with.",
        )
    return Earlier(rgb, labels, np.asarray(ink))


def model_of(analysis: Analysis) -> str:
    """The model that found the ink, or ""."""
    models = (v for v in analysis.segment.provenance.versions if v.kind == "model")
    return next((f"{model.name}@{model.version}" for model in models), "")
