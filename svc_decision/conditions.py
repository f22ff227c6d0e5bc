"""The ruleset's condition language: a small typed tree over named facts, evaluated in three-valued logic.

A fact that nobody stated is unknown, and unknown is neither true nor false (Kleene's strong logic): a
condition whose outcome hangs on an unknown fact evaluates to None, so the engine can tell "did not fire" from
"could not be asked".
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

FactValue: TypeAlias = bool | int | float | str | tuple[str, ...] | None
Facts: TypeAlias = Mapping[str, FactValue]

_NUMERIC: Mapping[str, Callable[[float, float], bool]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}


@dataclass(frozen=True, slots=True)
class Always:
    """True whatever the facts."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """One fact against a constant; op is is, in, has, above, at_least, below or at_most."""

    fact: str
    op: str
    operand: bool | int | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probability:
    """The ink posterior summed over `classes` reaches `at_least` (0..1)."""

    classes: tuple[str, ...]
    at_least: float


Condition: TypeAlias = Always | AllOf | AnyOf | Compare | Probability


def parse(node: Mapping[str, Any]) -> Condition:
    """Build a condition from its JSON form, which `rulesets/schema.json` has already checked."""
    if "always" in node:
        return Always()
    if "all" in node:
        return AllOf(tuple(parse(part) for part in node["all"]))
    if "any" in node:
        return AnyOf(tuple(parse(part) for part in node["any"]))
    if "probability_of" in node:
        return Probability(tuple(node["probability_of"]), float(node["at_least"]))
    (op,) = (key for key in node if key != "fact")
    operand = node[op]
    return Compare(node["fact"], op, tuple(operand) if isinstance(operand, list) else operand)


def evaluate(condition: Condition, facts: Facts) -> bool | None:
    """True, False, or None when the facts that would decide are unknown."""
    match condition:
        case Always():
            return True
        case AllOf(parts):
            return _all(parts, facts)
        case AnyOf(parts):
            return _any(parts, facts)
        case Probability(classes, at_least):
            return posterior_sum(classes, facts) >= at_least
        case Compare(fact, op, operand):
            return _compare(facts.get(fact), op, operand)


def _all(parts: tuple[Condition, ...], facts: Facts) -> bool | None:
    unknown = False
    for part in parts:
        result = evaluate(part, facts)
        if result is False:
            return False
        unknown = unknown or result is None
    return None if unknown else True


def _any(parts: tuple[Condition, ...], facts: Facts) -> bool | None:
    unknown = False
    for part in parts:
        result = evaluate(part, facts)
        if result is True:
            return True
        unknown = unknown or result is None
    return None if unknown else False


def posterior_sum(classes: tuple[str, ...], facts: Facts) -> float:
    """Summed posterior of `classes`; a class the posterior does not name counts 0."""
    # Rounded so that 0.05 + 0.10 reaches a threshold of 0.15.
    return round(sum(float(_number(facts.get(f"p.{name}")) or 0.0) for name in classes), 9)


def fact_names(condition: Condition) -> Iterator[str]:
    """Names of the facts a condition reads, in reading order; posterior sums read `p.<class>`."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from fact_names(part)
        case Probability(classes, _):
            yield from (f"p.{name}" for name in classes)
        case Compare(fact, _, _):
            yield fact
        case Always():
            return


def _compare(value: FactValue, op: str, operand: bool | int | float | str | tuple[str, ...]) -> bool | None:
    if value is None:
        return None
    if op == "is":
        return type(value) is type(operand) and value == operand
    if op == "in":
        return isinstance(operand, tuple) and value in operand
    if op == "has":
        return isinstance(value, tuple) and operand in value
    # `false` is the answer "never" of a numeric question (no dose, no earlier session): no threshold is met.
    if value is False:
        return False
    number, limit = _number(value), _number(operand)
    return None if number is None or limit is None else _NUMERIC[op](number, limit)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
