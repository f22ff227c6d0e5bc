"""What must hold for every case, found by random search (hypothesis)."""

from __future__ import annotations

import copy
import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc_decision.case import parse_case, schema
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset
from svc_decision.present import to_json
from svc_decision.ruleset import FITZPATRICK, GATES, RANKED, STATUSES

RULESET = load_ruleset()
CLASSES = tuple(RULESET.efficacy.classes)
INTAKE = schema()["properties"]["intake"]["properties"]
MANDATORY_INTAKE = [m.path.split(".")[1] for m in RULESET.mandatory if m.path.startswith("intake.")]
STRONG = (*RANKED, "specialist")
EXAMPLES = int(os.environ.get("ASSAY_FUZZ_EXAMPLES", "60"))
CAMPAIGN = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)

probability = st.floats(0, 1).map(lambda p: round(p, 3))


@st.composite
def posteriors(draw: st.DrawFn) -> dict[str, float]:
    names = draw(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=5, unique=True))
    weights = [draw(st.integers(1, 100)) for _ in names]
    scale = draw(st.sampled_from((1.0, 0.99, 0.7)))
    return {n: scale * w / sum(weights) for n, w in zip(names, weights, strict=True)}


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


inks = st.fixed_dictionaries(
    {"class": st.sampled_from((*CLASSES, "unknown"))},
    optional={
        "posterior": posteriors(),
        "area_share": probability,
        "lab_t": st.lists(st.floats(-50, 120), min_size=3, max_size=3),
        "delta_e00": st.floats(0, 60),
        "coverage": probability,
        "prototype_de00": st.floats(0, 20),
        "naevus": probability,
        "delta_l_t": st.floats(-20, 20),
    },
)
plain_inks = st.fixed_dictionaries(
    {"class": st.sampled_from(CLASSES), "area_share": st.floats(0.01, 1)},
    optional={"lab_t": st.lists(st.floats(-50, 120), min_size=3, max_size=3)},
)
devices = st.one_of(
    st.sampled_from([d.id for d in RULESET.devices]).map(lambda name: {"id": name}),
    st.fixed_dictionaries(
        {
            "wavelengths": st.lists(st.sampled_from(RULESET.efficacy.wavelengths_nm), min_size=1, max_size=9),
            "pulse": st.sampled_from(("ns", "ps")),
        },
        optional={
            "clearance": st.sampled_from(("K220853", "K142372", "K000000")),
            "model": st.text(max_size=5),
        },
    ),
)


YES_NO = [n for n in INTAKE if "enum" not in INTAKE[n] and n not in ("naevus_checked", "naevus_found")]
NUMBERS = ("age", "tattoo_age_weeks", "isotretinoin_months", "days_since_laser")
PLAIN_SITES = ("forearm", "calf", "upper_arm", "chest", "back")


@st.composite
def intakes(draw: st.DrawFn, troubles: int) -> dict[str, Any]:
    """A complete questionnaire; at most `troubles` answers are other than harmless."""
    answers: dict[str, Any] = {name: False for name in YES_NO if name not in NUMBERS}
    answers |= {"age": 40, "tattoo_age_weeks": 100.0, "isotretinoin_months": False, "days_since_laser": False}
    answers |= {"naevus_checked": True, "scarring": "none", "ink_amount": "moderate"}
    unusual = {
        "age": st.integers(0, 100),
        "tattoo_age_weeks": st.floats(0, 300),
        "isotretinoin_months": st.floats(0, 12),
        "days_since_laser": st.floats(0, 100),
    } | {n: st.sampled_from(INTAKE[n]["enum"]) for n in ("scarring", "ink_amount")}
    for name in draw(st.lists(st.sampled_from((*YES_NO, "scarring", "ink_amount")), max_size=troubles)):
        answers[name] = draw(unusual.get(name, st.just(True)))
    return answers


@st.composite
def cases(draw: st.DrawFn, complete: bool | None = None) -> dict[str, Any]:
    troubles = draw(st.sampled_from((0, 0, 0, 1, 2, 12)))
    intake = draw(intakes(troubles))
    if complete is False:
        del intake[draw(st.sampled_from(MANDATORY_INTAKE))]
    elif complete is None:
        for name in draw(st.sets(st.sampled_from(sorted(intake)), max_size=min(troubles, 2))):
            del intake[name]
    chart = draw(st.sampled_from((True, True, False)))
    case = {
        "device": draw(devices),
        "skin": {
            "fitzpatrick_operator": draw(st.sampled_from(FITZPATRICK)),
            "ita": draw(optional(st.floats(-60, 80))),
            "ita_protected": draw(optional(st.floats(-60, 80))) if troubles else None,
        },
        "inks": draw(
            st.lists(inks if troubles else plain_inks, min_size=0 if troubles > 1 else 1, max_size=4)
        ),
        "site": draw(st.sampled_from(tuple(RULESET.sites) if troubles > 1 else PLAIN_SITES)),
        "area_cm2": draw(optional(st.floats(0.1, 500))),
        "detector": {"naevus": draw(st.sampled_from((0.0, 0.1, 0.149, 0.15, 0.9))) if troubles else 0.0},
        "intake": intake,
        "image": {
            "chart": chart,
            "chart_loo_de00": draw(st.floats(0, 4 if troubles else 3)) if chart else None,
            "quality_ok": draw(st.sampled_from((True, True, False))) if troubles > 1 else True,
        },
    }
    if case["skin"]["ita"] is not None:
        case["skin"]["ita_sd"] = draw(optional(st.floats(0, 17)))
    if draw(st.booleans()):
        case["override"] = {
            "fitzpatrick": draw(st.sampled_from(FITZPATRICK)),
            "name": "Dr Example",
            "reason": "examined",
        }
    return case


def run(case: dict[str, Any]) -> dict[str, Any]:
    return to_json(decide(parse_case(case), RULESET))


@CAMPAIGN
@given(cases())
def test_hard_stops_rank_nothing(case):
    result = run(case)
    grave = [f for f in result["flags"] if f["severity"] in ("refer", "contraindicated")]
    if any(f["scope"] == "case" for f in grave) or result["status"] in ("incomplete", "stopped", "no_colour"):
        assert all(ink["options"] == [] for ink in result["inks"])
        assert not result["sessions"]["estimable"]
    for flag in grave:
        for region in flag["regions"]:
            options = result["inks"][region]["options"]
            assert all(o["rank"] is None and o["status"] not in STRONG for o in options)


@CAMPAIGN
@given(cases(complete=True))
def test_statuses_agree_with_the_tables(case):
    result = run(case)
    for ink in result["inks"]:
        for option in ink["options"]:
            assert option["status"] in STATUSES
            if option["skin_gate"] == "block":
                assert option["status"] == "blocked"
            if option["status"] == "recommend":
                assert option["skin_gate"] == "ok"
                assert option["label"] == "on_label"
                assert option["efficacy"] >= 3
                assert result["status"] == "ok"
                assert not any(f["severity"] == "caution" for f in result["flags"] if f["scope"] == "case")
            if option["rank"] is not None:
                assert option["status"] in RANKED
            if option["efficacy"] == 0:
                assert option["status"] in ("hold", "blocked")
            if result["status"] == "deferred":
                assert option["status"] not in STRONG
            if result["status"] == "qualitative":
                assert option["status"] != "recommend"
        ranks = [o["rank"] for o in ink["options"] if o["rank"] is not None]
        assert ranks == list(range(1, len(ranks) + 1))


@CAMPAIGN
@given(cases(complete=False))
def test_missing_mandatory_intake_is_incomplete(case):
    result = run(case)
    assert result["status"] == "incomplete"
    assert result["missing"]
    assert all(ink["options"] == [] and ink["candidates"] == [] for ink in result["inks"])


@CAMPAIGN
@given(cases())
def test_decisions_are_deterministic_and_json(case):
    before = copy.deepcopy(case)
    first = json.dumps(run(case), sort_keys=True, allow_nan=False)
    assert json.dumps(run(case), sort_keys=True, allow_nan=False) == first
    assert case == before


@CAMPAIGN
@given(cases(complete=True), st.sampled_from((0, 1, 2, 3, 4)))
def test_darker_skin_never_opens_an_option(case, lighter):
    """The gate from I; whole options from II, since labels of 730 and 785 nm begin at II."""
    case["skin"] = {"fitzpatrick_operator": FITZPATRICK[lighter]}
    case.pop("override", None)
    light = run(case)
    case["skin"] = {"fitzpatrick_operator": FITZPATRICK[lighter + 1]}
    dark = run(case)
    assert light["status"] == dark["status"]
    openness = {"recommend": 3, "consider": 2, "specialist": 1}
    for a, b in zip(light["inks"], dark["inks"], strict=True):
        lights = {o["wavelength_nm"]: o for o in a["options"]}
        for option in b["options"]:
            other = lights[option["wavelength_nm"]]
            assert GATES.index(option["skin_gate"]) >= GATES.index(other["skin_gate"])
            if lighter >= 1:
                assert openness.get(option["would_be"], 0) <= openness.get(other["would_be"], 0)


@CAMPAIGN
@given(cases(complete=True))
def test_safe_skin_type_is_never_lighter_than_the_operators(case):
    result = run(case)
    operator = FITZPATRICK.index(case["skin"]["fitzpatrick_operator"])
    assert FITZPATRICK.index(result["fitzpatrick_safe"]) >= operator
    assert FITZPATRICK.index(result["skin"]["fitzpatrick_fused"]) >= operator


@CAMPAIGN
@given(cases(complete=True))
def test_without_a_chart_nothing_gets_stronger(case):
    """Taking the chart away from a photo never improves an option of the same skin type."""
    case["skin"] = {"fitzpatrick_operator": case["skin"]["fitzpatrick_operator"]}
    case["image"] = {"chart": True, "chart_loo_de00": 1.0, "quality_ok": True}
    with_chart = run(case)
    case["image"] = {"chart": False, "quality_ok": True}
    without = run(case)
    openness = {"recommend": 3, "consider": 2, "specialist": 1}
    for a, b in zip(with_chart["inks"], without["inks"], strict=True):
        if not a["options"] and b["options"]:
            assert {"R37", "R01"} & set(a["flags"] + b["flags"]) or "NO_INK" in str(a["messages"])
            assert all(o["would_be"] not in RANKED for o in b["options"])
        known = {o["wavelength_nm"]: o for o in a["options"]}
        for option in b["options"]:
            if option["wavelength_nm"] in known:
                before = known[option["wavelength_nm"]]
                assert openness.get(option["would_be"], 0) <= openness.get(before["would_be"], 0)


@CAMPAIGN
@given(posteriors(), st.sampled_from(CLASSES))
def test_posterior_edges(posterior, named):
    """Hazards count from 0.15; a class under 0.6, or one that its posterior contradicts, is not ranked."""
    case = base_case([{"class": named, "posterior": posterior, "area_share": 1.0}])
    result = run(case)
    flags = {f["id"] for f in result["flags"]}
    top = max(posterior.values())
    agrees = posterior.get(named, 0.0) >= top
    assert ("R37" in flags) is (not agrees or round(top, 9) < 0.6 or posterior.get(named, 0.0) < 0.6)
    opaque = round(posterior.get("white", 0.0) + posterior.get("flesh", 0.0), 9)
    assert not (opaque >= 0.15 and "R01" not in flags)
    assert not (named in ("white", "flesh") and not agrees and "R01" not in flags)
    if "R37" in flags:
        assert result["inks"][0]["options"] == []


def base_case(ink_list: list[dict[str, Any]]) -> dict[str, Any]:
    intake = dict.fromkeys(INTAKE, False)
    for name in ("naevus_found", "scarring", "ink_amount", "guardian_consent"):
        del intake[name]
    return {
        "device": {"id": "PW"},
        "skin": {"fitzpatrick_operator": "II"},
        "inks": ink_list,
        "site": "forearm",
        "intake": intake | {"age": 30, "naevus_checked": True, "tattoo_age_weeks": 100},
        "image": {"chart": True, "chart_loo_de00": 1.0, "quality_ok": True},
    }
