"""Percentile bootstrap over photos: how far a figure would move had other photos of this kind been taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDS = 4000
SEED = 20261122
LEVEL = 0.95

Interval = tuple[float, float]


def mean_interval(values: Sequence[float]) -> Interval | None:
    """95 % interval of the mean of one value per photo; None with fewer than two photos."""
    return interval(np.asarray(values, np.float64), lambda drawn: drawn.mean(1))


def ratio_interval(parts: ArrayLike, wholes: ArrayLike) -> Interval | None:
    """95 % interval of sum(parts) / sum(wholes), both (photos,); None with fewer than two photos.

    Photos are drawn, not boxes or pixels: those of one photo go right or wrong together.
    """
    pairs = np.stack([np.asarray(parts, np.float64), np.asarray(wholes, np.float64)], 1)
    return interval(pairs, _ratio)


def interval(
    values: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Interval | None:
    """Percentile interval (Efron 1979) of `statistic`, which turns (rounds, photos, ...) into (rounds,).

    Seeded: the same values give the same interval. With few photos such intervals are too narrow (about
    0.9 of their width at 10 photos); they are no licence to compare groups of five.
    """
    if len(values) < 2:
        return None
    rng = np.random.default_rng(SEED)
    drawn = values[rng.integers(0, len(values), (ROUNDS, len(values)))]
    low, high = np.nanquantile(statistic(drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _ratio(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    part, whole = drawn[..., 0].sum(1), drawn[..., 1].sum(1)
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))
