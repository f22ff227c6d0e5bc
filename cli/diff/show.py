"""A comparison for people: one table, each difference with what is behind it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from cli.diff.difference import Comparison, Difference
from cli.words import table

NOTHING = "nothing on record explains it"
ABSENT = "-"
SHORT = 100


def comparison(found: Comparison, a: str, b: str, out: Console) -> None:
    """Prints what differs between jobs a and b."""
    out.print(f"A {a}\nB {b}", highlight=False)
    if not found.differences:
        out.print("No differences.")
    else:
        shown = table("Differences", "what", "where", "A", "B", "because of")
        for one in found.differences:
            cells = (
                one.at,
                _short(one.before) or ABSENT,
                _short(one.after) or ABSENT,
                because(one),
            )
            shown.add_row(one.kind, *map(Text, cells))
        out.print(shown)
    if found.within_uncertainty:
        out.print(f"{found.within_uncertainty} measurements moved by no more than their uncertainty.")


def because(one: Difference) -> str:
    """Rules, what they saw, and which versions differ; empty for what went in."""
    if one.kind in ("order", "version"):
        return ""
    parts = [", ".join(one.rules)] if one.rules else []
    parts += [f"{fact.name}: {fact.before or ABSENT} / {fact.after or ABSENT}" for fact in one.facts]
    parts += one.versions
    return "; ".join(parts) or NOTHING


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"
