"""Modelled skin around ink with hair, a cast shadow, glare and inflammation; the plain skin is known exactly.

The skin is that of svc_color/optics.py, so that inflammation is more blood and not paint. Light is added and
taken away in linear light; then comes the noise of a camera and 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.inkclass.camera import reference
from svc_color.optics import SkinOptics, spectrum
from svc_color.space import Array, linear_to_lab, linear_to_srgb

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# Melanosome fraction of modelled skins by name; ITA 55, 48, 35, 19, -10, -40 degrees.
MELANIN: Final = {
    "very light": 0.00282,
    "light": 0.00973,
    "intermediate": 0.0223,
    "tan": 0.0382,
    "brown": 0.0751,
    "dark": 0.1466,
}
_BLOOD: Final = 0.01
_TINT: Final = np.array([1.0, 0.97, 0.92])


@dataclass(frozen=True)
class Trouble:
    """What is wrong with the skin around the ink; nothing where everything is 0.

    hair, glare: shares of the picture under hair and under specular spots. shadow: share of light that a
    shadow takes away. shadow_share: share of the picture in it, from one side. blood: volume fraction at the
    ink's edge, falling to that of plain skin at `halo` (share of the ink's extent).
    """

    hair: float = 0.0
    shadow: float = 0.0
    shadow_share: float = 0.5
    glare: float = 0.0
    blood: float = _BLOOD
    halo: float = 0.1


@dataclass(frozen=True)
class Scene:
    """A photo (H, W, 3) with its ink mask and ink probability (H, W). truth: CIELAB of the plain skin."""

    rgb: Image
    mask: Mask
    probability: Image
    truth: Array


def scene(skin: str, trouble: Trouble, seed: int, *, size: tuple[int, int] = (360, 480)) -> Scene:
    """A scene of modelled skin with black ink in the middle.

    skin: a name of MELANIN. seed: where hair and glare fall, shape of the ink, and noise.
    """
    rng = np.random.default_rng(seed)
    mask = _ink(rng, size)
    light = _skin(skin, mask, trouble)
    plain = spectrum(SkinOptics(MELANIN[skin], _BLOOD)) @ reference()
    light[mask] *= 0.12
    light *= _shadow(rng, trouble, size)[..., None]
    light = _specular(rng, light, trouble, mask)
    light = _hair(rng, light, trouble)
    # Fine structure of skin, and the camera's noise.
    relief = cv2.GaussianBlur(rng.standard_normal(size), (0, 0), 2.0)
    light *= (1 + 0.03 * relief / relief.std())[..., None]
    encoded = linear_to_srgb(np.clip(light, 0, 1)) + 0.006 * rng.standard_normal((*size, 3))
    rgb = np.round(np.clip(encoded, 0, 1) * 255).astype(np.uint8)
    chance = cv2.GaussianBlur(mask.astype(np.uint8) * 255, (0, 0), 1.5)
    return Scene(rgb, mask, np.asarray(chance, np.uint8), linear_to_lab(plain))


def _ink(rng: np.random.Generator, size: tuple[int, int]) -> Mask:
    """A few thick strokes about the middle, a third of the picture wide."""
    height, width = size
    canvas = np.zeros(size, np.uint8)
    centre = np.array([width / 2, height / 2])
    points = centre + rng.uniform(-1, 1, (7, 2)) * (width / 6, height / 6)
    cv2.polylines(canvas, [points.astype(np.int32)], False, 1, max(3, width // 40))
    return canvas.astype(np.bool_)


def _skin(skin: str, mask: Mask, trouble: Trouble) -> Array:
    """Linear light (H, W, 3) of skin whose blood falls off with the distance from the ink."""
    steps = np.linspace(_BLOOD, max(trouble.blood, _BLOOD + 1e-6), 64)
    colours = spectrum(SkinOptics(MELANIN[skin], steps)) @ reference()
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    _, _, width, height = cv2.boundingRect(mask.view(np.uint8))
    # Flat near the ink, then a soft edge, as a wheal's.
    away = distance / (trouble.halo * np.hypot(width, height))
    level = 0.5 * (1 - np.tanh(4 * (away - 1)))
    return np.asarray(colours[np.round(level * 63).astype(np.intp)])


def _shadow(rng: np.random.Generator, trouble: Trouble, size: tuple[int, int]) -> Array:
    """Share of light (H, W) that is left, with a penumbra of a few pixels."""
    across = np.linspace(0, 1, size[1])[None, :] + 0.15 * np.linspace(-0.5, 0.5, size[0])[:, None]
    soft = 1 / (1 + np.exp(-(across - trouble.shadow_share) / rng.uniform(0.004, 0.02)))
    return np.asarray(1 - trouble.shadow * (1 - soft))


def _specular(rng: np.random.Generator, light: Array, trouble: Trouble, mask: Mask) -> Array:
    """Adds lobes of the lamp's own colour; their skirts tint far more than they clip."""
    added = np.zeros(mask.shape)
    for _ in range(400):
        if np.count_nonzero(added > 0.05) >= trouble.glare * added.size:
            break
        y, x, radius = rng.uniform(0, mask.shape[0]), rng.uniform(0, mask.shape[1]), rng.uniform(4, 12)
        top, left = max(0, int(y - 5 * radius)), max(0, int(x - 5 * radius))
        part = added[top : int(y + 5 * radius), left : int(x + 5 * radius)]
        rows, columns = np.arange(part.shape[0])[:, None], np.arange(part.shape[1])[None, :]
        part += 0.9 * np.exp(-((rows + top - y) ** 2 + (columns + left - x) ** 2) / (2 * radius**2))
    return np.asarray(light + added[..., None] * _TINT)


def _hair(rng: np.random.Generator, light: Array, trouble: Trouble) -> Array:
    """Lays dark strokes over the light, with soft edges, until they cover the share asked for."""
    height, width = light.shape[0], light.shape[1]
    cover = np.zeros((height, width), np.uint8)
    for _ in range(4000):
        if np.count_nonzero(cover) >= trouble.hair * cover.size:
            break
        start = rng.uniform(0, 1, 2) * (width, height)
        turn, length = rng.normal(0.6, 0.35), rng.uniform(30, 90)
        end = start + length * np.array([np.cos(turn), np.sin(turn)])
        cv2.line(cover, start.astype(int).tolist(), end.astype(int).tolist(), 255, int(rng.integers(1, 4)))
    share = cv2.GaussianBlur(cover, (0, 0), 0.8)[..., None] / 255.0
    return np.asarray(light * (1 - share) + share * np.array([0.020, 0.014, 0.010]))
