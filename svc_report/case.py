"""The case around the inks: header, flags, what the operator stated, sessions, trace, versions."""

from __future__ import annotations

from collections.abc import Sequence

from assay.common.v1.types_pb2 import Measurement, Provenance, QualityFlag
from assay.decision.v1.decision_pb2 import Device, Intake, Pulse, SessionEstimate, TattooCase
from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.descriptor import FieldDescriptor

from svc_report import evidence, marks, numbers
from svc_report.advice import skin_type
from svc_report.sheet import Fact, Flag, Remark, Rule, Sessions, Version
from svc_report.words import Words, short

MAX_FLAGS = 64
MAX_RULES = 200
PROTECTED = "PROTECTED_"
"""What the codes of a photo of protected skin begin with."""
NAME, DEVICE = 64, 120
"""Characters of a name, and of the device, in the header of the first page."""
PULSES = {Pulse.PULSE_NS: "pulse.ns", Pulse.PULSE_PS: "pulse.ps"}
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


def header(analysis: Analysis, words: Words) -> tuple[Fact, ...]:
    """Who, when, where; a replay names the job that it repeats."""
    job = analysis.job
    seconds = unix_time(analysis)
    facts = [
        Fact(words("header.subject"), short(job.subject_id, NAME) or words("header.no_subject")),
        Fact(words("header.date"), words("not_stated") if seconds is None else words.moment(seconds)),
        Fact(words("header.device"), short(device(job.tattoo.device, words), DEVICE)),
        Fact(words("header.site"), short(words.term("site", job.tattoo.site), NAME) or words("not_stated")),
        Fact(words("header.job"), job.job_id),
        Fact(words("header.tenant"), job.tenant_id),
        Fact(words("header.region"), job.region or words("not_stated")),
    ]
    if job.replay_of:
        facts.append(Fact(words("header.replay"), job.replay_of))
    return tuple(facts)


def device(stated: Device, words: Words) -> str:
    """The laser at hand, in one line."""
    named = " ".join(part for part in (stated.manufacturer, stated.model) if part)
    parts = [part for part in (stated.id, named, stated.clearance) if part]
    if stated.wavelengths_nm:
        parts.append("/".join(str(nm) for nm in stated.wavelengths_nm[:16]) + "\u00a0nm")
    if stated.pulse in PULSES:
        parts.append(words(PULSES[stated.pulse]))
    return ", ".join(parts) or words("not_stated")


def flags(analysis: Analysis, words: Words) -> tuple[Flag, ...]:
    """Flags that fired, gravest first; the order within a severity is the decision's."""
    order = list(marks.SEVERITIES)
    fired = sorted(
        analysis.decision.flags,
        key=lambda flag: order.index(flag.severity) if flag.severity in order else len(order),
    )
    return tuple(
        Flag(
            id=flag.id,
            severity=flag.severity,
            mark=marks.severity(flag.severity, words),
            hard=flag.severity in marks.HARD,
            scope=words.join([words.term("class", name) for name in flag.ink_classes])
            or words.term("scope", flag.scope),
            text=flag.text,
            evidence=evidence.grade(flag.evidence, words),
            sources=", ".join(flag.sources),
            raised_by=evidence.raised_by(flag, analysis, words),
        )
        for flag in fired[:MAX_FLAGS]
    )


def remarks(analysis: Analysis, words: Words) -> tuple[Remark, ...]:
    """Quality flags of photo, mask and colour, gravest first."""
    found = [*analysis.ingest.flags, *analysis.segment.flags, *analysis.color.flags]
    found.sort(key=lambda flag: -flag.level)
    return tuple(remark(flag, words) for flag in found[:MAX_FLAGS])


def remark(flag: QualityFlag, words: Words) -> Remark:
    """A quality flag as it is shown."""
    return Remark(marks.level(flag.level, words), warning(flag.code, words), flag.code, flag.message)


def warning(code: str, words: Words) -> str:
    """A quality flag's code in words; one of the photo of protected skin is named as such."""
    name = code.removeprefix(PROTECTED)
    if name == code or f"warning.{code}" in words.labels:
        return words.term("warning", code)
    return words("warning.PROTECTED", name=words.term("warning", name))


def statement(case: TattooCase, words: Words) -> tuple[Fact, ...]:
    """What the operator stated besides the intake answers."""
    unanswered = words("unanswered")
    facts = [
        Fact(words("question.device"), device(case.device, words)),
        Fact(words("question.site"), words.term("site", case.site) or unanswered),
        Fact(words("question.fitzpatrick_operator"), skin_type(case.fitzpatrick_operator) or unanswered),
        Fact(
            words("question.area_cm2"),
            f"{words.significant(case.area_cm2)}\u00a0cm²" if case.HasField("area_cm2") else unanswered,
        ),
        Fact(
            words("question.ita_protected"),
            f"{words.fixed(case.ita_protected, 0)}°"
            if case.HasField("ita_protected")
            else words("not_measured"),
        ),
    ]
    if case.HasField("override"):
        override = case.override
        named = skin_type(override.fitzpatrick) or words("not_stated")
        told = words("stated.override_how", type=named, name=override.name, reason=override.reason)
        facts.append(Fact(words("stated.override"), told))
    if case.chart:
        facts.append(Fact(words("question.chart"), case.chart))
    return (*facts, *test_spots(case, words))


def test_spots(case: TattooCase, words: Words) -> tuple[Fact, ...]:
    """Test spots that were made and reviewed."""
    return tuple(
        Fact(
            words("stated.test_spot", ink=words.term("class", spot.ink_class), nm=spot.wavelength_nm),
            words(
                "stated.test_spot_how",
                outcome=words.term("outcome", spot.outcome),
                weeks=words.significant(spot.reviewed_after_weeks),
                name=spot.name,
            ),
        )
        for spot in case.test_spots
    )


def answers(intake: Intake, words: Words) -> tuple[Fact, ...]:
    """Every intake question with its answer, in the order of the questionnaire."""
    return tuple(
        Fact(question(field.name, words), _answer(intake, field, words)) for field in Intake.DESCRIPTOR.fields
    )


def _answer(intake: Intake, field: FieldDescriptor, words: Words) -> str:
    if field.has_presence and field not in {stated for stated, _ in intake.ListFields()}:
        return words("unanswered")
    value = getattr(intake, field.name)
    if isinstance(value, bool):
        return words("yes" if value else "no")
    if isinstance(value, int | float):
        return words.significant(value, 4)
    return words.term("answer", str(value)) or words("unanswered")


def question(name: str, words: Words) -> str:
    """A question by the field it fills; a path such as "intake.gold" counts by its last part."""
    return words.term("question", name.rsplit(".", 1)[-1])


def sessions(estimate: SessionEstimate, words: Words) -> Sessions:
    """The session estimate; what is missing when there is none."""
    known = numbers.value_of(estimate.sessions) is not None
    return Sessions(
        estimate=_estimate(estimate.sessions, words),
        scale=words("sessions.scale") if known else "",
        points=tuple(_points(point, words) for point in estimate.points),
        caveats=tuple(estimate.caveats),
    )


def _points(point: str, words: Words) -> str:
    name, _, number = point.partition("=")
    return f"{words.term('points', name)} {number}".strip()


def _estimate(measured: Measurement, words: Words) -> str:
    value = numbers.value_of(measured)
    if value is None:
        text = words("sessions.none")
        return f"{text}: {measured.not_measurable}" if measured.not_measurable else text
    text = words.significant(value, 3)
    if not (measured.HasField("low_95") and measured.HasField("high_95")):
        return words("sessions.no_interval", n=text)
    low, high = words.significant(measured.low_95, 3), words.significant(measured.high_95, 3)
    return words("sessions.estimate", n=text, low=low, high=high)


def trace(analysis: Analysis, words: Words, *, fired: bool) -> tuple[Rule, ...]:
    """Rules that fired, or that did not."""
    basis = evidence.basis_of(analysis.decision, words)
    entries = [entry for entry in analysis.decision.trace if entry.fired == fired]
    return tuple(
        Rule(entry.rule, ", ".join(entry.saw), entry.effect, basis.behind(entry.rule))
        for entry in entries[:MAX_RULES]
    )


def approval(analysis: Analysis, words: Words) -> Fact:
    """Under which ruleset, and who approved it, in the manifest's own English; empty before the decision."""
    page = analysis.decision
    if not (page.ruleset and page.ruleset_approval):
        return Fact("", "")
    return Fact(words("approval", ruleset=page.ruleset), page.ruleset_approval)


def ruleset(analysis: Analysis, words: Words) -> tuple[Fact, ...]:
    """The ruleset that decided, its content hash and who approved it."""
    page = analysis.decision
    return (
        Fact(words("versions.ruleset"), page.ruleset or words("not_stated")),
        Fact("SHA-256", page.ruleset_sha256 or words("not_stated")),
        Fact(words("versions.approval"), page.ruleset_approval or words("not_stated")),
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
