"""The measurements as rows of a table: named, rounded by their uncertainty, beside their norm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from assay.balance.v1.balance_pb2 import BalanceMetric, SwayPage
from assay.common.v1.types_pb2 import Measurement
from assay.decision.v1.decision_pb2 import BalanceDecision, NormComparison

from svc_report import numbers
from svc_report.balance import names, wording
from svc_report.balance.sheet import Group, Kpi
from svc_report.sheet import Fact, Reading

MAX_METRICS = 240
MANY = 10
"""From so many measures on, those that share a reason are counted instead of listed."""
HEADLINE = ("RANGE", "RDIST", "MVELO")


def name(identifier: str) -> str:
    """A metric id in words, with its statistic and axis."""
    stem, suffixes = identifier, list[str]()
    while "_" in stem and stem.upper() not in names.METRICS:
        stem, last = stem.rsplit("_", 1)
        suffixes.insert(0, names.AXES.get(last) or names.STATISTICS.get(last.upper()) or last.lower())
    if stem.upper() in names.METRICS:
        return ", ".join((names.METRICS[stem.upper()], *suffixes))
    return identifier.replace("_", " ").capitalize()


def axis(identifier: str) -> str:
    """ "ML", "AP", or "" for a measure of both directions or of none."""
    last = identifier.rsplit("_", 1)[-1]
    return last if last in names.AXES else ""


def decimals(measured: Measurement) -> int | None:
    """Decimals that show two digits of the standard uncertainty (GUM 7.2.6); None when it is not stated."""
    spread = measured.standard_uncertainty if measured.HasField("standard_uncertainty") else 0.0
    if not spread and measured.HasField("low_95") and measured.HasField("high_95"):
        spread = (measured.high_95 - measured.low_95) / 3.92
    if not math.isfinite(spread) or spread <= 0:
        return None
    # A frame lasts longer than a hundredth of a second.
    most = 2 if measured.unit == "s" else 6
    return min(max(1 - math.floor(math.log10(spread)), 0), most)


def value(measured: Measurement) -> str:
    """Value with unit, rounded by its uncertainty, or why there is none."""
    number = numbers.value_of(measured)
    if number is None:
        why = measured.not_measurable
        return f"{numbers.NOT_MEASURABLE}: {why}" if why else numbers.NOT_MEASURABLE
    places = decimals(measured)
    written = numbers.significant(number) if places is None else numbers.fixed(number, places)
    return written + numbers.unit(measured.unit)


def interval(measured: Measurement) -> str:
    """The 95 % interval, else one standard uncertainty; empty where there is no value.

    An interval without width says that nothing was propagated, not that the value is exact.
    """
    if numbers.value_of(measured) is None:
        return ""
    places = decimals(measured)
    return wording.NOT_STATED if places is None else numbers.uncertainty_of(measured, places)


def reading(measured: Measurement) -> Reading:
    """A row of a small table."""
    return Reading(name(measured.id), value(measured), interval(measured))


def measurable(page: SwayPage, which: str) -> bool:
    """Whether the extent of sway along an axis ("ML", "AP") was measured and not withheld."""
    wanted = (f"RDIST_{which}", f"RANGE_{which}")
    return any(
        metric.measurement.id in wanted and numbers.value_of(metric.measurement) is not None
        for metric in page.metrics
    )


def headline(page: SwayPage) -> tuple[Reading, ...]:
    """The few measurements of the first page."""
    by_id = {metric.measurement.id: metric.measurement for metric in page.metrics}
    wanted = [f"{stem}_{which}" for which in names.AXES for stem in HEADLINE]
    shown = [by_id[key] for key in (*wanted, "AREA_PEA95", "REACH", "REACH_PCT") if key in by_id]
    rows = [reading(item) for item in shown if numbers.value_of(item) is not None]
    if page.strategy:
        label = wording.STRATEGIES.get(page.strategy, page.strategy)
        rows.append(Reading("Strategy (exploratory)", label, ""))
    if page.HasField("bess_errors"):
        rows.append(Reading("BESS errors", str(page.bess_errors), "at most 10 per condition"))
    return tuple(rows)


def groups(page: SwayPage, decided: BalanceDecision) -> tuple[Group, ...]:
    """Measurements by group; what is not measurable is listed by its reason, not as rows."""
    norms = _norms(decided.norms)
    metrics = _with_time(page)
    widespread = {reason for reason, members in _by_reason(metrics).items() if len(members) >= MANY}
    order = [*names.GROUPS, *sorted({metric.group for metric in metrics} - set(names.GROUPS))]
    found = []
    for group in order:
        members = [metric for metric in metrics if metric.group == group]
        rows = tuple(
            _kpi(metric, norms) for metric in members if numbers.value_of(metric.measurement) is not None
        )
        reasons = {reason: held for reason, held in _by_reason(members).items() if reason not in widespread}
        facts = tuple(
            Fact(", ".join(name(metric.measurement.id) for metric in held), reason)
            for reason, held in reasons.items()
        )
        if rows or facts:
            heading = names.GROUPS.get(group, group.capitalize() or "Other")
            found.append(Group(heading, rows, facts))
    return tuple(found)


def widespread(page: SwayPage) -> tuple[Fact, ...]:
    """Reasons that many measures share: which measures in summary, and the reason."""
    facts = []
    for reason, members in _by_reason(_with_time(page)).items():
        if len(members) >= MANY:
            axes = list(dict.fromkeys(axis(metric.measurement.id) for metric in members))
            words = " and ".join(names.AXES.get(which, "combined") for which in axes)
            facts.append(Fact(f"{len(members)} {words} measures", reason))
    return tuple(facts)


def _with_time(page: SwayPage) -> list[BalanceMetric]:
    """The metrics with the time held first, which the page has in a field of its own."""
    metrics = list(page.metrics[:MAX_METRICS])
    if page.HasField("time_to_failure"):
        measured = Measurement()
        measured.CopyFrom(page.time_to_failure)
        measured.id = measured.id or "TIME_TO_FAILURE"
        remarks = ["CENSORED"] if page.censored else []
        metrics.insert(0, BalanceMetric(measurement=measured, group="time", flags=remarks))
    return metrics


def _by_reason(metrics: Sequence[BalanceMetric]) -> dict[str, list[BalanceMetric]]:
    """Metrics without a value by the reason that was given."""
    found: dict[str, list[BalanceMetric]] = {}
    for metric in metrics:
        if numbers.value_of(metric.measurement) is None:
            found.setdefault(metric.measurement.not_measurable or "no reason given", []).append(metric)
    return found


def _norms(norms: Sequence[NormComparison]) -> dict[str, NormComparison]:
    """The norm of each metric that says most: verified before provisional, banded before not."""
    ranked = sorted(norms, key=lambda norm: (norm.provisional, not norm.band))
    found: dict[str, NormComparison] = {}
    for norm in ranked:
        found.setdefault(norm.metric.upper(), norm)
    return found


def _kpi(metric: BalanceMetric, norms: Mapping[str, NormComparison]) -> Kpi:
    measured = metric.measurement
    norm = norms.get(measured.id.upper())
    notes = [code.replace("_", " ").lower() for code in metric.flags]
    if metric.HasField("snr"):
        notes.append(f"SNR {numbers.significant(metric.snr, 2)}")
    return Kpi(
        name=name(measured.id),
        id=measured.id,
        value=value(measured),
        interval=interval(measured),
        norm=_norm_cell(norm) if norm else "",
        flags=", ".join(notes),
        basis=_basis(metric),
    )


def _norm_cell(norm: NormComparison) -> str:
    dagger = "\u00a0†" if norm.provisional else ""
    differs = "\u00a0≠" if norm.protocol_differs else ""
    mean = numbers.significant(norm.mean) + numbers.unit(norm.unit)
    return f"{mean}{dagger}{differs}, {norm.band}" if norm.band else f"{mean}{dagger}{differs}"


def _basis(metric: BalanceMetric) -> str:
    parts = []
    if metric.band_high_hz > 0:
        parts.append(f"{metric.band_low_hz:g}–{metric.band_high_hz:g}\u00a0Hz")
    elif metric.cutoff_hz > 0:
        parts.append(f"{metric.cutoff_hz:g}\u00a0Hz")
    parts.append(f"v{metric.version}" if metric.version else "")
    return ", ".join(part for part in parts if part)
