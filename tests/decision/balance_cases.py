"""A complete, harmless balance request and ways to change it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from assay.balance.v1 import balance_pb2 as pb
from assay.common.v1.types_pb2 import Measurement
from assay.decision.v1.decision_pb2 import DecideBalanceRequest, DecisionPage

from svc_decision.balance.wire import case_of_request, decided_page

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
POSE = "blazepose-full@0.10.14 quality"
CUTOFF_HZ = {"MVELO_ML": 3.0, "MVELO_AP": 3.0, "RDIST_ML": 5.0, "RDIST_AP": 5.0}
UNITS = {
    "MVELO_ML": "mm/s", "MVELO_AP": "mm/s", "RDIST_ML": "mm", "RDIST_AP": "mm", "HSI": "1",
    "PELVIC_OBLIQUITY_MEAN": "deg", "TRUNK_LEAN_MEAN": "deg", "FPPA_MEAN": "deg", "REACH": "cm",
    "REACH_PCT": "%",
}  # fmt: skip
# Value and standard uncertainty.
METRICS: Mapping[str, tuple[float, float | None]] = {
    "MVELO_ML": (9.0, 0.8),
    "RDIST_ML": (4.0, 0.3),
    "HSI": (0.25, 0.04),
    "PELVIC_OBLIQUITY_MEAN": (1.0, 0.6),
    "TRUNK_LEAN_MEAN": (2.0, 0.8),
    "FPPA_MEAN": (3.0, 1.0),
}
NO_ANSWERS = {
    "falls_12_months": 0, "dizziness": False, "pain": False, "head_injury_4_weeks": False,
    "leg_injury_3_months": False, "neurological": False,
}  # fmt: skip


def metric(name: str, value: float, spread: float | None, version: str = "1") -> pb.BalanceMetric:
    """One metric; a spread of None leaves its uncertainty out."""
    measured = Measurement(id=name, value=value, unit=UNITS[name])
    if spread is not None:
        measured.standard_uncertainty = spread
    return pb.BalanceMetric(measurement=measured, version=version, cutoff_hz=CUTOFF_HZ.get(name, 0.0))


def trial(**changes: Any) -> pb.BalanceTrial:
    """A single-leg stance on the left leg, eyes open, everything stated; None leaves a field out."""
    stated: dict[str, Any] = {
        "task": pb.TASK_SINGLE_LEG,
        "side": pb.STANCE_SIDE_LEFT,
        "eyes": pb.EYES_OPEN,
        "arms": pb.ARMS_CROSSED,
        "surface": pb.SURFACE_FIRM,
        "barefoot": True,
        "height_cm": 172.0,
        "age_years": 35,
        "intake": pb.BalanceIntake(**NO_ANSWERS),
    } | changes
    return pb.BalanceTrial(**{name: value for name, value in stated.items() if value is not None})


def sway(
    metrics: Mapping[str, tuple[float, float | None]] | None = None,
    *,
    drop: Collection[str] = (),
    time: float | None = 42.0,
    version: str = "1",
    **changes: Any,
) -> pb.SwayPage:
    """A front-view recording that failed at 42 s.

    `metrics` replaces or adds values, `drop` leaves some out, `changes` replaces page fields.
    """
    values = {k: v for k, v in (METRICS | (metrics or {})).items() if k not in drop}
    page: dict[str, Any] = {
        "metrics": [metric(name, value, spread, version) for name, (value, spread) in values.items()],
        "side_found": pb.STANCE_SIDE_LEFT,
        "view": pb.VIEW_FRONT,
        "window": pb.Phase(id="single_left", start_s=2.0, end_s=42.0),
        "ended_by": "touchdown",
        "strategy": "ankle",
    } | changes
    made = pb.SwayPage(**{name: value for name, value in page.items() if value is not None})
    if time is not None:
        made.time_to_failure.CopyFrom(
            Measurement(id="TIME_TO_FAILURE", value=time, unit="s", standard_uncertainty=0.05)
        )
    return made


def request(**changes: Any) -> DecideBalanceRequest:
    """The request; `changes` replaces its fields."""
    fields: dict[str, Any] = {"trial": trial(), "sway": sway(), "pose": POSE} | changes
    made = DecideBalanceRequest(**fields)
    made.created_at.FromDatetime(NOW)
    return made


def earlier(job: str = "other", days: float = 0.0, **changes: Any) -> pb.EarlierTrial:
    """An earlier trial of the other leg, an hour before, or `days` before."""
    fields: dict[str, Any] = {
        "job_id": job,
        "trial": trial(side=pb.STANCE_SIDE_RIGHT),
        "sway": sway(side_found=pb.STANCE_SIDE_RIGHT),
        "pose": POSE,
    } | changes
    made = pb.EarlierTrial(**fields)
    made.created_at.FromDatetime(NOW - timedelta(days=days, hours=1))
    return made


def decided(message: DecideBalanceRequest) -> DecisionPage:
    """The page of a request."""
    return decided_page(case_of_request(message), message.ruleset)[0]


def document(message: DecideBalanceRequest) -> dict[str, Any]:
    """The whole decision of a request as JSON."""
    loaded: dict[str, Any] = json.loads(decided_page(case_of_request(message), message.ruleset)[1])
    return loaded
