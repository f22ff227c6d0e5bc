"""What a comparison of two results consists of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

T = TypeVar("T")

KINDS = (
    "order", "version", "quality", "measurement", "palette", "status", "skin", "ink", "option", "flag",
    "message", "intake", "comparison", "text",
)  # fmt: skip
"""In the order in which they are told: what went in, what was measured, what was decided, how it was said."""


@dataclass(frozen=True)
class FactChange:
    """A value that a rule saw: `before` and `after` are "" where it saw none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in both results; `before` or `after` is "" where one has no such thing.

    rules: ids of the rules that made either state; facts: what those rules saw differently; versions: "kind
    name" of every component that differs and can have caused it, "order" where the orders differ. None of the
    three: nothing that is on record explains the difference.
    """

    kind: str
    at: str
    before: str
    after: str
    rules: tuple[str, ...] = ()
    facts: tuple[FactChange, ...] = ()
    versions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Every difference, and how many measurements moved by no more than their uncertainty."""

    differences: tuple[Difference, ...]
    within_uncertainty: int

    def to_json(self) -> dict[str, Any]:
        """The form that `assay jobs diff --json` prints."""
        found = [asdict(one) for one in self.differences]
        return {"differences": found, "within_uncertainty": self.within_uncertainty}


def keyed(items: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Items by name; the second of a name becomes "name #2"."""
    found: dict[str, T] = {}
    seen: dict[str, int] = {}
    for name, item in items:
        seen[name] = seen.get(name, 0) + 1
        found[name if seen[name] == 1 else f"{name} #{seen[name]}"] = item
    return found


def pairs(a: Mapping[str, T], b: Mapping[str, T]) -> list[tuple[str, T | None, T | None]]:
    """Name, and the item of each side or None, sorted by name: the same for either order of the sides."""
    return [(name, a.get(name), b.get(name)) for name in sorted(a.keys() | b.keys())]
