"""What happened and what was decided, as rows of tables."""

from __future__ import annotations

from collections.abc import Sequence

from assay.balance.v1.balance_pb2 import SwayPage
from assay.common.v1.types_pb2 import Measurement
from assay.decision.v1.decision_pb2 import BalanceDecision, Change, SubScore

from svc_report import numbers
from svc_report.balance import marks, metrics, wording
from svc_report.balance.sheet import Comparison, Happening, Norm, Part
from svc_report.sheet import Fact, Reading

MAX_EVENTS = 40
MAX_ROWS = 40


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
    made_from = "; ".join(getattr(part, "from")[:12])
    return Part(
        name=wording.SUB_SCORES.get(part.id, part.id.replace("_", " ").capitalize()),
        value="not given" if value is None else numbers.fixed(value, 0),
        spread="" if value is None or spread is None else _spread(spread),
        weight=numbers.percent(part.weight),
        share=None if value is None else min(max(value / 100, 0.0), 1.0),
        made_from=part.score.not_measurable or "no reason given" if value is None else made_from,
        rule=part.rule,
        provisional=part.provisional,
    )


def _spread(value: float) -> str:
    """One standard uncertainty of a score; a small one is not rounded away."""
    return f"±\u00a0{numbers.fixed(value, 0)}" if value >= 0.5 else "± <1"


def score(decided: BalanceDecision) -> tuple[str, str]:
    """The composite with its ±, and what to say beside it."""
    value = numbers.value_of(decided.score)
    if value is None:
        return "no score", decided.score.not_measurable
    measured = decided.score
    stated = measured.HasField("standard_uncertainty")
    spread = f" {_spread(measured.standard_uncertainty)}" if stated else ""
    note = "of 100; ± one standard uncertainty" if stated else "of 100; its uncertainty is not stated"
    if measured.HasField("low_95") and measured.HasField("high_95"):
        note += f"; 95 % interval {numbers.interval(measured.low_95, measured.high_95, 0)}"
    provisional = any(part.provisional for part in decided.sub_scores)
    return numbers.fixed(value, 0) + spread, note + ("; † see section 8" if provisional else "")


def held(page: SwayPage) -> tuple[str, str]:
    """Time to failure, and what ended it; a trial that did not fail is said to be censored."""
    measured = page.time_to_failure
    value = numbers.value_of(measured)
    if value is None:
        return numbers.NOT_MEASURABLE, measured.not_measurable
    text = f"{numbers.fixed(value, 1)}\u00a0s"
    ended = wording.ENDS.get(page.ended_by, page.ended_by.replace("_", " "))
    if page.censored:
        return f"≥\u00a0{text}", f"censored: no failure before {ended or 'the end'}"
    spread = f"95 %: {metrics.interval(measured)}" if metrics.decimals(measured) is not None else ""
    return text, "; ".join(part for part in (ended and f"ended: {ended}", spread) if part)


def norms(decided: BalanceDecision) -> tuple[Norm, ...]:
    """Norms in full."""
    return tuple(
        Norm(
            name=metrics.name(norm.metric),
            value=metrics.value(norm.value),
            group=norm.age_group,
            mean=numbers.significant(norm.mean) + numbers.unit(norm.unit),
            band=norm.band or "none",
            source=norm.source.rstrip("."),
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
    given = numbers.value_of(change.difference) is not None
    difference = f"{metrics.value(change.difference)} ({metrics.interval(change.difference)})"
    note = (change.not_comparable and f"Not comparable: {change.not_comparable}", change.source)
    return Comparison(
        name=metrics.name(change.metric) if change.metric else "Whole trial",
        # Without a metric there is no value either, only the reason.
        now=numbers.significant(change.now) + after if change.metric else "-",
        other=numbers.significant(change.other) + after if change.metric else "-",
        difference=difference if given else "not given",
        mdc=mdc + dagger,
        mark=marks.verdict(change.verdict or "unknown"),
        note=". ".join(part.rstrip(".") for part in note if part),
    )


def readings(measured: Sequence[Measurement]) -> tuple[Reading, ...]:
    """Totals and ratios of a battery, those without a value included."""
    return tuple(metrics.reading(item) for item in measured[:MAX_ROWS])
