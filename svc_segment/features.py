"""What the network sees: the photo, and the photo divided by the skin around each place.

Ink works as a filter over skin, so log(pixel / local skin) in linear light is nearly the same for one ink on
any skin and in any light. The estimate of local skin here is classical and coarse; the network only uses it
as a hint beside the photo itself.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CHANNELS = 6
"""R, G, B as (x / 255 - 0.5) / 0.25; then log ratios to local skin per channel, clipped, divided by 0.75."""

_REFERENCE_SIDE = 64
_REACH = 8.0  # Gaussian sigma of "local", in pixels of the reference map
_ROUNDS = 4
_FLOOR = 0.004  # keeps the log of black pixels finite and quiet
_RATIO_RANGE = (-2.6, 1.5)

_LEVELS = np.arange(256) / 255.0
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
_LOG = np.log(_LINEAR + _FLOOR).astype(np.float32)
_RGB = ((_LEVELS - 0.5) / 0.25).astype(np.float32)


def skin_reference(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Local skin as a coarse map (h, w, 3) of natural-log linear sRGB, from an sRGB photo (H, W, 3).

    A normalised Gaussian average whose weights favour skin-like chromaticity and, round by round, drop what
    is darker than the average found so far (ink, shadow, hair).
    """
    log = _LOG[shrink(rgb)]
    red_green, green_blue = log[..., 0] - log[..., 1], log[..., 1] - log[..., 2]
    chroma = ((red_green - 0.45) / 0.35) ** 2 + ((green_blue - 0.4) / 0.45) ** 2
    prior = np.asarray(np.exp(-chroma) + 0.02, np.float32)
    brightness = log.mean(-1)
    weight = prior
    reference = log
    for _ in range(_ROUNDS):
        reference = _local_mean(log, weight)
        lift = brightness - reference.mean(-1)
        weight = prior * np.exp(-np.where(lift < 0, (lift / 0.3) ** 2, (lift / 0.7) ** 2))
    return np.asarray(reference, np.float32)


def shrink(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo at the size at which local skin is sought, longer side 64 pixels."""
    height, width = rgb.shape[:2]
    scale = _REFERENCE_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _local_mean(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    w = (weight + 1e-4).astype(np.float32)
    total = cv2.GaussianBlur(values * w[:, :, None], (0, 0), _REACH, borderType=cv2.BORDER_REFLECT)
    mass = cv2.GaussianBlur(w, (0, 0), _REACH, borderType=cv2.BORDER_REFLECT)
    return np.asarray(total / mass[:, :, None], np.float32)


def features(rgb: NDArray[np.uint8], reference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Network input (6, H, W) float32 of an sRGB photo (H, W, 3) and its `skin_reference`."""
    height, width = rgb.shape[:2]
    skin = cv2.resize(reference, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, 3)
    ratio = np.clip(_LOG[rgb] - skin, *_RATIO_RANGE) / np.float32(0.75)
    return np.ascontiguousarray(np.concatenate([_RGB[rgb], ratio], 2).transpose(2, 0, 1), np.float32)
