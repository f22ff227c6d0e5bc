"""The first page: what was found, why, what not, what next."""

from __future__ import annotations

from assay.decision.v1.decision_pb2 import DecisionStatus
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import findings, inks, outlook, reasons
from svc_report.sheet import Flag, Ink, Reason, Summary
from svc_report.words import Words

MAX_INKS, MAX_BARRED, MAX_STEPS = 6, 6, 8
LEAST_REASONS = 2


def summary(analysis: Analysis, all_inks: tuple[Ink, ...], flags: tuple[Flag, ...], words: Words) -> Summary:
    """The first page of an analysis."""
    why = reasons.why(analysis, flags, words)
    hard = sum(1 for flag in flags if flag.hard)
    barred = outlook.what_not(analysis, words)
    steps = outlook.what_next(analysis, words)
    hidden = inks.omitted(analysis.color, analysis.decision)
    ranked = analysis.decision.status == DecisionStatus.DECISION_STATUS_OK
    return Summary(
        found=findings.what_found(analysis, words),
        measured=analysis.color.calibrated,
        inks_heading=words("page.ranked" if ranked else "page.unranked"),
        inks=all_inks[:MAX_INKS],
        inks_more=_more(len(all_inks) + hidden, MAX_INKS, "smaller_ink", words, "colour", "options"),
        reasons=why,
        reasons_more=_named(why, flags, words),
        reasons_least=min(max(hard, LEAST_REASONS), len(why)),
        barred=barred[:MAX_BARRED],
        barred_more=_more(len(barred), MAX_BARRED, "entry", words, "options"),
        unknowable=outlook.unknowable(analysis, words),
        steps=steps[:MAX_STEPS],
        steps_more=_more(len(steps), MAX_STEPS, "step", words, "flags", "quality"),
    )


def _more(total: int, most: int, noun: str, words: Words, *sections: str) -> tuple[str, ...]:
    """By how many entries are shown: the sentence that counts the others and says where they stand."""
    where = words.join([str(words.section(name)) for name in sections])
    return tuple(
        words("more", entries=words.count(total - shown, noun), sections=where) if total > shown else ""
        for shown in range(min(total, most) + 1)
    )


def _named(why: tuple[Reason, ...], flags: tuple[Flag, ...], words: Words) -> tuple[str, ...]:
    """By how many reasons are shown: the sentence that names the flags that are not."""

    def sentence(shown: int) -> str:
        told = {reason.rule for reason in why[:shown]}
        rest = [f"{flag.id} ({flag.mark.word})" for flag in flags if flag.id not in told]
        return words("more.flags", flags=words.join(rest), section=words.section("flags")) if rest else ""

    return tuple(sentence(shown) for shown in range(len(why) + 1))
