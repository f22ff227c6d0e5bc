"""Ink transmission colour: what ink does to the light of the skin that carries it.

Both sides of the quotient are seen by the same camera in the same light, so exposure and white balance
(a gain per channel) divide out, and so does most of the skin's own colour. Fading moves the answer towards
(100, 0, 0) at a nearly constant hue.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from svc_color.space import SRGB_TO_XYZ, Array, xyz_to_lab

# Bounds of the ratio: below the first, a camera sees noise; above the second, glare and not ink.
LOWEST: Final = 1e-4
HIGHEST: Final = 1.5

# The white that makes bare skin exactly (100, 0, 0): the XYZ of the ratio (1, 1, 1).
UNIT_WHITE: Final[Array] = SRGB_TO_XYZ.sum(axis=1)


def transmission(ink: ArrayLike, skin: ArrayLike) -> Array:
    """Ratio of ink to skin per channel, clipped to `LOWEST`..`HIGHEST`, float64.

    Args:
        ink: linear sRGB (..., 3), 0 to 1.
        skin: linear sRGB (3,) or broadcast against `ink`, every channel above 0.

    Raises:
        ValueError: a skin channel is not positive.
    """
    below = np.asarray(skin, dtype=np.float64)
    if not np.all(below > 0):
        raise ValueError("skin has a channel that is not positive: it cannot be divided by")
    return np.clip(np.asarray(ink, dtype=np.float64) / below, LOWEST, HIGHEST)


def transmission_lab(ratio: ArrayLike) -> Array:
    """Ink transmission colour Lab_t (..., 3) of a ratio (..., 3): its CIELAB, read as linear sRGB.

    Bare skin is (100, 0, 0) exactly; ink lighter than the skin lies above 100.
    """
    return xyz_to_lab(np.asarray(ratio, dtype=np.float64) @ SRGB_TO_XYZ.T, white=UNIT_WHITE)


def optical_density(ratio: ArrayLike) -> Array:
    """Optical density (..., 3) per channel, -log10 of the ratio: proportional to ink for thin layers."""
    return -np.log10(np.asarray(ratio, dtype=np.float64))
