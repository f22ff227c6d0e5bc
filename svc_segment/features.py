"""What the network sees: the photo, the photo divided by local skin, and how far skin surrounds each place.

Ink works as a filter over skin, so log(pixel / local skin) in linear light is nearly the same for one ink on
any skin and in any light. What is dark but not on a body is told by its surroundings: from ink one meets
skin in nearly every direction, from a shirt beside an arm in half of them. Both estimates are classical and
coarse; the network only uses them as hints beside the photo itself.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CHANNELS = 7
"""(R, G, B / 255 - 0.5) / 0.25; log ratios of each to local skin, clipped, / 0.75; enclosure * 2 - 1."""

_MAP_SIDE = 64
_REACH = 8.0  # Gaussian sigma of "local", in pixels of the map
_ROUNDS = 4
_FLOOR = 0.004  # keeps the log of black pixels finite and quiet
_RATIO_RANGE = (-2.6, 1.5)
_AXES = 8

_LEVELS = np.arange(256) / 255.0
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
_LOG = np.log(_LINEAR + _FLOOR).astype(np.float32)
_RGB = ((_LEVELS - 0.5) / 0.25).astype(np.float32)

Plane = NDArray[np.float32]


def surroundings(rgb: NDArray[np.uint8]) -> Plane:
    """A coarse map (h, w, 4) of an sRGB photo (H, W, 3): log of local skin in linear sRGB, and enclosure.

    Local skin is a normalised Gaussian average whose weights favour skin-like chromaticity and, round by
    round, drop what is darker than the average found so far (ink, shadow, hair). Enclosure is the share of 16
    directions, 0..1, in which one meets bare skin before the frame ends.
    """
    log = _LOG[shrink(rgb)]
    prior = _skin_like(log, 0.35)
    brightness = log.mean(-1)
    weight, reference = prior, log
    for _ in range(_ROUNDS):
        reference = _local_mean(log, weight)
        lift = brightness - reference.mean(-1)
        weight = prior * np.exp(-np.where(lift < 0, (lift / 0.3) ** 2, (lift / 0.7) ** 2))
    return np.dstack([reference, _enclosure(_bare(log, reference))]).astype(np.float32)


def shrink(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo at the size at which its surroundings are sought, longer side 64 pixels."""
    height, width = rgb.shape[:2]
    scale = _MAP_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _skin_like(log: Plane, spread: float) -> Plane:
    """How near the chromaticity (H, W) is to that of skin under common light, 0.02..1.02."""
    red_green, green_blue = log[..., 0] - log[..., 1], log[..., 1] - log[..., 2]
    distance = ((red_green - 0.45) / spread) ** 2 + ((green_blue - 0.4) / (spread + 0.1)) ** 2
    return np.asarray(np.exp(-distance) + 0.02, np.float32)


def _local_mean(values: Plane, weight: Plane) -> Plane:
    w = np.asarray(weight + 1e-4, np.float32)
    total = cv2.GaussianBlur(values * w[:, :, None], (0, 0), _REACH, borderType=cv2.BORDER_REFLECT)
    mass = cv2.GaussianBlur(w, (0, 0), _REACH, borderType=cv2.BORDER_REFLECT)
    return np.asarray(total / mass[:, :, None], np.float32)


def _bare(log: Plane, reference: Plane) -> Plane:
    """How surely a place (h, w) is bare skin, 0..1: local skin is skin-like, and the place is like it."""
    ratio = log - reference
    level = ratio.mean(-1)
    tint = np.abs(ratio - level[:, :, None]).max(-1)
    alike = np.exp(-((tint / 0.22) ** 2) - np.where(level < 0, (level / 0.45) ** 2, (level / 0.8) ** 2))
    skin_like = _skin_like(reference, 0.45)
    return np.asarray(alike * np.clip(skin_like / np.quantile(skin_like, 0.9), 0, 1) ** 2, np.float32)


def _enclosure(bare: Plane) -> Plane:
    """Share of 2 * _AXES directions in which skin is met, (h, w): running maxima along turned copies."""
    height, width = bare.shape
    side = int(np.ceil(np.hypot(height, width))) + 2
    met = np.zeros((height, width), np.float32)
    for axis in range(_AXES):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 180 * axis / _AXES, 1.0)
        turn[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
        turned = cv2.warpAffine(bare, turn, (side, side))
        ahead = np.maximum.accumulate(turned, 1)
        behind = np.maximum.accumulate(turned[:, ::-1], 1)[:, ::-1]
        both = np.clip((ahead - 0.25) / 0.35, 0, 1) + np.clip((behind - 0.25) / 0.35, 0, 1)
        back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        met += cv2.warpAffine(np.asarray(both, np.float32), turn, (width, height), flags=back)
    return np.asarray(met / (2 * _AXES), np.float32)


def features(rgb: NDArray[np.uint8], around: Plane) -> Plane:
    """Network input (7, H, W) float32 of an sRGB photo (H, W, 3) and its `surroundings`."""
    height, width = rgb.shape[:2]
    spread = cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, 4)
    ratio = np.clip(_LOG[rgb] - spread[..., :3], *_RATIO_RANGE) / np.float32(0.75)
    planes = np.concatenate([_RGB[rgb], ratio, spread[..., 3:] * 2 - 1], 2)
    return np.ascontiguousarray(planes.transpose(2, 0, 1), np.float32)
