"""Ink colours of a tattoo: how many there are, and which pixel has which.

Colours are clustered in skin-normalised CIELAB (svc_color.transmission). Nothing is drawn by chance and
nothing hangs on the order of pixels or on a single one of them, so nearly equal input gives nearly equal
output:

1. Every pixel has a weight, its purity: how much it stands out from the skin against the most that any pixel
   near it does. Where ink mixes with skin or with another ink at an edge, the weight is small, so that the
   exact course of the mask matters little.
2. Weights are counted in a grid of fixed place and blurred: a density of colours.
3. Peaks of the density are inks. Two peaks are one ink when the density does not dip enough between them
   (persistence of modes: Chazal, Guibas, Oudot, Skraba, Journal of the ACM 60:41, 2013), when they hardly
   differ, or when one of them holds too little ink. A gradient is one ink, two inks are two.
4. Every ink pixel takes the peak that its colour climbs to; then a vote among neighbours, by purity, gives
   edge pixels the label of the ink beside them.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.difference import delta_e_2000
from svc_color.space import Array

Mask = NDArray[np.bool_]
Labels = NDArray[np.uint8]
Indices = NDArray[np.intp]
Weights = NDArray[np.float32]

MOST_CLUSTERS: Final = 8
# Shares of ink below this are noise or the seams between colours, not a region one could treat.
LEAST_SHARE: Final = 0.02
# CIEDE2000 below which two peaks are one ink.
_ALIKE: Final = 5.0
# Density at the highest pass between two peaks, as a share of the lesser peak, above which they are one.
_NO_DIP: Final = 0.75

# The grid's cell, and where L*, a*, b* end; a colour beyond counts at the end.
_CELL: Final = 2.0
_LOWEST, _HIGHEST = (0.0, -120.0, -120.0), (130.0, 120.0, 120.0)
# Standard deviation of the blur, and a tail that leads far colours to a peak.
_BLUR: Final = 3.0
_TAIL: Final = 1e-6
_PURITY_PX: Final = 5
_PURITY_POWER: Final = 4.0
# Ink that cannot be told from the skin still has a colour.
_LEAST_PURITY: Final = 1e-3
_VOTE_PX: Final = 5


@dataclass(frozen=True)
class Palette:
    """The inks among some colours. count: how many. of: ink (n,), from 0, of each colour."""

    count: int
    of: NDArray[np.uint8]


@dataclass
class _Regions:
    """Regions of the grid while they merge; row and column i belong to the region of peak i.

    peak: highest density (k,). passes: highest pass (k, k) between two, 0 where they do not touch.
    sums: (k, 4) weight, and weight times L*, a*, b*. into: (k,) which region each is part of.
    """

    peak: Array
    passes: Array
    sums: Array
    into: Indices

    def alive(self) -> Indices:
        return np.flatnonzero(self.into == np.arange(len(self.into)))

    def join(self, first: int, second: int) -> None:
        """The lower peak's region becomes part of the higher's."""
        kept, gone = (first, second) if self.peak[first] >= self.peak[second] else (second, first)
        self.into[self.into == gone] = kept
        self.sums[kept] += self.sums[gone]
        both = np.maximum(self.passes[kept], self.passes[gone])
        self.passes[gone], self.passes[:, gone] = 0, 0
        self.passes[kept], self.passes[:, kept] = both, both
        self.passes[kept, [kept, gone]], self.passes[gone, kept] = 0, 0


def purity(distance: Weights, ink: Mask) -> Weights:
    """Weight (H, W), 0 to 1, of ink pixels: distance (H, W) from skin against the neighbours'."""
    own = np.where(ink, distance, np.float32(0))
    most = cv2.dilate(own, np.ones((_PURITY_PX, _PURITY_PX), np.uint8))
    share = (own / np.maximum(most, np.float32(1e-3))) ** _PURITY_POWER
    return np.asarray(np.where(ink, np.maximum(share, _LEAST_PURITY), 0), np.float32)


def find_inks(colours: Array, weights: Weights) -> Palette:
    """The inks among colours (n, 3), n at least 1, with weights (n,): at most `MOST_CLUSTERS`."""
    cells, shape = _cells(colours)
    density = _density(cells, shape, weights)
    basin, peaks = _basins(density)
    own = basin[cells]
    columns = (weights, *(weights * channel for channel in colours.T))
    sums = np.array([np.bincount(own, weights=each, minlength=len(peaks)) for each in columns], np.float64).T
    regions = _Regions(
        density.ravel()[peaks], _passes(density, basin, len(peaks)), sums.copy(), np.arange(len(peaks))
    )
    _merge(regions)
    _, ink = np.unique(regions.into, return_inverse=True)
    return Palette(int(ink.max()) + 1, ink.astype(np.uint8)[own])


def _cells(colours: Array) -> tuple[Indices, tuple[int, ...]]:
    """Flat index (n,) of the cell of each colour (n, 3), and the shape of the grid around them."""
    place = np.floor(np.clip(colours, _LOWEST, _HIGHEST) / _CELL).astype(np.intp)
    place -= place.min(axis=0)
    shape = tuple(int(most) + 1 for most in place.max(axis=0))
    return (place[:, 0] * shape[1] + place[:, 1]) * shape[2] + place[:, 2], shape


def _density(cells: Indices, shape: tuple[int, ...], weights: Weights) -> Array:
    """Weight per cell of the grid, blurred; above 0 everywhere."""
    grid = np.bincount(cells, weights=weights, minlength=int(np.prod(shape))).reshape(shape)
    for axis, size in enumerate(shape):
        reach = (np.arange(size)[:, None] - np.arange(size)) * _CELL / _BLUR
        kernel = np.exp(-0.5 * reach**2) + _TAIL / (1 + reach**2)
        grid = np.moveaxis(np.tensordot(kernel, grid, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(grid)


def _basins(density: Array) -> tuple[Indices, Indices]:
    """The peak (from 0) that each cell climbs to, flat, and the peaks' flat indices."""
    padded = np.pad(density, 1, constant_values=-1.0)
    highest = density.copy()
    index = np.arange(density.size, dtype=np.intp).reshape(density.shape)
    uphill = index.copy()
    places = np.pad(index, 1)
    for step in product((0, 1, 2), repeat=3):
        window = tuple(slice(at, at + size) for at, size in zip(step, density.shape, strict=True))
        higher = padded[window] > highest
        highest[higher] = padded[window][higher]
        uphill[higher] = places[window][higher]
    top = uphill.ravel()
    while not np.array_equal(further := top[top], top):
        top = further
    peaks, basin = np.unique(top, return_inverse=True)
    return basin.astype(np.intp), peaks


def _passes(density: Array, basin: Indices, count: int) -> Array:
    """Highest pass (count, count) between every two basins, 0 where they do not touch."""
    passes = np.zeros((count, count))
    owner = basin.reshape(density.shape)
    for axis in range(3):
        here, there = (
            tuple(cut if i == axis else slice(None) for i in range(3))
            for cut in (slice(None, -1), slice(1, None))
        )
        border = owner[here] != owner[there]
        height = np.minimum(density[here][border], density[there][border])
        np.maximum.at(passes, (owner[here][border], owner[there][border]), height)
    return np.maximum(passes, passes.T)


def _merge(regions: _Regions) -> None:
    """Joins what no dip keeps apart, then the smallest while it is too small, then what hardly differs."""
    while (pair := _without_dip(regions) or _too_small(regions) or _alike(regions)) is not None:
        regions.join(*pair)


def _without_dip(regions: _Regions) -> tuple[int, int] | None:
    """The two regions with the least dip between them, if that is no dip to speak of."""
    dip = regions.passes / np.minimum(regions.peak[:, None], regions.peak[None])
    first, second = np.unravel_index(np.argmax(dip), dip.shape)
    return (int(first), int(second)) if dip[first, second] > _NO_DIP else None


def _alike(regions: _Regions) -> tuple[int, int] | None:
    """The two regions whose mean colours differ least, if hardly."""
    alive = regions.alive()
    alive = alive[regions.sums[alive, 0] > 0]
    if len(alive) < 2:
        return None
    means = regions.sums[alive, 1:] / regions.sums[alive, :1]
    apart = delta_e_2000(means[:, None], means[None]) + np.where(np.eye(len(alive)), np.inf, 0)
    first, second = np.unravel_index(np.argmin(apart), apart.shape)
    return (int(alive[first]), int(alive[second])) if apart[first, second] < _ALIKE else None


def _too_small(regions: _Regions) -> tuple[int, int] | None:
    """The smallest region and the one it has the highest pass to, if it is too small or one too many."""
    alive = regions.alive()
    share = regions.sums[alive, 0] / regions.sums[:, 0][alive].sum()
    least = int(alive[np.argmin(share)])
    if len(alive) < 2 or (share.min() >= LEAST_SHARE and len(alive) <= MOST_CLUSTERS):
        return None
    return least, int(np.argmax(regions.passes[least]))


def smooth(labels: Labels, count: int, weights: Weights) -> Labels:
    """Every labelled pixel takes the label with most weight in its neighbourhood; 0 stays 0.

    Args:
        labels: (H, W), 0 for no ink, else 1 to `count`.
        count: the largest label.
        weights: (H, W), 0 to 1; how far each pixel's own label is to be trusted.
    """
    best = np.full(labels.shape, -1.0, np.float32)
    winner = np.zeros_like(labels)
    for label in range(1, count + 1):
        own = np.where(labels == label, weights, np.float32(0))
        votes = cv2.boxFilter(
            own, cv2.CV_32F, (_VOTE_PX, _VOTE_PX), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        more = votes > best
        best[more] = votes[more]
        winner[more] = label
    winner[labels == 0] = 0
    return winner
