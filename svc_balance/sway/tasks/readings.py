"""Quantities that belong to one test: observed time, BESS, CTSIB and Y-Balance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from assay.balance.v1 import balance_pb2 as pb
from assay.balance.v1.balance_pb2 import BalanceTrial

from mesh.landmarks import INDEX
from svc_balance.sway.events.feet import SIDES, smooth
from svc_balance.sway.posture.filters import low_pass
from svc_balance.sway.posture.reading import Reading, measured, unmeasured
from svc_balance.sway.posture.series import landmark_error
from svc_balance.sway.tasks import protocol as tasks
from svc_balance.sway.tasks import y_balance

if TYPE_CHECKING:
    from svc_balance.sway.trial import Result

VERSION = "1"
# Height of the centre of gravity of NeuroCom's sway angle, share of body height, and the sway that it takes
# for the limit of stability, deg (NeuroCom Balance Manager, clinical interpretation guide).
GRAVITY_SHARE, LIMIT_DEG = 0.5527, 12.5
_SWAY_HZ = 5.0


@dataclass(frozen=True)
class TaskReading:
    """A reading with its group on the page: "time" or "task"."""

    reading: Reading
    group: str


def task_readings(result: Result, trial: BalanceTrial) -> tuple[TaskReading, ...]:
    """Readings of the trial's own test, measurable or not; nothing when no stance was found."""
    if result.held is None:
        return ()
    held = result.held
    observed = measured("HOLD_OBSERVED", held.end_s - held.start_s, "s", held.uncertainty_s)
    out = [TaskReading(observed, "time")]
    if result.bess is not None:
        longest = measured("LONGEST_HOLD", result.bess.held_s, "s", held.uncertainty_s)
        out.append(TaskReading(longest, "task"))
    if result.plan.task in tasks.CTSIB:
        if result.condition is not None:
            out.append(TaskReading(Reading("CTSIB_CONDITION", float(result.condition), "1"), "task"))
        out.append(TaskReading(equilibrium_score(result, trial), "task"))
    if result.plan.task == pb.TASK_Y_BALANCE:
        out += [TaskReading(reading, "task") for reading in _reach(result, trial)]
    return tuple(out)


def equilibrium_score(result: Result, trial: BalanceTrial) -> Reading:
    """100 (12.5 deg - fore-aft sway, peak to peak) / 12.5 deg; theta = atan(AP / (0.5527 height)).

    From a side view with a stated height only; not below 0.
    """
    sway, view, height_mm = result.sway, result.view, trial.height_cm * 10
    hidden = view.hidden("ap")
    if hidden or sway is None:
        return unmeasured("EQUILIBRIUM_SCORE", "%", hidden or "TOO_SHORT")
    mm = sway.scale.mm_per_px
    if mm.value is None or not trial.HasField("height_cm"):
        return unmeasured("EQUILIBRIUM_SCORE", "%", "SCALE_UNKNOWN")
    inside = result.prepared.between(*sway.window_s)
    ap_mm = low_pass(result.com.position_px[:, 0], result.prepared.fs_hz, _SWAY_HZ)[inside] * mm.value
    ap_mm = ap_mm[np.isfinite(ap_mm)]
    if not len(ap_mm):
        return unmeasured("EQUILIBRIUM_SCORE", "%", "LANDMARKS_MISSING")
    theta = np.degrees(np.arctan((ap_mm - ap_mm.mean()) / (GRAVITY_SHARE * height_mm)))
    swing = float(np.ptp(theta))
    relative = (mm.standard_uncertainty or 0.0) / mm.value
    return measured(
        "EQUILIBRIUM_SCORE", max(0.0, 100 * (1 - swing / LIMIT_DEG)), "%", 100 * swing / LIMIT_DEG * relative
    )


def _reach(result: Result, trial: BalanceTrial) -> tuple[Reading, Reading]:
    if not result.side:
        return unmeasured("REACH", "cm", "SIDE_UNKNOWN"), unmeasured("REACH_PCT", "%", "SIDE_UNKNOWN")
    prepared, held = result.prepared, result.held
    assert held is not None
    lifted = SIDES[1 - SIDES.index(result.side)]
    inside = prepared.between(held.start_s, held.end_s)
    name = f"{lifted}_foot_index"
    error_px = landmark_error(prepared)[0][inside, INDEX[name]]
    known = error_px[np.isfinite(error_px)]
    found = y_balance.reach(
        y_balance.homography(trial.floor_marks),
        smooth(prepared, name)[inside, 0],
        float(np.median(known)) if len(known) else 0.0,
        prepared.time_s[inside],
        y_balance.direction(trial.reach, result.side),
    )
    if found.cm is None:
        return Reading("REACH", None, "cm", reason=found.why), Reading(
            "REACH_PCT", None, "%", reason=found.why
        )
    spread = found.uncertainty_cm or math.inf
    reach = measured("REACH", found.cm, "cm", spread)
    if not trial.HasField("leg_length_cm"):
        return reach, Reading("REACH_PCT", None, "%", reason="LEG_LENGTH_UNKNOWN")
    share = y_balance.percent_leg_length(found.cm, trial.leg_length_cm)
    return reach, measured("REACH_PCT", share, "%", 100 * spread / trial.leg_length_cm)
