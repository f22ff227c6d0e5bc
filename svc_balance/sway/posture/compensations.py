"""Compensations while standing on one leg, as events: what moves, from when, for how long, how far.

A front view hides what happens in depth; what a view hides is said by a typed reason, never as "none".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX
from svc_balance.sway.events.spans import spans
from svc_balance.sway.posture.compensation_rules import THRESHOLDS, VERSION, Threshold
from svc_balance.sway.posture.planar import OTHER, RIGHT, Planar
from svc_balance.sway.posture.scale import Scale
from svc_balance.sway.posture.series import Prepared
from svc_balance.sway.posture.view import ViewReading

Floats = NDArray[np.float64]

__all__ = ["VERSION", "Compensation", "Compensations", "find"]

# The place of a limb at rest is its median over this much of the baseline.
BASELINE_S = 1.0
# Depth is the pose model's guess: events from it are trusted this much.
DEPTH_TRUST = 0.5
# An oblique view shortens what it shows.
OBLIQUE_TRUST = 0.7
# A signal must be seen in this share of the window.
NEEDED_SHARE = 0.5
# A thigh shorter in the picture than this share of half the leg points at the camera or away from it.
SHORTENED = 0.35
# A peak counts in full from this many times the landmarks' noise.
NOISE_TIMES = 6.0


@dataclass(frozen=True)
class Compensation:
    """One event. peak: largest value in `unit` ("deg" or "L", leg lengths), signed where `side` is "".

    side: of the limb that moves; for leans, tilts and rotations the subject's side they go to; "" for
    neither. confidence: 0 to 1, from visibility, peak over threshold, and peak over noise.
    """

    id: str
    onset_s: float
    duration_s: float
    peak: float
    unit: str
    side: str
    confidence: float


@dataclass(frozen=True)
class Hidden:
    """A compensation that cannot be seen here. reason: a key of `reading.REASONS`."""

    id: str
    reason: str


@dataclass(frozen=True)
class Compensations:
    """Events in order of onset, and what could not be looked for."""

    events: tuple[Compensation, ...]
    hidden: tuple[Hidden, ...]


@dataclass(frozen=True)
class _Signal:
    """A trace [M] to compare; a positive value belongs to `positive`, a negative one to `negative`."""

    values: Floats
    points: tuple[str, ...]
    positive: str
    negative: str
    noise: float
    trust: float = 1.0


def find(
    prepared: Prepared,
    side: str,
    view: ViewReading,
    window: tuple[float, float],
    scale: Scale,
    baseline: tuple[float, float] | None = None,
) -> Compensations:
    """Finds compensations of standing on `side` within a window (start and end, s), angles below 6 Hz.

    baseline: a still stretch that says where limbs are at rest; the window's first second when None.
    """
    if side not in RIGHT or not view.view:
        reason = "VIEW_UNKNOWN" if side in RIGHT else "SIDE_UNKNOWN"
        return Compensations((), tuple(Hidden(threshold.id, reason) for threshold in THRESHOLDS))
    inside = prepared.between(*window)
    still = prepared.between(*(baseline or (window[0], window[0] + BASELINE_S)))
    body = Planar(prepared, view.sign or 1.0)
    trust = OBLIQUE_TRUST if view.view == "oblique" else 1.0
    events: list[Compensation] = []
    hidden: list[Hidden] = []
    for threshold in THRESHOLDS:
        if view.view not in threshold.views:
            hidden.append(Hidden(threshold.id, "NOT_IN_VIEW"))
            continue
        seen = False
        for signal in _signals(threshold.id, body, prepared, side, view, inside, still, scale):
            if inside.any() and np.isfinite(signal.values[inside]).mean() >= NEEDED_SHARE:
                seen = True
                events.extend(_events(threshold, signal, prepared, inside, trust))
        if not seen:
            hidden.append(Hidden(threshold.id, "LANDMARKS_MISSING"))
    return Compensations(tuple(sorted(events, key=lambda event: (event.onset_s, event.id))), tuple(hidden))


def _signals(
    id: str,
    body: Planar,
    prepared: Prepared,
    side: str,
    view: ViewReading,
    inside: NDArray[np.bool_],
    still: NDArray[np.bool_],
    scale: Scale,
) -> Iterator[_Signal]:
    lifted = OTHER[side]
    right, left = ("right", "left") if view.frontal else ("", "")

    def about_rest(values: Floats) -> Floats:
        chosen = values[still]
        chosen = chosen[np.isfinite(chosen)]
        return values - np.median(chosen) if len(chosen) else np.full_like(values, np.nan)

    def angle(values: Floats, low: str, high: str, trust: float = 1.0) -> _Signal:
        noise = np.degrees(body.tilt_error(low, high, inside))
        return _Signal(np.degrees(values), (low, high), right, left, float(noise), trust)

    def limb(name: str) -> _Signal:
        rise = about_rest(body.point(f"{side}_{name}")[:, 1]) / scale.leg_px
        noise = body.error(f"{side}_{name}", inside) / scale.leg_px
        return _Signal(np.maximum(rise, 0), (f"{side}_{name}",), side, side, noise)

    if id == "arm_excursion":
        for arm in RIGHT:
            yield _arm(body, arm, inside, still, scale)
    elif id == "trunk_lean":
        yield angle(body.tilt("mid_hip", "mid_shoulder"), "mid_hip", "mid_shoulder")
    elif id == "trunk_pitch":
        yield angle(about_rest(body.tilt("mid_hip", "mid_shoulder")), "mid_hip", "mid_shoulder")
    elif id == "pelvic_drop":
        line = body.point(f"{side}_hip") - body.point(f"{lifted}_hip")
        drop = np.degrees(np.arctan2(line[:, 1], np.abs(line[:, 0])))
        noise = np.degrees(body.tilt_error("left_hip", "right_hip", inside))
        yield _Signal(np.maximum(drop, 0), ("left_hip", "right_hip"), lifted, lifted, float(noise))
    elif id == "lifted_leg_swing":
        # A thigh that points at the camera has no angle in its plane.
        thigh_px = body.length(f"{lifted}_knee", f"{lifted}_hip")
        tilt = body.tilt(f"{lifted}_knee", f"{lifted}_hip")
        tilt = np.where(thigh_px > SHORTENED * scale.leg_px / 2, tilt, np.nan)
        thigh = (about_rest(np.degrees(tilt)) + 180) % 360 - 180
        noise = np.degrees(body.tilt_error(f"{lifted}_knee", f"{lifted}_hip", inside))
        yield _Signal(thigh, (f"{lifted}_knee", f"{lifted}_hip"), lifted, lifted, float(noise))
    elif id in ("heel_lift", "forefoot_lift"):
        yield limb("heel" if id == "heel_lift" else "foot_index")
    elif id == "trunk_rotation" and prepared.world_m is not None:
        turned = _turn(prepared, "shoulder") - _turn(prepared, "hip")
        values = about_rest(np.degrees(np.angle(np.exp(1j * turned))))
        points = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
        yield _Signal(values, points, "left", "right", 0.0, DEPTH_TRUST)
    elif id == "head_tilt":
        ears = body.point("right_ear") - body.point("left_ear")
        ear_tilt = about_rest(np.degrees(np.arctan2(-ears[:, 1], np.abs(ears[:, 0]))))
        noise = np.degrees(body.tilt_error("left_ear", "right_ear", inside))
        yield _Signal(ear_tilt, ("left_ear", "right_ear"), "right", "left", float(noise))
    elif id == "stance_knee_flexion":
        thigh, shank = body.tilt(f"{side}_knee", f"{side}_hip"), body.tilt(f"{side}_ankle", f"{side}_knee")
        flexion = about_rest(np.degrees(shank - thigh))
        noise = np.degrees(body.tilt_error(f"{side}_ankle", f"{side}_knee", inside)) * np.sqrt(2)
        yield _Signal(np.maximum(flexion, 0), (f"{side}_knee", f"{side}_ankle"), side, side, float(noise))


def _arm(
    body: Planar, arm: str, inside: NDArray[np.bool_], still: NDArray[np.bool_], scale: Scale
) -> _Signal:
    """How far the hand is from its place in the trunk's own axes, in leg lengths."""
    trunk = body.tilt("mid_hip", "mid_shoulder")
    hand = body.point(f"{arm}_wrist") - body.point("mid_shoulder")
    cos, sin = np.cos(trunk), np.sin(trunk)
    own = np.stack([hand[:, 0] * cos - hand[:, 1] * sin, hand[:, 0] * sin + hand[:, 1] * cos], axis=1)
    rest = own[still]
    rest = rest[np.isfinite(rest).all(axis=1)]
    place = np.median(rest, axis=0) if len(rest) else np.full(2, np.nan)
    away = np.linalg.norm(own - place, axis=1) / scale.leg_px
    return _Signal(away, (f"{arm}_wrist",), arm, arm, body.error(f"{arm}_wrist", inside) / scale.leg_px)


def _turn(prepared: Prepared, name: str) -> Floats:
    """Direction of the line from left to right, seen from above, [M] rad; grows as the subject turns left."""
    world = np.asarray(prepared.world_m)
    across = world[:, INDEX[f"right_{name}"]] - world[:, INDEX[f"left_{name}"]]
    return np.asarray(np.arctan2(across[:, 2], across[:, 0]))


def _events(
    threshold: Threshold,
    signal: _Signal,
    prepared: Prepared,
    inside: NDArray[np.bool_],
    trust: float,
) -> Iterator[Compensation]:
    shortest = max(1, round(threshold.min_s * prepared.fs_hz))
    for sense, side in ((1.0, signal.positive), (-1.0, signal.negative)):
        values = np.where(inside, sense * signal.values, np.nan)
        for span in spans(values, threshold.on, threshold.off, shortest):
            part = slice(span.first, span.last + 1)
            peak = float(values[part].max())
            visibility = float(prepared.visibility[part][:, _columns(signal.points)].mean())
            size = 0.5 + 0.5 * min(1.0, (peak - threshold.on) / (threshold.certain - threshold.on))
            clear = min(1.0, peak / (NOISE_TIMES * signal.noise)) if signal.noise > 0 else 1.0
            yield Compensation(
                id=threshold.id,
                onset_s=float(prepared.time_s[0] + span.onset / prepared.fs_hz),
                duration_s=span.samples / prepared.fs_hz,
                peak=peak if side else sense * peak,
                unit=threshold.unit,
                side=side,
                confidence=float(np.clip(visibility * size * clear * signal.trust * trust, 0, 1)),
            )


def _columns(points: tuple[str, ...]) -> list[int]:
    names: list[str] = []
    for point in points:
        names += [f"{side}_{point[4:]}" for side in RIGHT] if point.startswith("mid_") else [point]
    return [INDEX[name] for name in names]
