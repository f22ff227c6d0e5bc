"""The EXIF fields that ingest uses (EXIF 2.32): orientation, and maker and model of the camera.

Nothing else is read: no place, no time, no serial number.
"""

import struct
from collections.abc import Iterator
from typing import Final

_MAKE: Final = 0x010F
_MODEL: Final = 0x0110
_ORIENTATION: Final = 0x0112
_ASCII: Final = 2
_SHORT: Final = 3
_LONG: Final = 4
_MAX_ENTRIES: Final = 512
# Of each text this many bytes are looked at; the longest model names have some 40.
_MAX_TEXT: Final = 64
MAX_CAMERA: Final = 80


def orientation(exif: bytes) -> int | None:
    """Reads the orientation from a TIFF-structured EXIF block, with or without its `Exif\\0\\0` prefix.

    Returns 1 to 8; 1 when the block is sound and has no orientation or an undefined one (0, 9, ...);
    None when the block cannot be read. Never raises and looks at no more than 512 entries of the first
    directory.
    """
    block = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])
    if order is None:
        return None
    try:
        for tag, kind, values, at in _entries(block, order):
            if tag == _ORIENTATION:
                if kind not in (_SHORT, _LONG) or values != 1:
                    return None
                (value,) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), block, at)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return None
    return 1


def camera(exif: bytes) -> str:
    """Reads maker and model of the camera, for example "Samsung SM-A325F"; empty where they are not stated.

    The text is what `plain` leaves of it. Never raises.
    """
    block = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])
    if order is None:
        return ""
    found: dict[int, str] = {}
    try:
        for tag, kind, size, at in _entries(block, order):
            if tag not in (_MAKE, _MODEL) or kind != _ASCII:
                continue
            if size > 4:
                (at,) = struct.unpack_from(order + "I", block, at)
            found.setdefault(tag, _text(block[at : at + min(size, _MAX_TEXT)]))
    except struct.error:
        return ""
    make, model = found.get(_MAKE, ""), found.get(_MODEL, "")
    return plain(model if model.lower().startswith(make.lower()) else f"{make} {model}")


def plain(text: str) -> str:
    """Printable ASCII of a text, single spaces, at most `MAX_CAMERA` characters."""
    kept = "".join(c if c.isascii() and c.isprintable() else " " for c in text[: 4 * MAX_CAMERA])
    return " ".join(kept.split())[:MAX_CAMERA].strip()


def _entries(block: bytes, order: str) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, number of values and place of the value of each entry; raises struct.error where cut off."""
    (offset,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, offset)
    for entry in range(min(count, _MAX_ENTRIES)):
        at = offset + 2 + 12 * entry
        tag, kind, values = struct.unpack_from(order + "HHI", block, at)
        yield tag, kind, values, at + 8


def _text(stored: bytes) -> str:
    """ASCII text up to its first zero byte."""
    return plain(stored.split(b"\x00", 1)[0].decode("ascii", "replace"))
