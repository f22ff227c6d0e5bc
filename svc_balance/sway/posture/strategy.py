"""How the body keeps its balance: a continuous hip-strategy index and the coupling of leg and trunk.

Ankle strategy: the body turns about the ankle as one pendulum. Hip strategy: the hip bends against the
ankle's turn (Horak & Nashner 1986, J Neurophysiol 55:1369-1381). In quiet stance both coexist, leg and trunk
in phase below about 1 Hz and anti-phase above (Creath 2005), so the index is continuous and a label is only
given where motion rises above the landmarks' noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svc_balance.sway.posture import coupling
from svc_balance.sway.posture.filters import low_pass
from svc_balance.sway.posture.planar import RIGHT, Planar, acceleration_noise
from svc_balance.sway.posture.reading import Reading, measured, unmeasured
from svc_balance.sway.posture.scale import Scale
from svc_balance.sway.posture.series import Prepared
from svc_balance.sway.posture.view import ViewReading

Floats = NDArray[np.float64]

VERSION = "hsi@1"
WINDOW_S = 3.0
CUTOFF_HZ = 3.0
# Labels by index; angles count from this many times the noise.
MIXED_FROM, HIP_FROM, ABOVE_NOISE = 0.35, 0.65, 3.0
# Weights of amplitude ratio and anti-phase coupling; a proposal.
RATIO_WEIGHT, PHASE_WEIGHT = 0.6, 0.4
# Share of a window's samples that must be there.
NEEDED_SHARE = 0.9
# Largest shear of normals, 25 lb = 111.2 N (NeuroCom's manual); body mass assumed when none is stated.
LARGEST_SHEAR_N, ASSUMED_MASS_KG, SHEAR_HZ = 111.2, 70.0, 2.0


@dataclass(frozen=True)
class Window:
    """A stretch of 3 s. index: 0 ankle to 1 hip, NaN when not measured; label as in `StrategyReading`.

    leg_deg, hip_deg: RMS of the leg's and of the hip's angle, less the noise's.
    """

    start_s: float
    end_s: float
    index: float
    uncertainty: float
    leg_deg: float
    hip_deg: float
    label: str


@dataclass(frozen=True)
class StrategyReading:
    """Strategy over a trial. plane: "ml" or "ap", the camera's; "" when hidden.

    label: "ankle" (index below 0.35), "mixed", "hip" (above 0.65), "stepping" (a step or touchdown in the
    window) or "indeterminate". index: HSI, 0 to 1. score_proxy: 100 ankle to 0 hip, side views only.
    readings: coupling of leg and trunk. leg_deg, trunk_deg, hip_deg: [M] traces, positive right or forward.
    """

    plane: str
    label: str
    index: Reading
    score_proxy: Reading
    windows: tuple[Window, ...]
    readings: tuple[Reading, ...]
    leg_deg: Floats
    trunk_deg: Floats
    hip_deg: Floats


def read_strategy(
    prepared: Prepared,
    side: str,
    view: ViewReading,
    window: tuple[float, float],
    *,
    com_px: Floats,
    com_error_px: Floats,
    scale: Scale,
    mass_kg: float | None = None,
    steps_s: Sequence[float] = (),
) -> StrategyReading:
    """Reads the strategy in the camera's plane, angles low-passed at 3 Hz.

    The leg runs from the standing ankle to the standing hip (the means of both without a `side`), the trunk
    from mid-hip to mid-shoulder; the hip's angle is trunk minus leg. For every window of 3 s, half
    overlapped, about its mean (formula hsi@1):

        HSI = 0.6 R / (1 + R) + 0.4 (1 - clip(g, -1, 1)) / 2

    R: RMS(hip) / RMS(leg), both less their noise; g: slope of trunk on leg, 1 for a rigid pendulum, 0 for a
    still trunk, negative in anti-phase. The trial's index is the mean of the windows above the noise.

    com_px, com_error_px: [M, 2] and [M] of `CentreOfMass`. steps_s: times of steps and touchdowns.
    """
    hidden = view.hidden("ml") and view.hidden("ap")
    if hidden:
        return _nothing(prepared, hidden)
    body = Planar(prepared, view.sign or 1.0, CUTOFF_HZ)
    low, high = (f"{side}_ankle", f"{side}_hip") if side in RIGHT else ("mid_ankle", "mid_hip")
    leg, trunk = body.tilt(low, high), body.tilt("mid_hip", "mid_shoulder")
    inside = prepared.between(*window)
    noise = (
        body.tilt_error(low, high, inside),
        body.tilt_error("mid_hip", "mid_shoulder", inside),
    )
    windows = tuple(_windows(prepared, leg, trunk, window, noise, steps_s))
    index = _index(windows)
    stepped = any(window[0] <= at <= window[1] for at in steps_s)
    plane = "ml" if view.frontal else "ap"
    return StrategyReading(
        plane=plane,
        label="stepping" if stepped else _label(index.value),
        index=index,
        score_proxy=_score_proxy(prepared, plane, com_px, com_error_px, inside, scale, mass_kg),
        windows=windows,
        readings=coupling.readings(leg[inside], trunk[inside], prepared.fs_hz, noise),
        leg_deg=np.degrees(leg),
        trunk_deg=np.degrees(trunk),
        hip_deg=np.degrees(trunk - leg),
    )


def _windows(
    prepared: Prepared,
    leg: Floats,
    trunk: Floats,
    window: tuple[float, float],
    noise: tuple[float, float],
    steps_s: Sequence[float],
) -> list[Window]:
    found = []
    count = math.floor((window[1] - window[0] - WINDOW_S) / (WINDOW_S / 2) + 1e-9) + 1
    for number in range(max(0, count)):
        start_s = window[0] + number * WINDOW_S / 2
        chosen = prepared.between(start_s, start_s + WINDOW_S)
        index, uncertainty, leg_rms, hip_rms, loud = hip_strategy_index(leg[chosen], trunk[chosen], noise)
        stepped = any(start_s <= at <= start_s + WINDOW_S for at in steps_s)
        found.append(
            Window(
                start_s,
                start_s + WINDOW_S,
                index if loud else float("nan"),
                uncertainty if loud else float("nan"),
                math.degrees(leg_rms),
                math.degrees(hip_rms),
                "stepping" if stepped else _label(index if loud else None),
            )
        )
    return found


def hip_strategy_index(
    leg: Floats, trunk: Floats, noise: tuple[float, float]
) -> tuple[float, float, float, float, bool]:
    """HSI of one window, its standard uncertainty, RMS of leg and hip (rad), and whether motion beats noise.

    leg, trunk: [N] rad. noise: standard uncertainties of both in one sample, rad; NaN counts as unknown, and
    then nothing beats it. All NaN and False when more than a tenth of the samples is missing.
    """
    finite = np.isfinite(leg) & np.isfinite(trunk)
    if finite.sum() < max(8, NEEDED_SHARE * len(leg)):
        return float("nan"), float("nan"), float("nan"), float("nan"), False
    leg, trunk = leg[finite] - leg[finite].mean(), trunk[finite] - trunk[finite].mean()
    hip = trunk - leg
    hip_noise = math.hypot(*noise)
    leg_power = max(float(np.mean(leg**2)) - noise[0] ** 2, 0.0)
    hip_power = max(float(np.mean(hip**2)) - hip_noise**2, 0.0)
    leg_rms, hip_rms = math.sqrt(leg_power), math.sqrt(hip_power)
    loud = leg_rms > ABOVE_NOISE * noise[0] or hip_rms > ABOVE_NOISE * hip_noise
    if not loud:
        return float("nan"), float("nan"), leg_rms, hip_rms, False
    floor = max(leg_rms, noise[0], 1e-9)
    ratio = hip_rms / floor
    slope = float(np.mean(trunk * leg)) / max(leg_power, noise[0] ** 2, 1e-18)
    index = RATIO_WEIGHT * ratio / (1 + ratio) + PHASE_WEIGHT * (1 - float(np.clip(slope, -1, 1))) / 2
    # Looks: a signal band-limited to 3 Hz has 2 * 3 * T independent samples.
    looks = 2 * CUTOFF_HZ * WINDOW_S
    ratio_error = math.hypot(hip_noise / floor, ratio * noise[0] / floor) / math.sqrt(looks)
    slope_error = math.hypot(noise[1] / floor, slope * noise[0] / floor) / math.sqrt(looks)
    uncertainty = math.hypot(
        RATIO_WEIGHT * ratio_error / (1 + ratio) ** 2, PHASE_WEIGHT / 2 * slope_error * (abs(slope) < 1)
    )
    return index, uncertainty, leg_rms, hip_rms, True


def _index(windows: Sequence[Window]) -> Reading:
    """Mean over the windows; their scatter (half overlapped) and their own uncertainty make its own."""
    if not windows:
        return unmeasured("HSI", "1", "TOO_SHORT")
    values = np.array([each.index for each in windows])
    chosen = np.isfinite(values)
    if not chosen.any():
        seen = any(math.isfinite(each.leg_deg) for each in windows)
        return unmeasured("HSI", "1", "BELOW_NOISE" if seen else "LANDMARKS_MISSING")
    independent = max(1.0, chosen.sum() / 2)
    own = float(np.mean([each.uncertainty for each in windows if math.isfinite(each.index)]))
    scatter = float(np.std(values[chosen])) / math.sqrt(independent)
    value, uncertainty = float(values[chosen].mean()), math.hypot(own / math.sqrt(independent), scatter)
    return Reading(
        "HSI",
        value,
        "1",
        uncertainty,
        max(0.0, value - 1.96 * uncertainty),
        min(1.0, value + 1.96 * uncertainty),
    )


def _label(index: float | None) -> str:
    if index is None or not math.isfinite(index):
        return "indeterminate"
    return "ankle" if index < MIXED_FROM else "hip" if index > HIP_FROM else "mixed"


def _score_proxy(
    prepared: Prepared,
    plane: str,
    com_px: Floats,
    com_error_px: Floats,
    inside: NDArray[np.bool_],
    scale: Scale,
    mass_kg: float | None,
) -> Reading:
    """100 (1 - peak-to-peak shear / 111.2 N); shear: mass times the body's acceleration below 2 Hz.

    After NeuroCom's strategy score (Nashner); shear there comes from a force plate, so this is a proxy.
    """
    id = "STRATEGY_SCORE_PROXY"
    if plane != "ap":
        return unmeasured(id, "1", "NOT_IN_VIEW")
    if scale.mm_per_px.value is None:
        return unmeasured(id, "1", "SCALE_UNKNOWN")
    metres = low_pass(com_px[:, 0], prepared.fs_hz, SHEAR_HZ) * scale.mm_per_px.value / 1000
    acceleration = np.full_like(metres, np.nan)
    if len(metres) >= 3:
        acceleration[1:-1] = (metres[2:] - 2 * metres[1:-1] + metres[:-2]) * prepared.fs_hz**2
    chosen = acceleration[inside]
    chosen = chosen[np.isfinite(chosen)]
    if len(chosen) < NEEDED_SHARE * inside.sum() or not len(chosen):
        return unmeasured(id, "1", "LANDMARKS_MISSING")
    shear_share = (mass_kg or ASSUMED_MASS_KG) / LARGEST_SHEAR_N
    error = com_error_px[inside]
    error = error[np.isfinite(error)]
    sample = float(np.sqrt(np.mean(error**2))) * scale.mm_per_px.value / 1000 if len(error) else float("nan")
    spread = math.sqrt(2) * acceleration_noise(sample, prepared.fs_hz, SHEAR_HZ)
    value = 100 * (1 - float(np.ptp(chosen)) * shear_share)
    return measured(id, max(0.0, value), "1", 100 * spread * shear_share)


def _nothing(prepared: Prepared, reason: str) -> StrategyReading:
    nothing = np.full(len(prepared), np.nan)
    return StrategyReading(
        plane="",
        label="indeterminate",
        index=unmeasured("HSI", "1", reason),
        score_proxy=unmeasured("STRATEGY_SCORE_PROXY", "1", reason),
        windows=(),
        readings=tuple(unmeasured(id, unit, reason) for id, unit in coupling.UNITS.items()),
        leg_deg=nothing,
        trunk_deg=nothing,
        hip_deg=nothing,
    )
