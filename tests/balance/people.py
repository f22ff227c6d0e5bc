"""What the tests of kinematics share: a measured synthetic trial, and changes to landmarks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from assay.balance.v1.balance_pb2 import BalanceTrial

from mesh.landmarks import INDEX, NAMES, POINTS, Landmarks
from models.synth import standing
from svc_balance.sway.posture import alignment, body, compensations, quality, scale, series, strategy, view

OTHER = {"left": "right", "right": "left"}
MIRROR = [
    INDEX[name.replace("left", "right") if "left" in name else name.replace("right", "left")]
    for name in NAMES
]


@dataclass(frozen=True)
class Measured:
    """Everything measured in one series."""

    landmarks: Landmarks
    prepared: series.Prepared
    com: body.CentreOfMass
    view: view.ViewReading
    scale: scale.Scale
    strategy: strategy.StrategyReading
    alignment: alignment.Alignment
    compensations: compensations.Compensations
    flags: tuple[quality.Flag, ...]


def measure(
    landmarks: Landmarks,
    side: str = "left",
    window: tuple[float, float] = (4.0, 19.5),
    trial: BalanceTrial | None = None,
) -> Measured:
    """Runs every part on one series, as the sway stage does."""
    prepared = series.prepare(landmarks)
    com = body.centre_of_mass(prepared)
    seen = view.read_view(prepared)
    mm = scale.pixel_scale(prepared, trial or BalanceTrial(height_cm=175), side, window)
    return Measured(
        landmarks,
        prepared,
        com,
        seen,
        mm,
        strategy.read_strategy(
            prepared,
            side,
            seen,
            window,
            com_px=com.position_px,
            com_error_px=com.standard_uncertainty_px,
            scale=mm,
        ),
        alignment.align(prepared, side, seen, window, mm),
        compensations.find(prepared, side, seen, window, mm),
        quality.flags(
            landmarks,
            prepared,
            side,
            window,
            view=seen,
            com=com,
            scale=mm,
            roll=view.camera_roll(com, prepared, side, prepared.between(*window), seen.view),
        ),
    )


def mirrored(landmarks: Landmarks) -> Landmarks:
    """The same scene in a mirror: x flips, left and right change names."""
    px = landmarks.image_px[:, MIRROR].copy()
    px[..., 0] = landmarks.width - px[..., 0]
    world = None
    if landmarks.world_m is not None:
        world = landmarks.world_m[:, MIRROR].copy()
        world[..., 0] *= -1
    return replace(
        landmarks,
        image_px=px,
        world_m=world,
        visibility=landmarks.visibility[:, MIRROR],
        presence=landmarks.presence[:, MIRROR],
    )


def plain(time_s: np.ndarray, x: np.ndarray, *, cuts_s: tuple[float, ...] = ()) -> Landmarks:
    """A series whose every landmark has the same signal as x, and its y constant."""
    px = np.zeros((len(time_s), POINTS, 2))
    px[..., 0] = np.asarray(x)[:, None]
    ones = np.ones((len(time_s), POINTS))
    return Landmarks(1080, 1920, np.asarray(time_s, float), px, ones, ones, cuts_s=cuts_s)


def spec(**changes: object) -> standing.StandingSpec:
    """The default person with changes."""
    return replace(standing.StandingSpec(), **changes)
