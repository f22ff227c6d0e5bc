"""The case's door: every fault is named with its path and the fix; nothing else passes."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

from mesh.errors import InvalidInput
from svc_decision.case import MAX_VIOLATIONS, parse_case, schema
from svc_decision.loader import load_ruleset


def faults(obj):
    with pytest.raises(InvalidInput) as caught:
        parse_case(obj)
    assert caught.value.code == "CASE_INVALID"
    assert caught.value.fix
    return {fault.field: fault.message for fault in caught.value.fields}


def test_schema_is_a_schema_and_its_classes_are_the_rulesets():
    Draft202012Validator.check_schema(schema())
    classes = set(schema()["$defs"]["ink"]["properties"]["posterior"]["properties"])
    assert classes == set(load_ruleset().efficacy.classes)
    assert set(schema()["$defs"]["ink"]["properties"]["class"]["enum"]) == classes | {"unknown"}


def test_the_example_is_a_case_with_a_recommendation(decided):
    folder = files("svc_decision") / "examples"
    result = decided(json.loads((folder / "red-on-type-ii.json").read_text()))
    assert result["status"] == "ok"
    assert [ink["options"][0]["status"] for ink in result["inks"]] == ["recommend", "recommend"]
    assert result["sessions"]["kirby_desai"] == 13


def test_all_faults_are_listed_at_once(case):
    bad = case("black")
    bad["skin"]["fitzpatrick_operator"] = "VII"
    bad["intake"]["age"] = "old"
    bad["intake"]["smokes"] = True
    bad["inks"][0]["class"] = "vantablack"
    bad["inks"][0]["area_share"] = 1.5
    bad["image"]["chart_loo_de00"] = -1
    bad["device"]["wavelengths"] = []
    bad["override"] = {"fitzpatrick": "III", "name": "A"}
    found = faults(bad)
    assert set(found) == {
        "skin.fitzpatrick_operator", "intake.age", "intake.smokes", "inks[0].class", "inks[0].area_share",
        "image.chart_loo_de00", "device.wavelengths", "override.reason", "override.name",
    }  # fmt: skip
    assert "I, II, III, IV, V, VI" in found["skin.fitzpatrick_operator"]
    assert "Did you mean smoker?" in found["intake.smokes"]
    assert "at most 1" in found["inks[0].area_share"]


@pytest.mark.parametrize("obj", [None, 1, "case", [], True, [{}]])
def test_what_is_no_object_is_refused(obj):
    assert faults(obj)


def test_inks_are_required_and_may_be_empty(case, decided):
    assert faults({}) == {"inks": "is missing. Add it."}
    assert decided(case([]))["status"] == "no_colour"
    assert any(m.startswith("NO_INK") for m in decided(case([]))["messages"])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_are_finite(case, number):
    bad = case("black")
    bad["skin"]["ita"] = number
    bad["inks"][0]["posterior"] = {"black": number}
    assert set(faults(bad)) == {"skin.ita", "inks[0].posterior.black"}


def test_numbers_beyond_floats_are_refused(case):
    bad = case("black")
    bad["area_cm2"] = 10**400
    assert "area_cm2" in faults(bad)


def test_nesting_is_bounded(case):
    deep: object = True
    for _ in range(5000):
        deep = [deep]
    bad = case("black")
    bad["intake"]["gold"] = deep
    (message,) = faults(bad).values()
    assert "nested" in message


def test_a_flood_of_faults_is_bounded(case):
    bad = case([{"class": "x"}] * 64)
    bad["intake"] |= {f"question_{n}": True for n in range(5000)}
    with pytest.raises(InvalidInput) as caught:
        parse_case(bad)
    assert len(caught.value.fields) == MAX_VIOLATIONS
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("word", ["no", "None", " never ", "N/A", "unknown"])
def test_a_denial_in_words_is_not_taken_for_yes(case, word):
    bad = case("black", gold=word)
    assert "Write false" in faults(bad)["intake.gold"]


def test_posterior_beyond_one_is_refused(case):
    bad = case([{"class": "red", "posterior": {"red": 0.9, "pink": 0.3}}])
    assert "sums to 1.200" in faults(bad)["inks[0].posterior"]


def test_a_lesion_cannot_be_found_and_not_found(case):
    assert "intake.naevus_checked" in faults(case("black", naevus_found=True))


def test_null_is_unanswered(case, decided):
    result = decided(case("black", gold=None))
    assert [m["path"] for m in result["missing"]] == ["intake.gold"]


def test_case_is_immutable(case):
    parsed = parse_case(case("black"))
    with pytest.raises(AttributeError):
        parsed.site = "lip"
    with pytest.raises(TypeError):
        parsed.intake["gold"] = False
