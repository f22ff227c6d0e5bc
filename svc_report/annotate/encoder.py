"""Writes a WebM video with VP9, frame by frame, at the frames' own times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from svc_report.film import Size

Picture = NDArray[np.uint8]

CODEC = "libvpx-vp9"
MEDIA_TYPE = "video/webm"
MILLISECOND = Fraction(1, 1000)
"""The time base of WebM as it is written."""
OPTIONS = {
    "deadline": "realtime",
    "cpu-used": "8",
    "row-mt": "1",
    "tile-columns": "1",
    "threads": "2",
    "crf": "34",
    "b": "2500k",
    "g": "150",
    "lag-in-frames": "0",
}
"""Real-time effort: a preview to look at, not an archive. `b` caps the rate that `crf` may take."""


@dataclass
class Writer:
    """An open WebM file. Times must rise by at least a millisecond; a frame that comes sooner is moved."""

    container: OutputContainer
    stream: VideoStream
    last_ms: int = -1
    frames: int = 0

    def add(self, picture: Picture, time_s: float) -> None:
        """Encodes one picture [height, width, 3] RGB shown from `time_s` on."""
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        self.last_ms = max(round(1000 * time_s), self.last_ms + 1)
        frame.pts, frame.time_base = self.last_ms, MILLISECOND
        self.container.mux(self.stream.encode(frame))
        self.frames += 1


@contextmanager
def writer(path: Path, size: Size, fps: float) -> Iterator[Writer]:
    """Opens a file of that size; fps is what the rate control reckons with. Same frames, same bytes."""
    # bitexact: no random identifiers and no library versions in the file.
    with av.open(str(path), "w", format="webm", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(CODEC, rate=Fraction(fps).limit_denominator(1000), options=OPTIONS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        stream.codec_context.time_base = MILLISECOND
        made = Writer(container, stream)
        yield made
        container.mux(stream.encode(None))
