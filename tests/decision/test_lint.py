"""The linter: clean on the ruleset in use, and every way to spoil a ruleset is seen and named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from svc_decision.casebook import load_cases
from svc_decision.lint import Finding, lint, untested
from svc_decision.loader import DEFAULT_RULESET, build, read_document

Damage = Callable[[dict[str, Any]], None]
DOCUMENT = read_document(DEFAULT_RULESET)
CASES = load_cases(DEFAULT_RULESET)
NO_CASES = Finding("untested", "", "it ships no cases")


def findings(damage: Damage) -> list[Finding]:
    document = copy.deepcopy(DOCUMENT)
    damage(document)
    return [found for found in lint(document, ()) if found != NO_CASES]


def flag(document: dict[str, Any], flag_id: str) -> dict[str, Any]:
    return next(f for f in document["flags"] if f["id"] == flag_id)


def step(document: dict[str, Any], step_id: str) -> dict[str, Any]:
    return next(s for s in document["engine"]["status_ladder"] if s["id"] == step_id)


def device(document: dict[str, Any], device_id: str, nm: int) -> dict[str, Any]:
    row = next(d for d in document["devices"] if d["id"] == device_id)
    return next(w for w in row["wavelengths"] if w["nm"] == nm)


def test_the_ruleset_in_use_is_clean():
    assert lint(DOCUMENT, CASES) == ()


def test_a_ruleset_without_cases_says_so():
    assert lint(read_document("tattoo@1.0.0"), ()) == (NO_CASES,)


def _shadowed_level(d):
    flag(d, "R27")["levels"][1]["when"] = {"fact": "intake.days_since_laser", "below": 41}


def _never(d):
    flag(d, "R38")["levels"][0]["when"] = {"fact": "skin.class_gap", "at_least": 6}


def _strange_choice(d):
    flag(d, "R29")["levels"][0]["when"] = {"fact": "intake.scarring", "in": ["severe"]}


def _idle_alternative(d):
    flag(d, "R26")["levels"][0]["when"]["any"].append({"fact": "intake.tattoo_age_weeks", "below": 4})


def _contradiction_in_itself(d):
    both = [{"fact": "intake.age", "below": 18}, {"fact": "intake.age", "above": 60}]
    flag(d, "R22")["levels"][0]["when"] = {"all": both}


def _shadowed_step(d):
    step(d, "P2")["when"] = step(d, "P1")["when"]


def _modifier_never(d):
    d["sessions"]["modifiers"][3]["when"] = {"fact": "site.tags", "has": "arm_or_hand"}


def _test_spot_never(d):
    d["engine"]["test_spots"][2]["when"] = {"fact": "spot.reviewed_after_weeks", "above": 600}


@pytest.mark.parametrize(
    ("damage", "rule", "words"),
    [
        (_shadowed_level, "R27", "the level info can never be the first"),
        (_never, "R38", "can never be the first"),
        (_strange_choice, "R29", "can never be the first"),
        (_idle_alternative, "R26", "just as well without “intake.tattoo_age_weeks below 4”"),
        (_contradiction_in_itself, "R22", "can never be the first"),
        (_shadowed_step, "P2", "can never be the first"),
        (_modifier_never, "B04", "can never be the first"),
        (_test_spot_never, "H03", "can never be the first"),
    ],
)
def test_unreachable_rules_are_found(damage, rule, words):
    found = [f for f in findings(damage) if f.kind == "unreachable"]
    assert [f.rule for f in found] == [rule]
    assert words in found[0].message


def _mild_first(d):
    flag(d, "R21")["levels"].reverse()


def _caution_that_stops(d):
    flag(d, "R15")["levels"][0]["effect"] = "stop"


def _ladder_opens_off_label(d):
    step(d, "P4")["when"]["any"] = [
        part for part in step(d, "P4")["when"]["any"] if part.get("fact") != "option.label"
    ]


def _ladder_with_a_hole(d):
    step(d, "P6")["when"]["all"][0]["at_least"] = 4


def _grave_hold_opened_wider(d):
    d["engine"]["test_spots"][1]["cap"] = "consider"
    d["engine"]["test_spots"][3]["cap"] = "specialist"


def _two_test_spots(d):
    d["engine"]["test_spots"][3]["releases"].append({"rule": "R03", "severity": "hold"})


def _label_against_gate(d):
    device(d, "PW", 532)["fitzpatrick"] = ["I", "IV"]


def _label_of_two_minds(d):
    device(d, "PW", 532)["unclear_colours"] = ["red"]


def _label_of_no_ink(d):
    device(d, "PW", 532)["colours"].append("ultraviolet")


def _asked_for_nothing(d):
    d["mandatory"][9]["rules"] = ["R77"]


def _asked_for_another(d):
    d["mandatory"][9]["rules"] = ["R10"]


def _rule_from_the_future(d):
    flag(d, "R05")["meta"] = {"effective": "2031-01-01"}


def _approved_without_signatures(d):
    d["manifest"]["approver"] = "Dr A. Example"
    d["manifest"]["approval"]["status"] = "approved"
    for head in d["heads"].values():
        head["approver"] = "Dr A. Example"
    d["heads"]["sessions"]["approver"] = None


@pytest.mark.parametrize(
    ("damage", "rules", "words"),
    [
        (_mild_first, {"R21"}, "gravest"),
        (_caution_that_stops, {"R15"}, "caution has the effect stop"),
        (_ladder_opens_off_label, {"P0", "P5"}, "off-label"),
        (_ladder_with_a_hole, {"P0"}, "no step takes grade 3"),
        (_two_test_spots, {"H04"}, "lifts R03 hold as H01 does"),
        (_grave_hold_opened_wider, {"H02"}, "allows consider for a contraindication of R01"),
        (_label_against_gate, {"L.PW.532"}, "permits 532 nm on type IV"),
        (_label_of_two_minds, {"L.PW.532"}, "both on the label and unclear"),
        (_label_of_no_ink, {"L.PW.532"}, "ultraviolet"),
        (_asked_for_nothing, {"I10"}, "no rule"),
        (_asked_for_another, {"I10"}, "does not read intake.gold"),
        (_rule_from_the_future, {"R05"}, "2031-01-01"),
        (_approved_without_signatures, {"KD", "B01"}, "nobody has signed it"),
    ],
)
def test_contradictory_rules_are_found(damage, rules, words):
    found = [f for f in findings(damage) if f.kind == "contradictory"]
    assert rules <= {f.rule for f in found}
    assert any(words in f.message for f in found)


def _text_too_many(d):
    for texts in (d["texts"], *d["languages"].values()):
        texts["message.NEVER_SENT"] = "Nobody says this."


def _source_too_many(d):
    d["sources"]["F999"] = "A paper that nobody cites"


def _tag_too_many(d):
    d["sites"]["tongue"] = {"kd_location": "head_neck", "tags": ["keloid_prone"]}
    level = flag(d, "R30")["levels"][0]
    level["when"] = {"fact": "site.tags", "has": "keloid_prone"}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_text_too_many, "nothing asks for the text message.NEVER_SENT in de"),
        (_source_too_many, "no rule names the source F999"),
        (_tag_too_many, "no rule asks for the site tag hair_bearing"),
    ],
)
def test_unused_parts_are_found(damage, words):
    found = [f for f in findings(damage) if f.kind == "unused"]
    assert words in [f.message for f in found]


def _no_text(d):
    del d["languages"]["de"]["flag.R07"]


def _other_placeholder(d):
    d["languages"]["es"]["message.STOPPED"] = "No se ordena nada por {reglas}."


def _stray_brace(d):
    d["texts"]["message.STOPPED"] = "Nothing because of {rules."


def _unknown_source(d):
    flag(d, "R01")["source"] = ["F12345"]


def _releases_nothing(d):
    d["engine"]["test_spots"][0]["releases"] = [{"rule": "R05", "severity": "hold"}]


def _probability_out_of_reach(d):
    flag(d, "R03")["levels"][0]["when"]["at_least"] = 0.7


def _no_head(d):
    del d["heads"]["flags"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_no_text, "text flag.R07 is missing in de"),
        (_other_placeholder, "message.STOPPED in es has the placeholders ['reglas'], not ['rules']"),
        (_stray_brace, "message.STOPPED in de has the placeholders"),
        (_unknown_source, "source F12345 is not listed"),
        (_releases_nothing, "H01 releases R05 hold, which holds nothing"),
        (_probability_out_of_reach, "R03: the probability 0.7 is above 0.5"),
        (_no_head, "'flags' is a required property"),
    ],
)
def test_what_does_not_load_is_told_as_invalid(damage, words):
    found = findings(damage)
    assert {f.kind for f in found} == {"invalid"}
    assert any(words in f.message for f in found)


def test_a_rule_that_no_case_fires_is_untested():
    some = [row for row in CASES if row.file == "table"]
    found = {f.rule for f in lint(DOCUMENT, some) if f.kind == "untested"}
    assert {"H01", "R35", "I07", "E.black.585", "KD.amount.amateur"} <= found
    assert not {"P1", "P6", "C02", "R07", "V01"} & found


def test_a_case_that_does_not_get_what_it_expects_is_told():
    row = next(row for row in CASES if row.id == "T05")
    wrong = replace(row, expect={"status": "deferred", "flags": {"R05": None}})
    found = [f for f in lint(DOCUMENT, [wrong]) if f.kind == "failed"]
    assert [(f.rule, f.message) for f in found] == [
        ("T05", "status is ok, not deferred"),
        ("T05", "R05 fires as ['info'], not as nothing"),
    ]


def test_untested_is_empty_for_all_cases_and_not_for_none():
    assert list(untested([], build(copy.deepcopy(DOCUMENT)), DOCUMENT))
