"""Published age-group means beside a trial's value. The distributions are censored and skewed: no z-score.

The band of an age group runs from the mean of the next older group to that of the next younger one, so that
it rests on means alone; the oldest group has no lower and the youngest no upper end. A provisional table, or
one of the best of several trials, is shown without a band.
"""

from __future__ import annotations

from collections.abc import Mapping

from assay.decision.v1.decision_pb2 import NormComparison

from svc_decision.balance.case import Quantity, Trial
from svc_decision.balance.ruleset import AgeGroup, BalanceRuleset, NormTable
from svc_decision.balance.scores import measurement
from svc_decision.conditions import Facts, evaluate, fact_names
from svc_decision.decision import TraceEntry

_WORDS = {
    "arms": "arms {}", "cap_s": "a cap of {:g} s", "surface": "{} surface", "stance": "{} stance",
    "eyes": "eyes {}",
}  # fmt: skip


def compare(
    trial: Trial, battery: Mapping[str, Quantity], facts: Facts, ruleset: BalanceRuleset
) -> tuple[tuple[NormComparison, ...], tuple[TraceEntry, ...]]:
    """Every norm table that fits the trial and its age group. `battery` holds the totals by id."""
    shown: list[NormComparison] = []
    trace: list[TraceEntry] = []
    for table in ruleset.norms:
        quantity = trial.quantity(table.metric) or battery.get(table.metric)
        group = group_of(table, facts.get("trial.age"))
        applies = evaluate(table.when, facts)
        names = dict.fromkeys((*fact_names(table.when), "trial.age"))
        saw = tuple((name, facts.get(name)) for name in names)
        saw += ((table.metric, None if quantity is None else round(quantity.value, 4)),)
        unknown = applies is None or (applies and facts.get("trial.age") is None)
        if applies and group is not None and quantity is not None and quantity.unit == table.unit:
            entry = _comparison(trial, table, group, quantity, facts, ruleset)
            shown.append(entry)
            effect = f"{group.label}: mean {group.mean:g} {table.unit}, {entry.band or 'no band'}"
            trace.append(TraceEntry(table.id, "fired", saw, effect))
        else:
            trace.append(TraceEntry(table.id, "unknown" if unknown else "not_fired", saw))
    return tuple(shown), tuple(trace)


def group_of(table: NormTable, age: object) -> AgeGroup | None:
    """The age group, None when the age is not known or no group covers it."""
    if not isinstance(age, int) or isinstance(age, bool):
        return None
    return next((g for g in table.groups if g.first <= age <= g.last), None)


def band_edges(table: NormTable, group: AgeGroup) -> tuple[float | None, float | None]:
    """Lower and upper end of the group's band, None where the table has no neighbour."""
    index = table.groups.index(group)
    older = table.groups[index + 1].mean if index + 1 < len(table.groups) else None
    younger = table.groups[index - 1].mean if index else None
    return older, younger


def _comparison(
    trial: Trial,
    table: NormTable,
    group: AgeGroup,
    quantity: Quantity,
    facts: Facts,
    ruleset: BalanceRuleset,
) -> NormComparison:
    censored = table.metric == "TIME_TO_FAILURE" and facts.get("time.censored") is True
    return NormComparison(
        metric=table.metric,
        value=measurement(table.metric, quantity),
        age_group=group.label,
        mean=group.mean,
        unit=table.unit,
        band=_band(table, group, quantity.value, censored) if table.banded else "",
        source=f"{ruleset.cited(table.record.source)} ({table.statistic})",
        provisional=table.record.provisional,
        protocol_differs=_differences(trial, table, censored),
    )


def _band(table: NormTable, group: AgeGroup, value: float, censored: bool) -> str:
    low, high = band_edges(table, group)
    if low is not None and value < low:
        # What was stopped early could have gone on for longer.
        return "" if censored else "below"
    return "above" if high is not None and value > high else "within"


def _differences(trial: Trial, table: NormTable, censored: bool) -> list[str]:
    """What differs between the norm's protocol and the trial, or was not stated."""
    found: list[str] = []
    for field, wanted in table.protocol.items():
        own = trial.protocol.get(field)
        if field == "trials":
            found.append(f"the norm is the {table.statistic}, this is one trial")
        elif field == "barefoot":
            if own is not wanted:
                found.append("barefoot not stated" if own is None else "the norm was taken barefoot")
        elif own is None:
            found.append(f"{field.removesuffix('_s')} not stated; the norm: {_WORDS[field].format(wanted)}")
        elif own != wanted:
            found.append(f"the norm: {_WORDS[field].format(wanted)}; this trial: {_WORDS[field].format(own)}")
    if censored:
        found.append(f"the trial ended by {trial.sway.ended_by or 'its cap'}: the time is at least this")
    return found
