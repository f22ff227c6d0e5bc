"""Joints of the generated person in mm: x to the subject's right, y forward, z up.

Segment lengths as shares of body height: Drillis & Contini 1966 in Winter, Biomechanics and Motor Control of
Human Movement; hip width and head are ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, POINTS
from models.synth.standing.motion import amount, angles, lift, smooth_step, weight_shift
from models.synth.standing.spec import StandingSpec

Floats = NDArray[np.float64]

ANKLE, SHANK, THIGH, TRUNK = 0.039, 0.246, 0.245, 0.288
HALF_HIPS, HALF_SHOULDERS, UPPER_ARM, FOREARM, HAND = 0.0525, 0.115, 0.186, 0.146, 0.05
NECK, HALF_EARS = 0.112, 0.04
HEEL_BACK, TOE_AHEAD = 0.04, 0.112
# Upper arm and forearm against straight down, outwards positive, deg.
ARMS = {"hips": (33.0, -64.7), "down": (8.0, 8.0)}
# The hips go this much farther than over the foot, so that the centre of mass ends up over it.
OVER = 1.15
# The lifted leg: abduction, hip flexion and knee flexion, deg.
LIFTED = (4.0, 35.0, 75.0)


def joints(spec: StandingSpec, time_s: Floats) -> tuple[Floats, Floats, Floats]:
    """Joints [N, 33, 3] mm; stance leg and trunk against the vertical, [N, 2] rad (ml, ap)."""
    if spec.stance_side not in ("left", "right"):
        raise ValueError(f"stance_side is {spec.stance_side!r}: say left or right")
    out = np.zeros((len(time_s), POINTS, 3))
    stance, lifted = spec.stance_side, "right" if spec.stance_side == "left" else "left"
    toward = 1.0 if stance == "right" else -1.0
    leg, trunk = angles(spec, time_s)
    leg[:, 0] += toward * np.arcsin(OVER * HALF_HIPS / (SHANK + THIGH)) * weight_shift(spec, time_s)
    trunk[:, 0] += toward * np.radians(amount(spec, time_s, "trunk_lean"))
    trunk[:, 1] += np.radians(amount(spec, time_s, "trunk_forward"))
    _stance_leg(out, spec, time_s, leg, stance, toward)
    drop = np.radians(amount(spec, time_s, "pelvic_drop"))
    across = np.stack([-toward * np.cos(drop), np.zeros_like(drop), -np.sin(drop)], axis=1)
    out[:, INDEX[f"{lifted}_hip"]] = out[:, INDEX[f"{stance}_hip"]] + 2 * HALF_HIPS * across
    _lifted_leg(out, spec, time_s, leg, lifted, -toward)
    _upper_body(out, spec, time_s, trunk, toward)
    out *= spec.height_mm
    out[:, :, 2] += amount(spec, time_s, "hop")[:, None]
    out[:, :, 0] += amount(spec, time_s, "stance_foot_moved")[:, None]
    out[:, INDEX[f"{stance}_heel"], 2] += amount(spec, time_s, "heel_lift")
    out[:, INDEX[f"{stance}_foot_index"], 2] += amount(spec, time_s, "forefoot_lift")
    out[:, INDEX[f"{stance}_knee"], 0] -= toward * amount(spec, time_s, "knee_valgus")
    return out, leg, trunk


def _upward(leg: Floats) -> Floats:
    """Unit vectors [N, 3] whose projections make the angles [N, 2] with the vertical."""
    vector = np.stack([np.tan(leg[:, 0]), np.tan(leg[:, 1]), np.ones(len(leg))], axis=1)
    return np.asarray(vector / np.linalg.norm(vector, axis=1, keepdims=True))


def _stance_leg(
    out: Floats, spec: StandingSpec, time_s: Floats, leg: Floats, side: str, toward: float
) -> None:
    flexion = np.radians(amount(spec, time_s, "knee_flexion"))
    chord = np.sqrt(THIGH**2 + SHANK**2 + 2 * THIGH * SHANK * np.cos(flexion))
    along = (SHANK**2 + chord**2 - THIGH**2) / (2 * chord)
    ahead = np.sqrt(np.maximum(SHANK**2 - along**2, 0))
    up = _upward(leg)
    forward = np.stack([np.zeros(len(up)), up[:, 2], -up[:, 1]], axis=1)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    ankle = np.broadcast_to([toward * HALF_HIPS, 0.0, ANKLE], (len(up), 3))
    out[:, INDEX[f"{side}_ankle"]] = ankle
    out[:, INDEX[f"{side}_knee"]] = ankle + along[:, None] * up + ahead[:, None] * forward
    out[:, INDEX[f"{side}_hip"]] = ankle + chord[:, None] * up
    _foot(out, side, np.zeros(len(up)))


def _lifted_leg(
    out: Floats, spec: StandingSpec, time_s: Floats, leg: Floats, side: str, outward: float
) -> None:
    up = lift(spec, time_s)
    abduction, flexion, knee = (np.radians(share) * up for share in LIFTED)
    abduction = abduction + np.radians(amount(spec, time_s, "hip_abduction"))
    flexion = flexion + np.radians(amount(spec, time_s, "lifted_leg_swing"))
    sideways = np.tan(outward * abduction - leg[:, 0])

    def down(sagittal: Floats) -> Floats:
        vector = np.stack([sideways * np.cos(sagittal), np.sin(sagittal), -np.cos(sagittal)], axis=1)
        return np.asarray(vector / np.linalg.norm(vector, axis=1, keepdims=True))

    hip = out[:, INDEX[f"{side}_hip"]]
    knee_at = hip + THIGH * down(flexion - leg[:, 1])
    out[:, INDEX[f"{side}_knee"]] = knee_at
    out[:, INDEX[f"{side}_ankle"]] = knee_at + SHANK * down(flexion - knee - leg[:, 1])
    _foot(out, side, up * (flexion - knee) / 2)


def _foot(out: Floats, side: str, pitch: Floats) -> None:
    """Heel and toe under the ankle; pitch [N] rad, positive toes up."""
    ankle = out[:, INDEX[f"{side}_ankle"]]
    ahead = np.stack([np.zeros_like(pitch), np.cos(pitch), np.sin(pitch)], axis=1)
    below = ANKLE * np.stack([np.zeros_like(pitch), np.sin(pitch), -np.cos(pitch)], axis=1)
    out[:, INDEX[f"{side}_heel"]] = ankle + below - HEEL_BACK * ahead
    out[:, INDEX[f"{side}_foot_index"]] = ankle + below + TOE_AHEAD * ahead


def _upper_body(out: Floats, spec: StandingSpec, time_s: Floats, trunk: Floats, toward: float) -> None:
    hips = (out[:, INDEX["left_hip"]] + out[:, INDEX["right_hip"]]) / 2
    up = _upward(trunk)
    shoulders = hips + TRUNK * up
    right = _right(up, np.radians(amount(spec, time_s, "trunk_rotation")))
    for side, outward in (("left", -1.0), ("right", 1.0)):
        shoulder = shoulders + outward * HALF_SHOULDERS * right
        out[:, INDEX[f"{side}_shoulder"]] = shoulder
        _arm(out, spec, time_s, side, shoulder, outward * right, up)
    tilt = trunk.copy()
    tilt[:, 0] += toward * np.radians(amount(spec, time_s, "head_tilt"))
    _head(out, shoulders + NECK * up, _upward(tilt))


def _right(up: Floats, rotation: Floats) -> Floats:
    """Unit vectors to the subject's right, square to `up`, turned about it (to the left positive)."""
    level = np.stack([up[:, 2], np.zeros(len(up)), -up[:, 0]], axis=1)
    level /= np.linalg.norm(level, axis=1, keepdims=True)
    ahead = np.cross(up, level)
    return np.asarray(np.cos(rotation)[:, None] * level + np.sin(rotation)[:, None] * ahead)


def _arm(
    out: Floats, spec: StandingSpec, time_s: Floats, side: str, shoulder: Floats, outward: Floats, up: Floats
) -> None:
    upper, lower = (np.radians(angle) for angle in ARMS[spec.arms])
    raised = np.radians(amount(spec, time_s, "hands_off", side))
    straight = smooth_step(raised, 0.0, np.radians(30.0))
    upper_at = upper + raised
    lower_at = lower + (upper_at - lower) * straight

    def along(angle: Floats) -> Floats:
        return np.asarray(np.sin(angle)[:, None] * outward - np.cos(angle)[:, None] * up)

    elbow = shoulder + UPPER_ARM * along(upper_at)
    wrist = elbow + FOREARM * along(lower_at)
    out[:, INDEX[f"{side}_elbow"]] = elbow
    out[:, INDEX[f"{side}_wrist"]] = wrist
    for finger, sideways in (("pinky", -0.01), ("index", 0.01), ("thumb", 0.015)):
        out[:, INDEX[f"{side}_{finger}"]] = wrist + HAND * along(lower_at) + [0.0, sideways, 0.0]


def _head(out: Floats, centre: Floats, up: Floats) -> None:
    right = _right(up, np.zeros(len(up)))
    ahead = np.cross(up, right)
    places = {"nose": (0.0, 0.055, -0.005)}
    for side, outward in (("left", -1.0), ("right", 1.0)):
        places[f"{side}_ear"] = (outward * HALF_EARS, 0.0, 0.0)
        places[f"mouth_{side}"] = (outward * 0.013, 0.045, -0.025)
        for eye, apart in (("eye_inner", 0.01), ("eye", 0.018), ("eye_outer", 0.026)):
            places[f"{side}_{eye}"] = (outward * apart, 0.045, 0.015)
    for name, (sideways, forward, above) in places.items():
        out[:, INDEX[name]] = centre + sideways * right + forward * ahead + above * up
