"""Sampling variability of sway metrics: how far another record of the same length would differ.

Sway is one realisation of a process, and ten seconds hold few independent excursions. Three ways, each for
the metrics it fits (docs/balance-metrics.md, with the coverage that was measured):

- means of per-sample quantities: stationary bootstrap of those quantities, not of the trace, which would jump
  where blocks meet;
- spectra: records drawn from the estimated density, analysed alike;
- extremes: the spread over records of the same spectrum, added to that of the RMS distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svc_balance.sway.measures.compute import counting_stride
from svc_balance.sway.measures.conventions import ASSAY
from svc_balance.sway.measures.diffusion import fit_regions, lag_samples
from svc_balance.sway.measures.distance import path_rows, path_values, position_rows, position_values
from svc_balance.sway.measures.entropy import (
    EMBEDDING,
    MIN_SAMPLES,
    MSE_SCALES,
    TOLERANCE,
    residual_variance,
    template_matches,
    window_sizes,
)
from svc_balance.sway.measures.extent import extent_values
from svc_balance.sway.measures.peaks import crossing_peaks, density_peaks
from svc_balance.sway.measures.resample import block_length, of_density, same_spectrum, stationary_weights
from svc_balance.sway.measures.spectrum import segment_samples, spectral_values, welch

Floats = NDArray[np.float64]

EXTREME_REPLICATES = 60
# Metrics whose values may be negative or end at a bound: their spread is absolute, of all others relative.
ABSOLUTE = ("SWAY_DIRECTION", "LDLJ", "SDA_H", "SDA_D", "FREQD", "FPEAK", "DFA")
# A short record knows too little of its own slow part: on simulated sway of 20 to 60 s the bootstrap came out
# 1.1 to 1.7 times too narrow, more for positions than for velocities. One factor for all of it
# (docs/balance-metrics.md, Coverage).
SMALL_SAMPLE = 1.5
# Second-order terms of a U-statistic of pairs: its deviation is twice that of the mean over first members.
PAIRS = 2


@dataclass(frozen=True)
class Filtered:
    """Both axes of a record after one filter, centred, mm; `ap` None when only one axis is seen."""

    ml: Floats
    ap: Floats | None


def is_absolute(name: str) -> bool:
    """Whether a metric's spread is in its unit; otherwise it is of its logarithm."""
    return name.startswith(ABSOLUTE)


def spreads(position: Filtered, path: Filtered, raw: Filtered, fs_hz: float) -> dict[str, float]:
    """Standard deviation by sampling of each metric, or of its logarithm (`is_absolute`).

    A metric is absent where no spread can be told.
    """
    stride = counting_stride(fs_hz)
    rows = position_rows(position.ml, position.ap)
    steady = rows["ml2"] if "r2" not in rows else rows["r2"]
    weights = _weights(_thinned(steady, stride))
    out = _widened(_of(position_values(_means(rows, weights, stride), len(position.ml), ASSAY)))
    moving = position_rows(path.ml, path.ap) | path_rows(path.ml, path.ap, fs_hz)
    means = _means(moving, weights, stride)
    counted = len(path.ml[::stride])
    out |= _widened(_of(path_values(means, len(path.ml), counted, fs_hz, ASSAY)))
    out |= _extremes(position, out)
    out |= _jerk(path, fs_hz, weights, stride, out)
    out |= _widened(_peaks(path, fs_hz, stride))
    out |= _spectra(raw, fs_hz)
    # As many samples as the replicates weigh: a last one alone in its stride has no weight.
    whole = weights.shape[1] * stride
    slow = Filtered(path.ml[:whole:stride], None if path.ap is None else path.ap[:whole:stride])
    out |= _widened(_diffusion(slow, fs_hz / stride, weights))
    for suffix, x in (("_ML", slow.ml), ("_AP", slow.ap)):
        if x is not None and len(x) >= MIN_SAMPLES:
            regular = _widened(_regularity(x, weights))
            out |= {name + suffix: spread for name, spread in regular.items()}
    return {name: spread for name, spread in out.items() if math.isfinite(spread)}


def _widened(spreads: dict[str, float]) -> dict[str, float]:
    return {name: SMALL_SAMPLE * spread for name, spread in spreads.items()}


def _weights(x: Floats) -> Floats:
    return stationary_weights(len(x), block_length(x))


def _thinned(row: Floats, stride: int) -> Floats:
    """Means over `stride` samples each."""
    usable = len(row) // stride * stride
    return np.asarray(row[:usable].reshape(-1, stride).mean(axis=1))


def _means(rows: dict[str, Floats], weights: Floats, stride: int) -> dict[str, Floats]:
    return {name: _mean(_thinned(row, stride), weights) for name, row in rows.items()}


def _mean(row: Floats, weights: Floats) -> Floats:
    """Weighted means [R] of `row` [K], K at most the width of `weights` [R, N]."""
    w = weights[:, : len(row)]
    return np.asarray(w[:, : row.shape[0]] @ row[: w.shape[1]] / w.sum(axis=1))


def _of(values: dict[str, Floats]) -> dict[str, float]:
    """Spread of each metric over its replicates [R]."""
    return {name: _spread(name, value) for name, value in values.items()}


def _spread(name: str, values: Floats) -> float:
    if name == "SWAY_DIRECTION":
        # An axis, the same after half a turn: spread on the doubled angle.
        doubled = np.exp(2j * np.radians(values)).mean()
        return math.degrees(math.sqrt(max(-2 * math.log(max(abs(doubled), 1e-12)), 0.0))) / 2
    if is_absolute(name):
        return float(np.std(values))
    positive = values[values > 0]
    return float(np.std(np.log(positive))) if len(positive) > len(values) / 2 else math.nan


def _extremes(position: Filtered, known: dict[str, float]) -> dict[str, float]:
    ml, ap = same_spectrum(position.ml, position.ap, EXTREME_REPLICATES)
    found = [extent_values(ml[i], None if ap is None else ap[i]) for i in range(EXTREME_REPLICATES)]
    out = {}
    for name in found[0]:
        spread = float(np.std(np.log([max(each[name], 1e-300) for each in found])))
        axis = name.removeprefix("RANGE").removeprefix("MAXDIST")
        size = known["AREA_PEA95"] if name == "AREA_HULL" else known.get("RDIST" + axis, math.nan)
        if name == "RANGE_RATIO":
            size = math.hypot(known["RDIST_ML"], known["RDIST_AP"])
        out[name] = math.hypot(spread, size)
        if name == "AREA_HULL":
            # Both areas grow together with the amplitude.
            out["OER"] = spread
    return out


def _jerk(
    path: Filtered, fs_hz: float, weights: Floats, stride: int, known: dict[str, float]
) -> dict[str, float]:
    squares = {"_ML": np.diff(path.ml, 3) ** 2}
    if path.ap is not None:
        squares["_AP"] = np.diff(path.ap, 3) ** 2
        squares[""] = squares["_ML"] + squares["_AP"]
    return {
        "LDLJ" + axis: math.hypot(
            SMALL_SAMPLE * float(np.std(np.log(np.maximum(_mean(_thinned(row, stride), weights), 1e-300)))),
            2 * known.get("RANGE" + axis, math.nan),
        )
        for axis, row in squares.items()
    }


def _peaks(path: Filtered, fs_hz: float, stride: int) -> dict[str, float]:
    """Peaks are taken as independent of each other."""
    out = {}
    for axis, x in (("_ML", path.ml), ("_AP", path.ap)):
        if x is None:
            continue
        crossings, peaks, up = crossing_peaks(x, fs_hz)
        out["VZC" + axis] = _of_mean(np.diff(crossings).astype(np.float64))
        out["VPEAK" + axis] = _of_mean(peaks)
        out["VPEAK_POS" + axis] = _of_mean(peaks[up])
        out["VPEAK_NEG" + axis] = _of_mean(peaks[~up])
    if path.ap is not None:
        dwell, travelled = density_peaks(path.ml[::stride], path.ap[::stride], fs_hz / stride)
        out |= {"SWAY_DENSITY_PEAK": _of_mean(dwell), "SWAY_DENSITY_DISTANCE": _of_mean(travelled)}
    return out


def _of_mean(x: Floats) -> float:
    """Relative standard error of the mean of independent values."""
    if len(x) < 2 or not x.mean() > 0:
        return math.nan
    return float(x.std(ddof=1) / math.sqrt(len(x)) / x.mean())


def _spectra(raw: Filtered, fs_hz: float) -> dict[str, float]:
    if len(raw.ml) < segment_samples(fs_hz):
        return {}
    stride = counting_stride(fs_hz)
    densities: list[Floats | None] = []
    for stream, x in enumerate((raw.ml, raw.ap)):
        if x is None:
            densities.append(None)
            continue
        frequency, density = welch(x, fs_hz, ASSAY)
        records = of_density(frequency, density, len(x) // stride, fs_hz / stride, stream)
        frequency, replicates = welch(records, fs_hz / stride, ASSAY)
        densities.append(replicates)
    assert densities[0] is not None
    out = _of(spectral_values(frequency, densities[0], densities[1], ASSAY))
    # A peak lies on the grid: it is known to within a bin.
    bin_hz = float(frequency[1]) / math.sqrt(12)
    return {name: math.hypot(s, bin_hz) if name.startswith("FPEAK") else s for name, s in out.items()}


def _diffusion(slow: Filtered, fs_hz: float, weights: Floats) -> dict[str, float]:
    lags = lag_samples(len(slow.ml), fs_hz)
    curves = {"_ML": (_displacements(slow.ml, lags, weights), 1)}
    if slow.ap is not None:
        curves["_AP"] = (_displacements(slow.ap, lags, weights), 1)
        curves[""] = (curves["_ML"][0] + curves["_AP"][0], 2)
    out: dict[str, float] = {}
    for axis, (curve, axes) in curves.items():
        fit = fit_regions(lags / fs_hz, curve, axes)
        out |= _of({f"SDA_{name}{axis}": values for name, values in fit.items()})
    return out


def _displacements(x: Floats, lags: NDArray[np.int64], weights: Floats) -> Floats:
    """Mean square displacement of every replicate, [L, R]."""
    return np.array([_mean((x[lag:] - x[:-lag]) ** 2, weights) for lag in lags.tolist()])


def _regularity(x: Floats, weights: Floats) -> dict[str, float]:
    r = TOLERANCE * float(x.std())
    out = {
        "SAMPEN": _relative(_entropies(x, r, weights)),
        "SAMPEN_DIFF": _relative(_entropies(np.diff(x), TOLERANCE * float(np.diff(x).std()), weights)),
    }
    fluctuation = []
    sizes = window_sizes(len(x))
    for size in sizes:
        variance = residual_variance(x, size)
        usable = len(variance) * size
        shares = weights[:, :usable].reshape(len(weights), -1, size).sum(axis=2)
        fluctuation.append(shares @ variance / shares.sum(axis=1))
    if min(map(np.min, fluctuation)) > 0:
        out["DFA"] = float(np.std(np.polyfit(np.log(sizes), np.log(fluctuation) / 2, 1)[0]))
    if len(x) // MSE_SCALES >= MIN_SAMPLES:
        total = np.zeros(len(weights))
        for scale in range(1, MSE_SCALES + 1):
            usable = len(x) // scale * scale
            coarse = x[:usable].reshape(-1, scale).mean(axis=1)
            total += _entropies(coarse, r, weights[:, :usable].reshape(len(weights), -1, scale).mean(axis=2))
        out["MSE"] = _relative(total)
    return out


def _entropies(x: Floats, r: float, weights: Floats) -> Floats:
    """Sample entropy of every replicate, [R]."""
    longer, shorter = template_matches(x, r)
    w = weights[:, : len(x) - EMBEDDING]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(-np.log((w @ longer) / (w @ shorter)))


def _relative(entropies: Floats) -> float:
    mean = float(entropies.mean())
    return PAIRS * float(entropies.std()) / mean if mean > 0 else math.nan
