"""The skin that ink is compared with: a ring around the ink, cleaned of all that is not plain skin.

Without a chart the scale of the photo is unknown, so the ring is drawn in shares of the ink's own extent
(the diagonal of its bounding box): from 3 % to 20 % of it away from the ink, kept between fixed shares of
the image's diagonal. For a tattoo 100 mm across that is 3 to 20 mm.
"""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color import plain, quality
from svc_color.difference import delta_e_2000
from svc_color.ita import Ita, ita
from svc_color.quality import Flag
from svc_color.reading import UNCALIBRATED, Reading
from svc_color.space import Array, linear_to_lab

Mask = NDArray[np.bool_]
Image = NDArray[np.uint8]
Lab = tuple[float, float, float]

# Ring as shares of the ink's extent, and the bounds of each as shares of the image's diagonal.
_INNER, _INNER_BOUNDS = 0.03, (0.002, 0.012)
_OUTER, _OUTER_BOUNDS = 0.20, (0.03, 0.15)
_LEAST_GAP_PX: Final = 2.0
# Where that ring holds too little skin, because the ink goes round the limb and the ring lies on what is
# behind it, the ring is drawn once more this much nearer: skin beside and between the lines.
_NEARER: Final = 0.35

# Ring pixels looked at: enough for a median to 0.1, few enough to be done in milliseconds.
_SAMPLE: Final = 40_000
# At this ink probability (of 255) a pixel may be ink that the mask missed.
_MAYBE_INK: Final = 64
# Exposure gate of the domain dossier, section 6.4: outside it a channel is clipped.
CLIPPED_LOW: Final = 3
CLIPPED_HIGH: Final = 252
# What skin can look like in an uncalibrated photo: L*, C*, and the hue angle in degrees.
_LIGHTNESS, _CHROMA, _HUE = (10.0, 96.0), (3.0, 50.0), (10.0, 100.0)

# Trimming: deviations kept; bounds of the deviation in L*, a*, b*, so that a second material in the ring
# (wall, cloth) is not taken for a wide spread of one skin; passes.
_TRIM, _PASSES = 2.5, 8
_LEAST_DEVIATION: Final = np.array([1.0, 0.7, 0.7])
_MOST_DEVIATION: Final = np.array([6.0, 3.0, 3.0])
_MAD_TO_SD: Final = 1.4826
# How far beyond the ring skin is looked at, to see whether the ring is inflamed.
_BEYOND: Final = 2.0

_LEAST_PIXELS: Final = 400
_LEAST_SHARE: Final = 0.05
_SPARSE_SHARE: Final = 0.30
_UNEVEN_SD: Final = 5.0


@dataclass(frozen=True)
class SkinReference:
    """The skin beside the ink, CIELAB under D65, 2 degree observer.

    lab: robust centre. spread: standard deviation per channel over the pixels used. linear_rgb: the centre in
    linear sRGB, 0 to 1. pixels: pixels that the reference stands for. skin_skin_p95: 95th percentile of
    CIEDE2000 between the skin's pixels and its centre. ita: None where the centre cannot be skin's.
    """

    lab: Lab
    spread: Lab
    linear_rgb: Lab
    pixels: int
    skin_skin_p95: float
    ita: Ita | None
    flags: tuple[Flag, ...]


@dataclass(frozen=True)
class SkinNotMeasurable:
    """Too little plain skin around the ink. pixels: how many there are; needed: how many it takes."""

    pixels: int
    needed: int
    flags: tuple[Flag, ...] = (quality.NO_SKIN,)


def skin_reference(
    rgb: Image, ink: Mask, probability: Image, reading: Reading = UNCALIBRATED
) -> SkinReference | SkinNotMeasurable:
    """Measures the skin in the ring around the ink.

    Left out: clipped pixels, pixels that may be ink, pixels whose colour cannot be skin's (background,
    clothes); skin in a cast shadow and skin that is redder than the skin farther out (`svc_color.plain`);
    and then, by trimming around the median in L*, a* and b*, hair (dark), glare (light) and the rest.

    Args:
        rgb: sRGB, (H, W, 3).
        ink: ink mask, (H, W), with at least one pixel set.
        probability: ink probability, (H, W), 0 to 255.
        reading: how pixels are read as light.
    """
    found = _reference(rgb, ink, probability, reading, 1.0)
    if isinstance(found, SkinReference):
        return found
    nearer = _reference(rgb, ink, probability, reading, _NEARER)
    if isinstance(nearer, SkinNotMeasurable):
        return found
    return replace(nearer, flags=tuple(dict.fromkeys([*nearer.flags, quality.SPARSE_SKIN])))


def _reference(
    rgb: Image, ink: Mask, probability: Image, reading: Reading, reach: float
) -> SkinReference | SkinNotMeasurable:
    """The skin in one ring, whose distances from the ink are multiplied by `reach`."""
    ring = _ring(ink, reach)
    needed = max(_LEAST_PIXELS, round(_LEAST_SHARE * ring.inside * ring.step))
    colours = rgb[ring.rows, ring.columns]
    usable = unclipped(colours) & (probability[ring.rows, ring.columns] < _MAYBE_INK)
    light = reading.light(colours[usable])
    lab = linear_to_lab(light)
    plausible = may_be_skin(lab)
    light, lab = light[plausible], lab[plausible]
    inside = int(np.count_nonzero(np.flatnonzero(usable)[plausible] < ring.inside))
    if inside * ring.step < needed:
        return SkinNotMeasurable(pixels=inside * ring.step, needed=needed)
    found = plain.find(light, inside, -(-needed // ring.step))
    kept = trim(lab, found.chosen, found.pale)
    pixels = int(np.count_nonzero(kept)) * ring.step
    if pixels < needed:
        return SkinNotMeasurable(pixels=pixels, needed=needed)
    flags = [quality.REDDENED_SKIN] if found.redness == "everywhere" else []
    if pixels < _SPARSE_SHARE * ring.inside * ring.step:
        flags.append(quality.SPARSE_SKIN)
    other = plain.otherwise_lit(light, kept, found.pale)
    return describe(light[kept], lab[kept], pixels, reading, flags, otherwise_lit=lab[other])


@dataclass(frozen=True)
class _Ring:
    """Pixels around the ink, nearest first, thinned by `step`; the first `inside` are the ring, the others
    lie beyond it and only show what the skin is like there."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    inside: int
    step: int


def _ring(ink: Mask, reach: float) -> _Ring:
    diagonal = reach * float(np.hypot(*ink.shape))
    _, _, width, height = cv2.boundingRect(ink.view(np.uint8))
    extent = reach * float(np.hypot(width, height))
    inner = np.clip(_INNER * extent, _INNER_BOUNDS[0] * diagonal, _INNER_BOUNDS[1] * diagonal)
    outer = np.clip(_OUTER * extent, _OUTER_BOUNDS[0] * diagonal, _OUTER_BOUNDS[1] * diagonal)
    distance = cv2.distanceTransform((~ink).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    flat = np.flatnonzero((distance > max(inner, _LEAST_GAP_PX)) & (distance <= _BEYOND * outer))
    away = distance.ravel()[flat]
    step = max(1, -(-int(np.count_nonzero(away <= outer)) // _SAMPLE))
    flat, away = flat[::step], away[::step]
    order = np.argsort(away, kind="stable")
    rows, columns = np.unravel_index(flat[order], ink.shape)
    return _Ring(rows, columns, int(np.count_nonzero(away <= outer)), step)


def unclipped(colours: Image) -> Mask:
    """Pixels (n,) of (n, 3) no channel of which is over- or underexposed."""
    return np.asarray(np.all((colours > CLIPPED_LOW) & (colours < CLIPPED_HIGH), axis=1))


def may_be_skin(lab: Array) -> Mask:
    """Colours (n,) of CIELAB (n, 3) that skin of anybody can have in an uncalibrated photo."""
    lightness, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    within = [
        (values > low) & (values < high)
        for values, (low, high) in ((lightness, _LIGHTNESS), (chroma, _CHROMA), (hue, _HUE))
    ]
    return np.asarray(np.all(within, axis=0))


def trim(lab: Array, start: Mask, allowed: Mask) -> Mask:
    """Allowed pixels (n,) within a few deviations of the median in every channel, from those of `start`."""
    kept = start
    for _ in range(_PASSES):
        centre = np.median(lab[kept], axis=0)
        deviation = np.median(np.abs(lab[kept] - centre), axis=0) * _MAD_TO_SD
        reach = _TRIM * np.clip(deviation, _LEAST_DEVIATION, _MOST_DEVIATION)
        before, kept = kept, allowed & np.all(np.abs(lab - centre) <= reach, axis=1)
        if not kept.any() or np.array_equal(before, kept):
            break
    return np.asarray(kept)


def describe(
    light: Array, lab: Array, pixels: int, reading: Reading, flags: list[Flag], *, otherwise_lit: Array
) -> SkinReference:
    """The reference that pixels amount to: linear light and CIELAB (n, 3).

    otherwise_lit: CIELAB (m, 3) of the same skin in another light. It takes no part in the centre, but which
    of the two lights the ink lies in is not known, so it widens the spread.
    """
    # The mean of what is left, in linear light as for the inks; a median of 8-bit values has steps.
    middle = light.mean(axis=0)
    centre = linear_to_lab(middle)
    spread = np.std(np.concatenate([lab, otherwise_lit]), axis=0)
    if spread[0] > _UNEVEN_SD:
        flags = [*flags, quality.UNEVEN_SKIN]
    return SkinReference(
        lab=triple(centre),
        spread=triple(spread),
        linear_rgb=triple(middle),
        pixels=pixels,
        skin_skin_p95=float(np.percentile(delta_e_2000(lab, centre, fast=True), 95)),
        ita=ita(triple(centre), triple(np.hypot(spread, reading.sd))),
        flags=tuple(flags),
    )


def triple(values: Array) -> Lab:
    """Three numbers as a plain tuple."""
    first, second, third = (float(value) for value in values)
    return first, second, third
