"""Sway of a double inverted pendulum: two modes of its own, driven by noise, in a known mixture.

Leg and trunk as two links about ankle and hip, linear about upright, held by springs; the lower mode turns
the body as one (ankle strategy), the upper bends the hip against the ankle (hip strategy): McCollum & Leen
1989; Creath et al. 2005, Neurosci Lett 377:75-80. White torque through each mode gives its spectrum, and a
sum of sines with random phases has that spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.synth.standing import Mode
from svc_balance.sway.posture.body import tables

Floats = NDArray[np.float64]

GRAVITY = 9.81
MASS_KG = 70.0
# Stiffness of ankle and hip over what gravity asks for, chosen so that both modes are stable; damping ratios.
ANKLE, HIP = 1.4, 5.0
DAMPING = (0.35, 0.25)
LOWEST_HZ, HIGHEST_HZ, SINES = 0.15, 2.4, 16
# Lengths over stature: ankle to hip, hip to the centre of what is above it (Drillis & Contini 1966).
LEG, ABOVE = 0.491, 0.26


@dataclass(frozen=True)
class Pendulum:
    """frequencies_hz: [2] of the modes, ankle then hip. ratio: [2] trunk over leg angle. com_mm: [2], shift
    of the centre of mass for 1 rad of the leg, mm."""

    frequencies_hz: Floats
    ratio: Floats
    com_mm: Floats


def pendulum(stature_mm: float, sex: str = "") -> Pendulum:
    """The pendulum of a body on one leg: the standing leg below, the lifted one hangs on the trunk.

    Masses: de Leva 1996; both links as rods (I = m l^2 / 12).
    """
    mass, _ = tables(sex)
    # Shares of one thigh and one shank, as `svc_balance.sway.posture.body.SEGMENTS` orders them.
    leg_kg = MASS_KG * float(mass[5] + mass[6])
    above_kg = MASS_KG - leg_kg
    metres = stature_mm / 1000
    leg_m, above_m = LEG * metres, ABOVE * metres
    middle = 0.57 * leg_m
    inertia = np.array(
        [
            [leg_kg * (middle**2 + leg_m**2 / 12) + above_kg * leg_m**2, above_kg * leg_m * above_m],
            [above_kg * leg_m * above_m, above_kg * (above_m**2 + (2 * above_m) ** 2 / 12)],
        ]
    )
    falling = GRAVITY * np.array([leg_kg * middle + above_kg * leg_m, above_kg * above_m])
    ankle, hip = ANKLE * falling.sum(), HIP * falling[1]
    stiffness = np.array([[ankle + hip, -hip], [-hip, hip]]) - np.diag(falling)
    squares, shapes = np.linalg.eig(np.linalg.solve(inertia, stiffness))
    order = np.argsort(squares)
    ratio = (shapes[1] / shapes[0])[order]
    shift = 1000 * (leg_kg * middle + above_kg * (leg_m + above_m * ratio)) / MASS_KG
    return Pendulum(np.sqrt(squares[order]) / (2 * np.pi), ratio, shift)


def modes(
    rng: np.random.Generator, own: Pendulum, plane: str, rms_mm: float, hip_share: float
) -> tuple[Mode, ...]:
    """Sines that sway the centre of mass by rms_mm, hip_share of the leg's variance in the hip mode.

    plane: "ml" or "ap". The sines' frequencies are spread evenly in their logarithm, with jitter.
    """
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, SINES + 1)
    hertz = edges[:-1] + rng.uniform(0.2, 0.8, SINES) * np.diff(edges)
    width = np.diff(edges)
    phases = rng.uniform(0, 2 * np.pi, (2, SINES))
    leg = np.empty((2, SINES))
    for number, share in enumerate((1 - hip_share, hip_share)):
        own_hz, damping = own.frequencies_hz[number], DAMPING[number]
        gain = 1 / np.hypot(own_hz**2 - hertz**2, 2 * damping * own_hz * hertz)
        amplitude = gain * np.sqrt(width)
        leg[number] = amplitude * np.sqrt(share / (amplitude**2 / 2).sum())
    # Sines of one frequency in both modes add up as phasors.
    swing = (leg * own.com_mm[:, None] * np.exp(1j * phases)).sum(axis=0)
    leg *= rms_mm / np.sqrt((np.abs(swing) ** 2 / 2).sum())
    return tuple(
        Mode(
            plane,
            float(hertz[sine]),
            float(np.degrees(leg[number, sine])),
            float(np.degrees(leg[number, sine]) * own.ratio[number]),
            float(phases[number, sine]),
        )
        for number in range(2)
        for sine in range(SINES)
        if leg[number, sine] > 0
    )
