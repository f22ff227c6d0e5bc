"""Decisions of tattoo@1.0.0, frozen before 1.1.0 came: pinned replays give the same bytes (T38)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from svc_decision.case import parse_case
from svc_decision.casebook import canonical_json, merged
from svc_decision.engine import decide
from svc_decision.loader import DEFAULT_RULESET, load_ruleset
from svc_decision.present import to_json
from svc_decision.rulefile import available

FOLDER = Path(__file__).parent / "replay"
FROZEN = json.loads((FOLDER / "tattoo-1.0.0.json").read_text(encoding="utf-8"))
WHOLE = {
    "gold.json": "t21_gold_ever",
    "no-chart.json": "t31_no_chart_is_qualitative",
    "override.json": "t27b_override_restores_the_operator-2",
    "three-inks.json": "t34_three_inks",
}


def stored_bytes(case: dict[str, Any]) -> bytes:
    """The decision as the stage stores it."""
    parsed = parse_case(case)
    assert parsed.ruleset == "tattoo@1.0.0"
    return canonical_json(to_json(decide(parsed, load_ruleset(parsed.ruleset))))


@pytest.mark.parametrize("frozen", FROZEN["cases"], ids=lambda frozen: frozen["name"])
def test_t38_a_pinned_replay_gives_the_same_bytes(frozen):
    document = stored_bytes(merged(FROZEN["base"], frozen["patch"]))
    assert hashlib.sha256(document).hexdigest() == frozen["sha256"]


@pytest.mark.parametrize(("file", "name"), WHOLE.items())
def test_whole_decisions_are_the_frozen_ones(file, name):
    """Where a hash differs, these say what did."""
    (patch,) = [c["patch"] for c in FROZEN["cases"] if c["name"] == name]
    assert json.loads(stored_bytes(merged(FROZEN["base"], patch))) == json.loads((FOLDER / file).read_bytes())


def test_1_0_0_is_kept_beside_the_ruleset_in_use():
    assert {"tattoo@1.0.0", DEFAULT_RULESET} <= set(available("tattoo"))
    assert DEFAULT_RULESET != "tattoo@1.0.0"
    pinned = "31d85223ba74f94c3e2bd06c1512cf1262b632d9c9d77bc9131b05d44344592a"
    assert load_ruleset("tattoo@1.0.0").sha256 == pinned


def test_a_language_does_not_change_a_pinned_decision():
    """1.0.0 speaks English only, and says nothing about it."""
    case = merged(FROZEN["base"], {"language": "de", "classifier": "ink-class@1.0.0"})
    assert stored_bytes(case) == stored_bytes(FROZEN["base"])


def test_the_frozen_cases_fire_every_flag_and_step_of_1_0_0():
    ruleset = load_ruleset("tattoo@1.0.0")
    fired: set[str] = set()
    for frozen in FROZEN["cases"]:
        decision = decide(parse_case(merged(FROZEN["base"], frozen["patch"])), ruleset)
        fired |= {entry.rule for entry in decision.trace if entry.outcome == "fired"}
    wanted = {flag.id for flag in ruleset.flags} | {step.id for step in ruleset.engine.ladder}
    wanted |= {m.id for m in ruleset.mandatory} | {m.id for m in ruleset.sessions.modifiers}
    assert wanted | {"N01", "F01", "V01", "C01", "C02", "Q01", "Q02", "Q03", "KD"} <= fired
