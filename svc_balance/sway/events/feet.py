"""Where each foot is and how it moves: what phases and events are told from. Column 0 left, 1 right."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svc_balance.sway.posture.filters import derivative, low_pass
from svc_balance.sway.posture.series import Prepared

Floats = NDArray[np.float64]

SIDES = ("left", "right")
EVENT_HZ = 6.0
# A chain of thigh and shank this far up the order of all frames is a straight leg seen at full length.
_STRAIGHT = 80.0


@dataclass(frozen=True)
class Feet:
    """M samples; NaN where it was not seen.

    leg_px: [M], length of the straight leg in the picture, one value for each stretch between cuts.
    points_px: [M, 2, 2, 2], heel and toe of each foot. place_px: [M, 2, 2], their mean. clearance: [M, 2],
    how far all of heel, toe and ankle are above the same points of the other foot, leg lengths. speed:
    [M, 2], of the slower of heel and toe, leg lengths per second. noise: standard deviation of the clearance
    that is left after the filter, leg lengths.
    """

    fs_hz: float
    time_s: Floats
    segment: NDArray[np.int64]
    leg_px: Floats
    points_px: Floats
    place_px: Floats
    clearance: Floats
    speed: Floats
    noise: float


def smooth(prepared: Prepared, *names: str) -> Floats:
    """Points [M, K, 2] px, low-passed at 6 Hz within each stretch between cuts."""
    points = np.stack([prepared.point(name) for name in names], axis=1)
    return within(prepared.segment, points, lambda part: low_pass(part, prepared.fs_hz, EVENT_HZ))


def within(segment: NDArray[np.int64], values: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """Applies a function of [N, ...] to every stretch between cuts on its own."""
    out = np.full_like(values, np.nan)
    for number in np.unique(segment):
        out[segment == number] = function(values[segment == number])
    return out


def feet(prepared: Prepared) -> Feet:
    """Signals of both feet; raises nothing, what is missing stays NaN."""
    leg_px = _leg_px(prepared)
    raw = np.stack([_points(prepared, side) for side in SIDES], axis=1)
    points = np.stack([smooth(prepared, *_names(side)) for side in SIDES], axis=1)
    rate = within(prepared.segment, points, lambda part: derivative(part, prepared.fs_hz))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a foot of which nothing is seen is NaN
        speed = np.nanmin(np.hypot(rate[..., 0], rate[..., 1])[:, :, :2], axis=2) / leg_px[:, None]
        place = np.nanmean(points[:, :, :2], axis=2)
    clearance = _above(points) / leg_px[:, None]
    left_over = _above(raw) / leg_px[:, None] - clearance
    return Feet(
        fs_hz=prepared.fs_hz,
        time_s=prepared.time_s,
        segment=prepared.segment,
        leg_px=leg_px,
        points_px=points[:, :, :2],
        place_px=place,
        clearance=clearance,
        speed=speed,
        noise=_noise(left_over, prepared.fs_hz),
    )


def _names(side: str) -> tuple[str, str, str]:
    return f"{side}_heel", f"{side}_foot_index", f"{side}_ankle"


def _points(prepared: Prepared, side: str) -> Floats:
    return np.stack([prepared.point(name) for name in _names(side)], axis=1)


def _above(points: Floats) -> Floats:
    """Least height over the other foot's same point, [M, 2] px, from [M, 2, K, 2]; NaN where no pair is seen.

    Like is compared with like, so that a toe nearer to the camera than the other foot's heel is not lower.
    """
    y = points[..., 1]
    height = y[:, ::-1] - y
    least = np.where(np.isfinite(height), height, np.inf).min(axis=2)
    return np.where(np.isfinite(least), least, np.nan)


def _leg_px(prepared: Prepared) -> Floats:
    chains = []
    for side in SIDES:
        hip, knee, ankle = (prepared.point(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        chains.append(np.hypot(*(hip - knee).T) + np.hypot(*(knee - ankle).T))
    longest = np.fmax(*chains)
    out = np.full(len(prepared), np.nan)
    for number in np.unique(prepared.segment):
        chosen = prepared.segment == number
        seen = longest[chosen][longest[chosen] > 0]
        if len(seen):
            out[chosen] = np.percentile(seen, _STRAIGHT)
    return out


def _noise(left_over: Floats, fs_hz: float) -> float:
    """Standard deviation that passes the filter, from what it takes away: white noise assumed."""
    seen = left_over[np.isfinite(left_over)]
    if len(seen) < 3:
        return float("nan")
    spread = 1.4826 * float(np.median(np.abs(seen - np.median(seen))))
    passed = min(2 * EVENT_HZ / fs_hz, 0.9)
    return spread * float(np.sqrt(passed / (1 - passed)))
