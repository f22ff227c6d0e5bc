"""Stabilogram diffusion analysis (Collins & De Luca 1993, Exp Brain Res 95:308-318)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A third of the record must reach well into the long region.
MIN_DURATION_S = 10.0
# Regions of open-loop and closed-loop control; CoM and CoP change over between 0.3 and 2.5 s.
SHORT_S = 1.0
LONG_S = 10.0
GRID_HZ = 30.0
LONG_LAGS = 60
# Lags above a third of the record have too few independent displacements.
LARGEST_SHARE = 1 / 3
SEARCH_S = (0.3, 2.5)


def diffusion_values(ml: Floats, ap: Floats | None, fs_hz: float, *, logarithmic: bool) -> dict[str, float]:
    """SDA_* per axis and together: D (mm²/s), H, critical time (s) and mean square displacement (mm²).

    The planar displacement is the sum over both axes, and its MSD grows as 4 D dt (2 D dt for one axis).
    Needs `MIN_DURATION_S`. `logarithmic`: the regions of Quijoux 2021, fitted on logarithms.
    """
    lags = lag_samples(len(ml), fs_hz, every=logarithmic)
    curves = {"_ML": (mean_square_displacement(ml, lags), 1)}
    if ap is not None:
        curves["_AP"] = (mean_square_displacement(ap, lags), 1)
        curves[""] = (curves["_ML"][0] + curves["_AP"][0], 2)
    out: dict[str, float] = {}
    for suffix, (curve, axes) in curves.items():
        fit: Mapping[str, float | Floats] = (
            fit_logarithmic(lags, curve, fs_hz) if logarithmic else fit_regions(lags / fs_hz, curve, axes)
        )
        out |= {f"SDA_{name}{suffix}": float(value) for name, value in fit.items()}
    return out


def lag_samples(samples: int, fs_hz: float, *, every: bool = False) -> NDArray[np.int64]:
    """Lags in samples up to a third of the record: every one, or some 90 for the two fixed regions.

    The latter lie on multiples of 1/30 s, so that the fits do not depend on the rate.
    """
    if every:
        return np.arange(1, int(samples * LARGEST_SHARE) + 1)
    longest = min(LONG_S, samples / fs_hz * LARGEST_SHARE)
    short = np.arange(1, round(SHORT_S * GRID_HZ) + 1)
    long = np.linspace(SHORT_S * GRID_HZ, np.floor(longest * GRID_HZ), LONG_LAGS).round()
    lags = np.concatenate([short, long]) / GRID_HZ * fs_hz
    return np.unique(lags.round().astype(np.int64).clip(1))


def mean_square_displacement(x: Floats, lags: NDArray[np.int64]) -> Floats:
    """mean((x(t + lag) - x(t))²) over all t, [lags], mm²."""
    return np.array([np.mean((x[lag:] - x[:-lag]) ** 2) for lag in lags.tolist()])


def fit_regions(lag_s: Floats, curve: Floats, axes: int) -> dict[str, Floats]:
    """Lines through the short (up to 1 s) and the long region (1 s to 10 s), linear for D, log-log for H.

    Critical point: where the two lines meet; NaN when they do not at a positive time.

    Args:
        lag_s: [L] lags.
        curve: [L] or [L, R] mean square displacements.
        axes: 1, or 2 for the planar curve.
    """
    short, long = lag_s <= SHORT_S + 1e-9, lag_s >= SHORT_S - 1e-9
    if not (curve > 0).all():
        return dict.fromkeys(("DS", "DL", "HS", "HL", "TC", "XC"), np.full(curve.shape[1:], math.nan))
    slope_s, base_s = np.polyfit(lag_s[short], curve[short], 1)
    slope_l, base_l = np.polyfit(lag_s[long], curve[long], 1)
    meet = (slope_s > slope_l) & (base_l > base_s)
    with np.errstate(invalid="ignore", divide="ignore"):
        critical = np.where(meet, (base_l - base_s) / (slope_s - slope_l), math.nan)
    return {
        "DS": slope_s / (2 * axes),
        "DL": slope_l / (2 * axes),
        "HS": np.polyfit(np.log(lag_s[short]), np.log(curve[short]), 1)[0] / 2,
        "HL": np.polyfit(np.log(lag_s[long]), np.log(curve[long]), 1)[0] / 2,
        "TC": critical,
        "XC": base_s + slope_s * critical,
    }


def fit_logarithmic(lags: NDArray[np.int64], curve: Floats, fs_hz: float) -> dict[str, float]:
    """As Quijoux 2021: both regions fitted log-log, each cut where its own residual is least, 0.3 to 2.5 s.

    DS and DL are exp(intercept), the displacement at 1 s, not diffusion coefficients.
    """
    if not (curve > 0).all():
        return dict.fromkeys(("DS", "DL", "HS", "HL", "TC", "XC"), math.nan)
    x, y = np.log(lags / fs_hz), np.log(curve)
    cuts = range(int(SEARCH_S[0] * fs_hz) + 1, int(SEARCH_S[1] * fs_hz) + 1)
    # The last of equals wins, as there.
    short = min((_line(x[:cut], y[:cut]) for cut in reversed(cuts)), key=lambda line: line[2])
    long = min((_line(x[cut - 1 :], y[cut - 1 :]) for cut in reversed(cuts)), key=lambda line: line[2])
    meet = min((long[1] - short[1]) / (short[0] - long[0]), float(x[-1]))
    return {
        "DS": math.exp(short[1]),
        "DL": math.exp(long[1]),
        "HS": short[0] / 2,
        "HL": long[0] / 2,
        "TC": math.exp(meet),
        "XC": math.exp(short[1] + short[0] * meet),
    }


def _line(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Slope, intercept and root mean square residual."""
    slope, base = np.polyfit(x, y, 1)
    return float(slope), float(base), float(np.sqrt(np.mean((y - base - slope * x) ** 2)))
