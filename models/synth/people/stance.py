"""A specification of a standing trial (`models.synth.standing`) made into postures of a body.

The standing foot stays where it is; leg and trunk turn as rigid links by the specification's angles, so that
the motion is the double pendulum's; happenings move the parts they name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX
from models.synth.people import asset
from models.synth.people.body import Body, Posed, skin
from models.synth.people.posture import AHEAD, RIGHT, SIDES, UP, Posture, bones, frame, rotation
from models.synth.standing import StandingSpec
from models.synth.standing.motion import amount, angles, lift, weight_shift
from models.synth.standing.skeleton import LIFTED
from models.synth.standing.spec import KINDS
from svc_balance.sway.posture.body import landmark_weights

Floats = NDArray[np.float64]

# Where the centre of mass is held over the foot, from heel to toe: a little ahead of the ankle.
OVER_FOOT = 0.45
# Share of leaning and bending of the trunk that the pelvis joins in.
PELVIS = 0.3
# Where a hand rests on the hip: out, ahead and up from the hip joint, as shares of stature.
_ON_HIP = np.array([0.055, 0.03, 0.075])
_STRAIGHT_BY_DEG = 30.0


@dataclass(frozen=True)
class Stance:
    """One body doing one trial; [N] frames at time_s."""

    spec: StandingSpec
    shape: Body
    time_s: Floats

    def posed(self, row: int, *, surface: bool = True) -> Posed:
        """The body in one frame, its standing foot in place."""
        return self._placed(row, self._lean, surface=surface)

    @cached_property
    def _amounts(self) -> dict[str, Floats]:
        spec, time_s = self.spec, self.time_s
        whole = [kind for kind in KINDS if kind not in ("touchdown", "hands_off")]
        out = {kind: amount(spec, time_s, kind) for kind in whole}
        out |= {f"hands_off_{side}": amount(spec, time_s, "hands_off", side) for side in SIDES}
        leg, trunk = angles(spec, time_s)
        out |= {"leg_ml": leg[:, 0], "leg_ap": leg[:, 1], "trunk_ml": trunk[:, 0], "trunk_ap": trunk[:, 1]}
        return out | {"lift": lift(spec, time_s), "shift": weight_shift(spec, time_s)}

    @cached_property
    def _lean(self) -> Floats:
        """Standing lean of the leg (ml, ap), rad, that puts the centre of mass over the foot on one leg."""
        weights = landmark_weights(self.shape.sex)
        side = self.spec.stance_side
        still = dict.fromkeys(self._amounts, 0.0) | {"lift": 1.0, "shift": 1.0}
        lean = np.zeros(2)
        for _ in range(4):
            points = self._with(still, lean, surface=False).points
            centre = weights @ points
            heel, toe = points[INDEX[f"{side}_heel"]], points[INDEX[f"{side}_foot_index"]]
            goal = heel + OVER_FOOT * (toe - heel)
            lean = lean + (goal - centre)[:2] / centre[2]
        return lean

    def _placed(self, row: int, lean: Floats, *, surface: bool) -> Posed:
        return self._with(
            {name: float(held[row]) for name, held in self._amounts.items()}, lean, surface=surface
        )

    def _with(self, now: dict[str, float], lean: Floats, *, surface: bool) -> Posed:
        posture = self._posture(now, lean)
        turns, places = bones(self.shape, posture)
        heel_up, toe_up = now["heel_lift"], now["forefoot_lift"]
        foot = posture.turn(f"{self.spec.stance_side}_foot")
        return skin(
            self.shape, turns, places + self._root(places, foot, heel_up, toe_up, now), surface=surface
        )

    def _root(
        self, places: Floats, foot: Floats, heel_up: float, toe_up: float, now: dict[str, float]
    ) -> Floats:
        """The move that brings the standing ankle to where the foot has it."""
        side, bone = self.spec.stance_side, _bone(f"foot_{self.spec.stance_side[0]}")
        sign = -1.0 if side == "left" else 1.0
        at_rest = self.shape.heads[bone]
        ankle = np.array([sign * abs(self.shape.points[INDEX[f"{side}_hip"], 0]), 0.0, at_rest[2]])
        if heel_up or toe_up:
            pivot = self.shape.points[INDEX[f"{side}_foot_index" if heel_up else f"{side}_heel"]] - at_rest
            ankle = ankle + pivot - foot @ pivot
        ankle += [now["stance_foot_moved"], 0.0, now["hop"]]
        return np.asarray(ankle - places[bone])

    def _posture(self, now: dict[str, float], lean: Floats) -> Posture:
        side = self.spec.stance_side
        toward = 1.0 if side == "right" else -1.0
        turns: dict[str, Floats] = {}
        sway = _tilted(now["trunk_ml"], now["trunk_ap"])
        bend = rotation(AHEAD, toward * now["trunk_lean"]) @ rotation(RIGHT, -now["trunk_forward"])
        part = rotation(AHEAD, toward * now["trunk_lean"] * PELVIS) @ rotation(
            RIGHT, -now["trunk_forward"] * PELVIS
        )
        turns["pelvis"] = rotation(AHEAD, -toward * now["pelvic_drop"]) @ sway @ part
        turns["chest"] = sway @ bend @ rotation(UP, now["trunk_rotation"])
        turns["head"] = sway @ bend @ rotation(AHEAD, toward * now["head_tilt"])
        leg = _tilted(now["leg_ml"] + lean[0] * now["shift"], now["leg_ap"] + lean[1])
        self._standing_leg(now, leg, toward, turns)
        self._other_leg(now, leg, toward, turns)
        for arm in SIDES:
            self._arm(arm, now[f"hands_off_{arm}"], turns)
        return Posture(turns)

    def _standing_leg(
        self, now: dict[str, float], leg: Floats, toward: float, turns: dict[str, Floats]
    ) -> None:
        side = self.spec.stance_side
        thigh, shank = self._lengths(side)
        flexion = np.radians(now["knee_flexion"])
        chord = np.sqrt(thigh**2 + shank**2 + 2 * thigh * shank * np.cos(flexion))
        below = np.degrees(np.arccos(np.clip((shank**2 + chord**2 - thigh**2) / (2 * shank * chord), -1, 1)))
        inward = -toward * now["knee_valgus"]
        low, high = (np.degrees(inward / shank), np.degrees(-inward / thigh))
        turns[f"{side}_shank"] = rotation(AHEAD, low) @ leg @ rotation(RIGHT, -float(below))
        above = now["knee_flexion"] - float(below)
        turns[f"{side}_thigh"] = rotation(AHEAD, high) @ leg @ rotation(RIGHT, above)
        length = float(np.linalg.norm(self._point(f"{side}_foot_index") - self._point(f"{side}_heel")))
        pitch = np.degrees(np.arcsin(np.clip((now["forefoot_lift"] - now["heel_lift"]) / length, -0.9, 0.9)))
        turns[f"{side}_foot"] = rotation(RIGHT, float(pitch))

    def _other_leg(self, now: dict[str, float], leg: Floats, toward: float, turns: dict[str, Floats]) -> None:
        side = "left" if self.spec.stance_side == "right" else "right"
        abduction, flexion, knee = (angle * now["lift"] for angle in LIFTED)
        abduction += now["hip_abduction"]
        flexion += now["lifted_leg_swing"]
        # Outwards is away from the standing side; a thigh turned about AHEAD by + goes to the left.
        thigh = leg @ rotation(AHEAD, toward * abduction) @ rotation(RIGHT, flexion)
        turns[f"{side}_thigh"] = thigh
        turns[f"{side}_shank"] = thigh @ rotation(RIGHT, -knee)
        turns[f"{side}_foot"] = rotation(RIGHT, now["lift"] * (flexion - knee) / 2)

    def _arm(self, side: str, raised: float, turns: dict[str, Floats]) -> None:
        sign, chest = (-1.0 if side == "left" else 1.0), turns["chest"]
        upper, elbow = self._rest_arm(side)
        straight = 1 - min(raised / _STRAIGHT_BY_DEG, 1.0)
        turns[f"{side}_upper_arm"] = chest @ rotation(AHEAD, -sign * raised) @ upper
        turns[f"{side}_forearm"] = turns[f"{side}_upper_arm"] @ rotation(RIGHT, elbow * max(straight, 0.1))

    def _rest_arm(self, side: str) -> tuple[Floats, float]:
        """Upper arm from the chest, and the elbow's bend in degrees: hanging, or the hand on the hip."""
        sign = -1.0 if side == "left" else 1.0
        if self.spec.arms != "hips":
            return rotation(AHEAD, -sign * 9.0), 12.0
        shoulder, elbow = self._point(f"{side}_shoulder"), self._point(f"{side}_elbow")
        upper = float(np.linalg.norm(elbow - shoulder))
        lower = float(np.linalg.norm(self._point(f"{side}_wrist") - elbow))
        hand = self._point(f"{side}_hip") + _ON_HIP * [sign, 1, 1] * self.shape.stature_mm
        way = hand - shoulder
        reach = min(float(np.linalg.norm(way)), upper + lower - 1)
        way = way / np.linalg.norm(way)
        along = (upper**2 + reach**2 - lower**2) / (2 * reach)
        out = np.array([sign, -0.5, 0.0])
        out = out - (out @ way) * way
        bend = shoulder + along * way + np.sqrt(max(upper**2 - along**2, 0.0)) * out / np.linalg.norm(out)
        first, second = bend - shoulder, hand - bend
        cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
        return frame(first, second), float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

    def _lengths(self, side: str) -> tuple[float, float]:
        hip, knee, ankle = (self._point(f"{side}_{joint}") for joint in ("hip", "knee", "ankle"))
        return float(np.linalg.norm(hip - knee)), float(np.linalg.norm(knee - ankle))

    def _point(self, name: str) -> Floats:
        return np.asarray(self.shape.points[INDEX[name]])


def _tilted(right_rad: float, forward_rad: float) -> Floats:
    """The rotation whose upward axis makes these angles with the vertical in both planes."""
    up = np.array([np.tan(right_rad), np.tan(forward_rad), 1.0])
    return frame(-up, AHEAD)


def _bone(name: str) -> int:
    return int(np.flatnonzero(asset.load()["bones"] == name)[0])
