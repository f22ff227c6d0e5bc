"""Smoothness of sway: log dimensionless jerk (Hogan & Sternad 2009, J Mot Behav 41:529-534)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from svc_balance.sway.measures.extent import hull

Floats = NDArray[np.float64]


def smoothness_values(ml: Floats, ap: Floats | None, fs_hz: float) -> dict[str, float]:
    """LDLJ, dimensionless; `ml`, `ap` [N] in mm. The amplitude A is the peak-to-peak RANGE (planar: hull)."""
    out = {"LDLJ_ML": log_jerk(ml[:, None], fs_hz, float(np.ptp(ml)))}
    if ap is not None:
        out["LDLJ_AP"] = log_jerk(ap[:, None], fs_hz, float(np.ptp(ap)))
        out["LDLJ"] = log_jerk(np.column_stack([ml, ap]), fs_hz, hull(ml, ap)[0])
    return out


def log_jerk(position_mm: Floats, fs_hz: float, amplitude_mm: float) -> float:
    """-ln(T^5 / A² · ∫ |d³x/dt³|² dt); NaN for a signal that does not move.

    Args:
        position_mm: [N, D], N at least 4.
        fs_hz: sampling rate.
        amplitude_mm: A.
    """
    jerk = np.diff(position_mm, 3, axis=0) * fs_hz**3
    integral = float((jerk**2).sum()) / fs_hz
    seconds = (len(position_mm) - 1) / fs_hz
    if amplitude_mm <= 0 or integral <= 0:
        return math.nan
    return -math.log(seconds**5 / amplitude_mm**2 * integral)
