"""Colour contrast of ink against skin, with an interval.

Contrast is CIEDE2000 between the mean colour of an ink and the skin reference. Its standard uncertainty is
the first-order propagation (JCGM 100:2008, 5.1.2) of independent errors in the six CIELAB coordinates:

    u(E)^2 = sum over i of (dE/dx_i)^2 u(x_i)^2

    ink:   u^2 = calibration^2 + spread^2 / n      n = pixels / CORRELATED_PIXELS, at least 1
    skin:  u^2 = calibration^2 + spread^2          the ink's own skin is one draw of the ring's

The skin's spread counts whole, not divided by a number of pixels: which of the ring's colours the ink covers
is not known. The derivatives are central differences. The interval is +-1.96 u, cut at 0.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from svc_color.difference import delta_e_2000

Lab = tuple[float, float, float]

# What contrasts are recorded as, kL:kC:kH; values by other factors are never compared with these.
METRIC: Final = "CIEDE2000(1:1:1)"
# Noise, demosaicing and JPEG blocks make neighbours alike: about one independent colour per 8 x 8 block.
CORRELATED_PIXELS: Final = 64
_COVERAGE_95: Final = 1.96
_STEP: Final = 0.05


@dataclass(frozen=True)
class Contrast:
    """CIEDE2000 against skin: value, standard uncertainty, ends of the 95 % interval."""

    value: float
    sd: float
    low: float
    high: float


def contrast(
    ink: Lab, ink_spread: Lab, ink_pixels: int, skin: Lab, skin_spread: Lab, *, calibration_sd: float
) -> Contrast:
    """Contrast of an ink with its skin; see the module for the formula.

    Args:
        ink: mean CIELAB of the ink. ink_spread: standard deviation per channel. ink_pixels: how many.
        skin: CIELAB of the reference. skin_spread: standard deviation per channel over the ring.
        calibration_sd: standard uncertainty per channel of the camera's colours, for ink and skin each.
    """
    independent = max(1.0, ink_pixels / CORRELATED_PIXELS)
    point = np.array([*ink, *skin])
    variance = calibration_sd**2 + np.array([*(np.square(ink_spread) / independent), *np.square(skin_spread)])
    ends = point + np.vstack([np.eye(6), -np.eye(6)]) * _STEP
    moved = delta_e_2000(ends[:, :3], ends[:, 3:])
    slopes = (moved[:6] - moved[6:]) / (2 * _STEP)
    value, sd = float(delta_e_2000(ink, skin)), float(np.sqrt(np.sum(slopes**2 * variance)))
    reach = _COVERAGE_95 * sd
    return Contrast(value=value, sd=sd, low=max(0.0, value - reach), high=value + reach)
