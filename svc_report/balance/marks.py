"""How events, verdicts and states of a balance trial look; the word carries the meaning."""

from __future__ import annotations

from assay.decision.v1.decision_pb2 import DecisionStatus

from svc_report import marks
from svc_report.sheet import Mark
from svc_report.words import ENGLISH

_LOOK = marks.STATUSES[DecisionStatus.DECISION_STATUS_NO_COLOUR]
_GOOD = marks.STATUSES[DecisionStatus.DECISION_STATUS_OK]
_OPEN = marks.STATUSES[DecisionStatus.DECISION_STATUS_INCOMPLETE]
_LATER = marks.STATUSES[DecisionStatus.DECISION_STATUS_DEFERRED]

STATUSES = {
    DecisionStatus.DECISION_STATUS_OK: Mark("Measured", "check", _GOOD.colour, _GOOD.tint),
    DecisionStatus.DECISION_STATUS_INCOMPLETE: _OPEN.mark(ENGLISH),
    DecisionStatus.DECISION_STATUS_STOPPED: Mark(
        "Refer first",
        "arrow",
        marks.SEVERITIES["refer"].colour,
        marks.SEVERITIES["refer"].tint,
    ),
    DecisionStatus.DECISION_STATUS_DEFERRED: _LATER.mark(ENGLISH),
    DecisionStatus.DECISION_STATUS_NOT_MEASURABLE: Mark("Not measurable", "dash", _LOOK.colour, _LOOK.tint),
}

EVENTS = {
    "start": Mark("Start", "check", _GOOD.colour, _GOOD.tint),
    "failure": Mark("Failure", "cross", marks.SEVERITIES["refer"].colour, marks.SEVERITIES["refer"].tint),
    "error": Mark("Error", "triangle", marks.SEVERITIES["hold"].colour, marks.SEVERITIES["hold"].tint),
    "compensation": Mark(
        "Compensation", "diamond", marks.SEVERITIES["caution"].colour, marks.SEVERITIES["caution"].tint
    ),
}
"""By kind of event."""

VERDICTS = {
    "beyond_mdc": Mark(
        "Beyond the minimal detectable change", "arrow", marks.SEVERITIES["hold"].colour, _LOOK.tint
    ),
    "within_mdc": Mark("Within the minimal detectable change", "dash", _LOOK.colour, _LOOK.tint),
    "unknown": Mark("Cannot be judged", "question", _LOOK.colour, _LOOK.tint),
}
"""By verdict of a comparison."""


def event(kind: str) -> Mark:
    """The mark of an event's kind; an unknown kind keeps its own word."""
    return EVENTS.get(kind, Mark(kind.capitalize() or "Event", "info", _LOOK.colour, _LOOK.tint))


def verdict(word: str) -> Mark:
    """The mark of a comparison's verdict."""
    return VERDICTS.get(word, Mark(word.replace("_", " "), "question", _LOOK.colour, _LOOK.tint))
