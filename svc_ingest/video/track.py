"""Opens a video with one demuxer only and picks the picture track; checks what the header claims."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.container
from av.error import FFmpegError
from av.video.stream import VideoStream

from mesh.errors import InvalidInput
from svc_ingest.video.files import VideoFile
from svc_ingest.video.limits import VideoLimits
from svc_ingest.video.problems import refuse

# FFmpeg's codec names, whichever library decodes.
_CODECS: Final = {"h264": "h264", "hevc": "hevc", "vp9": "vp9", "av1": "av1"}


@dataclass(frozen=True)
class Track:
    """What the header claims about the picture track; None where it claims nothing.

    index: of the track in the file. frames: rows of the frame table, which fragmented and Matroska files do
    not have. others: picture tracks that are not used.
    """

    index: int
    codec: str
    width: int
    height: int
    time_base: Fraction
    frames: int | None
    duration_s: float | None
    audio: bool
    others: int
    aspect: Fraction


@contextmanager
def opened(path: Path, demuxer: str, limits: VideoLimits) -> Iterator[av.container.InputContainer]:
    """The file, open for reading. Raises InvalidInput (VIDEO_CORRUPT, VIDEO_TOO_COMPLEX).

    Only the named demuxer may read it and only from this file: playlists and references of other formats
    could make FFmpeg open other files or addresses.
    """
    options = {
        "protocol_whitelist": "file",
        "max_streams": str(4 * limits.max_tracks),
        # FFmpeg may decode a frame to fill in what the header leaves open; `pick` judges the size itself.
        "max_pixels": str(8 * limits.max_pixels),
    }
    try:
        container = av.open(str(path), "r", format=demuxer, options=options, metadata_errors="replace")
    except FFmpegError as error:
        raise corrupt(error) from error
    with container:
        yield container


def corrupt(error: FFmpegError) -> InvalidInput:
    """The refusal for what FFmpeg says."""
    if isinstance(error, MemoryError | BlockingIOError):  # the latter when no thread can be started
        return refuse("VIDEO_TOO_COMPLEX", "Reading the video takes more memory than is allowed.")
    return refuse("VIDEO_CORRUPT", f"The video cannot be read: {str(error)[:200]}")


def pick(container: av.container.InputContainer, file: VideoFile, limits: VideoLimits) -> Track:
    """The picture track with the most pixels, the first of equals, when its claims are within limits.

    Raises InvalidInput: VIDEO_TOO_COMPLEX, VIDEO_NO_PICTURE_TRACK, VIDEO_CODEC_UNSUPPORTED,
    VIDEO_TOO_MANY_PIXELS, VIDEO_PICTURE_TOO_SMALL, VIDEO_TOO_LONG.
    """
    count = len(container.streams)
    if count > limits.max_tracks:
        raise refuse("VIDEO_TOO_COMPLEX", f"The file has {count} tracks; at most {limits.max_tracks}.")
    pictures = [s for s in container.streams.video if not _is_cover(s)]
    if not pictures:
        raise refuse("VIDEO_NO_PICTURE_TRACK", f"None of the file's {count} tracks is a video.")
    stream = max(pictures, key=lambda s: (_pixels(s), -s.index))
    track = _describe(container, stream, len(pictures) - 1, file)
    check_size(track.width, track.height, limits)
    if track.duration_s and track.duration_s > limits.max_seconds:
        raise too_long(f"The video lasts {track.duration_s:.0f} s", limits)
    if track.frames and track.frames > limits.max_frames:
        raise too_long(f"The video has {track.frames} frames", limits)
    return track


def _is_cover(stream: VideoStream) -> bool:
    return "attached_pic" in str(stream.disposition)


def _pixels(stream: VideoStream) -> int:
    context = stream.codec_context
    return context.width * context.height if context is not None else 0


def _describe(
    container: av.container.InputContainer, stream: VideoStream, others: int, file: VideoFile
) -> Track:
    context = stream.codec_context
    name = context.codec.canonical_name if context is not None else "unknown"
    if context is None or name not in _CODECS:
        raise refuse("VIDEO_CODEC_UNSUPPORTED", f"The video is coded as {name}.", codec=name)
    if stream.time_base is None:
        raise refuse("VIDEO_TIMESTAMPS", "The video has no time base.")
    table = stream.index_entries if file.demuxer == "mov" else ()
    duration = Fraction(container.duration or 0, av.time_base)  # Matroska states one for the whole file
    if stream.duration:
        duration = stream.duration * stream.time_base
    return Track(
        index=stream.index,
        codec=_CODECS[name],
        width=context.width,
        height=context.height,
        time_base=stream.time_base,
        frames=len(table) or stream.frames or None,
        duration_s=float(duration) or None,
        audio=bool(container.streams.audio),
        others=others,
        aspect=stream.sample_aspect_ratio or Fraction(1),
    )


def check_size(width: int, height: int, limits: VideoLimits) -> None:
    """Raises InvalidInput: VIDEO_CORRUPT, VIDEO_PICTURE_TOO_SMALL, VIDEO_TOO_MANY_PIXELS."""
    seen = f"The picture has {width} x {height} pixels"
    if width <= 0 or height <= 0:
        raise refuse("VIDEO_CORRUPT", f"{seen}.")
    if min(width, height) < limits.min_side:
        raise refuse("VIDEO_PICTURE_TOO_SMALL", f"{seen}; each side needs {limits.min_side}.")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise refuse(
            "VIDEO_TOO_MANY_PIXELS",
            f"{seen}; at most {limits.max_pixels} and {limits.max_side} a side are read.",
        )


def too_long(what: str, limits: VideoLimits) -> InvalidInput:
    """The refusal of a video that is too long; `what` begins the sentence."""
    most = f"at most {limits.max_seconds:.0f} s and {limits.max_frames} frames are read"
    return refuse("VIDEO_TOO_LONG", f"{what}; {most}.")
