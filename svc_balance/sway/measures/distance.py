"""Distance, path and hybrid measures of sway (Prieto et al. 1996, IEEE Trans Biomed Eng 43:956-966).

Every formula works on means over the record (`Means`), so that the same code gives the value, with numbers,
and its sampling distribution, with arrays over resampled records. Positions are in mm about their mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter
from scipy.stats import f as f_distribution

from svc_balance.sway.measures.conventions import Conventions

Floats = NDArray[np.float64]
# Name of a per-sample quantity -> its mean: a number, or [R] over R resampled records.
Means = Mapping[str, Floats]
Values = dict[str, Floats]

# Chi-square, two degrees of freedom, 95 %: -2 ln 0.05.
CHI2_95 = -2 * math.log(0.05)
# Normal, one-sided 95 %, as Prieto rounds it.
Z_95 = 1.645


def position_rows(ml: Floats, ap: Floats | None) -> dict[str, Floats]:
    """Per-sample quantities [N] whose means the position measures need; `ml`, `ap` [N] centred, mm."""
    rows = {"ml2": ml**2, "ml_abs": np.abs(ml)}
    if ap is not None:
        r = np.hypot(ml, ap)
        rows |= {"ap2": ap**2, "ap_abs": np.abs(ap), "mlap": ml * ap, "r": r, "r2": r**2}
    return rows


def path_rows(ml: Floats, ap: Floats | None, fs_hz: float) -> dict[str, Floats]:
    """Quantities whose means the path measures need.

    Between samples, [N - 1]: speeds in mm/s, swept area in mm²/s. At samples, [N]: velocity in mm/s.
    """
    step_ml = np.diff(ml) * fs_hz
    v_ml = velocity(ml, fs_hz)
    rows = {"speed_ml": np.abs(step_ml), "v_ml": v_ml, "v_ml2": v_ml**2}
    if ap is not None:
        step_ap = np.diff(ap) * fs_hz
        v_ap = velocity(ap, fs_hz)
        rows |= {"speed_ap": np.abs(step_ap), "v_ap": v_ap, "v_ap2": v_ap**2}
        rows["speed"] = np.hypot(step_ml, step_ap)
        rows["swept"] = np.abs(ml[:-1] * ap[1:] - ml[1:] * ap[:-1]) * fs_hz / 2
    return rows


def velocity(x: Floats, fs_hz: float) -> Floats:
    """Velocity [N] by the cubic Savitzky-Golay derivative over five samples, N at least 5 (Quijoux 2021)."""
    return np.asarray(savgol_filter(x, 5, 3, deriv=1, delta=1 / fs_hz))


def position_values(means: Means, samples: int, way: Conventions) -> Values:
    """MDIST, RDIST (mm), ellipses and circle (mm²), principal direction (deg) and its coefficient.

    Second moments are 1/N; covariances of the prediction ellipse 1/(N - 1) unless `way` says otherwise.
    """
    out: Values = {"MDIST_ML": means["ml_abs"], "RDIST_ML": np.sqrt(means["ml2"])}
    if "ap2" not in means:
        return out
    out |= {
        "MDIST": means["r"],
        "MDIST_AP": means["ap_abs"],
        "RDIST": np.sqrt(means["r2"]),
        "RDIST_AP": np.sqrt(means["ap2"]),
    }
    s_ml, s_ap, s_mlap = means["ml2"], means["ap2"], means["mlap"]
    root = np.sqrt(np.maximum(s_ml * s_ap - s_mlap**2, 0))
    scale = 1.0 if way.population_ellipse else samples / (samples - 1)
    exact = 2 * (samples - 1) * (samples + 1) / (samples * (samples - 2)) * f_95(samples)
    out["AREA_PEA95_F"] = math.pi * scale * root * exact
    out["AREA_PEA95"] = out["AREA_PEA95_F"] if way.exact_ellipse else math.pi * scale * root * CHI2_95
    out["AREA_CE"] = 2 * math.pi * prieto_f_95(samples) * root
    out["AREA_CC"] = math.pi * _circle_radius(means) ** 2
    moves = (s_mlap != 0) | (s_ml != s_ap)
    angle = np.degrees(np.arctan2(2 * s_mlap, s_ml - s_ap)) / 2
    # An axis has one direction in (-90, 90]; rounding must not choose between the ends.
    angle = np.where(angle <= -90 + 1e-9, angle + 180, angle)
    out["SWAY_DIRECTION"] = np.where(moves, angle, math.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        out["SWAY_DIRECTION_COEF"] = s_mlap / np.sqrt(s_ml * s_ap)
    return out


def path_values(means: Means, samples: int, counted: int, fs_hz: float, way: Conventions) -> Values:
    """TOTEX (mm), MVELO (mm/s), AREA_SW (mm²/s), MFREQ (Hz), FD, LFS (1/mm), PHASE_PLANE.

    Args:
        means: of `position_rows` and of `path_rows`.
        samples: N.
        counted: number of samples at the counting rate, N of the fractal dimension.
        fs_hz: sampling rate.
        way: conventions.
    """
    # Means over N - 1 intervals are rates over (N - 1) / fs.
    rate = 1.0 if way.intervals else (samples - 1) / samples
    seconds = (samples - 1) / fs_hz
    out: Values = {}
    for axis in ("ml", "ap") if "ap2" in means else ("ml",):
        suffix = f"_{axis.upper()}"
        out["TOTEX" + suffix] = means[f"speed_{axis}"] * seconds
        out["MVELO" + suffix] = means[f"speed_{axis}"] * rate
        spread = means[f"v_{axis}2"] - means[f"v_{axis}"] ** 2
        out["PHASE_PLANE" + suffix] = np.sqrt(means[f"{axis}2"] + np.maximum(spread, 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            out["MFREQ" + suffix] = means[f"speed_{axis}"] / (4 * math.sqrt(2) * means[f"{axis}_abs"])
    if "ap2" not in means:
        return out
    out["TOTEX"] = means["speed"] * seconds
    out["MVELO"] = means["speed"] * rate
    out["PHASE_PLANE"] = np.hypot(out["PHASE_PLANE_ML"], out["PHASE_PLANE_AP"])
    out["AREA_SW"] = means["swept"]
    static = position_values(means, samples, way)
    with np.errstate(invalid="ignore", divide="ignore"):
        out["MFREQ"] = means["speed"] / (2 * math.pi * means["r"])
        out["LFS"] = out["TOTEX"] / static["AREA_PEA95"]
        out["FD_CC"] = fractal_dimension(counted, 2 * _circle_radius(means), out["TOTEX"])
        ellipse = static["AREA_PEA95"] if way.population_ellipse else static["AREA_CE"]
        out["FD_CE"] = fractal_dimension(counted, np.sqrt(4 * ellipse / math.pi), out["TOTEX"])
    return out


def fractal_dimension(samples: int, diameter_mm: Floats, path_mm: Floats) -> Floats:
    """log N / log(N d / L) (Katz; Prieto 1996 with the diameter of the 95 % circle or ellipse)."""
    return np.asarray(math.log(samples) / np.log(samples * diameter_mm / path_mm))


def f_95(samples: int) -> float:
    """95 % point of F with 2 and N - 2 degrees of freedom."""
    return float(f_distribution.ppf(0.95, 2, samples - 2))


def prieto_f_95(samples: int) -> float:
    """As Prieto tabulates it: 3.00 above 120 samples."""
    return 3.0 if samples > 120 else f_95(samples)


def _circle_radius(means: Means) -> Floats:
    spread = np.sqrt(np.maximum(means["r2"] - means["r"] ** 2, 0))
    return np.asarray(means["r"] + Z_95 * spread)
