"""Landmarks over time as arrays: the one codec of `assay.balance.v1.LandmarkSeries`.

Ingest (landmark files), pose, sway and report all read or write this object; none of them imports another.
The 33 points are BlazePose's, in its order; left and right are the subject's.
"""

from __future__ import annotations

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
    """Checks shapes and times; raises InvalidInput (LANDMARKS_UNREADABLE)."""
    time_s = np.asarray(message.time_s, np.float64)
    frames = len(time_s)
    if frames and not (np.isfinite(time_s).all() and (np.diff(time_s) > 0).all()):
        raise unreadable("Times must be finite and strictly increasing.")

    def shaped(values: object, name: str, *shape: int) -> Floats:
        array = np.asarray(values, np.float64)
        if array.size != frames * int(np.prod(shape, dtype=np.int64)):
            raise unreadable(f"{name} has {array.size} numbers; {frames} frames need {shape} each.")
        return array.reshape(frames, *shape)

    def optional(values: object, name: str, *shape: int) -> Floats | None:
        return shaped(values, name, *shape) if len(values) else None  # type: ignore[arg-type]  # repeated field

    return Landmarks(
        width=message.width,
        height=message.height,
        time_s=time_s,
        image_px=shaped(message.image_px, "image_px", POINTS, 2),
        visibility=shaped(message.visibility, "visibility", POINTS),
        presence=shaped(message.presence, "presence", POINTS),
        world_m=optional(message.world_m, "world_m", POINTS, 3),
        standard_error_px=optional(message.standard_error_px, "standard_error_px", POINTS),
        roi=optional(message.roi, "roi", 4),
        people=np.asarray(message.people, np.int64) if message.people else None,
        cuts_s=tuple(message.cuts_s),
        model=message.model,
    )


def unreadable(why: str) -> InvalidInput:
    """The error of landmarks that are none."""
    return InvalidInput(
        "LANDMARKS_UNREADABLE", why, field="landmarks", fix="Send a LandmarkSeries as docs/pose.md has it."
    )
