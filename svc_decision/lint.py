"""The linter of tattoo rulesets: what a schema cannot see and an author wants to know before anybody signs.

Kinds of finding: `invalid` (it does not load), `unreachable` (a rule, or a part of one, that never decides),
`contradictory` (two rules that disagree), `unused` (texts, sources, tags that nothing asks for), `untested`
(no case of the casebook touches it), `failed` (a case that does not get what it expects).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from svc_decision import lint_tables, rulefile, text_keys
from svc_decision.casebook import CaseRow, CaseRun, run_case
from svc_decision.conditions import Condition
from svc_decision.coverage import touched, units
from svc_decision.loader import build, faults_of
from svc_decision.reach import reach
from svc_decision.rules import rules_of
from svc_decision.ruleset import SEVERITIES, Ruleset

_EFFECTS = {
    "refer": ("stop", "hold"),
    "contraindicated": ("stop", "hold"),
    "hold": ("hold", "no_colour"),
    "defer": ("defer", "defer_unranked"),
    "caution": ("cap", "no_ranking"),
    "info": ("none",),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a ruleset: its kind, the rule it concerns (empty for the whole) and what is wrong."""

    kind: str
    rule: str
    message: str


def lint(document: dict[str, Any], cases: Sequence[CaseRow]) -> tuple[Finding, ...]:
    """All findings of a ruleset's document and casebook; empty when there is nothing to say."""
    faults = faults_of(document)
    if faults:
        return tuple(Finding("invalid", "", fault) for fault in faults)
    ruleset = build(document)
    found = [*_unreachable(ruleset), *_contradictory(ruleset, document), *_unused(ruleset, document)]
    if not cases:
        return (*found, Finding("untested", "", "it ships no cases"))
    return (*found, *untested([run_case(row, ruleset) for row in cases], ruleset, document))


def untested(runs: Sequence[CaseRun], ruleset: Ruleset, document: dict[str, Any]) -> Iterator[Finding]:
    """Cases that do not get what they expect, and what no case touches."""
    for run in runs:
        yield from (Finding("failed", run.row.id, fault) for fault in run.faults)
    hit = {unit for run in runs for unit in touched(run, ruleset)}
    for unit in units(ruleset, document):
        if unit not in hit:
            yield Finding("untested", unit.split(":")[0], f"no case touches {unit}")


def _unreachable(ruleset: Ruleset) -> Iterator[Finding]:
    for flag in ruleset.flags:
        yield from _order(flag.id, [(lv.severity, lv.when) for lv in flag.levels], ruleset)
    # Steps share their facts and shadow each other, as the levels of a flag do.
    yield from _order("", [(step.id, step.when) for step in ruleset.engine.ladder], ruleset)
    lone = [(rule.id, rule.when) for rule in ruleset.engine.test_spots]
    lone += [(m.id, m.when) for m in ruleset.sessions.modifiers]
    lone += [(m.id, m.only_with) for m in ruleset.mandatory if m.only_with is not None]
    for name, condition in lone:
        yield from _order("", [(name, condition)], ruleset)


def _order(rule: str, named: Sequence[tuple[str, Condition]], ruleset: Ruleset) -> Iterator[Finding]:
    """Findings on conditions of which the first that holds counts; without `rule`, names are rule ids."""
    found = reach([condition for _, condition in named], ruleset)
    if found is None:
        yield Finding("unreachable", rule, "its conditions read too many facts to try them all; split it")
        return
    for (name, _), one in zip(named, found, strict=True):
        place = f"the level {name}" if rule else "it"
        if not one.reachable:
            yield Finding(
                "unreachable", rule or name, f"{place} can never be the first to hold, whatever the facts"
            )
            continue
        for part in one.idle:
            yield Finding("unreachable", rule or name, f"{place} would fire just as well without “{part}”")


def _contradictory(ruleset: Ruleset, document: dict[str, Any]) -> Iterator[Finding]:
    for flag in ruleset.flags:
        order = [SEVERITIES.index(level.severity) for level in flag.levels]
        if order != sorted(set(order)):
            yield Finding("contradictory", flag.id, "its levels do not go from the gravest to the mildest")
        for level in flag.levels:
            if level.effect not in _EFFECTS[level.severity]:
                detail = f"{level.severity} has the effect {level.effect}"
                yield Finding("contradictory", flag.id, detail)
    found = (
        *lint_tables.ladder(ruleset),
        *lint_tables.spots(ruleset),
        *lint_tables.labels(ruleset),
        *lint_tables.questions(ruleset, document),
        *lint_tables.dates(document),
    )
    yield from (Finding("contradictory", rule, message) for rule, message in found)


def _unused(ruleset: Ruleset, document: dict[str, Any]) -> Iterator[Finding]:
    wanted = text_keys.required(document)
    for code, texts in ruleset.languages.items():
        for key in sorted(set(texts) - wanted):
            yield Finding("unused", f"T.{key}", f"nothing asks for the text {key} in {code}")
    used = {tag for rule in rules_of(document).values() for tag in rule.source}
    used |= set(rulefile.source_tags(document))
    for tag in sorted(set(ruleset.sources) - used):
        yield Finding("unused", "", f"no rule names the source {tag}")
    yield from (Finding("unused", rule, message) for rule, message in lint_tables.idle_tags(ruleset))
