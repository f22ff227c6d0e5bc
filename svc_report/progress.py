"""The same tattoo at two visits: what changed, how surely, or why that cannot be said."""

from __future__ import annotations

import math

from assay.color.v1.color_pb2 import FollowUp, InkChange
from assay.common.v1.types_pb2 import Measurement
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import case, marks, numbers
from svc_report.sheet import Change, Fact, Picture, Progress
from svc_report.words import Words

THEN_FILE, NOW_FILE, REGISTERED_FILE = "then.jpg", "now.jpg", "registered.jpg"
PERCEPTIBLE, ACCEPTABLE = 0.8, 1.8
"""CIEDE2000 that half the observers see, and that half accept: dental 50:50 % thresholds of Paravina et al.
2015, J Esthet Restor Dent 27 Suppl 1:S1-S9. Orientation only: no such study of tattoos is known."""
QUARTILES = (25.0, 50.0, 75.0, 95.0)
"""Ends of the clearance bands that laser trials use, per cent."""
MAX_CHANGES = 16


def progress(analysis: Analysis, words: Words) -> Progress:
    """The section on the earlier visit."""
    page = analysis.color
    if not page.HasField("follow_up"):
        asked = analysis.job.HasField("baseline") or analysis.job.tattoo.compare_with
        note = words("progress.not_made" if asked else "progress.none")
        return Progress(note, (), (), (), (), 0.0, "")
    found = page.follow_up
    compared = not found.not_comparable
    changes = tuple(_change(ink, words) for ink in list(found.inks)[:MAX_CHANGES]) if compared else ()
    return Progress(
        note="" if compared else words("progress.not_comparable"),
        reasons=_reasons(found, words),
        facts=_facts(found, analysis, words),
        changes=changes,
        cautions=tuple(case.remark(flag, words) for flag in found.cautions),
        scale_to=_scale_to(changes),
        alt=words("progress.alt", n=len(changes)),
    )


def sentence(analysis: Analysis, words: Words) -> str:
    """The change in one line for the first page; empty when no earlier visit was named."""
    if not analysis.color.HasField("follow_up"):
        asked = analysis.job.HasField("baseline") or analysis.job.tattoo.compare_with
        return words("progress.not_made") if asked else ""
    found = analysis.color.follow_up
    if found.not_comparable:
        return words("progress.not_comparable") + " " + " ".join(_reasons(found, words)[:1])
    told = [
        f"{words.term('class', ink.ink_class)}: {marks.verdict(ink.verdict, words).word}"
        for ink in list(found.inks)[:4]
    ]
    more = ", …" if len(found.inks) > 4 else ""
    return words("found.progress", days=_days(found, words), changes=words.join(told) + more)


def visits(analysis: Analysis, available: frozenset[str], words: Words) -> tuple[Picture, ...]:
    """Then, now, and the earlier photo laid over this one; only those that could be had."""
    captions = {THEN_FILE: "progress.then", NOW_FILE: "progress.now", REGISTERED_FILE: "progress.registered"}
    if not analysis.color.HasField("follow_up"):
        return ()
    dates = {THEN_FILE: _date(analysis.job.baseline.created_at.seconds, words),
             NOW_FILE: _date(analysis.job.created_at.seconds, words), REGISTERED_FILE: ""}  # fmt: skip
    return tuple(
        Picture(file, words(f"{key}_alt"), ", ".join(part for part in (words(key), dates[file]) if part))
        for file, key in captions.items()
        if file in available
    )


def _days(found: FollowUp, words: Words) -> str:
    return words.count(round(found.days), "day") if math.isfinite(found.days) else words("not_stated")


def _date(seconds: int, words: Words) -> str:
    return words.day(seconds) if 0 < seconds <= 253402300799 else ""


def _reasons(found: FollowUp, words: Words) -> tuple[str, ...]:
    """Why two visits cannot be compared; a code whose sentence is missing is shown itself."""
    reasons = list(found.reasons)
    return tuple(
        words.labels.get(f"not_comparable.{code}") or (reasons[at] if at < len(reasons) else code)
        for at, code in enumerate(found.not_comparable)
    )


def _facts(found: FollowUp, analysis: Analysis, words: Words) -> tuple[Fact, ...]:
    facts = [Fact(words("progress.job"), found.baseline_job_id or words("not_stated"))]
    facts.append(Fact(words("progress.between"), _days(found, words)))
    if analysis.job.baseline.camera:
        facts.append(Fact(words("progress.camera"), analysis.job.baseline.camera))
    measured = (
        ("progress.overlap", found.overlap, 2),
        ("progress.error", found.registration_error, 1),
        ("progress.skin", found.skin_change, 1),
    )
    facts += [
        Fact(words(key), _with_interval(item, digits, words))
        for key, item, digits in measured
        if item.ByteSize()
    ]
    if found.HasField("skin_mdc95"):
        facts.append(Fact(words("progress.skin_mdc"), words.fixed(found.skin_mdc95, 1)))
    if found.HasField("clear_below"):
        facts.append(Fact(words("progress.clear"), words.fixed(found.clear_below, 1)))
    return tuple(facts)


def _change(ink: InkChange, words: Words) -> Change:
    return Change(
        mark=marks.verdict(ink.verdict, words),
        name=words.term("class", ink.ink_class or "unknown"),
        then=_with_interval(ink.contrast_then, 1, words),
        now=_with_interval(ink.contrast_now, 1, words),
        by_contrast=_clearance(ink.clearance_contrast, words),
        by_density=_with_interval(ink.clearance_density, 0, words),
        detectable=words.fixed(ink.mdc95, 1) if ink.HasField("mdc95") else words("not_stated"),
        lightness=_with_interval(ink.lightness_change, 1, words),
        compared=words.percent(ink.compared_share) if ink.HasField("compared_share") else words("not_stated"),
        then_at=_at(ink.contrast_then),
        now_at=_at(ink.contrast_now),
    )


def _clearance(measured: Measurement, words: Words) -> str:
    """Clearance with its interval and the band that trials would put it in."""
    value = numbers.value_of(measured)
    text = _with_interval(measured, 0, words)
    if value is None or value < 0:
        return text
    low = max((end for end in (0.0, *QUARTILES) if end <= value), default=0.0)
    high = min((end for end in (*QUARTILES, 100.0) if end > value), default=100.0)
    return f"{text}; {words('progress.band', low=f'{low:.0f}', high=f'{high:.0f}')}"


def _with_interval(measured: Measurement, digits: int, words: Words) -> str:
    text, between = words.value(measured, digits), words.range(measured, digits)
    known = numbers.value_of(measured) is not None
    return f"{text} ({between})" if known and between else text


def _at(measured: Measurement) -> tuple[float, float, float] | None:
    """Value and interval for the drawing; without an interval its ends are the value."""
    value = numbers.value_of(measured)
    if value is None:
        return None
    low = measured.low_95 if measured.HasField("low_95") and math.isfinite(measured.low_95) else value
    high = measured.high_95 if measured.HasField("high_95") and math.isfinite(measured.high_95) else value
    return (value, low, high)


def _scale_to(changes: tuple[Change, ...]) -> float:
    """The end of the drawn scale: the next ten above everything that is drawn."""
    ends = [at[2] for change in changes for at in (change.then_at, change.now_at) if at is not None]
    return 10.0 * math.ceil(max([*ends, 10.0]) / 10.0)
