"""What the sample photo is painted with: colours of skin, inks by absorbance, a wall. Linear sRGB.

The photo's pixels are pinned by tests, so it keeps its own simple paint: ink multiplies skin by
exp(-absorbance).
The generator of training photos (models/synth) computes ink in layers instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Rng, blur, smooth_noise
from svc_color.space import lab_to_xyz, xyz_to_linear

# Modelled CIELAB (D65) of ink divided by skin, dense (the four layers of svc_color/optics.py).
_TRANSMISSION_LAB = {
    "black": (57, -3, -18),
    "grey": (77, -6, -13),
    "teal": (82, -23, -29),
    "red": (69, 43, -4),
}
# CIELAB of average skins; individual typology angles 10 and 38 degrees.
_DARK_HAIR_LAB, _ARM_LAB = (53.4, 9.0, 19.5), (63.6, 7.75, 17.15)


@dataclass(frozen=True)
class Arm:
    linear: Image
    """(H, W, 3) reflectance times light, before ink."""
    shape: NDArray[np.bool_]
    """(H, W) where skin is."""


@dataclass(frozen=True)
class Drawing:
    """Ink on a canvas: natural-log absorbance (H, W, 3), changed in place as it is drawn."""

    absorbance: Image

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.absorbance.shape[0]), int(self.absorbance.shape[1])

    def lay(self, shape: Image, ink: Image) -> None:
        """Replace what lies under `shape` (H, W) 0..1 by the ink: a later pass of the needle hides it."""
        self.absorbance[:] += shape[:, :, None] * (ink - self.absorbance)


def _linear(lab: tuple[float, float, float]) -> Image:
    return np.asarray(xyz_to_linear(lab_to_xyz(np.array(lab, np.float64))), np.float32)


def arm_colour() -> Image:
    """Linear sRGB (3,) of the arm."""
    return _linear(_ARM_LAB)


def hair_colour() -> Image:
    """Linear sRGB (3,) of its hair."""
    return _linear(_DARK_HAIR_LAB) * np.float32(0.35)


def absorbance(name: str) -> Image:
    """Natural-log absorbance (3,) of a dense layer of the ink, per linear sRGB channel, at least 0."""
    return np.maximum(-np.log(np.clip(_linear(_TRANSMISSION_LAB[name]), 0.02, 1.5)), 0)


def apply_ink(rng: Rng, linear: Image, ink: Image) -> Image:
    """Multiply skin by the ink's transmission; skin above the ink blurs and veils it."""
    spread = blur(ink, rng.uniform(0.3, 1.1))
    veil = np.float32(rng.uniform(0, 0.05))  # light scattered back before it reaches the ink
    return np.asarray(linear * (veil + (1 - veil) * np.exp(-spread)), np.float32)


def wall(rng: Rng, shape: tuple[int, int]) -> Image:
    """A wall (H, W, 3) of grey and dull red stripes, with folds and grain."""
    yy, xx = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    across = (xx * np.cos(1.8007002) + yy * np.sin(1.8007002)) / 36.7997132
    red = (across - np.floor(across) < 0.4084705).astype(np.float32)[:, :, None]
    out = 0.11825978 * (1 - red) + np.array([0.28263417, 0.18961932, 0.20875148], np.float32) * red
    # The wall was drawn at random once; what follows it draws on from the same place.
    rng.random(12), rng.integers(7), rng.random(3)
    folds = 1 + 0.1081691 * smooth_noise(rng, shape, 144.6206561, 3)
    rng.random()
    grain = 1 + 0.1046861 * rng.standard_normal(shape, np.float32)
    return np.asarray(np.clip(out * (folds * grain)[:, :, None], 0.001, 1.2), np.float32)
