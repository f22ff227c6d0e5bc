"""From a probability map to regions: ink that belongs together, as a person would draw one box around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LISTED_REGIONS = 64
_SMALLEST = 2e-5  # of the image: a speck of 16 pixels in 800,000
_SPECK_PX = 9
_MAP_SIDE = 1024  # which parts belong together is seen well enough at this size
NEAR = 0.02
"""Letters and strokes of one tattoo lie closer than this share of the photo's longer side; two tattoos
mostly do not. Set on generated designs (`python -m models.evaluate.regions`), where it is the middle of the
best shares; joining what lies close for its size as well was worse there.
"""


@dataclass(frozen=True)
class Region:
    """Ink that belongs together: parts with little bare skin between them; pixels, origin top left."""

    id: int
    area_px: int
    ink_share: float
    """Share of all ink, 0..1."""
    box: tuple[int, int, int, int]
    """x, y, width, height."""
    centroid: tuple[float, float]
    """x, y."""
    mean_probability: float


def find_regions(
    p: NDArray[np.float32], threshold: float, near: float = NEAR
) -> tuple[NDArray[np.uint8], tuple[Region, ...], int]:
    """Mask without specks, its regions (largest first) and how many more there are than are listed.

    Parts (8-connected) are one region when the gap between them is at most `near` of the photo's longer side.
    """
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(
        (p > threshold).astype(np.uint8), connectivity=8
    )
    keep = stats[:, cv2.CC_STAT_AREA] >= max(_SPECK_PX, _SMALLEST * p.size)
    keep[0] = False
    mask = np.where(keep, 255, 0).astype(np.uint8)[labels]
    if not keep.any():
        return mask, (), 0
    inked = mask > 0
    sums = np.bincount(labels[inked], weights=p[inked].astype(np.float64), minlength=count)
    centres = np.asarray(centroids[keep], np.float64)
    parts = _Parts(stats[keep].astype(np.float64), centres, np.asarray(sums[keep], np.float64))
    kept = np.flatnonzero(keep)
    group = _groups(mask, _some_pixel(np.asarray(labels, np.int32), np.asarray(stats, np.int32), kept), near)
    regions = _describe(parts, group)
    return mask, regions[:LISTED_REGIONS], max(0, len(regions) - LISTED_REGIONS)


@dataclass(frozen=True)
class _Parts:
    """The connected components that are kept, N of them."""

    stats: NDArray[np.float64]
    """(N, 5), as OpenCV orders them."""
    centroids: NDArray[np.float64]
    """(N, 2) x, y."""
    sums: NDArray[np.float64]
    """(N,) of probabilities."""

    @property
    def areas(self) -> NDArray[np.float64]:
        return np.asarray(self.stats[:, cv2.CC_STAT_AREA])

    @property
    def corners(self) -> NDArray[np.float64]:
        """(N, 4) x1, y1, x2, y2, the last two just outside."""
        left, top = self.stats[:, cv2.CC_STAT_LEFT], self.stats[:, cv2.CC_STAT_TOP]
        right, bottom = left + self.stats[:, cv2.CC_STAT_WIDTH], top + self.stats[:, cv2.CC_STAT_HEIGHT]
        return np.stack([left, top, right, bottom], 1)


def _some_pixel(
    labels: NDArray[np.int32], stats: NDArray[np.int32], kept: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Row and column (N, 2) of a pixel of each part that is kept: the leftmost of its first row."""
    places = []
    for k in kept:
        left, top, width = (int(v) for v in stats[k, :3])
        places.append((top, left + int(np.argmax(labels[top, left : left + width] == k))))
    return np.array(places, np.intp)


def _groups(mask: NDArray[np.uint8], places: NDArray[np.intp], near: float) -> NDArray[np.intp]:
    """The group 0.. of each part, of which one pixel is given; on a picture of at most _MAP_SIDE pixels."""
    height, width = mask.shape
    scale = min(1.0, _MAP_SIDE / max(mask.shape))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    away = cv2.distanceTransform(np.where(small > 0, np.uint8(0), np.uint8(1)), cv2.DIST_L2, 3)
    _, spread = cv2.connectedComponents((away <= near * max(size) / 2).astype(np.uint8), connectivity=8)
    rows = np.minimum(places[:, 0] * size[1] // height, size[1] - 1)
    columns = np.minimum(places[:, 1] * size[0] // width, size[0] - 1)
    return np.unique(spread[rows, columns], return_inverse=True)[1]


def _boxes(corners: NDArray[np.float64], member: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Boxes (count, 4) around the boxes (N, 4) of each group's members."""
    boxes = np.empty((count, 4))
    boxes[:, :2], boxes[:, 2:] = np.inf, -np.inf
    np.minimum.at(boxes[:, :2], member, corners[:, :2])
    np.maximum.at(boxes[:, 2:], member, corners[:, 2:])
    return boxes


def _describe(parts: _Parts, group: NDArray[np.intp]) -> tuple[Region, ...]:
    """The regions that parts make, largest first."""
    areas = np.bincount(group, weights=parts.areas)
    x, y = (np.bincount(group, weights=parts.areas * parts.centroids[:, k]) / areas for k in (0, 1))
    means = np.bincount(group, weights=parts.sums) / areas
    boxes = _boxes(parts.corners, group, len(areas))
    total = float(areas.sum())
    return tuple(
        Region(
            id=rank,
            area_px=int(areas[k]),
            ink_share=float(areas[k] / total),
            box=_box(boxes[k]),
            centroid=(float(x[k]), float(y[k])),
            mean_probability=float(means[k]),
        )
        for rank, k in enumerate(sorted(range(len(areas)), key=lambda k: (-areas[k], k)), 1)
    )


def _box(corners: NDArray[np.float64]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(v) for v in corners)
    return left, top, right - left, bottom - top
