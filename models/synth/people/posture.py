"""Postures: how the parts of a body are turned, and what that does to its bones.

Every part has one rotation from the neutral posture (upright, arms hanging with the palms inwards, feet
forward) in world axes: x to the subject's right, y forward, z up. Spine, collar bones, neck and fingers
follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.synth.people import asset
from models.synth.people.body import Body

Floats = NDArray[np.float64]

DOWN, AHEAD, RIGHT, UP = (
    np.array(v) for v in ([0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
)
SIDES = ("left", "right")
LIMBS = ("upper_arm", "forearm", "hand", "thigh", "shank", "foot")
PARTS = ("pelvis", "chest", "head", *(f"{side}_{limb}" for side in SIDES for limb in LIMBS))
_BONES = {"upper_arm": "upperarm", "forearm": "lowerarm", "hand": "hand", "thigh": "thigh", "shank": "calf"}
_ENDS = {"upper_arm": "lowerarm", "forearm": "hand", "hand": "middle_01", "thigh": "calf", "shank": "foot"}
# Shares of the way from pelvis to chest.
_SPINE = {"spine_01": 0.35, "spine_02": 0.7, "spine_03": 1.0}
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_COLLAR = 0.3
"""Share of an arm's elevation beyond 30 deg that the collar bone follows (Inman 1944)."""


@dataclass(frozen=True)
class Posture:
    """turns: part -> [3, 3] rotation from neutral; a part not named goes with the one it hangs on (the
    foot stays level). curl_deg: of each finger joint."""

    turns: Mapping[str, Floats] = field(default_factory=dict)
    curl_deg: float = 18.0

    def turn(self, part: str) -> Floats:
        """Rotation of a part, its own or inherited."""
        if part in self.turns:
            return self.turns[part]
        return np.eye(3) if part == "pelvis" else self.turn(_parent(part))


def rotation(axis: Floats, degrees: float) -> Floats:
    """Rotation [3, 3] about a unit axis (Rodrigues), right-handed."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def frame(along: Floats, ahead: Floats) -> Floats:
    """Rotation [3, 3] that turns straight down into `along` and forward as near to `ahead` as it can."""
    down = along / np.linalg.norm(along)
    forward = ahead - (ahead @ down) * down
    forward = forward / np.linalg.norm(forward)
    return np.stack([np.cross(forward, -down), forward, -down], axis=1)


def between(first: Floats, second: Floats, share: float) -> Floats:
    """The rotation a share of the way from the first to the second."""
    way = first.T @ second
    angle = np.arccos(np.clip((np.trace(way) - 1) / 2, -1, 1))
    if angle < 1e-9:
        return first
    axis = np.array([way[2, 1] - way[1, 2], way[0, 2] - way[2, 0], way[1, 0] - way[0, 1]])
    length = float(np.linalg.norm(axis))
    if length < 1e-9:
        return second if share > 0.5 else first
    return first @ rotation(axis / length, float(np.degrees(angle)) * share)


def bones(shape: Body, posture: Posture) -> tuple[Floats, Floats]:
    """Rotations [B, 3, 3] from rest and heads [B, 3] of the bones, the pelvis' head at its place at rest."""
    names, parents = _rig()
    turns = np.empty((len(names), 3, 3))
    for row, (name, neutral) in enumerate(zip(names, _to_neutral(shape), strict=True)):
        turns[row] = _turn_of(name, posture) @ neutral
    places = np.empty((len(names), 3))
    for row, parent in enumerate(parents):
        if parent < 0:
            places[row] = shape.heads[row]
        else:
            places[row] = places[parent] + turns[parent] @ (shape.heads[row] - shape.heads[parent])
    return turns, places


@cache
def _rig() -> tuple[list[str], list[int]]:
    held = asset.load()
    return [str(name) for name in held["bones"]], held["parents"].tolist()


def _parent(part: str) -> str:
    side, _, limb = part.partition("_")
    above = {"upper_arm": "chest", "thigh": "pelvis", "forearm": "upper_arm", "hand": "forearm"}
    above |= {"shank": "thigh", "foot": "shank"}
    if limb in above:
        return above[limb] if above[limb] in ("chest", "pelvis") else f"{side}_{above[limb]}"
    return "chest" if part == "head" else "pelvis"


def _turn_of(bone: str, posture: Posture) -> Floats:
    """Rotation of a bone from neutral."""
    if bone in _SPINE:
        return between(posture.turn("pelvis"), posture.turn("chest"), _SPINE[bone])
    if bone == "neck_01":
        return between(posture.turn("chest"), posture.turn("head"), 0.5)
    if bone in ("pelvis", "head"):
        return posture.turn(bone)
    part, letter = bone[:-2], bone[-1]
    side = "left" if letter == "l" else "right"
    if part == "clavicle":
        return _collar(posture, side)
    if part == "ball":
        return posture.turn(f"{side}_foot")
    for limb, own in (*_BONES.items(), ("foot", "foot")):
        if own == part:
            return posture.turn(f"{side}_{limb}")
    return _finger(posture, side, part)


def _collar(posture: Posture, side: str) -> Floats:
    """The collar bone follows what the arm is raised beyond 30 deg."""
    chest, arm = posture.turn("chest"), posture.turn(f"{side}_upper_arm")
    way = chest.T @ arm @ DOWN
    raised = float(np.degrees(np.arccos(np.clip(-way[2], -1, 1))))
    if raised < 30:
        return chest
    axis = np.cross(DOWN, way)
    length = float(np.linalg.norm(axis))
    if length < 1e-6:
        return chest
    return chest @ rotation(axis / length, _COLLAR * min(raised - 30, 100))


def _finger(posture: Posture, side: str, bone: str) -> Floats:
    """Fingers curl towards the palm, which faces the thigh in the neutral posture."""
    finger, _, joint = bone.partition("_")
    hand = posture.turn(f"{side}_hand")
    inward = 1.0 if side == "left" else -1.0
    share = 0.4 if finger == "thumb" else 1.0
    return hand @ rotation(AHEAD, -inward * share * posture.curl_deg * int(joint))


def _to_neutral(shape: Body) -> Floats:
    """Rotations [B, 3, 3] of the bones from the rest shape to the neutral posture."""
    names, _ = _rig()
    out = np.tile(np.eye(3), (len(names), 1, 1))
    at = {name: shape.heads[row] for row, name in enumerate(names)}
    for letter in "lr":
        for limb, bone in _BONES.items():
            along = at[f"{_ENDS[limb]}_{letter}"] - at[f"{bone}_{letter}"]
            out[names.index(f"{bone}_{letter}")] = frame(along, _rest_ahead(limb, at, letter)).T
        hand = out[names.index(f"hand_{letter}")]
        for finger in _FINGERS:
            for joint in ("01", "02", "03"):
                out[names.index(f"{finger}_{joint}_{letter}")] = hand
    return out


def _rest_ahead(limb: str, at: Mapping[str, Floats], letter: str) -> Floats:
    """What points forward in the neutral posture: kneecaps, the bend of the elbow, thumb side of the hand."""
    if limb in ("thigh", "shank"):
        return AHEAD
    if limb == "hand":
        return np.asarray(at[f"index_01_{letter}"] - at[f"pinky_01_{letter}"])
    upper = at[f"lowerarm_{letter}"] - at[f"upperarm_{letter}"]
    lower = at[f"hand_{letter}"] - at[f"lowerarm_{letter}"]
    if limb == "upper_arm":
        return np.asarray(lower - (lower @ upper) / (upper @ upper) * upper)
    wrist = at[f"index_01_{letter}"] - at[f"pinky_01_{letter}"]
    return np.asarray(wrist / np.linalg.norm(wrist) + AHEAD)
