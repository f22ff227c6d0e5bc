"""Reads the structure of a JPEG file (ITU-T T.81) without decoding it.

The decoder is handed only what it needs: metadata segments, thumbnails and everything after the end of the
image never reach it.
"""

import re
from dataclasses import dataclass
from typing import Final

from svc_ingest.limits import Limits
from svc_ingest.problems import refuse

_SOI: Final = b"\xff\xd8"
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_KEPT: Final = frozenset({0xDB, 0xC4, 0xDD})  # DQT, DHT, DRI
# What tells the colour model, by marker: how it begins and how many bytes of it say so (JFIF 1.02: up to the
# thumbnail; Adobe TN 5116).
_TELLING: Final = {0xE0: (b"JFIF\x00", 12, b"\x00\x00"), 0xEE: (b"Adobe", 12, b"")}
_FRAMES: Final = frozenset(set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC})
_SUPPORTED_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})  # Huffman: baseline, extended, progressive
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MAX_SEGMENTS: Final = 65_536


@dataclass(frozen=True)
class JpegFile:
    """What the headers of a JPEG file say."""

    width: int
    height: int
    components: int
    """1 grey, 3 YCbCr or RGB, 4 CMYK or YCCK."""
    subsampled: bool
    """Whether chroma has fewer samples than luma."""
    scans: int
    icc: bytes | None
    """The embedded profile; None when there is none or it is incomplete."""
    icc_damaged: bool
    exif: bytes | None
    more_images: bool
    """Whether further images follow the first (MPO, gain maps)."""
    essential: bytes
    """The same image with no metadata."""


@dataclass
class _Parts:
    """What the walk has met so far."""

    kept: list[bytes]
    profile: dict[int, bytes]
    profile_chunks: int = 0
    profile_damaged: bool = False
    exif: bytes | None = None
    frame: bytes | None = None
    scans: int = 0


def read_jpeg(data: bytes, limits: Limits) -> JpegFile:
    """Walks the segments of `data`.

    Raises InvalidInput: IMAGE_TRUNCATED when the image does not end, IMAGE_CORRUPT when the structure is
    broken, UNSUPPORTED_MEDIA_TYPE for codings that no camera writes (arithmetic, lossless, 12 bit),
    IMAGE_TOO_COMPLEX for too many scans or segments.
    """
    parts = _Parts(kept=[_SOI], profile={})
    at = 2
    for _ in range(_MAX_SEGMENTS):
        at = _skip_to_marker(data, at)
        marker = data[at + 1]
        if marker == _EOI:
            return _finish(data, at, parts)
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or end < at + 4:
            raise refuse("IMAGE_TRUNCATED", "The JPEG file ends inside a header segment.", offset=at)
        body = data[at + 4 : end]
        if marker == _SOS:
            end = _scan_end(data, end, parts, limits)
            parts.kept.append(data[at:end])
        elif marker in _FRAMES:
            _check_frame(marker, body, parts)
            parts.kept.append(data[at:end])
        elif marker in _KEPT:
            parts.kept.append(data[at:end])
        elif marker in _TELLING:
            parts.kept.append(_telling(marker, body))
        else:
            _note_metadata(marker, body, parts, limits)
        at = end
    raise refuse("IMAGE_TOO_COMPLEX", f"The JPEG file has more than {_MAX_SEGMENTS} segments.")


def _telling(marker: int, body: bytes) -> bytes:
    """A segment that tells the colour model, and only that; empty for any other with its marker."""
    begins, length, rest = _TELLING[marker]
    if not body.startswith(begins) or len(body) < length:
        return b""
    said = body[:length] + rest
    return b"\xff" + bytes([marker]) + (2 + len(said)).to_bytes(2, "big") + said


def _skip_to_marker(data: bytes, at: int) -> int:
    """Position of the next marker; bytes that belong to no segment are skipped, as every decoder does."""
    found = _NEXT_MARKER.search(data, at)
    if found is None:
        raise refuse("IMAGE_TRUNCATED", "The JPEG file has no end-of-image marker.", size_bytes=len(data))
    return found.start()


def _scan_end(data: bytes, at: int, parts: _Parts, limits: Limits) -> int:
    if parts.frame is None:
        raise refuse("IMAGE_CORRUPT", "The JPEG file has image data before its frame header.")
    parts.scans += 1
    if parts.scans > limits.max_scans:
        raise refuse("IMAGE_TOO_COMPLEX", f"The JPEG file has more than {limits.max_scans} scans.")
    return _skip_to_marker(data, at)


def _check_frame(marker: int, body: bytes, parts: _Parts) -> None:
    if marker not in _SUPPORTED_FRAMES or body[:1] != b"\x08":
        raise refuse(
            "UNSUPPORTED_MEDIA_TYPE",
            "This kind of JPEG (arithmetic, lossless, hierarchical or 12 bit) is not read.",
            frame=f"{marker:#04x}",
        )
    if parts.frame is not None or len(body) < 6 or len(body) != 6 + 3 * body[5] or body[5] not in (1, 3, 4):
        raise refuse("IMAGE_CORRUPT", "The frame header of the JPEG file is damaged.")
    parts.frame = body


def _note_metadata(marker: int, body: bytes, parts: _Parts, limits: Limits) -> None:
    if marker == 0xE1 and body.startswith(b"Exif\x00\x00") and parts.exif is None:
        parts.exif = body
    elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\x00"):
        # ICC.1:2022, annex B.4: sequence number and count, both from 1, then a part of the profile.
        if len(body) < 14:
            parts.profile_damaged = True
            return
        number, parts.profile_chunks = body[12], body[13]
        parts.profile[number] = body[14:]
        if sum(map(len, parts.profile.values())) > limits.max_profile_bytes:
            parts.profile_damaged = True


def _finish(data: bytes, at: int, parts: _Parts) -> JpegFile:
    if parts.frame is None or not parts.scans:
        raise refuse("IMAGE_TRUNCATED", "The JPEG file holds no image data.")
    frame = parts.frame
    sampling = [frame[7 + 3 * i] for i in range(frame[5])]
    complete = sorted(parts.profile) == list(range(1, parts.profile_chunks + 1))
    damaged = parts.profile_damaged or (bool(parts.profile) and not complete)
    icc = b"".join(parts.profile[n] for n in sorted(parts.profile)) if parts.profile and not damaged else None
    return JpegFile(
        width=int.from_bytes(frame[3:5], "big"),
        height=int.from_bytes(frame[1:3], "big"),
        components=frame[5],
        subsampled=len(set(sampling)) > 1,
        scans=parts.scans,
        icc=icc,
        icc_damaged=damaged,
        exif=parts.exif,
        more_images=data.find(b"\xff\xd8\xff", at + 2) >= 0,
        essential=b"".join([*parts.kept, b"\xff\xd9"]),
    )
