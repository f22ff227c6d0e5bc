"""Stretches of time in which a signal stays past a threshold, with hysteresis and a shortest duration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Span:
    """Samples first to last (both included) of a stretch; onset in samples, between two of them."""

    first: int
    last: int
    onset: float

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return self.last - self.first + 1


def spans(signal: Floats, on: float, off: float, shortest: int) -> list[Span]:
    """Stretches of [N] that begin above `on` and end below `off` (on >= off), `shortest` samples or longer.

    NaN ends a stretch: nothing is claimed about what was not seen. Where on < off, stretches begin below
    `on` and end above `off`. The onset is where the straight line between two samples crosses `on`; it is
    the first sample where the stretch starts with the signal or after NaN.
    """
    if on < off:
        return spans(-signal, -on, -off, shortest)
    active = hysteresis(signal, on, off)
    out = []
    for first, last in edges(active):
        if last - first + 1 >= shortest:
            out.append(Span(first, last, _crossing(signal, first, on)))
    return out


def hysteresis(signal: Floats, on: float, off: float) -> Mask:
    """State of a switch that turns on above `on` and off at or below `off`, [N]; off at NaN."""
    # Each sample takes the last certain state before it: on, off, or (in between) the one before.
    certain = np.where(signal > on, 1, np.where(signal > off, 0, -1))
    last = np.maximum.accumulate(np.where(certain != 0, np.arange(len(signal)), -1))
    return np.asarray((last >= 0) & (certain[last] == 1))


def edges(active: Mask) -> list[tuple[int, int]]:
    """First and last sample of every stretch of True."""
    steps = np.diff(np.concatenate(([False], active, [False])).astype(np.int8))
    return list(
        zip(np.flatnonzero(steps == 1).tolist(), (np.flatnonzero(steps == -1) - 1).tolist(), strict=True)
    )


def bridged(active: Mask, longest: int) -> Mask:
    """The same with pauses of at most `longest` samples closed."""
    out = active.copy()
    for first, last in edges(~active):
        if first > 0 and last < len(active) - 1 and last - first + 1 <= longest:
            out[first : last + 1] = True
    return out


def without_short(active: Mask, shortest: int) -> Mask:
    """The same without stretches of fewer than `shortest` samples."""
    out = active.copy()
    for first, last in edges(active):
        if last - first + 1 < shortest:
            out[first : last + 1] = False
    return out


def _crossing(signal: Floats, first: int, level: float) -> float:
    if first == 0 or not np.isfinite(signal[first - 1]):
        return float(first)
    before, after = signal[first - 1], signal[first]
    return (
        first - 1 + float(np.clip((level - before) / (after - before), 0, 1))
        if after > before
        else float(first)
    )
