"""The clips that pose estimators are tried on: who stands how, seen from where, swaying by which mixture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.synth.people import ClipSpec
from models.synth.people.pendulum import modes, pendulum
from models.synth.standing import Happening, StandingSpec

FPS = 24.0
DURATION_S, FOOT_UP_S, HANDS_S, END_S = 7.4, 1.2, 5.3, 6.8
HANDS_LAST_S, HANDS_DEG = 0.9, 50.0
EVENT_TIMES_S = {"foot_up": FOOT_UP_S, "hands_off": HANDS_S, "touchdown": END_S}
"""Events of every clip by their rules' names: onset of the ramp; of the touchdown, when the foot is down."""
QUIET_S = (2.0, 5.2)
"""Nothing but sway between these times."""
SWAY_MM = 7.0
SEED = 100
WIDTH, HEIGHT = 432, 768
# View, turn of the camera from it (deg), share of the leg's variance in the hip mode.
SHOTS = (
    ("front", 0.0, 0.0),
    ("back", 0.0, 0.15),
    ("left", 0.0, 0.5),
    ("right", 0.0, 0.85),
    ("front", 4.0, 0.85),
    ("back", -5.0, 0.5),
    ("left", 6.0, 0.15),
    ("right", -4.0, 0.0),
)


@dataclass(frozen=True)
class Case:
    """name: of the clip. view: "front", "back" or "side". hip_share: of the leg's variance."""

    name: str
    view: str
    hip_share: float
    spec: ClipSpec


def cases(count: int = len(SHOTS), first: int = 0) -> list[Case]:
    """Clips `first`, `first + 1`...; another body, room and sway in each, the shots over and over."""
    return [_case(number, SEED + number) for number in range(first, first + count)]


def _case(number: int, seed: int) -> Case:
    view, turn, hip_share = SHOTS[number % len(SHOTS)]
    rng = np.random.default_rng(seed)
    sex = ("female", "male")[(number + number // len(SHOTS)) % 2]
    stature = float(rng.normal(1630 if sex == "female" else 1750, 60))
    own = pendulum(stature, sex)
    # A standing leg towards the camera: the lifted one behind it would be seen through nothing.
    stance = {"left": "left", "right": "right"}.get(view, ("left", "right")[number // 2 % 2])
    standing = StandingSpec(
        duration_s=DURATION_S,
        fps=FPS,
        height_mm=stature,
        sex=sex,
        view=view,
        azimuth_deg=turn,
        roll_deg=float(rng.normal(0, 0.7)),
        stance_side=stance,
        foot_up_s=FOOT_UP_S,
        end_s=END_S,
        arms="hips",
        modes=(*modes(rng, own, "ml", SWAY_MM, hip_share), *modes(rng, own, "ap", SWAY_MM, hip_share)),
        happenings=(Happening("hands_off", HANDS_S, HANDS_LAST_S, HANDS_DEG),),
        width=WIDTH,
        height=HEIGHT,
    )
    spec = ClipSpec(
        standing,
        seed=seed,
        distance_mm=float(rng.uniform(2600, 4200)),
        height_mm=float(rng.uniform(800, 1300)),
    )
    side = view in ("left", "right")
    return Case(f"{seed}-{view}-{hip_share:g}", "side" if side else view, hip_share, spec)
