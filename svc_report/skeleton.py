"""Drawing landmarks: the skeleton, the centre of mass and the way it went."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, POINTS, Landmarks
from svc_report.faces import FACE_POINTS

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

LEFT, RIGHT, MIDDLE = (80, 190, 255), (255, 176, 66), (245, 245, 245)
"""RGB of the subject's left, right, and what joins them."""
DARK: Colour = (16, 32, 46)
COM: Colour = (236, 64, 160)
CERTAIN = 0.5
"""Visibility from which a landmark is drawn; others are left out."""
LONGEST_GAP_S = 0.25
"""Between frames that are further apart nothing is interpolated."""
FIXED_BITS = 4
"""cv2 draws at sub-pixel positions given as integers with this many fractional bits."""

_BONES = (
    ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "index"), ("shoulder", "hip"), ("hip", "knee"),
    ("knee", "ankle"), ("ankle", "heel"), ("heel", "foot_index"), ("ankle", "foot_index"),
)  # fmt: skip
CONNECTIONS: tuple[tuple[int, int, Colour], ...] = (
    *((INDEX[f"left_{a}"], INDEX[f"left_{b}"], LEFT) for a, b in _BONES),
    *((INDEX[f"right_{a}"], INDEX[f"right_{b}"], RIGHT) for a, b in _BONES),
    (INDEX["left_shoulder"], INDEX["right_shoulder"], MIDDLE),
    (INDEX["left_hip"], INDEX["right_hip"], MIDDLE),
)


def pose_at(series: Landmarks, time_s: float, scale: float) -> Floats:
    """Landmarks at a time, [33, 2], in pixels times `scale`; NaN where they are not known or not visible.

    Between two frames the position is interpolated, unless they lie more than 0.25 s apart.
    """
    times = series.time_s
    if not len(times):
        return np.full((POINTS, 2), np.nan)
    after = int(np.searchsorted(times, time_s))
    before = max(after - 1, 0)
    after = min(after, len(times) - 1)
    nearest = before if abs(times[before] - time_s) <= abs(times[after] - time_s) else after
    if abs(times[nearest] - time_s) > LONGEST_GAP_S:
        return np.full((POINTS, 2), np.nan)
    gap = times[after] - times[before]
    if 0 < gap <= LONGEST_GAP_S:
        share = float(np.clip((time_s - times[before]) / gap, 0, 1))
        points = (1 - share) * series.image_px[before] + share * series.image_px[after]
        points = np.where(np.isfinite(points), points, series.image_px[nearest])
    else:
        points = series.image_px[nearest].copy()
    # Faces are hidden by their landmarks, however uncertain these are.
    visible = np.full(POINTS, True)
    visible[FACE_POINTS:] = series.visibility[nearest, FACE_POINTS:] >= CERTAIN
    return np.where(visible[:, None], points, np.nan) * scale


def draw(picture: Picture, points: Floats, *, head: float = 0.0) -> None:
    """Draws the skeleton in place; a bone shows when both its ends are known.

    points: [33, 2] px of this picture. head: radius of a circle for the head, px; 0 draws none.
    """
    thick = max(1, round(min(picture.shape[:2]) / 220))
    for start, end, colour in CONNECTIONS:
        if np.isfinite(points[[start, end]]).all():
            for tint, width in ((DARK, thick + 2), (colour, thick)):
                cv2.line(
                    picture, _fixed(points[start]), _fixed(points[end]), tint, width, cv2.LINE_AA, FIXED_BITS
                )
    for joint in range(FACE_POINTS, len(points)):
        if np.isfinite(points[joint]).all():
            disc(picture, points[joint], thick + 1.0, DARK)
            disc(picture, points[joint], float(thick), MIDDLE)
    face = points[:FACE_POINTS]
    face = face[np.isfinite(face).all(axis=1)]
    if head and len(face):
        cv2.circle(
            picture,
            _fixed(face.mean(axis=0)),
            round(head * 2**FIXED_BITS),
            DARK,
            thick,
            cv2.LINE_AA,
            FIXED_BITS,
        )


def disc(picture: Picture, centre: Floats, radius: float, colour: Colour) -> None:
    """A filled circle at a sub-pixel position."""
    cv2.circle(picture, _fixed(centre), round(radius * 2**FIXED_BITS), colour, -1, cv2.LINE_AA, FIXED_BITS)


def com(picture: Picture, centre: Floats) -> None:
    """The centre of mass; nothing when it is not known."""
    if np.isfinite(centre).all():
        radius = max(3.0, min(picture.shape[:2]) / 90)
        disc(picture, centre, radius + 2, MIDDLE)
        disc(picture, centre, radius, COM)


def trail(picture: Picture, points: Floats) -> None:
    """A line through points [N, 2], interrupted at gaps."""
    for start, end in pairwise(points):
        if np.isfinite(start).all() and np.isfinite(end).all():
            cv2.line(picture, _fixed(start), _fixed(end), COM, 2, cv2.LINE_AA, FIXED_BITS)


def _fixed(point: Floats) -> tuple[int, int]:
    # Far outside, so that a wild landmark cannot overflow what cv2 holds.
    x, y = np.clip(point, -1e5, 1e5)
    return round(float(x) * 2**FIXED_BITS), round(float(y) * 2**FIXED_BITS)
