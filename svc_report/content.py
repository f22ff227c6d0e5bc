"""From an Analysis to the sheet that the template shows. Pure: no clock, no files."""

from __future__ import annotations

from assay.common.v1.types_pb2 import Measurement, Provenance
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import (
    calibration,
    case,
    complexion,
    evidence,
    findings,
    inks,
    marks,
    numbers,
    progress,
    summary,
)
from svc_report.sheet import Fact, Ink, Picture, Reading, Sheet
from svc_report.words import SECTIONS, Words, language_of, words_for

OVERLAY_FILE, PHOTO_FILE, CHART_FILE = "overlay.jpg", "photo.jpg", "chart.jpg"
MAX_READINGS = 40
LIMITS = 8
"""Sentences `limits.1` to `limits.8` of the labels."""


def build(analysis: Analysis, own: Provenance, available: frozenset[str]) -> Sheet:
    """The sheet of an analysis; pages that are missing are said to be missing.

    own: what makes the report. available: file names of the pictures that could be had.
    """
    words = words_for(analysis.job.language)
    decision, decided = analysis.decision, analysis.HasField("decision")
    look = marks.status(decision.status) if decided else marks.UNDECIDED
    all_inks = inks.inks_of(analysis, words)
    flags = case.flags(analysis, words)
    basis = evidence.basis_of(decision, words)
    return Sheet(
        title=words("title"),
        language=words.language,
        region=words.region,
        rule_language=language_of(decision.language or "en"),
        labels=words.group("page"),
        sections={name: words(f"section.{name}") for name in SECTIONS},
        job_id=analysis.job.job_id,
        unix_time=case.unix_time(analysis),
        header=case.header(analysis, words),
        intended_use=words("intended_use"),
        footer=words("footer"),
        approval=case.approval(analysis, words),
        status=look.mark(words),
        headline=words(f"{look.key}.headline"),
        explanation=words(f"{look.key}.explanation"),
        overlay=_overlay(analysis, available, words),
        photo=_photo(available, words),
        summary=summary.summary(analysis, all_inks, flags, words),
        chart=calibration.chart(analysis, words),
        chart_picture=_chart_picture(analysis, available, words),
        inks=all_inks,
        no_inks=_no_inks(analysis, all_inks, words),
        skins=complexion.skins(analysis, words),
        no_skin=complexion.missing(analysis, words),
        ita_bands=complexion.bands(words),
        quality=_quality(analysis, words),
        unmeasured=_unmeasured(analysis, words),
        remarks=case.remarks(analysis, words),
        flags=flags,
        no_flags=words("flags.none" if decided else "flags.not_judged"),
        alternatives_note=decision.counterfactual_note,
        alternatives=evidence.alternatives(decision, basis, words),
        progress=progress.progress(analysis, words),
        visits=progress.visits(analysis, available, words),
        origins=evidence.origins(analysis, all_inks, words),
        sessions=case.sessions(decision.sessions, words) if decision.HasField("sessions") else None,
        statement=case.statement(analysis.job.tattoo, words),
        answers=case.answers(analysis.job.tattoo.intake, words),
        fired=case.trace(analysis, words, fired=True),
        not_fired=case.trace(analysis, words, fired=False),
        trace_note=words("trace.note") if decision.decision_json.key else "",
        references=evidence.references(decision),
        ruleset=case.ruleset(analysis, words),
        versions=case.versions(_pages(analysis, own, words)),
        limits=_limits(analysis, words),
    )


def _pages(analysis: Analysis, own: Provenance, words: Words) -> tuple[tuple[str, Provenance], ...]:
    return (
        (words("stage.ingest"), analysis.ingest.provenance),
        (words("stage.segment"), analysis.segment.provenance),
        (words("stage.color"), analysis.color.provenance),
        (words("stage.decision"), analysis.decision.provenance),
        (words("stage.report"), own),
    )


def _overlay(analysis: Analysis, available: frozenset[str], words: Words) -> Picture:
    if OVERLAY_FILE not in available:
        return Picture("", "", words("picture.no_overlay"))
    page = analysis.segment
    regions = words.count(len(page.regions) + page.regions_omitted, "region")
    alt = words("picture.overlay_alt", regions=regions, share=findings.share(page, words))
    size = f"{analysis.ingest.working_width} × {analysis.ingest.working_height} px"
    return Picture(OVERLAY_FILE, alt, words("picture.overlay", size=size))


def _photo(available: frozenset[str], words: Words) -> Picture:
    if PHOTO_FILE not in available:
        return Picture("", "", words("picture.no_photo"))
    return Picture(PHOTO_FILE, words("picture.photo_alt"), words("picture.photo"))


def _chart_picture(analysis: Analysis, available: frozenset[str], words: Words) -> Picture:
    if CHART_FILE not in available:
        return Picture("", "", "")
    alt = words("picture.chart_alt", chart=calibration.name(analysis.color.chart, words))
    return Picture(CHART_FILE, alt, words("picture.chart"))


def _no_inks(analysis: Analysis, all_inks: tuple[Ink, ...], words: Words) -> str:
    if all_inks:
        return ""
    return words("ink.none" if analysis.HasField("color") else "colour.no_page")


def _measurements(analysis: Analysis) -> list[Measurement]:
    found = [*analysis.ingest.quality, analysis.segment.ink_share, *analysis.segment.uncertainty]
    return [item for item in found[:MAX_READINGS] if item.id]


def _quality(analysis: Analysis, words: Words) -> tuple[Reading, ...]:
    """What was measured on photo and mask."""
    return tuple(
        Reading(
            words.term("reading", item.id),
            words.significant(value) + words.unit(item.unit),
            words.uncertainty(item),
        )
        for item in _measurements(analysis)
        if (value := numbers.value_of(item)) is not None
    )


def _unmeasured(analysis: Analysis, words: Words) -> tuple[Fact, ...]:
    """What could not be measured, by reason."""
    by_reason: dict[str, list[str]] = {}
    for item in _measurements(analysis):
        if numbers.value_of(item) is None:
            why = item.not_measurable or words("no_reason")
            by_reason.setdefault(why, []).append(words.term("reading", item.id))
    return tuple(Fact(words.join(names), reason) for reason, names in by_reason.items())


def _limits(analysis: Analysis, words: Words) -> tuple[str, ...]:
    limits = [words(f"limits.{number}") for number in range(1, LIMITS + 1)]
    if not analysis.color.calibrated:
        limits.insert(1, words("limits.uncalibrated"))
    requested = analysis.job.language
    if requested and requested.split("-")[0].lower() != words.language:
        limits.append(words("limits.language", requested=requested))
    elif words.language != "en":
        limits.append(words("limits.translated"))
    if analysis.job.consent.text_version:
        limits.append(words("limits.consent", version=analysis.job.consent.text_version))
    return tuple(limits)
