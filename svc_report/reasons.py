"""Why: the rules that decided, in words, each with how well it is known."""

from __future__ import annotations

from assay.common.v1.types_pb2 import FlagLevel
from assay.decision.v1.decision_pb2 import DecisionStatus, InkDecision, WavelengthOption
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import advice, case, evidence, findings, marks
from svc_report.sheet import Flag, Reason
from svc_report.words import SHORT, Words, short

MAX_REASONS, MAX_HARD = 4, 6
FEW, BRIEF = 3, 110
"""More hard stops than FEW are told in BRIEF characters each."""
MAX_NAMED = 6
LED_INKS = 3


def why(analysis: Analysis, flags: tuple[Flag, ...], words: Words) -> tuple[Reason, ...]:
    """The rules that decided: what stops, then what the state rests on, then what led an option."""
    stops = [flag for flag in flags if flag.hard]
    hard = [_of_flag(flag, words, SHORT if len(stops) <= FEW else BRIEF) for flag in stops]
    rest = [_of_flag(flag, words) for flag in flags if not flag.hard and flag.severity != "info"]
    found = [*hard, *_of_status(analysis, words), *_of_skin(analysis, words), *rest]
    found += _of_options(analysis, words)
    return tuple(found[: max(MAX_REASONS, min(len(hard), MAX_HARD))])


def _of_flag(flag: Flag, words: Words, most: int = SHORT) -> Reason:
    return Reason(flag.mark, flag.id, short(flag.text, most), flag_basis(flag, words))


def flag_basis(flag: Flag, words: Words) -> str:
    """Evidence, sources and what raised a flag, in one line."""
    known = ": ".join(part for part in (flag.evidence, flag.sources) if part)
    return "; ".join(part for part in (known, flag.raised_by) if part)


def _of_status(analysis: Analysis, words: Words) -> list[Reason]:
    """The rule behind a state that no flag explains."""
    decision = analysis.decision
    basis = evidence.basis_of(decision, words)
    mark = marks.status(decision.status).mark(words)
    match decision.status:
        case DecisionStatus.DECISION_STATUS_INCOMPLETE:
            named = words.join([case.question(name, words) for name in decision.missing[:MAX_NAMED]])
            more = ", …" if len(decision.missing) > MAX_NAMED else ""
            text = words("why.incomplete", n=len(decision.missing), questions=named + more)
            return [Reason(mark, words("why.mandatory"), text, words("why.closed"))]
        case DecisionStatus.DECISION_STATUS_QUALITATIVE:
            key = "why.chart_refused" if analysis.color.HasField("chart") else "why.no_chart"
            return [Reason(mark, "Q01", words(key), basis.behind("Q01"))]
        case DecisionStatus.DECISION_STATUS_NO_COLOUR:
            failed = [
                flag for flag in findings.grave_flags(analysis) if flag.level == FlagLevel.FLAG_LEVEL_FAIL
            ]
            named = words.join([case.warning(flag.code, words) for flag in failed[: findings.MAX_NAMED]])
            text = words("why.no_colour", failed=named) if named else words("why.no_colour_unknown")
            return [Reason(mark, "R36", text, basis.behind("R36"))]
    return []


def _of_skin(analysis: Analysis, words: Words) -> list[Reason]:
    """That the gates use a darker type than the operator read."""
    read, safe = analysis.job.tattoo.fitzpatrick_operator, analysis.decision.fitzpatrick_safe
    if not (0 < read < safe):
        return []
    text = words("why.darker", safe=advice.skin_type(safe), read=advice.skin_type(read))
    basis = evidence.basis_of(analysis.decision, words).behind("F01")
    return [Reason(marks.SEVERITIES["caution"].mark(words), "F01", text, basis)]


def _of_options(analysis: Analysis, words: Words) -> list[Reason]:
    """What leads the first option of the largest inks."""
    basis = evidence.basis_of(analysis.decision, words)
    found = []
    for ink in list(analysis.decision.inks)[:LED_INKS]:
        best = next((option for option in ink.options if option.status in advice.OPEN), None)
        if best is not None:
            found.append(Reason(marks.option(best.status, words), *_led(ink, best, words, basis)))
    return found


def _led(
    ink: InkDecision, best: WavelengthOption, words: Words, basis: evidence.Basis
) -> tuple[str, str, str]:
    rule = next((rule for rule in best.rules if rule.startswith("E.")), best.rules[0] if best.rules else "")
    text = words(
        "why.option",
        nm=best.wavelength_nm,
        ink=words.term("class", ink.ink_class),
        efficacy=advice.efficacy(best, words),
        label=words.term("label", best.label),
        gate=words.term("gate", best.skin_gate),
    )
    known = basis.behind(rule) or evidence.grade(best.evidence, words)
    return rule, text, known
