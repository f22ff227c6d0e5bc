"""What ink does to light: transmission colours of ink classes, as multipliers of the skin around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Rng

# Modelled CIELAB (D65) of ink divided by skin, dense (our four-layer Kubelka-Munk model, docs/models.md).
TRANSMISSION_LAB: dict[str, tuple[float, float, float]] = {
    "black": (57, -3, -18),
    "grey": (77, -6, -13),
    "dark_blue": (62, -6, -28),
    "blue": (73, -9, -40),
    "light_blue": (94, -16, -26),
    "teal": (82, -23, -29),
    "dark_green": (72, -28, -4),
    "light_green": (96, -38, 26),
    "purple": (65, 11, -45),
    "pink": (92, 30, -19),
    "red": (69, 43, -4),
    "orange": (83, 30, 21),
    "yellow": (104, -10, 44),
    "brown": (69, 4, -11),
}
COLOURS = tuple(name for name in TRANSMISSION_LAB if name not in ("black", "grey"))

_WHITE_D65 = np.array([0.95047, 1.0, 1.08883])
_XYZ_TO_RGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)  # IEC 61966-2-1


def lab_to_linear(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB (..., 3), D65/2 degrees, to linear sRGB (..., 3), unclipped (CIE 15, IEC 61966-2-1)."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _WHITE_D65
    return np.asarray(xyz @ _XYZ_TO_RGB.T, np.float64)


def absorbance(name: str) -> NDArray[np.float32]:
    """Natural-log absorbance (3,) of a dense layer of the ink, per linear sRGB channel, at least 0."""
    ratio = lab_to_linear(np.array(TRANSMISSION_LAB[name], np.float64))
    return np.maximum(-np.log(np.clip(ratio, 0.02, 1.5)), 0).astype(np.float32)


def random_ink(rng: Rng, name: str) -> NDArray[np.float32]:
    """Absorbance (3,) of one bottle of that class: hue and strength vary as artists' inks do."""
    base = absorbance(name) * rng.uniform(0.85, 1.2, 3)
    if name in ("black", "grey"):  # between blue-black and neutral carbon
        base = base + rng.uniform(0, 1) * (base.mean() - base)
        return np.asarray(base * rng.uniform(1.1, 2.6 if name == "black" else 1.5), np.float32)
    return np.asarray(base * rng.uniform(0.9, 2.2), np.float32)
