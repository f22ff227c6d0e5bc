"""Under what conditions a photo was taken: what its scores are broken down by."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.skin import SkinReference, skin_reference
from svc_ingest.quality import median_lightness

_BLUR_TAPS = 9
_LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
NOT_MEASURABLE = "not measurable"


@dataclass(frozen=True)
class Conditions:
    ita_degrees: float | None
    """Individual typology angle of the skin around the annotated ink, as `svc_color` measures it. The photos
    hold no chart: their light and white balance are in it."""
    ita_class: str
    long_side_px: int
    blur: float
    """0 sharp to 1 blurred (`blur`)."""
    lightness: float | None
    """Median CIE L* of what is not clipped."""
    noise: float
    """Standard deviation of noise, 8-bit grey levels."""


def conditions(rgb: NDArray[np.uint8], ink: NDArray[np.bool_]) -> Conditions:
    """Conditions of a photo (H, W, 3) sRGB whose annotated ink is (H, W)."""
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    degrees, skin_class = _ita(rgb, ink)
    return Conditions(
        ita_degrees=degrees,
        ita_class=skin_class,
        long_side_px=max(rgb.shape[:2]),
        blur=blur(grey),
        lightness=median_lightness(rgb),
        noise=noise(grey),
    )


def _ita(rgb: NDArray[np.uint8], ink: NDArray[np.bool_]) -> tuple[float | None, str]:
    if not ink.any():
        return None, NOT_MEASURABLE
    skin = skin_reference(rgb, ink, np.where(ink, 255, 0).astype(np.uint8))
    if not isinstance(skin, SkinReference) or skin.ita is None:
        return None, NOT_MEASURABLE
    return skin.ita.degrees, skin.ita.skin_class


def blur(grey: NDArray[np.uint8]) -> float:
    """How blurred a grey picture (H, W) is, 0 to 1; 1 too where it is flat.

    Crete et al., Proc. SPIE 6492:64920I (2007): the share of the variation between neighbours that is left
    when the picture is blurred once more by 9 pixels, the worse of both axes. The rise of edges, which
    ingest states, cannot be told on small photos that a telephone has sharpened.
    """
    light = grey.astype(np.float32)
    left = []
    for axis, taps in ((0, (1, _BLUR_TAPS)), (1, (_BLUR_TAPS, 1))):
        before = np.abs(np.diff(light, axis=axis))
        after = np.abs(np.diff(cv2.blur(light, taps), axis=axis))
        lost = float(np.clip(before - after, 0, None).sum())
        total = float(before.sum())
        left.append(1 - lost / total if total else 1.0)
    return max(left)


def noise(grey: NDArray[np.uint8]) -> float:
    """Standard deviation of the noise of a grey picture (H, W), in its levels.

    Immerkaer, Computer Vision and Image Understanding 64:300 (1996): a difference of two Laplacians that
    leaves flat and evenly sloping surfaces at nothing, here over the half of the pixels with the least
    gradient, since ink and hair are no noise.
    """
    light = grey.astype(np.float32)
    answer = np.abs(cv2.filter2D(light, -1, _LAPLACIANS))[1:-1, 1:-1]
    smooth = cv2.GaussianBlur(light, (0, 0), 2.0)
    slope = np.hypot(cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1))[1:-1, 1:-1]
    calm = answer[slope <= np.median(slope)]
    return float(np.sqrt(np.pi / 2) * calm.mean() / 6)
