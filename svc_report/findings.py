"""What was found, in a few lines for the first page."""

from __future__ import annotations

from assay.common.v1.types_pb2 import FlagLevel, QualityFlag
from assay.events.v1.analysis_pb2 import Analysis
from assay.segment.v1.segment_pb2 import SegmentPage

from svc_report import advice, calibration, case, complexion, numbers, progress
from svc_report.sheet import Fact
from svc_report.words import Words, short

MAX_NAMED = 4


def what_found(analysis: Analysis, words: Words) -> tuple[Fact, ...]:
    """What the photo showed, in a few lines."""
    facts = [
        Fact(words("found.ink"), _ink_sentence(analysis, words)),
        Fact(words("found.colour"), calibration.sentence(analysis, words)),
        Fact(words("found.skin"), short(complexion.sentence(analysis, words))),
        Fact(words("found.skin_type"), _skin_type(analysis, words)),
    ]
    change = progress.sentence(analysis, words)
    if change:
        facts.append(Fact(words("found.change"), short(change)))
    facts.append(Fact(words("found.quality"), short(_quality_sentence(analysis, words))))
    if analysis.decision.HasField("sessions"):
        estimate = case.sessions(analysis.decision.sessions, words)
        known = numbers.value_of(analysis.decision.sessions.sessions) is not None
        told = estimate.estimate if known else words("sessions.none")
        facts.append(Fact(words("found.sessions"), f"{told} ({words('see', n=words.section('sessions'))})"))
    return tuple(facts)


def _ink_sentence(analysis: Analysis, words: Words) -> str:
    if not analysis.HasField("segment"):
        return words("found.no_mask")
    page = analysis.segment
    regions = len(page.regions) + page.regions_omitted
    if not regions and not analysis.color.inks:
        return words("found.no_ink")
    area = share(page, words)
    between = ""
    if page.ink_share.HasField("low_95") and page.ink_share.HasField("high_95"):
        scale = 1.0 if page.ink_share.unit == "%" else 100.0
        ends = words.interval(scale * page.ink_share.low_95, scale * page.ink_share.high_95, 1)
        between = f" ({words('found.interval', interval=ends)})"
    return (
        words(
            "found.inks",
            colours=words.count(len(analysis.color.inks), "colour"),
            regions=words.count(regions, "region"),
            share=area,
        )
        + between
    )


def share(page: SegmentPage, words: Words) -> str:
    """The share of the photo that is ink."""
    value = numbers.value_of(page.ink_share)
    if value is None:
        return words("not_measurable")
    return words.percent(value / 100 if page.ink_share.unit == "%" else value)


def _skin_type(analysis: Analysis, words: Words) -> str:
    read = advice.skin_type(analysis.job.tattoo.fitzpatrick_operator)
    safe = advice.skin_type(analysis.decision.fitzpatrick_safe)
    stated = words("found.read", type=read) if read else words("found.not_read")
    return words("found.used", type=safe, read=stated) if safe else stated


def grave_flags(analysis: Analysis) -> list[QualityFlag]:
    """Warnings and failures of photo, mask and colour, gravest first."""
    flags = [*analysis.ingest.flags, *analysis.segment.flags, *analysis.color.flags]
    grave = [flag for flag in flags if flag.level >= FlagLevel.FLAG_LEVEL_WARN]
    return sorted(grave, key=lambda flag: -flag.level)


def _quality_sentence(analysis: Analysis, words: Words) -> str:
    if not analysis.HasField("ingest"):
        return words("not_measured")
    grave = grave_flags(analysis)
    if not grave:
        return words("found.no_warning")
    named = [case.warning(flag.code, words) for flag in grave[:MAX_NAMED]]
    more = ", …" if len(grave) > MAX_NAMED else ""
    fails = sum(1 for flag in grave if flag.level == FlagLevel.FLAG_LEVEL_FAIL)
    counts = [words.count(fails, "failure")] * bool(fails)
    counts += [words.count(len(grave) - fails, "warning")] * bool(len(grave) - fails)
    return f"{words.join(counts)}: {words.join(named)}{more} ({words('see', n=words.section('quality'))})"
