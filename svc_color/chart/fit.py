"""From a camera's linear colours to CIE XYZ: the fit to a chart's patches, and its error by leaving one out.

Two forms after Finlayson, Mackiewicz and Hurlbert (2015), "Color correction using root-polynomial
regression", IEEE Transactions on Image Processing 24(5):1460-1470: linear (R, G, B), and root-polynomial of
degree 2 (R, G, B, sqrt(RG), sqrt(RB), sqrt(GB)). Both scale with exposure. The target is XYZ and not sRGB,
because the chart's cyan lies outside sRGB.

Phones do not write the sRGB curve alone: a tone curve lies on top. So each form is tried once more behind a
curve per channel that makes the grey patches linear. In logarithms it is a quadratic,

    log reference = a + p log v + q (log v)^2,

drawn towards p = 1, q = 0 (no curve) by a ridge, and continued straight outside the greys.

Errors of a patch are weighted by the slope of L* over Y, (Y)^(-2/3), so that dark patches count as the eye
sees them. Which of the four is used, and with which edition of the chart, is decided by the mean CIEDE2000 of
leaving one patch out: everything, curve included, is fitted to the other patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from svc_color.chart.layouts import Edition
from svc_color.difference import delta_e_2000
from svc_color.space import Array, xyz_to_lab, xyz_to_linear

Form = Literal["linear", "root_polynomial_2"]
Which = NDArray[np.bool_]

FORMS: Final[tuple[Form, ...]] = ("linear", "root_polynomial_2")
# A fit by leaving one out needs more patches than the root-polynomial has terms, and some to be judged by.
LEAST_PATCHES: Final = 12
_LEAST_GREYS: Final = 4
_RIDGE: Final = 1e-3
# Slopes of the curve in logarithms: what a tone curve can be, and where it is continued.
_SLOPES: Final = (0.3, 3.0)
_DARKEST: Final = 1e-6
_LEAST_Y: Final = 0.02


@dataclass(frozen=True)
class Curve:
    """Makes greys linear. slopes: (3, 2), p and q per channel. span: (2, 3), log of lowest and highest."""

    slopes: Array
    span: Array

    def __call__(self, linear: Array) -> Array:
        """Linear light (..., 3), 0 or more, to values proportional to the scene's light."""
        y = np.log(np.maximum(linear, _DARKEST))
        inside = np.clip(y, self.span[0], self.span[1])
        p, q = self.slopes[:, 0], self.slopes[:, 1]
        value = p * inside + q * inside**2
        return np.asarray(np.exp(value + (p + 2 * q * inside) * (y - inside)))


@dataclass(frozen=True)
class Correction:
    """A fitted model. form: which terms. curve: applied first, None for none. matrix: (3 or 6, 3)."""

    form: Form
    curve: Curve | None
    matrix: Array

    @property
    def name(self) -> str:
        """The form, after "curve+" where a curve comes first."""
        return f"curve+{self.form}" if self.curve else self.form

    def xyz(self, linear: Array) -> Array:
        """Linear light of the photo (..., 3), 0 to 1, to XYZ (..., 3) under D65, not below 0."""
        return np.maximum(terms(self.curve(linear) if self.curve else linear, self.form) @ self.matrix, 0.0)


@dataclass(frozen=True)
class Fit:
    """A model on one edition. fitted: CIEDE2000 per patch used. left_out: CIEDE2000 of every patch by a fit
    without it, (n,). lab: CIELAB of every patch by the same fits, (n, 3). used: (n,)."""

    correction: Correction
    edition: Edition
    fitted: Array
    left_out: Array
    lab: Array
    used: Which

    @property
    def loo_mean(self) -> float:
        """Mean CIEDE2000 of the used patches, each left out in turn."""
        return float(self.left_out[self.used].mean())

    @property
    def loo_max(self) -> float:
        """Largest CIEDE2000 of the used patches, each left out in turn."""
        return float(self.left_out[self.used].max())


def terms(linear: Array, form: Form) -> Array:
    """The terms (..., 3 or 6) of linear light (..., 3), 0 or more."""
    if form == "linear":
        return linear
    red, green, blue = linear[..., 0], linear[..., 1], linear[..., 2]
    roots = np.sqrt(np.stack([red * green, red * blue, green * blue], axis=-1))
    return np.concatenate([linear, roots], axis=-1)


def correct(
    colours: Array, edition: Edition, neutral: tuple[int, ...], used: Which, form: Form, *, curved: bool
) -> Correction | None:
    """Fits one model to the used patches.

    Args:
        colours: linear light of every patch, (n, 3), 0 to 1. neutral: indices of the greys. used: (n,).

    Returns:
        None where a curve is asked for and the greys do not carry one.
    """
    curve = _curve(colours, edition, [each for each in neutral if used[each]]) if curved else None
    if curved and curve is None:
        return None
    design = terms(curve(colours[used]) if curve else colours[used], form)
    weights = np.maximum(edition.xyz[used, 1:2], _LEAST_Y) ** (-2 / 3)
    matrix = np.linalg.lstsq(design * weights, edition.xyz[used] * weights, rcond=None)[0]
    return Correction(form, curve, np.asarray(matrix, np.float64))


def _curve(colours: Array, edition: Edition, greys: list[int]) -> Curve | None:
    if len(greys) < _LEAST_GREYS:
        return None
    y = np.log(np.maximum(colours[greys], _DARKEST))
    target = np.log(np.maximum(xyz_to_linear(edition.xyz[greys]), _DARKEST))
    ridge = np.sqrt(_RIDGE * len(greys))
    pull = np.array([[0.0, ridge, 0.0], [0.0, 0.0, ridge]])
    slopes = np.empty((3, 2))
    for channel in range(3):
        design = np.column_stack([np.ones(len(greys)), y[:, channel], y[:, channel] ** 2])
        rows, values = np.vstack([design, pull]), np.append(target[:, channel], [ridge, 0.0])
        slopes[channel] = np.linalg.lstsq(rows, values, rcond=None)[0][1:]
    span = np.array([y.min(axis=0), y.max(axis=0)])
    ends = slopes[:, 0] + 2 * slopes[:, 1] * span
    if np.any(ends < _SLOPES[0]) or np.any(ends > _SLOPES[1]):
        return None
    return Curve(slopes, span)


def fit(
    colours: Array, edition: Edition, neutral: tuple[int, ...], used: Which, form: Form, *, curved: bool
) -> Fit | None:
    """Fits a model and leaves every patch out in turn; None where the model cannot be fitted.

    Args:
        colours: linear light of every patch, (n, 3). used: patches that take part, (n,), at least 12.
    """
    whole = correct(colours, edition, neutral, used, form, curved=curved)
    if whole is None:
        return None
    xyz = np.empty_like(colours)
    for each in range(len(colours)):
        others = used.copy()
        others[each] = False
        without = correct(colours, edition, neutral, others, form, curved=curved)
        if without is None:
            return None
        xyz[each] = without.xyz(colours[each])
    lab = xyz_to_lab(xyz)
    return Fit(
        correction=whole,
        edition=edition,
        fitted=delta_e_2000(xyz_to_lab(whole.xyz(colours[used])), edition.lab[used]),
        left_out=delta_e_2000(lab, edition.lab),
        lab=lab,
        used=used,
    )


def fit_all(
    colours: Array, editions: tuple[Edition, ...], neutral: tuple[int, ...], used: Which
) -> tuple[Fit, ...]:
    """Every model on every edition, lowest mean leave-one-out error first."""
    fits = [
        fit(colours, edition, neutral, used, form, curved=curved)
        for edition in editions
        for form in FORMS
        for curved in (False, True)
    ]
    return tuple(sorted((each for each in fits if each is not None), key=lambda each: each.loo_mean))
