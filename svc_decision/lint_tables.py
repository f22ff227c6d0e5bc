"""Contradictions between the tables of a ruleset, each as (rule id, what is wrong)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from svc_decision.conditions import Compare, Condition, Facts, evaluate
from svc_decision.domains import leaves
from svc_decision.rules import rules_of
from svc_decision.ruleset import FITZPATRICK, GATES, STATUSES, Ruleset, TestSpotRule

Fault = tuple[str, str]
_LABELS = ("on_label", "off_label", "unknown")


def ladder(ruleset: Ruleset) -> Iterator[Fault]:
    """Options that no step takes, and steps that give more than gate, hold, grade or label allow."""
    told: set[Fault] = set()
    for gate, grade, label, tan, hold, released in product(
        GATES, range(5), _LABELS, (False, True), (False, True), (False, True)
    ):
        facts: Facts = {
            "option.skin_gate": gate,
            "option.efficacy": grade,
            "option.label": label,
            "option.tan_block": tan,
            "option.region_hold": hold,
            "option.grade_released": released,
        }
        step = next((s for s in ruleset.engine.ladder if evaluate(s.when, facts) is True), None)
        if step is None:
            fault = ("P0", f"no step takes grade {grade}, gate {gate}, {label}")
        else:
            best, because = _best(facts)
            if STATUSES.index(step.status) >= STATUSES.index(best):
                continue
            fault = (step.id, f"gives {step.status} where {because} allows {best} at most")
        if fault not in told:
            told.add(fault)
            yield fault


def spots(ruleset: Ruleset) -> Iterator[Fault]:
    """Test spots that lift one hold on two terms, or a grave hold further than a milder one."""
    seen: dict[tuple[str, str], TestSpotRule] = {}
    for rule in ruleset.engine.test_spots:
        for release in rule.releases:
            key = (release.rule, release.severity)
            if key in seen:
                yield rule.id, f"lifts {' '.join(key).strip()} as {seen[key].id} does, on other terms"
            seen.setdefault(key, rule)
    for (flag, severity), rule in seen.items():
        milder = seen.get((flag, "hold"))
        if severity == "contraindicated" and milder and _opens(rule.cap, milder.cap):
            yield rule.id, f"allows {rule.cap} for a contraindication of {flag}, more than for its hold"


def labels(ruleset: Ruleset) -> Iterator[Fault]:
    """Labels that permit what the gate blocks, that say two things of one colour, or name no ink's colour."""
    known = {row.label_colour for row in ruleset.efficacy.classes.values()}
    for device in ruleset.devices:
        for nm, label in device.labels.items():
            rule = f"L.{device.id}.{nm}"
            both = sorted(set(label.colours or ()) & set(label.unclear_colours))
            if both:
                yield rule, f"{', '.join(both)} is both on the label and unclear"
            strange = sorted({*(label.colours or ()), *label.unclear_colours} - known)
            if strange:
                yield rule, f"no ink class has the label colour {', '.join(strange)}"
            if nm not in ruleset.skin.gate:
                yield rule, f"the skin gate has no row for {nm} nm"
            elif label.fitzpatrick is not None:
                yield from _against_gate(rule, nm, label.fitzpatrick, ruleset)


def questions(ruleset: Ruleset, document: dict[str, Any]) -> Iterator[Fault]:
    """Mandatory questions for rules that are not there or do not read the answer."""
    reads = {flag.id: {f for lv in flag.levels for f in _facts(lv.when)} for flag in ruleset.flags}
    known = set(rules_of(document))
    for question in ruleset.mandatory:
        for rule in question.rules:
            if rule not in known:
                yield question.id, f"it is asked for {rule}, which is no rule"
        flags = [rule for rule in question.rules if rule in reads]
        if question.fact.startswith("intake.") and question.fact != "intake.lesion_check":
            for rule in flags:
                if question.fact not in reads[rule]:
                    yield question.id, f"it is asked for {rule}, which does not read {question.fact}"


def dates(document: dict[str, Any]) -> Iterator[Fault]:
    """Rules that take effect after their ruleset, and unsigned rules in one that says it is approved."""
    manifest = document["manifest"]
    for rule in rules_of(document).values():
        if rule.effective > manifest["effective"]:
            yield rule.id, f"takes effect on {rule.effective}, after its ruleset ({manifest['effective']})"
        if manifest["approval"]["status"] == "approved" and rule.approver is None:
            yield rule.id, "nobody has signed it, though the ruleset says that it is approved"


def idle_tags(ruleset: Ruleset) -> Iterator[Fault]:
    """Tags of body sites that no condition asks for."""
    conditions = [level.when for flag in ruleset.flags for level in flag.levels]
    conditions += [m.when for m in ruleset.sessions.modifiers]
    asked = {
        leaf.operand
        for condition in conditions
        for leaf in leaves(condition)
        if isinstance(leaf, Compare) and leaf.fact == "site.tags"
    }
    for tag in sorted({tag for site in ruleset.sites.values() for tag in site.tags} - asked):
        yield "", f"no rule asks for the site tag {tag}"


def _best(facts: Facts) -> tuple[str, str]:
    """The best status that the tables allow one option, and what forbids more (section 10 of the dossier)."""
    if facts["option.skin_gate"] == "block" or facts["option.tan_block"]:
        return "blocked", "a closed gate"
    if facts["option.region_hold"]:
        return "hold", "a hold"
    if facts["option.efficacy"] == 0 and not facts["option.grade_released"]:
        return "hold", "grade 0"
    if facts["option.efficacy"] == 0:
        return "specialist", "grade 0 after a test spot"
    if facts["option.efficacy"] == 1:
        return "not_useful", "grade 1"
    if facts["option.skin_gate"] == "avoid":
        return "specialist", "a gate to be avoided"
    if facts["option.label"] == "off_label":
        return "specialist", "an off-label use"
    if "caution" in facts.values() or "unknown" in facts.values() or facts["option.efficacy"] == 2:
        return "consider", "caution, an unknown label or grade 2"
    return "recommend", "nothing"


def _against_gate(rule: str, nm: int, types: tuple[str, str], ruleset: Ruleset) -> Iterator[Fault]:
    first, last = (FITZPATRICK.index(name) for name in types)
    closed = [FITZPATRICK[i] for i in range(first, last + 1) if ruleset.skin.gate[nm][i] == "block"]
    if first > last:
        yield rule, f"its skin types {types[0]} to {types[1]} are no range"
    if closed:
        yield rule, f"the label permits {nm} nm on type {', '.join(closed)}, where the gate is closed"


def _opens(cap: str, other: str) -> bool:
    return STATUSES.index(cap) < STATUSES.index(other)


def _facts(condition: Condition) -> set[str]:
    return {leaf.fact for leaf in leaves(condition) if isinstance(leaf, Compare)}
