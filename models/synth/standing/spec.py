"""What to generate, and what is then known to be true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mode:
    """One sinusoidal motion of the double pendulum.

    plane: "ml" or "ap". leg_deg, trunk_deg: amplitudes of leg and trunk against the vertical; signs alike
    mean in phase, opposite mean anti-phase. A trunk that copies the leg is the pure ankle strategy.
    """

    plane: str
    frequency_hz: float
    leg_deg: float
    trunk_deg: float
    phase_rad: float = 0.0


@dataclass(frozen=True)
class Happening:
    """Something the subject does. kind: one of `KINDS`; amount: in the unit that stands there."""

    kind: str
    at_s: float
    duration_s: float
    amount: float
    side: str = ""


# Kind of happening: unit and meaning of its amount. Hands take a side, or both when none is given.
KINDS = {
    "touchdown": "share of the leg's lift given back, 1 for a foot on the floor",
    "hands_off": "deg of further abduction of the arm, its hand off the hip",
    "hop": "mm of rise of the whole body",
    "stance_foot_moved": "mm to the subject's right; the foot stays there",
    "hip_abduction": "deg of the lifted thigh away from the midline",
    "lifted_leg_swing": "deg of the lifted thigh forward",
    "trunk_lean": "deg of the trunk toward the stance side",
    "trunk_forward": "deg of the trunk forward",
    "trunk_rotation": "deg of the shoulders to the subject's left about the vertical",
    "head_tilt": "deg of the head toward the stance side",
    "pelvic_drop": "deg by which the lifted side's hip drops",
    "knee_valgus": "mm of the stance knee toward the midline",
    "knee_flexion": "deg of stance-knee flexion",
    "heel_lift": "mm of rise of the stance heel",
    "forefoot_lift": "mm of rise of the stance toe",
}


@dataclass(frozen=True)
class StandingSpec:
    """One trial. Lengths in mm, times in s from the first frame, image in px.

    view: "front", "back", "left" or "right"; azimuth_deg turns the camera on, from front to right.
    stance_side: "left" or "right". foot_up_s: onset of the lift; None keeps both feet down. end_s: when the
    lifted foot comes down for good; None never. arms: "hips" or "down". far_visibility: visibility of the
    side of the body that is away from a side camera. noise_px: standard deviation of white noise on every
    coordinate. roll_deg: camera roll, the picture turns clockwise.
    """

    duration_s: float = 20.0
    fps: float = 30.0
    height_mm: float = 1750.0
    sex: str = ""
    view: str = "front"
    azimuth_deg: float = 0.0
    roll_deg: float = 0.0
    stance_side: str = "left"
    foot_up_s: float | None = 3.0
    end_s: float | None = None
    arms: str = "hips"
    modes: tuple[Mode, ...] = (Mode("ml", 0.3, 0.4, 0.4), Mode("ap", 0.25, 0.4, 0.4, 1.0))
    happenings: tuple[Happening, ...] = ()
    mm_per_px: float = 1.5
    width: int = 1080
    height: int = 1920
    noise_px: float = 0.0
    far_visibility: float = 0.6
    seed: int = 0


@dataclass(frozen=True)
class EventTruth:
    """A happening as it was made: onset of its ramp to end of its way back, s; amount as asked for."""

    kind: str
    onset_s: float
    duration_s: float
    amount: float
    side: str


@dataclass(frozen=True)
class Truth:
    """What is exactly known. Axes of mm: x to the subject's right, y forward, z up; N frames.

    joints_mm: [N, 33, 3]. com_mm: [N, 3]. com_px: [N, 2]. leg_rad, trunk_rad: [N, 2], ml then ap, against
    the vertical, positive right and forward. right_px, forward_px: image-x pixels (before roll) for 1 px of
    motion to the subject's right and forward.
    """

    time_s: Floats
    joints_mm: Floats
    com_mm: Floats
    com_px: Floats
    leg_rad: Floats
    trunk_rad: Floats
    mm_per_px: float
    right_px: float
    forward_px: float
    stance_side: str
    foot_up_s: float | None
    end_s: float | None
    events: tuple[EventTruth, ...]
