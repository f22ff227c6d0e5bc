"""Does a process leak? A verdict on series of memory, open files, connections and threads.

The trend is the Theil-Sen line (Sen, "Estimates of the regression coefficient based on Kendall's tau", J.
Am. Stat. Assoc. 63, 1968): the median of the slopes between pairs of samples, which neither a garbage
collector's teeth nor a few outliers bend. Growth is how far that line rises from the first to the last
sample, over its first level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_GROWTH = 0.02
# A count such as open files that rises by fewer than this is no leak, however small the count is.
LEAST_COUNT = 2.0
# Pairs that are looked at: all of them up to about 1000 samples, then evenly chosen samples.
MOST_SAMPLES = 1000


@dataclass(frozen=True)
class Trend:
    """How a quantity of a process went. begin and end are of the line; growth is (end - begin) / begin."""

    process: str
    quantity: str
    begin: float
    end: float
    growth: float
    per_hour: float
    samples: int
    leaks: bool


def trend(
    process: str, quantity: str, seconds: Sequence[float], values: Sequence[float], *, count: bool
) -> Trend:
    """Judges a series; `count` says that it counts things.

    Raises ValueError for fewer than three samples or times that do not rise.
    """
    at, value = np.asarray(seconds, float), np.asarray(values, float)
    if len(at) < 3 or len(at) != len(value) or not np.all(np.diff(at) > 0):
        raise ValueError("a trend needs three samples or more, in the order of their times")
    if len(at) > MOST_SAMPLES:
        chosen = np.linspace(0, len(at) - 1, MOST_SAMPLES).round().astype(int)
        at, value = at[chosen], value[chosen]
    slope = _slope(at, value)
    level = float(np.median(value - slope * at))
    begin, end = level + slope * at[0], level + slope * at[-1]
    growth = (end - begin) / begin if begin > 0 else 0.0
    rise = end - begin
    leaks = growth >= MOST_GROWTH and (not count or rise >= LEAST_COUNT)
    return Trend(
        process, quantity, float(begin), float(end), float(growth), 3600 * slope, len(at), bool(leaks)
    )


def _slope(at: np.ndarray, value: np.ndarray) -> float:
    first, second = np.triu_indices(len(at), 1)
    return float(np.median((value[second] - value[first]) / (at[second] - at[first])))
