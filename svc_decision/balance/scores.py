"""Sub-scores and the 0-100 composite from piecewise-linear maps.

Uncertainty: a monotone map carries the ends of a metric's 95 % interval to the ends of the score's. Within a
sub-score the parts come from one recording and one scale, so their errors are taken as fully correlated and
add; across sub-scores they are taken as independent and add in quadrature, each side of the value by itself.
The interval covers measurement error only, not how much a person varies from day to day.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from assay.common.v1.types_pb2 import Measurement
from assay.decision.v1.decision_pb2 import SubScore

from svc_decision.balance.case import Quantity, Trial
from svc_decision.balance.ruleset import Composite, Part, ScoreMap, SubScoreRule
from svc_decision.conditions import Facts, FactValue, evaluate, fact_names
from svc_decision.decision import TraceEntry

# The sub-score that takes the weight of what a failure left unmeasured.
TIME = "time"


@dataclass(frozen=True, slots=True)
class Scored:
    """Composite and sub-scores of one trial with the trace of every map. composite None: too little."""

    composite: Quantity | None
    why_not: str
    sub_scores: tuple[SubScore, ...]
    trace: tuple[TraceEntry, ...]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Sub-scores that could not be given, with the reason."""
        return tuple(f"{s.id}: {s.score.not_measurable}" for s in self.sub_scores if s.score.not_measurable)


@dataclass(frozen=True, slots=True)
class _Mapped:
    """One part's score (value and interval) and what it was made from."""

    weight: float
    rule: ScoreMap
    score: Quantity
    made_from: str


@dataclass(frozen=True, slots=True)
class _Result:
    """A sub-score before the weights are renormalised."""

    rule: SubScoreRule
    score: Quantity | None
    why_not: str
    parts: tuple[_Mapped, ...]


def map_score(points: Sequence[tuple[float, float]], x: float) -> float:
    """Piecewise-linear interpolation, flat outside the first and last point; infinity is allowed."""
    if x <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


def score(trial: Trial, facts: Facts, rule: Composite) -> Scored:
    """Scores one trial. The weight of a missing sub-score goes to the others, down to `min_weight`.

    In a trial that ended in a failure it goes to the time alone: a fall after 3 s leaves no sway to measure,
    and what is left (nothing out of line in 3 s) would lift the score above that of a longer trial.
    """
    trace: list[TraceEntry] = []
    results = [_sub_score(trial, facts, sub, trace) for sub in rule.sub_scores]
    given = [(r, r.score) for r in results if r.score is not None]
    total, there = sum(r.rule.weight for r in results), sum(r.rule.weight for r, _ in given)
    weights = _weights([r.rule for r, _ in given], total, facts.get("time.censored") is False)
    composite, why_not = None, ""
    if there < rule.min_weight * total - 1e-9:
        share = round(100 * there / total)
        why_not = f"only {share} % of the score's weight could be measured; {rule.min_weight:.0%} is needed"
    else:
        composite = _combine([(weights[r.rule.id], q) for r, q in given])
    effect = why_not if composite is None else f"score {composite.value:.1f}"
    saw: tuple[tuple[str, FactValue], ...] = tuple(
        (r.rule.id, None if r.score is None else round(r.score.value, 2)) for r in results
    )
    trace.append(TraceEntry(rule.id, "not_fired" if composite is None else "fired", saw, effect))
    # Without a composite no sub-score weighs anything.
    shown = weights if composite is not None else {}
    return Scored(
        composite, why_not, tuple(_shown(r, shown.get(r.rule.id, 0.0)) for r in results), tuple(trace)
    )


def _weights(given: Sequence[SubScoreRule], total: float, failed: bool) -> dict[str, float]:
    """Weights of the sub-scores that are there, with the missing weight given out; they sum to 1."""
    there = sum(rule.weight for rule in given)
    if failed and any(rule.id == TIME for rule in given):
        own = {rule.id: rule.weight / total for rule in given}
        return own | {TIME: own[TIME] + (total - there) / total}
    return {rule.id: rule.weight / there for rule in given}


def _sub_score(trial: Trial, facts: Facts, rule: SubScoreRule, trace: list[TraceEntry]) -> _Result:
    mapped: list[_Mapped] = []
    reasons: dict[str, None] = {}
    for part in rule.parts:
        found = _part(trial, facts, part, trace, reasons)
        if found is not None:
            mapped.append(found)
    there, total = sum(m.weight for m in mapped), sum(p.weight for p in rule.parts)
    if not mapped or there < rule.min_share * total - 1e-9:
        why = "; ".join(reasons) or "no rule covers this trial"
        return _Result(rule, None, why, tuple(mapped))
    value = sum(m.weight * m.score.value for m in mapped) / there
    low = _weighted((m.weight, m.score.low) for m in mapped)
    high = _weighted((m.weight, m.score.high) for m in mapped)
    return _Result(rule, Quantity(value, low, high, "1"), "", tuple(mapped))


def _part(
    trial: Trial, facts: Facts, part: Part, trace: list[TraceEntry], reasons: dict[str, None]
) -> _Mapped | None:
    """The first map that applies and whose metric is there; the others leave their reason."""
    chosen: _Mapped | None = None
    for rule in part.maps:
        applies = evaluate(rule.when, facts)
        saw = {name: facts.get(name) for name in fact_names(rule.when)}
        quantity, why_not = _measured(trial, rule)
        saw[rule.metric] = None if quantity is None else round(quantity.value, 4)
        outcome, effect = "not_fired", ""
        if chosen is not None:
            outcome = "not_reached"
        elif applies is None:
            outcome = "unknown"
            reasons[_unstated(rule, facts)] = None
        elif applies and quantity is None:
            effect = f"{rule.metric} {why_not}"
            reasons[effect] = None
        elif applies and quantity is not None:
            chosen = _mapped(part.weight, rule, quantity, facts)
            outcome, effect = "fired", f"score {chosen.score.value:.1f}"
        trace.append(TraceEntry(rule.id, outcome, tuple(saw.items()), effect))
    return chosen


def _unstated(rule: ScoreMap, facts: Facts) -> str:
    absent = sorted({name for name in fact_names(rule.when) if facts.get(name) is None})
    return f"{', '.join(absent)} not stated"


def _measured(trial: Trial, rule: ScoreMap) -> tuple[Quantity | None, str]:
    reading = trial.readings.get(rule.metric)
    if reading is None:
        return None, "was not measured"
    if reading.quantity is None:
        return None, f"is not measurable: {reading.why_not}"
    if reading.quantity.unit != rule.unit:
        return None, f"is in {reading.quantity.unit}, the rule in {rule.unit}"
    return reading.quantity, ""


def _mapped(weight: float, rule: ScoreMap, quantity: Quantity, facts: Facts) -> _Mapped:
    used = quantity.magnitude() if rule.magnitude else quantity
    high = used.high
    if rule.metric == "TIME_TO_FAILURE" and facts.get("time.censored") is True and high is not None:
        # The trial ended before the subject failed: the true time is at least this one.
        high = math.inf
    value = map_score(rule.points, used.value)
    ends = [] if used.low is None or high is None else [map_score(rule.points, x) for x in (used.low, high)]
    low_score, high_score = (min(ends), max(ends)) if ends else (None, None)
    made_from = f"{rule.metric}={quantity.value:.4g} {quantity.unit}"
    return _Mapped(weight, rule, Quantity(value, low_score, high_score, "1"), made_from)


def _weighted(parts: Iterable[tuple[float, float | None]]) -> float | None:
    """Weighted mean; None when a part is None."""
    total, weights = 0.0, 0.0
    for weight, value in parts:
        if value is None:
            return None
        total, weights = total + weight * value, weights + weight
    return total / weights


def _combine(parts: Sequence[tuple[float, Quantity]]) -> Quantity:
    """The composite; its interval is None when that of a sub-score is not known."""
    value = sum(weight * q.value for weight, q in parts)
    below, above = 0.0, 0.0
    for weight, q in parts:
        if q.low is None or q.high is None:
            return Quantity(value, None, None, "1")
        below += (weight * (q.value - q.low)) ** 2
        above += (weight * (q.high - q.value)) ** 2
    return Quantity(value, max(0.0, value - math.sqrt(below)), min(100.0, value + math.sqrt(above)), "1")


def _shown(result: _Result, weight: float) -> SubScore:
    shown = SubScore(
        id=result.rule.id,
        score=measurement(result.rule.id, result.score, result.why_not),
        weight=round(weight, 4),
        provisional=any(m.rule.record.provisional for m in result.parts),
        rule=",".join(m.rule.id for m in result.parts),
    )
    getattr(shown, "from").extend(m.made_from for m in result.parts)
    return shown


def measurement(name: str, quantity: Quantity | None, why_not: str = "") -> Measurement:
    """A quantity as it travels, to four decimals; without one, the reason."""
    if quantity is None:
        return Measurement(id=name, not_measurable=why_not)
    # Adding 0 turns a rounded -0.0 into 0.0.
    result = Measurement(id=name, value=round(quantity.value, 4) + 0.0, unit=quantity.unit)
    uncertainty = quantity.standard_uncertainty
    if quantity.low is not None and quantity.high is not None and uncertainty is not None:
        result.standard_uncertainty = round(uncertainty, 4)
        result.low_95, result.high_95 = round(quantity.low, 4), round(quantity.high, 4)
    return result
