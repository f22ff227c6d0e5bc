"""Where the face is, and how it is made unrecognisable."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, Landmarks

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

FACE_POINTS = 11
"""Nose, eyes, ears and mouth are the first landmarks."""
LEAST_POINTS = 3
OF_TRUNK = 0.36
"""Half side of the box over the trunk's length, shoulders to hips. A head is 0.13 of body height, the trunk
0.29 (Drillis and Contini 1966), so half a head is 0.23 trunks: the rest is margin."""
HEAD_OF_TRUNK = 0.23
"""Half a head over the trunk's length."""
OF_SPREAD = 1.8
"""Half side of the box over the largest distance of a face point from their mean."""
BLOCKS = 5
"""Blocks across a pixelated face: too few for eyes, nose and mouth to show."""


@dataclass(frozen=True)
class Box:
    """A square by its centre and half side, pixels."""

    x: float
    y: float
    half: float

    def grown(self, factor: float) -> Box:
        """The same place, larger."""
        return Box(self.x, self.y, self.half * factor)

    def inside(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom within the picture, right and bottom exclusive."""
        left, right = (min(max(round(self.x + sign * self.half), 0), width) for sign in (-1, 1))
        top, bottom = (min(max(round(self.y + sign * self.half), 0), height) for sign in (-1, 1))
        return left, top, right, bottom


def trunk_px(series: Landmarks) -> float:
    """Median length of the trunk over the recording, pixels; 0 when it was never seen."""
    shoulders = (series.point("left_shoulder") + series.point("right_shoulder")) / 2
    hips = (series.point("left_hip") + series.point("right_hip")) / 2
    lengths = np.hypot(*(shoulders - hips).T)
    lengths = lengths[np.isfinite(lengths)]
    return float(np.median(lengths)) if len(lengths) else 0.0


def find(points: Floats, trunk: float) -> Box | None:
    """The box over the head of one frame; None when fewer than three face points were found.

    points: [33, 2] px, NaN where not found. trunk: `trunk_px` in the same pixels.
    """
    face = points[:FACE_POINTS]
    face = face[np.isfinite(face).all(axis=1)]
    if len(face) < LEAST_POINTS:
        return None
    centre = face.mean(axis=0)
    spread = float(np.hypot(*(face - centre).T).max())
    shoulders = (points[INDEX["left_shoulder"]] + points[INDEX["right_shoulder"]]) / 2
    hips = (points[INDEX["left_hip"]] + points[INDEX["right_hip"]]) / 2
    now = float(np.hypot(*(shoulders - hips)))
    body = max(trunk, now if np.isfinite(now) else 0.0)
    return Box(float(centre[0]), float(centre[1]), max(OF_SPREAD * spread, OF_TRUNK * body, 6.0))


def pixelate(picture: Picture, box: Box) -> None:
    """Replaces the box by blocks of their mean colour, in place."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box.inside(width, height)
    if right > left and bottom > top:
        region = picture[top:bottom, left:right]
        picture[top:bottom, left:right] = _blocks(region, max(2, round(2 * box.half / BLOCKS)))


def pixelate_all(picture: Picture, block: int) -> None:
    """Replaces the whole picture by blocks of `block` pixels, in place."""
    picture[:] = _blocks(picture, block)


def pixelate_around(picture: Picture, points: Floats, face: Box) -> None:
    """Replaces everything outside the subject's landmarks and head by blocks, in place.

    points: [33, 2] px of this picture, NaN where not found.
    """
    height, width = picture.shape[:2]
    known = points[np.isfinite(points).all(axis=1)]
    known = np.concatenate([known, [[face.x - face.half, face.y - face.half], [face.x + face.half, face.y]]])
    room = 0.4 * face.half
    left, top = np.clip(known.min(axis=0) - room, 0, [width, height]).astype(int)
    right, bottom = np.clip(known.max(axis=0) + room, 0, [width, height]).astype(int)
    kept = picture[top:bottom, left:right].copy()
    pixelate_all(picture, max(8, round(2 * face.half / BLOCKS)))
    picture[top:bottom, left:right] = kept


def _blocks(region: Picture, block: int) -> Picture:
    height, width = region.shape[:2]
    small = cv2.resize(
        region, (max(1, width // block), max(1, height // block)), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
