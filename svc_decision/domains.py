"""What values the facts of a condition can take, and enough of them to try every outcome of a condition.

A condition compares facts with constants, so its outcome changes only at those constants: trying each
constant, its two neighbours, the ends of the range and "unknown" is trying everything. Facts are taken as
independent: what is reachable here may never occur together in a person, but what is not reachable here never
fires.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from svc_decision.case import schema
from svc_decision.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Facts,
    FactValue,
    Probability,
    fact_names,
)
from svc_decision.ruleset import FITZPATRICK, GATES, UNKNOWN_CLASS, Ruleset

MAX_ASSIGNMENTS = 200_000
_YES_NO = (True, False)
_OUTCOMES = ("lighter", "unchanged", "darker", "reaction")
_NUMBERS: dict[str, tuple[float, float]] = {
    "skin.class_gap": (0, 5), "skin.tan_difference": (-180, 180), "area_cm2": (0, math.inf),
    "detector.naevus": (0, 1), "image.chart_loo_de00": (0, math.inf),
    "image.chart_loo_max_de00": (0, math.inf),
    "follow_up.skin_change_excess": (-200, 200), "region.top_probability": (0, 1),
    "region.lightness_t": (-200, 200), "region.coverage": (0, 1), "region.prototype_de00": (0, 200),
    "region.naevus": (0, 1), "region.delta_l_t": (-200, 200), "spot.reviewed_after_weeks": (0, 520),
}  # fmt: skip
_CHOICES: dict[str, tuple[FactValue, ...]] = {
    "intake.lesion_check": (True,),
    "device.known": (True,),
    "skin.fitzpatrick_operator": FITZPATRICK,
    "skin.fitzpatrick_safe": (1, 2, 3, 4, 5, 6),
    "policy.isotretinoin": ("caution", "defer"),
    "spot.outcome": _OUTCOMES,
    "option.efficacy": (0, 1, 2, 3, 4),
    "option.skin_gate": GATES,
    "option.label": ("on_label", "off_label", "unknown"),
}


@dataclass(frozen=True, slots=True)
class Domain:
    """Either choices, or a range of numbers (ends included); `never` adds False, the answer "never"."""

    choices: tuple[FactValue, ...] = ()
    low: float = 0.0
    high: float = 0.0
    never: bool = False

    def samples(self, constants: Sequence[float]) -> tuple[FactValue, ...]:
        """Every choice, or each constant with its neighbours and the ends; unknown first."""
        if self.choices:
            return (None, *self.choices)
        near = {v for c in constants for v in (math.nextafter(c, -math.inf), c, math.nextafter(c, math.inf))}
        values = sorted(v for v in near | {self.low, self.high} if self.low <= v <= self.high)
        return (None, *values, *((False,) if self.never else ()))


def domain(fact: str, ruleset: Ruleset) -> Domain:
    """The domain of a fact. A fact of no other kind is a yes or no."""
    if fact in _CHOICES:
        return Domain(_CHOICES[fact])
    if fact in _NUMBERS:
        low, high = _NUMBERS[fact]
        return Domain(low=low, high=high)
    if fact == "region.class":
        return Domain((*ruleset.efficacy.classes, UNKNOWN_CLASS))
    if fact == "site.tags":
        return Domain(tuple(sorted({site.tags for site in ruleset.sites.values()})))
    if fact.endswith("spot_outcomes"):
        return Domain(((), *((outcome,) for outcome in _OUTCOMES)))
    return _intake(fact) if fact.startswith("intake.") else Domain(_YES_NO)


def assignments(conditions: Sequence[Condition], ruleset: Ruleset) -> Iterator[Facts] | None:
    """Facts that try every outcome of conditions judged together; None when there are too many to try."""
    names = list(dict.fromkeys(name for c in conditions for name in fact_names(c)))
    plain = [name for name in names if not name.startswith("p.")]
    axes = [domain(name, ruleset).samples(_constants(conditions, name)) for name in plain]
    mixes = _posteriors(conditions)
    if len(mixes) * math.prod(map(len, axes)) > MAX_ASSIGNMENTS:
        return None
    return ({**mix, **dict(zip(plain, values, strict=True))} for mix in mixes for values in product(*axes))


def leaves(condition: Condition) -> list[Compare | Probability]:
    """The comparisons of a condition, in reading order."""
    if isinstance(condition, AllOf | AnyOf):
        return [leaf for part in condition.parts for leaf in leaves(part)]
    return [condition] if isinstance(condition, Compare | Probability) else []


def _intake(fact: str) -> Domain:
    spec = schema()["properties"]["intake"]["properties"].get(fact.removeprefix("intake."), {})
    if "enum" in spec:
        return Domain(tuple(spec["enum"]))
    if spec.get("type") == "number":
        return Domain(low=spec["minimum"], high=spec["maximum"])
    if spec.get("$ref", "").endswith("/since"):
        return Domain(low=0, high=40_000, never=True)
    return Domain(_YES_NO)


def _constants(conditions: Sequence[Condition], fact: str) -> list[float]:
    found = [
        leaf.operand
        for c in conditions
        for leaf in leaves(c)
        if isinstance(leaf, Compare) and leaf.fact == fact
    ]
    return [float(v) for v in found if isinstance(v, int | float) and not isinstance(v, bool)]


def _posteriors(conditions: Sequence[Condition]) -> list[dict[str, float]]:
    """No ink of any class; up to three classes at thresholds or certain that fit into one posterior."""
    groups = [leaf for c in conditions for leaf in leaves(c) if isinstance(leaf, Probability)]
    names = list(dict.fromkeys(f"p.{name}" for group in groups for name in group.classes))
    values = sorted({1.0, *(group.at_least for group in groups)})
    return [
        dict(zip(chosen, shares, strict=True))
        for count in range(4)
        for chosen in combinations(names, count)
        for shares in product(values, repeat=count)
        if sum(shares) <= 1
    ]
