"""Hair over skin and ink: down, forearm and leg hair, stubble, thick patches, strands of the head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Points, Rng, blur, smooth_noise, strokes
from models.synth.designs.shapes import curve
from models.synth.geometry import Surface

_MOST = 6000
_COLOURS = (
    (0.012, 0.009, 0.007),
    (0.03, 0.018, 0.011),
    (0.10, 0.055, 0.025),
    (0.38, 0.27, 0.15),
    (0.45, 0.43, 0.40),
)
"""Linear sRGB of black, brown, chestnut, fair and grey hair."""


def grow(rng: Rng, linear: Image, surface: Surface, light: Image) -> tuple[str, ...]:
    """Lay hair over lit skin (H, W, 3) in place; returns what grew."""
    where, per_cm = surface.where, 1.0 / surface.cm_per_px
    kind = rng.random()
    if kind < 0.42:
        return ()
    colour = _colour(rng)
    if kind < 0.62:  # down and sparse hair
        drawn = _coat(rng, where, per_cm, rng.uniform(0.5, 6), (0.3, 1.2), 0.004)
        _lay(rng, linear, drawn, colour, light, 0.6)
        return ("hair",)
    if kind < 0.88:  # a hairy forearm, leg or chest
        drawn = _coat(rng, where, per_cm, rng.uniform(4, 26), (0.5, 2.6), 0.006)
        _lay(rng, linear, drawn, colour, light, 1.0)
        return ("dense hair",)
    drawn = _coat(rng, where, per_cm, rng.uniform(8, 40), (0.02, 0.12), 0.009)
    _lay(rng, linear, drawn, colour, light, 0.9)  # stubble of a shave
    return ("stubble",)


def strands(rng: Rng, linear: Image) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Long hair of the head that fell before the scene (H, W, 3), laid in place: what it hides, its name."""
    shape = (int(linear.shape[0]), int(linear.shape[1]))
    if rng.random() > 0.05:
        return np.zeros(shape, bool), ()
    spine = curve(rng, -0.3 * max(shape), 1.3 * max(shape), 4)
    loose = rng.normal(0, 0.006, (int(np.exp(rng.uniform(np.log(2), np.log(150)))), len(spine), 2))
    lock = rng.normal(0, rng.uniform(0.01, 0.08), (len(loose), 1, 2))
    drawn = strokes(shape, list(spine + (np.cumsum(loose, 1) + lock) * max(shape)), rng.uniform(1, 2.2))
    light = np.full((*shape, 3), linear.mean() * 2.5, np.float32)
    light *= np.clip(1 + 0.6 * smooth_noise(rng, shape, 0.2 * max(shape), 2), 0.2, 2)[:, :, None]
    _lay(rng, linear, drawn, _colour(rng), light, 1.0)
    return blur(drawn, 1.5) > 0.6, ("strands",)


def _colour(rng: Rng) -> NDArray[np.float64]:
    return np.array(_COLOURS[int(rng.choice(5, p=[0.34, 0.3, 0.18, 0.12, 0.06]))]) * rng.uniform(0.7, 1.4)


def _coat(
    rng: Rng,
    where: NDArray[np.bool_],
    per_cm: float,
    density: float,
    length_cm: tuple[float, float],
    wide_cm: float,
) -> Image:
    """Hairs (H, W) 0..1 of one direction that wanders; `density` per square cm, thinner in places."""
    height, width = where.shape
    count = int(min(density * where.sum() / per_cm**2, _MOST))
    start = rng.uniform(0, 1, (count, 2)) * (width, height)
    wander = smooth_noise(rng, (32, 32), 12, 2)
    thick = smooth_noise(rng, (32, 32), 10, 2) + rng.uniform(0, 1)
    cell = (start[:, 1] * 32 / height).astype(int), (start[:, 0] * 32 / width).astype(int)
    keep = thick[cell] > rng.uniform(-0.6, 0.6, count)
    angle = rng.uniform(0, 6.3) + 0.9 * wander[cell] + rng.normal(0, 0.25, count)
    length = rng.uniform(*length_cm, count) * per_cm
    t = np.linspace(0, 1, 5)
    bend = rng.normal(0, 0.7, count)[:, None] * t + angle[:, None]
    steps = np.stack([np.cos(bend), np.sin(bend)], -1) * (length[:, None, None] * t[:, None])
    lines: list[Points] = list((start[:, None, :] + steps)[keep])
    wide = wide_cm * per_cm
    return strokes((height, width), lines, max(1.0, wide)) * where * np.float32(min(1.0, 0.25 + wide))


def _lay(
    rng: Rng, linear: Image, drawn: Image, colour: NDArray[np.float64], light: Image, strength: float
) -> None:
    """Paint hairs and the thin shadows that they cast, in place."""
    shift = rng.integers(-3, 4, 2)
    shadow = blur(np.roll(drawn, (int(shift[0]), int(shift[1])), (0, 1)), 1.0)
    linear *= (1 - rng.uniform(0.1, 0.4) * strength * shadow)[:, :, None]
    fair = 0.6 if colour.mean() > 0.15 else 1.0  # fair hair lets light through
    alpha = blur(drawn, rng.uniform(0.2, 0.6)) * np.float32(strength * fair * rng.uniform(0.4, 1.0))
    shine = colour.astype(np.float32) * light * np.float32(rng.uniform(0.7, 1.5))
    linear += alpha[:, :, None] * (shine - linear)
