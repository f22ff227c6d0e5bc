"""Videos and pictures for tests of the pose stage: real people in a few frames, or nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from svc_balance.pose.roi import Picture
from svc_balance.pose.video import Frame, decode

ONE = "posevideo/pose2sim_balancing/videos/cam01.mp4"
TWO = "posevideo/pose2sim_balancing/videos/multiperson_cam01.mp4"


def pictures(path: Path, count: int) -> list[Picture]:
    """The first pictures of a video."""
    found: list[Picture] = []
    for frame in decode(path):
        found.append(frame.rgb)
        if len(found) == count:
            break
    return found


def timed(shots: Iterable[Picture], fps: float = 30.0) -> list[Frame]:
    """Pictures as frames at an even rate."""
    return [Frame(index, index / fps, picture) for index, picture in enumerate(shots)]


def write(path: Path, shots: Sequence[Picture], times_ms: Sequence[int] | None = None) -> Path:
    """A VP9 video (WebM) of pictures at times in ms, 33 ms apart when not given."""
    times = times_ms or [33 * index for index in range(len(shots))]
    height, width = shots[0].shape[:2]
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx-vp9", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"}
        stream.codec_context.time_base = Fraction(1, 1000)
        for at, shot in zip(times, shots, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shot), format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def plain(count: int, height: int = 96, width: int = 128) -> list[Picture]:
    """Pictures without anybody, each a little brighter than the one before, darker on the left."""
    ramp = np.linspace(40, 120, width)[None, :, None]
    return [np.broadcast_to(ramp + 10 * index, (height, width, 3)).astype(np.uint8) for index in range(count)]
