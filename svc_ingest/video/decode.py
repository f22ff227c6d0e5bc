"""Decodes the picture track frame by frame in bounded memory: lightness at reduced size, time, damage."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import av
import av.container
import cv2
import numpy as np
from av.buffer import Buffer
from av.error import FFmpegError, InvalidDataError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from svc_ingest.raster import Pixels
from svc_ingest.video.limits import VideoLimits
from svc_ingest.video.problems import refuse
from svc_ingest.video.remux import Remuxed
from svc_ingest.video.track import check_size, corrupt, opened, too_long

REDUCED_SIDE: Final = 640
"""Longest side of the reduced picture in pixels, at most."""
_LUMA_FIRST: Final = ("yuv", "nv", "gray", "p0")
_FULL_RANGE: Final = 2
"""AVCOL_RANGE_JPEG."""


@dataclass(frozen=True)
class Look:
    """How the first frame looks; later frames must agree in size.

    rotation_deg: clockwise, makes it upright. width, height: as coded, before rotation. mirrored: the display
    matrix also mirrors. right_angle: False when its rotation was rounded to a multiple of 90 degrees. black,
    white: the 8-bit levels that stand for them.
    """

    rotation_deg: int
    width: int
    height: int
    bits: int
    pixel_format: str
    mirrored: bool
    right_angle: bool
    interlaced: bool
    black: int
    white: int


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    time_s: presentation time from the first frame. light: lightness, reduced by the factor `scale`, as
    coded (not rotated, from `Look.black` to `Look.white`). picture: the frame itself.
    """

    time_s: float
    light: Pixels
    scale: int
    picture: VideoFrame


class Decoding:
    """The frames of one file, once. `look` and `damaged` are filled as they come.

    damaged counts packets that do not decode, frames that the decoder calls corrupt, and packets of which
    nothing comes.
    """

    def __init__(self, file: Remuxed, limits: VideoLimits) -> None:
        self.look: Look | None = None
        self._failed = 0
        self._packets = 0
        self.frames = 0
        self._file = file
        self._limits = limits
        self._first: int | None = None
        self._last: int | None = None

    def __iter__(self) -> Iterator[Frame]:
        """Yields every sound frame in order of presentation.

        Raises InvalidInput: VIDEO_SIZE_CHANGES, VIDEO_TIMESTAMPS, VIDEO_TOO_LONG, VIDEO_TOO_COMPLEX,
        VIDEO_CORRUPT, VIDEO_CODEC_UNSUPPORTED, and what `check_size` raises.
        """
        with opened(self._file.path, self._file.demuxer, self._limits) as container:
            if not container.streams.video:
                raise refuse("VIDEO_CORRUPT", "The picture track cannot be read back.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self._limits.threads
            # A frame with missing or broken parts is counted and dropped, never made up.
            stream.codec_context.options = {
                "err_detect": "explode",
                "max_pixels": str(2 * self._limits.max_pixels),  # counted with padding
            }
            for picture in self._pictures(container, stream):
                yield self._frame(picture, stream)

    @property
    def damaged(self) -> int:
        """Frames that are lost, when all have come."""
        # A packet holds one frame, but only half of one in some interlaced files.
        lost = 0 if self.look and self.look.interlaced else self._packets - self.frames
        return max(self._failed, lost)

    def _pictures(self, container: av.container.InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        try:
            for packet in container.demux(stream):
                self._packets += packet.size > 0 and not packet.is_discard
                try:
                    pictures = packet.decode()
                except InvalidDataError:
                    self._failed += 1
                    continue
                for picture in pictures:
                    assert isinstance(picture, VideoFrame)
                    if picture.is_corrupt:
                        self._failed += 1
                    else:
                        yield picture
        except NotImplementedError as error:  # FFmpeg's AVERROR_PATCHWELCOME and ENOSYS
            raise refuse(
                "VIDEO_CODEC_UNSUPPORTED", f"A feature of the coding is not read: {error}"
            ) from error
        except FFmpegError as error:
            raise corrupt(error) from error

    def _frame(self, picture: VideoFrame, stream: VideoStream) -> Frame:
        if self.look is None:
            check_size(picture.width, picture.height, self._limits)
            self.look = _look(picture)
        if (picture.width, picture.height) != (self.look.width, self.look.height):
            raise refuse(
                "VIDEO_SIZE_CHANGES",
                f"Frame {self.frames + 1} has {picture.width} x {picture.height} pixels, the first one"
                f" {self.look.width} x {self.look.height}.",
            )
        pts = picture.pts
        if pts is None or stream.time_base is None or (self._last is not None and pts <= self._last):
            raise refuse("VIDEO_TIMESTAMPS", f"Frame {self.frames + 1} has no time after the one before it.")
        self._first = pts if self._first is None else self._first
        self._last = pts
        self.frames += 1
        time_s = float((pts - self._first) * stream.time_base)
        if self.frames > self._limits.max_frames or time_s > self._limits.max_seconds:
            raise too_long(f"The video goes on after {time_s:.0f} s and {self.frames} frames", self._limits)
        light, scale = _reduced(picture)
        return Frame(time_s, light, scale, picture)


def _look(picture: VideoFrame) -> Look:
    matrix = picture.side_data.get("DISPLAYMATRIX")
    mirrored = False
    if isinstance(matrix, Buffer):
        a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).astype(np.float64)
        mirrored = a * d - b * c < 0
    full = full_range(picture)
    # The display matrix states the turn counter-clockwise (FFmpeg, libavutil/display.h).
    turn = -float(picture.rotation)
    return Look(
        rotation_deg=round(turn / 90) % 4 * 90,
        width=picture.width,
        height=picture.height,
        bits=picture.format.components[0].bits,
        pixel_format=picture.format.name,
        mirrored=mirrored,
        right_angle=abs(turn / 90 - round(turn / 90)) < 0.01,
        interlaced=picture.interlaced_frame,
        black=0 if full else 16,
        white=255 if full else 235,
    )


def luma(picture: VideoFrame) -> NDArray[Any]:
    """The lightness plane (height, width) as coded, without a copy where the format has one."""
    if not picture.format.name.startswith(_LUMA_FIRST):
        picture = picture.reformat(format="gray")
    plane = picture.planes[0]
    deep = picture.format.components[0].bits > 8
    rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * picture.height]
    lines = rows.reshape(picture.height, plane.line_size)
    return (lines.view(np.uint16) if deep else lines)[:, : picture.width]


def full_range(picture: VideoFrame) -> bool:
    """Whether black is 0 and white 255, not 16 and 235 (ITU-R BT.601, BT.709)."""
    name = picture.format.name
    return picture.color_range == _FULL_RANGE or not name.startswith(_LUMA_FIRST) or name.startswith("yuvj")


def _reduced(picture: VideoFrame) -> tuple[Pixels, int]:
    """Lightness averaged over squares of `scale` pixels (a power of two), 8 bits, and `scale`."""
    light, scale = luma(picture), 1
    while max(light.shape) > REDUCED_SIDE:
        rows, columns = (side // 2 for side in light.shape)
        # Halving again and again takes a sixth of the time of one large step.
        light = cv2.resize(light[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        scale *= 2
    return eight_bits(light if scale > 1 else light.copy(), picture), scale


def eight_bits(light: NDArray[Any], picture: VideoFrame) -> Pixels:
    """Levels of `picture` (8 to 16 bits) as 8 bits."""
    if light.dtype == np.uint16:
        light = light >> (picture.format.components[0].bits - 8)
    return np.asarray(light, np.uint8)
