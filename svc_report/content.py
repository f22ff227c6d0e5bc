"""From an Analysis to the sheet that the template shows. Pure: no clock, no files."""

from __future__ import annotations

from typing import TypeVar

from assay.color.v1.color_pb2 import SkinReference
from assay.common.v1.types_pb2 import FlagLevel, Measurement, Provenance
from assay.decision.v1.decision_pb2 import DecisionStatus
from assay.events.v1.analysis_pb2 import Analysis
from assay.segment.v1.segment_pb2 import SegmentPage

from svc_report import case, inks, marks, numbers, wording
from svc_report.sheet import Fact, Flag, Ink, Picture, Reading, Sheet, Skin, Summary

T = TypeVar("T")

LANGUAGE = "en"
OVERLAY_FILE = "overlay.jpg"
PHOTO_FILE = "photo.jpg"

PAGE_MM = 106.0
"""Height that the first page has below its fixed parts, in mm."""
LINE_MM = 3.5
"""Height of a line of the first page, in mm."""
MIN_INKS, MIN_FLAGS = 2, 3
MAX_READINGS = 40
MAX_NAMED = 4
LEAST_INK = 0.001
"""Share of the photo: an interval that reaches below it allows that there is no ink."""
CHARACTERS = {"flag": 105, "step": 130, "advice": 55, "advice_unmeasured": 96}
"""Characters that fit a line of each part of the first page."""


def build(analysis: Analysis, own: Provenance, *, has_overlay: bool, has_photo: bool) -> Sheet:
    """The sheet of an analysis; pages that are missing are said to be missing.

    own: what makes the report. has_overlay, has_photo: whether the pictures could be had.
    """
    decision = analysis.decision
    decided = analysis.HasField("decision")
    headline, explanation = (
        wording.STATUS_TEXT.get(decision.status, wording.UNDECIDED_TEXT)
        if decided
        else wording.UNDECIDED_TEXT
    )
    all_inks = inks.inks_of(analysis)
    all_flags = case.flags(analysis)
    return Sheet(
        title=wording.TITLE,
        language=LANGUAGE,
        job_id=analysis.job.job_id,
        unix_time=case.unix_time(analysis),
        header=case.header(analysis),
        intended_use=wording.INTENDED_USE,
        approval=case.approval(analysis),
        status=marks.STATUSES.get(decision.status, marks.UNDECIDED) if decided else marks.UNDECIDED,
        headline=headline,
        explanation=explanation,
        overlay=_overlay(analysis, has_overlay),
        photo=_photo(analysis, has_photo),
        summary=_summary(analysis, all_inks, all_flags),
        inks=all_inks,
        no_inks=_no_inks(analysis, all_inks),
        skin=_skin(analysis),
        no_skin=_no_skin(analysis),
        quality=_quality(analysis),
        unmeasured=_unmeasured(analysis),
        remarks=case.remarks(analysis),
        flags=all_flags,
        no_flags="No flag fired."
        if decided
        else "Flags were not judged: this analysis has no decision page.",
        sessions=case.sessions(decision.sessions) if decision.HasField("sessions") else None,
        statement=case.statement(analysis.job.tattoo),
        answers=case.answers(analysis.job.tattoo.intake),
        missing=tuple(case.question(name) for name in decision.missing),
        fired=case.trace(analysis, fired=True),
        not_fired=case.trace(analysis, fired=False),
        trace_note=wording.TRACE_NOTE if decision.decision_json.key else "",
        ruleset=case.ruleset(analysis),
        versions=case.versions(_pages(analysis, own)),
        ink_legend=wording.INK_LEGEND,
        option_legend=wording.OPTION_LEGEND,
        limits=_limits(analysis),
    )


def _pages(analysis: Analysis, own: Provenance) -> tuple[tuple[str, Provenance], ...]:
    return (
        ("Photo", analysis.ingest.provenance),
        ("Ink mask", analysis.segment.provenance),
        ("Colour", analysis.color.provenance),
        ("Decision", analysis.decision.provenance),
        ("Report", own),
    )


def _overlay(analysis: Analysis, available: bool) -> Picture:
    if not available:
        return Picture("", "", "No mask overlay was made.")
    share = numbers.value_of(analysis.segment.ink_share)
    regions = len(analysis.segment.regions) + analysis.segment.regions_omitted
    found = numbers.count(regions, "ink region")
    covered = "" if share is None else f", {_share(analysis.segment.ink_share)} of the photo"
    return Picture(
        OVERLAY_FILE,
        f"Photo of the tattoo with the ink mask drawn on it: {found}{covered}.",
        f"Ink mask on the photo as analysed, {analysis.ingest.working_width} × "
        f"{analysis.ingest.working_height} px",
    )


def _photo(analysis: Analysis, available: bool) -> Picture:
    if not available:
        return Picture("", "", "No normalised photo was made.")
    return Picture(
        PHOTO_FILE,
        "Photo of the tattoo as analysed, upright and converted to sRGB, without the mask.",
        "Photo as analysed: upright, sRGB, metadata removed",
    )


def _share(measured: Measurement) -> str:
    value = numbers.value_of(measured)
    if value is None:
        return numbers.NOT_MEASURABLE
    return numbers.percent(value / 100 if measured.unit == "%" else value)


def _summary(analysis: Analysis, all_inks: tuple[Ink, ...], all_flags: tuple[Flag, ...]) -> Summary:
    """The first page: every hard stop, then as many inks and flags as fit."""
    calibrated = analysis.color.calibrated
    steps = _next_steps(analysis)
    missing = (len(analysis.decision.missing) + 1) // 2
    room = PAGE_MM - LINE_MM * (missing + 2 * bool(missing))
    room -= sum(_height(step, "step", 0.6) for step in steps)
    flag_mm = [_height(flag.text + flag.scope + flag.sources, "flag", 2.1) for flag in all_flags]
    hard = sum(1 for flag in all_flags if flag.mark.colour == marks.SEVERITIES["refer"].colour)
    ink_mm = [_ink_height(ink, "advice" if calibrated else "advice_unmeasured") for ink in all_inks]
    least_flags = max(hard, min(MIN_FLAGS, len(all_flags)))
    inks_shown = _fitting(ink_mm, room - sum(flag_mm[:least_flags]), MIN_INKS)
    flags_shown = _fitting(flag_mm, room - sum(ink_mm[:inks_shown]), least_flags)
    ranked = analysis.decision.status == DecisionStatus.DECISION_STATUS_OK
    return Summary(
        found=_found(analysis),
        caveat=wording.UNCALIBRATED if analysis.color.inks and not calibrated else "",
        measured=calibrated,
        advice_heading=wording.RANKED_HEADING if ranked else wording.UNRANKED_HEADING,
        inks=all_inks[:inks_shown],
        inks_more=_inks_more(analysis, len(all_inks) - inks_shown),
        flags=all_flags[:flags_shown],
        flags_more=_flags_more(all_flags[flags_shown:]),
        next_steps=steps,
    )


def _fitting(heights: list[float], room: float, at_least: int) -> int:
    """How many of the parts, taken in order, fit into the room."""
    for number in range(len(heights)):
        if number >= at_least and sum(heights[: number + 1]) > room:
            return number
    return len(heights)


def _height(text: str, part: str, gap: float) -> float:
    return LINE_MM * (1 + len(text) // CHARACTERS[part]) + gap


def _ink_height(ink: Ink, part: str) -> float:
    advice = sum(_height(item.mark.word + item.wavelengths + item.reason, part, 0.4) for item in ink.advice)
    messages = sum(_height(message, part, 0.4) for message in ink.messages)
    return max(3.6 * LINE_MM, advice + messages) + 2.6


def _inks_more(analysis: Analysis, left_out: int) -> str:
    rest = left_out + inks.omitted(analysis.color, analysis.decision)
    return (
        f"{numbers.count(rest, 'smaller ink colour')} not on this page: see sections 2 and 3." if rest else ""
    )


def _flags_more(rest: tuple[Flag, ...]) -> str:
    named = ", ".join(f"{flag.id} ({flag.mark.word.lower()})" for flag in rest)
    return f"Also fired, in full in section 4: {named}." if rest else ""


def _found(analysis: Analysis) -> tuple[Fact, ...]:
    """What the photo showed, in a few lines."""
    facts = [Fact("Ink", _ink_sentence(analysis)), Fact("Skin beside the ink", _skin_sentence(analysis))]
    decision, case_ = analysis.decision, analysis.job.tattoo
    operator = wording.SKIN_TYPES.get(case_.fitzpatrick_operator)
    safe = wording.SKIN_TYPES.get(decision.fitzpatrick_safe)
    stated = f"operator read {operator}" if operator else "not stated by the operator"
    facts.append(Fact("Fitzpatrick type", f"{safe} used for skin safety; {stated}" if safe else stated))
    facts.append(Fact("Photo quality", _quality_sentence(analysis)))
    if analysis.HasField("color"):
        calibrated = analysis.color.calibrated
        facts.append(Fact("Colour", "calibrated by a chart" if calibrated else "not calibrated: no chart"))
    if decision.HasField("sessions"):
        estimable = numbers.value_of(decision.sessions.sessions) is not None
        estimate = case.sessions(decision.sessions).estimate if estimable else "not estimable"
        facts.append(Fact("Sessions", f"{estimate} (section 6)"))
    return tuple(facts)


def _ink_sentence(analysis: Analysis) -> str:
    if not analysis.HasField("segment"):
        return "not searched for: this analysis has no ink mask"
    page = analysis.segment
    regions = len(page.regions) + page.regions_omitted
    if not regions and not analysis.color.inks:
        return "none found"
    interval = ""
    share = page.ink_share
    if share.HasField("low_95") and share.HasField("high_95"):
        scale = 1.0 if share.unit == "%" else 100.0
        interval = (
            f" (95\u00a0% interval {numbers.interval(scale * share.low_95, scale * share.high_95, 1)}\u00a0%)"
        )
    colours = numbers.count(len(analysis.color.inks), "colour")
    return f"{colours} in {numbers.count(regions, 'region')}; {_share(share)} of the photo{interval}"


def _skin_sentence(analysis: Analysis) -> str:
    if not analysis.HasField("color") or not analysis.color.HasField("skin"):
        return _no_skin(analysis)
    skin = analysis.color.skin
    if not analysis.color.calibrated:
        return "no typology angle without a colour chart (estimate in section 5)"
    return f"ITA {_ita(skin, approximate='')}; {_ita_classes(skin)}"


def _ita(skin: SkinReference, *, approximate: str) -> str:
    value = numbers.value_of(skin.ita)
    if value is None:
        why = skin.ita.not_measurable
        return f"{numbers.NOT_MEASURABLE}: {why}" if why else numbers.NOT_MEASURABLE
    spread = (
        f" ± {numbers.fixed(skin.ita.standard_uncertainty, 0)}°"
        if skin.ita.HasField("standard_uncertainty")
        else " (uncertainty not stated)"
    )
    return f"{approximate}{numbers.fixed(value, 0)}°{spread}"


def _ita_classes(skin: SkinReference) -> str:
    others = [name for name in skin.ita_classes if name != skin.ita_class]
    if not skin.ita_class:
        return "class not given"
    return f"{skin.ita_class}, within its error also {', '.join(others)}" if others else skin.ita_class


def _quality_sentence(analysis: Analysis) -> str:
    if not analysis.HasField("ingest"):
        return "not measured"
    flags = [*analysis.ingest.flags, *analysis.segment.flags, *analysis.color.flags]
    fails = sum(1 for flag in flags if flag.level == FlagLevel.FLAG_LEVEL_FAIL)
    warns = sum(1 for flag in flags if flag.level == FlagLevel.FLAG_LEVEL_WARN)
    if not fails and not warns:
        return "no warning"
    parts = [numbers.count(fails, "failure")] * bool(fails) + [numbers.count(warns, "warning")] * bool(warns)
    grave = sorted((f for f in flags if f.level >= FlagLevel.FLAG_LEVEL_WARN), key=lambda f: -f.level)
    named = [wording.WARNINGS.get(f.code, f.code.replace("_", " ").lower()) for f in grave[:MAX_NAMED]]
    more = ", …" if len(grave) > MAX_NAMED else ""
    return f"{', '.join(parts)}: {', '.join(named)}{more} (section 5)"


def _next_steps(analysis: Analysis) -> tuple[str, ...]:
    """What to do next: the decision's own messages, then what its state asks for."""
    messages = [message.text for message in analysis.decision.messages[:8]]
    step = wording.NEXT_STEP.get(analysis.decision.status, "")
    return tuple(text for text in (step, _mask_doubt(analysis.segment), *messages) if text)


def _mask_doubt(page: SegmentPage) -> str:
    """What to look at before the mask is believed; empty when nothing speaks against it."""
    share = page.ink_share
    scale = 100.0 if share.unit == "%" else 1.0
    if page.regions and share.HasField("low_95") and share.low_95 / scale < LEAST_INK:
        return wording.MAYBE_NO_INK
    doubtful = any(flag.code == "LOW_CONFIDENCE" for flag in page.flags)
    return wording.DOUBTFUL_MASK if doubtful else ""


def _no_inks(analysis: Analysis, all_inks: tuple[Ink, ...]) -> str:
    if all_inks:
        return ""
    if not analysis.HasField("color"):
        return "Colour was not measured: this analysis has no colour page."
    return "No ink colour was measured in this photo."


def _no_skin(analysis: Analysis) -> str:
    if not analysis.HasField("color"):
        return "Not measured: this analysis has no colour page."
    return "" if analysis.color.HasField("skin") else "Not measurable in this photo."


def _skin(analysis: Analysis) -> Skin | None:
    if not analysis.color.HasField("skin"):
        return None
    skin = analysis.color.skin
    approximate = "" if analysis.color.calibrated else "≈\u00a0"
    value = numbers.value_of(skin.ita)
    spread = skin.ita.standard_uncertainty if skin.ita.HasField("standard_uncertainty") else None
    page = analysis.color
    return Skin(
        swatch=numbers.swatch_of_linear(skin.linear_rgb),
        lab=inks.channels(skin.lab, skin.spread if skin.HasField("spread") else None, approximate)
        if skin.HasField("lab")
        else (),
        facts=(
            Fact("Individual typology angle (ITA), ± 1 SD", _ita(skin, approximate=approximate)),
            Fact("95 % interval", numbers.uncertainty_of(skin.ita, 0)),
            Fact("ITA class", _ita_classes(skin)),
            Fact("Pixels used", f"{skin.pixels:,}".replace(",", "\u00a0")),
            Fact("Illuminant and observer", f"{page.illuminant or 'not stated'} / {page.observer or '?'}°"),
        ),
        ita_degrees=value,
        ita_sd=spread,
    )


def _measurements(analysis: Analysis) -> list[Measurement]:
    found = [*analysis.ingest.quality, analysis.segment.ink_share, *analysis.segment.uncertainty]
    return [item for item in found[:MAX_READINGS] if item.id]


def _quality(analysis: Analysis) -> tuple[Reading, ...]:
    """What was measured on photo and mask."""
    return tuple(
        Reading(
            _reading_name(item),
            numbers.significant(value) + numbers.unit(item.unit),
            numbers.uncertainty_of(item),
        )
        for item in _measurements(analysis)
        if (value := numbers.value_of(item)) is not None
    )


def _unmeasured(analysis: Analysis) -> tuple[Fact, ...]:
    """What could not be measured, by reason."""
    by_reason: dict[str, list[str]] = {}
    for item in _measurements(analysis):
        if numbers.value_of(item) is None:
            by_reason.setdefault(item.not_measurable or "no reason given", []).append(_reading_name(item))
    return tuple(Fact(", ".join(names), reason) for reason, names in by_reason.items())


def _reading_name(item: Measurement) -> str:
    return wording.READINGS.get(item.id, item.id.replace("_", " ").capitalize())


def _limits(analysis: Analysis) -> tuple[str, ...]:
    limits = list(wording.LIMITS)
    if not analysis.color.calibrated:
        limits.insert(1, wording.UNCALIBRATED)
    requested = analysis.job.language
    if requested and requested.split("-")[0].lower() != LANGUAGE:
        limits.append(f"Language {requested} was asked for; this report is written in English.")
    if analysis.job.consent.text_version:
        limits.append(f"Consent text on record: version {analysis.job.consent.text_version}.")
    return tuple(limits)
