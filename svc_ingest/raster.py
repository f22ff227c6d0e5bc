"""What a decoded file is, before its colours are converted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svc_ingest.result import Flag

Pixels = NDArray[np.uint8]


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
    """EXIF orientation that the file states, 1 to 8."""
    upright: bool = False
    """Whether the decoder has applied the orientation already."""
    flags: tuple[Flag, ...] = ()
    bare: bytes = b""
    """The JPEG file with no metadata, which decodes to `pixels` and nothing else; empty for other formats."""
    camera: str = ""
    """Maker and model of the camera; empty where the file does not state them."""
