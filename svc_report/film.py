"""Frames of a video: upright, small, with their times. Decoding only, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mesh.errors import InvalidInput

Picture = NDArray[np.uint8]

MAX_DECODED = 1500
"""Frames decoded at most to reach all wanted ones: six times four seconds between key frames at 60 Hz."""


@dataclass(frozen=True)
class Frame:
    """An upright picture [height, width, 3] RGB and its time in s from the first frame."""

    time_s: float
    picture: Picture


@dataclass(frozen=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def fitted(self, short_side: int) -> Size:
        """This size scaled down, never up, to a short side; both sides even, as chroma subsampling needs."""
        scale = min(1.0, short_side / min(self.width, self.height))
        return Size(*(max(2, 2 * round(side * scale / 2)) for side in (self.width, self.height)))


@dataclass
class Film:
    """An open video. `size` is that of the frames it gives, after rotation."""

    container: InputContainer
    stream: VideoStream
    rotation_deg: int
    size: Size

    def frames(self) -> Iterator[Frame]:
        """Every frame in order of time; raises InvalidInput (REPORT_VIDEO_UNREADABLE)."""
        first: float | None = None
        last = -1.0
        with _readable():
            for decoded in self._decoded():
                if decoded.time is None:
                    continue
                first = decoded.time if first is None else first
                if decoded.time - first > last:
                    last = decoded.time - first
                    yield Frame(last, self._upright(decoded))

    def _decoded(self) -> Iterator[VideoFrame]:
        """Decoded frames; packets that are damaged are left out, as ingest and pose leave them out."""
        context: VideoCodecContext = self.stream.codec_context
        for packet in self.container.demux(self.stream):
            try:
                yield from context.decode(packet)
            except av.error.InvalidDataError:
                continue

    def at(self, wanted_s: Sequence[float]) -> list[Frame | None]:
        """The frame nearest to each time (ascending); None where there is none, or decoding had to end.

        Key frames are sought, frames that no other refers to are skipped on the way, and no stretch is
        decoded twice. Raises InvalidInput (REPORT_VIDEO_UNREADABLE).
        """
        half = 0.5 / float(self.stream.average_rate or 30)
        with _readable():
            keys = self._key_times()
            self._seek(keys[0] if keys else 0.0)
            start, _ = self._reach(float("-inf"), MAX_DECODED)
            if start is None or start.time is None:
                return [None] * len(wanted_s)
            found: list[Frame | None] = []
            here, left = start.time, MAX_DECODED
            for wanted in wanted_s:
                target = start.time + wanted
                if here >= target - half or any(here < key <= target for key in keys):
                    self._seek(target)
                decoded, taken = self._reach(target - half, left)
                left -= taken
                if decoded is None or decoded.time is None:
                    found.append(None)
                else:
                    here = decoded.time
                    found.append(Frame(here - start.time, self._upright(decoded)))
            return found

    def _key_times(self) -> list[float]:
        """Times of the frames at which decoding can begin, read without decoding any."""
        return [
            float(packet.pts * packet.time_base)
            for packet in self.container.demux(self.stream)
            if packet.is_keyframe and packet.pts is not None
        ]

    def _seek(self, time_s: float) -> None:
        assert self.stream.time_base is not None
        self.container.seek(max(0, int(time_s / self.stream.time_base)), stream=self.stream)

    def _reach(self, target: float, at_most: int) -> tuple[VideoFrame | None, int]:
        """The first frame from `target` on, else the last, and how many were decoded; None at `at_most`."""
        context: VideoCodecContext = self.stream.codec_context
        margin = 2 / float(self.stream.average_rate or 30)
        last, decoded = None, 0
        try:
            for packet in self.container.demux(self.stream):
                far = packet.pts is not None and float(packet.pts * packet.time_base) < target - margin
                context.skip_frame = "NONREF" if far else "DEFAULT"
                for frame in packet.decode():
                    last, decoded = frame, decoded + 1
                    if frame.time is not None and frame.time >= target:
                        return frame, decoded
                if decoded >= at_most:
                    return None, decoded
        finally:
            context.skip_frame = "DEFAULT"
        return last, decoded

    def _upright(self, frame: VideoFrame) -> Picture:
        turned = self.rotation_deg % 180 == 90
        width, height = (self.size.height, self.size.width) if turned else (self.size.width, self.size.height)
        small: Any = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
        return np.ascontiguousarray(np.rot90(small.to_ndarray(), -(self.rotation_deg // 90)))


@contextmanager
def opened(path: Path, rotation_deg: int, short_side: int | None = None) -> Iterator[Film]:
    """Opens a video that ingest has written.

    rotation_deg: clockwise, makes it upright. short_side: frames are scaled down to it; None: they keep their
    size.
    Raises InvalidInput (REPORT_VIDEO_UNREADABLE).
    """
    with _readable():
        container = av.open(str(path), "r")
    with container:
        if not container.streams.video:
            raise _unreadable("It has no picture track.")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        sides = (stream.height, stream.width) if rotation_deg % 180 == 90 else (stream.width, stream.height)
        if min(sides) < 2:
            raise _unreadable("It states no size.")
        size = Size(*sides)
        yield Film(container, stream, rotation_deg, size if short_side is None else size.fitted(short_side))


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (FFmpegError, ValueError) as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> InvalidInput:
    return InvalidInput(
        "REPORT_VIDEO_UNREADABLE",
        f"The video that ingest wrote cannot be decoded: {why}",
        field="analysis.ingest.video",
        fix="Run the analysis again from its upload.",
    )
