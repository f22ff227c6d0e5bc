"""Capture quality of a video: gathered frame by frame in constant memory, summed up at the end."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_ingest.quality import edge_rise
from svc_ingest.raster import Pixels
from svc_ingest.result import Measure
from svc_ingest.timing import Pace
from svc_ingest.video import cuts
from svc_ingest.video.decode import Frame, Look, eight_bits, luma
from svc_ingest.video.motion import CameraMotion, Follower

_SAME_LEVELS: Final = 1
"""A frame is a repeat when no reduced pixel differs from the one before by more."""
_STILL_LAG_S: Final = 1.0
_STILL_EVERY_S: Final = 0.25
_STILL_LEVELS: Final = 8
_STILL_SHARE: Final = 2e-4
"""Nothing moves when fewer reduced pixels than this share changed by more than 8 levels within a second."""
_SHARP_EVERY_S: Final = 3.0
_SHARP_SIDE: Final = 1024
_FLICKER_WINDOW: Final = 7

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """What was measured over the whole video; percentages are of the frames or of full scale.

    None where it cannot be told. repeated, damaged, blurred: % of the frames. still: % of the time. level:
    mean level of the picture. dark, bright: pixels at black and at white. edge_rise_px: 10 to 90 % rise of
    edges in the middle of the picture.
    """

    longer_side: int
    pace: Pace
    frames: int
    seconds: float
    cuts_s: tuple[float, ...]
    repeated: float
    still: float | None
    damaged: float
    level: float
    dark: float
    bright: float
    flicker: float
    edge_rise: Measure
    blurred: float
    camera: CameraMotion


class Gathered:
    """What is kept of each frame: a few numbers."""

    def __init__(self) -> None:
        self.time_s: list[float] = []
        self.unlike: list[float] = []
        self.level: list[float] = []
        self.detail: list[float] = []
        self.repeats = 0
        self.still: list[bool] = []
        self.rises: list[Measure] = []
        self.clipped: list[tuple[float, float]] = []
        self.camera = Follower()
        self._thumb: cuts.Thumb | None = None
        self._light: Pixels | None = None
        self._earlier: list[tuple[float, Pixels]] = []
        self._next_still_s = 0.0
        self._next_sharp_s = 0.0

    def add(self, frame: Frame, look: Look) -> None:
        """Measures one frame."""
        thumb = cuts.thumb(frame.light)
        unlike = 0.0 if self._thumb is None else cuts.unlikeness(self._thumb, thumb)
        if self._light is not None:
            self.repeats += int(cv2.absdiff(frame.light, self._light).max() <= _SAME_LEVELS)
        self.time_s.append(frame.time_s)
        self.unlike.append(unlike)
        self.level.append(float(cv2.mean(frame.light)[0]))
        self.detail.append(float(cv2.meanStdDev(cv2.Laplacian(frame.light, cv2.CV_16S))[1][0, 0]) ** 2)
        self.camera.add(frame.light, frame.scale, frame.time_s, cuts.scene_changes(unlike))
        if frame.time_s >= self._next_still_s:
            self._next_still_s = frame.time_s + _STILL_EVERY_S
            self._compare_with_earlier(frame)
            dark = cv2.countNonZero(cv2.inRange(frame.light, 0, look.black))
            bright = cv2.countNonZero(cv2.inRange(frame.light, look.white, 255))
            self.clipped.append((dark / frame.light.size, bright / frame.light.size))
        if frame.time_s >= self._next_sharp_s:
            self._next_sharp_s = frame.time_s + _SHARP_EVERY_S
            self.rises.append(edge_rise(_middle(frame)))
        self._thumb, self._light = thumb, frame.light

    def _compare_with_earlier(self, frame: Frame) -> None:
        while self._earlier and frame.time_s - self._earlier[0][0] >= _STILL_LAG_S:
            _, light = self._earlier.pop(0)
            changed = np.count_nonzero(cv2.absdiff(frame.light, light) > _STILL_LEVELS)
            self.still.append(bool(changed < _STILL_SHARE * light.size))
        self._earlier.append((frame.time_s, frame.light))


def _middle(frame: Frame) -> Pixels:
    """The middle of the full picture, at most 1024 pixels a side, 8 bits."""
    light = luma(frame.picture)
    height, width = light.shape
    top, left = max(0, height - _SHARP_SIDE) // 2, max(0, width - _SHARP_SIDE) // 2
    return eight_bits(light[top : top + _SHARP_SIDE, left : left + _SHARP_SIDE], frame.picture)


def assess(seen: Gathered, look: Look, pace: Pace, damaged: int) -> Quality:
    """Sums up a whole video of at least two frames, `damaged` of them left out."""
    time_s = np.asarray(seen.time_s)
    frames = len(time_s)
    whole = look.white - look.black
    dark, bright = (100 * float(v) for v in np.mean(seen.clipped, axis=0))
    rises = sorted(m.value for m in seen.rises if m.value is not None)
    rise = Measure("edge_rise", rises[len(rises) // 2], "px") if rises else seen.rises[0]
    return Quality(
        longer_side=max(look.width, look.height),
        pace=pace,
        frames=frames,
        seconds=float(time_s[-1]),
        cuts_s=cuts.find(time_s, np.asarray(seen.unlike)),
        repeated=100 * seen.repeats / (frames - 1),
        still=100 * float(np.mean(seen.still)) if seen.still else None,
        damaged=100 * damaged / (damaged + frames),
        level=100 * (float(np.mean(seen.level)) - look.black) / whole,
        dark=dark,
        bright=bright,
        flicker=flicker(np.asarray(seen.level) - look.black),
        edge_rise=rise,
        blurred=100 * blurred_share(np.asarray(seen.detail)),
        camera=seen.camera.motion(),
    )


def flicker(level: Floats) -> float:
    """RMS of the frames' mean level about its running median over 7 frames, % of the mean level.

    Mains light (100 or 120 Hz) beats with the frame rate: the level swings within a few frames, faster than
    people move. A cut is a step, which a running median follows.
    """
    if len(level) < _FLICKER_WINDOW:
        return 0.0
    half = _FLICKER_WINDOW // 2
    windows = np.lib.stride_tricks.sliding_window_view(level, _FLICKER_WINDOW)
    swing = level[half:-half] - np.median(windows, axis=1)
    return float(100 * np.sqrt(np.mean(swing**2)) / max(float(level.mean()), 1.0))


def blurred_share(detail: Floats) -> float:
    """Share (0 to 1) of frames with less than half the detail of the frames around them.

    detail: variance of the Laplacian of each frame. A camera out of focus lowers all of them alike and is
    told by `edge_rise`; motion lowers single ones.
    """
    if len(detail) < 3:
        return 0.0
    half = min(15, (len(detail) - 1) // 2)
    padded = np.pad(detail, half, mode="reflect")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    return float(np.mean(detail < 0.5 * usual))
