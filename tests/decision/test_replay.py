"""Decisions of tattoo@1.0.0, frozen before 1.1.0 came: pinned replays give the same bytes (T38)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from svc_decision.case import parse_case
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset
from svc_decision.present import to_json

FOLDER = Path(__file__).parent / "replay"
FROZEN = json.loads((FOLDER / "tattoo-1.0.0.json").read_text(encoding="utf-8"))
WHOLE = {
    "gold.json": "t21_gold_ever",
    "no-chart.json": "t31_no_chart_is_qualitative",
    "override.json": "t27b_override_restores_the_operator-2",
    "three-inks.json": "t34_three_inks",
}


def merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7396: null takes away, objects merge, anything else replaces."""
    kept = {k: v for k, v in base.items() if k not in patch}
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            kept[key] = merged(base[key], value)
        elif value is not None:
            kept[key] = value
    return kept


def stored_bytes(case: dict[str, Any]) -> bytes:
    """The decision as the stage stores it."""
    parsed = parse_case(case)
    assert parsed.ruleset == "tattoo@1.0.0"
    decision = to_json(decide(parsed, load_ruleset(parsed.ruleset)))
    return json.dumps(decision, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("frozen", FROZEN["cases"], ids=lambda frozen: frozen["name"])
def test_t38_a_pinned_replay_gives_the_same_bytes(frozen):
    document = stored_bytes(merged(FROZEN["base"], frozen["patch"]))
    assert hashlib.sha256(document).hexdigest() == frozen["sha256"]


@pytest.mark.parametrize(("file", "name"), WHOLE.items())
def test_whole_decisions_are_the_frozen_ones(file, name):
    """Where a hash differs, these say what did."""
    (patch,) = [c["patch"] for c in FROZEN["cases"] if c["name"] == name]
    assert json.loads(stored_bytes(merged(FROZEN["base"], patch))) == json.loads((FOLDER / file).read_bytes())


def test_the_frozen_cases_fire_every_flag_and_step_of_1_0_0():
    ruleset = load_ruleset("tattoo@1.0.0")
    fired: set[str] = set()
    for frozen in FROZEN["cases"]:
        decision = decide(parse_case(merged(FROZEN["base"], frozen["patch"])), ruleset)
        fired |= {entry.rule for entry in decision.trace if entry.outcome == "fired"}
    wanted = {flag.id for flag in ruleset.flags} | {step.id for step in ruleset.engine.ladder}
    wanted |= {m.id for m in ruleset.mandatory} | {m.id for m in ruleset.sessions.modifiers}
    assert wanted | {"N01", "F01", "V01", "C01", "C02", "Q01", "Q02", "Q03", "KD"} <= fired
