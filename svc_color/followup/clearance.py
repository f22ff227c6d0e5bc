"""How much of each ink of an earlier visit is left: the same pixels, found again and measured anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svc_color.followup.register import Registered
from svc_color.followup.uncertainty import (
    Lab,
    Seen,
    Value,
    clearance,
    contrast_of,
    density_of,
    detectable,
    interval,
    lightness_of,
    propagate,
)
from svc_color.reading import Reading
from svc_color.skin import CLIPPED_HIGH, triple
from svc_color.space import Array, linear_to_lab

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Weights = NDArray[np.float32]

# Acceptability threshold of CIEDE2000: ink at or below it is visually clear (dental multicentre study, F84 of
# the domain dossier, section 7).
ACCEPTABLE: Final = 1.8
# Change of L* of the ink transmission colour that counts as darkening (flag R33 of the domain dossier).
DARKENED: Final = -5.0
# An ink is measured again when at least this share of it can be seen, so that one part is not compared with
# the whole, and with at least this many pixels. A proposal of ours.
_LEAST_SEEN: Final = 0.5
_LEAST_PIXELS: Final = 25
# One of today's inks lies where an earlier one lay when it covers at least this share of it.
_SAME_PLACE: Final = 0.05
_SAMPLE: Final = 40_000


@dataclass(frozen=True)
class InkThen:
    """One ink of the earlier visit: id in its cluster map, class, and what was measured."""

    id: int
    ink_class: str
    contrast: Value
    seen: Seen


@dataclass(frozen=True)
class Today:
    """What there is to measure in.

    rgb: the photo (H, W, 3). reading: how its pixels are read as light. labels: (H, W), today's inks, 0 none.
    skin, skin_spread: CIELAB of the skin beside the ink. skin_p95: 95th percentile of the skin's CIEDE2000.
    """

    rgb: Image
    reading: Reading
    labels: Labels
    skin: Lab
    skin_spread: Lab
    skin_p95: float

    @property
    def clear_below(self) -> float:
        """Contrast at or below which ink is visually clear."""
        return max(ACCEPTABLE, self.skin_p95)


@dataclass(frozen=True)
class InkNow:
    """What became of an ink. Values are None where they could not be measured; `reason` then says why.

    verdict: cleared, lighter, unchanged, darker, or "". now_ids: today's inks in the same place.
    """

    then: InkThen
    compared_share: float
    now_ids: tuple[int, ...] = ()
    contrast: Value | None = None
    clearance_contrast: Value | None = None
    clearance_density: Value | None = None
    mdc95: float | None = None
    lightness_change: Value | None = None
    verdict: str = ""
    reason: str = ""


def changes(
    inks: Sequence[InkThen], labels: Labels, purity: Weights, today: Today, registered: Registered
) -> list[InkNow]:
    """What became of each ink, in the order given.

    Args:
        labels: (H, W) of the earlier visit. purity: (H, W), how far each earlier pixel shows ink alone, 0 to
            1 (`svc_color.clusters.purity`); it weighs the colours now as it weighed them then.
    """
    return [
        _change(ink, *_pixels(labels == ink.id, registered.support, purity), today, registered)
        for ink in inks
    ]


def _pixels(of: Mask, support: Mask, purity: Weights) -> tuple[Array, Array, Mask]:
    """Places (n, 2) as (x, y), weights (n,) and support (n,) of an ink's pixels, at most `_SAMPLE`."""
    rows, columns = np.nonzero(of)
    step = max(1, -(-len(rows) // _SAMPLE))
    rows, columns = rows[::step], columns[::step]
    places = np.stack([columns, rows], axis=1).astype(np.float64)
    return places, purity[rows, columns].astype(np.float64), support[rows, columns]


def _change(
    ink: InkThen, places: Array, weights: Array, support: Mask, today: Today, registered: Registered
) -> InkNow:
    if not len(places):
        return InkNow(ink, 0.0, reason="The earlier cluster map does not show this ink.")
    there = registered.warp.forward(places)
    usable = support & _usable(there, today.rgb)
    share = float(weights @ usable / max(weights.sum(), 1e-9))
    if share < _LEAST_SEEN or np.count_nonzero(usable) < _LEAST_PIXELS:
        return InkNow(ink, share, reason="Less than half of this ink can be seen and compared in this photo.")
    there, weights = there[usable], weights[usable]
    light, spread = _colour(today, there, weights)
    seen = Seen(
        ink=triple(linear_to_lab(light)),
        ink_spread=spread,
        pixels=max(1, round(float(weights.sum()))),
        skin=today.skin,
        skin_spread=today.skin_spread,
        calibration_sd=today.reading.sd,
    )
    moved = _misplaced(today, there, weights, registered.error_px, light)
    contrast = propagate(contrast_of, seen, moved[0])
    density, density_then = propagate(density_of, seen, moved[1]), propagate(density_of, ink.seen)
    lightness, lightness_then = propagate(lightness_of, seen, moved[2]), propagate(lightness_of, ink.seen)
    lighter = interval(
        lightness.value - lightness_then.value, float(np.hypot(lightness.sd, lightness_then.sd))
    )
    mdc95 = detectable(ink.contrast, contrast)
    return InkNow(
        then=ink,
        compared_share=share,
        now_ids=_in_place(today.labels, there, weights),
        contrast=interval(contrast.value, contrast.sd, low=0.0),
        clearance_contrast=clearance(ink.contrast, contrast),
        clearance_density=clearance(density_then, density),
        mdc95=mdc95,
        lightness_change=lighter,
        verdict=_verdict(ink.contrast.value, contrast.value, mdc95, lighter, today.clear_below),
    )


def _usable(places: Array, rgb: Image) -> Mask:
    """Places inside of the photo where it is not white through and through with glare."""
    limit = np.array(rgb.shape[1::-1]) - 1
    within = np.all((places >= 0) & (places <= limit), axis=1)
    near = np.clip(places.round().astype(int), 0, limit)
    return np.asarray(within & (rgb[near[:, 1], near[:, 0]].min(axis=1) < CLIPPED_HIGH))


def _colour(today: Today, places: Array, weights: Array) -> tuple[Array, Lab]:
    """Weighted mean (3,) in linear light, and the weighted standard deviation per CIELAB channel."""
    light = sampled(today.rgb, places, today.reading)
    each = linear_to_lab(light)
    centre = np.average(each, axis=0, weights=weights)
    variance = np.average((each - centre) ** 2, axis=0, weights=weights)
    return np.average(light, axis=0, weights=weights), triple(np.sqrt(variance))


def _misplaced(today: Today, places: Array, weights: Array, error_px: float, light: Array) -> Array:
    """How much contrast, density and lightness (3,) move when every place is off by the registration error.

    Root mean square over four directions: a thin line loses colour where it is missed, and the interval says
    so.
    """
    skin = np.array(today.skin)
    functions = (contrast_of, density_of, lightness_of)
    centre = np.array([function(linear_to_lab(light), skin) for function in functions])
    shifts = error_px * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    moved = []
    for shift in shifts:
        beside = sampled(today.rgb, places + shift, today.reading)
        ink = linear_to_lab(np.average(beside, axis=0, weights=weights))
        moved.append([function(ink, skin) for function in functions])
    return np.asarray(np.sqrt(np.mean(np.square(np.array(moved) - centre), axis=0)))


def _in_place(labels: Labels, places: Array, weights: Array) -> tuple[int, ...]:
    near = np.clip(places.round().astype(int), 0, np.array(labels.shape[::-1]) - 1)
    share = np.bincount(labels[near[:, 1], near[:, 0]], weights=weights) / weights.sum()
    return tuple(int(label) for label in np.flatnonzero(share >= _SAME_PLACE) if label)


def _verdict(then: float, now: float, mdc95: float, lightness: Value, clear_below: float) -> str:
    """Never a change below what can be detected."""
    if now - then > mdc95 or (lightness.value <= DARKENED and lightness.high < 0):
        return "darker"
    if then - now <= mdc95:
        return "unchanged"
    return "cleared" if now <= clear_below else "lighter"


def sampled(rgb: Image, places: Array, reading: Reading) -> Array:
    """Light (n, 3) of a photo at places (n, 2), bilinear; a place outside takes the nearest edge's."""
    limit = np.array(rgb.shape[1::-1]) - 1
    within = np.clip(places, 0, limit)
    corner = np.minimum(np.floor(within).astype(int), np.maximum(limit - 1, 0))
    x, y = corner.T
    right, below = np.minimum(x + 1, limit[0]), np.minimum(y + 1, limit[1])
    across, down = np.hsplit(within - corner, 2)
    light = reading.light
    top = light(rgb[y, x]) * (1 - across) + light(rgb[y, right]) * across
    bottom = light(rgb[below, x]) * (1 - across) + light(rgb[below, right]) * across
    return np.asarray(top * (1 - down) + bottom * down)
