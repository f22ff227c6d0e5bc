"""Do the 95 % intervals hold? Simulated sway with a known answer, measured many times.

Run as a program, it prints the table of docs/balance-metrics.md:
    python -m tests.balance.test_metrics_coverage [trials] [seconds]
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfiltfilt

from svc_balance.sway import Trace, measure

FS_HZ = 30.0
NOT_HELD = ("SWAY_DIRECTION", "SWAY_DENSITY")


def simulated(seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Centre-of-mass-like sway, mm: an AR(1) process with 1.5 s of memory through the body's low-pass."""
    lead = 600
    phi = np.exp(-1 / (FS_HZ * 1.5))
    noise = rng.standard_normal(round(seconds * FS_HZ) + 2 * lead)
    x = 5 * np.sqrt(1 - phi**2) * lfilter([1], [1, -phi], noise)
    smooth = sosfiltfilt(butter(2, 0.6, fs=FS_HZ, output="sos"), x)
    return np.asarray(smooth[lead:-lead])


def coverage(trials: int, seconds: float) -> dict[str, float]:
    """Share of trials whose interval holds the mean over all trials, by metric."""
    rng = np.random.default_rng(7)
    values: dict[str, list[float]] = defaultdict(list)
    intervals: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(trials):
        ml, ap = Trace(simulated(seconds, rng)), Trace(simulated(seconds, rng))
        for metric in measure(ml, ap, FS_HZ, scale_relative_uncertainty=0.0):
            if metric.value is not None and metric.low_95 is not None and metric.high_95 is not None:
                values[metric.definition.id].append(metric.value)
                intervals[metric.definition.id].append((metric.low_95, metric.high_95))
    return {
        name: float(np.mean([low <= np.mean(values[name]) <= high for low, high in intervals[name]]))
        for name in values
    }


def test_intervals_of_the_main_metrics_hold_most_of_the_time() -> None:
    """Forty trials: a true coverage of 0.9 gives less than 0.7 once in thousands of runs."""
    shares = coverage(40, 20.0)
    for name in ("RDIST", "RDIST_ML", "MVELO", "RANGE_ML", "AREA_PEA95", "MFREQ", "F50", "CFREQ_ML", "POWER"):
        assert shares[name] >= 0.7, (name, shares[name])


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_coverage_at_thirty_and_sixty_seconds() -> None:
    for seconds in (30.0, 60.0):
        shares = coverage(120, seconds)
        # The direction of sway that has none, and peaks of a plateau, are not held to it.
        held = {name: share for name, share in shares.items() if not name.startswith(NOT_HELD)}
        assert len(held) > 90
        assert min(held.values()) >= 0.8, sorted(held.items(), key=lambda item: item[1])[:5]
        assert np.mean(list(held.values())) >= 0.92


if __name__ == "__main__":
    for name, share in coverage(int(sys.argv[1]), float(sys.argv[2])).items():
        print(f"{name:<26} {share:.2f}")
