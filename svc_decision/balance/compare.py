"""This trial against earlier ones: left against right, and one leg over time. Like with like only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from assay.common.v1.types_pb2 import Measurement
from assay.decision.v1.decision_pb2 import Change

from svc_decision.balance.battery import is_other_condition
from svc_decision.balance.case import SCORE, BalanceCase, Quantity, Reading, Trial, same_visit
from svc_decision.balance.ruleset import BalanceRuleset, Comparability, Comparison
from svc_decision.balance.scores import measurement
from svc_decision.conditions import FactValue
from svc_decision.decision import TraceEntry

_NOTHING_SHARED = "no metric was measured in both trials"
_DEFINITION = {
    False: "the metric is defined differently (version, cutoff, band or unit)",
    True: "the two scores were made from different parts or by another ruleset",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """Changes by role, and how many of them are beyond the minimal detectable change."""

    asymmetry: tuple[Change, ...]
    follow_up: tuple[Change, ...]
    worse: int | None
    """Changes for the worse beyond it since an earlier trial of the same leg; None without one to judge."""
    trace: tuple[TraceEntry, ...]

    @property
    def asymmetric(self) -> int | None:
        """Metrics whose sides differ beyond it; None when none could be judged."""
        judged = [c for c in self.asymmetry if c.verdict != "unknown"]
        return sum(c.verdict == "beyond_mdc" for c in judged) if judged else None


def role_of(now: Trial, other: Trial) -> str:
    """battery, asymmetry, follow_up, or none when it cannot be told or the tests differ."""
    if other.protocol["task"] != now.protocol["task"]:
        return "none"
    if is_other_condition(now, other):
        return "battery"
    if now.protocol["stance"] == "double":
        return "follow_up"
    sides = (now.protocol["side"], other.protocol["side"])
    if None in sides:
        return "none"
    return "follow_up" if sides[0] == sides[1] else "asymmetry"


def compare(case: BalanceCase, score: Reading, ruleset: BalanceRuleset) -> Compared:
    """Compares with every earlier trial that is not another condition of the same battery.

    `score` is the composite of this trial; its definition is the ruleset's hash and the rules that made it.
    """
    now = replace(case.now, readings=MappingProxyType({**case.now.readings, SCORE: score}))
    changes: dict[str, list[Change]] = {"asymmetry": [], "follow_up": []}
    for other in case.earlier:
        role = role_of(now, other)
        if role == "battery":
            continue
        obstacle = _obstacle(now, other, role, ruleset.comparability)
        target = changes["asymmetry" if role == "asymmetry" else "follow_up"]
        found = [] if obstacle else _changes(now, other, ruleset)
        target.extend(found or [_not_comparable(now, other, ruleset, obstacle or _NOTHING_SHARED)])
    follow_up = changes["follow_up"]
    better = {c.metric: c.better for c in ruleset.comparisons}
    judged = [c for c in follow_up if c.verdict != "unknown"]
    worse = sum(c.verdict == "beyond_mdc" and _is_worse(c, better) for c in judged) if judged else None
    return Compared(
        tuple(changes["asymmetry"]), tuple(follow_up), worse, tuple(_trace(ruleset.comparisons, changes))
    )


def _obstacle(now: Trial, other: Trial, role: str, rules: Comparability) -> str:
    """Why the two trials as wholes cannot be compared; empty when they can."""
    if other.protocol["task"] != now.protocol["task"]:
        return f"another test: {other.protocol['task']}"
    if role == "none":
        return "the standing leg of one trial is not stated"
    reasons = [_mismatch(trial) for trial in (now, other)]
    for field in rules.stated:
        if now.protocol[field] is None or other.protocol[field] is None:
            reasons.append(f"{field} is not known for both trials")
    for field in (*rules.stated, *rules.equal):
        pair = (now.protocol[field], other.protocol[field])
        if pair[0] != pair[1] and (field in rules.equal or None not in pair):
            reasons.append(f"{field} differs: {_said(pair[0])} now, {_said(pair[1])} then")
    if role == "asymmetry" and not same_visit(now, other, rules.same_visit_h):
        reasons.append(f"the two legs were not tested within {rules.same_visit_h:g} h")
    return "; ".join(reason for reason in reasons if reason)


def _said(value: object) -> str:
    return "not stated" if value is None else str(value)


def _mismatch(trial: Trial) -> str:
    stated, found = trial.protocol["side"], trial.protocol["side_found"]
    if stated is None or found is None or stated == found:
        return ""
    return f"a trial was declared {stated} but shows the {found} leg standing"


def _not_comparable(now: Trial, other: Trial, ruleset: BalanceRuleset, obstacle: str) -> Change:
    """Both values of the first metric that the trials share, and why nothing follows from them."""
    changes = _changes(now, other, ruleset)
    change = changes[0] if changes else Change()
    change.verdict, change.not_comparable, change.other_job_id = "unknown", obstacle, other.job_id
    unit = change.difference.unit
    change.difference.CopyFrom(Measurement(id=change.metric, unit=unit, not_measurable=obstacle))
    return change


def _changes(now: Trial, other: Trial, ruleset: BalanceRuleset) -> list[Change]:
    """One change per comparison rule whose metric both trials have."""
    found: list[Change] = []
    for rule in ruleset.comparisons:
        a, b = (trial.readings.get(rule.metric) for trial in (now, other))
        if a is None or b is None or a.quantity is None or b.quantity is None:
            continue
        change = Change(metric=rule.metric, verdict="unknown", other_job_id=other.job_id)
        change.source, change.provisional = ruleset.cited(rule.record.source), rule.record.provisional
        if rule.mdc95 is not None:
            change.mdc95 = round(rule.mdc95, 4)
        change.now, change.other = round(a.quantity.value, 4), round(b.quantity.value, 4)
        change.difference.id, change.difference.unit = rule.metric, rule.unit
        if a.definition != b.definition or {a.quantity.unit, b.quantity.unit} != {rule.unit}:
            change.not_comparable = _DEFINITION[rule.metric == SCORE]
            change.difference.not_measurable = change.not_comparable
        else:
            _judge(change, rule, a.quantity, b.quantity, _censoring(now, other, rule))
        found.append(change)
    return found


def _judge(change: Change, rule: Comparison, a: Quantity, b: Quantity, cut_short: str) -> None:
    """Fills in the difference and the verdict."""
    if cut_short:
        change.difference.not_measurable = cut_short
        return
    difference = _difference(a, b)
    change.difference.CopyFrom(measurement(rule.metric, difference))
    if rule.mdc95 is not None:
        change.verdict = "beyond_mdc" if abs(difference.value) > rule.mdc95 else "within_mdc"


def _censoring(now: Trial, other: Trial, rule: Comparison) -> str:
    """Why two times of which one was cut short have no known difference."""
    ended = [trial.sway.censored for trial in (now, other)]
    if rule.metric != "TIME_TO_FAILURE" or not any(ended):
        return ""
    if all(ended):
        return "both trials ended without failure: no difference can be told"
    return "one trial ended without failure: the true difference is at least as large as that of the times"


def _difference(a: Quantity, b: Quantity) -> Quantity:
    """a - b with independent errors; what both share, such as a misstated height, makes it narrower."""
    value, ua, ub = a.value - b.value, a.standard_uncertainty, b.standard_uncertainty
    if ua is None or ub is None:
        return Quantity(value, None, None, a.unit)
    half = 1.96 * math.hypot(ua, ub)
    return Quantity(value, value - half, value + half, a.unit)


def _is_worse(change: Change, better: Mapping[str, str]) -> bool:
    match better[change.metric]:
        case "higher":
            return change.now < change.other
        case "lower":
            return change.now > change.other
        case _:
            return abs(change.now) > abs(change.other)


def _trace(rules: Sequence[Comparison], changes: Mapping[str, list[Change]]) -> list[TraceEntry]:
    entries: list[TraceEntry] = []
    for rule in rules:
        own = [(role, c) for role, found in changes.items() for c in found if c.metric == rule.metric]
        saw: tuple[tuple[str, FactValue], ...] = tuple(
            (f"{role}.{c.other_job_id}", round(c.now - c.other, 4)) for role, c in own
        )
        fired = any(c.verdict != "unknown" for _, c in own)
        effect = ", ".join(dict.fromkeys(c.not_comparable or c.verdict for _, c in own))
        entries.append(TraceEntry(rule.id, "fired" if fired else "not_fired", saw, effect))
    return entries
