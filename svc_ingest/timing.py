"""What the presentation times of the frames tell: rate, variation, drops."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svc_ingest.result import Flag, Level, Measure

_GAP: Final = 1.5
"""An interval this many times the usual one is a gap."""
_AROUND: Final = 31
"""Intervals whose median is the usual one."""
_STEADY_CV: Final = 0.02
"""Above this coefficient of variation the rate counts as variable."""


LEAST_FPS: Final = 24.0
USUAL_FPS: Final = 29.0
"""30 Hz with the tolerance that 29.97 needs."""
LEAST_SECONDS: Final = 3.5
"""Three seconds of standing still before the foot leaves the floor, and something of a test after them."""
MOST_DROPPED: Final = 5.0


@dataclass(frozen=True)
class Pace:
    """fps: regular intervals over their sum, Hz. cv: their coefficient of variation (0 to 1), without what
    rounding to the time base explains. dropped: frames that would fill the gaps. longest_gap_s: longest
    interval.
    """

    fps: float
    cv: float
    dropped: int
    longest_gap_s: float
    variable: bool


def pace_of(time_s: NDArray[np.float64], tick_s: float) -> Pace:
    """The pace of at least two strictly increasing times.

    A gap is an interval above 1.5 times the median of the 31 around it: a rate that changes and stays so
    drops nothing. Variable: CV above 2 %, or a gap. Times are multiples of `tick_s`;
    rounding to it makes two-valued intervals with a variance of at most tick^2 / 4, which is taken off (16
    and 17 ms are a steady 60 Hz in a file that counts milliseconds).
    """
    intervals = np.diff(time_s)
    half = min(_AROUND, len(intervals) - 1) // 2
    padded = np.pad(intervals, half, mode="reflect") if half else intervals
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    gap = intervals > _GAP * usual + tick_s / 2
    # A file that counts milliseconds shows 33 and 34: a median would be off by half a tick, the mean is not.
    regular = intervals[~gap]
    mean = float(regular.mean())
    cv = float(np.sqrt(max(0.0, float(regular.var()) - tick_s**2 / 4))) / mean
    return Pace(
        fps=1 / mean,
        cv=cv,
        dropped=int(np.sum(np.maximum(np.round(intervals[gap] / usual[gap]) - 1, 0))),
        longest_gap_s=float(intervals.max()),
        variable=cv > _STEADY_CV or bool(gap.any()),
    )


def dropped_percent(pace: Pace, frames: int) -> float:
    """Share of frames that were dropped, % of those that there should be."""
    return 100.0 * pace.dropped / (pace.dropped + frames)


def measures(pace: Pace, frames: int) -> tuple[Measure, ...]:
    """Rate, its variation, dropped frames, the longest interval."""
    return (
        Measure("frame_rate", pace.fps, "Hz"),
        Measure("frame_interval_variation", 100 * pace.cv, "%"),
        Measure("dropped_frames", dropped_percent(pace, frames), "%"),
        Measure("longest_frame_interval", pace.longest_gap_s, "s"),
    )


def flags(pace: Pace, frames: int, seconds: float) -> tuple[Flag, ...]:
    """What the times mean: FPS_TOO_LOW, FPS_LOW, FRAMES_DROPPED, VARIABLE_FRAME_RATE, VIDEO_TOO_SHORT."""
    dropped = dropped_percent(pace, frames)
    low, usual = pace.fps < LEAST_FPS, pace.fps < USUAL_FPS
    remarks = (
        (
            low,
            Flag(
                "FPS_TOO_LOW",
                Level.FAIL,
                f"{pace.fps:.1f} frames/s are too few for sway; at least {LEAST_FPS:.0f} are needed, record "
                "30 or 60.",
            ),
        ),
        (
            usual and not low,
            Flag("FPS_LOW", Level.WARN, f"{pace.fps:.1f} frames/s; 30 or 60 are usual."),
        ),
        (
            dropped > 0,
            Flag(
                "FRAMES_DROPPED",
                Level.FAIL if dropped > MOST_DROPPED else Level.WARN,
                f"{pace.dropped} frames are missing ({dropped:.1f} %), the longest gap is "
                f"{pace.longest_gap_s:.2f} s.",
            ),
        ),
        (
            pace.variable,
            Flag(
                "VARIABLE_FRAME_RATE",
                Level.WARN,
                "Frames do not come at even times; their own times are used, never their number.",
            ),
        ),
        (
            seconds < LEAST_SECONDS,
            Flag(
                "VIDEO_TOO_SHORT",
                Level.FAIL,
                f"The recording lasts {seconds:.1f} s; with the still seconds before it a test needs "
                f"more than {LEAST_SECONDS:g} s.",
            ),
        ),
    )
    return tuple(flag for seen, flag in remarks if seen)
