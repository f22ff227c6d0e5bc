"""PNG in, PNG out: the working image and the maps that colour reads, and the label map that it writes."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput

Image = NDArray[np.uint8]

# A working image has at most 3 megapixels; this leaves room without letting a bomb in.
MOST_PIXELS: Final = 16_000_000
# More than 16 megapixels of incompressible 8-bit RGB.
MOST_BYTES: Final = 64 * 2**20

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_FILTER_NONE: Final = 0


def read_png(data: bytes, field: str, kind: Literal["rgb", "grey"]) -> Image:
    """Decodes an 8-bit PNG, (H, W, 3) or (H, W); the size is checked before a pixel is decoded.

    Raises:
        InvalidInput: IMAGE_NOT_PNG, IMAGE_TOO_LARGE or IMAGE_UNREADABLE, naming the field.
    """
    if len(data) < 33 or data[:8] != _SIGNATURE or data[12:16] != b"IHDR":
        raise _refuse("IMAGE_NOT_PNG", f"{field} is not a PNG.", field)
    width, height = struct.unpack(">II", data[16:24])
    if width * height > MOST_PIXELS:
        message = f"{field} has {width} x {height} pixels; at most {MOST_PIXELS} are read."
        raise _refuse("IMAGE_TOO_LARGE", message, field)
    flags = cv2.IMREAD_COLOR_RGB if kind == "rgb" else cv2.IMREAD_GRAYSCALE
    flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape[:2] != (height, width):
        raise _refuse("IMAGE_UNREADABLE", f"{field} is damaged and cannot be decoded.", field)
    return np.asarray(pixels, np.uint8)


def read_label_map(data: bytes, field: str) -> Image:
    """The labels (H, W) of a palette PNG that `write_label_map` wrote.

    Raises:
        InvalidInput: IMAGE_NOT_PNG, IMAGE_TOO_LARGE or IMAGE_UNREADABLE, naming the field.
    """
    if len(data) < 33 or data[:8] != _SIGNATURE or data[12:16] != b"IHDR":
        raise _refuse("IMAGE_NOT_PNG", f"{field} is not a PNG.", field)
    width, height, *form = struct.unpack(">IIBBBBB", data[16:29])
    if width * height > MOST_PIXELS:
        message = f"{field} has {width} x {height} pixels; at most {MOST_PIXELS} are read."
        raise _refuse("IMAGE_TOO_LARGE", message, field)
    expected = height * (width + 1)
    try:
        body = b"".join(part for kind, part in _chunks(data) if kind == b"IDAT")
        rows = zlib.decompressobj().decompress(body, expected + 1)
    except (struct.error, zlib.error):
        rows = b""
    if form != [8, 3, 0, 0, 0] or len(rows) != expected or not rows:
        raise _refuse("IMAGE_UNREADABLE", f"{field} is damaged or no map of ink colours.", field)
    pixels = np.frombuffer(rows, np.uint8).reshape(height, width + 1)
    if np.any(pixels[:, 0] != _FILTER_NONE):
        raise _refuse("IMAGE_UNREADABLE", f"{field} is no map of ink colours.", field)
    return np.ascontiguousarray(pixels[:, 1:])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk of a PNG; raises struct.error where it is cut off."""
    place = len(_SIGNATURE)
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        yield kind, data[place + 8 : place + 8 + size]
        place += 12 + size


def _refuse(code: str, message: str, field: str) -> InvalidInput:
    fix = "Pass the PNG that ingest or segmentation wrote for this photo."
    return InvalidInput(code, message, field=field, fix=fix)


def write_label_map(labels: Image, swatches: Sequence[str]) -> bytes:
    """A palette PNG of (H, W): index 0 transparent, index n in the colour of the n-th swatch "#rrggbb".

    The index of a pixel is the label, so the file is map and picture at once. Equal labels give equal bytes.
    """
    height, width = labels.shape
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = _FILTER_NONE
    rows[:, 1:] = labels
    palette = bytes(3) + b"".join(bytes.fromhex(swatch.removeprefix("#")) for swatch in swatches)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return _SIGNATURE + b"".join(
        _chunk(kind, body)
        for kind, body in (
            (b"IHDR", header),
            (b"PLTE", palette),
            (b"tRNS", b"\x00"),
            (b"IDAT", zlib.compress(rows.tobytes(), 6)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
