"""Photos with known colours: ink of known transmission painted on skin of known colour."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.space import Array, lab_to_xyz, linear_to_srgb, xyz_to_linear

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

LIGHT_SKIN = (67.2, 7.2, 15.5)
BROWN_SKIN = (46.1, 9.5, 22.1)


@dataclass(frozen=True)
class Painting:
    """rgb, ink mask and probability of one photo; patches: where each ink was painted."""

    rgb: Image
    mask: Mask
    probability: Image
    patches: tuple[Mask, ...]


def linear_of(lab: tuple[float, float, float]) -> Array:
    """Linear sRGB of a CIELAB colour."""
    return xyz_to_linear(lab_to_xyz(np.array(lab)))


def paint(
    transmissions: list[tuple[float, float, float]],
    *,
    skin: tuple[float, float, float] = LIGHT_SKIN,
    size: tuple[int, int] = (600, 800),
    noise: float = 0.004,
    exposure: float = 1.0,
    seed: int = 1,
) -> Painting:
    """A row of square ink patches on skin. noise: standard deviation of the encoded values, 0 to 1."""
    rng = np.random.default_rng(seed)
    height, width = size
    linear = np.tile(linear_of(skin), (height, width, 1))
    side = min(height // 3, width // (2 * len(transmissions) + 1))
    patches = []
    for index, transmission in enumerate(transmissions):
        top, left = (
            height // 2 - side // 2,
            width // 2 + int((2 * index - len(transmissions) + 0.5) * side * 0.75),
        )
        patch = np.zeros((height, width), np.bool_)
        patch[top : top + side, left : left + side] = True
        linear[patch] *= transmission
        patches.append(patch)
    encoded = linear_to_srgb(np.clip(linear * exposure, 0, 1)) + noise * rng.standard_normal(linear.shape)
    mask = np.any(patches, axis=0)
    probability = cv2.GaussianBlur(mask.astype(np.uint8) * 255, (0, 0), 1.5)
    rgb = np.round(np.clip(encoded, 0, 1) * 255).astype(np.uint8)
    return Painting(rgb, mask, np.asarray(probability, np.uint8), tuple(patches))
