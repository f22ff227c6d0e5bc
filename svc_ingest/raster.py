"""What a decoded file is, before its colours are converted."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Level(Enum):
    """How grave a remark is; the names are those of `assay.common.v1.FlagLevel`."""

    INFO = "INFO"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Flag:
    """A remark on the image: a stable code, its level and one sentence for people."""

    code: str
    level: Level
    message: str


@dataclass(frozen=True)
class Raster:
    """Pixels as the file stores them: own colour space, own orientation.

    `pixels` is uint8 of shape (height, width) for mode "L", (height, width, 3) for "RGB" and "LAB",
    (height, width, 4) for "CMYK" (0 no ink, 255 full ink).
    """

    pixels: Pixels
    mode: str
    bits: int
    """Bits per channel of the file, before reduction to 8."""
    lossy: bool
    """Whether the file's compression discards information."""
    alpha: Pixels | None = None
    """(height, width) opacity; None when every pixel is opaque."""
    icc: bytes | None = None
    orientation: int = 1
    """EXIF orientation still to be applied, 1 to 8."""
    flags: tuple[Flag, ...] = ()
