"""Reads the structure of a PNG file (ISO/IEC 15948) without decoding it.

The decoder is handed only the critical chunks, each with a correct CRC; compressed metadata is inflated
here, up to a bound.
"""

import zlib
from dataclasses import dataclass, field
from typing import Final

from svc_ingest.limits import Limits
from svc_ingest.problems import refuse

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CRITICAL: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"})
_MAX_CHUNKS: Final = 65_536
_MAX_EXIF_BYTES: Final = 1024 * 1024


@dataclass
class PngFile:
    """What the chunks of a PNG file say; the fields are filled while the chunks are read."""

    width: int = 0
    height: int = 0
    bits: int = 0
    colour_type: int = 0
    """0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha."""
    icc: bytes | None = None
    icc_damaged: bool = False
    exif: bytes | None = None
    colour: tuple[int, int] = (2, 2)
    """Colour primaries and transfer characteristics of the `cICP` chunk (ITU-T H.273); (2, 2) for none."""
    more_images: bool = False
    """Whether the file is an animation (APNG)."""
    kept: list[bytes] = field(default_factory=lambda: [_SIGNATURE])

    @property
    def essential(self) -> bytes:
        """The same image with no metadata."""
        return b"".join(self.kept)


def read_png(data: bytes, limits: Limits) -> PngFile:
    """Walks the chunks of `data`.

    Raises InvalidInput: IMAGE_TRUNCATED when the file does not reach its end chunk, IMAGE_CORRUPT when a
    critical chunk fails its CRC or is out of place, IMAGE_TOO_COMPLEX for more than 65,536 chunks.
    """
    png = PngFile()
    at = len(_SIGNATURE)
    for number in range(_MAX_CHUNKS):
        size = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + size
        if end > len(data):
            raise refuse("IMAGE_TRUNCATED", "The PNG file ends inside a chunk.", offset=at)
        name = data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        if name in _CRITICAL:
            if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                raise refuse("IMAGE_CORRUPT", "A chunk of the PNG file fails its checksum.", offset=at)
            png.kept.append(data[at:end])
        if (number == 0) != (name == b"IHDR"):
            raise refuse("IMAGE_CORRUPT", "The PNG file does not start with its header chunk.")
        if name == b"IEND":
            return png
        _note(name, body, png, limits)
        at = end
    raise refuse("IMAGE_TOO_COMPLEX", f"The PNG file has more than {_MAX_CHUNKS} chunks.")


def _note(name: bytes, body: bytes, png: PngFile, limits: Limits) -> None:
    if name == b"IHDR":
        if len(body) != 13:
            raise refuse("IMAGE_CORRUPT", "The header of the PNG file is damaged.")
        png.width, png.height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
        png.bits, png.colour_type = body[8], body[9]
    elif name == b"acTL":
        png.more_images = True
    elif name == b"iCCP" and png.icc is None:
        _, _, rest = body.partition(b"\x00")
        png.icc = _inflate(rest[1:], limits.max_profile_bytes)
        png.icc_damaged = png.icc is None
    elif name == b"cICP" and len(body) == 4:
        png.colour = (body[0], body[1])
    elif name == b"eXIf":
        png.exif = body
    elif name in (b"tEXt", b"zTXt") and body.startswith(b"Raw profile type ") and png.exif is None:
        png.exif = _raw_profile_exif(name, body)


def _raw_profile_exif(name: bytes, body: bytes) -> bytes | None:
    """EXIF as ImageMagick wrote it before `eXIf` existed: a text chunk of a name, a length and hex digits."""
    keyword, _, rest = body.partition(b"\x00")
    if keyword not in (b"Raw profile type exif", b"Raw profile type APP1"):
        return None
    text = _inflate(rest[1:], _MAX_EXIF_BYTES) if name == b"zTXt" else rest[:_MAX_EXIF_BYTES]
    lines = (text or b"").split(b"\n", 3)
    if len(lines) < 4:
        return None
    try:
        return bytes.fromhex(lines[3].decode("ascii"))
    except ValueError:
        return None


def _inflate(data: bytes, limit: int) -> bytes | None:
    """Inflates at most `limit` bytes; None when the data is damaged, unfinished or larger."""
    inflater = zlib.decompressobj()
    try:
        out = inflater.decompress(data, limit + 1)
    except zlib.error:
        return None
    return out if inflater.eof and len(out) <= limit else None
