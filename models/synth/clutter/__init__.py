"""What is not ink: things in the skin, before it and behind it, each with a name for `Scene.clutter`.

Light is linear sRGB; every function draws from `rng` alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Bytes, Image, Rng, blur, coverage, smooth_noise, strokes
from models.synth.clutter.textures import any_colour, texture
from models.synth.designs import EMPTY, Design, Library, blob, curve
from models.synth.geometry import Surface

__all__ = ["before", "behind", "film", "in_skin", "overlay", "texture"]


def in_skin(rng: Rng, linear: Image, surface: Surface, library: Library = EMPTY) -> tuple[str, ...]:
    """Marks in and on the skin that are no ink, laid over (H, W, 3) in place; call it before hair and glare."""
    names = []
    if rng.random() < 0.06:
        shape = (int(linear.shape[0]), int(linear.shape[1]))
        lines = [curve(rng, 0, float(max(shape)), 4) for _ in range(rng.integers(1, 4))]
        soft = blur(strokes(shape, lines, rng.uniform(1, 4)), rng.uniform(1.0, 2.5))
        linear *= np.exp(-rng.uniform(0.1, 0.3) * soft[:, :, None] * np.array([0.5, 1.0, 0.3], np.float32))
        names.append("pen")
    return tuple(names)


def behind(
    rng: Rng, shape: tuple[int, int], library: Library = EMPTY, designs: tuple[Design, ...] = ()
) -> tuple[Image, tuple[str, ...]]:
    """What is seen beside and behind the skin, (H, W, 3) with its blur of depth, and its names.

    `designs`: what is tattooed in this photo; a sketch of it on paper may lie beside it.
    """
    out = texture(rng, shape, library)
    return blur(out, rng.choice([0.0, 1.0, 3.0, 7.0])) * np.float32(rng.uniform(0.4, 1.3)), ()


def before(
    rng: Rng, linear: Image, surface: Surface, seen: NDArray[np.bool_], library: Library = EMPTY
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Clothes, straps, jewellery, gloves over the scene (H, W, 3), in place: the skin still seen, and names."""
    return seen.copy(), ()


def film(rng: Rng, linear: Image) -> tuple[str, ...]:
    """Film over the scene, as on a fresh tattoo: sharp bright creases, in place."""
    if rng.random() > 0.04:
        return ()
    shape = (int(linear.shape[0]), int(linear.shape[1]))
    crease = np.clip(1 - np.abs(smooth_noise(rng, shape, 60, 3)) * 18, 0, 1)
    linear += (crease * rng.uniform(0.1, 0.6))[:, :, None].astype(np.float32)
    np.minimum(linear, 1.5, out=linear)
    return ("film",)


def overlay(rng: Rng, rgb: Bytes, library: Library = EMPTY) -> tuple[Bytes, NDArray[np.bool_], tuple[str, ...]]:
    """Watermarks, captions and borders upon the finished photo: the photo, what they hide (H, W), names.

    What they hide is neither ink nor visible skin.
    """
    return rgb, np.zeros(rgb.shape[:2], bool), ()
