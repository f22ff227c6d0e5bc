"""What the tests of events, tasks and the sway stage share: synthetic trials, true events, posed clips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from assay.balance.v1.balance_pb2 import BalanceTrial

from mesh import landmarks
from mesh.errors import FailedPrecondition
from mesh.landmarks import INDEX, Landmarks
from models.synth.standing import Happening, StandingSpec, Truth, trial
from svc_balance.sway.trial import Result, assess

POINTS = ("heel", "foot_index", "ankle")


def result(spec: StandingSpec, **stated: object) -> Result:
    """A synthetic trial, assessed."""
    return assess(trial(spec)[0], BalanceTrial(height_cm=175, **stated))


def clearance(truth: Truth) -> np.ndarray:
    """True height of the lifted foot over the standing one, leg lengths, [N]."""
    standing = truth.stance_side
    lifted = "right" if standing == "left" else "left"
    height = truth.joints_mm[:, :, 2]
    gap = [height[:, INDEX[f"{lifted}_{p}"]] - height[:, INDEX[f"{standing}_{p}"]] for p in POINTS]
    hip, knee, ankle = (truth.joints_mm[:, INDEX[f"{standing}_{p}"]] for p in ("hip", "knee", "ankle"))
    leg = np.linalg.norm(hip - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1)
    return np.min(gap, axis=0) / np.median(leg)


def crossing_s(truth: Truth, level: float, after_s: float, *, up: bool) -> float:
    """When the true clearance first passes a level after a time."""
    share, time_s = clearance(truth), truth.time_s
    for i in np.flatnonzero(time_s[1:] > after_s):
        before, now = share[i], share[i + 1]
        if (before <= level < now) if up else (before >= level > now):
            return float(time_s[i] + (level - before) / (now - before) * (time_s[i + 1] - time_s[i]))
    raise AssertionError(f"the clearance never passes {level}")


def codes(found: Result) -> set[str]:
    """Codes of a result's flags."""
    return {flag.code for flag in found.flags}


def onsets(found: Result, name: str) -> list[float]:
    """Onsets of the events of one id."""
    return [event.onset_s for event in found.events if event.id == name]


def mirrored(series: Landmarks) -> Landmarks:
    """The same person in a mirror: left is right, and the picture is turned over."""
    swap = [INDEX[n.replace("left", "right") if "left" in n else n.replace("right", "left")] for n in INDEX]
    px = series.image_px[:, swap].copy()
    px[..., 0] = series.width - px[..., 0]
    world = None
    if series.world_m is not None:
        world = series.world_m[:, swap].copy()
        world[..., 0] *= -1
    return replace(
        series,
        image_px=px,
        world_m=world,
        visibility=series.visibility[:, swap],
        presence=series.presence[:, swap],
        standard_error_px=None if series.standard_error_px is None else series.standard_error_px[:, swap],
    )


@dataclass(frozen=True)
class Score:
    """How found events compare with true ones, matched one to one within a tolerance."""

    hits: int
    missed: int
    false: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / (2 * self.hits + self.missed + self.false)


def match(true_s: list[float], found_s: list[float], tolerance_s: float = 0.25) -> Score:
    """Matches each true time with the nearest found one that is still free."""
    free, hits = sorted(found_s), 0
    for at in sorted(true_s):
        near = [t for t in free if abs(t - at) <= tolerance_s]
        if near:
            free.remove(min(near, key=lambda t: abs(t - at)))
            hits += 1
    return Score(hits, len(true_s) - hits, len(free))


HAPPENINGS = (
    Happening("touchdown", 8.0, 0.5, 1.0),
    Happening("hands_off", 11.0, 1.0, 60.0, "left"),
    Happening("hip_abduction", 14.0, 1.0, 40.0),
    Happening("heel_lift", 17.0, 1.0, 60.0),
    Happening("stance_foot_moved", 20.0, 0.3, 90.0),
)


@cache
def posed(
    path: Path, cuts_s: tuple[float, ...] = (), regions: int = 1, between_s: tuple[float, float] = (0, np.inf)
) -> Landmarks:
    """Landmarks of a clip, or of a part of it, by the pose stage; times from the part's start.

    Skips with the reason when the models are not set up.
    """
    from svc_balance.pose.estimate import estimate
    from svc_balance.pose.networks import networks
    from svc_balance.pose.video import decode

    try:
        loaded = networks()
    except FailedPrecondition as error:
        pytest.skip(f"pose models absent: {error}")
    begin_s, end_s = between_s
    frames = (f for f in takewhile(lambda f: f.time_s <= end_s, decode(path)) if f.time_s >= begin_s)
    inside = tuple(cut for cut in cuts_s if begin_s < cut < end_s)
    made = estimate(frames, loaded, regions=regions, cuts_s=inside).landmarks
    begun_s = float(made.time_s[0])
    made = replace(made, time_s=made.time_s - begun_s, cuts_s=tuple(cut - begun_s for cut in inside))
    return landmarks.decode(landmarks.encode(made))
