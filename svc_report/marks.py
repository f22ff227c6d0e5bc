"""Marks: how states and severities look. The word carries the meaning; symbol and colour repeat it.

Every colour keeps at least 4.5:1 against white and against its tint (WCAG 2.2, success criterion 1.4.3).
"""

from __future__ import annotations

from assay.common.v1.types_pb2 import FlagLevel
from assay.decision.v1.decision_pb2 import DecisionStatus, OptionStatus

from svc_report.sheet import Mark

_GREEN, _GREEN_TINT = "#14663a", "#e6f3ea"
_BLUE, _BLUE_TINT = "#1a5490", "#e8f0f9"
_VIOLET, _VIOLET_TINT = "#5d3a8e", "#f0ebf7"
_AMBER, _AMBER_TINT = "#7d4e00", "#fdf3de"
_RED, _RED_TINT = "#9b1c22", "#fcebea"
_SLATE, _SLATE_TINT = "#475467", "#eff2f5"

OPTIONS = {
    OptionStatus.OPTION_STATUS_RECOMMEND: Mark("Recommend", "check", _GREEN, _GREEN_TINT),
    OptionStatus.OPTION_STATUS_CONSIDER: Mark("Consider", "half", _BLUE, _BLUE_TINT),
    OptionStatus.OPTION_STATUS_SPECIALIST: Mark("Specialist only", "diamond", _VIOLET, _VIOLET_TINT),
    OptionStatus.OPTION_STATUS_HOLD: Mark("Hold: test spot", "pause", _AMBER, _AMBER_TINT),
    OptionStatus.OPTION_STATUS_DEFERRED: Mark("Not today", "clock", _AMBER, _AMBER_TINT),
    OptionStatus.OPTION_STATUS_BLOCKED: Mark("Blocked for this skin", "slash", _RED, _RED_TINT),
    OptionStatus.OPTION_STATUS_NOT_USEFUL: Mark("Not useful", "dash", _SLATE, _SLATE_TINT),
}
UNKNOWN_OPTION = Mark("State not given", "question", _SLATE, _SLATE_TINT)

STATUSES = {
    DecisionStatus.DECISION_STATUS_OK: Mark("Options ranked", "check", _GREEN, _GREEN_TINT),
    DecisionStatus.DECISION_STATUS_INCOMPLETE: Mark("Incomplete", "question", _AMBER, _AMBER_TINT),
    DecisionStatus.DECISION_STATUS_STOPPED: Mark("Stopped", "cross", _RED, _RED_TINT),
    DecisionStatus.DECISION_STATUS_DEFERRED: Mark("Not today", "clock", _AMBER, _AMBER_TINT),
    DecisionStatus.DECISION_STATUS_QUALITATIVE: Mark("Qualitative only", "half", _BLUE, _BLUE_TINT),
    DecisionStatus.DECISION_STATUS_NO_COLOUR: Mark("No colour result", "dash", _SLATE, _SLATE_TINT),
}
UNDECIDED = Mark("Not decided", "question", _SLATE, _SLATE_TINT)

SEVERITIES = {
    "refer": Mark("Refer", "arrow", _RED, _RED_TINT),
    "contraindicated": Mark("Contraindicated", "cross", _RED, _RED_TINT),
    "hold": Mark("Hold: test spot", "pause", _AMBER, _AMBER_TINT),
    "defer": Mark("Defer", "clock", _AMBER, _AMBER_TINT),
    "caution": Mark("Caution", "triangle", _VIOLET, _VIOLET_TINT),
    "info": Mark("Information", "info", _BLUE, _BLUE_TINT),
}
"""By severity of the ruleset, gravest first."""

LEVELS = {
    FlagLevel.FLAG_LEVEL_FAIL: Mark("Fail", "cross", _RED, _RED_TINT),
    FlagLevel.FLAG_LEVEL_WARN: Mark("Warning", "triangle", _AMBER, _AMBER_TINT),
    FlagLevel.FLAG_LEVEL_INFO: Mark("Information", "info", _BLUE, _BLUE_TINT),
}


def severity(word: str) -> Mark:
    """The mark of a severity; one that the ruleset invented keeps its own word."""
    return SEVERITIES.get(
        word, Mark(word.capitalize() or "Severity not given", "question", _SLATE, _SLATE_TINT)
    )


def level(number: FlagLevel.ValueType) -> Mark:
    """The mark of a quality flag's level."""
    return LEVELS.get(number, Mark("Level not given", "question", _SLATE, _SLATE_TINT))
