"""Peaks of velocity and of sway density.

Velocity peaks: Quijoux et al. 2021 (Physiol Rep 9:e15067). Sway density: time spent without a break within
3 mm of each sample (Baratto et al. 2002, Motor Control 6:246-270).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, filtfilt

from svc_balance.sway.measures.distance import velocity

Floats = NDArray[np.float64]

RADIUS_MM = 3.0
DENSITY_CUTOFF_HZ = 2.5
DENSITY_ORDER = 4
# Samples that the filter of the density needs at either end.
LEAST_DENSITY_SAMPLES = 20


def velocity_peaks(x: Floats, fs_hz: float, suffix: str) -> dict[str, float]:
    """VZC (zero crossings of velocity per second) and mean peak speeds, mm/s.

    A peak is the fastest sample between two neighbouring crossings; what comes before the first crossing and
    after the last has none. VPEAK_POS: towards + of the axis, VPEAK_NEG: towards -, VPEAK: both.

    Args:
        x: [N] position, mm; N at least 5.
        fs_hz: sampling rate.
        suffix: "_ML" or "_AP".
    """
    crossings, peaks, up = crossing_peaks(x, fs_hz)
    out = {"VZC": len(crossings) * fs_hz / len(x)}
    if up.any() and not up.all():
        out |= {"VPEAK_POS": peaks[up].mean(), "VPEAK_NEG": peaks[~up].mean(), "VPEAK": peaks.mean()}
    return {name + suffix: float(value) for name, value in out.items()}


def crossing_peaks(x: Floats, fs_hz: float) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]:
    """Sample of each change of side of the velocity [C], fastest speed between two, and whether towards +."""
    v = velocity(x, fs_hz)
    # Rest is not a crossing; only a change of side is.
    moving = np.flatnonzero(v)
    v = v[moving]
    turns = np.flatnonzero(np.sign(v[1:]) != np.sign(v[:-1])) + 1
    if len(turns) < 2:
        return moving[turns], np.empty(0), np.empty(0, bool)
    return moving[turns], np.maximum.reduceat(np.abs(v), turns)[:-1], v[turns[:-1]] > 0


def sway_density(ml: Floats, ap: Floats, fs_hz: float) -> dict[str, float]:
    """SWAY_DENSITY_PEAK (mean peak, s) and SWAY_DENSITY_DISTANCE (mean distance between peaks, mm).

    The density is low-passed by a 4th-order Butterworth at 2.5 Hz run forwards and backwards; empty when the
    record or its rate cannot carry that filter, or there are fewer than two peaks.
    """
    peaks, travelled = density_peaks(ml, ap, fs_hz)
    if len(peaks) < 2:
        return {}
    return {
        "SWAY_DENSITY_PEAK": float(peaks.mean()),
        "SWAY_DENSITY_DISTANCE": float(travelled.mean()),
    }


def density_peaks(ml: Floats, ap: Floats, fs_hz: float) -> tuple[Floats, Floats]:
    """Peaks of the sway density in s, [P], and distances from each to the next in mm, [P - 1]."""
    points = np.column_stack([ml, ap])
    if fs_hz / 2 <= DENSITY_CUTOFF_HZ or len(points) < LEAST_DENSITY_SAMPLES:
        return np.empty(0), np.empty(0)
    seconds = dwell_samples(points, RADIUS_MM)[:-1] / fs_hz
    b, a = butter(DENSITY_ORDER, DENSITY_CUTOFF_HZ, fs=fs_hz)
    density = filtfilt(b, a, seconds)
    peaks = np.flatnonzero((density[1:-1] > density[:-2]) & (density[1:-1] > density[2:])) + 1
    return density[peaks], np.linalg.norm(np.diff(points[peaks], axis=0), axis=1)


def dwell_samples(points: Floats, radius: float) -> Floats:
    """Steps before and after each sample for which the trace stays within `radius` of it, [N]; [N, 2] in."""
    samples = len(points)
    dwell = np.zeros(samples)
    after, before = np.ones(samples, bool), np.ones(samples, bool)
    for lag in range(1, samples):
        near = ((points[lag:] - points[:-lag]) ** 2).sum(axis=1) <= radius**2
        after[:-lag] &= near
        after[-lag:] = False
        before[lag:] &= near
        before[:lag] = False
        if not (after.any() or before.any()):
            break
        dwell += after
        dwell += before
    return dwell
