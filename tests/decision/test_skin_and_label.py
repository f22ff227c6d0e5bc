"""Skin fusion and the label gate at their edges."""

from __future__ import annotations

import math

import pytest

from svc_decision.case import Case, DeviceStatement, Image, Override, Skin
from svc_decision.conditions import evaluate, parse
from svc_decision.devices import label_state, resolve
from svc_decision.loader import load_ruleset
from svc_decision.ruleset import FITZPATRICK
from svc_decision.skin import class_probabilities, read_skin

RULESET = load_ruleset()


def reading(operator: str, ita: float | None = None, sd: float | None = 0.0, **fields: object):
    skin = Skin(fitzpatrick_operator=operator, ita=ita, ita_sd=sd)
    return read_skin(Case(inks=(), skin=skin, image=Image(chart=True), **fields), RULESET.skin)  # type: ignore[arg-type] # fields vary


@pytest.mark.parametrize(
    ("ita", "expected"),
    [
        (55.01, "very light"), (55.0, "light"), (41.01, "light"), (41.0, "intermediate"), (28.0, "tan"),
        (10.0, "brown"), (-30.0, "dark"), (-90.0, "dark"),
    ],
)  # fmt: skip
def test_ita_bounds_belong_to_the_darker_class(ita, expected):
    assert reading("I", ita).ita_class == expected


def test_m01_ita_values_fall_into_their_classes():
    def angle(lightness: float, b: float) -> float:
        return math.degrees(math.atan((lightness - 50) / b))

    assert angle(70, 15) == pytest.approx(53.13, abs=0.01)
    assert reading("I", angle(70, 15)).ita_class == "light"
    assert reading("I", angle(50, 15)).ita_class == "brown"


@pytest.mark.parametrize("row", range(6))
@pytest.mark.parametrize("operator", FITZPATRICK)
def test_fusion_is_the_lookup(row, operator):
    angle = (60, 48, 35, 20, 0, -60)[row]
    found = reading(operator, angle)
    assert found.safe == RULESET.skin.fitzpatrick_safe[found.ita_class_used][FITZPATRICK.index(operator)]


def test_the_darkest_class_of_ten_percent_counts():
    # Light by its centre; 12 % of the distribution lies at 41 degrees or below, 9 % in the second case.
    assert reading("I", 44.5, 3.0).ita_class_used == "intermediate"
    assert reading("I", 45.1, 3.0).ita_class_used == "light"


@pytest.mark.parametrize("ita", [-90, -30, 0, 41, 54.9, 90])
@pytest.mark.parametrize("sd", [0.0, 0.5, 5.0, 40.0])
def test_class_probabilities_sum_to_one(ita, sd):
    values = [p for _, p in class_probabilities(ita, sd, RULESET.skin.ita_classes)]
    assert sum(values) == pytest.approx(1)
    assert min(values) >= 0


def test_an_angle_without_error_gets_the_assumed_one():
    found = reading("I", 35.0, None)
    assert found.sd_assumed
    assert dict(found.probabilities)["tan"] == pytest.approx(0.0144, abs=1e-3)


@pytest.mark.parametrize(
    ("override", "safe", "state"),
    [("II", "IV", "refused"), ("III", "III", "applied"), ("IV", "IV", "applied"), ("VI", "VI", "applied")],
)
def test_an_override_is_never_lighter_than_the_operator(override, safe, state):
    found = reading("III", 20.0, 3.0, override=Override(override, "Dr Example", "examined"))
    assert (found.fused, found.safe, found.override) == ("IV", safe, state)


def laser(**fields: object):
    return resolve(DeviceStatement(**fields), RULESET)  # type: ignore[arg-type] # fields vary


@pytest.mark.parametrize(
    ("device", "nm", "fst", "colour", "expected"),
    [
        ({"id": "PW"}, 532, "III", "red", "on_label"),
        ({"id": "pw"}, 532, "IV", "red", "off_label"),
        ({"id": "PW"}, 532, "II", "black", "off_label"),
        ({"id": "PW"}, 785, "I", "blue", "off_label"),
        ({"id": "PW"}, 1064, "VI", "black", "on_label"),
        ({"id": "PW"}, 1064, "II", None, "off_label"),
        ({"id": "ALEX"}, 755, "II", "blue", "unknown"),
        ({"id": "ALEX"}, 532, "II", "red", "unknown"),
        ({"id": "ALEX"}, 532, "IV", "red", "off_label"),
        ({"id": "ENLIGHTEN"}, 1064, "II", "green", "unknown"),
        ({"id": "MM-RUBY"}, 694, "II", "green", "off_label"),
        ({"id": "MM-RUBY"}, 694, "II", "black", "unknown"),
        ({"clearance": " k142372 "}, 1064, "VI", "black", "off_label"),
        ({"clearance": "K142372", "manufacturer": "Syneron Candela"}, 1064, "V", "black", "on_label"),
        ({"clearance": "K142372", "manufacturer": "Cutera"}, 1064, "V", "black", "unknown"),
        ({"clearance": "K142372", "manufacturer": "Cutera"}, 1064, "VI", "black", "off_label"),
        ({"id": "PW", "clearance": "K142372"}, 1064, "II", "black", "unknown"),
        ({"wavelengths_nm": (1064,), "pulse": "ns"}, 1064, "II", "black", "unknown"),
        ({"id": "PW", "wavelengths_nm": (755,)}, 755, "II", "blue", "unknown"),
    ],
)
def test_label_gate(device, nm, fst, colour, expected):
    assert label_state(laser(**device), nm, fst, colour) == expected


def test_wavelengths_outside_the_ruleset_are_named_and_left_out(case, decided):
    stated = case("black") | {"device": {"wavelengths": [1064, 1320], "pulse": "ns"}}
    result = decided(stated)
    assert [o["wavelength_nm"] for o in result["inks"][0]["options"]] == [1064]
    assert any(m.startswith("WAVELENGTH_NOT_IN_RULESET(1320)") for m in result["messages"])


@pytest.mark.parametrize(
    ("skin", "status"),
    [("I", "consider"), ("II", "consider"), ("III", "specialist"), ("IV", "blocked")],
)
def test_without_a_chart_red_closes_one_type_earlier(case, decided, skin, status):
    stated = case("red", skin) | {"image": {"chart": False, "quality_ok": True}}
    option = next(o for o in decided(stated)["inks"][0]["options"] if o["wavelength_nm"] == 532)
    assert option["status"] == status
    assert ("Q02" in option["rules"]) is (status == "specialist")


@pytest.mark.parametrize(
    ("node", "facts", "expected"),
    [
        ({"any": [{"fact": "a", "is": True}, {"fact": "b", "is": True}]}, {"a": True}, True),
        ({"any": [{"fact": "a", "is": True}, {"fact": "b", "is": True}]}, {"a": False}, None),
        ({"all": [{"fact": "a", "is": True}, {"fact": "b", "is": True}]}, {"a": False}, False),
        ({"all": [{"fact": "a", "is": True}, {"fact": "b", "is": True}]}, {"a": True}, None),
        ({"fact": "n", "below": 6}, {"n": False}, False),
        ({"fact": "n", "below": 6}, {"n": 5.9}, True),
        ({"fact": "n", "at_most": -5}, {"n": -5}, True),
        ({"fact": "n", "above": 3}, {"n": 3}, False),
        ({"fact": "n", "is": 1}, {"n": True}, False),
        ({"fact": "t", "has": "x"}, {"t": ("x", "y")}, True),
        ({"fact": "t", "in": ["x"]}, {"t": "z"}, False),
        ({"probability_of": ["a", "b"], "at_least": 0.15}, {"p.a": 0.05, "p.b": 0.10}, True),
        ({"probability_of": ["a"], "at_least": 0.15}, {}, False),
        ({"always": True}, {}, True),
    ],
)
def test_conditions_know_what_they_do_not_know(node, facts, expected):
    assert evaluate(parse(node), facts) is expected
