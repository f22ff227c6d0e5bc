"""A piece of skin before the camera: what is visible, how it is turned, and centimetres along it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image

STEEPEST = 4.0
"""Slope beyond which a height's normal is no longer followed: 76 degrees from the view."""


@dataclass(frozen=True)
class Surface:
    where: NDArray[np.bool_]
    """(H, W) skin by geometry."""
    normal: NDArray[np.float32]
    """(H, W, 3) unit vectors in the camera's frame: x right, y down, z towards the camera."""
    uv_cm: NDArray[np.float32]
    """(H, W, 2) place on the skin in cm from its middle, along the skin; x and y as in the picture."""
    cm_per_px: float
    """Of a plane facing the camera at the skin's middle."""
    part: str
    """forearm, upper arm, calf, thigh, back, chest, shoulder, foot, hand, neck, flat."""


def from_height(height_cm: Image, where: NDArray[np.bool_], cm_per_px: float, part: str) -> Surface:
    """The surface of a height map (H, W) in cm towards the camera, seen along parallel rays.

    uv is arc length along rows and columns from the middle of the skin: true to length along the axes, true
    to area within 5 % while one of the two slopes is below a half (a limb lying along an axis, a torso).
    Raises ValueError where no skin is seen.
    """
    if not where.any():
        raise ValueError("where: holds no skin")
    dy, dx = np.gradient(height_cm.astype(np.float32), cm_per_px)
    slope_x, slope_y = np.clip(dx, -STEEPEST, STEEPEST), np.clip(dy, -STEEPEST, STEEPEST)
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], -1) / length[:, :, None]
    row, col = _middle(where)
    u = _arc(np.where(where, slope_x, 0), cm_per_px, col, 1)
    v = _arc(np.where(where, slope_y, 0), cm_per_px, row, 0)
    uv = np.stack([_settled(u), _settled(v)], -1)
    uv -= uv[row, col]
    return Surface(where, normal.astype(np.float32), uv.astype(np.float32), cm_per_px, part)


def _middle(where: NDArray[np.bool_]) -> tuple[int, int]:
    """The skin's pixel deepest within it."""
    inside = cv2.distanceTransform(where.astype(np.uint8), cv2.DIST_L2, 3)
    row, col = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(row), int(col)


def _arc(slope: Image, step: float, start: int, axis: int) -> Image:
    """Arc length in cm from the pixel `start` along an axis."""
    total = np.cumsum(np.sqrt(1 + slope**2) * step, axis)
    return np.asarray(total - np.take(total, [start], axis), np.float32)


def _settled(coordinate: Image) -> Image:
    """Smoothed over a few pixels: neighbouring rows are integrated apart from each other."""
    return np.asarray(cv2.GaussianBlur(coordinate, (0, 0), 2.0), np.float32)
