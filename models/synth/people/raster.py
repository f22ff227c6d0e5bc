"""A software rasteriser in NumPy: triangles to a picture of triangle numbers and barycentric weights.

Every pixel centre inside a triangle is a candidate; the nearest triangle (by its mean depth) wins. Made for
meshes of many small triangles: they are tested in batches of like size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

_SIZES = (2, 4, 8, 16, 32, 64, 128)
_BATCH = 1 << 18


@dataclass(frozen=True)
class Cover:
    """What is seen. pixels: [P] flat places in the picture; triangles: [P]; weights: [P, 3] barycentric."""

    pixels: Ints
    triangles: Ints
    weights: Singles


def triangles_of(quads: Ints) -> Ints:
    """Two triangles for each quad; a quad whose last corners coincide makes one (and an empty one)."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def rasterise(xy: Singles, depth: Singles, triangles: Ints, width: int, height: int) -> Cover:
    """Draws triangles [T, 3] over vertices at xy [V, 2] px, depth [V] growing away from the camera.

    Triangles whose corners run counter-clockwise in the picture (x right, y down) show their back and are
    left out, as is what is not in front of the camera.
    """
    # Written out: reductions along an axis of two or three are slow in NumPy.
    corners = xy[triangles]
    one, two, three = corners[:, 0], corners[:, 1], corners[:, 2]
    edge1, edge2 = two - one, three - one
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    low, high = np.minimum(np.minimum(one, two), three), np.maximum(np.maximum(one, two), three)
    deep = depth[triangles]
    nearest_corner = np.minimum(np.minimum(deep[:, 0], deep[:, 1]), deep[:, 2])
    wanted = (area < -1e-6) & (nearest_corner > 1) & (high[:, 0] > 0) & (high[:, 1] > 0)
    wanted &= (low[:, 0] < width) & (low[:, 1] < height)
    rows = np.flatnonzero(wanted)
    middle = deep[rows, 0] + deep[rows, 1] + deep[rows, 2]
    rows = rows[np.argsort(-middle, kind="stable")]
    nearest = np.full(width * height, -1, np.int32)
    first = np.clip(np.ceil(low[rows] - 0.5), 0, [width, height]).astype(np.int32)
    last = np.clip(np.floor(high[rows] - 0.5), -1, [width - 1, height - 1]).astype(np.int32)
    spans = last - first + 1
    size = np.minimum(spans[:, 0], spans[:, 1]), np.maximum(spans[:, 0], spans[:, 1])
    least = 0
    for side in (*_SIZES, max(width, height)):
        ranks = np.flatnonzero((size[0] > 0) & (size[1] > least) & (size[1] <= side))
        least = side
        step = max(1, _BATCH // (side * side))
        for start in range(0, len(ranks), step):
            _test(nearest, ranks[start : start + step], corners[rows], first, last, side, width)
    pixels = np.flatnonzero(nearest >= 0)
    seen = rows[nearest[pixels]]
    return Cover(pixels, seen, _weights(pixels, corners[seen], area[seen], width))


def _test(
    nearest: NDArray[np.int32],
    ranks: Ints,
    corners: Singles,
    first: NDArray[np.int32],
    last: NDArray[np.int32],
    side: int,
    width: int,
) -> None:
    """Enters the ranks of triangles no larger than side x side px where they cover a pixel's centre."""
    steps = np.arange(side, dtype=np.int32)
    x = first[ranks, 0, None] + steps
    y = first[ranks, 1, None] + steps
    inside = (x <= last[ranks, 0, None])[:, None, :] & (y <= last[ranks, 1, None])[:, :, None]
    centre_x, centre_y = (x + np.float32(0.5)).astype(np.float32), (y + np.float32(0.5)).astype(np.float32)
    corner = corners[ranks]
    for here, there in ((0, 1), (1, 2), (2, 0)):
        way = corner[:, there] - corner[:, here]
        across = way[:, 0, None] * (centre_y - corner[:, here, 1, None])
        down = way[:, 1, None] * (centre_x - corner[:, here, 0, None])
        inside &= across[:, :, None] <= down[:, None, :]
    which, row, column = np.nonzero(inside)
    place = y[which, row].astype(np.int64) * width + x[which, column]
    # Ranks rise within a batch, and the last write to a place wins; batches compare with what is there.
    better = nearest[place] < ranks[which]
    nearest[place[better]] = ranks[which[better]]


def _weights(pixels: Ints, corners: Singles, area: Singles, width: int) -> Singles:
    x = (pixels % width + 0.5).astype(np.float32)
    y = (pixels // width + 0.5).astype(np.float32)
    out = np.empty((len(pixels), 3), np.float32)
    for place, (here, there) in enumerate(((1, 2), (2, 0))):
        a, b = corners[:, here], corners[:, there]
        out[:, place] = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (x - a[:, 0])) / area
    out[:, 2] = 1 - out[:, 0] - out[:, 1]
    return out
