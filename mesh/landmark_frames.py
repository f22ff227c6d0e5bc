"""One frame of a landmark file, by form; `mesh.landmark_forms` reads the file around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from mesh.errors import InvalidInput
from mesh.landmarks import INDEX, NAMES, POINTS, Floats
from mesh.point_sets import BODY_25, BODY_25B, canonical

MAX_PEOPLE = 20
FAR_M = 10.0
"""A world point further from the hips is none, m."""
_FIX = "See the landmark files in docs/pose-models.md."


@dataclass(frozen=True)
class Person:
    """One body in one frame: points [33, 4] as x, y, visibility, presence (NaN: missing); world [33, 3]."""

    points: Floats
    world: Floats | None = None


Reader = Callable[[Mapping[str, Any], str], list[Person]]
"""Reads the people of one frame; the string is the frame's path in the file."""


def _assay(frame: Mapping[str, Any], path: str) -> list[Person]:
    """points and, where there are any, world; points null says that nobody was found."""
    if "points" in frame and frame["points"] is None:
        return []
    return [_person(frame.get("points"), frame.get("world"), f"{path}.points", f"{path}.world")]


def _mediapipe(frame: Mapping[str, Any], path: str) -> list[Person]:
    """What MediaPipe gives: a list of points for one person, or a list of such lists, in the names of its
    JavaScript, Python and older interfaces."""
    pair = next((pair for pair in _MEDIAPIPE_NAMES if pair[0] in frame), None)
    if pair is None:
        refuse("LANDMARKS_UNREADABLE", "The frame has no landmarks.", path)
    points, worlds = (_people(frame.get(name), f"{path}.{name}") for name in pair)
    return [
        _person(body, worlds[at] if at < len(worlds) else None, *(f"{path}.{name}" for name in pair))
        for at, body in enumerate(points)
    ]


_MEDIAPIPE_NAMES = (
    ("landmarks", "worldLandmarks"),
    ("poseLandmarks", "poseWorldLandmarks"),
    ("pose_landmarks", "pose_world_landmarks"),
)


def _people(said: Any, path: str) -> list[Any]:
    """A list of bodies from nothing, one body or a list of bodies."""
    if not said:
        return []
    bodies = said if isinstance(said, list) and isinstance(said[0], list) else [said]
    if len(bodies) > MAX_PEOPLE:
        refuse("LANDMARKS_TOO_MANY", f"{len(bodies)} people; at most {MAX_PEOPLE} are read.", path)
    return bodies


def _ml_kit(frame: Mapping[str, Any], path: str) -> list[Person]:
    """ML Kit's PoseLandmark: its types are numbered in the canonical order."""
    if "landmarks" in frame and not frame["landmarks"]:
        return []
    points = np.full((POINTS, 4), np.nan)
    seen: set[int] = set()
    for at, each in enumerate(_rows(frame.get("landmarks"), f"{path}.landmarks")):
        where = f"{path}.landmarks[{at}]"
        said = mapping(each, where)
        kind = said.get("type", said.get("landmarkType"))
        place = _ML_KIT_TYPES.get(str(kind).replace("_", "").lower(), -1)
        if place < 0 or place in seen:
            refuse("LANDMARKS_UNREADABLE", f"{str(kind)[:64]!r} is no landmark type, or comes twice.", where)
        seen.add(place)
        position = mapping(said.get("position3D", said.get("position", said)), where)
        likely = _share(said.get("inFrameLikelihood", said.get("likelihood")), f"{where}.inFrameLikelihood")
        x, y = (number(position.get(axis), f"{where}.{axis}") for axis in "xy")
        points[place] = x, y, likely, likely
    return [Person(points)]


_ML_KIT_TYPES = {
    **{str(place): place for place in range(POINTS)},
    **{name.replace("_", ""): place for name, place in INDEX.items()},
    "leftmouth": INDEX["mouth_left"],
    "rightmouth": INDEX["mouth_right"],
}


def _open_pose(names: tuple[str, ...]) -> Reader:
    def people(frame: Mapping[str, Any], path: str) -> list[Person]:
        bodies = frame.get("people")
        if not isinstance(bodies, list):
            refuse("LANDMARKS_UNREADABLE", "people is no list.", f"{path}.people")
        if len(bodies) > MAX_PEOPLE:
            refuse("LANDMARKS_TOO_MANY", f"{len(bodies)} people; at most {MAX_PEOPLE} are read.", path)
        return [_body(mapping(each, path), names, f"{path}.people[{at}]") for at, each in enumerate(bodies)]

    return people


def _body(said: Mapping[str, Any], names: tuple[str, ...], path: str) -> Person:
    where = f"{path}.pose_keypoints_2d"
    flat = said.get("pose_keypoints_2d")
    if not isinstance(flat, list) or len(flat) != 3 * len(names):
        got = f"{len(flat) / 3:g} points" if isinstance(flat, list) else "no list"
        refuse("LANDMARKS_POINT_COUNT", f"{got}; {len(names)} of x, y, confidence are wanted.", where)
    rows = np.array([number(each, where) for each in flat]).reshape(-1, 3)
    # OpenPose writes 0, 0, 0 for a point it did not find; confidences a little above 1 occur.
    rows[rows[:, 2] <= 0] = np.nan
    rows[:, 2] = np.minimum(rows[:, 2], 1)
    return Person(canonical(rows[:, [0, 1, 2, 2]], names))


READERS: Mapping[str, Reader] = {
    "assay-landmarks/1": _assay,
    "mediapipe-pose": _mediapipe,
    "mlkit-pose": _ml_kit,
    "openpose-body25": _open_pose(BODY_25),
    "openpose-body25b": _open_pose(BODY_25B),
}


def _person(points: Any, world: Any, path: str, world_path: str) -> Person:
    """Points as objects of x, y, visibility and, where it is known, presence (else it is as visibility)."""
    rows = _rows(points, path)
    placed = np.array([_point(each, f"{path}[{at}]") for at, each in enumerate(rows)])
    return Person(placed, _world(world, world_path))


def _point(said: Any, path: str) -> tuple[float, float, float, float]:
    """A point; null is one that was not found."""
    if said is None:
        return (math.nan, math.nan, math.nan, math.nan)
    point = mapping(said, path)
    x, y = number(point.get("x"), f"{path}.x"), number(point.get("y"), f"{path}.y")
    visibility = _share(point.get("visibility"), f"{path}.visibility")
    return x, y, visibility, _share(point.get("presence", visibility), f"{path}.presence")


def _world(said: Any, path: str) -> Floats | None:
    if said is None:
        return None
    out = np.full((POINTS, 3), np.nan)
    for at, each in enumerate(_rows(said, path)):
        if each is not None:
            point = mapping(each, f"{path}[{at}]")
            out[at] = [number(point.get(axis), f"{path}[{at}].{axis}") for axis in "xyz"]
            if np.abs(out[at]).max() > FAR_M:
                refuse("LANDMARKS_OUT_OF_RANGE", f"A point is further than {FAR_M:g} m.", f"{path}[{at}]")
    return out


def _rows(said: Any, path: str) -> list[Any]:
    if not isinstance(said, list):
        refuse("LANDMARKS_UNREADABLE", "This is no list of points.", path)
    if len(said) != POINTS:
        refuse("LANDMARKS_POINT_COUNT", f"{len(said)} points; {POINTS} are wanted, {NAMES[0]} first.", path)
    return said


def number(said: Any, path: str) -> float:
    """A finite number; raises InvalidInput (LANDMARKS_UNREADABLE, LANDMARKS_NOT_FINITE)."""
    if not isinstance(said, (int, float)) or isinstance(said, bool):
        refuse("LANDMARKS_UNREADABLE", "A number is missing, or is not one.", path)
    try:
        value = float(said)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        refuse("LANDMARKS_NOT_FINITE", "A number is not finite.", path)
    return value


def _share(said: Any, path: str) -> float:
    value = number(said, path)
    if not 0 <= value <= 1:
        refuse("LANDMARKS_OUT_OF_RANGE", f"{value:.6g} is not within 0 to 1.", path)
    return value


def mapping(said: Any, path: str) -> Mapping[str, Any]:
    """A JSON object; raises InvalidInput (LANDMARKS_UNREADABLE)."""
    if not isinstance(said, dict):
        refuse("LANDMARKS_UNREADABLE", "This is no JSON object.", path)
    return said


def refuse(code: str, message: str, path: str) -> NoReturn:
    """Raises InvalidInput for the place in the file where it is wrong."""
    raise InvalidInput(code, message, field=f"landmarks.{path}" if path else "landmarks", fix=_FIX)
