"""Skin from random numbers: flat patches and generalised cylinders with taper, bend and bulges."""

from __future__ import annotations

import numpy as np

from models.synth.arrays import Rng, smooth_noise
from models.synth.geometry.surface import Surface, from_height

RADIUS_CM = {
    "forearm": (3.0, 4.6),
    "upper arm": (3.8, 6.2),
    "calf": (4.2, 6.5),
    "thigh": (6.5, 10.5),
    "ankle": (2.9, 4.2),
    "finger": (0.7, 1.1),
    "neck": (5.0, 6.6),
}
"""Half widths of adult limbs; circumferences of NHANES 2015-2018 (5th to 95th percentile) over 2 pi."""


def patch(rng: Rng, shape: tuple[int, int]) -> Surface:
    """A nearly flat piece of back, chest or thigh that fills the frame, seen from 4 to 40 cm wide."""
    cm_per_px = float(np.exp(rng.uniform(np.log(4), np.log(40))) / max(shape))
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) * cm_per_px
    tilt = rng.normal(0, 0.25, 2)
    bulge = rng.normal(0, 0.006, 3)
    x, y = xx - xx.mean(), yy - yy.mean()
    z = tilt[0] * x + tilt[1] * y + bulge[0] * x * x + bulge[1] * y * y + bulge[2] * x * y
    z = z + 0.02 * max(shape) * cm_per_px * smooth_noise(rng, shape, 0.4 * max(shape), 2)
    return from_height(z.astype(np.float32), np.ones(shape, bool), cm_per_px, "flat")


def limb(rng: Rng, shape: tuple[int, int]) -> Surface:
    """A generalised cylinder across the frame; now and then a second limb beside it."""
    part = str(rng.choice(list(RADIUS_CM), p=[0.34, 0.16, 0.18, 0.10, 0.10, 0.05, 0.07]))
    radius = float(rng.uniform(*RADIUS_CM[part]))
    share = rng.uniform(0.16, 0.5) if rng.random() < 0.7 else rng.uniform(0.5, 0.9)
    cm_per_px = radius / (share * max(shape))
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) * cm_per_px
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.3)
    x, y = xx - xx.mean(), yy - yy.mean()
    across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    reach = max(shape) * cm_per_px
    t = along / reach
    middle = rng.normal(0, 0.12) * reach + rng.normal(0, 0.3) * reach * t * t
    girth = radius * (1 + rng.normal(0, 0.22) * t + 0.05 * np.sin(7 * t + rng.uniform(0, 6.3)))
    girth = np.maximum(
        girth * (1 + rng.normal(0, 0.12) * np.exp(-(((t - rng.uniform(-0.4, 0.4)) * 4) ** 2))), 0.3
    )
    z, where = _round(across - middle, girth, rng.uniform(0.75, 1.0))
    if rng.random() < 0.15:
        other, also = _round(across - middle - 2.2 * radius * rng.choice([-1, 1]), girth, 0.9)
        z, where = np.where(where, z, other), where | also
    z = z + 0.03 * radius * smooth_noise(rng, shape, 0.3 * max(shape), 2)
    if not where.any():
        return patch(rng, shape)
    return from_height(z.astype(np.float32), where, cm_per_px, part)


def _round(
    across: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    girth: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    flatness: float,
) -> tuple[
    np.ndarray[tuple[int, ...], np.dtype[np.float32]], np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
]:
    """Height of an elliptic section, and where it is."""
    s = across / girth
    return flatness * girth * np.sqrt(np.clip(1 - s * s, 0, 1)), np.abs(s) < 1
