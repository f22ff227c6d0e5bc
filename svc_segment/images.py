"""Image bytes in, artefacts out: bounded decoding; mask, probability and overlay files."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput
from svc_segment.core import Segmentation

MAX_PIXELS = 16_000_000
MIN_SIDE = 32
_PNG = b"\x89PNG\r\n\x1a\n"
_OVERLAY_SIDE = 1280
_OUTLINE_RGB = (0, 255, 255)  # cyan: far from every skin and from all common inks but light blue
_JPEG_QUALITY = 88


def decode(data: bytes, field: str) -> NDArray[np.uint8]:
    """Upright sRGB photo (H, W, 3) from JPEG or PNG bytes; the size is read before anything is allocated.

    Raises InvalidInput naming `field`: UNSUPPORTED_MEDIA, IMAGE_TOO_LARGE, IMAGE_TOO_SMALL, IMAGE_CORRUPT.
    """
    size = dimensions(data)
    if size is None:
        raise InvalidInput(
            "UNSUPPORTED_MEDIA",
            "This is neither a JPEG nor a PNG image.",
            field=field,
            fix="Send JPEG or PNG.",
        )
    width, height = size
    if width * height > MAX_PIXELS:
        raise InvalidInput(
            "IMAGE_TOO_LARGE",
            f"The image has {width} x {height} pixels; at most {MAX_PIXELS} are taken.",
            field=field,
            fix="Scale it down.",
        )
    if min(width, height) < MIN_SIDE:
        raise InvalidInput(
            "IMAGE_TOO_SMALL",
            f"The image is {width} x {height} pixels; each side needs at least {MIN_SIDE}.",
            field=field,
            fix="Send a larger image.",
        )
    try:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape[:2] != (height, width):
        raise InvalidInput(
            "IMAGE_CORRUPT", "The image cannot be decoded.", field=field, fix="Send the file again, whole."
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def dimensions(data: bytes) -> tuple[int, int] | None:
    """Width and height that a PNG (ISO/IEC 15948) or JPEG (ITU-T T.81) header states; None for all else."""
    if data.startswith(_PNG):
        return struct.unpack(">II", data[16:24]) if data[12:16] == b"IHDR" and len(data) >= 24 else None
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame header
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return (width, height) if width and height else None
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # without a length
            at += 2
        else:
            at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    return None


def png(plane: NDArray[np.uint8]) -> bytes:
    """8-bit grey PNG of (H, W)."""
    done, data = cv2.imencode(".png", plane, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    assert done, "a PNG encoder is part of OpenCV"
    return data.tobytes()


def overlay(rgb: NDArray[np.uint8], result: Segmentation) -> bytes:
    """JPEG for people, longer side 1280: the photo, a cyan line around the ink.

    The line lies just outside the ink, and nothing is filled, so that the ink's own colours can be judged.
    A small photo is enlarged first; on its own pixels the line would hide fine strokes.
    """
    scale = _OVERLAY_SIDE / max(rgb.shape[:2])
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    photo = np.asarray(cv2.resize(rgb, size, interpolation=smooth), np.uint8)
    mask = np.asarray(cv2.resize(result.mask, size, interpolation=cv2.INTER_AREA), np.uint8)
    inside = (mask > 127).astype(np.uint8)
    around = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    outlines, _ = cv2.findContours(around, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(photo, outlines, -1, _OUTLINE_RGB, 2, cv2.LINE_AA)
    bgr = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert done, "a JPEG encoder is part of OpenCV"
    return data.tobytes()
