"""The event rules as data: what counts as an event, from which threshold, for how long.

Lengths are shares of the leg length L (hip to ankle in the picture), times are seconds. Every rule has two
thresholds, so that a signal that trembles around one of them does not make many events: an event begins at
`on` and ends at `off`. All thresholds are proposals (domain review 2026-11, section 2.6), versioned together.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Literal

Kind = Literal["start", "failure", "error"]
NAME, VERSION = "rules", "1.0.0"


@dataclass(frozen=True)
class Rule:
    """One event: it begins where the signal passes `on` and ends where it comes back past `off`.

    The event lies above the thresholds when on > off, below them when on < off. min_s: shortest event, s.
    signal: what is compared, for people.
    """

    id: str
    kind: Kind
    signal: str
    unit: str
    on: float
    off: float
    min_s: float

    def __post_init__(self) -> None:
        if not self.id.replace("_", "").isalnum() or self.id != self.id.lower():
            raise ValueError(f"{self.id}: an id is lower case letters, digits and _")
        if self.unit not in ("L", "deg", "s") or min(self.on, self.off) < 0 or not 0 < self.min_s <= 10:
            raise ValueError(f"{self.id}: unit L, deg or s; thresholds >= 0; 0 < min_s <= 10")

    @property
    def above(self) -> bool:
        """Whether the event lies above its thresholds."""
        return self.on >= self.off


@dataclass(frozen=True)
class Rules:
    """The whole set, in force together. Lengths in leg lengths, speeds in leg lengths per second."""

    foot_up: Rule
    touchdown: Rule
    leg_touch: Rule
    stance_foot_moved: Rule
    hop: Rule
    hands_off: Rule
    hip_abd30: Rule
    heel_lift: Rule
    forefoot_lift: Rule
    out_of_position: Rule
    moving: float = 1.0
    """A foot faster than this is off the floor; a foot that carries weight is slower."""
    resting: float = 0.6
    """A moving foot rests once it is slower than this."""
    swing: float = 0.15
    """A movement that carries a foot farther than this is a swing, however low it is."""
    ambiguous: float = 0.45
    """A foot this much higher in the picture may also stand farther from the camera."""
    settled_s: float = 1.0
    """A still foot higher in the picture counts as held up from the recording's start after this long."""
    merge_s: float = 0.3
    """Errors that overlap or start within this time of each other are one."""
    bess_max: int = 10
    """Most errors of one BESS condition; also the score when the position is held too briefly."""
    bess_hold_s: float = 5.0
    """Shortest time for which a BESS position has to be held at a stretch."""

    def events(self) -> tuple[Rule, ...]:
        """The rules that make events, in the order of the fields."""
        return tuple(rule for f in fields(self) if isinstance(rule := getattr(self, f.name), Rule))

    def sha256(self) -> str:
        """Hash of the thresholds, so that a page says exactly which ones made it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


# An event that no rule can see: the 33 points hold the corners of the eyes, not the lids.
NOT_OBSERVABLE = ("eyes_open",)

RULES = Rules(
    foot_up=Rule("foot_up", "start", "lowest point of a foot above the other's", "L", 0.06, 0.02, 0.25),
    touchdown=Rule("touchdown", "failure", "lowest point of the lifted foot", "L", 0.02, 0.06, 0.10),
    leg_touch=Rule("leg_touch", "error", "lifted ankle to the stance shank", "L", 0.04, 0.06, 0.30),
    stance_foot_moved=Rule("stance_foot_moved", "failure", "mid-foot from its place", "L", 0.05, 0.03, 0.15),
    hop=Rule("hop", "failure", "stance heel and toe above their place", "L", 0.03, 0.01, 0.07),
    hands_off=Rule("hands_off", "error", "hand farther from where it is to be", "L", 0.12, 0.08, 0.20),
    hip_abd30=Rule("hip_abd30", "error", "lifted thigh from the pelvis normal", "deg", 30.0, 27.0, 0.10),
    heel_lift=Rule("heel_lift", "error", "stance heel above its place", "L", 0.03, 0.02, 0.15),
    forefoot_lift=Rule("forefoot_lift", "error", "stance toe above its place", "L", 0.03, 0.02, 0.15),
    out_of_position=Rule("out_of_position", "error", "time out of position", "s", 5.0, 5.0, 5.0),
)
