"""First-order uncertainty of what is computed from the colours of an ink and of its skin.

As in `svc_color.contrast`: independent errors in the six CIELAB coordinates (JCGM 100:2008, 5.1.2), and
derivatives by central difference. The minimal detectable change of a single number is 1.96 times the square
root of the sum of both variances; with equal standard errors (SEM) that is 1.96 sqrt(2) SEM = 2.77 SEM, as in
the domain dossier, section 7. SEM here is propagated from calibration, noise and skin, and not taken from
repeated photos of one visit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from svc_color.contrast import CORRELATED_PIXELS
from svc_color.difference import delta_e_2000
from svc_color.space import Array, lab_to_xyz, xyz_to_linear
from svc_color.transmission import optical_density, transmission, transmission_lab

Lab = tuple[float, float, float]

COVERAGE_95: Final = 1.96
_STEP: Final = 0.05
_DRAWS: Final = 20_000


@dataclass(frozen=True)
class Value:
    """A number with its standard uncertainty and the ends of its 95 % interval."""

    value: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Seen:
    """An ink and its skin at one visit: CIELAB, standard deviation per channel, pixels of the ink (weighted).

    calibration_sd: standard uncertainty per channel that the chart leaves.
    """

    ink: Lab
    ink_spread: Lab
    pixels: int
    skin: Lab
    skin_spread: Lab
    calibration_sd: float

    def variance(self) -> Array:
        """Variances (6,) of ink and skin, as `svc_color.contrast` has them."""
        independent = max(1.0, self.pixels / CORRELATED_PIXELS)
        own = np.square(self.ink_spread) / independent
        return np.asarray(self.calibration_sd**2 + np.array([*own, *np.square(self.skin_spread)]))


def contrast_of(ink: Array, skin: Array) -> Array:
    """CIEDE2000 of ink (..., 3) against skin (..., 3), kL = kC = kH = 1."""
    return delta_e_2000(ink, skin)


def density_of(ink: Array, skin: Array) -> Array:
    """Length of the optical density over the three linear channels, of CIELAB ink and skin (..., 3)."""
    return np.asarray(np.linalg.norm(optical_density(_ratio(ink, skin)), axis=-1))


def lightness_of(ink: Array, skin: Array) -> Array:
    """L* of the ink transmission colour, of CIELAB ink and skin (..., 3)."""
    return np.asarray(transmission_lab(_ratio(ink, skin))[..., 0])


def propagate(function: Callable[[Array, Array], Array], seen: Seen, extra_sd: float = 0.0) -> Value:
    """`function` of ink and skin with its uncertainty; `extra_sd` is added in quadrature."""
    point = np.array([*seen.ink, *seen.skin])
    ends = point + np.vstack([np.eye(6), -np.eye(6)]) * _STEP
    moved = function(ends[:, :3], ends[:, 3:])
    slopes = (moved[:6] - moved[6:]) / (2 * _STEP)
    sd = float(np.sqrt(np.sum(slopes**2 * seen.variance()) + extra_sd**2))
    return interval(float(function(point[:3], point[3:])), sd)


def interval(value: float, sd: float, low: float = -np.inf, high: float = np.inf) -> Value:
    """A value with its 95 % interval, cut at `low` and `high`."""
    reach = COVERAGE_95 * sd
    return Value(value, sd, max(low, value - reach), min(high, value + reach))


def clearance(then: Value, now: Value) -> Value | None:
    """100 (1 - now / then) with its interval; None where `then` cannot be told from nothing.

    The interval is cut at 100: nothing is cleared beyond the skin. Below 0 the ink stands out more than then.
    """
    if then.value - COVERAGE_95 * then.sd <= 0:
        return None
    share = now.value / then.value
    sd = 100 / then.value * float(np.hypot(now.sd, share * then.sd))
    return interval(100 * (1 - share), sd, high=100.0)


def detectable(then: Value, now: Value) -> float:
    """Minimal detectable change (95 %) between two visits, in the unit of the values."""
    return COVERAGE_95 * float(np.hypot(then.sd, now.sd))


def skin_difference(then: Lab, then_sd: Array, now: Lab, now_sd: Array) -> tuple[Value, float]:
    """CIEDE2000 between two skins with its interval, and its minimal detectable change (95 %).

    A distance is never below 0, so that neither follows from a standard error: both are taken from draws of
    the errors, the minimal detectable change as what 95 of 100 pairs of one unchanged skin stay below.

    Args:
        then_sd, now_sd: standard uncertainties (3,) of the two colours.
    """
    errors = np.random.default_rng(1).standard_normal((2, _DRAWS, 3))
    first, second = errors[0] * then_sd, errors[1] * now_sd
    middle = (np.array(then) + now) / 2
    same = delta_e_2000(middle + first, middle + second)
    drawn = delta_e_2000(then + first, now + second)
    value, sd = float(delta_e_2000(then, now)), float(drawn.std())
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Value(value, sd, min(value, float(low)), max(value, float(high))), float(np.percentile(same, 95))


def _ratio(ink: Array, skin: Array) -> Array:
    light = xyz_to_linear(lab_to_xyz(skin))
    return transmission(xyz_to_linear(lab_to_xyz(ink)), np.maximum(light, 1e-6))
