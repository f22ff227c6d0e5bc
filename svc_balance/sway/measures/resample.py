"""Resampling of one record: what other values it might have given (all seeded, so results repeat)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REPLICATES = 200
SEED = 20161103


def block_length(x: Floats) -> float:
    """Mean block length in samples for the mean of `x` [N] (Politis & White 2004, Econom Rev 23:53-70).

    For the stationary bootstrap, with the correction of Patton et al. 2009; between 1 and N / 3.
    """
    n = len(x)
    centred = x - x.mean()
    spectrum = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    covariance = np.fft.irfft(spectrum)[:n] / n
    if covariance[0] <= 0:
        return 1.0
    rho = covariance / covariance[0]
    calm = max(5, math.ceil(math.sqrt(math.log10(n))))
    small = np.abs(rho[1:]) < 2 * math.sqrt(math.log10(n) / n)
    quiet = np.flatnonzero(np.convolve(small, np.ones(calm, int), "valid") == calm)
    lags = min(2 * int(quiet[0] + 1), n - 1) if len(quiet) else n - 1
    k = np.arange(1, lags + 1)
    taper = np.minimum(1.0, 2 * (1 - k / lags))
    g = 2 * float((taper * k * covariance[1 : lags + 1]).sum())
    d = 2 * float(covariance[0] + 2 * (taper * covariance[1 : lags + 1]).sum()) ** 2
    if d <= 0:
        return n / 3
    return float(np.clip((2 * g**2 / d) ** (1 / 3) * n ** (1 / 3), 1, n / 3))


def stationary_weights(samples: int, block: float) -> Floats:
    """How often each sample is drawn, [REPLICATES, N] (Politis & Romano 1994, J Am Stat Assoc 89:1303)."""
    rng = np.random.default_rng(SEED)
    shape = (REPLICATES, samples)
    fresh = rng.random(shape) < 1 / block
    fresh[:, 0] = True
    step = np.arange(samples)
    begun = np.maximum.accumulate(np.where(fresh, step, 0), axis=1)
    start = np.take_along_axis(rng.integers(samples, size=shape), begun, axis=1)
    drawn = (start + step - begun) % samples
    drawn += np.arange(REPLICATES)[:, None] * samples
    counts = np.bincount(drawn.ravel(), minlength=REPLICATES * samples)
    return counts.reshape(shape).astype(np.float64)


def same_spectrum(x: Floats, y: Floats | None, replicates: int) -> tuple[Floats, Floats | None]:
    """Records [replicates, N] with the periodogram of `x` and of `y` and their coherence, random phases.

    Theiler et al. 1992, Physica D 58:77-94.
    """
    rng = np.random.default_rng(SEED)
    bins = len(x) // 2 + 1
    turn = np.exp(2j * math.pi * rng.random((replicates, bins)))
    turn[:, 0] = 1
    if len(x) % 2 == 0:
        turn[:, -1] = 1
    first = np.fft.irfft(np.fft.rfft(x) * turn, len(x))
    return first, None if y is None else np.fft.irfft(np.fft.rfft(y) * turn, len(x))


def of_density(frequency_hz: Floats, density: Floats, samples: int, fs_hz: float, stream: int) -> Floats:
    """Gaussian records [REPLICATES, N] of a process with that one-sided density, unit²/Hz.

    `stream` keeps the axes independent.
    """
    rng = np.random.default_rng((SEED, stream))
    # Twice as long as needed: a record on a circle would know its own end.
    length = 2 * samples
    bins = np.fft.rfftfreq(length, 1 / fs_hz)
    power = np.interp(bins, frequency_hz, density)
    normal = rng.standard_normal((2, REPLICATES, len(bins)))
    amplitude = np.sqrt(power * fs_hz * length / 4)
    return np.fft.irfft((normal[0] + 1j * normal[1]) * amplitude, length)[:, :samples]
