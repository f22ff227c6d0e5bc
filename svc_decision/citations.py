"""How well the rules behind a page are known, and from where: one line per rule, one per source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from assay.decision.v1 import decision_pb2 as pb

from svc_decision.decision import Decision
from svc_decision.loader import read_document
from svc_decision.rules import Rule, find_rule, rules_of


def rule_sources(decision: Decision) -> list[pb.RuleSource]:
    """Evidence and sources of every rule that fired or is among the reasons of an option, in that order."""
    rules = _rules(_ruleset_id(decision))
    cited = []
    for rule_id in dict.fromkeys(_named(decision)):
        rule = _lookup(rules, rule_id, decision.device_id)
        if rule is not None:
            evidence = rule.evidence or ""
            cited.append(pb.RuleSource(rule=rule_id, evidence=evidence, sources=rule.source))
    return cited


def references(decision: Decision, tags: Iterable[str]) -> list[pb.Reference]:
    """What the source tags stand for, once each, in the order given."""
    known: Mapping[str, str] = _document(_ruleset_id(decision))["sources"]
    return [pb.Reference(tag=tag, text=known[tag]) for tag in dict.fromkeys(tags) if tag in known]


def _named(decision: Decision) -> Iterator[str]:
    yield from (flag.id for flag in decision.flags)
    yield from (rule for ink in decision.inks for option in ink.options for rule in option.rules)
    yield from (entry.rule for entry in decision.trace if entry.outcome == "fired")


def _lookup(rules: Mapping[str, Rule], rule_id: str, device_id: str | None) -> Rule | None:
    """None for a label that no registry entry states."""
    if not rule_id.startswith("L."):
        return find_rule(rules, rule_id)
    return rules.get(f"L.{device_id}.{rule_id.split('.')[1]}")


def _ruleset_id(decision: Decision) -> str:
    return f"{decision.manifest.name}@{decision.manifest.version}"


@cache
def _document(ruleset_id: str) -> dict[str, Any]:
    return read_document(ruleset_id)


@cache
def _rules(ruleset_id: str) -> Mapping[str, Rule]:
    return rules_of(_document(ruleset_id))
