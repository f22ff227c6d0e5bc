"""The one EXIF field that ingest uses: the orientation (EXIF 2.32, tag 0x0112). Nothing else is read."""

import struct
from typing import Final

_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_LONG: Final = 4
_MAX_ENTRIES: Final = 512


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
        (offset,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, offset)
        for entry in range(min(count, _MAX_ENTRIES)):
            at = offset + 2 + 12 * entry
            tag, kind, values = struct.unpack_from(order + "HHI", block, at)
            if tag == _ORIENTATION:
                if kind not in (_SHORT, _LONG) or values != 1:
                    return None
                (value,) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), block, at + 8)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return None
    return 1
