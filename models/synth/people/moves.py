"""Random postures for training: standing, single-leg stance, walking, squats, bending, arms anywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.synth.people.posture import AHEAD, RIGHT, SIDES, UP, Posture, rotation

Floats = NDArray[np.float64]
Rng = np.random.Generator

KINDS = ("stand", "one_leg", "walk", "squat", "bend", "free")
SHARES = (0.22, 0.34, 0.14, 0.1, 0.06, 0.14)


def sampled(rng: Rng) -> Posture:
    """A posture; half of them are the stances that balance tests are about."""
    kind = str(rng.choice(KINDS, p=SHARES))
    turns: dict[str, Floats] = {}
    _trunk(rng, kind, turns)
    _legs(rng, kind, turns)
    arms = str(rng.choice(["down", "hips", "wide", "crossed", "free"], p=[0.35, 0.2, 0.15, 0.08, 0.22]))
    for side in SIDES:
        _arm(rng, arms if kind != "walk" else "swing", side, turns)
    return Posture(turns, curl_deg=float(rng.uniform(2, 55)))


def _trunk(rng: Rng, kind: str, turns: dict[str, Floats]) -> None:
    forward = {"squat": rng.uniform(10, 50), "bend": rng.uniform(20, 85)}.get(kind, rng.normal(2, 5))
    lean = rng.normal(0, 9 if kind in ("one_leg", "free") else 3)
    tilt = rng.normal(0, 5)
    pelvis = rotation(AHEAD, tilt) @ rotation(RIGHT, -forward * rng.uniform(0.3, 0.8))
    chest = rotation(UP, rng.normal(0, 8)) @ rotation(AHEAD, lean) @ rotation(RIGHT, -forward)
    turns["pelvis"], turns["chest"] = pelvis, chest
    nod, turn = rng.normal(-3, 12), rng.normal(0, 18)
    level = rotation(AHEAD, lean * 0.3) @ rotation(RIGHT, -0.4 * forward)
    turns["head"] = level @ rotation(UP, turn) @ rotation(RIGHT, nod) @ rotation(AHEAD, rng.normal(0, 6))


def _legs(rng: Rng, kind: str, turns: dict[str, Floats]) -> None:
    lifted = SIDES[int(rng.integers(2))]
    bend = rng.uniform(20, 115) if kind == "squat" else 0.0
    stride = rng.uniform(5, 32)
    for side in SIDES:
        sign = -1.0 if side == "left" else 1.0
        open_deg, flexion, knee = rng.normal(2, 3), rng.normal(0, 2), abs(rng.normal(0, 4))
        if kind == "one_leg" and side == lifted:
            flexion, knee, open_deg = rng.uniform(-15, 95), rng.uniform(15, 120), rng.normal(6, 12)
        elif kind == "walk":
            flexion = stride if side == lifted else -stride * 0.8
            knee = rng.uniform(2, 20) if side == lifted else rng.uniform(5, 60)
        elif kind == "squat":
            flexion, knee, open_deg = bend * 0.9, bend * rng.uniform(0.9, 1.1), rng.uniform(2, 25)
        elif kind == "free":
            flexion, knee, open_deg = rng.uniform(-20, 60), rng.uniform(0, 80), rng.uniform(-5, 45)
        turned = rotation(UP, -sign * rng.normal(6, 7))
        thigh = turned @ rotation(AHEAD, -sign * open_deg) @ rotation(RIGHT, flexion)
        turns[f"{side}_thigh"] = thigh
        turns[f"{side}_shank"] = thigh @ rotation(RIGHT, -max(knee, 0.0))
        free = side == lifted and kind in ("one_leg", "walk", "free")
        pitch = (flexion - knee) * 0.6 + rng.normal(0, 12) if free else rng.normal(0, 2)
        turns[f"{side}_foot"] = turned @ rotation(RIGHT, pitch)


def _arm(rng: Rng, kind: str, side: str, turns: dict[str, Floats]) -> None:
    chest, sign = turns["chest"], -1.0 if side == "left" else 1.0
    out, forward, elbow, twist = (
        rng.normal(12, 5),
        rng.normal(3, 8),
        abs(rng.normal(12, 10)),
        rng.normal(0, 15),
    )
    if kind == "hips":
        out, forward, elbow, twist = (
            rng.normal(45, 5),
            rng.normal(-18, 6),
            rng.normal(92, 8),
            rng.normal(72, 8),
        )
    elif kind == "wide":
        out, forward, elbow = rng.uniform(30, 110), rng.normal(5, 15), abs(rng.normal(10, 12))
    elif kind == "crossed":
        out, forward, elbow, twist = (
            rng.normal(14, 4),
            rng.normal(28, 6),
            rng.normal(105, 8),
            rng.normal(55, 8),
        )
    elif kind == "swing":
        forward, elbow = rng.uniform(-35, 40), rng.uniform(5, 70)
    elif kind == "free":
        out, forward = rng.uniform(5, 170), rng.uniform(-40, 120)
        elbow, twist = rng.uniform(0, 140), rng.uniform(-60, 80)
    upper = chest @ rotation(AHEAD, -sign * out) @ rotation(RIGHT, forward) @ rotation(UP, sign * twist)
    turns[f"{side}_upper_arm"] = upper
    lower = upper @ rotation(RIGHT, max(elbow, 0.0))
    turns[f"{side}_forearm"] = lower
    # The palm turns with the forearm (pronation), the wrist bends a little.
    turns[f"{side}_hand"] = (
        lower
        @ rotation(UP, sign * rng.normal(20, 30))
        @ rotation(AHEAD, rng.normal(0, 12))
        @ rotation(RIGHT, rng.normal(0, 15))
    )
