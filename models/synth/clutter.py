"""What is not skin: backgrounds, clothes, jewellery, gloves; and pen on skin that is not ink. Linear sRGB."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Rng, blur, coverage, smooth_noise, strokes
from models.synth.designs import Motif, blob, curve
from models.synth.skin import skin_colour


def texture(rng: Rng, shape: tuple[int, int], motifs: Sequence[Motif]) -> Image:
    """A surface (H, W, 3): cloth, tiles, stripes, print, foliage, wood, plastic, plain wall."""
    base = _colour(rng)
    other = _colour(rng)
    mix = _pattern(rng, shape, motifs)[:, :, None]
    out = base * (1 - mix) + other * mix
    folds = 1 + rng.uniform(0.05, 0.5) * smooth_noise(rng, shape, rng.uniform(20, 200), 3)
    grain = 1 + rng.uniform(0, 0.12) * rng.standard_normal(shape, np.float32)
    return np.asarray(np.clip(out * (folds * grain)[:, :, None], 0.001, 1.2), np.float32)


def _colour(rng: Rng) -> NDArray[np.float32]:
    kind = rng.random()
    if kind < 0.45:  # black, grey and white things are the commonest
        return np.full(3, rng.uniform(0.005, 0.9) ** rng.uniform(1, 2.5), np.float32)
    if kind < 0.58:  # skin-like: wood, cardboard, another person
        return np.asarray(skin_colour(rng.uniform(-50, 60)) * rng.uniform(0.4, 1.3), np.float32)
    vivid = rng.uniform(0.01, 0.9, 3) ** rng.uniform(1, 2)
    return np.asarray(vivid.mean() + rng.uniform(0.1, 1) ** 1.5 * (vivid - vivid.mean()), np.float32)


def _pattern(rng: Rng, shape: tuple[int, int], motifs: Sequence[Motif]) -> Image:
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
    if kind == 4 and motifs:  # printed motifs: what a tattoo looks like, on cloth or paper
        return _print(rng, shape, motifs)
    if kind == 5:
        field = smooth_noise(rng, shape, rng.uniform(10, 60), 3)
        return np.asarray(np.clip(field * rng.uniform(3, 12), 0, 1), np.float32)
    return np.zeros(shape, np.float32)


def _print(rng: Rng, shape: tuple[int, int], motifs: Sequence[Motif]) -> Image:
    out = np.zeros(shape, np.float32)
    for _ in range(rng.integers(1, 6)):
        size = rng.uniform(0.1, 0.5) * max(shape)
        at = rng.uniform(-0.1, 0.9, 2) * (shape[1], shape[0])
        scaled = [c * size + at for c in motifs[int(rng.integers(len(motifs)))]]
        part = coverage(shape, scaled) if rng.random() < 0.5 else strokes(shape, scaled, 2, closed=True)
        np.maximum(out, part, out=out)
    return out


def background(rng: Rng, shape: tuple[int, int], motifs: Sequence[Motif]) -> Image:
    """A scene (H, W, 3) of a few surfaces one before another, usually out of focus."""
    out = texture(rng, shape, motifs)
    for _ in range(rng.integers(0, 5)):
        where = _piece(rng, shape)
        part = texture(rng, shape, motifs)
        out += where[:, :, None] * (part - out)
    return blur(out, rng.choice([0.0, 1.0, 3.0, 7.0])) * np.float32(rng.uniform(0.4, 1.3))


def _piece(rng: Rng, shape: tuple[int, int]) -> Image:
    size = max(shape)
    centre = rng.uniform(-0.1, 1.1, 2) * (shape[1], shape[0])
    if rng.random() < 0.5:
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * rng.uniform(0.05, 0.5, 2) * size
        angle = rng.uniform(0, 3.2)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return coverage(shape, [corners @ turn + centre])
    return coverage(shape, [blob(rng, centre, rng.uniform(0.05, 0.4) * size, 0.2)])


def cover(rng: Rng, linear: Image, where: NDArray[np.bool_], motifs: Sequence[Motif]) -> NDArray[np.bool_]:
    """Lay clothes, straps, jewellery, gloves over the scene, in place; returns the skin still to be seen."""
    shape = (int(where.shape[0]), int(where.shape[1]))
    seen = where.copy()
    if rng.random() < 0.55:
        side = _half_plane(rng, shape)
        cloth = texture(rng, shape, motifs) * np.float32(rng.uniform(0.3, 1.2))
        hem = 1 - 0.5 * np.clip(blur(side, 4) * (1 - side) * 2, 0, 1)  # contact shadow on the skin
        linear *= hem[:, :, None]
        linear += side[:, :, None] * (cloth - linear)
        seen &= side < 0.5
    for _ in range(int(rng.poisson(0.35))):
        band = strokes(shape, [curve(rng, -0.2 * max(shape), 1.2 * max(shape), 4)], rng.uniform(2, 16))
        metal = _colour(rng) * (1 + 0.9 * smooth_noise(rng, shape, 6, 2))[:, :, None]
        linear += band[:, :, None] * (np.clip(metal, 0.005, 1.2) - linear)
        seen &= band < 0.5
    if rng.random() < 0.12:  # a finger or glove that holds the limb
        part = coverage(shape, [blob(rng, rng.uniform(0, 1, 2) * shape[::-1], 0.12 * max(shape), 0.25)])
        linear += part[:, :, None] * (texture(rng, shape, []) - linear)
        seen &= part < 0.5
    return seen


def _half_plane(rng: Rng, shape: tuple[int, int]) -> Image:
    """One side of a wavy line near the rim of the frame, (H, W) 0..1."""
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
    angle = rng.uniform(0, 6.3)
    u = (xx - 0.5) * np.cos(angle) + (yy - 0.5) * np.sin(angle)
    edge = rng.uniform(0.15, 0.45) + 0.08 * smooth_noise(rng, shape, 150, 2)
    return np.asarray(np.clip((u - edge) * max(shape) * 0.5, 0, 1), np.float32)


def pen(rng: Rng, linear: Image) -> None:
    """Faint stencil or surgical marker on the skin (not ink), in place."""
    if rng.random() > 0.06:
        return
    shape = (int(linear.shape[0]), int(linear.shape[1]))
    lines = [curve(rng, 0, float(max(shape)), 4) for _ in range(rng.integers(1, 4))]
    soft = blur(strokes(shape, lines, rng.uniform(1, 4)), rng.uniform(1.0, 2.5))
    linear *= np.exp(-rng.uniform(0.1, 0.3) * soft[:, :, None] * np.array([0.5, 1.0, 0.3], np.float32))


def scratch(rng: Rng, linear: Image) -> None:
    """Scratches, creases and scars, in place."""
    if rng.random() > 0.35:
        return
    shape = (int(linear.shape[0]), int(linear.shape[1]))
    lines = [curve(rng, 0, float(max(shape)), 3) for _ in range(rng.integers(1, 5))]
    soft = blur(strokes(shape, lines, rng.uniform(1, 3)), rng.uniform(0.6, 3))
    tint = np.array([0.4, 1.0, 0.9] if rng.random() < 0.7 else [-0.5, -0.5, -0.5], np.float32)
    linear *= np.exp(-rng.uniform(0.05, 0.3) * soft[:, :, None] * tint)


def wrap(rng: Rng, linear: Image) -> None:
    """Film over the scene, as on a fresh tattoo: sharp bright creases, in place."""
    if rng.random() > 0.05:
        return
    shape = (int(linear.shape[0]), int(linear.shape[1]))
    crease = np.clip(1 - np.abs(smooth_noise(rng, shape, 60, 3)) * 18, 0, 1)
    linear += (crease * rng.uniform(0.1, 0.6))[:, :, None].astype(np.float32)
    np.minimum(linear, 1.5, out=linear)
