"""A balance case: this trial, the quality flags on it, and the earlier trials of the same person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from assay.balance.v1 import balance_pb2 as pb
from assay.common.v1.types_pb2 import FlagLevel, Measurement, QualityFlag

# The composite as a reading, so that it is compared like any metric.
SCORE = "SCORE"
_Z95 = 1.96
_MOST_NAMED = 4
# Nothing measured here comes near; beyond it sums and differences could overflow. NaN fails it as well.
_LARGEST = 1e9
# A test's own cap in s where none is stated (BalanceTrial.cap_s).
_IMPLIED_CAP_S = {"single_leg": 45.0, "bess": 20.0, "mbess": 20.0, "ctsib": 30.0, "mctsib": 30.0}
# The stance a test implies when none is stated; BESS has three, so it implies none.
_IMPLIED_STANCE = {"single_leg": "single", "y_balance": "single", "ctsib": "double", "mctsib": "double"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured value with its 95 % interval in `unit`; low and high are None when it is not known."""

    value: float
    low: float | None
    high: float | None
    unit: str

    @property
    def standard_uncertainty(self) -> float | None:
        """Half the interval over 1.96, None when there is no interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / (2 * _Z95)

    def magnitude(self) -> Quantity:
        """The same without its sign; an interval around zero begins at zero."""
        if self.low is None or self.high is None:
            return Quantity(abs(self.value), self.low, self.high, self.unit)
        ends = sorted((abs(self.low), abs(self.high)))
        low = 0.0 if self.low <= 0 <= self.high else ends[0]
        return Quantity(abs(self.value), low, ends[1], self.unit)


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of a trial: its quantity, or why there is none, and how it was defined."""

    id: str
    quantity: Quantity | None
    why_not: str = ""
    definition: tuple[Any, ...] = ()
    """version, cutoff, band: two readings are comparable when these are equal"""
    snr: float | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial. `protocol` maps a field of BalanceTrial to its value in words, None when not stated."""

    job_id: str
    at: datetime | None
    stated: pb.BalanceTrial
    sway: pb.SwayPage
    pose: str
    protocol: Mapping[str, str | float | bool | None]
    readings: Mapping[str, Reading]

    def quantity(self, metric: str) -> Quantity | None:
        """The measured quantity of a metric."""
        reading = self.readings.get(metric)
        return reading.quantity if reading else None


@dataclass(frozen=True, slots=True)
class BalanceCase:
    """This trial, the flags of recording, pose and sway, and the trials to compare with, newest first."""

    now: Trial
    flags: tuple[QualityFlag, ...]
    earlier: tuple[Trial, ...]


def trial_of(
    stated: pb.BalanceTrial,
    sway: pb.SwayPage,
    pose: str,
    *,
    job_id: str = "",
    at: datetime | None = None,
    flags: Iterable[QualityFlag] = (),
) -> Trial:
    """Reads one trial. `flags` are those of recording and pose; a failing one withholds every metric."""
    failed = tuple(dict.fromkeys(flag.code for flag in flags if flag.level == FlagLevel.FLAG_LEVEL_FAIL))
    return Trial(
        job_id,
        at,
        stated,
        sway,
        pose,
        MappingProxyType(_protocol(stated, sway, pose)),
        _readings(sway, failed),
    )


def case_of(now: Trial, earlier: Iterable[pb.EarlierTrial], flags: Iterable[QualityFlag]) -> BalanceCase:
    """Puts a case together; an earlier trial with this trial's own id is left out."""
    trials = [_earlier(e) for e in earlier if not (e.job_id and e.job_id == now.job_id)]
    oldest = datetime.min.replace(tzinfo=UTC)
    trials.sort(key=lambda t: (t.at or oldest, t.job_id), reverse=True)
    # The sway stage may repeat what earlier stages said.
    told = {(flag.code, flag.level): flag for flag in (*flags, *now.sway.flags)}
    return BalanceCase(now, tuple(told.values()), tuple(trials))


def same_visit(a: Trial, b: Trial, hours: float) -> bool:
    """Whether both times are known and at most `hours` apart."""
    if a.at is None or b.at is None:
        return False
    return abs((a.at - b.at).total_seconds()) <= hours * 3600


def pose_label(page: pb.PosePage) -> str:
    """Pose model and mode as in EarlierTrial.pose, "blazepose-full@0.10.14 quality"; empty when not known."""
    models = [f"{v.name}@{v.version}" for v in page.provenance.versions if v.kind == "model"]
    named = models[0] if models else page.source
    mode = pb.PoseMode.Name(page.mode).removeprefix("POSE_MODE_").lower()
    return f"{named} {mode}" if named else ""


def quantity_of(measured: Measurement) -> Quantity | None:
    """The quantity of a measurement, None when it was not measurable or is no number a body can have."""
    if not measured.HasField("value") or not abs(measured.value) <= _LARGEST:
        return None
    value, low, high = measured.value, None, None
    if measured.HasField("low_95") and measured.HasField("high_95"):
        low, high = measured.low_95, measured.high_95
    elif measured.HasField("standard_uncertainty"):
        half = _Z95 * abs(measured.standard_uncertainty)
        low, high = value - half, value + half
    if low is None or high is None or not (abs(low) <= _LARGEST and abs(high) <= _LARGEST):
        return Quantity(value, None, None, measured.unit)
    return Quantity(value, min(low, value), max(high, value), measured.unit)


def _earlier(e: pb.EarlierTrial) -> Trial:
    at = e.created_at.ToDatetime(UTC) if e.HasField("created_at") else None
    trial = trial_of(e.trial, e.sway, e.pose, job_id=e.job_id, at=at, flags=e.flags)
    scored = Reading(SCORE, quantity_of(e.score), definition=(e.ruleset_sha256, *e.score_rules))
    return replace(trial, readings=MappingProxyType({**trial.readings, SCORE: scored}))


def _word(enum: Any, value: int, prefix: str) -> str | None:
    return enum.Name(value).removeprefix(prefix).lower() if value else None


def _protocol(stated: pb.BalanceTrial, sway: pb.SwayPage, pose: str) -> dict[str, str | float | bool | None]:
    task = _word(pb.Task, stated.task, "TASK_") or "single_leg"
    bess = task in ("bess", "mbess")
    return {
        "task": task,
        "side": _word(pb.StanceSide, stated.side, "STANCE_SIDE_"),
        "side_found": _word(pb.StanceSide, sway.side_found, "STANCE_SIDE_"),
        # Eyes are closed in every condition of BESS by definition.
        "eyes": _word(pb.Eyes, stated.eyes, "EYES_") or ("closed" if bess else None),
        "stance": _word(pb.Stance, stated.stance, "STANCE_") or _IMPLIED_STANCE.get(task),
        "arms": _word(pb.Arms, stated.arms, "ARMS_"),
        "surface": _word(pb.Surface, stated.surface, "SURFACE_") or ("firm" if task == "mbess" else None),
        "barefoot": stated.barefoot if stated.HasField("barefoot") else None,
        "cap_s": stated.cap_s if stated.HasField("cap_s") else _IMPLIED_CAP_S.get(task),
        "reach": _word(pb.Reach, stated.reach, "REACH_"),
        "view": _word(pb.View, sway.view or stated.view, "VIEW_"),
        "pose": pose or None,
    }


def _readings(sway: pb.SwayPage, failed: tuple[str, ...]) -> Mapping[str, Reading]:
    failing = {flag.code for flag in sway.flags if flag.level == FlagLevel.FLAG_LEVEL_FAIL}
    found = [_reading(metric, failed, failing) for metric in sway.metrics]
    if sway.HasField("time_to_failure"):
        found.append(_plain("TIME_TO_FAILURE", sway.time_to_failure, failed))
    # These two are counted from events, which a failing check of the sway stage may have left incomplete.
    every = (*failed, *sorted(failing))
    if sway.HasField("bess_errors"):
        found.append(_plain("BESS_ERRORS", Measurement(value=sway.bess_errors, unit="errors"), every))
    compensations = _compensations(sway)
    if compensations is not None:
        found.append(_plain("COMPENSATIONS", compensations, every))
    return MappingProxyType({reading.id: reading for reading in found})


def _reading(metric: pb.BalanceMetric, failed: tuple[str, ...], failing: set[str]) -> Reading:
    own = tuple(code for code in metric.flags if code in failing)
    reading = _plain(metric.measurement.id, metric.measurement, (*failed, *own))
    return Reading(
        reading.id,
        reading.quantity,
        reading.why_not,
        (metric.version, metric.cutoff_hz, metric.band_low_hz, metric.band_high_hz),
        metric.snr if metric.HasField("snr") else None,
    )


def _plain(name: str, measured: Measurement, failed: tuple[str, ...]) -> Reading:
    if failed:
        more = f" and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
        return Reading(name, None, f"withheld because of {', '.join(failed[:_MOST_NAMED])}{more}")
    quantity = quantity_of(measured)
    return Reading(name, quantity, "" if quantity else measured.not_measurable or "not measured")


def _compensations(sway: pb.SwayPage) -> Measurement | None:
    """Expected number of compensations in 10 s of the measured window, from the events' confidences.

    Each event is a Bernoulli variable with its confidence p: mean sum(p), variance sum(p (1 - p)).
    """
    if not sway.HasField("window") or sway.window.end_s <= sway.window.start_s:
        return None
    begin, end = sway.window.start_s, sway.window.end_s
    confidences = [
        min(max(e.confidence, 0.0), 1.0)
        for e in sway.events
        if e.kind == "compensation" and e.onset_s < end and e.onset_s + e.duration_s >= begin
    ]
    per_10_s = 10 / (end - begin)
    spread = sum(p * (1 - p) for p in confidences) ** 0.5
    return Measurement(
        value=sum(confidences) * per_10_s, standard_uncertainty=spread * per_10_s, unit="1/10s"
    )
