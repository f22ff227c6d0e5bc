"""Thresholds of compensations, as data: compensations@1. All are proposals, versioned together.

A signal's event begins above `on` and ends below `off`; lengths are shares of the leg's length in the picture
(L), angles degrees. `certain` is the peak from which its size no longer lowers the confidence. `views` are
those that show it; an oblique view shows lengths and angles shortened, so peaks there are lower bounds.
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


FRONTAL, SIDES = ("front", "back"), ("left", "right")
ANY = (*FRONTAL, *SIDES, "oblique")
# A heel hides behind its foot from the front, a toe from behind.
HEEL, TOE = ("back", *SIDES, "oblique"), ("front", *SIDES, "oblique")
_ROWS: tuple[tuple[str, str, str, float, float, float, float, tuple[str, ...]], ...] = (
    ("arm_excursion", "hand from its place about the trunk", "L", 0.25, 0.18, 0.45, 0.2, ANY),
    ("trunk_lean", "trunk against the vertical, sideways", "deg", 6.0, 4.5, 10.0, 0.2, FRONTAL),
    ("trunk_pitch", "trunk from its place, fore and aft", "deg", 10.0, 7.5, 20.0, 0.2, SIDES),
    ("pelvic_drop", "lifted side's hip below the standing one", "deg", 5.0, 3.5, 9.0, 0.2, FRONTAL),
    ("lifted_leg_swing", "lifted thigh from its place", "deg", 15.0, 11.0, 30.0, 0.15, ANY),
    ("heel_lift", "standing heel above its place", "L", 0.03, 0.02, 0.06, 0.15, HEEL),
    ("forefoot_lift", "standing toe above its place", "L", 0.03, 0.02, 0.06, 0.15, TOE),
    ("trunk_rotation", "shoulder line against hip line, from above", "deg", 15.0, 11.0, 35.0, 0.2, FRONTAL),
    ("head_tilt", "ear line from its place", "deg", 10.0, 7.5, 20.0, 0.2, FRONTAL),
    ("stance_knee_flexion", "standing knee from its place", "deg", 15.0, 11.0, 30.0, 0.2, SIDES),
)
THRESHOLDS = tuple(Threshold(*row) for row in _ROWS)


def sha256() -> str:
    """Hash of the thresholds, so that a page says exactly which ones made it."""
    return hashlib.sha256(
        json.dumps([asdict(each) for each in THRESHOLDS], sort_keys=True).encode()
    ).hexdigest()
