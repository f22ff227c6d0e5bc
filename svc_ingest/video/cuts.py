"""Finds cuts: places where one frame shows something else than the one before."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_ingest.raster import Pixels

_THUMB: Final = (32, 32)
_UNLIKE: Final = 0.25
"""Above this unlikeness the two frames show different scenes; fast hand-held motion reaches about 0.13."""
_JUMP: Final = 0.08
"""Least unlikeness of a jump cut, the same scene at another moment."""
_JUMP_RATIO: Final = 8.0
"""A jump cut is this many times as unlike as any pair of frames near it."""
_NEAR_S: Final = 0.35
_FLAT: Final = 2.0
"""Standard deviation, in levels, below which a picture has no structure to compare."""
_FLAT_CHANGE: Final = 12.0

Thumb = NDArray[np.float32]


def thumb(light: Pixels) -> Thumb:
    """The picture as 32 x 32 mean levels."""
    return np.asarray(cv2.resize(light, _THUMB, interpolation=cv2.INTER_AREA), np.float32)


def unlikeness(one: Thumb, other: Thumb) -> float:
    """1 - normalised cross-correlation (0: alike, 2: opposite), which exposure does not change.

    Pictures without structure (a black screen) are compared by their level instead: 1 when it differs.
    """
    a, b = one - one.mean(), other - other.mean()
    spread = float(a.std()), float(b.std())
    if min(spread) < _FLAT:
        return float(np.abs(one - other).mean() > _FLAT_CHANGE)
    return 1.0 - float((a * b).mean()) / (spread[0] * spread[1])


def scene_changes(value: float) -> bool:
    """Whether two frames of this unlikeness show different scenes."""
    return value > _UNLIKE


def find(time_s: NDArray[np.float64], unlike: NDArray[np.float64]) -> tuple[float, ...]:
    """Times of the first frame after each cut.

    time_s: [N]. unlike: [N], each frame's unlikeness to the one before it, 0 for the first. Hard cuts only: a
    dissolve over several frames is not found.
    """
    found = []
    for i in np.flatnonzero(unlike > _JUMP):
        near = np.abs(time_s - time_s[i]) <= _NEAR_S
        near[i] = False
        around = float(unlike[near].max(initial=0.0))
        if scene_changes(unlike[i]) or unlike[i] > _JUMP_RATIO * max(around, 1e-3):
            found.append(float(time_s[i]))
    return tuple(found)
