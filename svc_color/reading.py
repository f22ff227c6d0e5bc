"""How the pixels of a photo are read as light: by the sRGB standard alone, or corrected by a colour chart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svc_color import quality
from svc_color.space import Array, srgb_to_linear

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Reading:
    """light: sRGB bytes (..., 3) to linear sRGB under D65, (..., 3), float64, pixel by pixel; corrected light
    may leave 0..1. sd: standard uncertainty per CIELAB channel of a colour that is read so. calibrated:
    whether a colour chart in the photo stands behind it.
    """

    light: Callable[[Image], Array]
    sd: float
    calibrated: bool


UNCALIBRATED: Final = Reading(srgb_to_linear, quality.UNCALIBRATED_SD, calibrated=False)
