"""The trace is complete: every rule of the ruleset, once wherever it was judged, and what it saw."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc_decision.case import parse_case
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset, read_document
from svc_decision.present import to_json
from svc_decision.rules import rules_of
from tests.decision.conftest import make
from tests.decision.random_cases import random_case

RULESET = load_ruleset("tattoo@1.1.0")
# Tables are traced where they are looked up; texts and the points of the scale are no rules that fire.
_TABLES = ("E.", "S.", "L.", "T.", "KD.")
RULES = {rule for rule in rules_of(read_document(RULESET.id)) if not rule.startswith(_TABLES)}
FLAGS = {flag.id: flag.scope for flag in RULESET.flags}
CAPS = ("C01", "C02", "Q01", "Q02", "Q03")
PER_OPTION = (*CAPS, *(s.id for s in RULESET.engine.ladder), *(r.id for r in RULESET.engine.test_spots))


def run(case: dict[str, Any]) -> dict[str, Any]:
    return to_json(decide(parse_case(case | {"ruleset": RULESET.id}), RULESET))


def test_the_rules_are_those_of_the_document():
    assert {"R01", "R17b", "I20", "P6", "H01", "N02", "F01", "V01", "KD", "B08", *CAPS} <= RULES


@settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(st.integers(0, 2**63 - 1))
def test_every_rule_is_there_once_at_each_place(seed):
    result = run(random_case(random.Random(seed), RULESET))
    places = Counter((e["rule"], e.get("region"), e.get("wavelength_nm")) for e in result["trace"])
    assert {rule for rule, _, _ in places if not rule.startswith(_TABLES)} == RULES
    assert set(places.values()) == {1}
    inks = [
        ink["region"] for ink in result["inks"] if not any(m.startswith("NO_INK") for m in ink["messages"])
    ]
    for flag, scope in FLAGS.items():
        judged = [region for rule, region, _ in places if rule == flag]
        assert judged == (inks or [None] if scope == "region" else [None])
    options = [(ink["region"], o["wavelength_nm"]) for ink in result["inks"] for o in ink["options"]]
    for rule in PER_OPTION:
        at = [(region, nm) for name, region, nm in places if name == rule]
        assert at == (options or [(None, None)]) or sorted(at) == sorted(options)
    looked_up = {(r, n, rule) for rule, r, n in places if rule.startswith(("E.", "S.", "L."))}
    assert looked_up == {
        (ink["region"], o["wavelength_nm"], rule)
        for ink in result["inks"]
        for o in ink["options"]
        for rule in o["rules"][:3]
    }


@settings(
    max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(st.integers(0, 2**63 - 1))
def test_every_entry_says_what_it_saw(seed):
    result = run(random_case(random.Random(seed), RULESET))
    blind = {e["rule"] for e in result["trace"] if not e["saw"]}
    # R40 fires whatever the case is; the scale without an estimate gives its reasons instead.
    assert blind <= {"R40", "KD"}
    for entry in result["trace"]:
        assert entry["outcome"] in ("fired", "not_fired", "unknown", "not_reached", "not_applicable")
        if entry["rule"] == "KD" and not entry["saw"]:
            assert entry["effect"]


def test_what_fired_is_what_the_options_name():
    result = run(make("red", "IV", tan_4_weeks=True))
    for ink in result["inks"]:
        for option in ink["options"]:
            here = {
                e["rule"]
                for e in result["trace"]
                if e["outcome"] == "fired" and e.get("wavelength_nm") == option["wavelength_nm"]
            }
            flags = {rule for rule in option["rules"] if rule.startswith("R")}
            assert here == set(option["rules"]) - flags - {"P0"}
            assert flags <= {f["id"] for f in result["flags"]}


def test_an_override_is_in_the_trace_with_name_and_reason():
    case = make("red", "III") | {"override": {"fitzpatrick": "IV", "name": "Dr Example", "reason": "tanned"}}
    result = run(case)
    (entry,) = [e for e in result["trace"] if e["rule"] == "V01"]
    assert entry["outcome"] == "fired"
    assert entry["saw"] == {
        "override.fitzpatrick": "IV",
        "override.name": "Dr Example",
        "override.reason": "tanned",
    }
    assert any(m.startswith("OVERRIDE_APPLIED(IV): Dr Example") for m in result["messages"])


def test_a_referral_is_told_even_when_no_ink_is_left():
    """The operator found a lesion, and the photo shows only skin-toned ink that counts as none."""
    flesh = {"class": "flesh", "delta_e00": 2.0, "area_share": 1.0}
    for inks in ([], [flesh]):
        result = run(make(inks, "II", naevus_found=True, naevus_checked=None))
        assert result["status"] == "stopped"
        assert [f["id"] for f in result["flags"] if f["severity"] == "refer"] == ["R13"]


def test_a_suspected_lesion_is_not_argued_away_as_skin():
    flesh = {"class": "flesh", "delta_e00": 2.0, "area_share": 0.5, "naevus": 0.15}
    result = run(make([flesh, {"class": "black", "area_share": 0.5}], "II"))
    (flag,) = [f for f in result["flags"] if f["id"] == "R13"]
    assert (flag["severity"], flag["regions"], flag["raised_by"]) == ("refer", [0], ["model"])
    assert result["inks"][0]["options"] == []
    assert result["inks"][1]["options"]
