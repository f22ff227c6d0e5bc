"""Ink colours of a tattoo: how many there are, and which pixel has which.

Colours are clustered in skin-normalised CIELAB (svc_color.transmission). Nothing is drawn by chance, so equal
input gives equal output:

1. Colours of pixels inside the ink (edges are mixed with skin) are counted in a coarse grid.
2. Weighted k-means over the grid's cells, seeded by weight and distance, finds more clusters than there are.
3. Clusters merge until the data keep them apart: two stay two if they differ visibly and either lie far
   apart or the density of colours dips between them. A gradient is one ink, two inks are two.
4. Every ink pixel takes the nearest centre; then a vote among neighbours removes speckle.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.difference import delta_e_2000
from svc_color.space import Array

Mask = NDArray[np.bool_]
Labels = NDArray[np.uint8]

MOST_CLUSTERS: Final = 8
# Shares of ink below this are noise or the seams between colours, not a region one could treat.
LEAST_SHARE: Final = 0.005
# CIEDE2000 that counts as noticeable (domain dossier, section 7).
_NOTICEABLE: Final = 3.0
# Merged colours stay within this much of each other in L* and in the plane of a* and b*.
_WIDEST_L, _WIDEST_AB = 35.0, 18.0
# Density half way between two centres, as a share of the lesser density at them, above which there is no dip.
_NO_DIP: Final = 0.75

_SAMPLE: Final = 40_000
_CELL: Final = 2.0
_SEEDS: Final = 14
_ROUNDS: Final = 30
_VOTE_PX: Final = 5


@dataclass(frozen=True)
class _Group:
    """Clusters merged so far: their colours (n, 3) and the centres (m, 3) they came from."""

    colours: Array
    seeds: Array


def find_centres(colours: Array) -> Array:
    """Centres (k, 3) of the inks in a sample of colours (n, 3), at most `MOST_CLUSTERS`; (0, 3) for none."""
    if len(colours) == 0:
        return np.empty((0, 3))
    sample = colours[:: max(1, -(-len(colours) // _SAMPLE))]
    cells = np.round((sample - sample.min(axis=0)) / _CELL).astype(np.int64)
    _, inverse = np.unique(
        np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1)), return_inverse=True
    )
    weights = np.bincount(inverse).astype(np.float64)
    sums = [np.bincount(inverse, weights=sample[:, channel]) for channel in range(3)]
    points = np.stack(sums, axis=1) / weights[:, None]
    centres = _k_means(points, weights, _seeds(points, weights))
    return _without_slivers(_merge(centres, sample), sample)


def _seeds(points: Array, weights: Array) -> Array:
    """The heaviest point, then again and again the one with most weight times squared distance."""
    chosen = [int(np.argmax(weights))]
    distance = np.sum((points - points[chosen[0]]) ** 2, axis=1)
    while len(chosen) < min(_SEEDS, len(points)):
        chosen.append(int(np.argmax(np.sqrt(weights) * distance)))
        distance = np.minimum(distance, np.sum((points - points[chosen[-1]]) ** 2, axis=1))
    return points[chosen]


def _k_means(points: Array, weights: Array, centres: Array) -> Array:
    """Lloyd's algorithm; a centre that loses all its points is dropped."""
    for _ in range(_ROUNDS):
        nearest = assign(points, centres)
        mass = np.bincount(nearest, weights=weights, minlength=len(centres))
        sums = [
            np.bincount(nearest, weights=weights * points[:, i], minlength=len(centres)) for i in range(3)
        ]
        moved = np.stack(sums, axis=1)[mass > 0] / mass[mass > 0, None]
        if moved.shape == centres.shape and np.allclose(moved, centres, atol=1e-3):
            break
        centres = moved
    return centres


def assign(colours: Array, centres: Array) -> NDArray[np.intp]:
    """Index (n,) of the centre nearest to each colour (n, 3), by Euclidean distance; the first on a tie."""
    best = np.full(len(colours), np.inf)
    nearest = np.zeros(len(colours), dtype=np.intp)
    for index, centre in enumerate(centres):
        offset = colours - centre
        distance = np.einsum("ij,ij->i", offset, offset)
        nearer = distance < best
        best[nearer] = distance[nearer]
        nearest[nearer] = index
    return nearest


def _merge(centres: Array, sample: Array) -> Array:
    """Merges, nearest pair first, what the data do not keep apart, then down to `MOST_CLUSTERS`."""
    members = assign(sample, centres)
    groups = [_Group(sample[members == i], centres[i : i + 1]) for i in np.unique(members)]
    while len(groups) > 1:
        means = np.array([group.colours.mean(axis=0) for group in groups])
        gaps = np.linalg.norm(means[:, None] - means[None], axis=2)
        pairs = sorted((gaps[i, j], i, j) for i in range(len(groups)) for j in range(i))
        joined = next(((i, j) for _, i, j in pairs if _is_one(groups[i], groups[j])), None)
        if joined is None:
            if len(groups) <= MOST_CLUSTERS:
                break
            joined = pairs[0][1:]
        other = groups.pop(joined[0])
        mine = groups[joined[1]]
        groups[joined[1]] = _Group(
            np.concatenate([mine.colours, other.colours]), np.concatenate([mine.seeds, other.seeds])
        )
    return np.array([group.colours.mean(axis=0) for group in groups])


def _is_one(first: _Group, second: _Group) -> bool:
    """Whether two clusters are one colour: hardly different, or near throughout and no dip between."""
    start, end = first.colours.mean(axis=0), second.colours.mean(axis=0)
    if float(delta_e_2000(start, end)) < _NOTICEABLE:
        return True
    apart = first.seeds[:, None] - second.seeds[None]
    if np.abs(apart[..., 0]).max() > _WIDEST_L or np.hypot(apart[..., 1], apart[..., 2]).max() > _WIDEST_AB:
        return False
    axis = (end - start) / np.sum((end - start) ** 2)
    along = (np.concatenate([first.colours, second.colours]) - start) @ axis
    at_start, between, at_end = (
        np.count_nonzero(np.abs(along - place) < half) / half
        for place, half in ((0, 0.2), (0.5, 0.1), (1, 0.2))
    )
    return bool(between > _NO_DIP * min(at_start, at_end))


def _without_slivers(centres: Array, sample: Array) -> Array:
    shares = np.bincount(assign(sample, centres), minlength=len(centres)) / len(sample)
    kept = centres[shares >= LEAST_SHARE]
    return kept if len(kept) else centres


def smooth(labels: Labels, count: int) -> Labels:
    """Every labelled pixel takes the commonest label of its neighbourhood; 0 stays 0.

    Args:
        labels: (H, W), 0 for no ink, else 1 to `count`.
        count: the largest label.
    """
    best = np.full(labels.shape, -1, dtype=np.int16)
    winner = np.zeros_like(labels)
    for label in range(1, count + 1):
        own = (labels == label).view(np.uint8)
        votes = cv2.boxFilter(
            own, cv2.CV_16S, (_VOTE_PX, _VOTE_PX), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        # A pixel's own label wins a tie.
        votes = 2 * votes + own
        more = votes > best
        best[more] = votes[more]
        winner[more] = label
    winner[labels == 0] = 0
    return winner
