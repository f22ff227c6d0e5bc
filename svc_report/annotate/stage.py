"""The annotate stage: follows the report, off the clock; the video with the skeleton drawn on it."""

from __future__ import annotations

import asyncio
import ctypes
import importlib.metadata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import av
from assay.common.v1.types_pb2 import ComponentVersion, Provenance
from assay.events.v1.analysis_pb2 import Analysis
from assay.events.v1.report_page_pb2 import AnnotationPage

from mesh.errors import Unmeasurable
from mesh.scratch import scratch
from mesh.stage import Stage, StageContext
from svc_report import fonts
from svc_report.annotate import core, encoder
from svc_report.balance.compose import read_landmarks, read_traces

NAME = "annotated.webm"


async def handle(analysis: Analysis, ctx: StageContext) -> AnnotationPage:
    """Writes the annotated video, or without a video an animation of the landmarks.

    Raises what reading the objects raises, InvalidInput (REPORT_VIDEO_UNREADABLE, LANDMARKS_UNREADABLE,
    TRACES_UNREADABLE, REPORT_SERIES_TOO_LARGE), Unmeasurable (NOTHING_TO_ANNOTATE), and Transient when
    storage does not answer.
    """
    await ctx.progress(0, "Drawing the skeleton on the video")
    series = await read_landmarks(analysis, ctx, ctx.compute)
    found = await read_traces(analysis, ctx, ctx.compute)
    video = analysis.ingest.video
    with scratch() as folder:
        source, target = folder / "source", folder / NAME
        if video.object.key:
            await ctx.download(video.object, source)
            work = core.from_video(source, video, series, found, analysis.sway, target)
        elif series is not None and len(series):
            work = core.from_landmarks(series, found, analysis.sway, target)
        else:
            raise Unmeasurable(
                "NOTHING_TO_ANNOTATE",
                "The analysis has neither a video nor landmarks.",
                field="analysis.pose.landmarks",
                fix="Run the analysis again from its upload.",
            )
        try:
            await _drawn(work, source, ctx)
        finally:
            # Frames and encoder leave holes in the heap, other ones after every video: kept, they add up.
            del work
            await asyncio.to_thread(give_back)
        ref = await ctx.upload(NAME, target, encoder.MEDIA_TYPE)
    ctx.log.info("annotated", video_bytes=ref.size_bytes)
    return AnnotationPage(video=ref, provenance=provenance())


async def _drawn(work: Iterator[float], source: Path, ctx: StageContext) -> None:
    """Takes the work batch by batch, so that a job out of time or withdrawn ends between two batches."""
    while (share := await ctx.compute(next, work, None)) is not None:
        # It is open by now. A process that is killed leaves no video with a face in it behind.
        await asyncio.to_thread(source.unlink, missing_ok=True)
        await ctx.progress(100 * share, "Drawing the skeleton on the video")


def give_back() -> None:
    """Returns the heap's free pages to the system, where the C library knows how (glibc)."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


@cache
def provenance() -> Provenance:
    """What makes the video."""
    code = importlib.metadata.version("assay")
    return Provenance(
        versions=[
            ComponentVersion(kind="code", name="svc_report.annotate", version=code),
            ComponentVersion(kind="encoder", name=encoder.CODEC, version=f"av {av.__version__}"),
        ]
    )


def prepare() -> None:
    """Reads the fonts once, so that the first job does not wait for it."""
    provenance()
    fonts.displayable("prepared")


STAGE = Stage(
    name="annotate",
    kind="balance",
    consumes="reported",
    publishes="annotated",
    page="annotation",
    handle=handle,
    prepare=prepare,
)
