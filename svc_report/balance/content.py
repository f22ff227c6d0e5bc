"""From the analysis of a balance trial to the sheet that the template shows. Pure: no clock, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from assay.balance.v1.balance_pb2 import BalanceMetric
from assay.common.v1.types_pb2 import Provenance
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import case, marks, numbers
from svc_report.balance import marks as looks
from svc_report.balance import metrics, plots, results, summary, trial, wording
from svc_report.balance.plots import Drawing, Panel
from svc_report.balance.sheet import BalanceSheet
from svc_report.balance.stills import Still
from svc_report.balance.traces import Traces, window_of
from svc_report.sheet import Fact, Mark, Picture
from svc_report.words import ENGLISH

LANGUAGE = "en"
SWAY_PANELS = (
    Panel("com_ml", "Sideways (ML; + right)"),
    Panel("com_ap", "Fore-aft (AP; + forward)"),
)
ANGLE_PANELS = (
    Panel("fppa", "Frontal-plane projection angle of the knee (+ inwards)"),
    Panel("pelvic_obliquity", "Pelvic obliquity (+ lifted side drops)"),
    Panel("trunk_lean", "Trunk lean (+ towards the standing leg)"),
    Panel("ankle_angle", "Ankle angle"),
    Panel("hip_angle", "Hip angle"),
)


@dataclass(frozen=True)
class Built:
    """A sheet and the files that it names."""

    sheet: BalanceSheet
    files: Mapping[str, bytes]


def build(analysis: Analysis, own: Provenance, found: Traces, stills: Sequence[Still]) -> Built:
    """The sheet of an analysis; pages that are missing are said to be missing.

    own: what makes the report. found: the traces, empty when there are none. stills: pictures of moments.
    """
    charts = _charts(analysis, found)
    shown = {
        name: _picture(f"{name}.svg", chart, _why_no_chart(analysis, name)) for name, chart in charts.items()
    }
    front = charts["front"]
    files = {f"{name}.svg": chart.svg for name, chart in charts.items() if chart is not None}
    files |= {_still_name(index): still.jpeg for index, still in enumerate(stills)}
    page, decision = analysis.sway, analysis.decision
    mark, headline, explanation = _status(analysis)
    flags = case.flags(analysis, ENGLISH)
    sheet = BalanceSheet(
        title=wording.TITLE,
        language=LANGUAGE,
        footer=wording.FOOTER,
        job_id=analysis.job.job_id,
        unix_time=case.unix_time(analysis),
        header=trial.header(analysis),
        intended_use=wording.INTENDED_USE,
        approval=case.approval(analysis, ENGLISH),
        status=mark,
        headline=headline,
        explanation=explanation,
        missing=tuple(trial.question(name) for name in decision.missing),
        summary=summary.build(analysis, shown["front"], front.height if front is not None else 0.0),
        sway_charts=tuple(shown[name] for name in ("stabilogram", "sway") if shown[name].file),
        no_sway="" if shown["sway"].file or shown["stabilogram"].file else _why_no_chart(analysis, "sway"),
        spectrum=shown["spectrum"],
        angles=shown["angles"],
        stills=tuple(_still(index, still) for index, still in enumerate(stills)),
        about_stills=_about_stills(analysis, stills),
        events=results.events(page),
        no_events="No event was found."
        if analysis.HasField("sway")
        else "Events were not searched for: this analysis has no page of measurements.",
        phases=results.phases(page),
        widespread=metrics.widespread(page),
        groups=metrics.groups(page, decision.balance),
        metric_legend=wording.METRIC_LEGEND,
        norms=results.norms(decision.balance),
        norm_legend=wording.NORM_LEGEND,
        asymmetry=results.comparisons(decision.balance.asymmetry),
        follow_up=results.comparisons(decision.balance.follow_up),
        battery=results.readings(decision.balance.battery),
        messages=summary.messages(analysis),
        parts=results.parts(decision.balance),
        flags=flags,
        no_flags="No flag fired."
        if analysis.HasField("decision")
        else "Flags were not judged: this analysis has no decision page.",
        remarks=trial.remarks(analysis),
        pose=pose_facts(analysis),
        quality=trial.quality(analysis),
        unmeasured=trial.unmeasured(analysis),
        statement=trial.statement(analysis.job.balance),
        answers=trial.answers(analysis.job.balance.intake),
        fired=case.trace(analysis, ENGLISH, fired=True),
        not_fired=case.trace(analysis, ENGLISH, fired=False),
        trace_note=wording.TRACE_NOTE if decision.decision_json.key else "",
        ruleset=case.ruleset(analysis, ENGLISH),
        versions=case.versions(_pages(analysis, own)),
        limits=_limits(analysis),
    )
    return Built(sheet, files)


def _status(analysis: Analysis) -> tuple[Mark, str, str]:
    decision = analysis.decision
    if analysis.HasField("decision"):
        headline, explanation = wording.STATUS_TEXT.get(decision.status, wording.UNDECIDED_TEXT)
        return looks.STATUSES.get(decision.status, marks.UNDECIDED.mark(ENGLISH)), headline, explanation
    return marks.UNDECIDED.mark(ENGLISH), *(
        wording.UNDECIDED_TEXT if analysis.HasField("sway") else wording.UNMEASURED_TEXT
    )


def _charts(analysis: Analysis, found: Traces) -> dict[str, Drawing | None]:
    page = analysis.sway
    window = window_of(page, found)
    unit = found.units.get("com_ml") or found.units.get("com_ap") or "mm"
    spectral = _spectral(analysis)
    band = (spectral.band_low_hz, spectral.band_high_hz) if spectral else (0.0, 0.0)
    timeline = partial(plots.over_time, found, events=page.events, window=window)
    carried = [axis for axis in ("ML", "AP") if metrics.measurable(page, axis)]
    return {
        "stabilogram": plots.stabilogram(found, window, carried, unit=unit),
        "front": timeline(
            SWAY_PANELS,
            height=40.0 if len(carried) < 2 else 24.0,
            title="Sway of the centre of mass against time",
        ),
        "sway": timeline(SWAY_PANELS, height=64.0, title="Sway of the centre of mass against time"),
        "spectrum": plots.spectra(found, window, band, unit=unit) if spectral else None,
        "angles": timeline(ANGLE_PANELS, height=46.0, title="Angles of the body against time"),
    }


def _spectral(analysis: Analysis) -> BalanceMetric | None:
    """A spectral metric with a value: without one the recording carries no spectrum."""
    members = [metric for metric in analysis.sway.metrics if metric.group == "frequency"]
    return next((metric for metric in members if numbers.value_of(metric.measurement) is not None), None)


def _why_no_chart(analysis: Analysis, name: str) -> str:
    if not analysis.HasField("sway"):
        return "Not measured: this analysis has no page of measurements."
    if name == "spectrum":
        members = [metric for metric in analysis.sway.metrics if metric.group == "frequency"]
        if _spectral(analysis) is None:
            reasons = [
                metric.measurement.not_measurable for metric in members if metric.measurement.not_measurable
            ]
            return f"No spectrum: {reasons[0]}." if reasons else "No spectrum was measured for this trial."
    return wording.NO_TRACES if not analysis.sway.traces.key else "Not measurable in this recording."


def _picture(name: str, chart: Drawing | None, otherwise: str) -> Picture:
    return Picture("", "", otherwise) if chart is None else Picture(name, chart.alt, chart.caption)


def _still_name(index: int) -> str:
    return f"still-{index + 1}.jpg"


def _still(index: int, still: Still) -> Picture:
    time = numbers.fixed(still.time_s, 2)
    return Picture(
        _still_name(index),
        f"The subject at {time} s with the skeleton drawn: {still.moment.reason}.",
        f"{time}\u00a0s. {still.moment.reason}",
    )


def _about_stills(analysis: Analysis, stills: Sequence[Still]) -> str:
    """Why there is no picture, or what the pictures are."""
    if stills:
        return "" if analysis.ingest.HasField("video") else wording.NO_VIDEO
    if not analysis.pose.landmarks.key:
        return "No landmarks were found, so there is no picture."
    return wording.NO_STILLS


def _pages(analysis: Analysis, own: Provenance) -> tuple[tuple[str, Provenance], ...]:
    return (
        ("Recording", analysis.ingest.provenance),
        ("Pose", analysis.pose.provenance),
        ("Sway", analysis.sway.provenance),
        ("Decision", analysis.decision.provenance),
        ("Report", own),
    )


def pose_facts(analysis: Analysis) -> tuple[Fact, ...]:
    """How the landmarks were made."""
    page = analysis.pose
    if not analysis.HasField("pose"):
        return (Fact("Landmarks", "none: this analysis has no page of landmarks"),)
    models = [part for part in page.provenance.versions if part.kind == "model"]
    named = ", ".join(f"{part.name} {part.version}".strip() for part in models) or wording.NOT_STATED
    return (
        Fact("Source", wording.SOURCES.get(page.source, page.source or wording.NOT_STATED)),
        Fact("Pose model", named),
        Fact("Mode", wording.MODES.get(page.mode, wording.NOT_STATED)),
        Fact("Regions per frame", str(page.regions) if page.regions else wording.NOT_STATED),
        Fact("Frames", f"{page.frames} over {numbers.fixed(page.duration_s, 1)}\u00a0s"),
        Fact("Run by", page.execution_provider or "the device"),
    )


def _limits(analysis: Analysis) -> tuple[str, ...]:
    limits = list(wording.LIMITS)
    requested = analysis.job.language
    if requested and requested.split("-")[0].lower() != LANGUAGE:
        limits.append(f"Language {requested} was asked for; this report is written in English.")
    if analysis.job.consent.text_version:
        limits.append(f"Consent text on record: version {analysis.job.consent.text_version}.")
    return tuple(limits)
