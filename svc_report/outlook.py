"""What not, and what next: options that are closed, what a photo cannot tell, and the steps from here."""

from __future__ import annotations

from assay.decision.v1.decision_pb2 import DecisionStatus, InkDecision, OptionStatus
from assay.events.v1.analysis_pb2 import Analysis
from assay.segment.v1.segment_pb2 import SegmentPage

from svc_report import advice, case, findings, inks, marks
from svc_report.sheet import Barred
from svc_report.words import Words, short

MAX_RETAKES = 3
MAX_QUESTIONS = 8
LEAST_INK = 0.001
"""Share of the photo: an interval that reaches below it allows that there is no ink."""
SKIN_TYPE = "fitzpatrick="
"""How a counterfactual about the skin type begins."""
SAID_ELSEWHERE = ("QUALITATIVE", "UNANSWERED")
"""Codes of messages whose content the first page gives by itself."""
CLOSED = (
    OptionStatus.OPTION_STATUS_BLOCKED,
    OptionStatus.OPTION_STATUS_HOLD,
    OptionStatus.OPTION_STATUS_DEFERRED,
    OptionStatus.OPTION_STATUS_NOT_USEFUL,
)
"""States of what is no option, in the order in which they are told."""


def what_not(analysis: Analysis, words: Words) -> tuple[Barred, ...]:
    """What is no option, gravest first; what shares state and reason shares a line."""
    told = inks.telling(analysis, words)
    grouped: dict[tuple[OptionStatus.ValueType, str], list[str]] = {}
    found = []
    for ink in list(analysis.decision.inks)[: inks.MAX_INKS]:
        name = inks.class_name(ink.ink_class, words)
        found += [_message(name, message.text, words) for message in ink.messages[:2]]
        for line in advice.lines(ink.options, told):
            grouped.setdefault((line.status, line.reason), []).append(f"{line.wavelengths} ({name})")
    for closed in CLOSED:
        found += [
            Barred(marks.option(status, words), short("; ".join(subjects)), reason)
            for (status, reason), subjects in grouped.items()
            if status == closed
        ]
    return tuple(found)


def _message(name: str, text: str, words: Words) -> Barred:
    return Barred(marks.UNKNOWN_OPTION.named(words("barred.none")), name, short(text))


def unknowable(analysis: Analysis, words: Words) -> tuple[str, ...]:
    """What this report cannot know."""
    keys = ["metamerism", "near_infrared", "white", "depth"]
    if not analysis.color.calibrated:
        keys.insert(0, "no_chart")
    return tuple(words(f"cannot.{key}") for key in keys)


def what_next(analysis: Analysis, words: Words) -> tuple[str, ...]:
    """The steps from here, the most urgent first."""
    decision = analysis.decision
    status = marks.status(decision.status).key.removeprefix("status.")
    first = words(f"next.{status}") if analysis.HasField("decision") else ""
    said = [short(message.text) for message in decision.messages[:8] if message.code not in SAID_ELSEWHERE]
    steps = [
        first,
        _questions(analysis, words),
        _mask_doubt(analysis.segment, words),
        *_releases(list(decision.inks), words),
        *_waits(analysis, words),
        *_retakes(analysis, words),
        *said,
        _optional(analysis, words),
        _alternative(analysis, words),
    ]
    return tuple(step for step in steps if step)


def _questions(analysis: Analysis, words: Words) -> str:
    missing = analysis.decision.missing
    if not missing:
        return ""
    named = "; ".join(case.question(name, words) for name in missing[:MAX_QUESTIONS])
    return words("next.answer", questions=named + ("; …" if len(missing) > MAX_QUESTIONS else ""))


def _mask_doubt(page: SegmentPage, words: Words) -> str:
    """What to look at before the mask is believed; empty when nothing speaks against it."""
    share = page.ink_share
    scale = 100.0 if share.unit == "%" else 1.0
    if page.regions and share.HasField("low_95") and share.low_95 / scale < LEAST_INK:
        return words("next.maybe_no_ink")
    doubtful = any(flag.code == "LOW_CONFIDENCE" for flag in page.flags)
    return words("next.doubtful_mask") if doubtful else ""


def _releases(decided: list[InkDecision], words: Words) -> list[str]:
    """What releases the holds."""
    held = [
        inks.class_name(ink.ink_class, words)
        for ink in decided[: inks.MAX_INKS]
        if any(option.status == OptionStatus.OPTION_STATUS_HOLD for option in ink.options)
    ]
    return [words("next.release", inks=short(words.join(list(dict.fromkeys(held)))))] if held else []


def _waits(analysis: Analysis, words: Words) -> list[str]:
    """What a deferral waits for."""
    ids = [flag.id for flag in analysis.decision.flags if flag.severity == "defer"]
    return [words("next.wait", flags=words.join(ids), section=words.section("flags"))] if ids else []


def _retakes(analysis: Analysis, words: Words) -> list[str]:
    """How to take a better photo, by what was wrong with this one."""
    qualitative = analysis.decision.status == DecisionStatus.DECISION_STATUS_QUALITATIVE
    codes = dict.fromkeys(flag.code for flag in findings.grave_flags(analysis))
    if qualitative:
        codes.pop("COLOUR_UNCALIBRATED", None)  # the first step says it
    advised = [words.labels.get(f"retake.{code}", "") for code in codes]
    told = [text for text in dict.fromkeys(advised) if text][:MAX_RETAKES]
    return [f"{words('next.retake')} {' '.join(told)}"] if told else []


def _optional(analysis: Analysis, words: Words) -> str:
    ids = analysis.decision.unanswered
    return words("next.unanswered", flags=words.join(list(ids[: MAX_QUESTIONS * 2]))) if ids else ""


def _alternative(analysis: Analysis, words: Words) -> str:
    operator = analysis.job.tattoo.fitzpatrick_operator
    told = [item for item in analysis.decision.counterfactuals if not _lightens(item.change, operator)]
    told.sort(key=lambda item: item.change.startswith(SKIN_TYPE))
    if not told:
        return ""
    return words("next.alternative", text=short(told[0].text), section=words.section("counterfactuals"))


def _lightens(change: str, operator: int) -> bool:
    """Whether a change supposes a lighter skin type: true of no patient, so it is no step."""
    lighter = [f"{SKIN_TYPE}{advice.skin_type(number)}" for number in range(1, operator)]
    return change in lighter
