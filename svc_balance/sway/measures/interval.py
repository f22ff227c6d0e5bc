"""Uncertainty of a metric: scale, sampling and noise, combined (JCGM 100:2008, 5.1.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from svc_balance.sway.measures.definitions import Definition
from svc_balance.sway.measures.sampling import is_absolute

NORMAL_95 = 1.96
# Ends of what a metric can be.
BOUNDS = {"FREQD": (0.0, 1.0), "SWAY_DIRECTION_COEF": (-1.0, 1.0)}
QUARTER_TURN_DEG = 90.0


@dataclass(frozen=True)
class Interval:
    """Standard uncertainty and 95 % interval in the metric's unit."""

    standard_uncertainty: float
    low: float
    high: float


def combine(
    definition: Definition, value: float, *, scale: float, spread: float, snr: float | None
) -> Interval:
    """The interval of one metric.

    Args:
        definition: what it is.
        value: measured.
        scale: relative standard uncertainty of the millimetre scale.
        spread: standard deviation by sampling (`sampling.spreads`).
        snr: signal-to-noise ratio of the trace; None when unknown.

    Noise only ever adds, and is not taken off: what it may have added, 1 - SNR / sqrt(1 + SNR²) of a length,
    counts as a standard uncertainty. A positive metric has a log-normal interval, which never reaches 0.
    """
    added = 0.0 if snr is None or math.isinf(snr) else 1 - snr / math.hypot(1, snr)
    if is_absolute(definition.id):
        u = math.hypot(spread, value * definition.scale_power * scale)
        reach = NORMAL_95 * u
        if definition.unit == "deg":
            reach = min(reach, QUARTER_TURN_DEG)
        low, high = BOUNDS.get(definition.id.removesuffix("_ML").removesuffix("_AP"), (-math.inf, math.inf))
        return Interval(u, max(value - reach, low), min(value + reach, high))
    power = abs(definition.scale_power)
    relative = math.hypot(spread, power * scale, max(power, 1.0) * added)
    factor = math.exp(NORMAL_95 * relative)
    return Interval(value * relative, value / factor, value * factor)
