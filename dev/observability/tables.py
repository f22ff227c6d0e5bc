"""The tables of docs/slo.md that are made from the data."""

from __future__ import annotations

import re

from dev.home import PROJECT
from dev.observability import rules
from dev.observability.spec import Spec, SpecError

PAGE = PROJECT / "docs" / "slo.md"


def page(spec: Spec) -> str:
    """docs/slo.md with its two tables as the data says; raises SpecError where a mark is missing."""
    text = PAGE.read_text()
    for name, table in (("objectives", _objectives(spec)), ("alerts", _alerts(spec))):
        marked = re.search(rf"<!-- {name}: [^\n]*-->\n(.*?)<!-- {name} end -->", text, re.DOTALL)
        if marked is None:
            raise SpecError(f"{PAGE.name} has no marks for {name}")
        text = text[: marked.start(1)] + table + text[marked.end(1) :]
    return text


def _objectives(spec: Spec) -> str:
    rows = [
        f"| `{each.name}` | {each.objective:.1%} | {each.promise} | {_linked(each.runbook)} |"
        for each in spec.objectives
    ]
    return _table(f"| objective | over {spec.period_days} days | promise | runbook |", rows)


def _alerts(spec: Spec) -> str:
    made = [rule for group in rules.groups(spec) for rule in group["rules"] if "alert" in rule]
    return _table("| alert | severity | after | rings when | runbook |", [_row(rule) for rule in made])


def _row(rule: rules.Rule) -> str:
    name = rule["annotations"]["runbook_url"].removeprefix(f"{rules.RUNBOOKS}/").removesuffix(".md")
    # A label's name says enough where its value is not known yet.
    said = re.sub(r"{{ \$(?:labels\.)?(\w+)[^}]*}}", r"*\1*", rule["annotations"]["summary"])
    severity, after = rule["labels"]["severity"], rule["for"]
    return f"| {rule['alert']} | {severity} | {after} | {said} | {_linked(name)} |"


def _linked(runbook: str) -> str:
    return f"[{runbook}](runbooks/{runbook}.md)"


def _table(head: str, rows: list[str]) -> str:
    return "\n".join([head, re.sub(r"[^|]+", " --- ", head), *rows, ""])
