"""Candidates for patches of a chart: even regions of a photo that edges close in, roughly square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.space import Array

Image = NDArray[np.uint8]

# Edge strengths (of 255) that part two regions: dark photos need the first, glossy ones the last.
_EDGES: Final = (7, 12, 22, 40)
# Longest side of the pictures searched: the small one joins what texture parts in the large one.
SIDES: Final = (1100, 550)
# Sides of a region in pixels of the searched picture.
_LEAST_SIDE, _MOST_SHARE = 6.0, 0.2
# Longer side to shorter, area to that of the rectangle around it, and to that of its convex hull.
_ASPECT, _FILL, _SOLID = 2.5, 0.66, 0.86
# Regions of one threshold that are looked at, largest first.
_MOST_REGIONS: Final = 600


@dataclass(frozen=True)
class Candidates:
    """Regions. centres: (n, 2), x and y in pixels of the photo. sides: (n,), root of the area."""

    centres: Array
    sides: Array

    def __len__(self) -> int:
        return len(self.centres)


def candidates(rgb: Image, side: int) -> Candidates:
    """Candidates in the photo scaled to `side` pixels at most. rgb: sRGB, (H, W, 3)."""
    scale = min(1.0, side / max(rgb.shape[:2]))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    strength = _edges(np.asarray(small, np.uint8))
    rows: list[tuple[float, ...]] = []
    for threshold in _EDGES:
        rows += _regions(strength, threshold)
    found = _distinct(np.array(rows).reshape(-1, 3))
    return Candidates(centres=(found[:, :2] + 0.5) / scale - 0.5, sides=found[:, 2] / scale)


def _edges(rgb: Image) -> Image:
    """Largest difference in any channel within 3 x 3 pixels, after a median that keeps edges."""
    calm = cv2.medianBlur(rgb, 3)
    kernel = np.ones((3, 3), np.uint8)
    red, green, blue = cv2.split(cv2.morphologyEx(calm, cv2.MORPH_GRADIENT, kernel))
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def _regions(strength: Image, threshold: int) -> list[tuple[float, ...]]:
    """x, y and side of each region that may be a square in perspective."""
    even = (strength < threshold).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(even, connectivity=4, ltype=cv2.CV_32S)
    most = _MOST_SHARE * max(strength.shape)
    width, height, area = (
        stats[:, each].astype(float) for each in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, 4)
    )
    keep = (np.minimum(width, height) >= _LEAST_SIDE) & (np.maximum(width, height) <= most)
    # A square turned by 45 degrees fills half of the upright box around it.
    keep &= (np.maximum(width, height) <= _ASPECT * np.minimum(width, height)) & (
        area >= 0.4 * width * height
    )
    keep[0] = False
    order = np.flatnonzero(keep)
    order = order[np.argsort(-area[order])][:_MOST_REGIONS]
    parted = np.asarray(labels, np.int32)
    boxes = np.asarray(stats, np.int32)
    return [row for each in order if (row := _square(parted, boxes[each], int(each))) is not None]


def _square(labels: NDArray[np.int32], stat: NDArray[np.int32], label: int) -> tuple[float, ...] | None:
    x, y, width, height, _ = (int(value) for value in stat)
    part = (labels[y : y + height, x : x + width] == label).astype(np.uint8)
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)
    hull = cv2.convexHull(outline)
    area = cv2.contourArea(hull)
    _, (long, short), _ = cv2.minAreaRect(hull)
    if min(long, short) < _LEAST_SIDE - 1 or max(long, short) > _ASPECT * min(long, short):
        return None
    if area < _FILL * long * short or cv2.contourArea(outline) < _SOLID * area:
        return None
    moments = cv2.moments(hull)
    return x + moments["m10"] / area, y + moments["m01"] / area, float(np.sqrt(area))


def _distinct(rows: Array) -> Array:
    """One row per place: of regions of like size whose centres nearly agree, the largest."""
    rows = rows[np.argsort(-rows[:, 2], kind="stable")]
    kept = np.ones(len(rows), bool)
    for each in range(len(rows)):
        if kept[each]:
            near = np.hypot(*(rows[each + 1 :, :2] - rows[each, :2]).T) < 0.4 * rows[each, 2]
            kept[each + 1 :] &= ~(near & (rows[each + 1 :, 2] > 0.5 * rows[each, 2]))
    return rows[kept]
