"""Marks: how states and severities look. The word carries the meaning; symbol and colour repeat it."""

from __future__ import annotations

from dataclasses import dataclass

from assay.common.v1.types_pb2 import FlagLevel
from assay.decision.v1.decision_pb2 import DecisionStatus, OptionStatus

from svc_report import palette
from svc_report.sheet import Mark
from svc_report.words import Words


@dataclass(frozen=True)
class Look:
    """A state without its word: the key of the word, the symbol, the colour and its tint."""

    key: str
    symbol: str
    colour: str
    tint: str

    def named(self, word: str) -> Mark:
        """The mark with that word."""
        return Mark(word, self.symbol, self.colour, self.tint)

    def mark(self, words: Words) -> Mark:
        """The mark in a language."""
        return self.named(words(self.key))


def _look(key: str, symbol: str, colour: str, tint: str) -> Look:
    return Look(key, symbol, colour, tint)


_GREEN = (palette.GREEN, palette.GREEN_TINT)
_BLUE = (palette.BLUE, palette.BLUE_TINT)
_VIOLET = (palette.VIOLET, palette.VIOLET_TINT)
_AMBER = (palette.AMBER, palette.AMBER_TINT)
_RED = (palette.RED, palette.RED_TINT)
_SLATE = (palette.SLATE, palette.SLATE_TINT)

OPTIONS = {
    OptionStatus.OPTION_STATUS_RECOMMEND: _look("option.recommend", "check", *_GREEN),
    OptionStatus.OPTION_STATUS_CONSIDER: _look("option.consider", "half", *_BLUE),
    OptionStatus.OPTION_STATUS_SPECIALIST: _look("option.specialist", "diamond", *_VIOLET),
    OptionStatus.OPTION_STATUS_HOLD: _look("option.hold", "pause", *_AMBER),
    OptionStatus.OPTION_STATUS_DEFERRED: _look("option.deferred", "clock", *_AMBER),
    OptionStatus.OPTION_STATUS_BLOCKED: _look("option.blocked", "slash", *_RED),
    OptionStatus.OPTION_STATUS_NOT_USEFUL: _look("option.not_useful", "dash", *_SLATE),
}
UNKNOWN_OPTION = _look("option.unknown", "question", *_SLATE)

STATUSES = {
    DecisionStatus.DECISION_STATUS_OK: _look("status.ok", "check", *_GREEN),
    DecisionStatus.DECISION_STATUS_INCOMPLETE: _look("status.incomplete", "question", *_AMBER),
    DecisionStatus.DECISION_STATUS_STOPPED: _look("status.stopped", "cross", *_RED),
    DecisionStatus.DECISION_STATUS_DEFERRED: _look("status.deferred", "clock", *_AMBER),
    DecisionStatus.DECISION_STATUS_QUALITATIVE: _look("status.qualitative", "half", *_BLUE),
    DecisionStatus.DECISION_STATUS_NO_COLOUR: _look("status.no_colour", "dash", *_SLATE),
}
QUALITATIVE = STATUSES[DecisionStatus.DECISION_STATUS_QUALITATIVE]
UNDECIDED = _look("status.undecided", "question", *_SLATE)

SEVERITIES = {
    "refer": _look("severity.refer", "arrow", *_RED),
    "contraindicated": _look("severity.contraindicated", "cross", *_RED),
    "hold": _look("severity.hold", "pause", *_AMBER),
    "defer": _look("severity.defer", "clock", *_AMBER),
    "caution": _look("severity.caution", "triangle", *_VIOLET),
    "info": _look("severity.info", "info", *_BLUE),
}
"""By severity of the ruleset, gravest first."""
HARD = ("refer", "contraindicated")
"""Severities that stop a case or an ink."""

LEVELS = {
    FlagLevel.FLAG_LEVEL_FAIL: _look("level.fail", "cross", *_RED),
    FlagLevel.FLAG_LEVEL_WARN: _look("level.warn", "triangle", *_AMBER),
    FlagLevel.FLAG_LEVEL_INFO: _look("level.info", "info", *_BLUE),
}

GRADES = {
    "pass": _look("grade.pass", "check", *_GREEN),
    "warn": _look("grade.warn", "triangle", *_AMBER),
    "fail": _look("grade.fail", "cross", *_RED),
}
"""By grade of a colour chart."""

VERDICTS = {
    "cleared": _look("verdict.cleared", "check", *_GREEN),
    "lighter": _look("verdict.lighter", "half", *_BLUE),
    "unchanged": _look("verdict.unchanged", "dash", *_SLATE),
    "darker": _look("verdict.darker", "triangle", *_RED),
}
"""By verdict of an ink's change between two visits."""


def status(number: DecisionStatus.ValueType) -> Look:
    """How a decision's status looks."""
    return STATUSES.get(number, UNDECIDED)


def option(number: OptionStatus.ValueType, words: Words) -> Mark:
    """The mark of an option's state."""
    return OPTIONS.get(number, UNKNOWN_OPTION).mark(words)


def severity(word: str, words: Words) -> Mark:
    """The mark of a severity; one that the ruleset invented keeps its own word."""
    return _known(SEVERITIES.get(word), word, "severity.unknown", words)


def grade(word: str, words: Words) -> Mark:
    """The mark of a chart's grade."""
    return _known(GRADES.get(word), word, "grade.unknown", words)


def verdict(word: str, words: Words) -> Mark:
    """The mark of a change between two visits."""
    return _known(VERDICTS.get(word), word, "verdict.unknown", words)


def level(number: FlagLevel.ValueType, words: Words) -> Mark:
    """The mark of a quality flag's level."""
    return _known(LEVELS.get(number), "", "level.unknown", words)


def _known(look: Look | None, word: str, otherwise: str, words: Words) -> Mark:
    if look is not None:
        return look.mark(words)
    return Mark(word.replace("_", " ").capitalize() or words(otherwise), "question", *_SLATE)
