"""Landmarks over time as arrays: the one codec of `assay.balance.v1.LandmarkSeries`.

Ingest (landmark files), pose, sway and report all read or write this object; none of them imports another.
The 33 points are BlazePose's, in its order; left and right are the subject's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from assay.balance.v1.balance_pb2 import LandmarkSeries
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from mesh.errors import InvalidInput

Floats = NDArray[np.float64]

NAMES = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
POINTS = len(NAMES)
INDEX = {name: index for index, name in enumerate(NAMES)}
MEDIA_TYPE = "application/vnd.assay.landmarks+protobuf"
# What a series may hold: as much as ingest lets through, so that time and memory of every reader are bounded.
MAX_FRAMES = 21_600
MAX_SIDE = 16_384
MAX_TEXT = 128
FASTEST_HZ = 1000.0
"""Highest median frame rate: windows in seconds are as many samples as this allows."""
FURTHEST_PX = 1e6
FURTHEST_M = 1e3


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of one person over N frames. What was not found is NaN.

    time_s: [N], strictly increasing, from 0. image_px: [N, 33, 2], pixels of the upright picture, origin
    at its top left corner. visibility, presence: [N, 33], 0 to 1. world_m: [N, 33, 3] or None; m, origin
    between the hips, x to the picture's right, y down, z away from the camera. standard_error_px: [N, 33]
    or None; of image_px, from repeated regions. roi: [N, 4] or None; centre x, centre y, side (px), rotation
    (rad). people: [N] or None; -1 where they were not counted. cuts_s: times of cuts.
    """

    width: int
    height: int
    time_s: Floats
    image_px: Floats
    visibility: Floats
    presence: Floats
    world_m: Floats | None = None
    standard_error_px: Floats | None = None
    roi: Floats | None = None
    people: NDArray[np.int64] | None = None
    cuts_s: tuple[float, ...] = ()
    model: str = ""

    def __len__(self) -> int:
        return len(self.time_s)

    def point(self, name: str) -> Floats:
        """Positions of one landmark, [N, 2] px."""
        return self.image_px[:, INDEX[name]]


def encode(series: Landmarks) -> bytes:
    """Serialises to a LandmarkSeries; the same bytes for the same arrays."""

    def flat(values: Floats | None) -> list[float]:
        return [] if values is None else np.asarray(values, np.float32).ravel().tolist()

    message = LandmarkSeries(
        width=series.width,
        height=series.height,
        time_s=series.time_s.tolist(),
        image_px=flat(series.image_px),
        visibility=flat(series.visibility),
        presence=flat(series.presence),
        world_m=flat(series.world_m),
        standard_error_px=flat(series.standard_error_px),
        roi=flat(series.roi),
        people=[] if series.people is None else series.people.tolist(),
        cuts_s=series.cuts_s,
        model=series.model,
    )
    return message.SerializeToString(deterministic=True)


def decode(data: bytes) -> Landmarks:
    """Reads a serialised LandmarkSeries; raises InvalidInput (LANDMARKS_UNREADABLE)."""
    try:
        return from_message(LandmarkSeries.FromString(data))
    except DecodeError as error:
        raise unreadable("The object is no LandmarkSeries.") from error


def from_message(message: LandmarkSeries) -> Landmarks:
    """Checks shapes, times and ranges; raises InvalidInput (LANDMARKS_UNREADABLE)."""
    frames = len(message.time_s)
    _check_header(message, frames)
    time_s = np.asarray(message.time_s, np.float64)
    _check_times(time_s)

    def shaped(values: Sequence[float], name: str, *shape: int, furthest: float = np.inf) -> Floats:
        size = len(values)
        if size != frames * int(np.prod(shape, dtype=np.int64)):
            raise unreadable(f"{name} has {size} numbers; {frames} frames need {shape} each.")
        array = np.asarray(values, np.float64)
        if size and np.nanmax(np.abs(array), initial=0.0) > furthest:
            raise unreadable(f"{name} holds a number beyond {furthest:g}.")
        return array.reshape(frames, *shape)

    def optional(values: Sequence[float], name: str, *shape: int, furthest: float = np.inf) -> Floats | None:
        return shaped(values, name, *shape, furthest=furthest) if values else None

    error_px = optional(message.standard_error_px, "standard_error_px", POINTS, furthest=FURTHEST_PX)
    return Landmarks(
        width=message.width,
        height=message.height,
        time_s=time_s,
        image_px=shaped(message.image_px, "image_px", POINTS, 2, furthest=FURTHEST_PX),
        visibility=shaped(message.visibility, "visibility", POINTS),
        presence=shaped(message.presence, "presence", POINTS),
        world_m=optional(message.world_m, "world_m", POINTS, 3, furthest=FURTHEST_M),
        standard_error_px=error_px,
        roi=optional(message.roi, "roi", 4),
        people=np.asarray(message.people, np.int64) if message.people else None,
        cuts_s=tuple(message.cuts_s),
        model=message.model,
    )


def _check_header(message: LandmarkSeries, frames: int) -> None:
    """Raises InvalidInput for what can be told without reading the numbers."""
    if frames > MAX_FRAMES:
        raise unreadable(f"There are {frames} frames; at most {MAX_FRAMES} are read.")
    if not (1 <= message.width <= MAX_SIDE and 1 <= message.height <= MAX_SIDE):
        raise unreadable(f"Width and height must be 1 to {MAX_SIDE}.")
    if len(message.model) > MAX_TEXT:
        raise unreadable(f"The model's name has more than {MAX_TEXT} characters.")
    if message.people and len(message.people) != frames:
        raise unreadable(f"people has {len(message.people)} numbers; there are {frames} frames.")
    if len(message.cuts_s) > frames or not np.isfinite(message.cuts_s).all():
        raise unreadable("Times of cuts must be finite, and fewer than the frames.")


def _check_times(time_s: Floats) -> None:
    """Raises InvalidInput (LANDMARKS_UNREADABLE) unless times [N], s, rise no faster than a camera takes."""
    steps = np.diff(time_s)
    if not (np.isfinite(time_s).all() and (steps > 0).all()):
        raise unreadable("Times must be finite and strictly increasing.")
    # A hair of rounding is allowed.
    if len(steps) and np.median(steps) * FASTEST_HZ < 1 - 1e-6:
        raise unreadable(f"The median frame rate is above {FASTEST_HZ:g} Hz.")


def unreadable(why: str) -> InvalidInput:
    """The error of landmarks that are none."""
    return InvalidInput(
        "LANDMARKS_UNREADABLE", why, field="landmarks", fix="Send a LandmarkSeries as docs/pose.md has it."
    )
