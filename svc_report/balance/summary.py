"""The first page: what was tested, what came out, and what stands against it, cut to one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assay.balance.v1.balance_pb2 import View
from assay.common.v1.types_pb2 import FlagLevel
from assay.decision.v1.decision_pb2 import DecisionStatus
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import case, marks, numbers
from svc_report.balance import metrics, results, trial, wording
from svc_report.balance.sheet import Summary
from svc_report.sheet import Fact, Flag, Picture, Remark
from svc_report.words import ENGLISH

PAGE_MM = 258.0
HEAD_MM = 48.0
"""Title, header and status."""
LINE_MM = 3.6
CHART_MM = 11.5
"""What heading and caption add to a chart."""
MM_PER_POINT = 25.4 / 72
ROW_MM = 4.7
HEADING_MM = 6.6
LIMITS_MM = HEADING_MM + 3 * LINE_MM + 4.0
MAX_REASONS = 5
CHARACTERS = {"fact": 44, "flag": 100, "note": 128, "result": 27}
"""Characters that fit a line of each part."""


def build(analysis: Analysis, chart: Picture, chart_pt: float) -> Summary:
    """Reasons to refer and open questions always; then measurements, flags and notes while they fit.

    The chart, chart_pt points high, gives way when what must stand there needs its place.
    """
    time, time_note = results.held(analysis.sway)
    score, score_note = results.score(analysis.decision.balance)
    if not analysis.HasField("decision"):
        score_note = "this analysis has no decision page"
    whole = Summary(
        test=trial.test(analysis),
        time=time,
        time_note=time_note,
        score=score,
        score_note=score_note,
        parts=results.parts(analysis.decision.balance),
        headline=metrics.headline(analysis.sway),
        chart=chart,
        flags=case.flags(analysis, ENGLISH),
        flags_more="",
        reasons=_reasons(analysis),
        notes=_notes(analysis),
        notes_more="",
        limits=wording.FRONT_LIMITS,
    )
    head = HEAD_MM + LINE_MM * (_lines(trial.recording(analysis), "fact") - 1)
    return _cut(whole, head + _missing_mm(analysis), chart_pt * MM_PER_POINT + CHART_MM)


def _missing_mm(analysis: Analysis) -> float:
    missing = len(analysis.decision.missing)
    return missing * (LINE_MM + 1) + HEADING_MM * bool(missing)


def _cut(whole: Summary, head_mm: float, chart_mm: float) -> Summary:
    room = PAGE_MM - head_mm - LIMITS_MM - _block_mm(whole)
    hard = [flag for flag in whole.flags if is_hard(flag)]
    soft = [flag for flag in whole.flags if not is_hard(flag)]
    room -= sum(_flag_mm(flag.text + flag.sources + flag.id) for flag in hard) + HEADING_MM * bool(hard)
    room -= sum(_flag_mm(reason.text + reason.code) for reason in whole.reasons)
    room -= HEADING_MM * bool(whole.reasons)
    # Flags and notes keep a heading and the line that says how many were left out.
    room -= (HEADING_MM + LINE_MM) * (bool(soft) + bool(whole.notes))
    chart = whole.chart if room > chart_mm else Picture("", "", "")
    room -= chart_mm * bool(chart.file)
    rows = _fitting([ROW_MM] * len(whole.headline), room - HEADING_MM - ROW_MM)
    room -= rows * ROW_MM + (HEADING_MM + ROW_MM) * bool(rows)
    flag_mm = [_flag_mm(flag.text + flag.sources + flag.id) for flag in soft]
    flags = _fitting(flag_mm, room)
    room -= sum(flag_mm[:flags])
    notes = _fitting([_lines(note, "note") * LINE_MM + 1.4 for note in whole.notes], room)
    left_flags, left_notes = len(soft) - flags, len(whole.notes) - notes
    return replace(
        whole,
        chart=chart,
        headline=whole.headline[:rows],
        flags=(*hard, *soft[:flags]),
        flags_more=_more(left_flags, "flag", 9),
        notes=whole.notes[:notes],
        notes_more=_more(left_notes, "note", 8),
    )


def _more(left_out: int, what: str, section: int) -> str:
    return f"{numbers.count(left_out, what)} left out here: see section {section}." if left_out else ""


def is_hard(flag: Flag) -> bool:
    """Whether a flag asks to refer or to stop."""
    return flag.mark.colour == marks.SEVERITIES["refer"].colour


def _block_mm(whole: Summary) -> float:
    """Height of the two columns of test and result."""

    def facts_mm(facts: Sequence[Fact]) -> float:
        return sum(_lines(fact.value, "fact") * LINE_MM + 0.9 for fact in facts)

    notes = max(_lines(whole.time_note, "result"), _lines(whole.score_note, "result"))
    big = max(_lines(whole.time, "result") + 1, 2) if len(whole.time) > 8 else 2
    result = 4.0 * big + notes * LINE_MM + len(whole.parts) * (LINE_MM + 0.9) + 4
    return HEADING_MM + max(facts_mm(whole.test), result)


def _lines(text: str, part: str) -> int:
    return 1 + len(text) // CHARACTERS[part]


def _flag_mm(text: str) -> float:
    return _lines(text, "flag") * LINE_MM + 2.4


def _fitting(heights: Sequence[float], room: float) -> int:
    """How many of the parts, taken in order, fit into the room."""
    for number in range(len(heights)):
        if sum(heights[: number + 1]) > room:
            return number
    return len(heights)


def _reasons(analysis: Analysis) -> tuple[Remark, ...]:
    """What forbids a conclusion; where nothing could be concluded, the warnings too."""
    least = FlagLevel.FLAG_LEVEL_FAIL
    if analysis.decision.status == DecisionStatus.DECISION_STATUS_NOT_MEASURABLE:
        least = FlagLevel.FLAG_LEVEL_WARN
    grave = {marks.level(level, ENGLISH).word for level in FlagLevel.values() if level >= least}
    return tuple(remark for remark in trial.remarks(analysis) if remark.mark.word in grave)[:MAX_REASONS]


def _notes(analysis: Analysis) -> tuple[str, ...]:
    """What the view leaves out, the decision's own messages, and how to compare."""
    notes = []
    if analysis.sway.view in (View.VIEW_FRONT, View.VIEW_BACK):
        notes.append(wording.NO_FORE_AFT)
    elif analysis.sway.view in (View.VIEW_LEFT, View.VIEW_RIGHT):
        notes.append(wording.NO_SIDEWAYS)
    notes += messages(analysis)
    if analysis.decision.status == DecisionStatus.DECISION_STATUS_OK:
        notes.append(wording.COMPARE)
    return tuple(notes)


def messages(analysis: Analysis) -> tuple[str, ...]:
    """What the rules say about the case as a whole."""
    return tuple(message.text for message in analysis.decision.messages[:20] if message.text)
