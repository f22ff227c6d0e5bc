"""Spectral measures of sway.

Power spectral density by Welch (1967): Hann windows of 10 s, half overlapped, each less its mean. A line is
not taken out of segments: it would take power out of the tones themselves and raise the median frequency
(Vieira 2009, Braz J Med Biol Res 42:665-673), and what a drift leaks through a Hann window above 0.15 Hz is
small.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import detrend
from scipy.signal.windows import hann

from svc_balance.sway.measures.conventions import Conventions

Floats = NDArray[np.float64]

SEGMENT_S = 10.0
# Bands of Quijoux 2021, Hz, cut at the end of the conventions' band.
LOW_HZ, HIGH_HZ = 0.5, 2.0
# Second central moment of the power response of a Hann window, in squared bins: bins 1/4, 1, 1/4 about the
# tone. It widens every line of the spectrum; moments are corrected for it.
HANN_VARIANCE = 1 / 3


def welch(x: Floats, fs_hz: float, way: Conventions) -> tuple[Floats, Floats]:
    """Frequencies [F] in Hz and one-sided densities [..., F] in mm²/Hz of `x` [..., N].

    N must hold one segment (`segment_samples`).
    """
    size = segment_samples(fs_hz)
    step = size - size // 2
    segments = np.lib.stride_tricks.sliding_window_view(x, size, axis=-1)[..., ::step, :]
    flat = detrend(segments, type="linear" if way.welch_linear else "constant")
    window = hann(size, sym=False)
    padded = max(x.shape[-1], size) if way.welch_linear else size
    power = (np.abs(np.fft.rfft(flat * window, padded)) ** 2).mean(axis=-2)
    density = power / (fs_hz * (window**2).sum())
    density[..., 1 : (padded + 1) // 2] *= 2
    return np.asarray(np.fft.rfftfreq(padded, 1 / fs_hz), np.float64), density


def segment_samples(fs_hz: float) -> int:
    """Samples in one Welch segment."""
    return round(SEGMENT_S * fs_hz)


def spectral_values(
    frequency_hz: Floats, ml: Floats, ap: Floats | None, way: Conventions
) -> dict[str, Floats]:
    """POWER (mm²), F50, F80, F95, FPEAK, CFREQ, MEANF_PSD (Hz), FREQD and bands, per axis and together.

    `ml`, `ap`: densities [..., F]. Together means of ML + AP, the trace of the spectral matrix, which no
    rotation changes.
    """
    out = _axis_values(frequency_hz, ml, "_ML", way)
    if ap is not None:
        out |= _axis_values(frequency_hz, ap, "_AP", way)
        out |= _axis_values(frequency_hz, ml + ap, "", way)
    return out


def _axis_values(frequency_hz: Floats, density: Floats, suffix: str, way: Conventions) -> dict[str, Floats]:
    width = float(frequency_hz[1] - frequency_hz[0])
    inside = (frequency_hz >= way.band_hz[0] - 1e-9) & (frequency_hz <= way.band_hz[1] + 1e-9)
    f = frequency_hz[inside]
    power = density[..., inside] * (1.0 if way.power_per_bin else width)
    low, high = f <= LOW_HZ + 1e-9, f > HIGH_HZ + 1e-9
    total = power.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (power * f).sum(axis=-1) / total
        square = (power * f**2).sum(axis=-1) / total
        if not way.welch_linear:
            square = np.maximum(square - HANN_VARIANCE * width**2, mean**2)
        out = {
            "POWER": total,
            "FPEAK": np.where(total > 0, f[power.argmax(axis=-1)], math.nan),
            "MEANF_PSD": mean,
            "CFREQ": np.sqrt(square),
            "FREQD": np.sqrt(np.maximum(1 - mean**2 / square, 0)),
            "POWER_LOW": power[..., low].sum(axis=-1),
            "POWER_MID": power[..., ~low & ~high].sum(axis=-1),
            "POWER_HIGH": power[..., high].sum(axis=-1),
        }
        beneath = out["POWER_LOW"] + out["POWER_MID"] if way.welch_linear else out["POWER_LOW"]
        out["POWER_RATIO_HIGH_LOW"] = out["POWER_HIGH"] / beneath
    for share in (50, 80, 95):
        out[f"F{share}"] = _quantile(f, power, share / 100, width, within=not way.welch_linear)
    return {name + suffix: value for name, value in out.items()}


def _quantile(f: Floats, power: Floats, share: float, width: float, *, within: bool) -> Floats:
    """Smallest frequency with that share of the power beneath it.

    `within`: a bin's power is spread evenly over its width, so the answer is not bound to the grid.
    """
    cumulative = np.cumsum(power, axis=-1)
    total = cumulative[..., -1:]
    index = (cumulative >= share * total * (1 - 1e-12)).argmax(axis=-1)
    if not within:
        return np.where(total[..., 0] > 0, f[index], math.nan)
    bin_power = np.take_along_axis(power, index[..., None], axis=-1)[..., 0]
    beneath = np.take_along_axis(cumulative, index[..., None], axis=-1)[..., 0] - bin_power
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (share * total[..., 0] - beneath) / bin_power
    return np.asarray(np.where(total[..., 0] > 0, f[index] + (part - 0.5) * width, math.nan))
