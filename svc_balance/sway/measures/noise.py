"""Noise floor of a trace, and what it does to distance and velocity.

Noise of the landmarks reads as path: 1 mm of white noise at 30 Hz, below 3 Hz, is already several mm/s.
Without a noise floor velocity cannot be told from noise. Two things tell it, both upper bounds, and the
smaller one counts:

- a still reference segment: a person sways even when still.
- the trace's own residual: above 6 Hz a body hardly sways, so that what is there is noise. Noise of tracked
  landmarks is not white but grows towards low frequencies; it is carried down as a random walk, 1/f^2.

Spreads between repeated looks at a frame are neither: they are mostly a constant bias, which no sway metric
sees, and residuals of single landmarks leave out what the landmarks have in common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from svc_balance.sway.posture.filters import CORRECTION, low_pass

Floats = NDArray[np.float64]

# Mean of |v| over the standard deviation of v, for one normal component and for two alike.
MEAN_ABS_1D = math.sqrt(2 / math.pi)
MEAN_ABS_2D = math.sqrt(math.pi / 2)
# Half-length of the impulse response that is summed.
RESPONSE_S = 4.0
LEAST_STILL_S = 2.0
# Where a trace is taken to be noise alone, and where sway metrics begin, Hz.
RESIDUAL_HZ = (6.0, 12.0)
SLOWEST_HZ = 0.15
RESIDUAL_SEGMENT_S = 2.0


@dataclass(frozen=True)
class Noise:
    """Noise alone after the filters: standard deviation of position in mm and of velocity in mm/s."""

    position_mm: float
    velocity_mm_s: float


def white(standard_uncertainty_mm: Floats, fs_hz: float, position_hz: float, velocity_hz: float) -> Noise:
    """Noise that is independent from sample to sample.

    Args:
        standard_uncertainty_mm: [N], NaN where unknown.
        fs_hz: sampling rate.
        position_hz: cutoff for positions.
        velocity_hz: cutoff for velocities.
    """
    sd = float(np.sqrt(np.nanmean(standard_uncertainty_mm**2)))
    half = round(RESPONSE_S * fs_hz)
    impulse = np.zeros(2 * half + 1)
    impulse[half] = 1.0
    position = low_pass(impulse, fs_hz, position_hz)
    velocity = np.diff(low_pass(impulse, fs_hz, velocity_hz)) * fs_hz
    return Noise(sd * float(np.sqrt((position**2).sum())), sd * float(np.sqrt((velocity**2).sum())))


def still(reference_mm: Floats, fs_hz: float, position_hz: float, velocity_hz: float) -> Noise:
    """Noise read from a segment in which the subject is still; `reference_mm` [M], finite, 2 s or more."""
    position = low_pass(reference_mm, fs_hz, position_hz)
    velocity = np.diff(low_pass(reference_mm, fs_hz, velocity_hz)) * fs_hz
    return Noise(float(position.std()), float(velocity.std()))


def residual(position_mm: Floats, fs_hz: float, source_hz: float, cutoffs_hz: tuple[float, float]) -> Noise:
    """Noise read from the trace itself: P(f) = c / f^2, c from 6 to 12 Hz.

    Too large, by up to five times, where the noise is white.

    Args:
        position_mm: [N], finite, 2 s or more, unfiltered.
        fs_hz: sampling rate.
        source_hz: frame rate behind the samples; beyond 0.4 of it the even sampling has taken noise out.
        cutoffs_hz: for positions and for velocities.
    """
    segment = min(round(RESIDUAL_SEGMENT_S * fs_hz), len(position_mm))
    f, power = welch(position_mm, fs_hz, nperseg=segment, detrend="linear")
    high = min(RESIDUAL_HZ[1], 0.4 * min(fs_hz, source_hz))
    # A slow recording has no such band: its highest frequencies stand in.
    band = (f >= min(RESIDUAL_HZ[0], high / 2)) & (f <= high)
    level = float((power * f**2)[band].mean())
    step = 0.01
    grid = np.arange(SLOWEST_HZ, fs_hz / 2, step)
    density = level / grid**2
    # Gain of `low_pass`: two passes of a 2nd-order Butterworth.
    position, velocity = (1 / (1 + (grid * CORRECTION / cutoff) ** 4) for cutoff in cutoffs_hz)
    place = (density * position**2).sum() * step
    speed = (density * (2 * np.pi * grid * velocity) ** 2).sum() * step
    return Noise(math.sqrt(place), math.sqrt(speed))


def planar_speed(ml: Noise, ap: Noise) -> float:
    """Mean speed of noise in both axes, mm/s; exact when they are equal."""
    return MEAN_ABS_2D * math.sqrt((ml.velocity_mm_s**2 + ap.velocity_mm_s**2) / 2)


def signal_to_noise(measured: float, noise: float) -> float:
    """Amplitude ratio of signal to noise, the noise's square taken off the measured square; 0 or more."""
    if noise <= 0:
        return math.inf
    return math.sqrt(max((measured / noise) ** 2 - 1, 0.0))
