"""Landmark files in the ingest stage: what a device found instead of a video, checked and described.

With them the pose stage has nothing to do, so both pages are written here and `posed` holds at once.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from assay.balance.v1.balance_pb2 import PosePage
from assay.common.v1.types_pb2 import ComponentVersion
from assay.events.v1.analysis_pb2 import Analysis
from assay.ingest.v1.ingest_pb2 import DeviceLandmarks, IngestPage
from numpy.typing import NDArray

from mesh import landmark_forms
from mesh.errors import InvalidInput
from mesh.landmark_forms import Source
from mesh.landmarks import INDEX, MEDIA_TYPE, Floats, Landmarks, encode
from mesh.settings import Settings
from mesh.stage import Outcome, StageContext
from svc_ingest import timing
from svc_ingest.page import measurements, provenance, quality_flags
from svc_ingest.result import Flag, Level, Measure
from svc_ingest.upload import fetch

OBJECT_NAME: Final = "landmarks.pb"
SOURCE_MEDIA_TYPE: Final = "application/json"
MAX_SECONDS: Final = 180.0
"""Longest recording, as for a video."""
_FIX: Final = "See the landmark files in docs/pose-models.md."
_LIBRARIES: Final = ("numpy",)
_TICK_S: Final = 0.001
"""Devices count milliseconds."""
_BODY: Final = [INDEX["nose"], *range(INDEX["left_shoulder"], len(INDEX))]
_LONGEST_GAP_S: Final = 0.5
_LEAST_VISIBILITY: Final = 0.7


@dataclass(frozen=True)
class Read:
    """A landmark file that passed: its series, serialised, and what is said about it."""

    series: Landmarks
    source: Source
    encoded: bytes
    measures: tuple[Measure, ...]
    flags: tuple[Flag, ...]


async def handle(analysis: Analysis, ctx: StageContext) -> Outcome:
    """Fetches the file, checks it, writes the landmarks; answers the pages of ingest and pose.

    Raises InvalidInput (docs/video.md; the field is the place in the file), NotFound, Transient.
    """
    upload = analysis.job.upload
    data = await fetch(upload, ctx, Settings().max_landmark_bytes, _too_large)
    done = await ctx.compute(read, data)
    ctx.log.info("ingested", form=done.source.form, flags=[flag.code for flag in done.flags])
    series, source = done.series, done.source
    made_by = provenance(_LIBRARIES)
    pose = PosePage(
        landmarks=await ctx.put(OBJECT_NAME, done.encoded, MEDIA_TYPE),
        provenance=made_by,
        frames=len(series),
        duration_s=float(series.time_s[-1]),
        source="device",
        quality=measurements(done.measures),
        flags=quality_flags(done.flags),
    )
    name, _, version = source.model.partition("@")
    pose.provenance.versions.append(ComponentVersion(kind="model", name=name, version=version))
    page = IngestPage(
        source_media_type=SOURCE_MEDIA_TYPE,
        source_sha256=hashlib.sha256(data).hexdigest(),
        source_size_bytes=len(data),
        width=series.width,
        height=series.height,
        device_landmarks=DeviceLandmarks(
            device=source.device, model=source.model, form=source.form, frames=len(series)
        ),
        provenance=made_by,
    )
    return Outcome("posed", {"ingest": page, "pose": pose})


def read(data: bytes) -> Read:
    """Reads and judges a landmark file.

    Raises InvalidInput: what `mesh.landmark_forms.read` raises, LANDMARKS_EMPTY (a single frame),
    LANDMARKS_TOO_LONG.
    """
    series, source = landmark_forms.read(data)
    if len(series) < 2:
        raise _refuse("LANDMARKS_EMPTY", "The file has one frame; a test needs many.", "frames")
    seconds = float(series.time_s[-1])
    if seconds > MAX_SECONDS:
        raise _refuse(
            "LANDMARKS_TOO_LONG", f"The frames span {seconds:.0f} s; at most {MAX_SECONDS:.0f}.", "frames"
        )
    pace = timing.pace_of(series.time_s, _TICK_S)
    measures, flags = _judge(series)
    return Read(
        series,
        source,
        encode(series),
        (*timing.measures(pace, len(series)), *measures),
        (*timing.flags(pace, len(series), seconds), *flags),
    )


def _judge(series: Landmarks) -> tuple[tuple[Measure, ...], tuple[Flag, ...]]:
    """How much of the person there is, by the ids and codes of the pose stage."""
    found = np.asarray(np.isfinite(series.image_px[:, _BODY, 0]).any(axis=1), np.bool_)
    gap = _longest_gap(series.time_s, found)
    visibility = float(series.visibility[found][:, _BODY].mean())
    people = int(series.people.max()) if series.people is not None else 1
    measures = (
        Measure("person_share", float(found.mean()), "1"),
        Measure("longest_gap", gap, "s"),
        Measure("mean_visibility", visibility, "1"),
        Measure("people_most", float(people), "1"),
    )
    remarks = (
        (
            gap > _LONGEST_GAP_S,
            Flag("PERSON_LOST", Level.WARN, f"The file has no person for {gap:.1f} s."),
        ),
        (
            0 < gap <= _LONGEST_GAP_S,
            Flag("PERSON_LOST", Level.WARN, "The file has no person in single frames."),
        ),
        (
            people > 1,
            Flag(
                "SEVERAL_PEOPLE",
                Level.WARN,
                f"Up to {people} people are in the file; the clearest one of the first frame was followed.",
            ),
        ),
        (
            visibility < _LEAST_VISIBILITY,
            Flag("LOW_VISIBILITY", Level.WARN, "Much of the body is hidden or out of the picture."),
        ),
    )
    return measures, tuple(flag for seen, flag in remarks if seen)


def _longest_gap(time_s: Floats, found: NDArray[np.bool_]) -> float:
    """Longest time without a person, s, from the frame before to the frame after."""
    seen = np.concatenate([time_s[:1], time_s[found], time_s[-1:]])
    at = np.concatenate([[0], np.flatnonzero(found), [len(found) - 1]])
    return float(np.max(np.diff(seen)[np.diff(at) > 1], initial=0.0))


def _too_large(detail: str) -> InvalidInput:
    return _refuse("LANDMARKS_TOO_MANY", detail, "")


def _refuse(code: str, message: str, place: str) -> InvalidInput:
    return InvalidInput(code, message, field=f"landmarks.{place}" if place else "landmarks", fix=_FIX)
