"""All sway metrics of a record: the formulas, without filters, gates or uncertainty (see `measure`)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mesh.errors import InvalidInput
from svc_balance.sway.measures import conventions as ways
from svc_balance.sway.measures.conventions import Conventions
from svc_balance.sway.measures.diffusion import MIN_DURATION_S, diffusion_values
from svc_balance.sway.measures.distance import path_rows, path_values, position_rows, position_values
from svc_balance.sway.measures.entropy import (
    MIN_SAMPLES,
    MSE_MIN_DURATION_S,
    fluctuation_exponent,
    multiscale_entropy,
    sample_entropy,
)
from svc_balance.sway.measures.extent import extent_values
from svc_balance.sway.measures.peaks import sway_density, velocity_peaks
from svc_balance.sway.measures.smoothness import smoothness_values
from svc_balance.sway.measures.spectrum import segment_samples, spectral_values, welch

Floats = NDArray[np.float64]

FEWEST_SAMPLES = 5
LONGEST_S = 600.0
HIGHEST_RATE_HZ = 5000.0
# Fractal dimension, entropies, fluctuation and sway density look at every sample about this often.
COUNTING_HZ = 30.0


def metrics(
    ml_mm: ArrayLike, ap_mm: ArrayLike | None, fs_hz: float, *, conventions: str = "assay"
) -> dict[str, float]:
    """Every metric that the record can carry, on the signal as it is given: no filter, only its mean removed.

    Ids and formulas: docs/balance-metrics.md. An id is absent when the view does not show its axis, when the
    record is too short for the formula (spectra and diffusion 10 s, entropies and fluctuation 200 samples,
    multiscale entropy 60 s; `measure` asks for more) or when the formula has no value (MFREQ of a constant).

    Args:
        ml_mm: [N] medio-lateral position in mm, + to the subject's right; 5 samples to 600 s.
        ap_mm: [N] antero-posterior position in mm, + forward; None when not seen.
        fs_hz: sampling rate, above 0 to 5000 Hz.
        conventions: "assay", or a published way: "bds" (Santos & Duarte 2016), "jythen" (Quijoux 2021).

    Returns:
        Id -> value in mm, mm/s, mm², mm²/s, Hz, s, deg or 1.

    Raises:
        InvalidInput: SWAY_SIGNAL_INVALID, SWAY_SIGNAL_TOO_SHORT, SWAY_SIGNAL_TOO_LONG, SWAY_RATE_INVALID,
            SWAY_CONVENTIONS_UNKNOWN, each naming the field.
    """
    way = ways.named(conventions)
    fs_hz = checked_rate(fs_hz)
    ml = checked_signal("ml_mm", ml_mm, fs_hz)
    ap = None if ap_mm is None else checked_signal("ap_mm", ap_mm, fs_hz)
    if ap is not None and len(ap) != len(ml):
        raise InvalidInput(
            "SWAY_SIGNAL_INVALID",
            f"ap_mm has {len(ap)} samples, ml_mm has {len(ml)}",
            field="ap_mm",
            fix="give both over the same window",
        )
    if way.centred:
        ml, ap = centred(ml), None if ap is None else centred(ap)
    every = static(ml, ap, way) | dynamic(ml, ap, fs_hz, way)
    every |= stochastic(ml, ap, fs_hz, way) | spectral(ml, ap, fs_hz, way)
    return {name: value for name, value in every.items() if math.isfinite(value)}


def static(ml: Floats, ap: Floats | None, way: Conventions) -> dict[str, float]:
    """Metrics of positions alone, whatever their order in time; signals centred, mm."""
    means = {name: row.mean() for name, row in position_rows(ml, ap).items()}
    out = _numbers(position_values(means, len(ml), way)) | extent_values(ml, ap)
    if ap is not None:
        area = out["AREA_PEA95"]
        out["OER"] = out["AREA_HULL"] / area if area > 0 else math.nan
    return out


def dynamic(ml: Floats, ap: Floats | None, fs_hz: float, way: Conventions) -> dict[str, float]:
    """Path, hybrid, peak and smoothness metrics: those of velocity; signals centred, mm."""
    rows = position_rows(ml, ap) | path_rows(ml, ap, fs_hz)
    means = {name: row.mean() for name, row in rows.items()}
    stride = counting_stride(fs_hz)
    out = _numbers(path_values(means, len(ml), len(ml[::stride]), fs_hz, way))
    out |= smoothness_values(ml, ap, fs_hz)
    if ap is not None:
        out |= sway_density(ml[::stride], ap[::stride], fs_hz / stride)
        out |= velocity_peaks(ap, fs_hz, "_AP")
    return out | velocity_peaks(ml, fs_hz, "_ML")


def stochastic(ml: Floats, ap: Floats | None, fs_hz: float, way: Conventions) -> dict[str, float]:
    """Diffusion, entropies and fluctuation, as far as the record is long enough; signals centred, mm."""
    out: dict[str, float] = {}
    if len(ml) / fs_hz >= MIN_DURATION_S:
        out |= diffusion_values(ml, ap, fs_hz, logarithmic=way.log_diffusion)
    stride = counting_stride(fs_hz)
    for suffix, signal in (("_ML", ml), ("_AP", ap)):
        if signal is not None and len(signal[::stride]) >= MIN_SAMPLES:
            out |= regularity(signal[::stride], suffix, len(ml) / fs_hz)
    return out


def regularity(x: Floats, suffix: str, duration_s: float) -> dict[str, float]:
    """SAMPEN, SAMPEN_DIFF (of the first difference), DFA, and MSE from 60 s; `x` at the counting rate."""
    out = {
        "SAMPEN" + suffix: sample_entropy(x),
        "SAMPEN_DIFF" + suffix: sample_entropy(np.diff(x)),
        "DFA" + suffix: fluctuation_exponent(x),
    }
    if duration_s >= MSE_MIN_DURATION_S:
        out["MSE" + suffix] = multiscale_entropy(x)
    return out


def spectral(ml: Floats, ap: Floats | None, fs_hz: float, way: Conventions) -> dict[str, float]:
    """Spectral metrics; empty for a record shorter than one Welch segment or a rate below the band."""
    if len(ml) < segment_samples(fs_hz) or fs_hz / 2 < way.band_hz[1]:
        return {}
    frequency, ml_density = welch(ml, fs_hz, way)
    ap_density = None if ap is None else welch(ap, fs_hz, way)[1]
    return _numbers(spectral_values(frequency, ml_density, ap_density, way))


def counting_stride(fs_hz: float) -> int:
    """Every how many samples the metrics that count samples look, so that they do not depend on the rate."""
    return max(1, round(fs_hz / COUNTING_HZ))


def centred(x: Floats) -> Floats:
    """About its mean."""
    return np.asarray(x - x.mean())


def checked_rate(fs_hz: float) -> float:
    """The rate, or InvalidInput SWAY_RATE_INVALID."""
    if isinstance(fs_hz, bool) or not isinstance(fs_hz, (int, float, np.number)):
        raise InvalidInput("SWAY_RATE_INVALID", "fs_hz is not a number", field="fs_hz", fix="give samples/s")
    if not 0 < fs_hz <= HIGHEST_RATE_HZ:
        raise InvalidInput(
            "SWAY_RATE_INVALID",
            f"fs_hz is {fs_hz}",
            field="fs_hz",
            fix=f"give samples per second, above 0 and at most {HIGHEST_RATE_HZ:g}",
        )
    return float(fs_hz)


def checked_signal(field: str, x: ArrayLike, fs_hz: float) -> Floats:
    """[N] finite float64, or InvalidInput naming the field."""
    try:
        signal = np.asarray(x, np.float64)
    except (TypeError, ValueError):
        signal = np.empty((0, 0))
    if signal.ndim != 1:
        raise InvalidInput(
            "SWAY_SIGNAL_INVALID", f"{field} is not a row of numbers", field=field, fix="give one axis, [N]"
        )
    if len(signal) < FEWEST_SAMPLES:
        raise InvalidInput(
            "SWAY_SIGNAL_TOO_SHORT",
            f"{field} has {len(signal)} samples",
            field=field,
            fix=f"give at least {FEWEST_SAMPLES}",
        )
    if len(signal) / fs_hz > LONGEST_S:
        raise InvalidInput(
            "SWAY_SIGNAL_TOO_LONG",
            f"{field} lasts {len(signal) / fs_hz:.0f} s",
            field=field,
            fix=f"give one trial, at most {LONGEST_S:g} s",
        )
    if not np.isfinite(signal).all():
        raise InvalidInput(
            "SWAY_SIGNAL_INVALID",
            f"{field} has {int((~np.isfinite(signal)).sum())} samples that are not finite",
            field=field,
            fix="fill or cut the gaps first",
        )
    return signal


def _numbers(values: dict[str, Floats]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
