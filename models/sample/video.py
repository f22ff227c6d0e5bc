"""A synthetic balance video: a person who sways, stands on one leg and puts the foot down again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from models.synth import figure
from models.synth.standing import Mode, StandingSpec, Truth, trial

LABEL = "SYNTHETIC SAMPLE - computed by Assay (models/sample), no photograph of a person"
MODES = (
    Mode("ml", 0.13, 0.22, 0.25, 0.4),
    Mode("ml", 0.31, 0.25, 0.2, 1.9),
    Mode("ml", 0.67, 0.14, 0.05, 3.0),
    Mode("ml", 1.21, 0.05, -0.06, 5.1),
    Mode("ap", 0.25, 0.3, 0.3, 1.0),
)
SAMPLE = StandingSpec(
    duration_s=25.5,
    fps=30.0,
    height_mm=1750.0,
    stance_side="right",
    foot_up_s=1.5,
    end_s=24.2,
    arms="down",
    modes=MODES,
    mm_per_px=1.75,
    width=720,
    height=1280,
)
FLOOR_SHARE = 0.9
BIT_RATE = 450_000


def frames(spec: StandingSpec, look: figure.Look | None = None) -> Iterator[NDArray[np.uint8]]:
    """Yields the pictures of a trial, [height, width, 3] uint8 sRGB."""
    chosen = look or figure.Look()
    landmarks, _ = trial(spec)
    empty = figure.room(spec.width, spec.height, FLOOR_SHARE * spec.height, chosen, spec.seed)
    empty = _labelled(empty, LABEL)
    for points in landmarks.image_px:
        picture = empty.copy()
        figure.draw(picture, points, 1 / spec.mm_per_px, chosen)
        yield np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def make(path: Path, spec: StandingSpec = SAMPLE, bit_rate: int = BIT_RATE) -> Truth:
    """Writes the video and returns what is true of it. The container follows the file's name."""
    write(path, frames(spec), spec.fps, bit_rate, "good")
    return trial(spec)[1]


def write(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    fps: float,
    bit_rate: int = BIT_RATE,
    effort: str = "realtime",
) -> None:
    """Encodes pictures as VP9. effort: "good", or "realtime" for what need not be small."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=Fraction(fps).limit_denominator(1001))
        assert isinstance(stream, VideoStream)
        stream.pix_fmt, stream.bit_rate = "yuv420p", bit_rate
        quick = "8" if effort == "realtime" else "4"
        stream.options = {"deadline": effort, "cpu-used": quick, "row-mt": "1", "threads": "2"}
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _labelled(picture: figure.Picture, text: str) -> figure.Picture:
    drawn = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    scale = picture.shape[1] / 1400
    place = (int(20 * scale), int(picture.shape[0] - 24 * scale))
    cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (235, 235, 235), 1, cv2.LINE_AA)
    return np.asarray(drawn, np.float32)
