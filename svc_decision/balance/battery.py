"""Totals and ratios over the conditions of a battery: BESS, mBESS, CTSIB, Y-Balance.

This trial and the earlier ones of the same test and visit each give one condition. A total of an incomplete
battery is not given, never estimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from assay.common.v1.types_pb2 import Measurement

from svc_decision.balance.case import BalanceCase, Quantity, Trial, same_visit
from svc_decision.balance.ruleset import BalanceRuleset, BatteryRule
from svc_decision.balance.scores import measurement
from svc_decision.conditions import FactValue
from svc_decision.decision import TraceEntry

Condition = tuple[str, ...]
Found = tuple[Quantity | None, str]

# What tells the conditions of a battery apart.
KEYS: Mapping[str, tuple[str, ...]] = {
    "bess": ("stance", "surface"),
    "mbess": ("stance", "surface"),
    "ctsib": ("eyes", "surface"),
    "mctsib": ("eyes", "surface"),
    "y_balance": ("reach", "side"),
}
STANCES = ("double", "single", "tandem")
FIRM = tuple((stance, "firm") for stance in STANCES)
BESS = FIRM + tuple((stance, "foam") for stance in STANCES)
REACHES = ("anterior", "posteromedial", "posterolateral")
_RATIO_OF: Mapping[str, Condition] = {
    "somatosensory": ("closed", "firm"),
    "visual": ("open", "foam"),
    "vestibular": ("closed", "foam"),
}
_BASE = ("open", "firm")
_VELOCITIES = ("MVELO_ML", "MVELO_AP")


@dataclass(frozen=True, slots=True)
class Battery:
    """Results by id with their quantities, the pattern over CTSIB conditions, and the trace."""

    results: tuple[Measurement, ...]
    quantities: Mapping[str, Quantity]
    pattern: str | None
    trace: tuple[TraceEntry, ...]


def is_other_condition(now: Trial, other: Trial) -> bool:
    """Whether two trials of one test are known to be two conditions of its battery.

    Two legs of one reach are not: they are compared.
    """
    keys = [k for k in KEYS.get(str(now.protocol["task"]), ()) if k != "side"]
    pairs = [(now.protocol[k], other.protocol[k]) for k in keys]
    return all(None not in pair for pair in pairs) and any(a != b for a, b in pairs)


def assess(case: BalanceCase, ruleset: BalanceRuleset) -> Battery:
    """Totals and ratios of this trial's battery; empty for a test that is none."""
    task = str(case.now.protocol["task"])
    conditions = _conditions(case, task, ruleset.comparability.same_visit_h)
    results: list[Measurement] = []
    quantities: dict[str, Quantity] = {}
    trace: list[TraceEntry] = []
    for rule in ruleset.battery:
        if task not in _TASKS[rule.measure]:
            trace.append(TraceEntry(rule.id, "not_applicable"))
            continue
        quantity, why_not = _MEASURES[rule.measure](conditions, rule)
        results.append(measurement(rule.measure, quantity, why_not))
        saw: tuple[tuple[str, FactValue], ...] = (("conditions", tuple(map(" ".join, sorted(conditions)))),)
        if quantity is None:
            trace.append(TraceEntry(rule.id, "not_fired", saw, why_not))
        else:
            quantities[rule.measure] = quantity
            trace.append(TraceEntry(rule.id, "fired", saw, f"{quantity.value:.4g} {quantity.unit}"))
    return Battery(tuple(results), MappingProxyType(quantities), _pattern(conditions, task), tuple(trace))


def _conditions(case: BalanceCase, task: str, hours: float) -> Mapping[Condition, Trial]:
    """The newest trial of each condition within the visit; this trial comes first."""
    found: dict[Condition, Trial] = {}
    for trial in (case.now, *case.earlier):
        key = tuple(trial.protocol[k] for k in KEYS.get(task, ()))
        if trial.protocol["task"] != task or None in key:
            continue
        if trial is not case.now and not same_visit(case.now, trial, hours):
            continue
        found.setdefault(tuple(map(str, key)), trial)
    return found


def _missing(wanted: Iterable[Condition], there: Iterable[Condition]) -> str:
    absent = [" ".join(c) for c in wanted if c not in set(there)]
    return f"not recorded in this visit: {', '.join(absent)}" if absent else ""


def _errors(wanted: Sequence[Condition]) -> Callable[[Mapping[Condition, Trial], BatteryRule], Found]:
    def total(conditions: Mapping[Condition, Trial], rule: BatteryRule) -> Found:
        counts = {c: t.quantity("BESS_ERRORS") for c, t in conditions.items()}
        counted = {c: q for c, q in counts.items() if q is not None}
        absent = _missing(wanted, counted)
        if absent:
            return None, absent
        return Quantity(sum(counted[c].value for c in wanted), None, None, rule.unit), ""

    return total


def _ratio(name: str, of: str) -> Callable[[Mapping[Condition, Trial], BatteryRule], Found]:
    def ratio(conditions: Mapping[Condition, Trial], rule: BatteryRule) -> Found:
        pair = (_RATIO_OF[name], _BASE)
        absent = _missing(pair, conditions)
        if absent:
            return None, absent
        trials = [conditions[c] for c in pair]
        metrics = ("TIME_TO_FAILURE",) if of == "time" else _VELOCITIES
        if of == "sway" and len({(t.protocol["view"], t.pose) for t in trials}) > 1:
            return None, "view or pose model differs between the conditions"
        for metric in metrics:
            harder, base = (t.quantity(metric) for t in trials)
            if harder is not None and base is not None and min(harder.value, base.value) > 0:
                # A longer time and a smaller velocity are both better: 1 means as good as on firm ground.
                return _quotient(harder, base) if of == "time" else _quotient(base, harder), ""
        return None, f"{' or '.join(metrics)} was not measured in both conditions"

    return ratio


def _quotient(a: Quantity, b: Quantity) -> Quantity:
    """a/b with the relative uncertainties in quadrature."""
    value, ua, ub = a.value / b.value, a.standard_uncertainty, b.standard_uncertainty
    if ua is None or ub is None:
        return Quantity(value, None, None, "1")
    half = 1.96 * value * math.hypot(ua / a.value, ub / b.value)
    return Quantity(value, max(0.0, value - half), value + half, "1")


def _composite(side: str) -> Callable[[Mapping[Condition, Trial], BatteryRule], Found]:
    def composite(conditions: Mapping[Condition, Trial], rule: BatteryRule) -> Found:
        """100 (ANT + PM + PL) / (3 LL), the parts as % of leg length."""
        wanted = [(reach, side) for reach in REACHES]
        found = {c: t.quantity("REACH_PCT") for c, t in conditions.items()}
        parts = {c: q for c, q in found.items() if q is not None}
        absent = _missing(wanted, parts)
        if absent:
            return None, absent
        used = [parts[c] for c in wanted]
        value, errors = sum(q.value for q in used) / 3, [q.standard_uncertainty for q in used]
        known = [u for u in errors if u is not None]
        if len(known) < len(errors):
            return Quantity(value, None, None, rule.unit), ""
        half = 1.96 * math.sqrt(sum(u * u for u in known)) / 3
        return Quantity(value, value - half, value + half, rule.unit), ""

    return composite


def _asymmetry(reach: str) -> Callable[[Mapping[Condition, Trial], BatteryRule], Found]:
    def asymmetry(conditions: Mapping[Condition, Trial], rule: BatteryRule) -> Found:
        """|right - left| in cm."""
        pair = [(reach, side) for side in ("right", "left")]
        found = {c: t.quantity("REACH") for c, t in conditions.items()}
        parts = {c: q for c, q in found.items() if q is not None}
        absent = _missing(pair, parts)
        if absent:
            return None, absent
        right, left = (parts[c] for c in pair)
        difference, ur, ul = right.value - left.value, right.standard_uncertainty, left.standard_uncertainty
        if ur is None or ul is None:
            return Quantity(abs(difference), None, None, rule.unit), ""
        half = 1.96 * math.hypot(ur, ul)
        return Quantity(difference, difference - half, difference + half, rule.unit).magnitude(), ""

    return asymmetry


def _pattern(conditions: Mapping[Condition, Trial], task: str) -> str | None:
    """Which of the four mCTSIB conditions ended in a failure: none, visual, surface, vestibular or other."""
    four = [_BASE, *_RATIO_OF.values()]
    if task not in ("ctsib", "mctsib") or any(c not in conditions for c in four):
        return None
    if any(conditions[c].quantity("TIME_TO_FAILURE") is None for c in four):
        return None
    failed = {c for c in four if not conditions[c].sway.censored}
    named: Mapping[frozenset[Condition], str] = {
        frozenset(): "none",
        frozenset({("closed", "firm"), ("closed", "foam")}): "visual",
        frozenset({("open", "foam"), ("closed", "foam")}): "surface",
        frozenset({("closed", "foam")}): "vestibular",
    }
    return named.get(frozenset(failed), "other")


_CTSIB = ("ctsib", "mctsib")
_MEASURES: Mapping[str, Callable[[Mapping[Condition, Trial], BatteryRule], Found]] = {
    "BESS_TOTAL": _errors(BESS),
    "MBESS_TOTAL": _errors(FIRM),
    **{f"CTSIB_{n.upper()}_{of.upper()}": _ratio(n, of) for n in _RATIO_OF for of in ("time", "sway")},
    **{f"YBT_COMPOSITE_{s.upper()}": _composite(s) for s in ("left", "right")},
    **{f"YBT_ASYMMETRY_{r.upper()}": _asymmetry(r) for r in REACHES},
}
_TASKS: Mapping[str, tuple[str, ...]] = {
    "BESS_TOTAL": ("bess",),
    "MBESS_TOTAL": ("mbess",),
} | {name: _CTSIB if name.startswith("CTSIB") else ("y_balance",) for name in _MEASURES if "BESS" not in name}
MEASURES = frozenset(_MEASURES)
