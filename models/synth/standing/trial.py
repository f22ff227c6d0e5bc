"""From a specification to landmarks and truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, NAMES, POINTS, Landmarks
from models.synth.standing.motion import RAMP_S
from models.synth.standing.skeleton import joints
from models.synth.standing.spec import EventTruth, StandingSpec, Truth
from svc_balance.sway.posture.body import landmark_weights

Floats = NDArray[np.float64]

AZIMUTH_DEG = {"front": 0.0, "right": 90.0, "back": 180.0, "left": -90.0}
FLOOR_SHARE = 0.92
SEEN = 0.99


def trial(spec: StandingSpec) -> tuple[Landmarks, Truth]:
    """Makes one trial: the same arrays for the same specification.

    The camera is orthographic, square to its plane, the floor at 0.92 of the picture's height.

    Raises:
        ValueError: a view, side or happening that there is none of.
    """
    if spec.view not in AZIMUTH_DEG:
        raise ValueError(f"view is {spec.view!r}: say one of {', '.join(AZIMUTH_DEG)}")
    time_s = np.arange(round(spec.duration_s * spec.fps) + 1) / spec.fps
    joints_mm, leg_rad, trunk_rad = joints(spec, time_s)
    azimuth = np.radians(AZIMUTH_DEG[spec.view] + spec.azimuth_deg)
    rng = np.random.default_rng(spec.seed)
    image_px = project(spec, joints_mm, azimuth)
    com_mm = np.einsum("k,nkc->nc", landmark_weights(spec.sex), joints_mm)
    noise = rng.normal(0, spec.noise_px, image_px.shape) if spec.noise_px else 0.0
    landmarks = Landmarks(
        width=spec.width,
        height=spec.height,
        time_s=time_s,
        image_px=image_px + noise,
        visibility=_visibility(spec, azimuth, len(time_s)),
        presence=np.full((len(time_s), POINTS), SEEN),
        world_m=_world(joints_mm, azimuth),
        standard_error_px=np.full((len(time_s), POINTS), spec.noise_px) if spec.noise_px else None,
        model="synthetic-standing@1",
    )
    truth = Truth(
        time_s=time_s,
        joints_mm=joints_mm,
        com_mm=com_mm,
        com_px=project(spec, com_mm[:, None], azimuth)[:, 0],
        leg_rad=leg_rad,
        trunk_rad=trunk_rad,
        mm_per_px=spec.mm_per_px,
        right_px=-float(np.cos(azimuth)),
        forward_px=float(np.sin(azimuth)),
        stance_side=spec.stance_side,
        foot_up_s=spec.foot_up_s,
        end_s=spec.end_s,
        events=_events(spec),
    )
    return landmarks, truth


def project(spec: StandingSpec, points_mm: Floats, azimuth_rad: float) -> Floats:
    """Points [N, K, 3] mm to pixels [N, K, 2]; azimuth from front (0) over the subject's right (pi/2)."""
    across = -points_mm[..., 0] * np.cos(azimuth_rad) + points_mm[..., 1] * np.sin(azimuth_rad)
    flat = np.stack(
        [
            spec.width / 2 + across / spec.mm_per_px,
            FLOOR_SHARE * spec.height - points_mm[..., 2] / spec.mm_per_px,
        ],
        axis=-1,
    )
    cos, sin = np.cos(np.radians(spec.roll_deg)), np.sin(np.radians(spec.roll_deg))
    centre = np.array([spec.width / 2, spec.height / 2])
    return np.asarray((flat - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre)


def _world(joints_mm: Floats, azimuth: float) -> Floats:
    hips = (joints_mm[:, INDEX["left_hip"]] + joints_mm[:, INDEX["right_hip"]]) / 2
    metres = (joints_mm - hips[:, None]) / 1000
    right = -metres[..., 0] * np.cos(azimuth) + metres[..., 1] * np.sin(azimuth)
    away = -metres[..., 0] * np.sin(azimuth) - metres[..., 1] * np.cos(azimuth)
    return np.stack([right, -metres[..., 2], away], axis=-1)


def _visibility(spec: StandingSpec, azimuth: float, frames: int) -> Floats:
    """Full, but for the side of the body that a side camera does not see."""
    seen = np.full(POINTS, SEEN)
    if abs(np.sin(azimuth)) > 0.8:
        far = "left" if np.sin(azimuth) > 0 else "right"
        for name in NAMES:
            if far in name:
                seen[INDEX[name]] = spec.far_visibility
    return np.tile(seen, (frames, 1))


def _events(spec: StandingSpec) -> tuple[EventTruth, ...]:
    found = []
    if spec.foot_up_s is not None:
        found.append(EventTruth("foot_up", spec.foot_up_s, 2 * RAMP_S, 1.0, spec.stance_side))
    for happening in spec.happenings:
        found.append(
            EventTruth(
                happening.kind,
                happening.at_s,
                happening.duration_s,
                happening.amount,
                happening.side or spec.stance_side,
            )
        )
    if spec.end_s is not None:
        found.append(EventTruth("foot_down", spec.end_s, 0.0, 1.0, spec.stance_side))
    return tuple(sorted(found, key=lambda event: event.onset_s))
