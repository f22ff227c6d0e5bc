"""Knee, pelvis and trunk of the standing leg in the frontal plane.

Signs: projection angle and knee displacement positive for valgus (knee toward the midline); pelvic obliquity
positive when the lifted side drops; trunk lean positive toward the standing leg. Bands are proposals unless
their source is named; change counts only beyond the minimal detectable change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX
from svc_balance.sway.posture.filters import derivative, low_pass
from svc_balance.sway.posture.planar import ANGLE_HZ, OTHER, RIGHT, Planar, velocity_noise
from svc_balance.sway.posture.reading import Reading, measured, unmeasured
from svc_balance.sway.posture.scale import Scale
from svc_balance.sway.posture.series import Prepared
from svc_balance.sway.posture.view import ViewReading

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

VERSION = "alignment@1"
MOST_TURNED_DEG = 15.0
# A knee bent further than this is no quiet stance: a projection angle then mixes in flexion.
MOST_FLEXION_DEG = 30.0
KNEE_VELOCITY_HZ = 3.0
LEAST_SNR = 3.0
NEEDED_SHARE = 0.5
# Standard errors of measurement, deg. Knee: two-dimensional squats, 2-4 (Gwynne & Curran 2014). Pelvis: 2
# (Youdas 2007). Trunk: camera roll on a tripod, a proposal.
KNEE_SEM_DEG, PELVIS_SEM_DEG, TRUNK_SEM_DEG = 3.0, 2.0, 1.5
# Bands of |drop| and lean, deg; Trendelenburg's minimal detectable change is 4 (Youdas 2007).
DROP_WATCH_DEG, DROP_FLAG_DEG = 2.0, 5.0
LEAN_WATCH_DEG, LEAN_FLAG_DEG = 6.0, 10.0


@dataclass(frozen=True)
class Alignment:
    """Readings by id, traces [M] in deg (NaN outside what is seen), and Trendelenburg's two signs.

    uncompensated: the pelvis drops; compensated: the trunk leans toward the standing leg without a drop; each
    "no", "watch", "yes" or "" when not measurable.
    """

    readings: tuple[Reading, ...]
    fppa_deg: Floats
    obliquity_deg: Floats
    lean_deg: Floats
    uncompensated: str
    compensated: str

    def reading(self, id: str) -> Reading:
        """The reading of that id; raises KeyError."""
        return {each.id: each for each in self.readings}[id]


def align(
    prepared: Prepared, side: str, view: ViewReading, window: tuple[float, float], scale: Scale
) -> Alignment:
    """Measures alignment over a window (start and end, s) of standing on `side`, low-passed at 6 Hz.

    Ids: FPPA_MEAN, FPPA_SD, FPPA_RANGE (deg), KMD_MEAN (% of leg length), KNEE_ML_VELOCITY_RMS (mm/s),
    PELVIC_OBLIQUITY_MEAN, PELVIC_OBLIQUITY_SD, TRUNK_LEAN_MEAN, TRUNK_LEAN_SD, TRUNK_LEAN_MAX (deg).
    """
    hidden = view.hidden("ml") or ("" if side in RIGHT else "SIDE_UNKNOWN")
    nothing = np.full(len(prepared), np.nan)
    if hidden:
        readings = tuple(unmeasured(id, unit, hidden) for id, unit in UNITS.items())
        return Alignment(readings, nothing, nothing, nothing, "", "")
    inside = prepared.between(*window)
    body = Planar(prepared, view.sign or 1.0)
    fppa, kmd = _knee(body, side, scale)
    obliquity = _obliquity(body, side)
    lean = np.degrees(RIGHT[side] * body.tilt("mid_hip", "mid_shoulder"))
    masked = _knee_hidden(prepared, side, view, inside)
    if masked:
        knee = [
            unmeasured(id, UNITS[id], masked) for id in ("FPPA_MEAN", "FPPA_SD", "FPPA_RANGE", "KMD_MEAN")
        ]
        fppa = nothing
    else:
        noise = math.degrees(_knee_noise(body, side, inside))
        knee = [
            *_summary("FPPA", fppa, inside, KNEE_SEM_DEG, noise),
            _mean("KMD_MEAN", kmd, inside, 100 * math.radians(KNEE_SEM_DEG) / 4),
        ]
    pelvis_noise = math.degrees(body.tilt_error("left_hip", "right_hip", inside))
    lean_noise = math.degrees(body.tilt_error("mid_hip", "mid_shoulder", inside))
    pelvis = _summary("PELVIC_OBLIQUITY", obliquity, inside, PELVIS_SEM_DEG, pelvis_noise)[:2]
    trunk = _summary("TRUNK_LEAN", lean, inside, TRUNK_SEM_DEG, lean_noise)
    trunk[2] = _largest("TRUNK_LEAN_MAX", lean, inside, math.hypot(TRUNK_SEM_DEG, lean_noise))
    uncompensated, compensated = trendelenburg(pelvis[0].value, trunk[0].value)
    return Alignment(
        readings=(*knee, _knee_velocity(prepared, body, side, view, inside, scale), *pelvis, *trunk),
        fppa_deg=fppa,
        obliquity_deg=obliquity,
        lean_deg=lean,
        uncompensated=uncompensated,
        compensated=compensated,
    )


UNITS = {
    "FPPA_MEAN": "deg",
    "FPPA_SD": "deg",
    "FPPA_RANGE": "deg",
    "KMD_MEAN": "%",
    "KNEE_ML_VELOCITY_RMS": "mm/s",
    "PELVIC_OBLIQUITY_MEAN": "deg",
    "PELVIC_OBLIQUITY_SD": "deg",
    "TRUNK_LEAN_MEAN": "deg",
    "TRUNK_LEAN_SD": "deg",
    "TRUNK_LEAN_MAX": "deg",
}


def trendelenburg(drop_deg: float | None, lean_deg: float | None) -> tuple[str, str]:
    """Uncompensated (drop of the lifted side), compensated (lean without drop): "no", "watch", "yes", ""."""
    uncompensated = _band(drop_deg, DROP_WATCH_DEG, DROP_FLAG_DEG)
    if uncompensated == "" or lean_deg is None:
        return uncompensated, ""
    return uncompensated, "no" if uncompensated == "yes" else _band(lean_deg, LEAN_WATCH_DEG, LEAN_FLAG_DEG)


def _band(value: float | None, watch: float, flag: float) -> str:
    if value is None:
        return ""
    return "yes" if value > flag else "watch" if value > watch else "no"


def _knee(body: Planar, side: str, scale: Scale) -> tuple[Floats, Floats]:
    """Frontal plane projection angle [M] deg (Willson 2006) and medial displacement [M] % of leg length."""
    hip, knee, ankle = (body.point(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
    thigh, shank, line = hip - knee, ankle - knee, hip - ankle
    cross = thigh[:, 0] * shank[:, 1] - thigh[:, 1] * shank[:, 0]
    bend = np.degrees(np.pi - np.abs(np.arctan2(cross, (thigh * shank).sum(axis=1))))
    length = np.linalg.norm(line, axis=1)
    offset = (knee - ankle)[:, 0] * line[:, 1] - (knee - ankle)[:, 1] * line[:, 0]
    medial = -RIGHT[side] * np.divide(offset, length, out=np.full_like(length, np.nan), where=length > 0)
    return np.sign(medial) * bend, 100 * medial / scale.leg_px


def _obliquity(body: Planar, side: str) -> Floats:
    stance, lifted = body.point(f"{side}_hip"), body.point(f"{OTHER[side]}_hip")
    return np.degrees(np.arctan2(stance[:, 1] - lifted[:, 1], np.abs(lifted[:, 0] - stance[:, 0])))


def _knee_hidden(prepared: Prepared, side: str, view: ViewReading, inside: Mask) -> str:
    if view.turned_beyond(MOST_TURNED_DEG):
        return "BODY_TURNED"
    flexion = knee_flexion_deg(prepared, side)[inside]
    flexion = flexion[np.isfinite(flexion)]
    if not len(flexion):
        return "KNEE_FLEXION_UNKNOWN"
    return "KNEE_TOO_BENT" if np.median(flexion) > MOST_FLEXION_DEG else ""


def knee_flexion_deg(prepared: Prepared, side: str) -> Floats:
    """Flexion of a knee from the world landmarks, [M] deg, 0 when straight; NaN without them.

    Depth is the model's guess: good enough to tell a bent knee from a straight one, not to be reported.
    """
    if prepared.world_m is None:
        return np.full(len(prepared), np.nan)
    hip, knee, ankle = (prepared.world_m[:, INDEX[f"{side}_{name}"]] for name in ("hip", "knee", "ankle"))
    thigh, shank = hip - knee, ankle - knee
    product = np.linalg.norm(thigh, axis=1) * np.linalg.norm(shank, axis=1)
    cos = (thigh * shank).sum(axis=1) / np.where(product > 0, product, np.nan)
    return np.asarray(180 - np.degrees(np.arccos(np.clip(cos, -1, 1))))


def _knee_noise(body: Planar, side: str, inside: Mask) -> float:
    """Standard uncertainty of the projection angle in one sample, rad: errors across the leg."""
    lengths = (body.length(f"{side}_knee", f"{side}_hip"), body.length(f"{side}_ankle", f"{side}_knee"))
    upper, lower = (
        float(np.median(seen)) if len(seen := length[inside & (length > 0)]) else float("nan")
        for length in lengths
    )
    hip, knee, ankle = (body.error(f"{side}_{name}", inside) for name in ("hip", "knee", "ankle"))
    return math.hypot(knee * (1 / upper + 1 / lower), hip / upper, ankle / lower)


def _knee_velocity(
    prepared: Prepared, body: Planar, side: str, view: ViewReading, inside: Mask, scale: Scale
) -> Reading:
    """RMS medio-lateral velocity of the standing knee below 3 Hz, less the noise's, mm/s."""
    id, unit = "KNEE_ML_VELOCITY_RMS", "mm/s"
    if scale.mm_per_px.value is None:
        return unmeasured(id, unit, "SCALE_UNKNOWN")
    across = low_pass(prepared.point(f"{side}_knee")[:, 0], prepared.fs_hz, KNEE_VELOCITY_HZ)
    speed = derivative(across, prepared.fs_hz)[inside]
    speed = speed[np.isfinite(speed)]
    if len(speed) < NEEDED_SHARE * inside.sum() or not len(speed):
        return unmeasured(id, unit, "LANDMARKS_MISSING")
    # The error that `Planar` keeps is filtered; velocity needs the one of the frames.
    filtered = math.sqrt(min(1.0, 2 * ANGLE_HZ / prepared.fs_hz))
    noise = velocity_noise(body.error(f"{side}_knee", inside) / filtered, prepared.fs_hz, KNEE_VELOCITY_HZ)
    power = float(np.mean(speed**2)) - noise**2
    if not power > (LEAST_SNR * noise) ** 2:
        return unmeasured(id, unit, "BELOW_NOISE")
    value = math.sqrt(power) * scale.mm_per_px.value
    relative = (scale.mm_per_px.standard_uncertainty or 0.0) / scale.mm_per_px.value
    looks = max(1.0, 2 * KNEE_VELOCITY_HZ * len(speed) / prepared.fs_hz)
    return measured(id, value, unit, value * math.hypot(relative, 1 / math.sqrt(2 * looks)))


def _summary(id: str, values: Floats, inside: Mask, sem: float, noise: float) -> list[Reading]:
    """Mean, standard deviation (less the noise's) and range of a trace in deg."""
    chosen = values[inside]
    chosen = chosen[np.isfinite(chosen)]
    if len(chosen) < NEEDED_SHARE * inside.sum() or not len(chosen):
        return [unmeasured(f"{id}_{part}", "deg", "LANDMARKS_MISSING") for part in ("MEAN", "SD", "RANGE")]
    variance = float(chosen.var())
    spread = math.sqrt(max(0.0, variance - noise**2)) if math.isfinite(noise) else math.sqrt(variance)
    return [
        measured(f"{id}_MEAN", float(chosen.mean()), "deg", sem),
        _size(f"{id}_SD", spread, noise),
        _size(f"{id}_RANGE", float(np.ptp(chosen)), math.sqrt(2) * noise),
    ]


def _size(id: str, value: float, uncertainty: float) -> Reading:
    """A quantity in deg that cannot be negative: its interval ends at 0."""
    found = measured(id, value, "deg", uncertainty)
    return found if found.low_95 is None else replace(found, low_95=max(0.0, found.low_95))


def _mean(id: str, values: Floats, inside: Mask, uncertainty: float) -> Reading:
    chosen = values[inside]
    chosen = chosen[np.isfinite(chosen)]
    if len(chosen) < NEEDED_SHARE * inside.sum() or not len(chosen):
        return unmeasured(id, UNITS[id], "LANDMARKS_MISSING")
    return measured(id, float(chosen.mean()), UNITS[id], uncertainty)


def _largest(id: str, values: Floats, inside: Mask, uncertainty: float) -> Reading:
    """The value farthest from zero, signed."""
    chosen = values[inside]
    chosen = chosen[np.isfinite(chosen)]
    if len(chosen) < NEEDED_SHARE * inside.sum() or not len(chosen):
        return unmeasured(id, "deg", "LANDMARKS_MISSING")
    return measured(id, float(chosen[np.argmax(np.abs(chosen))]), "deg", uncertainty)
