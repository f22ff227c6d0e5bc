"""Which of several conditions in order can ever be the first to hold, and which comparisons never decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from svc_decision.conditions import AllOf, AnyOf, Compare, Condition, Facts, Probability, evaluate
from svc_decision.domains import assignments, leaves
from svc_decision.ruleset import Ruleset

Leaf = Compare | Probability


@dataclass(frozen=True, slots=True)
class Reach:
    """Of each condition: whether it can be the first to hold, and its comparisons that never decide."""

    reachable: bool
    idle: tuple[str, ...]


def reach(conditions: Sequence[Condition], ruleset: Ruleset) -> tuple[Reach, ...] | None:
    """Judge conditions of which the first that holds counts; None when there is too much to try."""
    tries = assignments(conditions, ruleset)
    if tries is None:
        return None
    waiting = [dict(enumerate(_without(c))) for c in conditions]
    reached = [False] * len(conditions)
    for facts in tries:
        first = next((i for i, c in enumerate(conditions) if evaluate(c, facts) is True), None)
        if first is not None:
            reached[first] = True
            _strike(waiting[first], facts)
    return tuple(
        Reach(hit, tuple(describe(leaf) for leaf, _ in idle.values()))
        for hit, idle in zip(reached, waiting, strict=True)
    )


def describe(leaf: Leaf) -> str:
    """A comparison in words, for example "intake.age below 18"."""
    if isinstance(leaf, Probability):
        return f"P({'+'.join(leaf.classes)}) at_least {leaf.at_least:g}"
    return f"{leaf.fact} {leaf.op} {leaf.operand}"


def _strike(waiting: dict[int, tuple[Leaf, Condition]], facts: Facts) -> None:
    """Take away the comparisons without which the condition would not have held."""
    for index, (_, rest) in list(waiting.items()):
        if evaluate(rest, facts) is not True:
            del waiting[index]


def _without(condition: Condition) -> Iterator[tuple[Leaf, Condition]]:
    """Each comparison with the condition in which it never holds."""
    for index, leaf in enumerate(leaves(condition)):
        yield leaf, _failing(condition, iter(range(len(leaves(condition)))), index)


def _failing(condition: Condition, counter: Iterator[int], index: int) -> Condition:
    match condition:
        case AllOf(parts):
            return AllOf(tuple(_failing(part, counter, index) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_failing(part, counter, index) for part in parts))
        case Compare() | Probability():
            return AnyOf(()) if next(counter) == index else condition
        case _:
            return condition
