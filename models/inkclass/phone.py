"""From reflectance to what a phone's file says: coverage, light, glare, white balance, tone, chroma,
noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.inkclass.worlds import World
from svc_color.space import linear_to_srgb, srgb_to_linear

Array = NDArray[np.float64]


def photographed(
    rng: np.random.Generator, below: Array, above: Array, camera: Array, world: World
) -> tuple[Array, Array]:
    """Linear sRGB (n, 3) of skin and of what lies on it, from reflectances (n, 77); camera: (77, 3)."""
    count = len(below)
    bare, inked = np.maximum(below @ camera, 1e-4), np.maximum(above @ camera, 1e-5)
    # Bare skin shines between dots and lines, and mixes in where JPEG halves the colour's resolution.
    cover = np.where(rng.random((count, 1)) < 0.6, 1.0, rng.uniform(0.6, 1.0, (count, 1)))
    inked = cover * inked + (1.0 - cover) * bare
    light = np.exp(world.shading_sd * rng.standard_normal((count, 1)))
    # Glare of the surface and of the lens is white; more of it lies on some inks, wet or at an angle.
    flare = bare.mean(axis=1, keepdims=True) * rng.uniform(0.0, 0.04, (count, 1))
    gloss = bare.mean(axis=1, keepdims=True) * rng.exponential(0.012, (count, 1))
    balance = np.exp(0.06 * rng.standard_normal((count, 3)))
    exposure = rng.uniform(0.25, 0.95, (count, 1)) / (bare * balance).max(axis=1, keepdims=True)
    pair = [(bare + flare) * balance * exposure, (inked * light + flare + gloss) * balance * exposure]
    tone = rng.uniform(*world.tone, (count, 1))
    saturation = rng.uniform(*world.saturation, (count, 1))
    bare, inked = (_encoded(linear, tone, saturation) for linear in pair)
    # In fine lines the colour is half the skin's: demosaicing and JPEG keep less of it than of luminance.
    bleed = np.where(rng.random((count, 1)) < world.fine, rng.uniform(0.0, 0.8, (count, 1)), 0.0)
    inked = inked + bleed * ((bare - _luma(bare)) - (inked - _luma(inked)))
    return _decoded(rng, bare), _decoded(rng, inked)


def _encoded(linear: Array, tone: Array, saturation: Array) -> Array:
    """sRGB (n, 3) that the phone makes of a scene in linear light (n, 3), with its tone and its
    saturation."""
    encoded = linear_to_srgb(np.clip(linear, 0.0, 1.0)) ** tone
    return np.asarray(_luma(encoded) + saturation * (encoded - _luma(encoded)))


def _luma(encoded: Array) -> Array:
    """Luma (n, 1) of JPEG's colour space (ITU-R BT.601)."""
    return np.asarray(encoded @ [[0.299], [0.587], [0.114]])


def _decoded(rng: np.random.Generator, encoded: Array) -> Array:
    """Linear light (n, 3) of the file's sRGB, with the noise that a mean over a cluster keeps."""
    noisy = encoded + 0.006 * rng.standard_normal(encoded.shape)
    return np.maximum(srgb_to_linear(np.clip(noisy, 0.0, 1.0)), 1e-4)
