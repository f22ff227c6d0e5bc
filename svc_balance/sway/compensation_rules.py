"""Thresholds of compensations, as data: compensations@1. All are proposals, versioned together.

A signal's event begins above `on` and ends below `off`; lengths are shares of the leg's length in the picture
(L), angles degrees. `certain` is the peak from which its size no longer lowers the confidence. Planes: where
the camera must look across: "ml" front or back, "ap" side.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

VERSION = "compensations@1"


@dataclass(frozen=True)
class Threshold:
    """One compensation. signal: what is compared, for people. views: in which it is seen."""

    id: str
    signal: str
    unit: str
    on: float
    off: float
    certain: float
    min_s: float
    views: tuple[str, ...]


FRONT, BACK, SIDES = ("front",), ("back",), ("left", "right")
THRESHOLDS = (
    Threshold(
        "arm_excursion",
        "hand from its place about the trunk",
        "L",
        0.25,
        0.18,
        0.45,
        0.2,
        (*FRONT, *BACK, *SIDES),
    ),
    Threshold(
        "trunk_lean", "trunk against the vertical, sideways", "deg", 6.0, 4.5, 10.0, 0.2, (*FRONT, *BACK)
    ),
    Threshold("trunk_pitch", "trunk against its place, fore and aft", "deg", 10.0, 7.5, 20.0, 0.2, SIDES),
    Threshold(
        "pelvic_drop", "lifted side's hip below the standing one", "deg", 5.0, 3.5, 9.0, 0.2, (*FRONT, *BACK)
    ),
    Threshold(
        "lifted_leg_swing",
        "lifted thigh from its place, in the picture",
        "deg",
        15.0,
        11.0,
        30.0,
        0.15,
        (*FRONT, *BACK, *SIDES),
    ),
    Threshold("heel_lift", "standing heel above its place", "L", 0.03, 0.02, 0.06, 0.15, (*BACK, *SIDES)),
    Threshold("forefoot_lift", "standing toe above its place", "L", 0.03, 0.02, 0.06, 0.15, (*FRONT, *SIDES)),
    Threshold(
        "trunk_rotation",
        "shoulder line against hip line, seen from above",
        "deg",
        15.0,
        11.0,
        35.0,
        0.2,
        (*FRONT, *BACK),
    ),
    Threshold("head_tilt", "ear line from its place", "deg", 10.0, 7.5, 20.0, 0.2, (*FRONT, *BACK)),
    Threshold(
        "stance_knee_flexion", "standing knee's flexion from its place", "deg", 15.0, 11.0, 30.0, 0.2, SIDES
    ),
)


def sha256() -> str:
    """Hash of the thresholds, so that a page says exactly which ones made it."""
    return hashlib.sha256(
        json.dumps([asdict(each) for each in THRESHOLDS], sort_keys=True).encode()
    ).hexdigest()
