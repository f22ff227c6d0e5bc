"""Skin that the sun does not reach, from a photo of its own: what tan is measured against.

The photo is asked for without ink in it, so nothing is segmented: skin is what the middle of the photo is
mostly made of. Its typology angle means something only where a colour chart in this very photo calibrates it;
two phones' photos, or two lights, differ by more than a tan does.
"""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from svc_color import plain, quality
from svc_color.chart.geometry import area
from svc_color.chart.layouts import Layout
from svc_color.chart.light import reading_by
from svc_color.chart.measured import measure_chart
from svc_color.quality import Flag
from svc_color.skin import Image, Mask, SkinReference, describe, may_be_skin, trim, unclipped
from svc_color.space import Array, linear_to_lab

# Share of height and width that counts as the middle; its longer side is thinned to at most so many pixels.
_MIDDLE: Final = 0.7
_LONG_SIDE: Final = 400
# Share of the middle, less the chart, that must be plain skin.
_LEAST_SKIN: Final = 0.2
# Bins of a* and b* in which the commonest colour is looked for, and how near to it trimming starts.
_BIN, _BINS, _NEAR = 2.0, 64, 6.0
# What lies this far from the skin in CIELAB, is wider than this share of the middle's shorter side, is
# surrounded by what is not, and covers this share of the middle, is a mark: ink, a naevus, a plaster.
_APART, _WIDE, _MARKED_SHARE = 15.0, 0.02, 0.003


@dataclass(frozen=True)
class ProtectedSkin:
    """skin: None where it was not measured; the flags say why."""

    skin: SkinReference | None
    flags: tuple[Flag, ...]


def protected_skin(rgb: Image, layouts: tuple[Layout, ...], declared: str = "") -> ProtectedSkin:
    """Measures the skin in the middle of a photo of protected skin.

    Args:
        rgb: sRGB, uint8, (H, W, 3). layouts: charts to look for.
        declared: the colour chart that the operator states, or "".

    Raises:
        InvalidInput: CHART_UNKNOWN.
    """
    chart = measure_chart(rgb, layouts, declared)
    reading = reading_by(chart)
    if not reading.calibrated:
        return ProtectedSkin(None, (quality.PROTECTED_UNCALIBRATED,))
    on_chart = area(chart.placement, rgb.shape) if chart else np.zeros(rgb.shape[:2], np.bool_)
    middle, step = _middle(rgb.shape)
    colours, free = rgb[middle], ~on_chart[middle]
    flat = colours.reshape(-1, 3)
    light = reading.light(flat)
    lab = linear_to_lab(light)
    usable = np.flatnonzero(free.ravel() & unclipped(flat) & may_be_skin(lab))
    kept = usable[_mostly(light[usable], lab[usable])] if len(usable) else usable
    if len(kept) < max(1, _LEAST_SKIN * np.count_nonzero(free)):
        return ProtectedSkin(None, (quality.PROTECTED_NO_SKIN,))
    skin = describe(light[kept], lab[kept], len(kept) * step**2, reading, [], otherwise_lit=lab[:0])
    flags = [quality.PROTECTED_UNEVEN] if skin.flags else []
    if _marked(lab.reshape(colours.shape), np.array(skin.lab), free):
        flags.append(quality.PROTECTED_MARKED)
    return ProtectedSkin(replace(skin, flags=()), tuple(flags))


def _middle(shape: tuple[int, ...]) -> tuple[tuple[slice, slice], int]:
    """Rows and columns of the middle of a picture, thinned by the step that is returned."""
    step = max(1, -(-round(_MIDDLE * max(shape[:2])) // _LONG_SIDE))
    edges = [round(side * (1 - _MIDDLE) / 2) for side in shape[:2]]
    rows, columns = (slice(edge, side - edge, step) for edge, side in zip(edges, shape[:2], strict=True))
    return (rows, columns), step


def _mostly(light: Array, lab: Array) -> Mask:
    """Pixels (n,) of the commonest colour, hair, glare and shadow trimmed; linear light and CIELAB (n, 3)."""
    cells = np.clip(np.floor(lab[:, 1:] / _BIN).astype(np.intp) + _BINS // 2, 0, _BINS - 1)
    count = np.zeros((_BINS, _BINS), np.float32)
    np.add.at(count, (cells[:, 0], cells[:, 1]), 1)
    peak = np.unravel_index(int(cv2.GaussianBlur(count, (0, 0), 1.0).argmax()), count.shape)
    centre = (np.array(peak) + 0.5 - _BINS // 2) * _BIN
    common = np.hypot(*(lab[:, 1:] - centre).T) <= _NEAR
    start = common.copy()
    start[common] = plain.lit(light[common])
    return trim(lab, start if start.any() else common, np.ones_like(common))


def _marked(lab: Array, skin: Array, free: Mask) -> bool:
    """Whether the middle (H, W, 3) holds something that is surrounded by skin and is none; the chart is free
    of blame."""
    apart = (np.linalg.norm(lab - skin, axis=2) > _APART) & free
    size = max(3, round(_WIDE * min(free.shape))) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    opened = cv2.morphologyEx(apart.view(np.uint8), cv2.MORPH_OPEN, disc)
    _, _, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8, ltype=cv2.CV_32S)
    left, top, width, height, area_px = stats[1:].T
    inner = (left > 0) & (top > 0) & (left + width < free.shape[1]) & (top + height < free.shape[0])
    return bool(area_px[inner].sum() >= _MARKED_SHARE * free.size)
