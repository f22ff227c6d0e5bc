"""The signal preparation of Quijoux et al. 2021, so that its published descriptors can be compared with ours.

Sliding-window averages weighted by time (SWARII, Audiffren & Contal 2016, Sensors 16:1208) to 25 Hz after
the removal of artefacts of a sample or two, then a Butterworth low-pass of order 4 at 10 Hz run forwards and
backwards.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, filtfilt

from svc_balance.sway.measures.definitions import BY_ID

Floats = NDArray[np.float64]

RATE_HZ = 25.0
WINDOW_S = 0.08
CUTOFF_HZ, ORDER = 10.0, 4
SETTLE_S = 0.1
# Sum over both axes, cm: a sample this far from the last kept one, with the next this near, is an artefact.
FAR_CM, NEAR_CM = 2.0, 0.5


def prepare(points_cm: Floats, fs_hz: float) -> Floats:
    """[N, 2] in cm at `fs_hz` -> [M, 2] in cm at 25 Hz, centred before (not after) resampling."""
    time = np.arange(len(points_cm)) / fs_hz
    time, kept = purge(time, points_cm - points_cm.mean(axis=0))
    b, a = butter(ORDER, CUTOFF_HZ, fs=RATE_HZ)
    return np.asarray(filtfilt(b, a, resample(time, kept), axis=0))


def purge(time: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Without the first 0.1 s, both end samples, and artefacts of one or two samples."""
    kept: list[int] = []
    last = len(time) - 1
    for i in range(1, last):
        if time[i] < SETTLE_S:
            continue
        if kept and np.abs(points[i] - points[kept[-1]]).sum() > FAR_CM:
            ahead = [i + 1, i + 2] if 1 < i < last - 1 else [i + 1]
            if any(np.abs(points[j] - points[kept[-1]]).sum() < NEAR_CM for j in ahead):
                continue
        kept.append(i)
    return time[kept], points[kept]


def resample(time: Floats, points: Floats) -> Floats:
    """Averages over windows of 0.08 s about every 0.04 s; each sample weighs the time nearest to it."""
    half = (WINDOW_S - 1e-6) / 2
    # Added up one by one, as there: rounding decides whether the last window still counts.
    steps = int((time[-1] - time[0]) * RATE_HZ) + 2
    centres = np.cumsum(np.concatenate([[time[0]], np.full(steps, 1 / RATE_HZ)]))
    centres = centres[centres < time[-1]]
    middles = (time[1:] + time[:-1]) / 2
    out = np.full((len(centres), 2), np.nan)
    for row, centre in enumerate(centres):
        inside = np.flatnonzero(np.abs(time - centre) < half)
        if len(inside):
            first, end = max(time[0], centre - half), min(time[-1], centre + half)
            weight = np.diff(np.concatenate([[first], middles[inside[:-1]], [end]]))
            out[row] = weight @ points[inside] / weight.sum()
    empty = np.isnan(out[:, 0])
    for column in out.T:
        column[empty] = np.interp(centres[empty], centres[~empty], column[~empty])
    return out


# Published name -> our id, for every axis that both have.
NAMES = {
    "mean_distance": "MDIST",
    "maximal_distance": "MAXDIST",
    "rms": "RDIST",
    "range": "RANGE",
    "range_ratio": "RANGE_RATIO",
    "planar_deviation": "RDIST",
    "coefficient_sway_direction": "SWAY_DIRECTION_COEF",
    "confidence_ellipse_area": "AREA_PEA95_F",
    "principal_sway_direction": "SWAY_DIRECTION",
    "mean_velocity": "MVELO",
    "sway_area_per_second": "AREA_SW",
    "phase_plane_parameter": "PHASE_PLANE",
    "LFS": "LFS",
    "fractal_dimension": "FD_CE",
    "zero_crossing": "VZC",
    "peak_velocity_pos": "VPEAK_POS",
    "peak_velocity_neg": "VPEAK_NEG",
    "peak_velocity_all": "VPEAK",
    "mean_peak": "SWAY_DENSITY_PEAK",
    "mean_distance_peak": "SWAY_DENSITY_DISTANCE",
    "mean_frequency": "MFREQ",
    "total_power": "POWER",
    "power_frequency_50": "F50",
    "power_frequency_95": "F95",
    "frequency_mode": "FPEAK",
    "centroid_frequency": "CFREQ",
    "frequency_dispersion": "FREQD",
    "energy_content_below_05": "POWER_LOW",
    "energy_content_05_2": "POWER_MID",
    "energy_content_above_2": "POWER_HIGH",
    "frequency_quotient": "POWER_RATIO_HIGH_LOW",
    "short_time_diffusion": "SDA_DS",
    "long_time_diffusion": "SDA_DL",
    "critical_time": "SDA_TC",
    "critical_displacement": "SDA_XC",
    "short_time_scaling": "SDA_HS",
    "long_time_scaling": "SDA_HL",
}
# The last part of a published name says the axis; both planar forms are ours without suffix.
AXES = {"ML": "_ML", "AP": "_AP", "ML_AND_AP": "", "Radius": "", "Sway_Density": ""}
_NAME = re.compile(
    r"(?P<base>\w+?)(?:_SPD|_Power_Spectrum_Density|_Diffusion)?_(?P<axis>ML_AND_AP|ML|AP|Radius|Sway_Density)"
)


def our_id(published: str) -> str:
    """Our id of a published descriptor; empty for one that we do not have (mean_value: the origin)."""
    match = _NAME.fullmatch(published)
    if match is None or match["base"] not in NAMES:
        return ""
    return NAMES[match["base"]] + AXES[match["axis"]]


def as_published(name: str, value: float, duration_s: float) -> float:
    """Our value in the published unit: cm instead of mm, a count of zero crossings, the angle from AP."""
    if name == "SWAY_DIRECTION":
        return 90 - abs(value)
    if name.startswith("VZC"):
        return value * duration_s
    centimetres = {"mm": 0.1, "mm/s": 0.1, "mm2": 0.01, "mm2/s": 0.01, "1/mm": 10.0}
    return value * centimetres.get(BY_ID[name].unit, 1.0)


def unit(name: str) -> str:
    """The published unit of one of our ids."""
    return "count" if name.startswith("VZC") else BY_ID[name].unit.replace("mm", "cm")
