"""Landmark files: JSON from a device or another pose estimator, read into `mesh.landmarks.Landmarks`.

One container for every form (docs/pose-models.md has examples):

    {"format": ..., "device": ..., "model": ..., "width": px, "height": px, "frames": [{"t_s": s, ...}, ...]}

| format | what a frame holds |
| --- | --- |
| assay-landmarks/1 | points: 33 of {x, y, visibility, presence}, px; world: 33 of {x, y, z}, m, optional |
| mediapipe-pose | what MediaPipe's pose solutions give, normalised or in pixels |
| mlkit-pose | landmarks: 33 of {type, x, y or position, inFrameLikelihood} |
| openpose-body25, openpose-body25b | people: what OpenPose writes for a frame |

Strict: a file is read whole or refused with a code that says why; nothing is filled in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from mesh.landmark_frames import READERS, Person, mapping, number, refuse
from mesh.landmarks import FASTEST_HZ, POINTS, Floats, Landmarks

FORMS = tuple(READERS)
MAX_BYTES = 24 * 1024 * 1024
MAX_FRAMES = 18_000
"""Five minutes at 60 Hz."""
MAX_TEXT = 128
SIDES = (16, 16_384)
"""Least and greatest width and height, px."""
MAX_TIME_S = 1e10
"""Greatest time stamp, s: clocks that count from 1970 fit, such a clock's milliseconds taken for s do not."""
FAR = 10.0
"""A point further out than this many pictures is none."""
_MAX_PARTS = MAX_FRAMES * (2 * POINTS + 6)
"""Most objects and lists in a file: what the largest honest one has. Bounds memory before parsing."""
_TIMES = {"t_s": 1.0, "timestamp_ms": 1e-3, "timestampMs": 1e-3}


@dataclass(frozen=True)
class Source:
    """Where landmarks come from: the file's form, the device and the model it names (empty: not named)."""

    form: str
    device: str
    model: str


def read(data: bytes, *, declared_form: str = "") -> tuple[Landmarks, Source]:
    """Reads a landmark file; declared_form stands in for the file's own format, or must agree with it.

    Times start at 0. Where a frame holds several people, the most confident one of the first is followed by
    nearness; `people` counts them. Raises InvalidInput: LANDMARKS_UNREADABLE (not JSON; a field missing or
    of another type), LANDMARKS_FORM_UNKNOWN, LANDMARKS_TOO_MANY (bytes, frames, people), LANDMARKS_EMPTY,
    LANDMARKS_POINT_COUNT, LANDMARKS_NOT_FINITE, LANDMARKS_OUT_OF_RANGE, LANDMARKS_UNITS (normalised where
    pixels are due, or the other way round), LANDMARKS_TIME_ORDER.
    """
    document = _parse(data)
    form = _form(document, declared_form)
    width, height = _side(document, "width"), _side(document, "height")
    source = Source(form, _text(document, "device"), _text(document, "model"))
    frames = _frames(document)
    time_s = _times(document, frames)
    people = [READERS[form](frame, f"frames[{at}]") for at, frame in enumerate(frames)]
    if not any(people):
        refuse("LANDMARKS_EMPTY", "No frame holds a person.", "frames")
    series = _series(people, time_s, width, height)
    return replace(_in_pixels(series, normalised=_normalised(document, form)), model=source.model), source


def _parse(data: bytes) -> Mapping[str, Any]:
    if len(data) > MAX_BYTES:
        refuse("LANDMARKS_TOO_MANY", f"{len(data)} bytes; at most {MAX_BYTES} are read.", "")
    if data.count(b"{") + data.count(b"[") > _MAX_PARTS:
        refuse("LANDMARKS_TOO_MANY", f"More than {_MAX_PARTS} objects and lists.", "")
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_not_finite)
    except (ValueError, RecursionError):
        refuse("LANDMARKS_UNREADABLE", "The file is not JSON in UTF-8.", "")
    return mapping(document, "")


def _not_finite(literal: str) -> NoReturn:
    refuse("LANDMARKS_NOT_FINITE", f"The file holds {literal}; a point that was not found is null.", "frames")


def _form(document: Mapping[str, Any], declared: str) -> str:
    said = document.get("format", declared)
    if not isinstance(said, str) or said not in FORMS:
        refuse("LANDMARKS_FORM_UNKNOWN", f"The format is {str(said)[:64]!r}, not {_or(FORMS)}.", "format")
    if declared and declared != said:
        refuse("LANDMARKS_FORM_UNKNOWN", f"{declared[:64]!r} was declared, the file says {said!r}.", "format")
    return said


def _or(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + " or " + names[-1]


def _normalised(document: Mapping[str, Any], form: str) -> bool:
    """True for coordinates in shares of width and height: MediaPipe's, unless the file says pixels."""
    may = form == "mediapipe-pose"
    said = document.get("coordinates", "normalised" if may else "pixels")
    if said != "pixels" and not (may and said == "normalised"):
        refuse("LANDMARKS_UNREADABLE", f"{str(said)[:64]!r} is not possible for {form}.", "coordinates")
    return bool(said == "normalised")


def _frames(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    frames = document.get("frames")
    if not isinstance(frames, list):
        refuse("LANDMARKS_UNREADABLE", "frames is no list.", "frames")
    if not frames:
        refuse("LANDMARKS_EMPTY", "The file has no frames.", "frames")
    if len(frames) > MAX_FRAMES:
        refuse("LANDMARKS_TOO_MANY", f"{len(frames)} frames; at most {MAX_FRAMES} are read.", "frames")
    return [mapping(frame, f"frames[{at}]") for at, frame in enumerate(frames)]


def _times(document: Mapping[str, Any], frames: list[Mapping[str, Any]]) -> Floats:
    """Seconds from the first frame, [N]: what each frame says or, where none does, evenly by `fps`."""
    name = next((each for each in _TIMES if each in frames[0]), "")
    if not name and "fps" in document:
        fps = number(document["fps"], "fps")
        if not 1 <= fps <= 1000:
            refuse("LANDMARKS_OUT_OF_RANGE", f"{fps:.6g} is not within 1 to 1000.", "fps")
        return np.arange(len(frames)) / fps
    if not name:
        refuse("LANDMARKS_UNREADABLE", f"The frame has no time ({_or(tuple(_TIMES))}).", "frames[0]")
    stamps = np.array([number(each.get(name), f"frames[{at}].{name}") for at, each in enumerate(frames)])
    if np.abs(stamps).max() * _TIMES[name] > MAX_TIME_S:
        refuse("LANDMARKS_OUT_OF_RANGE", f"A time is {np.abs(stamps).max():.6g}.", f"frames.{name}")
    late = np.flatnonzero(np.diff(stamps) <= 0) + 1
    if len(late):
        at = int(late[0])
        told = f"{stamps[at]:.9g} comes after {stamps[at - 1]:.9g}; times must increase."
        refuse("LANDMARKS_TIME_ORDER", told, f"frames[{at}].{name}")
    seconds = np.asarray((stamps - stamps[0]) * _TIMES[name], np.float64)
    if len(seconds) > 1 and np.median(np.diff(seconds)) * FASTEST_HZ < 1 - 1e-6:
        refuse("LANDMARKS_OUT_OF_RANGE", f"More than {FASTEST_HZ:g} frames a second.", f"frames.{name}")
    return seconds


def _series(people: list[list[Person]], time_s: Floats, width: int, height: int) -> Landmarks:
    points = np.full((len(people), POINTS, 4), np.nan)
    world = np.full((len(people), POINTS, 3), np.nan)
    last: Person | None = None
    for at, found in enumerate(people):
        if found:
            last = _same(found, last)
            points[at] = last.points
            world[at] = np.nan if last.world is None else last.world
    return Landmarks(
        width=width,
        height=height,
        time_s=time_s,
        image_px=points[..., :2],
        visibility=np.nan_to_num(points[..., 2]),
        presence=np.nan_to_num(points[..., 3]),
        world_m=None if np.isnan(world).all() else world,
        people=np.array([len(found) for found in people], np.int64),
    )


def _same(found: list[Person], last: Person | None) -> Person:
    """The person nearest to the last one seen, by the median over points; at first the most confident one."""
    if last is None:
        return max(found, key=lambda each: float(np.nansum(each.points[:, 2])))
    before = last.points

    def distance(each: Person) -> float:
        apart = np.hypot(each.points[:, 0] - before[:, 0], each.points[:, 1] - before[:, 1])
        return float(np.median(apart[np.isfinite(apart)])) if np.isfinite(apart).any() else math.inf

    return min(found, key=distance)


def _in_pixels(series: Landmarks, *, normalised: bool) -> Landmarks:
    """The series in pixels; raises InvalidInput where its coordinates cannot be what they are said to be."""
    furthest = np.abs(series.image_px[np.isfinite(series.image_px)]).max(initial=0)
    size = np.array([series.width, series.height], np.float64)
    if normalised and furthest > FAR:
        refuse("LANDMARKS_UNITS", f"A coordinate is {furthest:.4g}: they are not normalised.", "frames")
    if not normalised and furthest <= 2:
        refuse(
            "LANDMARKS_UNITS", "All coordinates lie within 2 px of the corner: they are not pixels.", "frames"
        )
    placed = series.image_px * size if normalised else series.image_px
    beyond = np.flatnonzero((np.abs(placed) > FAR * size).any(axis=(1, 2)))
    if len(beyond):
        told = f"A point lies more than {FAR:g} pictures away."
        refuse("LANDMARKS_OUT_OF_RANGE", told, f"frames[{beyond[0]}]")
    return replace(series, image_px=placed)


def _side(document: Mapping[str, Any], name: str) -> int:
    value = number(document.get(name), name)
    if value != int(value) or not SIDES[0] <= value <= SIDES[1]:
        refuse(
            "LANDMARKS_OUT_OF_RANGE", f"{value:.6g} is no whole number from {SIDES[0]} to {SIDES[1]}.", name
        )
    return int(value)


def _text(document: Mapping[str, Any], name: str) -> str:
    said = document.get(name, "")
    if not isinstance(said, str) or len(said) > MAX_TEXT or not said.isprintable():
        refuse("LANDMARKS_UNREADABLE", f"This is no text of at most {MAX_TEXT} characters.", name)
    return said
