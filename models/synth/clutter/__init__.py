"""What is not ink: things in the skin, before it and behind it, each with a name for `Scene.clutter`.

Light is linear sRGB, but for `overlay`; every function draws from `rng` alone.
"""

from __future__ import annotations

import numpy as np

from models.synth.arrays import Image, Rng, smooth_noise
from models.synth.clutter.marks import in_skin
from models.synth.clutter.overlays import overlay
from models.synth.clutter.rooms import behind
from models.synth.clutter.textures import texture
from models.synth.clutter.worn import before

__all__ = ["before", "behind", "film", "in_skin", "overlay", "texture"]


def film(rng: Rng, linear: Image) -> tuple[str, ...]:
    """Film over the scene, as on a fresh tattoo: sharp bright creases, in place."""
    if rng.random() > 0.04:
        return ()
    shape = (int(linear.shape[0]), int(linear.shape[1]))
    sheet = smooth_noise(rng, shape, rng.uniform(0.08, 0.3) * max(shape), 2)
    crease = np.clip(1 - np.abs(sheet) * rng.uniform(12, 40), 0, 1) ** 2
    crease *= np.clip(smooth_noise(rng, shape, 0.12 * max(shape), 3) * 3, 0, 1)  # it catches light in places
    gleam = np.clip(smooth_noise(rng, shape, 0.4 * max(shape), 2), 0, 1) * rng.uniform(0, 0.25)
    linear += (crease * rng.uniform(0.1, 0.7) + gleam)[:, :, None].astype(np.float32)
    np.minimum(linear, 1.5, out=linear)
    return ("film",)
