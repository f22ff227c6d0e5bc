"""The balance report: landmarks, traces and video fetched, pictures made, PDF typeset."""

from __future__ import annotations

from pathlib import Path

from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis

from mesh import landmarks
from mesh.errors import InvalidInput
from mesh.landmarks import Landmarks
from mesh.scratch import scratch
from svc_report import render
from svc_report.balance import content, moments, stills, traces
from svc_report.balance.stills import Still
from svc_report.balance.traces import Traces
from svc_report.objects import Compute, Objects

MAX_SERIES_BYTES = 128 * 2**20
"""Landmarks of 30 minutes at 60 Hz are half of it."""


async def compose(analysis: Analysis, objects: Objects, compute: Compute) -> render.Rendered:
    """The PDF of a balance analysis up to its decision.

    Raises what `objects` raises, Internal (REPORT_NOT_TYPESET) and InvalidInput (REPORT_SERIES_TOO_LARGE,
    REPORT_VIDEO_UNREADABLE, LANDMARKS_UNREADABLE, TRACES_UNREADABLE).
    """
    series = await read_landmarks(analysis, objects, compute)
    found = await read_traces(analysis, objects, compute)
    video = analysis.ingest.video
    if series is None or not video.object.key:
        return await compute(typeset, analysis, series, found, None)
    with scratch() as folder:
        path = folder / "video"
        await objects.download(video.object, path)
        return await compute(typeset, analysis, series, found, path)


async def read_landmarks(analysis: Analysis, objects: Objects, compute: Compute) -> Landmarks | None:
    """The landmarks of the analysis; None when it refers to none."""
    ref = analysis.pose.landmarks
    if not ref.key:
        return None
    series = await compute(landmarks.decode, await objects.get(_bounded(ref, "analysis.pose.landmarks")))
    if min(series.width, series.height) < 2:
        raise landmarks.unreadable(f"They state a picture of {series.width} x {series.height} pixels.")
    return series


async def read_traces(analysis: Analysis, objects: Objects, compute: Compute) -> Traces:
    """The traces of the analysis; empty when it refers to none."""
    ref = analysis.sway.traces
    if not ref.key:
        return traces.NONE
    return await compute(traces.decode, await objects.get(_bounded(ref, "analysis.sway.traces")))


def typeset(
    analysis: Analysis, series: Landmarks | None, found: Traces, video: Path | None
) -> render.Rendered:
    """The CPU work: pictures, charts, sheet, PDF. Pure but for reading the video."""
    shown = pictures(analysis, series, found, video)
    built = content.build(analysis, render.provenance(render.BALANCE), found, shown)
    return render.render(built.sheet, built.files)


def pictures(analysis: Analysis, series: Landmarks | None, found: Traces, video: Path | None) -> list[Still]:
    """Pictures of the trial's moments: from the video, or without one from the landmarks."""
    if series is None or not len(series):
        return []
    chosen = moments.choose(analysis.sway, found, float(series.time_s[-1]))
    if video is not None:
        return stills.of_video(video, analysis.ingest.video, series, found, chosen)
    return stills.of_landmarks(series, found, chosen)


def _bounded(ref: ObjectRef, field: str) -> ObjectRef:
    if ref.size_bytes > MAX_SERIES_BYTES:
        raise InvalidInput(
            "REPORT_SERIES_TOO_LARGE",
            f"The object has {ref.size_bytes} bytes; a report takes {MAX_SERIES_BYTES}.",
            field=field,
            fix="Refer to the object that the stage wrote.",
        )
    return ref
