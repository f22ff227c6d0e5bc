"""The case around the inks: header, flags, what the operator stated, sessions, trace, versions."""

from __future__ import annotations

from collections.abc import Sequence

from assay.common.v1.types_pb2 import Measurement, Provenance
from assay.decision.v1.decision_pb2 import Device, Intake, SessionEstimate, TattooCase
from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.descriptor import FieldDescriptor

from svc_report import inks, marks, numbers, wording
from svc_report.sheet import Fact, Flag, Remark, Rule, Sessions, Version

UNANSWERED = "unanswered"
MAX_FLAGS = 64
MAX_RULES = 200
_EARLIEST, _LATEST = -62135596800, 253402300799  # 0001-01-01 and 9999-12-31, what Timestamp allows


def unix_time(analysis: Analysis) -> int | None:
    """Seconds since 1970 at which the decision was made, else the job accepted; None when neither is known.

    Taken from the document and never from the clock, so that rendering twice gives the same bytes.
    """
    ends = [run.finished_at.seconds for run in analysis.runs if run.HasField("finished_at")]
    if analysis.job.HasField("created_at"):
        ends.append(analysis.job.created_at.seconds)
    usable = [seconds for seconds in ends if _EARLIEST <= seconds <= _LATEST]
    return max(usable) if usable else None


def header(analysis: Analysis) -> tuple[Fact, ...]:
    """Who, when, where."""
    job = analysis.job
    seconds = unix_time(analysis)
    return (
        Fact("Subject", job.subject_id or "no pseudonym given"),
        Fact("Date", "not stated" if seconds is None else numbers.moment(seconds)),
        Fact("Device", device(job.tattoo.device)),
        Fact("Job", job.job_id),
        Fact("Tenant", job.tenant_id),
        Fact("Data region", job.region or "not stated"),
    )


def device(stated: Device) -> str:
    """The laser at hand, in one line."""
    words = " ".join(part for part in (stated.manufacturer, stated.model) if part)
    parts = [part for part in (stated.id, words, stated.clearance) if part]
    if stated.wavelengths_nm:
        parts.append("/".join(str(nm) for nm in stated.wavelengths_nm[:16]) + "\u00a0nm")
    if stated.pulse in wording.PULSES:
        parts.append(wording.PULSES[stated.pulse])
    return ", ".join(parts) or "not stated"


def flags(analysis: Analysis) -> tuple[Flag, ...]:
    """Flags that fired, gravest first; the order within a severity is the decision's."""
    order = list(marks.SEVERITIES)
    fired = sorted(
        analysis.decision.flags,
        key=lambda flag: order.index(flag.severity) if flag.severity in order else len(order),
    )
    return tuple(
        Flag(
            id=flag.id,
            mark=marks.severity(flag.severity),
            scope=", ".join(inks.class_name(name) for name in flag.ink_classes) or flag.scope,
            text=flag.text,
            sources=", ".join(flag.sources),
        )
        for flag in fired[:MAX_FLAGS]
    )


def remarks(analysis: Analysis) -> tuple[Remark, ...]:
    """Quality flags of photo, mask and colour, gravest first."""
    found = [*analysis.ingest.flags, *analysis.segment.flags, *analysis.color.flags]
    found.sort(key=lambda flag: -flag.level)
    return tuple(Remark(marks.level(flag.level), flag.code, flag.message) for flag in found[:MAX_FLAGS])


def statement(case: TattooCase) -> tuple[Fact, ...]:
    """What the operator stated besides the intake answers."""
    facts = [
        Fact(wording.QUESTIONS["device"], device(case.device)),
        Fact(wording.QUESTIONS["site"], case.site or UNANSWERED),
        Fact(
            wording.QUESTIONS["fitzpatrick_operator"],
            wording.SKIN_TYPES.get(case.fitzpatrick_operator, UNANSWERED),
        ),
        Fact(
            wording.QUESTIONS["area_cm2"],
            f"{numbers.significant(case.area_cm2)}\u00a0cm²" if case.HasField("area_cm2") else UNANSWERED,
        ),
        Fact(
            wording.QUESTIONS["ita_protected"],
            f"{numbers.fixed(case.ita_protected, 0)}°" if case.HasField("ita_protected") else "not measured",
        ),
    ]
    if case.HasField("override"):
        override = case.override
        skin_type = wording.SKIN_TYPES.get(override.fitzpatrick, "not stated")
        facts.append(
            Fact("Override of the skin type", f"to {skin_type} by {override.name}. Reason: {override.reason}")
        )
    return tuple(facts)


def answers(intake: Intake) -> tuple[Fact, ...]:
    """Every intake question with its answer, in the order of the questionnaire."""
    return tuple(Fact(question(field.name), _answer(intake, field)) for field in Intake.DESCRIPTOR.fields)


def _answer(intake: Intake, field: FieldDescriptor) -> str:
    if field.has_presence and field not in {stated for stated, _ in intake.ListFields()}:
        return UNANSWERED
    value = getattr(intake, field.name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return numbers.significant(value, 4)
    return str(value) or UNANSWERED


def question(name: str) -> str:
    """A question by the field it fills; a path such as "intake.gold" counts by its last part."""
    field = name.rsplit(".", 1)[-1]
    return wording.QUESTIONS.get(field, name.replace("_", " "))


def sessions(estimate: SessionEstimate) -> Sessions:
    """The session estimate; what is missing when there is none."""
    return Sessions(
        estimate=_estimate(estimate.sessions),
        scale=wording.SESSION_SCALE if numbers.value_of(estimate.sessions) is not None else "",
        points=tuple(point.replace("=", " ").replace("_", " ") for point in estimate.points),
        caveats=tuple(estimate.caveats),
    )


def _estimate(measured: Measurement) -> str:
    value = numbers.value_of(measured)
    if value is None:
        why = measured.not_measurable
        return f"Not estimable: {why}" if why else "Not estimable"
    text = numbers.significant(value, 3)
    if measured.HasField("low_95") and measured.HasField("high_95"):
        low, high = numbers.significant(measured.low_95, 3), numbers.significant(measured.high_95, 3)
        return f"{text} sessions ({low} to {high})"
    return f"{text} sessions (no interval stated)"


def trace(analysis: Analysis, *, fired: bool) -> tuple[Rule, ...]:
    """Rules that fired, or that did not."""
    entries = [entry for entry in analysis.decision.trace if entry.fired == fired]
    return tuple(Rule(entry.rule, ", ".join(entry.saw), entry.effect) for entry in entries[:MAX_RULES])


def approval(analysis: Analysis) -> str:
    """Under which ruleset, and who approved it; empty before the decision."""
    page = analysis.decision
    return (
        f"Ruleset {page.ruleset}: {page.ruleset_approval}" if page.ruleset and page.ruleset_approval else ""
    )


def ruleset(analysis: Analysis) -> tuple[Fact, ...]:
    """The ruleset that decided, its content hash and who approved it."""
    page = analysis.decision
    return (
        Fact("Ruleset", page.ruleset or "not stated"),
        Fact("SHA-256", page.ruleset_sha256 or "not stated"),
        Fact("Approval", page.ruleset_approval or "not stated"),
    )


def versions(pages: Sequence[tuple[str, Provenance]]) -> tuple[Version, ...]:
    """Every component of every page; pages by the name that is shown."""
    return tuple(
        Version(
            stage=stage,
            kind=component.kind,
            name=component.name,
            version=component.version or "\u2013",
            sha256=component.sha256[:16] or "\u2013",
        )
        for stage, provenance in pages
        for component in list(provenance.versions)[:32]
    )
