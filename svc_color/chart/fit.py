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

from collections.abc import Sequence
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
# Below this share of a patch's light a channel says nothing about the curve.
_LEAST_SHARE: Final = 0.05
_RIDGE: Final = 1e-3
# Slopes of the curve in logarithms: what a tone curve can be, and where it is continued.
_SLOPES: Final = (0.3, 3.0)
_DARKEST: Final = 1e-6
_LEAST_Y: Final = 0.02


@dataclass(frozen=True)
class Curve:
    """Makes patches linear. slopes: (3, 2), p and q per channel. span: (2, 3), log of lowest and highest."""

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
    colours: Array, edition: Edition, used: Which, form: Form, curve: Curve | None = None
) -> Correction:
    """Fits one model to the used patches, behind a curve or none.

    Args:
        colours: linear light of every patch, (n, 3), 0 to 1. used: (n,).
    """
    straight = curve(colours[used]) if curve else colours[used]
    return Correction(form, curve, _matrix(terms(straight, form), edition.xyz[used]))


def _matrix(design: Array, xyz: Array) -> Array:
    weights = np.maximum(xyz[:, 1:2], _LEAST_Y) ** (-2 / 3)
    return np.asarray(np.linalg.lstsq(design * weights, xyz * weights, rcond=None)[0], np.float64)


def straighten(colours: Array, edition: Edition, neutral: tuple[int, ...], used: Which) -> Curve | None:
    """The curve that makes the used patches linear; None where the greys do not carry one.

    First from the greys, whose channels are known to be alike. A matrix behind that curve tells what each
    channel should have seen of the coloured patches, and the curve is drawn once more through all of them:
    they reach darker, in the channels that they lack, than the black patch does. A channel counts by its
    share of the patch's light, since what little is left in it comes from the others.
    """
    greys = [each for each in neutral if used[each]]
    if len(greys) < _LEAST_GREYS:
        return None
    y = np.log(np.maximum(colours, _DARKEST))
    span = np.array([y[greys].min(axis=0), y[greys].max(axis=0)])
    target = np.maximum(xyz_to_linear(edition.xyz[greys]), _DARKEST)
    first = _curve(y[greys], target, np.ones_like(target), span)
    if first is None:
        return None
    matrix = _matrix(first(colours[used]), edition.xyz[used])
    target = edition.xyz[used] @ np.linalg.pinv(matrix)
    share = target / np.maximum(target.mean(axis=1, keepdims=True), _DARKEST)
    weights = np.where(share < _LEAST_SHARE, 0.0, np.minimum(share, 1.0))
    return _curve(y[used], np.maximum(target, _DARKEST), weights, span)


def _curve(y: Array, target: Array, weights: Array, span: Array) -> Curve | None:
    """Curve through logarithms y (n, 3) of what was seen to targets (n, 3); None if it is no tone curve's."""
    ridge = np.sqrt(_RIDGE * len(y))
    pull = np.array([[0.0, ridge, 0.0], [0.0, 0.0, ridge]])
    slopes = np.empty((3, 2))
    for channel in range(3):
        design = np.column_stack([np.ones(len(y)), y[:, channel], y[:, channel] ** 2])
        weight = weights[:, channel]
        rows = np.vstack([design * weight[:, None], pull])
        values = np.append(np.log(target[:, channel]) * weight, [ridge, 0.0])
        slopes[channel] = np.linalg.lstsq(rows, values, rcond=None)[0][1:]
    ends = slopes[:, 0] + 2 * slopes[:, 1] * span
    if np.any(ends < _SLOPES[0]) or np.any(ends > _SLOPES[1]):
        return None
    return Curve(slopes, span)


def fit_all(
    colours: Array, editions: tuple[Edition, ...], neutral: tuple[int, ...], used: Which
) -> tuple[Fit, ...]:
    """Every model on every edition, lowest mean leave-one-out error first.

    Args:
        colours: linear light of every patch, (n, 3). neutral: indices of the greys. used: patches that take
            part, (n,), at least 12.
    """
    without = ~np.eye(len(colours), dtype=bool) & used
    fits = []
    for edition in editions:
        curves = [straighten(colours, edition, neutral, which) for which in (used, *without)]
        bent = [curve for curve in curves if curve is not None]
        for form in FORMS:
            fits.append(_fit(colours, edition, used, form, [None] * len(curves)))
            if len(bent) == len(curves):
                fits.append(_fit(colours, edition, used, form, bent))
    return tuple(sorted(fits, key=lambda each: each.loo_mean))


def _fit(colours: Array, edition: Edition, used: Which, form: Form, curves: Sequence[Curve | None]) -> Fit:
    """A model on all used patches, then without each patch; curves: for all, and without each."""
    whole = correct(colours, edition, used, form, curves[0])
    xyz = np.empty_like(colours)
    for each, curve in enumerate(curves[1:]):
        others = used.copy()
        others[each] = False
        xyz[each] = correct(colours, edition, others, form, curve).xyz(colours[each])
    lab = xyz_to_lab(xyz)
    return Fit(
        correction=whole,
        edition=edition,
        fitted=delta_e_2000(xyz_to_lab(whole.xyz(colours[used])), edition.lab[used]),
        left_out=delta_e_2000(lab, edition.lab),
        lab=lab,
        used=used,
    )
