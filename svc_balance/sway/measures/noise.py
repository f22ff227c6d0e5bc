"""Noise floor of a trace, and what it does to distance and velocity.

White noise of the landmarks reads as path: 1 mm at 30 Hz, low-passed at 3 Hz, is already several mm/s.
Without a noise floor velocity cannot be told from noise, so its source is named: a still reference segment
(an upper bound: a person sways even when still) or the standard errors of the pose stage (white from frame
to frame).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svc_balance.sway.posture.filters import low_pass

Floats = NDArray[np.float64]

# Mean of |v| over the standard deviation of v, for one normal component and for two alike.
MEAN_ABS_1D = math.sqrt(2 / math.pi)
MEAN_ABS_2D = math.sqrt(math.pi / 2)
# Half-length of the impulse response that is summed.
RESPONSE_S = 4.0
LEAST_STILL_S = 2.0


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


def planar_speed(ml: Noise, ap: Noise) -> float:
    """Mean speed of noise in both axes, mm/s; exact when they are equal."""
    return MEAN_ABS_2D * math.sqrt((ml.velocity_mm_s**2 + ap.velocity_mm_s**2) / 2)


def signal_to_noise(measured: float, noise: float) -> float:
    """Amplitude ratio of signal to noise, the noise's square taken off the measured square; 0 or more."""
    if noise <= 0:
        return math.inf
    return math.sqrt(max((measured / noise) ** 2 - 1, 0.0))
