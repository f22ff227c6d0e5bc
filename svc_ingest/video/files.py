"""What a video file is and whether all of it is there, told from its boxes before any decoder sees it."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from svc_ingest import sniff
from svc_ingest.video.limits import VideoLimits
from svc_ingest.video.problems import refuse

_HEAD: Final = 4096
_MAX_BOXES: Final = 65_536
_EBML: Final = 0x1A45DFA3
_SEGMENT: Final = 0x18538067
_READ: Final = {
    "video/mp4": ("mov", "mp4"),
    "video/quicktime": ("mov", "mov"),
    "video/3gpp": ("mov", "mp4"),
    "video/x-matroska": ("matroska", "mkv"),
}


@dataclass(frozen=True)
class VideoFile:
    """A file that may hold a video.

    demuxer: FFmpeg's name of its reader, the only one that is let near it. container: mp4, mov, webm or mkv.
    cut_off: its own structure says that bytes are missing at the end.
    """

    path: Path
    media_type: str
    demuxer: str
    container: str
    cut_off: bool


def identify(path: Path, limits: VideoLimits) -> VideoFile:
    """Names the file at `path` by content.

    Raises InvalidInput: UPLOAD_EMPTY is the caller's; here VIDEO_TOO_LARGE, IMAGE_SENT_AS_VIDEO,
    VIDEO_NO_PICTURE_TRACK (a sound recording), VIDEO_MEDIA_TYPE, VIDEO_TRUNCATED.
    """
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise refuse("VIDEO_TOO_LARGE", f"The file has {size} bytes; at most {limits.max_bytes} are read.")
    with path.open("rb") as file:
        found = sniff.sniff(file.read(_HEAD))
        if found.media_type not in _READ:
            raise _other(found)
        demuxer, container = _READ[found.media_type]
        if demuxer == "mov":
            return VideoFile(path, found.media_type, demuxer, container, _mp4_cut_off(file, size))
        webm, cut_off = _matroska(file, size)
    return VideoFile(
        path, "video/webm" if webm else found.media_type, demuxer, "webm" if webm else container, cut_off
    )


def _other(found: sniff.Sniffed) -> Exception:
    seen = {"media_type": found.media_type}
    if found.kind in (sniff.Kind.IMAGE, sniff.Kind.OTHER_IMAGE):
        return refuse("IMAGE_SENT_AS_VIDEO", f"The file is {found.label}, not a video.", **seen)
    if found.kind is sniff.Kind.AUDIO:
        return refuse("VIDEO_NO_PICTURE_TRACK", f"The file is {found.label}, not a video.", **seen)
    return refuse("VIDEO_MEDIA_TYPE", f"The file is {found.label}, which is not read as a video.", **seen)


def _mp4_cut_off(file: IO[bytes], size: int) -> bool:
    """Walks the top-level boxes (ISO/IEC 14496-12, 4.2); True when the last one reaches past the end.

    Raises InvalidInput: VIDEO_TRUNCATED without the `moov` box that says where the frames are,
    VIDEO_CORRUPT when boxes cannot be walked, VIDEO_TOO_COMPLEX with too many.
    """
    at, described = 0, False
    for _ in range(_MAX_BOXES):
        if at + 8 > size:
            break
        file.seek(at)
        head = file.read(16)
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
            least = 16
        else:
            length = length or size - at  # 0: to the end of the file
            least = 8
        if length < least:
            raise refuse("VIDEO_CORRUPT", f"The box at byte {at} has an impossible size.")
        described = described or (name == b"moov" and at + length <= size)
        at += length
    else:
        raise refuse("VIDEO_TOO_COMPLEX", f"The file has more than {_MAX_BOXES} boxes.")
    if not described:
        raise refuse("VIDEO_TRUNCATED", "The part of the file that says where the frames are is missing.")
    return at > size


def _matroska(file: IO[bytes], size: int) -> tuple[bool, bool]:
    """Whether the file is WebM, and whether its segment reaches past the end (RFC 9559, RFC 8794)."""
    file.seek(0)
    head = file.read(_HEAD)
    ident, at = _vint(head, 0, keep_marker=True)
    length, at = _vint(head, at)
    if ident != _EBML or length is None or at + length > len(head):
        raise refuse("VIDEO_CORRUPT", "The file's Matroska header is damaged.")
    webm = b"\x42\x82\x84webm" in head[at : at + length]
    ident, at = _vint(head, at + length, keep_marker=True)
    if ident != _SEGMENT:
        raise refuse("VIDEO_CORRUPT", "The file's Matroska segment is missing.")
    length, at = _vint(head, at)
    return webm, length is not None and at + length > size


def _vint(data: bytes, at: int, *, keep_marker: bool = False) -> tuple[int | None, int]:
    """A variable-size integer and where it ends; None for "unknown size" and for one that is not there."""
    if at >= len(data) or not data[at]:
        return None, at
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big")
    if keep_marker:
        return value, at + width
    mask = (1 << (7 * width)) - 1
    return (None if value & mask == mask else value & mask), at + width
