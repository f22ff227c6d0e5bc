"""Surfaces of things that are not skin, in linear sRGB: cloth, tiles, stripes, print, plastic, plain wall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Rng, smooth_noise
from models.synth.designs import EMPTY, Library, raster
from models.synth.skin import skin_colour


def texture(rng: Rng, shape: tuple[int, int], library: Library = EMPTY) -> Image:
    """A surface (H, W, 3): cloth, tiles, stripes, print, foliage, wood, plastic, plain wall."""
    base = any_colour(rng)
    other = any_colour(rng)
    mix = _pattern(rng, shape, library)[:, :, None]
    out = base * (1 - mix) + other * mix
    folds = 1 + rng.uniform(0.05, 0.5) * smooth_noise(rng, shape, rng.uniform(20, 200), 3)
    grain = 1 + rng.uniform(0, 0.12) * rng.standard_normal(shape, np.float32)
    return np.asarray(np.clip(out * (folds * grain)[:, :, None], 0.001, 1.2), np.float32)


def any_colour(rng: Rng) -> NDArray[np.float32]:
    kind = rng.random()
    if kind < 0.45:  # black, grey and white things are the commonest
        return np.full(3, rng.uniform(0.005, 0.9) ** rng.uniform(1, 2.5), np.float32)
    if kind < 0.58:  # skin-like: wood, cardboard, another person
        return np.asarray(skin_colour(rng.uniform(-50, 60)) * rng.uniform(0.4, 1.3), np.float32)
    vivid = rng.uniform(0.01, 0.9, 3) ** rng.uniform(1, 2)
    return np.asarray(vivid.mean() + rng.uniform(0.1, 1) ** 1.5 * (vivid - vivid.mean()), np.float32)


def _pattern(rng: Rng, shape: tuple[int, int], library: Library) -> Image:
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, period = rng.uniform(0, 3.2), rng.uniform(6, 90)
    u = (xx * np.cos(angle) + yy * np.sin(angle)) / period
    v = (yy * np.cos(angle) - xx * np.sin(angle)) / period * rng.uniform(0.5, 2)
    kind = int(rng.integers(7))
    if kind == 0:
        return np.asarray(
            np.clip(0.5 + 0.8 * smooth_noise(rng, shape, rng.uniform(20, 250), 4), 0, 1), np.float32
        )
    if kind == 1:
        return np.asarray(((np.floor(u) + np.floor(v)) % 2), np.float32)
    if kind == 2:
        return np.asarray((np.abs(u - np.floor(u)) < rng.uniform(0.1, 0.6)), np.float32)
    if kind == 3:
        return np.asarray(
            (np.minimum(u - np.floor(u), v - np.floor(v)) < rng.uniform(0.05, 0.15)), np.float32
        )
    if kind == 4 and library.motifs:  # printed motifs: what a tattoo looks like, on cloth or paper
        return _print(rng, shape, library)
    if kind == 5:
        field = smooth_noise(rng, shape, rng.uniform(10, 60), 3)
        return np.asarray(np.clip(field * rng.uniform(3, 12), 0, 1), np.float32)
    return np.zeros(shape, np.float32)


def _print(rng: Rng, shape: tuple[int, int], library: Library) -> Image:
    out = np.zeros(shape, np.float32)
    for _ in range(rng.integers(1, 6)):
        side = float(rng.uniform(0.1, 0.5) * max(shape))
        left, top = (float(x) for x in rng.uniform(-0.1, 0.9, 2) * (shape[1], shape[0]))
        motif = library.motifs[int(rng.integers(len(library.motifs)))]
        if rng.random() < 0.5:
            part = raster.picture(shape, motif, (left, top, side))
        else:
            part = raster.stroke(shape, raster.outlines(motif, (left, top, side)), 2)
        np.maximum(out, part, out=out)
    return out
