"""What was measured and what was decided, as rows of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.balance.v1.balance_pb2 import BalanceMetric, SwayPage
from assay.common.v1.types_pb2 import Measurement
from assay.decision.v1.decision_pb2 import BalanceDecision, Change, NormComparison, SubScore

from svc_report import numbers
from svc_report.balance import marks, wording
from svc_report.balance.sheet import Comparison, Group, Happening, Kpi, Norm, Part
from svc_report.sheet import Fact, Reading

MAX_METRICS = 160
MAX_EVENTS = 40
MAX_ROWS = 40


def metric_name(identifier: str) -> str:
    """A metric id in words, with its axis and statistic."""
    if identifier in wording.METRICS:
        return wording.METRICS[identifier]
    stem, suffixes = identifier, list[str]()
    while "_" in stem and stem not in wording.METRICS:
        stem, last = stem.rsplit("_", 1)
        suffixes.insert(0, wording.AXES.get(last) or wording.STATISTICS.get(last.upper()) or last.lower())
    if stem in wording.METRICS:
        return ", ".join((wording.METRICS[stem], *suffixes))
    return identifier.replace("_", " ")


def value_of(measured: Measurement, digits: int = 3) -> str:
    """Value with unit, or why there is none."""
    value = numbers.value_of(measured)
    if value is None:
        why = measured.not_measurable
        return f"{numbers.NOT_MEASURABLE}: {why}" if why else numbers.NOT_MEASURABLE
    return numbers.significant(value, digits) + numbers.unit(measured.unit)


def interval_of(measured: Measurement) -> str:
    """The 95 % interval, else one standard uncertainty, else that there is none."""
    return numbers.uncertainty_of(measured) if numbers.value_of(measured) is not None else ""


def groups(page: SwayPage, decided: BalanceDecision) -> tuple[Group, ...]:
    """Measurements by group; what is not measurable is listed by its reason, not as rows."""
    norms = {norm.metric: norm for norm in decided.norms}
    names = [*wording.GROUPS, *sorted({metric.group for metric in page.metrics} - set(wording.GROUPS))]
    found = []
    for name in names:
        members = [metric for metric in page.metrics[:MAX_METRICS] if metric.group == name]
        rows = tuple(
            _kpi(metric, norms) for metric in members if numbers.value_of(metric.measurement) is not None
        )
        if members:
            heading = wording.GROUPS.get(name, name.capitalize() or "Other")
            found.append(Group(heading, rows, _reasons(members)))
    return tuple(found)


def _reasons(metrics: Sequence[BalanceMetric]) -> tuple[Fact, ...]:
    by_reason: dict[str, list[str]] = {}
    for metric in metrics:
        if numbers.value_of(metric.measurement) is None:
            reason = metric.measurement.not_measurable or "no reason given"
            by_reason.setdefault(reason, []).append(metric_name(metric.measurement.id))
    return tuple(Fact(", ".join(names), reason) for reason, names in by_reason.items())


def _kpi(metric: BalanceMetric, norms: Mapping[str, NormComparison]) -> Kpi:
    measured = metric.measurement
    norm = norms.get(measured.id)
    notes = [code.replace("_", " ").lower() for code in metric.flags]
    if metric.HasField("snr"):
        notes.append(f"SNR {numbers.significant(metric.snr, 2)}")
    return Kpi(
        name=metric_name(measured.id),
        id=measured.id,
        value=value_of(measured),
        interval=interval_of(measured),
        norm=_norm_cell(norm) if norm else "",
        flags=", ".join(notes),
        basis=_basis(metric),
    )


def _norm_cell(norm: NormComparison) -> str:
    dagger = "\u00a0†" if norm.provisional else ""
    differs = "\u00a0≠" if norm.protocol_differs else ""
    mean = numbers.significant(norm.mean) + numbers.unit(norm.unit)
    return f"{mean}{dagger}{differs}, {norm.band or 'not banded'}"


def _basis(metric: BalanceMetric) -> str:
    parts = []
    if metric.band_high_hz > 0:
        parts.append(f"{metric.band_low_hz:g}–{metric.band_high_hz:g}\u00a0Hz")
    elif metric.cutoff_hz > 0:
        parts.append(f"{metric.cutoff_hz:g}\u00a0Hz")
    parts.append(f"v{metric.version}" if metric.version else "")
    return ", ".join(part for part in parts if part)


def event_name(identifier: str) -> str:
    """An event id in words."""
    return wording.EVENTS.get(identifier, identifier.replace("_", " ").capitalize())


def events(page: SwayPage) -> tuple[Happening, ...]:
    """Events in order of onset, numbered as in the charts."""
    return tuple(
        Happening(
            number=str(index),
            mark=marks.event(event.kind),
            name=event_name(event.id),
            onset=f"{numbers.fixed(event.onset_s, 2)}\u00a0s"
            + (
                f" ±\u00a0{numbers.fixed(event.onset_uncertainty_s, 2)}"
                if event.onset_uncertainty_s > 0
                else ""
            ),
            duration=f"{numbers.fixed(event.duration_s, 2)}\u00a0s" if event.duration_s > 0 else "",
            peak=numbers.significant(event.peak) + numbers.unit(event.unit) if event.HasField("peak") else "",
            side=wording.SIDES.get(event.side, ""),
            confidence=numbers.percent(event.confidence),
        )
        for index, event in enumerate(page.events[:MAX_EVENTS], start=1)
    )


def phases(page: SwayPage) -> tuple[Fact, ...]:
    """Phases with their times."""
    return tuple(
        Fact(
            wording.PHASES.get(phase.id, phase.id.replace("_", " ")),
            f"{numbers.fixed(phase.start_s, 2)} to {numbers.fixed(phase.end_s, 2)}\u00a0s",
        )
        for phase in page.phases[:MAX_ROWS]
    )


def parts(decided: BalanceDecision) -> tuple[Part, ...]:
    """Sub-scores."""
    return tuple(_part(part) for part in decided.sub_scores[:MAX_ROWS])


def _part(part: SubScore) -> Part:
    value = numbers.value_of(part.score)
    spread = part.score.standard_uncertainty if part.score.HasField("standard_uncertainty") else None
    why = part.score.not_measurable or "no reason given"
    return Part(
        name=wording.SUB_SCORES.get(part.id, part.id.replace("_", " ").capitalize()),
        value=f"not given: {why}" if value is None else numbers.fixed(value, 0),
        spread="" if value is None or spread is None else f"±\u00a0{numbers.fixed(spread, 0)}",
        weight=numbers.percent(part.weight),
        share=None if value is None else min(max(value / 100, 0.0), 1.0),
        made_from="; ".join(getattr(part, "from")[:12]),
        rule=part.rule,
        provisional=part.provisional,
    )


def score(decided: BalanceDecision) -> tuple[str, str]:
    """The composite with its ±, and what to say beside it."""
    value = numbers.value_of(decided.score)
    if value is None:
        return "no score", decided.score.not_measurable
    measured = decided.score
    spread = (
        f" ±\u00a0{numbers.fixed(measured.standard_uncertainty, 0)}"
        if measured.HasField("standard_uncertainty")
        else ""
    )
    note = "of 100; ± one standard uncertainty" if spread else "of 100; its uncertainty is not stated"
    if measured.HasField("low_95") and measured.HasField("high_95"):
        note += f"; 95 % interval {numbers.interval(measured.low_95, measured.high_95, 0)}"
    provisional = any(part.provisional for part in decided.sub_scores)
    return numbers.fixed(value, 0) + spread, note + (
        "; rests on provisional maps (section 8)" if provisional else ""
    )


def held(page: SwayPage) -> tuple[str, str]:
    """Time to failure, and what ended it; a trial that did not fail is said to be censored."""
    measured = page.time_to_failure
    value = numbers.value_of(measured)
    if value is None:
        return numbers.NOT_MEASURABLE, measured.not_measurable
    text = f"{numbers.fixed(value, 1)}\u00a0s"
    ended = wording.ENDS.get(page.ended_by, page.ended_by.replace("_", " "))
    if page.censored:
        return f"≥\u00a0{text}", f"no failure before {ended or 'the end'}: the time is censored"
    spread = interval_of(measured)
    return text, "; ".join(
        part for part in (f"ended by {ended}" if ended else "", spread and f"95 %: {spread}") if part
    )


def norms(decided: BalanceDecision) -> tuple[Norm, ...]:
    """Norms in full."""
    return tuple(
        Norm(
            name=metric_name(norm.metric),
            value=value_of(norm.value),
            group=norm.age_group,
            mean=numbers.significant(norm.mean) + numbers.unit(norm.unit),
            band=norm.band,
            source=norm.source,
            differs=tuple(norm.protocol_differs[:8]),
            provisional=norm.provisional,
        )
        for norm in decided.norms[:MAX_ROWS]
    )


def comparisons(changes: Sequence[Change]) -> tuple[Comparison, ...]:
    """Differences between two trials."""
    return tuple(_comparison(change) for change in changes[:MAX_ROWS])


def _comparison(change: Change) -> Comparison:
    after = numbers.unit(change.difference.unit)
    mdc = numbers.significant(change.mdc95) + after if change.HasField("mdc95") else "not known"
    dagger = "\u00a0†" if change.provisional and change.HasField("mdc95") else ""
    value = numbers.value_of(change.difference)
    note = [change.not_comparable and f"Not comparable: {change.not_comparable}", change.source]
    return Comparison(
        name=metric_name(change.metric),
        now=numbers.significant(change.now) + after,
        other=numbers.significant(change.other) + after,
        difference=(numbers.significant(value) + after if value is not None else "not given")
        + (f" ({interval_of(change.difference)})" if value is not None else ""),
        mdc=mdc + dagger,
        mark=marks.verdict(change.verdict or "unknown"),
        note=". ".join(part for part in note if part),
    )


def readings(measured: Sequence[Measurement]) -> tuple[Reading, ...]:
    """Totals and ratios of a battery, those without a value included."""
    return tuple(
        Reading(metric_name(item.id), value_of(item), interval_of(item)) for item in measured[:MAX_ROWS]
    )


HEADLINE = ("RANGE_ML", "RDIST_ML", "MVELO_ML", "RANGE_AP", "RDIST_AP", "MVELO_AP", "AREA_PEA95")


def headline(page: SwayPage) -> tuple[Reading, ...]:
    """The few measurements of the first page."""
    by_id = {metric.measurement.id: metric.measurement for metric in page.metrics}
    shown = [by_id[name] for name in HEADLINE if name in by_id and numbers.value_of(by_id[name]) is not None]
    rows = [Reading(metric_name(item.id), value_of(item), interval_of(item)) for item in shown]
    if page.strategy:
        rows.append(
            Reading("Strategy (exploratory)", wording.STRATEGIES.get(page.strategy, page.strategy), "")
        )
    if page.HasField("bess_errors"):
        rows.append(Reading("BESS errors", str(page.bess_errors), "at most 10 per condition"))
    return tuple(rows)
