"""Turns decoded sRGB pixels into the two images that the mesh works with.

The normalised original keeps every pixel: a JPEG that needs neither turning nor conversion as it came,
without its metadata; else PNG when the upload was lossless, and JPEG at quality 99 with full chroma when it
was not, which costs a tenth of the time and less than half of the bytes (docs/ingest.md has the error). The
working image is always PNG. No metadata of the upload can be in them.
"""

import math
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from svc_ingest.raster import Pixels
from svc_ingest.result import Encoded

_JPEG_QUALITY: Final = 99


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Applies an EXIF orientation (1 to 8; EXIF 2.32, tag 0x0112) to (height, width[, 3]) pixels."""
    match orientation:
        case 2:
            turned = cv2.flip(pixels, 1)
        case 3:
            turned = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            turned = cv2.flip(pixels, 0)
        case 5:
            turned = cv2.transpose(pixels)
        case 6:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            turned = cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180)
        case 8:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            return pixels
    return np.asarray(turned, np.uint8)


def on_white(rgb: Pixels, alpha: Pixels) -> Pixels:
    """Lays (height, width, 3) sRGB of opacity `alpha` on white, mixing encoded values as PNG viewers do."""
    cover = alpha[..., None].astype(np.uint16)
    mixed = (rgb * cover + 255 * (255 - cover) + 127) // 255
    return mixed.astype(np.uint8)


def working_size(width: int, height: int, most_pixels: int) -> tuple[int, int]:
    """Size of the working image: the same shape with at most `most_pixels`; never larger than the source."""
    scale = math.sqrt(most_pixels / (width * height))
    if scale >= 1:
        return width, height
    return max(1, math.floor(width * scale)), max(1, math.floor(height * scale))


def shrink(rgb: Pixels, width: int, height: int) -> Pixels:
    """Averages sRGB pixels over the area of each new pixel, in linear light (16 bits), and encodes again.

    Averaging encoded values would darken fine light detail; linear light is what a lens of lower
    resolution would have recorded. `width` and `height` must not exceed those of `rgb`.
    """
    if (height, width) == rgb.shape[:2]:
        return rgb
    to_linear, to_srgb = _tables()
    linear = cv2.resize(cv2.LUT(rgb, to_linear), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(to_srgb[linear], np.uint8)


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.uint16], Pixels]:
    """sRGB (8 bit) to linear (16 bit) and back, IEC 61966-2-1."""
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    light = np.arange(65_536) / 65_535
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(linear * 65_535).astype(np.uint16), np.rint(srgb * 255).astype(np.uint8)


def encode_png(rgb: Pixels) -> Encoded:
    """Lossless, for files that are read back within seconds.

    Level 1 with the fixed filter Sub: on photos half the time of trying all filters, at the same size.
    """
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
    ok, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not ok:
        raise MemoryError("the PNG encoder gave up")
    return Encoded(data.tobytes(), "image/png", rgb.shape[1], rgb.shape[0])


def encode_original(rgb: Pixels, lossy: bool, bare: bytes = b"") -> Encoded:
    """The normalised original: PNG for a lossless upload, JPEG for a lossy one.

    bare: a JPEG file without metadata that decodes to exactly `rgb`, if there is one; quality 99, 4:4:4 where
    there is none.
    """
    if bare:
        return Encoded(bare, "image/jpeg", rgb.shape[1], rgb.shape[0])
    if not lossy:
        return encode_png(rgb)
    data = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgb), quality=_JPEG_QUALITY, colorspace="RGB", colorsubsampling="444"
    )
    return Encoded(data, "image/jpeg", rgb.shape[1], rgb.shape[0])
