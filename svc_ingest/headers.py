"""Dimensions from the headers of GIF, WebP, HEIF and AVIF files, read before a decoder sees them."""

from typing import Final

from svc_ingest.limits import Limits
from svc_ingest.problems import refuse

_MAX_BOXES: Final = 4096


def check_size(width: int, height: int, limits: Limits) -> None:
    """Checks a size that a header declares.

    Raises InvalidInput: IMAGE_TOO_MANY_PIXELS, IMAGE_TOO_SMALL, IMAGE_CORRUPT (no pixels at all).
    """
    seen = {"width": width, "height": height}
    if width <= 0 or height <= 0:
        raise refuse("IMAGE_CORRUPT", f"The file declares an image of {width} x {height} pixels.", **seen)
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise refuse(
            "IMAGE_TOO_MANY_PIXELS",
            f"The image has {width} x {height} pixels; at most {limits.max_pixels} pixels and"
            f" {limits.max_side} on a side are read.",
            **seen,
        )
    if min(width, height) < limits.min_side:
        raise refuse(
            "IMAGE_TOO_SMALL",
            f"The image has {width} x {height} pixels; its shorter side needs at least {limits.min_side}.",
            **seen,
        )


def gif_size(data: bytes) -> tuple[int, int]:
    """Width and height that the first image and the logical screen cover (GIF89a, sections 18 and 20).

    An image may claim a place outside the screen, and a decoder then grows its canvas to fit. Raises
    InvalidInput (IMAGE_TRUNCATED, IMAGE_CORRUPT).
    """
    width, height = (int.from_bytes(data[i : i + 2], "little") for i in (6, 8))
    flags = data[10] if len(data) > 10 else 0
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(_MAX_BOXES):
        block = data[at : at + 10]
        if block[:1] == b"!":
            at = _after_sub_blocks(data, at + 2)
        elif block[:1] == b"," and len(block) == 10:
            left, top, wide, high = (int.from_bytes(block[i : i + 2], "little") for i in (1, 3, 5, 7))
            return max(width, left + wide), max(height, top + high)
        elif block[:1] in (b"", b","):
            raise refuse("IMAGE_TRUNCATED", "The GIF file ends before its first image.")
        else:
            break
    raise refuse("IMAGE_CORRUPT", "The GIF file holds no image.")


def _after_sub_blocks(data: bytes, at: int) -> int:
    """Position after a chain of sub-blocks, which a block of length 0 ends."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of the canvas (RFC 9649). Raises InvalidInput (IMAGE_TRUNCATED, IMAGE_CORRUPT)."""
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise refuse("IMAGE_TRUNCATED", "The WebP file is shorter than it declares.", size_bytes=len(data))
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and len(data) >= 25:
        packed = int.from_bytes(data[21:25], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(data) >= 30:
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    raise refuse("IMAGE_CORRUPT", "The WebP file has no image header.")


def heif_size(data: bytes) -> tuple[int, int]:
    """Largest width and height of any image in a HEIF or AVIF file (its `ispe` boxes, ISO/IEC 23008-12).

    Thumbnails and tiles are smaller than the image itself, so the largest bounds what can be decoded.
    Raises InvalidInput (IMAGE_TRUNCATED, IMAGE_CORRUPT).
    """
    meta = _heif_meta(data)
    width = height = 0
    at = meta.find(b"ispe")
    while at >= 0:
        box = meta[at + 8 : at + 16]
        width = max(width, int.from_bytes(box[:4], "big"))
        height = max(height, int.from_bytes(box[4:], "big"))
        at = meta.find(b"ispe", at + 4)
    if not width or not height:
        raise refuse("IMAGE_CORRUPT", "The HEIF file declares no image size.")
    return width, height


def heif_colour(data: bytes) -> tuple[int, int]:
    """Colour primaries and transfer (ITU-T H.273) of the first `nclx` box; (2, 2) for none."""
    meta = _heif_meta(data)
    at = meta.find(b"colrnclx")
    box = meta[at + 8 : at + 12]
    if at < 0 or len(box) < 4:
        return 2, 2
    return int.from_bytes(box[:2], "big"), int.from_bytes(box[2:], "big")


def _heif_meta(data: bytes) -> bytes:
    """The `meta` box; also checks that every box of the file is there in full."""
    at, meta = 0, b""
    for _ in range(_MAX_BOXES):
        if at >= len(data):
            break
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        elif size == 0:
            size = len(data) - at
        if size < 8 or at + size > len(data):
            raise refuse("IMAGE_TRUNCATED", "The file ends inside one of its boxes.", offset=at)
        if name == b"meta":
            meta = data[at : at + size]
        at += size
    return meta
