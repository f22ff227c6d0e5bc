"""Regions of interest: rotated squares of the upright picture, and the crops that a network sees of them.

Coordinates are continuous pixels: the picture's top left corner is (0, 0), the centre of its first pixel
(0.5, 0.5); x to the right, y down. A region's rotation is that of its own x axis against the picture's,
clockwise on the screen, rad.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""

MARGIN = 1.25
"""Side of the region over the diameter of the body's circle, as BlazePose was trained (MediaPipe graphs)."""


@dataclass(frozen=True)
class Roi:
    """A square: centre and side in pixels, rotation in rad."""

    x: float
    y: float
    side: float
    rotation: float

    def as_row(self) -> tuple[float, float, float, float]:
        return (self.x, self.y, self.side, self.rotation)


def around(centre: Floats, rim: Floats) -> Roi:
    """The region of a body from the middle of its hips and a point on the circle around it, (2,) px each.

    The line from centre to rim is up in the region (MediaPipe's AlignmentPointsRects, target angle 90
    degrees).
    """
    dx, dy = float(rim[0] - centre[0]), float(rim[1] - centre[1])
    rotation = math.pi / 2 - math.atan2(-dy, dx)
    return Roi(float(centre[0]), float(centre[1]), 2 * MARGIN * math.hypot(dx, dy), wrapped(rotation))


def wrapped(angle: float) -> float:
    """The same angle within -pi to pi."""
    return math.remainder(angle, 2 * math.pi)


def to_picture(roi: Roi, size: int) -> Floats:
    """Affine (2, 3) from crop pixels, 0 to size in both axes, to picture pixels."""
    scale = roi.side / size
    cosine, sine = scale * math.cos(roi.rotation), scale * math.sin(roi.rotation)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    shift = np.array([roi.x, roi.y]) - turn @ np.array([size / 2, size / 2])
    return np.column_stack([turn, shift])


def apply(affine: Floats, points: Floats) -> Floats:
    """Points (..., 2) through an affine (2, 3)."""
    return np.asarray(points @ affine[:, :2].T + affine[:, 2], np.float64)


def cut(picture: Picture, roi: Roi, size: int) -> Picture:
    """The region as a crop (size, size, 3), bilinear; black beyond the picture."""
    affine = to_picture(roi, size)
    # OpenCV counts from pixel centres: half a pixel in both systems.
    centred = affine.copy()
    centred[:, 2] += affine[:, :2] @ np.array([0.5, 0.5]) - 0.5
    crop = cv2.warpAffine(
        picture,
        centred,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return np.asarray(crop, np.uint8)


def reduced(picture: Picture, regions: Sequence[Roi], size: int) -> tuple[Picture, list[Roi]]:
    """The part of the picture that regions cover, averaged down to what crops of `size` can resolve.

    Answers it with the regions in its pixels. Sampling a large picture at a few points lets noise and fine
    texture through that move landmarks; the mean over n x n pixels, n a power of two, keeps them out. The
    grid of the means is fixed to the picture, so that it does not shift with the regions.
    """
    halvings = spare_halvings(min(region.side for region in regions), size)
    n = 2**halvings
    height, width = picture.shape[:2]
    # How far a rotated square reaches from its centre along both axes of the picture.
    reach = [r.side / 2 * (abs(math.cos(r.rotation)) + abs(math.sin(r.rotation))) for r in regions]
    x0 = _on_grid(min(r.x - d for r, d in zip(regions, reach, strict=True)), n, width)
    y0 = _on_grid(min(r.y - d for r, d in zip(regions, reach, strict=True)), n, height)
    x1 = _on_grid(max(r.x + d for r, d in zip(regions, reach, strict=True)) + n, n, width)
    y1 = _on_grid(max(r.y + d for r, d in zip(regions, reach, strict=True)) + n, n, height)
    if x1 <= x0 or y1 <= y0:
        return picture, list(regions)
    part = halved(picture[y0:y1, x0:x1], halvings)
    moved = [Roi((r.x - x0) / n, (r.y - y0) / n, r.side / n, r.rotation) for r in regions]
    return part, moved


def spare_halvings(side: float, size: int) -> int:
    """How often a side can be halved and still be `size` pixels or more."""
    return max(0, math.floor(math.log2(side / size))) if side > 0 else 0


def halved(picture: Picture, times: int) -> Picture:
    """The picture at half its size, so many times over: means of 2 x 2, without an odd last row or column."""
    for _ in range(times):
        height, width = picture.shape[0] // 2, picture.shape[1] // 2
        even = picture[: 2 * height, : 2 * width]
        picture = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return picture


def _on_grid(place: float, n: int, end: int) -> int:
    """The multiple of n at or before a place, within 0 and end."""
    return int(min(max(place, 0), end)) // n * n


def jittered(roi: Roi, offsets: Floats) -> list[Roi]:
    """Regions moved by rows (shift x, shift y, scale), shares of the side along the region's own axes."""
    cosine, sine = math.cos(roi.rotation), math.sin(roi.rotation)
    regions = []
    for right, down, larger in offsets:
        dx, dy = right * roi.side, down * roi.side
        x = roi.x + cosine * dx - sine * dy
        y = roi.y + sine * dx + cosine * dy
        regions.append(Roi(float(x), float(y), float(roi.side * (1 + larger)), roi.rotation))
    return regions
