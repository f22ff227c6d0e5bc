"""Copies the picture track, packet by packet, into a file of its own: no sound, no metadata, same times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import av.container
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from svc_ingest.video.files import VideoFile
from svc_ingest.video.limits import VideoLimits
from svc_ingest.video.problems import refuse
from svc_ingest.video.track import Track, corrupt, too_long

# The muxer that keeps the source's kind of time base and codec tags, and the media type of what it writes.
_WRITTEN: Final = {
    "mp4": ("mp4", "video/mp4"),
    "mov": ("mp4", "video/mp4"),
    "webm": ("webm", "video/webm"),
    "mkv": ("matroska", "video/x-matroska"),
}
_ENDS_EARLY: Final = 0.9


@dataclass(frozen=True)
class Remuxed:
    """The written file. packets: pictures copied. ends_early: the source says that there should be more."""

    path: Path
    demuxer: str
    media_type: str
    packets: int
    ends_early: bool


def remux(
    source: av.container.InputContainer, track: Track, file: VideoFile, target: Path, limits: VideoLimits
) -> Remuxed:
    """Copies `track` to `target`; the same bytes for the same input.

    What the header claimed is counted again here, before anything is decoded. Raises InvalidInput:
    VIDEO_TOO_LONG, VIDEO_FRAME_RATE, VIDEO_TIMESTAMPS, VIDEO_TRUNCATED (less than nine tenths of the
    pictures or of the time are there), VIDEO_CORRUPT, VIDEO_TOO_COMPLEX.
    """
    # Browsers record H.264 into what they call WebM, which may hold VP8, VP9 and AV1 only.
    misnamed = file.container == "webm" and track.codec not in ("vp9", "av1")
    muxer, media_type = _WRITTEN["mkv" if misnamed else file.container]
    options = {"fflags": "+bitexact"}  # no date, no random identifiers
    stream = source.streams[track.index]
    assert isinstance(stream, VideoStream)  # `pick` chose it
    span = _Span(track, limits)
    try:
        with av.open(str(target), "w", format=muxer, container_options=options) as sink:
            copy = sink.add_stream_from_template(stream, opaque=True)
            for packet in source.demux(stream):
                if packet.size == 0:  # the mark at the end
                    continue
                if packet.is_corrupt:
                    span.cut = True
                    continue
                span.add(packet)
                packet.stream = copy
                sink.mux_one(packet)
    except FFmpegError as error:
        raise _muxing(error) from error
    missing = span.missing(file.cut_off)
    if missing and span.share() < _ENDS_EARLY:
        raise refuse("VIDEO_TRUNCATED", f"Only {100 * span.share():.0f} % of the video is there.")
    if not span.packets:
        raise refuse("VIDEO_CORRUPT", "The picture track holds no picture.")
    return Remuxed(target, file.demuxer, media_type, span.packets, missing)


def _muxing(error: FFmpegError) -> Exception:
    if isinstance(error, ValueError):  # EINVAL: the muxer wants every decoding time after the one before
        return refuse("VIDEO_TIMESTAMPS", "The times of the video's packets are missing or out of order.")
    return corrupt(error)


class _Span:
    """How many packets there were and what time they span."""

    def __init__(self, track: Track, limits: VideoLimits) -> None:
        self.packets = 0
        self.cut = False
        self._track = track
        self._limits = limits
        self._first: int | None = None
        self._last: int | None = None

    def add(self, packet: Packet[VideoStream]) -> None:
        """Counts one. Raises InvalidInput: VIDEO_TOO_LONG, VIDEO_TIMESTAMPS."""
        self.packets += 1
        if self.packets > self._limits.max_frames:
            raise too_long(f"The video has more than {self._limits.max_frames} frames", self._limits)
        if packet.pts is None:
            raise refuse("VIDEO_TIMESTAMPS", f"Packet {self.packets} of the video has no time.")
        self._first = packet.pts if self._first is None else min(self._first, packet.pts)
        self._last = packet.pts if self._last is None else max(self._last, packet.pts)
        if self.seconds() > self._limits.max_seconds:
            raise too_long(f"The video lasts more than {self._limits.max_seconds:.0f} s", self._limits)

    def seconds(self) -> float:
        """From the first to the last picture."""
        if self._first is None or self._last is None:
            return 0.0
        return float((self._last - self._first) * self._track.time_base)

    def missing(self, cut_off: bool) -> bool:
        """Whether pictures that the file announced are not there."""
        return cut_off or self.cut or (self._track.frames is not None and self.packets < self._track.frames)

    def share(self) -> float:
        """Share (0 to 1) of the announced pictures, else of the announced time, that is there."""
        if self._track.frames:
            return self.packets / self._track.frames
        return self.seconds() / self._track.duration_s if self._track.duration_s else 1.0
