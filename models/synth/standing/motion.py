"""How the generated person moves: smooth amounts over time from modes, lift and happenings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.synth.standing.spec import KINDS, StandingSpec

Floats = NDArray[np.float64]

RAMP_S = 0.2
SHIFT_S = 0.8


def smooth_step(time_s: Floats, start_s: float, ramp_s: float) -> Floats:
    """0 before start_s, 1 from start_s + ramp_s on, minimum jerk between (Flash & Hogan 1985)."""
    u = np.clip((time_s - start_s) / ramp_s, 0, 1)
    return np.asarray(u**3 * (10 - 15 * u + 6 * u**2))


def bump(time_s: Floats, at_s: float, duration_s: float) -> Floats:
    """0, up to 1 and back to 0 within the duration; ramps of 0.2 s or of half the duration."""
    ramp_s = min(RAMP_S, duration_s / 2)
    return smooth_step(time_s, at_s, ramp_s) - smooth_step(time_s, at_s + duration_s - ramp_s, ramp_s)


def amount(spec: StandingSpec, time_s: Floats, kind: str, side: str = "") -> Floats:
    """Sum of the happenings of one kind over time, [N]; with a side, of that side or of both."""
    total = np.zeros_like(time_s)
    for happening in spec.happenings:
        if happening.kind not in KINDS:
            raise ValueError(f"unknown happening {happening.kind!r}")
        if happening.kind != kind or (side and happening.side not in ("", side)):
            continue
        if kind == "stance_foot_moved":
            total += happening.amount * smooth_step(time_s, happening.at_s, happening.duration_s)
        else:
            total += happening.amount * bump(time_s, happening.at_s, happening.duration_s)
    return total


def lift(spec: StandingSpec, time_s: Floats) -> Floats:
    """How far the lifted leg is up, [N], 0 on the floor to 1."""
    if spec.foot_up_s is None:
        return np.zeros_like(time_s)
    up = smooth_step(time_s, spec.foot_up_s, 2 * RAMP_S)
    if spec.end_s is not None:
        up -= smooth_step(time_s, spec.end_s - 2 * RAMP_S, 2 * RAMP_S)
    return up * (1 - amount(spec, time_s, "touchdown"))


def weight_shift(spec: StandingSpec, time_s: Floats) -> Floats:
    """How far the weight is over the stance foot, [N], 0 to 1; complete when the foot leaves the floor."""
    if spec.foot_up_s is None:
        return np.zeros_like(time_s)
    shift = smooth_step(time_s, spec.foot_up_s - SHIFT_S, SHIFT_S)
    if spec.end_s is not None:
        shift -= smooth_step(time_s, spec.end_s, SHIFT_S)
    return shift


def angles(spec: StandingSpec, time_s: Floats) -> tuple[Floats, Floats]:
    """Leg and trunk against the vertical from the modes, [N, 2] rad, ml (+ right) then ap (+ forward)."""
    leg, trunk = np.zeros((len(time_s), 2)), np.zeros((len(time_s), 2))
    for mode in spec.modes:
        axis = ("ml", "ap").index(mode.plane)
        wave = np.sin(2 * np.pi * mode.frequency_hz * time_s + mode.phase_rad)
        leg[:, axis] += np.radians(mode.leg_deg) * wave
        trunk[:, axis] += np.radians(mode.trunk_deg) * wave
    return leg, trunk
