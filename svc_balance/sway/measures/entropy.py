"""Regularity of sway: sample entropy, multiscale entropy, detrended fluctuation analysis."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EMBEDDING = 2
TOLERANCE = 0.2
# Richman & Moorman 2000: 10^m to 20^m templates; 200 is the least we answer for.
MIN_SAMPLES = 200
# Templates compared at once: small enough for the cache.
BLOCK = 64
MSE_SCALES = 6
MSE_MIN_DURATION_S = 60.0


def sample_entropy(x: Floats, tolerance: float | None = None) -> float:
    """SampEn(m = 2, r = 0.2 SD), natural log (Richman & Moorman 2000, Am J Physiol 278:H2039-2049).

    Chebyshev distance, no self-matches, N - m templates of both lengths, population SD.

    Args:
        x: [N].
        tolerance: r in the unit of `x`; 0.2 SD when not given.

    Returns:
        NaN for a constant signal or when nothing matches.
    """
    longer, shorter = template_matches(x, tolerance)
    if longer.sum() == 0 or shorter.sum() == 0:
        return math.nan
    return -math.log(longer.sum() / shorter.sum())


def template_matches(x: Floats, tolerance: float | None = None) -> tuple[Floats, Floats]:
    """Matches of every template of length m + 1 and of length m, [N - m] each."""
    r = TOLERANCE * float(x.std()) if tolerance is None else tolerance
    if not r > 0:
        nothing = np.zeros(len(x) - EMBEDDING)
        return nothing, nothing
    count = len(x) - EMBEDDING
    longer, shorter = np.empty(count), np.empty(count)
    for first in range(0, count, BLOCK):
        end = min(first + BLOCK, count)
        rows = end - first
        near = np.abs(x[first : end + EMBEDDING, None] - x) <= r
        alike = near[:rows, :count] & near[1 : rows + 1, 1 : count + 1]
        shorter[first:end] = np.count_nonzero(alike, axis=1) - 1
        alike &= near[2 : rows + 2, 2 : count + 2]
        longer[first:end] = np.count_nonzero(alike, axis=1) - 1
    return longer, shorter


def multiscale_entropy(x: Floats) -> float:
    """Complexity index: sum of SampEn over scales 1 to 6 (Costa et al. 2002, Phys Rev Lett 89:068102).

    r stays 0.2 SD of the unscaled signal; NaN when any scale has no match.
    """
    r = TOLERANCE * float(x.std())
    total = 0.0
    for scale in range(1, MSE_SCALES + 1):
        usable = len(x) // scale * scale
        total += sample_entropy(x[:usable].reshape(-1, scale).mean(axis=1), r)
    return total


def window_sizes(samples: int) -> list[int]:
    """Window lengths of the fluctuation analysis: 4 to N / 10, each about 1.2 times the one before."""
    sizes = [4]
    for power in range(1, math.floor(math.log(samples / 10 / 4) / math.log(1.2)) + 1):
        size = math.floor(4 * 1.2**power)
        if size > sizes[-1]:
            sizes.append(size)
    return sizes


def residual_variance(x: Floats, size: int) -> Floats:
    """Mean square residual about the line in each whole window of the integrated signal, [N // size]."""
    profile = np.cumsum(x - x.mean())
    windows = profile[: len(x) // size * size].reshape(-1, size)
    t = np.arange(size) - (size - 1) / 2
    centred = windows - windows.mean(axis=1, keepdims=True)
    slope = centred @ t / (t @ t)
    return np.asarray(((centred - slope[:, None] * t) ** 2).mean(axis=1))


def fluctuation_exponent(x: Floats) -> float:
    """DFA alpha, slope of log F(n) over log n (Peng et al. 1994, Phys Rev E 49:1685-1689)."""
    if not x.std() > 0:
        return math.nan
    sizes = window_sizes(len(x))
    fluctuation = [math.sqrt(float(residual_variance(x, size).mean())) for size in sizes]
    return float(np.polyfit(np.log(sizes), np.log(fluctuation), 1)[0])
