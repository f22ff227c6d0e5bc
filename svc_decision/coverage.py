"""What there is to test in a ruleset, and which of it a decision has touched.

Units: every mandatory question that was missing (`I07`), every level of every flag (`R01:hold`) and every
comparison of it (`R01:hold: P(pink) at_least 0.15`), every step of the ladder with its comparisons, every
cap, test spot, modifier and single rule that fired, every cell of the matrix (`E.black.532`) and of the gate
(`S.532.IV`), every label of the registry (`L.PW.532`) and state of a label (`label on_label`), every value of
the session scale (`KD.location.head_neck`) and every message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from svc_decision.casebook import CaseRun
from svc_decision.conditions import Condition, Probability, evaluate
from svc_decision.decision import Decision, TraceEntry
from svc_decision.domains import leaves
from svc_decision.reach import Leaf, describe
from svc_decision.ruleset import FITZPATRICK, Flag, LadderStep, Level, Ruleset

LABEL_STATES = ("on_label", "off_label", "unknown")


def units(ruleset: Ruleset, document: dict[str, Any]) -> tuple[str, ...]:
    """Everything that the casebook of a ruleset should touch."""
    engine = ruleset.engine
    found = [m.id for m in ruleset.mandatory]
    for flag in ruleset.flags:
        for level in flag.levels:
            found += _with_leaves(f"{flag.id}:{level.severity}", level.when)
    for step in engine.ladder:
        found += _with_leaves(step.id, step.when)
    found += [rule.id for rule in engine.test_spots] + [m.id for m in ruleset.sessions.modifiers]
    found += [part["id"] for part in document["engine"].values() if isinstance(part, dict) and "id" in part]
    found += ["F01", document["sessions"]["id"]]
    found += [f"E.{row.id}.{nm}" for row in ruleset.efficacy.classes.values() for nm in row.cells]
    found += [f"S.{nm}.{name}" for nm in ruleset.skin.gate for name in FITZPATRICK]
    found += [f"L.{device.id}.{nm}" for device in ruleset.devices for nm in device.labels]
    found += [f"label {state}" for state in LABEL_STATES]
    found += [f"KD.{name}.{value}" for name, points in ruleset.sessions.points.items() for value in points]
    return tuple(found + [key for key in ruleset.texts if key.startswith("message.")])


def touched(run: CaseRun, ruleset: Ruleset) -> set[str]:
    """The units that one decision under the ruleset touched."""
    decision = run.decision
    fired = [entry for entry in decision.trace if entry.outcome == "fired"]
    levels = {flag.id: flag for flag in ruleset.flags}
    steps = {step.id: step for step in ruleset.engine.ladder}
    found = {entry.rule for entry in fired}
    for entry in fired:
        if entry.rule in levels:
            found |= set(_of_level(levels[entry.rule], entry))
        elif entry.rule in steps:
            found |= set(_of_step(steps[entry.rule], entry))
    options = [option for ink in decision.inks for option in ink.options]
    found |= {rule for option in options for rule in option.rules if rule.startswith(("E.", "S."))}
    found |= {f"label {option.label}" for option in options}
    device = run.row.case.get("device", {}).get("id", "")
    found |= {f"L.{device}.{option.wavelength_nm}" for option in options}
    found |= {
        f"KD.{name}.{value}"
        for name, points in decision.sessions.points
        for value, worth in ruleset.sessions.points[name].items()
        if worth == points
    }
    return found | {f"message.{code}" for code in _codes(decision)}


def _with_leaves(unit: str, condition: Condition) -> list[str]:
    parts = leaves(condition)
    return [unit, *(f"{unit}: {describe(leaf)}" for leaf in parts if len(parts) > 1)]


def _of_level(flag: Flag, entry: TraceEntry) -> Iterator[str]:
    level = next(lv for lv in flag.levels if entry.effect == _effect(lv))
    unit = f"{flag.id}:{level.severity}"
    yield unit
    yield from _true_leaves(unit, level.when, entry)


def _of_step(step: LadderStep, entry: TraceEntry) -> Iterator[str]:
    yield step.id
    named = tuple((f"option.{name}", value) for name, value in entry.saw)
    yield from _true_leaves(step.id, step.when, TraceEntry(entry.rule, entry.outcome, named))


def _true_leaves(unit: str, condition: Condition, entry: TraceEntry) -> Iterator[str]:
    yield from (f"{unit}: {describe(leaf)}" for leaf in leaves(condition) if _holds(leaf, entry))


def _holds(leaf: Leaf, entry: TraceEntry) -> bool:
    """Whether a comparison held with the values that the trace saw."""
    facts = dict(entry.saw)
    if isinstance(leaf, Probability):
        seen = facts.get(f"P({'+'.join(leaf.classes)})")
        return isinstance(seen, float) and seen >= leaf.at_least
    return evaluate(leaf, facts) is True


def _effect(level: Level) -> str:
    return f"{level.severity}: {level.effect}"


def _codes(decision: Decision) -> Iterator[str]:
    yield from (message.code for message in decision.messages)
    yield from (message.code for ink in decision.inks for message in ink.messages)
