"""Test spots (laser.md section 4): what a reviewed record releases, and what it makes stricter."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from svc_decision.case import parse_case
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset
from svc_decision.present import to_json
from tests.decision.conftest import make

RULESET = load_ruleset("tattoo@1.1.0")


def spot(ink_class: str, nm: int, weeks: float = 5, outcome: str = "unchanged") -> dict[str, Any]:
    return {
        "ink_class": ink_class,
        "wavelength_nm": nm,
        "reviewed_after_weeks": weeks,
        "outcome": outcome,
        "name": "Dr Example",
    }


def run(case: dict[str, Any], *spots: dict[str, Any]) -> dict[str, Any]:
    return to_json(decide(parse_case(case | {"ruleset": RULESET.id, "test_spots": list(spots)}), RULESET))


def statuses(result: dict[str, Any], region: int = 0) -> dict[int, str]:
    return {o["wavelength_nm"]: o["status"] for o in result["inks"][region]["options"]}


def says(result: dict[str, Any], code: str, region: int = 0) -> bool:
    return any(line.startswith(code) for line in result["inks"][region]["messages"])


def test_a_good_spot_releases_its_ink_at_its_wavelength_only():
    inks = [
        {"class": "brown", "area_share": 0.5},
        {"class": "grey", "posterior": {"grey": 0.8, "brown": 0.2}},
    ]
    result = run(make(inks, "III"), spot("brown", 1064))
    assert statuses(result) == {1064: "consider", 532: "hold", 730: "hold", 785: "hold"}
    assert set(statuses(result, 1).values()) == {"hold"}
    option = result["inks"][0]["options"][0]
    assert option["rank"] == 1
    assert "H01" in option["rules"]
    assert says(result, "TEST_SPOT_ACCEPTED(brown, 1064)")
    assert says(result, "TEST_SPOT_REQUIRED(R03)")
    # The flag itself still fires and is shown.
    assert [f["severity"] for f in result["flags"] if f["id"] == "R03"] == ["hold"]


@pytest.mark.parametrize(
    ("fitzpatrick", "weeks", "released"),
    [("III", 3.9, False), ("III", 4, True), ("IV", 4, False), ("IV", 5.9, False), ("IV", 6, True)],
)
def test_the_review_takes_four_weeks_and_six_on_darker_skin(fitzpatrick, weeks, released):
    result = run(make("brown", fitzpatrick), spot("brown", 1064, weeks))
    assert statuses(result)[1064] == ("consider" if released else "hold")
    assert says(result, "TEST_SPOT_ACCEPTED" if released else "TEST_SPOT_NOT_ENOUGH")


def test_a_release_never_ends_in_a_plain_recommendation():
    """Brown at 1064 nm is first line, on label, on open skin."""
    result = run(make("brown", "I"), spot("brown", 1064, outcome="lighter"))
    assert statuses(result)[1064] == "consider"


def test_one_bad_spot_outweighs_the_good_ones():
    result = run(make("brown", "III"), spot("brown", 1064), spot("brown", 1064, outcome="darker"))
    assert statuses(result)[1064] == "hold"
    early = run(make("brown", "III"), spot("brown", 1064), spot("brown", 1064, weeks=1))
    assert statuses(early)[1064] == "hold"


def test_darkening_holds_the_ink_at_every_wavelength():
    """Red is recommended at 532 nm until a spot of it darkened, wherever that was."""
    assert statuses(run(make("red", "II")))[532] == "recommend"
    result = run(make("red", "II"), spot("red", 1064, outcome="darker"))
    assert set(statuses(result).values()) == {"hold"}
    (flag,) = [f for f in result["flags"] if f["id"] == "R33"]
    assert (flag["severity"], flag["raised_by"]) == ("hold", ["operator"])
    assert flag["because"] == {"region.spot_outcomes": ["darker"]}


def test_darkening_holds_every_ink_that_may_be_the_one():
    ink = {"class": "grey", "posterior": {"grey": 0.75, "brown": 0.05, "red": 0.2}, "area_share": 1.0}
    assert statuses(run(make([ink], "II")))[1064] == "recommend"
    assert set(statuses(run(make([ink], "II"), spot("red", 532, outcome="darker"))).values()) == {"hold"}
    assert statuses(run(make([ink], "II"), spot("brown", 532, outcome="darker")))[1064] == "recommend"


def test_a_reaction_stops_the_case():
    result = run(make("black", "II"), spot("red", 532, outcome="reaction"))
    assert result["status"] == "stopped"
    (flag,) = [f for f in result["flags"] if f["id"] == "R04"]
    assert (flag["severity"], flag["because"]) == ("refer", {"case.spot_outcomes": ["reaction"]})
    assert not any(ink["options"] for ink in result["inks"])


def test_white_is_contraindicated_until_its_spot_and_then_for_specialists():
    assert set(statuses(run(make("white", "II"))).values()) == {"hold"}
    result = run(make("white", "II"), spot("white", 1064))
    assert statuses(result)[1064] == "specialist"
    assert statuses(result)[532] == "hold"
    assert all(o["rank"] is None for o in result["inks"][0]["options"])
    assert [f["severity"] for f in result["flags"] if f["id"] == "R01"] == ["contraindicated"]


def test_white_ink_that_no_camera_sees_is_not_cleared_by_a_spot_on_the_black_part():
    result = run(make("black", "II", white_or_skin_tone=True), spot("black", 1064))
    assert set(statuses(result).values()) == {"hold"}
    assert says(result, "TEST_SPOT_NOT_ENOUGH")


def test_a_graver_level_does_not_hide_the_questionnaires_hold():
    """With 20 % white the ink is contraindicated, which a spot lifts; the hold by the questionnaire stays."""
    ink = {"class": "grey", "posterior": {"grey": 0.8, "white": 0.2}, "area_share": 1.0}
    released = run(make([ink], "II"), spot("grey", 1064))
    assert statuses(released)[1064] == "specialist"
    held = run(make([ink], "II", white_or_skin_tone=True), spot("grey", 1064))
    assert statuses(held)[1064] == "hold"


def test_a_spot_that_lifts_one_hold_of_two_says_which_is_left():
    """Unchanged lifts brown's hold, but not that of ink which has darkened; lighter lifts both."""
    brown = [{"class": "brown", "area_share": 1.0, "delta_l_t": -6.0}]
    result = run(make(brown, "II"), spot("brown", 1064))
    assert statuses(result)[1064] == "hold"
    (said,) = [m for m in result["inks"][0]["messages"] if m.startswith("TEST_SPOT_NOT_ENOUGH")]
    assert "does not lift R33:" in said
    assert statuses(run(make(brown, "II"), spot("brown", 1064, outcome="lighter")))[1064] == "specialist"


def test_a_traumatic_tattoo_is_released_ink_by_ink():
    result = run(make("black", "II", traumatic=True), spot("black", 1064))
    assert statuses(result) == {1064: "consider", 532: "hold", 730: "hold", 785: "hold"}


@pytest.mark.parametrize(
    "stop", ["gold", "pmu", "ink_reaction", "gunpowder", "melanoma_history", "medical_marker"]
)
def test_no_spot_releases_a_referral_or_a_contraindication(stop):
    spots = [spot("brown", nm, 12, "lighter") for nm in (532, 730, 785, 1064)]
    result = run(make("brown", "II", **{stop: True}), *spots)
    assert result["status"] == "stopped"
    assert not any(ink["options"] for ink in result["inks"])


def test_no_spot_opens_a_blocked_wavelength():
    result = run(make("brown", "VI"), spot("brown", 532, 12), spot("brown", 1064, 12))
    assert statuses(result)[532] == "blocked"
    assert statuses(result)[1064] == "consider"


def test_a_spot_of_another_ink_is_said_to_fit_none():
    result = run(make("black", "II"), spot("yellow", 532))
    assert any(m.startswith("TEST_SPOT_UNUSED") for m in result["messages"])


def test_a_spot_raises_no_option_without_a_hold():
    assert (
        run(make("black", "II"), spot("black", 1064))["inks"][0]["options"]
        == (run(make("black", "II"))["inks"][0]["options"])
    )


def test_the_trace_has_each_spot_rule_at_each_option():
    result = run(make("brown", "III"), spot("brown", 1064), spot("brown", 532, 2))
    seen = {(e["rule"], e["wavelength_nm"]): e for e in result["trace"] if e["rule"].startswith("H")}
    assert len(seen) == 4 * len(RULESET.engine.test_spots)
    assert seen["H01", 1064]["outcome"] == "fired"
    assert seen["H01", 1064]["saw"] == {"spot.outcome": ["unchanged"], "spot.reviewed_after_weeks": ["5"]}
    assert seen["H01", 532]["outcome"] == "not_fired"
    assert seen["H01", 730]["outcome"] == "not_applicable"


def test_rulesets_without_spot_rules_ignore_them():
    old = load_ruleset("tattoo@1.0.0")
    case = make("brown", "III")
    told = case | {"test_spots": [spot("brown", 1064)], "language": "de", "classifier": "ink-class@1.0.0"}
    assert to_json(decide(parse_case(told), old)) == to_json(decide(parse_case(case), old))


def test_the_example():
    stated = json.loads((files("svc_decision") / "examples" / "brown-after-a-test-spot.json").read_text())
    result = to_json(decide(parse_case(stated), RULESET))
    assert statuses(result) == {1064: "consider", 532: "hold", 730: "hold", 785: "hold"}
    assert result["inks"][0]["class_from"]["model"] == "ink-class@1.0.0"
    assert {"fitzpatrick=IV", "test_spot=brown@532"} <= {e["change"] for e in result["counterfactuals"]}
