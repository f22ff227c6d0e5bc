"""Does a process leak? A verdict on series of memory, open files, connections and threads.

The trend is the Theil-Sen line (Sen, "Estimates of the regression coefficient based on Kendall's tau", J.
Am. Stat. Assoc. 63, 1968): the median of the slopes between pairs of samples, which neither a garbage
collector's teeth nor a few outliers bend. Growth is how far that line rises from the first to the last
sample, over its first level. The same of the second half of the samples tells what came to rest from what
goes on.
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
    """How a quantity of a process went. begin and end are of the line; growth is (end - begin) / begin.

    late_growth: of the line through the second half of the samples alone.
    """

    process: str
    quantity: str
    begin: float
    end: float
    growth: float
    late_growth: float
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
    begin, end, slope = _line(at, value)
    growth = _growth(begin, end)
    half = max(2, len(at) // 2)
    late_begin, late_end, _ = _line(at[-half:], value[-half:])
    return Trend(
        process=process,
        quantity=quantity,
        begin=begin,
        end=end,
        growth=growth,
        late_growth=_growth(late_begin, late_end),
        per_hour=3600 * slope,
        samples=len(at),
        leaks=growth >= MOST_GROWTH and (not count or end - begin >= LEAST_COUNT),
    )


def _line(at: np.ndarray, value: np.ndarray) -> tuple[float, float, float]:
    """The line at its first and last moment, and its slope."""
    slope = _slope(at, value)
    level = float(np.median(value - slope * at))
    return float(level + slope * at[0]), float(level + slope * at[-1]), slope


def _growth(begin: float, end: float) -> float:
    return (end - begin) / begin if begin > 0 else 0.0


def _slope(at: np.ndarray, value: np.ndarray) -> float:
    first, second = np.triu_indices(len(at), 1)
    return float(np.median((value[second] - value[first]) / (at[second] - at[first])))
