"""How the trial was done and recorded, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.balance.v1.balance_pb2 import BalanceIntake, BalanceTrial, StanceSide, View
from assay.common.v1.types_pb2 import FlagLevel, Measurement, QualityFlag
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import case, marks, numbers
from svc_report.balance import wording
from svc_report.sheet import Fact, Reading, Remark
from svc_report.words import ENGLISH

MAX_NAMED = 4
MAX_READINGS = 40
UNANSWERED = "unanswered"


def header(analysis: Analysis) -> tuple[Fact, ...]:
    """Who, when, from what."""
    job = analysis.job
    seconds = case.unix_time(analysis)
    return (
        Fact("Subject", job.subject_id or "no pseudonym given"),
        Fact("Date", wording.NOT_STATED if seconds is None else numbers.moment(seconds)),
        Fact("Recording", recording(analysis)),
        Fact("Job", job.job_id),
        Fact("Tenant", job.tenant_id),
        Fact("Data region", job.region or wording.NOT_STATED),
    )


def recording(analysis: Analysis) -> str:
    """The video, or the device that made the landmarks, in one line."""
    ingest = analysis.ingest
    if ingest.HasField("video"):
        video = ingest.video
        return (
            f"video, {video.width}\u00a0×\u00a0{video.height}\u00a0px, "
            f"{numbers.significant(video.fps)}\u00a0Hz, "
            f"{numbers.fixed(video.duration_s, 1)}\u00a0s"
        )
    if ingest.HasField("device_landmarks"):
        device = ingest.device_landmarks
        made = ", ".join(part for part in (device.device, device.model) if part)
        return f"landmarks from the device ({made or 'device not stated'}), {device.frames} frames"
    return wording.NOT_STATED


def test(analysis: Analysis) -> tuple[Fact, ...]:
    """What was tested, for the first page."""
    trial, page = analysis.job.balance, analysis.sway
    return (
        Fact("Test", task(analysis)),
        Fact("Standing leg", side(trial.side, page.side_found, found_by=analysis.HasField("sway"))),
        Fact("Eyes", _said(wording.EYES, trial.eyes)),
        Fact("Arms", _said(wording.ARMS, trial.arms)),
        Fact("Ground", ground(trial)),
        Fact("View", view(trial.view, page.view)),
        Fact("Scale", scale(analysis)),
        Fact("Recording", quality_sentence(analysis)),
    )


def task(analysis: Analysis) -> str:
    """The test; a task that is not stated counts as single-leg stance, and is said to."""
    trial = analysis.job.balance
    named = wording.TASKS.get(trial.task) or wording.TASKS.get(analysis.sway.task)
    stance = wording.STANCES.get(trial.stance)
    reach = wording.REACHES.get(trial.reach)
    words = named or "single-leg stance (not stated)"
    return ", ".join(part for part in (words, stance, reach and f"reach {reach}") if part)


def side(declared: StanceSide.ValueType, found: StanceSide.ValueType, *, found_by: bool) -> str:
    """The standing leg as stated and as found; a contradiction is spelt out."""
    stated, seen = wording.SIDES.get(declared), wording.SIDES.get(found)
    if stated and seen and stated != seen:
        return f"stated {stated}, but the recording shows {seen}"
    if stated and seen:
        return f"{stated}, as stated and as found"
    if seen:
        return f"{seen}, as found; not stated"
    if stated:
        return f"{stated}, as stated; not told from the recording" if found_by else f"{stated}, as stated"
    return wording.NOT_STATED


def view(stated: View.ValueType, found: View.ValueType) -> str:
    """From where the camera looks, and what that leaves out."""
    seen = wording.VIEWS.get(found)
    said = wording.VIEWS.get(stated)
    words = seen or said or "not told"
    if said and seen and said != seen:
        words = f"stated {said}, taken as {seen}"
    if found in (View.VIEW_FRONT, View.VIEW_BACK):
        return f"{words}: sideways movement only"
    if found in (View.VIEW_LEFT, View.VIEW_RIGHT):
        return f"{words}: fore-aft movement only"
    return words


def ground(trial: BalanceTrial) -> str:
    """Surface and shoes."""
    surface = _said(wording.SURFACES, trial.surface)
    if not trial.HasField("barefoot"):
        return f"{surface}; shoes {wording.NOT_STATED}" if trial.surface else wording.NOT_STATED
    return f"{surface}, {'barefoot' if trial.barefoot else 'in shoes'}"


def scale(analysis: Analysis) -> str:
    """Millimetres per pixel with their source and interval."""
    measured = analysis.sway.mm_per_px
    value = numbers.value_of(measured)
    if value is None:
        return f"none: {measured.not_measurable or 'not measured'}"
    how = wording.SCALES.get(analysis.sway.scale_method, analysis.sway.scale_method or "source not stated")
    return f"{numbers.significant(value)}\u00a0mm/px, {how}; {numbers.uncertainty_of(measured)}"


def _flags(analysis: Analysis) -> list[QualityFlag]:
    # A stage may repeat what an earlier one said.
    found = {
        (flag.code, flag.message): flag
        for page in (analysis.ingest, analysis.pose, analysis.sway)
        for flag in page.flags
    }
    return sorted(found.values(), key=lambda flag: -flag.level)[: case.MAX_FLAGS]


def quality_sentence(analysis: Analysis) -> str:
    """How the recording fared, with its gravest flags by name."""
    if not analysis.HasField("ingest") and not analysis.HasField("pose"):
        return "not judged"
    grave = [flag for flag in _flags(analysis) if flag.level >= FlagLevel.FLAG_LEVEL_WARN]
    if not grave:
        return "no warning"
    fails = sum(1 for flag in grave if flag.level == FlagLevel.FLAG_LEVEL_FAIL)
    counts = [numbers.count(fails, "failure")] * bool(fails)
    counts += [numbers.count(len(grave) - fails, "warning")] * bool(len(grave) - fails)
    named = ", ".join(flag.code.replace("_", " ").lower() for flag in grave[:MAX_NAMED])
    more = ", …" if len(grave) > MAX_NAMED else ""
    return f"{', '.join(counts)}: {named}{more} (section 10)"


def remarks(analysis: Analysis) -> tuple[Remark, ...]:
    """Quality flags of recording, pose and sway, gravest first."""
    return tuple(
        Remark(marks.level(flag.level, ENGLISH), "", flag.code, flag.message) for flag in _flags(analysis)
    )


def _measurements(analysis: Analysis) -> list[Measurement]:
    found = [*analysis.ingest.quality, *analysis.pose.quality]
    return [item for item in found if item.id][:MAX_READINGS]


def quality(analysis: Analysis) -> tuple[Reading, ...]:
    """What was measured on the recording."""
    return tuple(
        Reading(
            _reading_name(item),
            numbers.percent(value)
            if _is_share(item)
            else numbers.significant(value) + numbers.unit(item.unit),
            numbers.uncertainty_of(item),
        )
        for item in _measurements(analysis)
        if (value := numbers.value_of(item)) is not None
    )


def unmeasured(analysis: Analysis) -> tuple[Fact, ...]:
    """What could not be measured on the recording, by reason."""
    by_reason: dict[str, list[str]] = {}
    for item in _measurements(analysis):
        if numbers.value_of(item) is None:
            by_reason.setdefault(item.not_measurable or "no reason given", []).append(_reading_name(item))
    return tuple(Fact(", ".join(names), reason) for reason, names in by_reason.items())


def _is_share(item: Measurement) -> bool:
    return item.unit == "1" and item.id.endswith("_share")


def _reading_name(item: Measurement) -> str:
    return wording.READINGS.get(item.id, item.id.replace("_", " ").capitalize())


def statement(trial: BalanceTrial) -> tuple[Fact, ...]:
    """Everything that was stated about the trial and the subject."""
    return (
        Fact("Standing leg", _said(wording.SIDES, trial.side)),
        Fact("Dominant leg", _said(wording.SIDES, trial.dominant_side)),
        Fact("Eyes", _said(wording.EYES, trial.eyes)),
        Fact("Arms", _said(wording.ARMS, trial.arms)),
        Fact("Ground", ground(trial)),
        Fact("View", _said(wording.VIEWS, trial.view)),
        Fact("Time limit", _stated(trial, "cap_s", "\u00a0s", "the test's own")),
        Fact("Body height", _stated(trial, "height_cm", "\u00a0cm")),
        Fact("Leg length", _stated(trial, "leg_length_cm", "\u00a0cm")),
        Fact("Body mass", _stated(trial, "mass_kg", "\u00a0kg")),
        Fact("Age", _stated(trial, "age_years", "\u00a0years")),
        Fact("Sex", _said(wording.SEXES, trial.sex)),
        Fact("Pose mode", _said(wording.MODES, trial.pose_mode)),
        Fact("Reach", _said(wording.REACHES, trial.reach)),
    )


def _stated(trial: BalanceTrial, field: str, after: str, otherwise: str = wording.NOT_STATED) -> str:
    return f"{numbers.significant(getattr(trial, field), 4)}{after}" if trial.HasField(field) else otherwise  # type: ignore[arg-type]  # a field's name


def answers(intake: BalanceIntake) -> tuple[Fact, ...]:
    """Every question with its answer; unanswered is never "no"."""
    facts = []
    for field in BalanceIntake.DESCRIPTOR.fields:
        value = getattr(intake, field.name)
        answered = intake.HasField(field.name)  # type: ignore[arg-type]  # a field's name
        words = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        facts.append(Fact(question(field.name), words if answered else UNANSWERED))
    return tuple(facts)


def question(name: str) -> str:
    """A question by the field it fills; a path such as "intake.pain" counts by its last part."""
    return wording.QUESTIONS.get(name.rsplit(".", 1)[-1], name.replace("_", " "))


def _said(names: Mapping[Any, str], value: Any) -> str:
    return names.get(value, wording.NOT_STATED)
