"""Zero-lag Butterworth filters and derivatives of evenly sampled signals.

Missing samples (NaN) split a signal: every finite run is filtered on its own, so nothing leaks over a gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

Floats = NDArray[np.float64]

# Two passes of a 2nd-order Butterworth reach -3 dB together where each one's squared gain is 1/sqrt(2):
# (f / f_design)^4 = sqrt(2) - 1 (Winter, Biomechanics and Motor Control of Human Movement, ch. 3).
CORRECTION = (math.sqrt(2) - 1) ** 0.25
PAD_S = 1.0
# Fewer samples than this cannot carry a filtered value.
MIN_RUN = 4


def low_pass(x: Floats, fs_hz: float, cutoff_hz: float) -> Floats:
    """Filters along axis 0 with a 2nd-order Butterworth run forwards and backwards (4th order, zero lag).

    The gain is exactly -3 dB at the cutoff: the design frequency is corrected by 0.8022 for the two passes,
    on the warped axis of the bilinear transform. Ends are padded by 1 s of point reflection, which keeps
    level and slope.

    Args:
        x: [N] or [N, ...], any unit; NaN is missing.
        fs_hz: sampling rate, > 0.
        cutoff_hz: -3 dB point, above 0 and below fs_hz / 2.

    Returns:
        Same shape and unit. Runs shorter than four samples become NaN.

    Raises:
        ValueError: rates that no filter can have.
    """
    return _zero_lag(x, fs_hz, butter(2, _design_hz(cutoff_hz, fs_hz, rising=False), fs=fs_hz, output="sos"))


def band_pass(x: Floats, fs_hz: float, low_hz: float, high_hz: float) -> Floats:
    """Filters along axis 0 between two cutoffs: a zero-lag high-pass after a zero-lag low-pass.

    Arguments, padding and errors as in `low_pass`; the gain is -3 dB at either cutoff when they lie well
    apart.
    """
    if not low_hz < high_hz:
        raise ValueError(f"low_hz {low_hz} is not below high_hz {high_hz}")
    high = butter(2, _design_hz(low_hz, fs_hz, rising=True), btype="highpass", fs=fs_hz, output="sos")
    return _zero_lag(low_pass(x, fs_hz, high_hz), fs_hz, high)


def derivative(x: Floats, fs_hz: float) -> Floats:
    """First derivative along axis 0 by the five-point central difference, per second.

    Its gain error is below 0.6 % at fs_hz / 10 (a three-point difference loses 6.5 % there), so velocities
    do not depend on the frame rate. The two samples at either end are of lower order; those next to a gap
    are of lower order or NaN.
    """
    x = np.asarray(x, np.float64)
    out = np.full_like(x, np.nan)
    if len(x) >= 3:
        out[1:-1] = (x[2:] - x[:-2]) / 2
        out[0] = (4 * x[1] - 3 * x[0] - x[2]) / 2
        out[-1] = (3 * x[-1] - 4 * x[-2] + x[-3]) / 2
    if len(x) >= 5:
        five = (8 * (x[3:-1] - x[1:-3]) - (x[4:] - x[:-4])) / 12
        out[2:-2] = np.where(np.isfinite(five), five, out[2:-2])
    return out * fs_hz


def runs(present: NDArray[np.bool_]) -> Iterator[slice]:
    """Stretches of True in [N], in order."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], present, [False])).astype(np.int8)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        yield slice(int(start), int(stop))


def _design_hz(cutoff_hz: float, fs_hz: float, *, rising: bool) -> float:
    if not (fs_hz > 0 and 0 < cutoff_hz < fs_hz / 2):
        raise ValueError(f"cutoff {cutoff_hz} Hz must lie between 0 and half the rate {fs_hz} Hz")
    warped = math.tan(math.pi * cutoff_hz / fs_hz)
    corrected = warped * CORRECTION if rising else warped / CORRECTION
    return fs_hz / math.pi * math.atan(corrected)


def _zero_lag(x: Floats, fs_hz: float, sos: Floats) -> Floats:
    x = np.asarray(x, np.float64)
    columns = x.reshape(len(x), math.prod(x.shape[1:]))
    out = np.full_like(columns, np.nan)
    finite = np.isfinite(columns)
    whole = finite.all(axis=0)
    if len(x) >= MIN_RUN and whole.any():
        out[:, whole] = _filter(columns[:, whole], fs_hz, sos)
    for column in np.flatnonzero(~whole):
        for run in runs(finite[:, column]):
            if run.stop - run.start >= MIN_RUN:
                out[run, column] = _filter(columns[run, column], fs_hz, sos)
    return out.reshape(x.shape)


def _filter(x: Floats, fs_hz: float, sos: Floats) -> Floats:
    pad = min(round(PAD_S * fs_hz), len(x) - 1)
    return np.asarray(sosfiltfilt(sos, x, axis=0, padtype="odd", padlen=pad), np.float64)
