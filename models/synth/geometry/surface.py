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
    piece: NDArray[np.int32]
    """(H, W) number of the piece of skin without a break in depth, 0 beside the skin."""
    part: str
    """forearm, upper arm, calf, thigh, back, chest, shoulder, foot, hand, neck, flat."""


def from_height(
    height_cm: Image,
    where: NDArray[np.bool_],
    cm_per_px: float,
    part: str,
    normal: NDArray[np.float32] | None = None,
) -> Surface:
    """The surface of a height map (H, W) in cm towards the camera, seen along parallel rays.

    `normal`: x and y of its unit normals (H, W, 2) where they are known better than by the height's slope.

    uv is arc length along rows and columns from the middle of the skin: true to length along the axes, true
    to area within 5 % while one of the two slopes is below a half (a limb lying along an axis, a torso).
    Raises ValueError where no skin is seen.
    """
    if not where.any():
        raise ValueError("where: holds no skin")
    if normal is None:
        dy, dx = np.gradient(height_cm.astype(np.float32), cm_per_px)
    else:
        z = np.sqrt(np.maximum(1 - (normal**2).sum(-1), 1e-4))
        dx, dy = -normal[:, :, 0] / z, -normal[:, :, 1] / z
    slope_x, slope_y = np.clip(dx, -STEEPEST, STEEPEST), np.clip(dy, -STEEPEST, STEEPEST)
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    unit = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], -1) / length[:, :, None]
    row, col = _middle(where)
    excess_x = _excess(np.where(where, slope_x, 0), cm_per_px, col, 1)
    excess_y = _excess(np.where(where, slope_y, 0), cm_per_px, row, 0)
    rows, cols = np.indices(where.shape, np.float32)
    uv = np.stack([cols * cm_per_px + excess_x, rows * cm_per_px + excess_y], -1)
    uv -= uv[row, col]
    return Surface(
        where,
        unit.astype(np.float32),
        uv.astype(np.float32),
        cm_per_px,
        _pieces(height_cm, where, cm_per_px),
        part,
    )


def _pieces(height_cm: Image, where: NDArray[np.bool_], cm_per_px: float) -> NDArray[np.int32]:
    """Number of each piece of skin between breaks in height, (H, W); what is in a break gets none."""
    break_cm = max(0.5, 2 * STEEPEST * cm_per_px)
    inside = where.copy()
    inside[:, 1:] &= np.abs(np.diff(height_cm, axis=1)) < break_cm
    inside[1:] &= np.abs(np.diff(height_cm, axis=0)) < break_cm
    _, numbers = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)
    return np.asarray(numbers, np.int32)


def _middle(where: NDArray[np.bool_]) -> tuple[int, int]:
    """The skin's pixel deepest within it."""
    inside = cv2.distanceTransform(where.astype(np.uint8), cv2.DIST_L2, 3)
    row, col = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(row), int(col)


def _excess(slope: Image, step: float, start: int, axis: int) -> Image:
    """What arc length is longer than the straight way, cm, from the pixel `start` along an axis.

    Each row is integrated by itself, so that the sum is smoothed across rows.
    """
    total = np.cumsum((np.sqrt(1 + slope**2) - 1) * step, axis)
    total -= np.take(total, [start], axis)
    sigma = max(slope.shape) / 100
    across = {"sigmaX": 0.5, "sigmaY": sigma} if axis == 1 else {"sigmaX": sigma, "sigmaY": 0.5}
    return np.asarray(cv2.GaussianBlur(total.astype(np.float32), (0, 0), **across), np.float32)
