"""Videos that the tests make themselves: a textured room, somebody who sways, a camera that may move.

Encoded as VP9 or AV1 (libvpx, SVT-AV1) or MPEG-4 part 2; H.264 and HEVC come from the shared reference data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
TICKS = 90_000
FAST = {
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "b": "2M"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1", "crf": "30"},
    "mpeg4": {"b": "4M"},
}


def room(width: int = 320, height: int = 240, seed: int = 1) -> Picture:
    """A wall of smooth random patches with corners to follow, (height, width) levels 40 to 200."""
    coarse = np.random.default_rng(seed).uniform(40, 200, (height // 16, width // 16))
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def standing(wall: Picture, time_s: float, sway_px: float = 6.0) -> Picture:
    """The wall with a person in front, who sways from side to side at 0.5 Hz."""
    height, width = wall.shape
    picture = wall.copy()
    x = int(16 * (width / 2 + sway_px * np.sin(np.pi * time_s)))
    body = (int(16 * width * 0.05), int(16 * height * 0.28))
    cv2.ellipse(picture, (x, int(16 * height * 0.55)), body, 0, 0, 360, 20, -1, cv2.LINE_AA, 4)
    cv2.circle(picture, (x, int(16 * height * 0.2)), int(16 * height * 0.07), 230, -1, cv2.LINE_AA, 4)
    return picture


def times(seconds: float, fps: float = 30.0) -> list[float]:
    return [i / fps for i in range(round(seconds * fps))]


def scene(time_s: Sequence[float], size: tuple[int, int] = (320, 240)) -> Iterator[Picture]:
    """Somebody standing in a room, filmed from a tripod."""
    wall = room(*size)
    return (standing(wall, t) for t in time_s)


def shifted(wall: Picture, dx: float, dy: float = 0.0) -> Picture:
    """The wall seen by a camera that moved, sub-pixel."""
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    size = (wall.shape[1], wall.shape[0])
    return np.asarray(cv2.warpAffine(wall, matrix, size, borderMode=cv2.BORDER_REFLECT), np.uint8)


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """SVT-AV1, run by root, makes its caller a real-time thread: what that starts would starve the rest."""
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def write(
    path: Path,
    pictures: Iterator[Picture],
    time_s: Sequence[float],
    *,
    codec: str = "libvpx-vp9",
    format: str | None = None,
    tick: Fraction = Fraction(1, TICKS),
    rotation: int = 0,
    sound: str = "",
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    prepare: Callable[[av.container.OutputContainer], None] | None = None,
) -> Path:
    """Encodes grey pictures at the given times; `rotation` is clockwise, as a phone states it."""
    opened = av.open(str(path), "w", format=format, container_options=options or {})
    with ordinary_priority(), opened as out:
        out.metadata.update(metadata or {})
        first = next(pictures)
        stream = out.add_stream(codec, rate=30, options=FAST[codec])
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], "yuv420p"
        stream.codec_context.time_base = tick
        stream.codec_context.thread_count = 1
        if rotation:
            stream.set_display_rotation(-rotation)
        tone = out.add_stream(sound, rate=48_000) if sound else None
        if prepare:
            prepare(out)
        for i, at in enumerate(time_s):
            picture = first if i == 0 else next(pictures)
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = round(at / tick), tick
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if tone is not None:
            hum(out, tone, time_s[-1])
    return path


def hum(out: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for i in range(int(seconds * 50)):
        samples = np.zeros((1, 960), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 960 * i, Fraction(1, 48_000)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def join(sources: Sequence[Path], target: Path, step_s: float) -> Path:
    """The picture tracks of several files one after the other, packets as they are, in one Matroska file."""
    with av.open(str(target), "w", format="matroska") as out:
        stream, offset = None, 0.0
        for source in sources:
            with av.open(str(source)) as container:
                track = container.streams.video[0]
                stream = stream or out.add_stream_from_template(track, opaque=True)
                last = 0.0
                for packet in container.demux(track):
                    if packet.size == 0:
                        continue
                    last = float(packet.pts * packet.time_base)
                    packet.pts += round(offset / packet.time_base)
                    packet.dts = packet.pts
                    packet.stream = stream
                    out.mux_one(packet)
                offset += last + step_s
    return target


def decoded(path: Path) -> list[tuple[Fraction, int]]:
    """Time and content hash of every frame of the (largest) picture track."""
    with av.open(str(path)) as container:
        track = max(container.streams.video, key=lambda s: s.width * s.height)
        return [(f.pts * f.time_base, hash(_samples(f))) for f in container.decode(track)]


def _samples(frame: av.VideoFrame) -> bytes:
    """What is in the picture, without the padding of its rows."""
    deep = frame.format.components[0].bits > 8
    rows = [
        np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width * (1 + deep)]
        for plane in frame.planes
    ]
    return b"".join(row.tobytes() for row in rows)
