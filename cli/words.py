"""How values become words and tables, for every kind of result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

Json = Mapping[str, Any]

SEVERITY_STYLE = {"refer": "bold red", "contraindicated": "bold red", "hold": "yellow", "defer": "yellow"}


def word(name: str, prefix: str) -> str:
    """ "OPTION_STATUS_NOT_USEFUL" becomes "not_useful"."""
    return name.removeprefix(prefix).lower()


def measured(value: Json | None) -> str:
    """A measurement with its interval, or why there is none."""
    if not value:
        return "-"
    if value.get("value") is None:
        return str(value.get("not_measurable") or "-")
    text = number(float(value["value"]))
    if value.get("low_95") is not None and value.get("high_95") is not None:
        text += f" ({number(float(value['low_95']))} to {number(float(value['high_95']))})"
    return text


def number(value: float) -> str:
    """One decimal, or three significant digits where one decimal would say nothing."""
    return f"{value:.1f}" if abs(value) >= 1 or value == 0 else f"{value:.3g}"


def table(title: str, *columns: str) -> Table:
    """A table whose cells fold."""
    made = Table(title=title, title_justify="left", expand=True)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def flags_table(flags: Sequence[Json]) -> Table:
    """Flags that fired."""
    made = table("Risk flags", "id", "severity", "scope", "why")
    for flag in flags:
        severity = str(flag.get("severity", ""))
        made.add_row(
            str(flag.get("id", "")),
            Text(severity, style=SEVERITY_STYLE.get(severity, "")),
            str(flag.get("scope", "")),
            str(flag.get("text", "")),
        )
    return made


def remarks(document: Json, pages: Sequence[str]) -> list[Text]:
    """Messages of the decision, what is missing, and the quality flags of some pages."""
    decision = document.get("decision") or {}
    lines = [f"{m.get('code')}: {m.get('text')}" for m in decision.get("messages", [])]
    if decision.get("missing"):
        lines.append("Unanswered, so not decided: " + ", ".join(decision["missing"]))
    for page in pages:
        for flag in (document.get(page) or {}).get("flags", []):
            level = word(str(flag.get("level", "")), "FLAG_LEVEL_")
            lines.append(f"{page} {level} {flag.get('code')}: {flag.get('message')}")
    return [Text(line) for line in lines]
