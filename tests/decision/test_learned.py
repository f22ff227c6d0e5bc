"""What a model adds to a decision is caution, and says so.

The learned part of a case is the posterior over ink classes and the probabilities of a pigmented lesion. Held
against the same case with every named class certain and no lesion detected, for every case:

1. the status of the case is at least as grave;
2. every flag that fires there fires here, at the same place, at least as severely;
3. no option is more open, deferred or not;
4. every flag that fires only here says that a model raised it;
5. an ink whose class nobody names is never ranked, recommended or considered.

Skin type, device and missing answers are the same: nothing learned reaches them.
"""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc_decision.case import parse_case
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset
from svc_decision.present import to_json
from svc_decision.ruleset import SEVERITIES
from tests.decision.conftest import make
from tests.decision.random_cases import posterior, random_case

RULESET = load_ruleset("tattoo@1.1.0")
CLASSES = tuple(RULESET.efficacy.classes)
GRAVITY = ("ok", "qualitative", "deferred", "no_colour", "stopped", "incomplete")
OPENNESS = {"recommend": 3, "consider": 2, "specialist": 1}
CAMPAIGN = settings(
    max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
seeds = st.integers(0, 2**63 - 1)

Firing = tuple[str, int | None]


def run(case: dict[str, Any]) -> dict[str, Any]:
    return to_json(decide(parse_case(case), RULESET))


def without_learned(
    case: dict[str, Any], *, posteriors: bool = True, detectors: bool = True
) -> dict[str, Any]:
    """The same case with every named class certain and no lesion detected."""
    plain = copy.deepcopy(case)
    for ink in plain["inks"]:
        if posteriors and ink["class"] != "unknown":
            ink.pop("posterior", None)
        if detectors:
            ink.pop("naevus", None)
    if detectors:
        plain["detector"] = {"naevus": 0.0}
    return plain


def firings(result: dict[str, Any]) -> dict[Firing, dict[str, Any]]:
    """(flag, region or None) to the gravest flag there."""
    found: dict[Firing, dict[str, Any]] = {}
    for flag in reversed(result["flags"]):
        for region in flag["regions"] or [None]:
            found[flag["id"], region] = flag
    return found


def assert_only_caution_is_added(learned: dict[str, Any], plain: dict[str, Any]) -> None:
    assert GRAVITY.index(learned["status"]) >= GRAVITY.index(plain["status"])
    for same in ("fitzpatrick_safe", "skin", "device", "missing"):
        assert learned[same] == plain[same]
    here, there = firings(learned), firings(plain)
    for place, flag in there.items():
        assert place in here
        assert SEVERITIES.index(here[place]["severity"]) <= SEVERITIES.index(flag["severity"])
    for place, flag in here.items():
        if place not in there or there[place]["severity"] != flag["severity"]:
            assert "model" in flag["raised_by"]
    for a, b in zip(learned["inks"], plain["inks"], strict=True):
        others = {o["wavelength_nm"]: o for o in b["options"]}
        for option in a["options"]:
            other = others[option["wavelength_nm"]]
            assert OPENNESS.get(option["status"], 0) <= OPENNESS.get(other["status"], 0)
            assert OPENNESS.get(option["would_be"], 0) <= OPENNESS.get(other["would_be"], 0)


@CAMPAIGN
@given(seeds)
def test_learned_parts_only_add_caution(seed):
    case = random_case(random.Random(seed), RULESET)
    assert_only_caution_is_added(run(case), run(without_learned(case)))


@CAMPAIGN
@given(seeds, st.booleans())
def test_so_does_each_learned_part_alone(seed, posteriors):
    """On harmless cases, where every difference shows."""
    rng = random.Random(seed)
    named = rng.choice(CLASSES)
    ink: dict[str, Any] = {"class": named, "area_share": 1.0, "posterior": posterior(rng, CLASSES)}
    if rng.random() < 0.5:
        ink["class"] = max(ink["posterior"], key=lambda name: ink["posterior"][name])
    ink["naevus"] = rng.choice((0.0, 0.14, 0.15, 0.9))
    case = make([ink], rng.choice(("I", "II", "III", "IV")), rng.choice(("PW", "ALEX")))
    case["ruleset"] = RULESET.id
    case["image"] = rng.choice((case["image"], {"chart": False, "quality_ok": True}))
    plain = without_learned(case, posteriors=posteriors, detectors=not posteriors)
    assert_only_caution_is_added(run(case), run(plain))


@CAMPAIGN
@given(seeds)
def test_an_unnamed_ink_is_never_ranked(seed):
    rng = random.Random(seed)
    case = random_case(rng, RULESET)
    for ink in case["inks"]:
        ink["class"] = "unknown"
    for ink in run(case)["inks"]:
        assert all(o["rank"] is None for o in ink["options"])
        assert not {"recommend", "consider"} & {o["would_be"] for o in ink["options"]}
        assert ink["class_from"]["by"] == "none"


@pytest.mark.parametrize("name", ["white", "flesh", "brown", "permanent_makeup", "pink"])
def test_a_named_class_counts_in_full_however_small_its_share(name):
    """Under 1.0.0 a posterior of 0.1 for the named class left its hazard unsaid (and ranked nothing)."""
    low = make([{"class": name, "posterior": {name: 0.1, "grey": 0.09}, "area_share": 1.0}], "II")
    certain = make([{"class": name, "area_share": 1.0}], "II")
    ids = [{f["id"] for f in run(case | {"ruleset": RULESET.id})["flags"]} for case in (low, certain)]
    assert ids[1] <= ids[0]
    (entry,) = [e for e in run(low | {"ruleset": RULESET.id})["trace"] if e["rule"] == "N02"]
    assert entry["outcome"] == "fired"


def test_a_family_against_the_named_class_is_no_family():
    """Red is named and most probable, the blues together more so: neither is shown as if it were certain."""
    ink = {"class": "red", "posterior": {"red": 0.38, "blue": 0.32, "dark_blue": 0.3}, "area_share": 1.0}
    case = make([ink], "II") | {"ruleset": RULESET.id, "image": {"chart": False, "quality_ok": True}}
    (shown,) = run(case)["inks"]
    assert shown["options"] == []
    assert shown["messages"][0].startswith("CLASS_UNCERTAIN")


def origins(case: dict[str, Any]) -> dict[str, list[str]]:
    return {f["id"]: f["raised_by"] for f in run(case | {"ruleset": RULESET.id})["flags"]}


def test_every_flag_says_what_raised_it():
    grey = {"class": "grey", "posterior": {"grey": 0.8, "brown": 0.15}, "area_share": 1.0}
    case = make([grey], "II", gold="1998 auranofin", keloid=True)
    case["skin"] |= {"ita": -12.0, "ita_sd": 2.0}
    case["image"]["chart_loo_de00"] = 2.5
    assert origins(case) == {
        "R03": ["model"],
        "R07": ["operator"],
        "R09": ["operator"],
        "R25": ["image"],
        "R36": ["image"],
        "R38": ["image", "operator"],
        "R40": ["always"],
    }


@pytest.mark.parametrize(
    ("ink", "expected"),
    [
        ({"class": "red"}, ["operator"]),
        ({"class": "red", "posterior": {"red": 0.9}}, ["model"]),
        ({"class": "black", "posterior": {"black": 0.7, "red": 0.2}}, ["model"]),
        ({"class": "red", "posterior": {"black": 0.7, "red": 0.1}}, ["operator"]),
        ({"class": "red", "posterior": {"black": 0.6, "red": 0.2}}, ["model", "operator"]),
    ],
)
def test_who_said_red(ink, expected):
    assert origins(make([ink | {"area_share": 1.0}], "II"))["R05"] == expected


def test_a_lesion_found_by_the_model_and_by_the_operator():
    case = make("black", naevus_found=True, naevus_checked=None)
    case["detector"] = {"naevus": 0.4}
    assert origins(case)["R13"] == ["model", "operator"]
    case["detector"] = {"naevus": 0.1}
    assert origins(case)["R13"] == ["operator"]


def test_a_dark_type_is_the_operators_or_the_photos():
    assert origins(make("black", "V"))["R25"] == ["operator"]
    tanned = make("black", "III")
    tanned["skin"] |= {"ita": 20.0, "ita_sd": 2.0}
    assert origins(tanned)["R25"] == ["image"]
    tanned["override"] = {"fitzpatrick": "IV", "name": "Dr Example", "reason": "examined"}
    assert origins(tanned)["R25"] == ["operator"]


def test_evidence_of_a_flag_is_what_it_saw():
    ink = {"class": "grey", "posterior": {"grey": 0.8, "brown": 0.15}, "area_share": 1.0}
    flags = run(make([ink], "II", smoker=True) | {"ruleset": RULESET.id})["flags"]
    because = {f["id"]: f["because"] for f in flags}
    assert because["R03"] == {"P(brown+permanent_makeup)": 0.15}
    assert because["R28"] == {"intake.smoker": True}
    assert because["R40"] == {}


def test_options_say_which_rules_saw_the_classifier():
    ink = {"class": "grey", "posterior": {"grey": 0.8, "brown": 0.15}, "area_share": 1.0}
    case = make([ink], "III") | {"ruleset": RULESET.id, "classifier": "ink-class@0.3.0"}
    (shown,) = run(case)["inks"]
    assert shown["class_from"] == {"by": "model", "model": "ink-class@0.3.0", "probability": 0.8}
    option = next(o for o in shown["options"] if o["wavelength_nm"] == 1064)
    assert option["learned"] == ["E.grey.1064", "L.1064.on_label", "R03"]
    assert {"S.1064.III", "P2"} == set(option["rules"]) - set(option["learned"])
    (stated,) = run(make("grey", "III") | {"ruleset": RULESET.id, "classifier": "ink-class@0.3.0"})["inks"]
    assert stated["class_from"] == {"by": "operator", "model": None, "probability": None}
    assert not any(o["learned"] for o in stated["options"])
