"""The colour stage: working image, mask and ink probability in; skin, inks and a map of them out."""

import asyncio
from dataclasses import dataclass

import numpy as np
import structlog
from assay.color.v1.color_pb2 import ColorPage
from assay.common.v1.types_pb2 import FlagLevel
from assay.events.v1.analysis_pb2 import Analysis

from mesh.errors import FailedPrecondition, InvalidInput
from mesh.settings import Settings
from mesh.stage import Stage, StageContext
from svc_color.analyze import ColorResult, Mask, analyze
from svc_color.chart.geometry import area
from svc_color.chart.layouts import Layout, known
from svc_color.chart.measured import measure_chart
from svc_color.chart.page import shorten
from svc_color.classifier import active
from svc_color.followup.compare import Photo
from svc_color.followup.visit import follow_up
from svc_color.images import Image, read_png, write_label_map
from svc_color.page import page, quality_flags, skin_page
from svc_color.protected import ProtectedSkin, protected_skin
from svc_color.quality import PROTECTED_UNFIT

log = structlog.get_logger()

# Mask pixels at least this bright are ink; segmentation writes 0 and 255.
_INK = 128
# Failed checks of ingest on the photo of protected skin after which its colours mean nothing.
_UNFIT = {"PROTECTED_EXPOSURE", "PROTECTED_HDR_TRANSFER", "PROTECTED_CMYK_WITHOUT_PROFILE"}


@dataclass(frozen=True)
class Measured:
    """The page, the label map (PNG; empty without ink), and the photo for what is measured in it besides."""

    page: ColorPage
    label_map: bytes
    photo: Photo


def measure(working: bytes, mask: bytes, probability: bytes, declared: str = "") -> Measured:
    """Measures three PNG files of one size.

    declared: the colour chart that the operator states ("classic24", "classic24@before_2014_11"), or "".

    Raises:
        InvalidInput: a file that cannot be read (svc_color.images), IMAGE_SIZES_DIFFER, or CHART_UNKNOWN.
    """
    rgb = read_png(working, "working", "rgb")
    ink = read_png(mask, "mask", "grey")
    chance = read_png(probability, "probability", "grey")
    for field, array in (("mask", ink), ("probability", chance)):
        if array.shape != rgb.shape[:2]:
            raise InvalidInput(
                "IMAGE_SIZES_DIFFER",
                f"{field} has {_size(array)} pixels, the working image {_size(rgb)}.",
                field=field,
                fix="Pass the mask and probability that segmentation wrote for this working image.",
            )
    chart = measure_chart(rgb, charts(), declared)
    result = analyze(rgb, ink >= _INK, chance, chart, declared)
    swatches = [ink_colour.swatch for ink_colour in result.inks]
    label_map = write_label_map(result.labels, swatches) if swatches else b""
    return Measured(page(result), label_map, _photo(rgb, ink >= _INK, chance, result))


def _photo(rgb: Image, ink: Mask, probability: Image, result: ColorResult) -> Photo:
    """The photo as it was measured: its colour chart is neither ink nor skin."""
    if result.chart is not None:
        covered = area(result.chart.placement, ink.shape)
        ink, probability = ink & ~covered, np.where(covered, np.uint8(255), probability)
    return Photo(rgb, ink, probability, result.labels, result.reading)


def _size(image: Image) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"


async def handle(analysis: Analysis, ctx: StageContext) -> ColorPage:
    """Reads the three images, measures, writes the label map as artefact `ink_clusters.png`.

    With a photo of protected skin, measures that too. With an earlier visit in the order, measures what
    changed since and lays its photo over this one.

    Raises FailedPrecondition (PAGE_MISSING), InvalidInput, NotFound, Transient.
    """
    refs = (analysis.ingest.working, analysis.segment.mask, analysis.segment.probability)
    if not all(ref.key for ref in refs):
        raise FailedPrecondition("PAGE_MISSING", "Colour needs the pages of ingest and segment.")
    images = await asyncio.gather(*(ctx.get(ref) for ref in refs))
    await ctx.progress(20, "Measuring skin and ink colours")
    measured = await ctx.compute(measure, *images, analysis.job.tattoo.chart)
    written = measured.page
    if measured.label_map:
        written.clusters.CopyFrom(await ctx.put("ink_clusters.png", measured.label_map, "image/png"))
    patches = shorten(written.chart)
    if patches is not None:
        written.chart.patch_table.CopyFrom(await ctx.put("chart_patches.json", patches, "application/json"))
    if analysis.ingest.HasField("protected_working"):
        found = await _protected(analysis, ctx)
        written.flags.extend(quality_flags(found.flags))
        if found.skin is not None:
            written.protected_skin.CopyFrom(skin_page(found.skin))
    if analysis.job.HasField("baseline"):
        await ctx.progress(60, "Comparing with the earlier visit")
        written.follow_up.CopyFrom(await follow_up(analysis, written, measured.photo, ctx))
    ctx.log.info("colored", inks=len(written.inks), flags=[flag.code for flag in written.flags])
    return written


def charts() -> tuple[Layout, ...]:
    """The colour charts that this process looks for. Raises InvalidInput: a reference file is not right."""
    return known(Settings().charts_dir)


async def _protected(analysis: Analysis, ctx: StageContext) -> ProtectedSkin:
    """The skin of the second photo, unless ingest found that its colours are none to measure."""
    failed = {flag.code for flag in analysis.ingest.flags if flag.level == FlagLevel.FLAG_LEVEL_FAIL}
    if not failed.isdisjoint(_UNFIT):
        return ProtectedSkin(None, (PROTECTED_UNFIT,))
    photo = await ctx.get(analysis.ingest.protected_working)
    await ctx.progress(50, "Measuring protected skin")
    return await ctx.compute(_measure_protected, photo, analysis.job.tattoo.chart)


def _measure_protected(photo: bytes, declared: str) -> ProtectedSkin:
    return protected_skin(read_png(photo, "protected_working", "rgb"), charts(), declared)


def prepare() -> None:
    """Reads the charts' reference files, and reads and verifies the ink classifier.

    Where no version may be served the process is ready all the same: each job then ends with that reason.
    """
    charts()
    try:
        active()
    except FailedPrecondition as error:
        log.error("no_model_to_serve", code=error.code, reason=error.message)


STAGE = Stage(
    name="color",
    kind="tattoo",
    consumes="segmented",
    publishes="colored",
    page="color",
    handle=handle,
    prepare=prepare,
)
