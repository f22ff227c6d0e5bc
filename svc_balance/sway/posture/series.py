"""Landmarks made ready to measure: gated, cleared of outliers, short gaps filled, evenly sampled.

What is missing stays NaN; what was filled is marked; nothing is bridged over a cut or a longer gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from mesh.errors import InvalidInput, Unmeasurable
from mesh.landmarks import INDEX, POINTS, Landmarks
from svc_balance.sway.posture.filters import low_pass, runs

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

VERSION = "series@1"
GATE = 0.5
GAP_S = 0.2
LONGEST_S = 300.0
SLOW_HZ, FAST_HZ, FAST_FROM_FPS = 30.0, 60.0, 55.0
# Hampel: 11 samples at 30 Hz, 3 robust standard deviations (1.4826 MAD).
HAMPEL_S, HAMPEL_SD = 11 / 30, 3.0
# The MAD of 11 samples is low on average by this factor, n / (n - 0.8) (Croux & Rousseeuw 1992).
SMALL_SAMPLE = 11 / 10.2
# Nothing of a body goes and comes back in less; what does is a glitch of the landmarks.
GLITCH_S = 0.1
# Deviations below this share of the picture's height are noise, not outliers, however still the subject is.
HAMPEL_FLOOR = 0.0005
# Sources faster than the target are low-passed at this share of the target rate before decimation.
ANTI_ALIAS = 0.4
# Samples of the fine grid for one of the target grid, at most: alias-free up to 240 source frames/s.
FINEST = 4


@dataclass(frozen=True)
class Prepared:
    """Evenly sampled landmarks, M samples.

    time_s: [M], from the first frame's time, step 1 / fs_hz. image_px: [M, 33, 2], NaN where missing.
    standard_error_px: [M, 33] or None; of the frames, before any filter. visibility: [M, 33], 0 to 1, as the
    model gave it. world_m: [M, 33, 3] or None, missing where image_px is. filled: [M, 33], true where a gap
    was filled. segment: [M], counts up at every cut. people: [M] or None, -1 where not counted.
    source_fps: median rate of the frames. share_filled, share_missing, share_outliers: [33], 0 to 1.
    """

    width: int
    height: int
    fs_hz: float
    time_s: Floats
    image_px: Floats
    standard_error_px: Floats | None
    visibility: Floats
    world_m: Floats | None
    filled: Mask
    segment: NDArray[np.int64]
    people: NDArray[np.int64] | None
    cuts_s: tuple[float, ...]
    source_fps: float
    share_filled: Floats
    share_missing: Floats
    share_outliers: Floats

    def __len__(self) -> int:
        return len(self.time_s)

    def point(self, name: str) -> Floats:
        """Positions of one landmark, [M, 2] px."""
        return self.image_px[:, INDEX[name]]

    def middle(self, name: str) -> Floats:
        """Mean of the left and the right landmark, [M, 2] px; NaN where either is missing."""
        return (self.point(f"left_{name}") + self.point(f"right_{name}")) / 2

    def error_px(self, name: str) -> Floats:
        """Standard error of one landmark, [M] px; NaN where unknown."""
        if self.standard_error_px is None:
            return np.full(len(self), np.nan)
        return self.standard_error_px[:, INDEX[name]]

    def between(self, start_s: float, end_s: float) -> Mask:
        """Samples of a window, [M], both ends included."""
        return (self.time_s >= start_s - 1e-9) & (self.time_s <= end_s + 1e-9)


def prepare(landmarks: Landmarks) -> Prepared:
    """Brings real, uneven frame times to an even 30 Hz (60 Hz from sources of at least 55 frames/s).

    Order: visibility and presence gate (0.5), Hampel filter (0.37 s, 3 robust standard deviations, missing
    then), PCHIP over gaps of at most 0.2 s, cubic spline to the even grid. The spline, unlike linear
    interpolation, keeps derivatives unbiased up to well over 6 Hz; sources faster than the grid are splined
    to a multiple of it, low-passed at 0.4 of the target rate and decimated, so that nothing aliases.

    Raises:
        Unmeasurable: TOO_FEW_FRAMES, fewer than two frames.
        InvalidInput: LANDMARKS_TOO_LONG, more than 300 s.
    """
    if len(landmarks) < 2:
        raise Unmeasurable("TOO_FEW_FRAMES", "There are fewer than two frames.", fix="Record the whole test.")
    time_s = np.asarray(landmarks.time_s, np.float64)
    span_s = float(time_s[-1] - time_s[0])
    if span_s > LONGEST_S:
        raise InvalidInput(
            "LANDMARKS_TOO_LONG",
            f"The landmarks span {span_s:.0f} s; at most {LONGEST_S:.0f} s are measured.",
            field="landmarks",
            fix="Send one trial.",
        )
    step_s = float(np.median(np.diff(time_s)))
    target_hz = FAST_HZ if 1 / step_s >= FAST_FROM_FPS else SLOW_HZ
    values, outliers = _clean(landmarks, time_s, step_s)
    source_s = _with_dropped(time_s, step_s)
    grid_s = time_s[0] + np.arange(math.floor(span_s * target_hz + 1e-6) + 1) / target_hz
    finer = min(max(1, math.ceil(1 / step_s / target_hz - 0.1)), FINEST)
    fine_s = time_s[0] + np.arange((len(grid_s) - 1) * finer + 1) / (target_hz * finer)
    even = np.full((len(fine_s), *values.shape[1:]), np.nan)
    filled = np.zeros((len(grid_s), POINTS), bool)
    for alike in _alike(np.isfinite(values[:, :, 0])):
        part, gaps = _resample(time_s, values[:, alike], source_s, landmarks.cuts_s, step_s, fine_s)
        even[:, alike], filled[:, alike] = part, gaps[::finer, None]
    if finer > 1:
        even = low_pass(even, target_hz * finer, ANTI_ALIAS * target_hz)[::finer]
    nearest = np.searchsorted((time_s[1:] + time_s[:-1]) / 2, grid_s)
    missing = ~np.isfinite(even[:, :, 0])
    return Prepared(
        width=landmarks.width,
        height=landmarks.height,
        fs_hz=target_hz,
        time_s=grid_s,
        image_px=even[:, :, :2],
        standard_error_px=_standard_error(landmarks, nearest, missing),
        visibility=np.nan_to_num(landmarks.visibility[nearest]),
        world_m=even[:, :, 2:] if landmarks.world_m is not None else None,
        filled=filled & ~missing,
        segment=_segments(grid_s, landmarks.cuts_s),
        people=None if landmarks.people is None else landmarks.people[nearest],
        cuts_s=landmarks.cuts_s,
        source_fps=1 / step_s,
        share_filled=(filled & ~missing).mean(axis=0),
        share_missing=missing.mean(axis=0),
        share_outliers=outliers.mean(axis=0),
    )


def _clean(landmarks: Landmarks, time_s: Floats, step_s: float) -> tuple[Floats, Mask]:
    """Values [N, 33, 2 or 5] with what is not believed set to NaN, and the outliers found, [N, 33]."""
    parts = [np.asarray(landmarks.image_px, np.float64)]
    if landmarks.world_m is not None:
        parts.append(np.asarray(landmarks.world_m, np.float64))
    values = np.concatenate(parts, axis=2)
    # Written so that an unknown (NaN) visibility does not pass.
    believed = (landmarks.visibility >= GATE) & (landmarks.presence >= GATE)
    values[~(believed & np.isfinite(values).all(axis=2))] = np.nan
    window = max(3, 2 * round(HAMPEL_S / step_s / 2 - 0.5) + 1)
    segment = _segments(time_s, landmarks.cuts_s)
    outliers = np.zeros(values.shape[:2], bool)
    for part in np.unique(segment):
        chosen = segment == part
        for point in range(POINTS):
            outliers[chosen, point] = hampel(
                values[chosen, point, :2],
                window,
                HAMPEL_FLOOR * landmarks.height,
                max(1, round(GLITCH_S / step_s)),
            ).any(axis=1)
    values[outliers] = np.nan
    return values, outliers


def hampel(x: Floats, window: int, floor: float, longest: int) -> Mask:
    """Outliers among samples [N, C]: short excursions far from the running median.

    Farther from the median of the window (odd, samples; it shrinks at the ends) than 3 robust standard
    deviations and than `floor`, after Davies & Gather 1993, J Am Stat Assoc 88:782 (Hampel identifier). The
    standard deviation is that of the window or the series' median one, whichever is larger: in windows this
    short the MAD alone comes out small so often that it would discard several percent of plain noise.

    A foot that leaves the floor is far from its median too, and for longer. So an outlier must also lie off
    the straight line between the good samples around it by as much, in a run of at most `longest` samples.
    NaN is ignored and is never an outlier.
    """
    half = min(window, 2 * len(x) + 1) // 2
    padded = np.pad(x, ((half, half), (0, 0)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    median = _median(windows)
    mad = _median(np.abs(windows - median[..., None]))
    typical = np.nan_to_num(_median(mad.T))
    limit = np.maximum(HAMPEL_SD * SMALL_SAMPLE * 1.4826 * np.maximum(mad, typical), floor)
    suspect = np.abs(x - median) > limit
    return suspect & _excursions(x, suspect, limit, longest)


def _excursions(x: Floats, suspect: Mask, limit: Floats, longest: int) -> Mask:
    """Suspects [N, C] in short runs and off the line between the good samples before and after."""
    rows = np.arange(len(x))[:, None]
    good = np.isfinite(x) & ~suspect
    before = np.maximum.accumulate(np.where(good, rows, -1), axis=0)
    after = np.minimum.accumulate(np.where(good, rows, len(x))[::-1], axis=0)[::-1]
    # At the ends there is one neighbour; with none at all nothing can be told.
    low, high = np.where(before < 0, after, before), np.where(after == len(x), before, after)
    known = (low < len(x)) & (high >= 0)
    start = np.take_along_axis(x, np.clip(low, 0, len(x) - 1), axis=0)
    end = np.take_along_axis(x, np.clip(high, 0, len(x) - 1), axis=0)
    share = np.clip((rows - low) / np.maximum(high - low, 1), 0, 1)
    off = np.abs(x - (start + share * (end - start))) > limit
    return np.asarray(known & off & (after - before - 1 <= longest))


def _median(windows: Floats) -> Floats:
    """Median over the last axis without its NaN; NaN where there is nothing else."""
    ordered = np.sort(windows, axis=-1)
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(ordered, count // 2, axis=-1)
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan)[..., 0])


def _with_dropped(time_s: Floats, step_s: float) -> Floats:
    """Frame times with those of dropped frames put in, evenly, where the gap may be filled."""
    gaps = np.diff(time_s)
    steps = np.where(_too_long(gaps, step_s), 1, np.maximum(1, np.rint(gaps / step_s))).astype(np.int64)
    first = np.repeat(np.cumsum(steps) - steps, steps)
    offsets = (np.arange(steps.sum()) - first) * np.repeat(gaps / steps, steps)
    return np.append(np.repeat(time_s[:-1], steps) + offsets, time_s[-1])


def _too_long(gaps_s: Floats, step_s: float) -> Mask:
    """Gaps between samples in which more than 0.2 s is missing; a quarter of a step allows for jitter."""
    return gaps_s - step_s > GAP_S + step_s / 4


def _segments(time_s: Floats, cuts_s: tuple[float, ...]) -> NDArray[np.int64]:
    return np.searchsorted(np.sort(np.asarray(cuts_s, np.float64)), time_s, side="right").astype(np.int64)


def _alike(present: Mask) -> list[NDArray[np.int64]]:
    """Columns of [N, K] that are present at the same times, as groups of column numbers."""
    groups: dict[bytes, list[int]] = {}
    for column in range(present.shape[1]):
        groups.setdefault(np.packbits(present[:, column]).tobytes(), []).append(column)
    return [np.asarray(columns, np.int64) for columns in groups.values()]


def _resample(
    time_s: Floats, values: Floats, source_s: Floats, cuts_s: tuple[float, ...], step_s: float, even_s: Floats
) -> tuple[Floats, Mask]:
    """Splines [N, K, C], whose columns are missing together, to [L, K, C]; and what was filled, [L]."""
    even = np.full((len(even_s), *values.shape[1:]), np.nan)
    filled = np.zeros(len(even_s), bool)
    present = np.isfinite(values[:, 0, 0])
    if not present.any():
        return even, filled
    known_s, known = time_s[present], values[present]
    joined = ~_too_long(np.diff(known_s), step_s) & (np.diff(_segments(known_s, cuts_s)) == 0)
    for run in runs(joined):
        at = slice(run.start, run.stop + 1)
        start_s, end_s = known_s[at.start], known_s[run.stop]
        knots_s = source_s[(source_s >= start_s) & (source_s <= end_s)]
        measured = np.isin(knots_s, known_s[at])
        knots = PchipInterpolator(known_s[at], known[at], axis=0)(knots_s)
        inside = (even_s >= start_s - 1e-9) & (even_s <= end_s + 1e-9)
        even[inside] = CubicSpline(knots_s, knots, axis=0)(even_s[inside])
        nearest = np.searchsorted((knots_s[1:] + knots_s[:-1]) / 2, even_s[inside])
        filled[inside] = ~measured[nearest]
    return even, filled


def _standard_error(landmarks: Landmarks, nearest: NDArray[np.int64], missing: Mask) -> Floats | None:
    if landmarks.standard_error_px is None:
        return None
    return np.where(missing, np.nan, landmarks.standard_error_px[nearest])


def landmark_error(prepared: Prepared) -> tuple[Floats, str]:
    """Standard error of every landmark, [M, 33] px, and where it comes from.

    "regions": the pose stage's, from repeated regions. "residual": 1.4826 MAD of second differences over
    sqrt(6), for white noise on slow motion; noise that is correlated from frame to frame is larger.
    """
    if prepared.standard_error_px is not None:
        return prepared.standard_error_px, "regions"
    if len(prepared) < 3:
        return np.full((len(prepared), POINTS), np.nan), "residual"
    second = np.diff(prepared.image_px, 2, axis=0)
    columns = second.transpose(1, 2, 0).reshape(POINTS, -1)
    spread = 1.4826 * _median(np.abs(columns - _median(columns)[:, None])) / math.sqrt(6)
    return np.broadcast_to(spread, (len(prepared), POINTS)), "residual"
