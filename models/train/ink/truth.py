"""Masks as the network is to learn them: where an edge lies, and what a mask is at a smaller size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_NEAR = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
_FAR = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))


def half_contrast(rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mask (H, W) with its edges at half of the ink's contrast in the photo (H, W, 3), as eyes draw them.

    Within 2 px of bare skin, ink that shows less than half of the contrast between the strongest ink and the
    barest skin around becomes unknown (128), less than a quarter becomes bare. Line spread by optics and by
    scattering is wider than the line: its full width at half maximum is its width.
    """
    ink = (mask == 255).astype(np.uint8)
    rim = (ink > 0) & (cv2.erode(ink, _NEAR, borderValue=1) == 0)
    if not rim.any():
        return mask
    worst = np.zeros(mask.shape, np.float32)
    out = mask.copy()
    for plane in cv2.split(rgb):  # the channel in which the ink stands out most decides
        high = cv2.dilate(plane, _FAR).astype(np.float32)
        low = cv2.erode(plane, _NEAR).astype(np.float32)
        depth = (high - plane) / np.maximum(high - low, 8)
        stands_out = high - low
        better = stands_out > worst
        worst = np.maximum(worst, stands_out)
        out[rim & better] = _edge(depth[rim & better])
    return out


def _edge(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.where(depth >= 0.5, 255, np.where(depth >= 0.25, 128, 0)).astype(np.uint8)


def shrink_mask(mask: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """Resize to `length` square; a pixel is ink when more than half of it is, unknown when 30 % of it is."""
    side = (length, length)
    how = cv2.INTER_AREA if mask.shape[0] > length else cv2.INTER_LINEAR
    ink = cv2.resize(np.where(mask == 255, np.uint8(255), np.uint8(0)), side, interpolation=how)
    either = cv2.resize(np.where(mask >= 128, np.uint8(255), np.uint8(0)), side, interpolation=how)
    out = np.zeros(side, np.uint8)
    out[(either > 127) | (ink > 76)] = 128
    out[ink > 127] = 255
    return out
