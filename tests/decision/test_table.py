"""The dossier's test table, row by row (laser.md section 11)."""

from __future__ import annotations

from typing import Any

import pytest

from svc_decision.loader import load_ruleset
from svc_decision.ruleset import RANKED
from svc_decision.sessions import colour_class, points

STRONG = (*RANKED, "specialist")


def statuses(result: dict[str, Any], region: int = 0) -> dict[int, str]:
    return {o["wavelength_nm"]: o["status"] for o in result["inks"][region]["options"]}


def labels(result: dict[str, Any]) -> dict[int, str]:
    return {o["wavelength_nm"]: o["label"] for o in result["inks"][0]["options"]}


def fired(result: dict[str, Any]) -> dict[str, str]:
    return {f["id"]: f["severity"] for f in result["flags"]}


def says(result: dict[str, Any], code: str, region: int = 0) -> bool:
    return any(line.startswith(code) for line in result["inks"][region]["messages"])


def ranks_nothing(result: dict[str, Any]) -> bool:
    options = [o for ink in result["inks"] for o in ink["options"]]
    return all(o["rank"] is None and o["status"] not in STRONG for o in options)


def test_t01_black_on_ii(case, decided):
    result = decided(case("black", "II"))
    assert result["status"] == "ok"
    assert statuses(result) == {1064: "recommend", 532: "specialist", 730: "specialist", 785: "specialist"}
    assert labels(result)[785] == "off_label"
    assert (
        result["inks"][0]["options"][0] | {"wavelength_nm": 1064, "rank": 1}
        == result["inks"][0]["options"][0]
    )


def test_t02_black_on_vi(case, decided):
    result = decided(case("black", "VI"))
    assert statuses(result) == {1064: "consider", 532: "blocked", 730: "blocked", 785: "blocked"}
    assert fired(result)["R25"] == "caution"


def test_t03_red_on_ii(case, decided):
    result = decided(case("red", "II"))
    assert statuses(result) == {532: "recommend", 730: "not_useful", 785: "not_useful", 1064: "not_useful"}
    assert fired(result)["R05"] == "info"


def test_t04_red_on_iii(case, decided):
    result = decided(case("red", "III"))
    assert statuses(result)[532] == "consider"
    assert labels(result)[532] == "on_label"


def test_t05_red_on_iv(case, decided):
    result = decided(case("red", "IV"))
    assert statuses(result)[532] == "blocked"
    assert says(result, "NO_LOW_RISK_OPTION(red, IV)")
    assert ranks_nothing(result)


def test_t06_yellow_depends_on_the_pulse(case, decided):
    assert statuses(decided(case("yellow", "II")))[532] == "recommend"
    nanosecond = case("yellow", "II")
    nanosecond["device"] = {"id": "PW", "pulse": "ns"}
    result = decided(nanosecond)
    assert statuses(result)[532] == "consider"
    assert any(m.startswith("DEVICE_LABEL_MISMATCH") for m in result["messages"])


def test_t07_blue_on_iii(case, decided):
    result = decided(case("blue", "III"))
    assert statuses(result) == {730: "recommend", 785: "recommend", 1064: "consider", 532: "not_useful"}
    assert [o["wavelength_nm"] for o in result["inks"][0]["options"][:3]] == [785, 730, 1064]


def test_t08_blue_on_iv(case, decided):
    result = statuses(decided(case("blue", "IV")))
    assert {nm: result[nm] for nm in (730, 785, 1064)} == dict.fromkeys((730, 785, 1064), "consider")


def test_t09_blue_on_v(case, decided):
    result = decided(case("blue", "V"))
    assert statuses(result) | {730: "blocked", 785: "blocked", 1064: "consider"} == statuses(result)
    assert next(o for o in result["inks"][0]["options"] if o["wavelength_nm"] == 1064)["efficacy"] == 2


def test_t10_dark_green_on_i(case, decided):
    result = decided(case("dark_green", "I"))
    assert statuses(result) | {730: "specialist", 785: "specialist", 1064: "consider"} == statuses(result)
    assert labels(result)[730] == "off_label"


def test_t11_dark_green_on_iii_alexandrite(case, decided):
    result = decided(case("dark_green", "III", "ALEX"))
    assert statuses(result)[755] == "consider"
    assert labels(result)[755] == "unknown"


def test_t12_light_green_on_v(case, decided):
    result = decided(case("light_green", "V"))
    assert says(result, "NO_LOW_RISK_OPTION(light_green, V)")
    assert statuses(result)[1064] == "not_useful"


def test_t13_purple_on_ii(case, decided):
    result = decided(case("purple", "II"))
    assert statuses(result) | {730: "specialist", 785: "specialist", 1064: "consider"} == statuses(result)
    assert labels(result)[1064] == "on_label"


def test_t14_white_is_held(case, decided):
    result = decided(case("white", "II"))
    assert set(statuses(result).values()) == {"hold"}
    assert fired(result)["R01"] == "contraindicated"
    assert ranks_nothing(result)
    assert says(result, "TEST_SPOT_REQUIRED")


@pytest.mark.parametrize(("stated", "expected"), [(True, "R01"), (False, None)])
def test_t15_flesh_at_the_skin_is_no_ink_unless_stated(case, decided, stated, expected):
    ink = [{"class": "flesh", "area_share": 1.0, "delta_e00": 3.0}]
    result = decided(case(ink, "III", white_or_skin_tone=stated))
    assert ("R01" in fired(result)) is (expected == "R01")
    assert result["status"] == ("ok" if stated else "no_colour")
    assert ranks_nothing(result)
    assert says(result, "NO_INK") is not stated


def test_t16_pale_pink_is_held(case, decided):
    result = decided(case([{"class": "pink", "area_share": 1.0, "lab_t": [92, 30, -19]}], "II"))
    assert fired(result)["R01"] == "hold"
    assert statuses(result)[532] == "hold"
    assert next(o for o in result["inks"][0]["options"] if o["wavelength_nm"] == 532)["efficacy"] == 3


def test_t17_brown_is_held(case, decided):
    result = decided(case("brown", "II"))
    assert fired(result)["R03"] == "hold"
    assert statuses(result)[1064] == "hold"


@pytest.mark.parametrize("ink", ["black", "red", "white"])
def test_t18_lip(case, decided, ink):
    result = decided(case(ink) | {"site": "lip"})
    assert result["status"] == "stopped"
    assert "R02" in fired(result)
    assert ranks_nothing(result)


def test_t19_eyelid(case, decided):
    result = decided(case("black") | {"site": "Left eyelid"})
    assert result["status"] == "stopped"
    assert {"R02", "R20"} <= set(fired(result))


def test_t20_ink_reaction(case, decided):
    result = decided(case("red", ink_reaction=True))
    assert result["status"] == "stopped"
    assert fired(result)["R04"] == "refer"


def test_t21_gold_ever(case, decided):
    result = decided(case("black", gold="1998 auranofin"))
    assert result["status"] == "stopped"
    flag = next(f for f in result["flags"] if f["id"] == "R07")
    assert flag["severity"] == "contraindicated"
    assert flag["stated"] == {"gold": "1998 auranofin"}
    assert ranks_nothing(result)


def test_t22_isotretinoin_by_policy(case, decided):
    result = decided(case("black", isotretinoin_months=2))
    assert fired(result)["R08"] == "caution"
    assert statuses(result)[1064] == "consider"
    deferred = decided(case("black", isotretinoin_months=2) | {"policy": {"isotretinoin": "defer"}})
    assert deferred["status"] == "deferred"
    assert statuses(deferred)[1064] == "deferred"


@pytest.mark.parametrize("where", ["photo", "region"])
def test_t23_naevus(case, decided, where):
    if where == "photo":
        result = decided(case("black") | {"detector": {"naevus": 0.3}})
        assert result["status"] == "stopped"
    else:
        inks = [
            {"class": "black", "area_share": 0.6, "naevus": 0.3},
            {"class": "red", "area_share": 0.4, "naevus": 0.0},
        ]
        result = decided(case(inks))
        assert result["status"] == "ok"
        assert result["inks"][0]["options"] == []
        assert says(result, "REGION_EXCLUDED")
        assert statuses(result, 1)[532] == "recommend"
    assert fired(result)["R13"] == "refer"


def test_t24_traumatic(case, decided):
    assert decided(case("black", gunpowder=True))["status"] == "stopped"
    asphalt = decided(case("black", traumatic="asphalt"))
    assert fired(asphalt)["R17b"] == "hold"
    assert statuses(asphalt)[1064] == "hold"


def test_t25_pregnant(case, decided):
    result = decided(case("black", pregnant=True))
    assert result["status"] == "deferred"
    assert fired(result)["R10"] == "defer"
    assert all(ink["options"] == [] for ink in result["inks"])


def test_t26_tan(case, decided):
    tanned = case("dark_blue", "II")
    tanned["device"] = {"wavelengths": [532, 694, 755, 1064], "pulse": "ps", "model": "a test bench laser"}
    tanned["skin"] |= {"ita": 22, "ita_sd": 3, "ita_protected": 36}
    result = decided(tanned)
    assert "R12" in fired(result)
    assert statuses(result) == {532: "blocked", 694: "blocked", 755: "blocked", 1064: "deferred"}
    assert result["inks"][0]["options"][0]["would_be"] == "consider"
    assert result["status"] == "deferred"


def test_t27_photo_darkens(case, decided):
    darker = case("black", "II")
    darker["skin"] |= {"ita": -12, "ita_sd": 3}
    result = decided(darker)
    assert result["fitzpatrick_safe"] == "V"
    assert fired(result)["R38"] == "caution"
    assert {nm for nm, status in statuses(result).items() if status != "blocked"} == {1064}


def test_t27b_override_restores_the_operator(case, decided):
    tan = case("red", "III")
    tan["skin"] |= {"ita": 20, "ita_sd": 3}
    result = decided(tan)
    assert result["fitzpatrick_safe"] == "IV"
    assert statuses(result)[532] == "blocked"
    assert says(result, "NO_LOW_RISK_OPTION(red, IV)")
    tan["override"] = {
        "fitzpatrick": "III",
        "name": "Dr A. Example",
        "reason": "tan only, skin type confirmed",
    }
    overridden = decided(tan)
    assert statuses(overridden)[532] == "consider"
    assert any(m.startswith("OVERRIDE_APPLIED") and "Dr A. Example" in m for m in overridden["messages"])


def test_t28_photo_never_lightens(case, decided):
    lighter = case("black", "IV")
    lighter["skin"] |= {"ita": 52, "ita_sd": 3}
    result = decided(lighter)
    assert result["fitzpatrick_safe"] == "IV"
    assert "R38" in fired(result)


def test_t29_unanswered_gold(case, decided):
    open_case = case("black")
    del open_case["intake"]["gold"]
    result = decided(open_case)
    assert result["status"] == "incomplete"
    assert [m["path"] for m in result["missing"]] == ["intake.gold"]
    assert ranks_nothing(result)


def test_t30_chart_fit_too_poor(case, decided):
    poor = case("black")
    poor["image"]["chart_loo_de00"] = 3.4
    result = decided(poor)
    assert result["status"] == "no_colour"
    assert "R36" in fired(result)
    assert all(ink["options"] == [] for ink in result["inks"])


def test_t31_no_chart_is_qualitative(case, decided):
    plain = case([{"class": "blue", "area_share": 1.0, "lab_t": [73, -9, -40], "delta_e00": 30}], "II")
    plain["image"] = {"chart": False, "quality_ok": True}
    plain["skin"] |= {"ita": -20, "ita_sd": 3}
    result = decided(plain)
    assert result["status"] == "qualitative"
    assert result["inks"][0]["basis"] == "hue_family"
    assert result["skin"]["ita_class"] is None
    assert result["fitzpatrick_safe"] == "II"
    assert statuses(result) == {730: "consider", 785: "consider", 1064: "not_useful", 532: "not_useful"}
    assert all(o["rank"] is None for o in result["inks"][0]["options"])
    # Estimates are shown on the report; the message says that the decision looked past them, and so it did.
    message = next(m for m in result["messages"] if m.startswith("QUALITATIVE"))
    assert "estimates here, and neither is used for the decision" in message
    seen = {entry["rule"]: entry["saw"] for entry in result["trace"]}
    assert seen["N01"]["region.delta_e00"] is None
    assert seen["F01"]["skin.ita"] is None


@pytest.mark.parametrize("consent", [None, False, True])
def test_t32_minor(case, decided, consent):
    minor = case("black", age=16)
    if consent is not None:
        minor["intake"]["guardian_consent"] = consent
    result = decided(minor)
    assert result["status"] == "stopped"
    assert fired(result)["R21"] == ("refer" if consent else "contraindicated")


@pytest.mark.parametrize(
    ("days", "severity", "status"),
    [
        (30, "defer", "deferred"),
        (41.9, "defer", "deferred"),
        (42, "info", "ok"),
        (50, "info", "ok"),
        (56, None, "ok"),
    ],
)
def test_t33_interval(case, decided, days, severity, status):
    result = decided(case("black", days_since_laser=days))
    assert fired(result).get("R27") == severity
    assert result["status"] == status


def test_t34_three_inks(case, decided):
    inks = [
        {"class": "black", "area_share": 0.60},
        {"class": "red", "area_share": 0.25},
        {"class": "dark_green", "area_share": 0.15},
    ]
    result = decided(case(inks, "III", scarring="none", ink_amount="moderate"))
    assert statuses(result, 0)[1064] == "recommend"
    assert statuses(result, 1)[532] == "consider"
    assert statuses(result, 2) | {730: "recommend", 785: "recommend"} == statuses(result, 2)
    assert result["sessions"]["points"]["colour"] == 3


def test_t35_uncertain_ink(case, decided):
    ink = [{"class": "unknown", "posterior": {"blue": 0.45, "teal": 0.40}, "area_share": 1.0}]
    result = decided(case(ink, "II"))
    assert fired(result)["R37"] == "caution"
    assert result["inks"][0]["options"] == []
    candidates = {
        c["class"]: {w["wavelength_nm"] for w in c["wavelengths"]} for c in result["inks"][0]["candidates"]
    }
    assert set(candidates) == {"blue", "teal"}
    assert all({730, 785} <= wavelengths for wavelengths in candidates.values())


def test_t36_bencini_factors(case, decided):
    ankle = case("black", smoker=True) | {"site": "ankle", "area_cm2": 40}
    result = decided(ankle)
    assert fired(result)["R28"] == "info"
    assert {m["id"] for m in result["sessions"]["modifiers"]} == {"B01", "B03", "B04", "B05"}


def test_t37_label_printed_to_v(case, decided):
    old = case("black", "VI")
    old["device"] = {
        "manufacturer": "Candela",
        "model": "PicoWay",
        "clearance": "K142372",
        "wavelengths": [532, 1064],
        "pulse": "ps",
    }
    result = decided(old)
    assert statuses(result)[1064] == "specialist"
    assert labels(result)[1064] == "off_label"
    assert says(result, "NO_LOW_RISK_OPTION(black, VI)")


def test_t38_pinned_replay_is_identical(case, decided):
    first, second = decided(case("red", "III")), decided(case("red", "III"))
    assert first == second
    assert first["ruleset"]["hash"] == load_ruleset("tattoo@1.0.0").sha256


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("I", "head_neck", "black_only", "amateur", "none", "none"), 4),
        (("VI", "distal_extremity", "multiple", "significant", "significant", "layered"), 26),
        (("II", "upper_trunk", "multiple", "moderate", "none", "none"), 11),
        (("III", "head_neck", "black_only", "amateur", "none", "none"), 6),
    ],
)
def test_m04_kirby_desai(row, expected):
    names = ("fitzpatrick", "location", "colour", "amount", "scarring", "layering")
    chosen = dict(zip(names, row, strict=True))
    assert sum(p for _, p in points(load_ruleset().sessions, **chosen)) == expected


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"black": 1.0}, "black_only"),
        ({"black": 0.99, "red": 0.01}, "black_only"),
        ({"black": 0.9, "red": 0.1}, "mostly_black_some_red"),
        ({"black": 0.6, "red": 0.25, "other": 0.15}, "mostly_black_and_red_some_other"),
        ({"black": 0.5, "red": 0.2, "other": 0.3}, "multiple"),
        ({"red": 0.5, "other": 0.5}, "multiple"),
        ({"red": 1.0}, None),
    ],
)
def test_kirby_desai_colour_class(shares, expected):
    assert colour_class(shares, load_ruleset().sessions) == expected
