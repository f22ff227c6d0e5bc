"""Millimetres per pixel of the subject's plane: one value for a trial, with its interval and method."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from assay.balance.v1.balance_pb2 import BalanceTrial
from numpy.typing import NDArray

from mesh.landmarks import INDEX
from svc_balance.sway.posture.reading import Reading, measured, unmeasured
from svc_balance.sway.posture.series import Prepared

Floats = NDArray[np.float64]

VERSION = "scale@1"
# Hip to ankle along thigh and shank, and shoulder to ankle, as shares of height (Drillis & Contini 1966 in
# Winter, Biomechanics and Motor Control of Human Movement).
LEG_SHARE, SHOULDER_ANKLE_SHARE = 0.491, 0.779
# Leg length is taken from the anterior superior iliac spine to the medial malleolus, about 0.523 of height;
# the landmarks' chain from hip to ankle is this share of it. A proposal: 0.491 / 0.523.
CHAIN_OF_LEG_LENGTH = 0.94
# Relative standard uncertainties; proposals but for the self-reported height (1-2 %).
STATED_HEIGHT, MEASURED_LEG, PROPORTIONS, PLACEMENT, WORLD = 0.015, 0.011, 0.025, 0.03, 0.10
# Flags.
MOST_DRIFT, MOST_DISAGREEMENT = 0.03, 0.10
# Positions of one second are one independent look at a length.
LOOK_S = 1.0


@dataclass(frozen=True)
class Scale:
    """The scale of a trial; constant, for a scale per frame would turn its own noise into sway.

    mm_per_px: reading with 95 % interval; SCALE_UNKNOWN or LANDMARKS_MISSING otherwise. method: "leg_length",
    "height", "world" or "". percent_height_per_px: % of body height for a pixel; needs no stated height.
    height_mm: as stated, or None. leg_px: length of the leg's chain in the window. shoulder_ratio: scale from
    shoulder to ankle over the one from the leg, about 1. drift: relative change of the body's size over the
    window, signed. All three are NaN when unknown. flags: codes SCALE_DRIFT, SCALE_DISAGREES,
    SCALE_APPROXIMATE.
    """

    mm_per_px: Reading
    method: str
    percent_height_per_px: Reading
    height_mm: float | None
    leg_px: float
    shoulder_ratio: float
    drift: float
    flags: tuple[str, ...]


def pixel_scale(prepared: Prepared, trial: BalanceTrial, side: str, window: tuple[float, float]) -> Scale:
    """Robust scale over a still window: stated leg length, else height, else world landmarks, else none.

    side: standing leg, "left" or "right"; "" takes the longer of both. window: start and end, s.
    """
    inside = prepared.between(*window)
    sides = (side,) if side else ("left", "right")
    chains = {each: leg_chain_px(prepared, each)[inside] for each in sides}
    medians = {each: _median(chain) for each, chain in chains.items()}
    chosen = max(medians, key=lambda each: np.nan_to_num(medians[each]))
    leg_px = medians[chosen] if medians[chosen] > 0 else float("nan")
    looks = max(1.0, (window[1] - window[0]) / LOOK_S)
    spread = _relative_spread(chains[chosen]) / math.sqrt(looks)
    height_mm = trial.height_cm * 10 if trial.HasField("height_cm") else None
    if trial.HasField("leg_length_cm"):
        length_mm, method = trial.leg_length_cm * 10 * CHAIN_OF_LEG_LENGTH, "leg_length"
        parts: tuple[float, ...] = (MEASURED_LEG, PROPORTIONS, PLACEMENT, spread)
    elif height_mm is not None:
        length_mm, method = LEG_SHARE * height_mm, "height"
        parts = (STATED_HEIGHT, PROPORTIONS, PLACEMENT, spread)
    else:
        length_mm, method = _world_leg_mm(prepared, chosen, inside), "world"
        parts = (WORLD, PLACEMENT, spread)
    mm_per_px = _ratio("mm_per_px", "mm/px", length_mm, leg_px, parts)
    if method == "world" and not math.isfinite(length_mm):
        mm_per_px, method = unmeasured("mm_per_px", "mm/px", "SCALE_UNKNOWN"), ""
    shoulder_ratio = _shoulder_ratio(prepared, chosen, inside, leg_px)
    drift = _drift(prepared, chosen, inside)
    return Scale(
        mm_per_px=mm_per_px,
        method=method if mm_per_px.value is not None else "",
        percent_height_per_px=_ratio(
            "percent_height_per_px", "%/px", 100 * LEG_SHARE, leg_px, (PROPORTIONS, PLACEMENT, spread)
        ),
        height_mm=height_mm,
        leg_px=leg_px,
        shoulder_ratio=shoulder_ratio,
        drift=drift,
        flags=tuple(
            code
            for code, raised in (
                ("SCALE_DRIFT", abs(drift) > MOST_DRIFT),
                ("SCALE_DISAGREES", abs(shoulder_ratio - 1) > MOST_DISAGREEMENT),
                ("SCALE_APPROXIMATE", method == "world"),
            )
            if raised
        ),
    )


def leg_chain_px(prepared: Prepared, side: str) -> Floats:
    """Length of thigh plus shank in the picture, [M] px; NaN where a joint is missing."""
    hip, knee, ankle = (prepared.point(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
    return np.asarray(np.linalg.norm(hip - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1))


def trunk_px(prepared: Prepared) -> Floats:
    """Length from the middle of the shoulders to the middle of the hips in the picture, [M] px."""
    return np.asarray(np.linalg.norm(prepared.middle("shoulder") - prepared.middle("hip"), axis=1))


def _ratio(id: str, unit: str, length: float, px: float, parts: tuple[float, ...]) -> Reading:
    if not (math.isfinite(px) and px > 0):
        return unmeasured(id, unit, "LANDMARKS_MISSING")
    return measured(id, length / px, unit, length / px * math.hypot(*parts))


def _world_leg_mm(prepared: Prepared, side: str, inside: NDArray[np.bool_]) -> float:
    """The same chain in the world landmarks' picture plane, so that foreshortening cancels."""
    if prepared.world_m is None:
        return float("nan")
    flat = prepared.world_m[inside][..., :2]
    hip, knee, ankle = (flat[:, INDEX[f"{side}_{name}"]] for name in ("hip", "knee", "ankle"))
    return 1000 * _median(np.linalg.norm(hip - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1))


def _shoulder_ratio(prepared: Prepared, side: str, inside: NDArray[np.bool_], leg_px: float) -> float:
    to_ankle = np.linalg.norm(prepared.middle("shoulder") - prepared.point(f"{side}_ankle"), axis=1)
    tall_px = _median(to_ankle[inside])
    return (
        (SHOULDER_ANKLE_SHARE / tall_px) / (LEG_SHARE / leg_px)
        if tall_px > 0 and leg_px > 0
        else float("nan")
    )


def _drift(prepared: Prepared, side: str, inside: NDArray[np.bool_]) -> float:
    """Change of leg plus trunk from the first to the last fifth of the window, relative."""
    size = (leg_chain_px(prepared, side) + trunk_px(prepared))[inside]
    size = size[np.isfinite(size)]
    fifth = len(size) // 5
    if fifth < prepared.fs_hz / 3 or not _median(size) > 0:
        return float("nan")
    return (_median(size[-fifth:]) - _median(size[:fifth])) / _median(size)


def _median(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")


def _relative_spread(values: Floats) -> float:
    """Standard error factor of a median: 1.253 robust standard deviations over the median."""
    middle = _median(values)
    return 1.253 * 1.4826 * _median(np.abs(values - middle)) / middle if middle > 0 else 0.0
