"""Every level of every flag fires on its own trigger, and does to the options what the ruleset says."""

from __future__ import annotations

from typing import Any

import pytest

from svc_decision.loader import load_ruleset

RULESET = load_ruleset()


def ink(name: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"class": name, "area_share": 1.0, **fields}]


# (flag, severity, status of the case, ink, changes of the case, answers)
TRIGGERS: list[tuple[str, str, str, list[dict[str, Any]], dict[str, Any], dict[str, Any]]] = [
    (
        "R01",
        "contraindicated",
        "ok",
        ink("black", posterior={"black": 0.8, "white": 0.1, "flesh": 0.05}),
        {},
        {},
    ),
    ("R01", "hold", "ok", ink("black"), {}, {"white_or_skin_tone": True}),
    ("R01", "hold", "ok", ink("light_green", lab_t=[96, -38, 26]), {}, {}),
    ("R01", "caution", "ok", ink("teal"), {}, {}),
    ("R02", "refer", "stopped", ink("black"), {}, {"pmu": True}),
    ("R02", "refer", "stopped", ink("black"), {"site": "areola"}, {}),
    ("R03", "hold", "ok", ink("grey", posterior={"grey": 0.8, "brown": 0.15}), {}, {}),
    ("R04", "refer", "stopped", ink("black"), {}, {"ink_reaction": True}),
    (
        "R05",
        "info",
        "ok",
        ink("black", posterior={"black": 0.8, "red": 0.05, "pink": 0.05, "orange": 0.05}),
        {},
        {},
    ),
    ("R06", "refer", "stopped", ink("black"), {}, {"laser_reaction": True}),
    ("R07", "contraindicated", "stopped", ink("black"), {}, {"gold": True}),
    ("R08", "caution", "ok", ink("black"), {}, {"isotretinoin_months": 0}),
    (
        "R08",
        "defer",
        "deferred",
        ink("black"),
        {"policy": {"isotretinoin": "defer"}},
        {"isotretinoin_months": True},
    ),
    ("R09", "caution", "ok", ink("black"), {}, {"keloid": True}),
    ("R09", "caution", "ok", ink("black"), {"site": "sternum"}, {}),
    ("R10", "defer", "deferred", ink("black"), {}, {"pregnant": True}),
    ("R11", "contraindicated", "stopped", ink("black"), {}, {"infection": True}),
    ("R12", "defer", "deferred", ink("black"), {}, {"tan_4_weeks": True}),
    ("R13", "refer", "stopped", ink("black"), {}, {"naevus_found": True, "naevus_checked": None}),
    ("R13", "refer", "stopped", ink("black"), {"detector": {"naevus": 0.15}}, {}),
    ("R14", "refer", "stopped", ink("black"), {}, {"melanoma_history": True}),
    ("R15", "caution", "ok", ink("black"), {}, {"cover_up": True}),
    ("R16", "caution", "ok", ink("black", lab_t=[57, -3, -18], coverage=0.9), {}, {}),
    ("R17a", "refer", "stopped", ink("black"), {}, {"gunpowder": True}),
    ("R17b", "hold", "ok", ink("black"), {}, {"traumatic": True}),
    ("R18", "caution", "ok", ink("black"), {}, {"photosensitising": "doxycycline"}),
    ("R19", "caution", "ok", ink("black"), {}, {"anticoagulant": True}),
    ("R20", "contraindicated", "stopped", ink("black"), {"site": "periorbital"}, {}),
    ("R20", "contraindicated", "stopped", ink("black"), {"site": "temple"}, {"inside_orbital_rim": True}),
    ("R21", "contraindicated", "stopped", ink("black"), {}, {"age": 17.9}),
    ("R21", "refer", "stopped", ink("black"), {}, {"age": 17, "guardian_consent": True}),
    ("R22", "caution", "ok", ink("black"), {}, {"epilepsy": True}),
    ("R23", "caution", "ok", ink("black"), {}, {"poor_healing": True}),
    ("R24", "caution", "ok", ink("black"), {}, {"autoimmune_skin": True}),
    ("R25", "caution", "ok", ink("black"), {"skin": {"fitzpatrick_operator": "IV"}}, {}),
    ("R26", "defer", "deferred", ink("black"), {}, {"tattoo_age_weeks": 7}),
    ("R26", "defer", "deferred", ink("black"), {}, {"unhealed": True}),
    ("R27", "defer", "deferred", ink("black"), {}, {"days_since_laser": 41}),
    ("R27", "info", "ok", ink("black"), {}, {"days_since_laser": 55}),
    ("R28", "info", "ok", ink("black"), {}, {"smoker": True}),
    ("R29", "caution", "ok", ink("black"), {}, {"scar": True}),
    ("R29", "caution", "ok", ink("black"), {}, {"scarring": "minimal"}),
    ("R30", "info", "ok", ink("black"), {"site": "scalp"}, {}),
    ("R31", "info", "ok", ink("black"), {"area_cm2": 101}, {}),
    ("R31", "info", "ok", ink("black"), {}, {"multiple_tattoos": True}),
    ("R32", "refer", "stopped", ink("black"), {}, {"medical_marker": True}),
    ("R33", "hold", "ok", ink("black", delta_l_t=-5), {}, {}),
    ("R34", "defer", "deferred", ink("black"), {"follow_up": {"skin_change_de00": 4.1, "mdc95": 4.0}}, {}),
    ("R35", "info", "ok", ink("black"), {}, {"contact_allergy": "latex"}),
    ("R36", "hold", "no_colour", ink("black"), {"image": {"chart": False, "quality_ok": False}}, {}),
    (
        "R36",
        "hold",
        "no_colour",
        ink("black"),
        {"image": {"chart": True, "quality_ok": True, "chart_loo_de00": 1.0, "chart_loo_max_de00": 8.1}},
        {},
    ),
    (
        "R36",
        "info",
        "ok",
        ink("black"),
        {"image": {"chart": True, "quality_ok": True, "chart_loo_de00": 2.5}},
        {},
    ),
    ("R37", "caution", "ok", ink("blue", posterior={"blue": 0.59, "teal": 0.41}), {}, {}),
    ("R37", "caution", "ok", ink("blue", prototype_de00=10.1), {}, {}),
    ("R37", "caution", "ok", ink("red", posterior={"blue": 0.9, "red": 0.1}), {}, {}),
    (
        "R38",
        "caution",
        "ok",
        ink("black"),
        {"skin": {"fitzpatrick_operator": "I", "ita": 35, "ita_sd": 1}},
        {},
    ),
    ("R39", "info", "ok", ink("blue"), {}, {"eu_after_2023": True}),
    ("R40", "info", "ok", ink("black"), {}, {}),
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=[f"{t[0]}-{t[1]}-{n}" for n, t in enumerate(TRIGGERS)])
def test_flag_fires(case, decided, trigger):
    flag_id, severity, status, inks, changes, answers = trigger
    stated = case(inks, **answers) | changes
    stated["intake"] = {k: v for k, v in stated["intake"].items() if v is not None}
    result = decided(stated)
    assert {f["id"]: f["severity"] for f in result["flags"]}.get(flag_id) == severity
    assert result["status"] == status
    if severity != "info" and flag_id != "R37":
        assert all(o["status"] != "recommend" for i in result["inks"] for o in i["options"])
    if flag_id == "R37":
        assert result["inks"][0]["options"] == []
    traced = [t for t in result["trace"] if t["rule"] == flag_id and t["outcome"] == "fired"]
    assert traced
    assert flag_id == "R40" or traced[0]["saw"]


def test_every_level_of_every_flag_is_triggered_above():
    wanted = {(flag.id, level.severity) for flag in RULESET.flags for level in flag.levels}
    assert wanted == {(t[0], t[1]) for t in TRIGGERS}


def test_a_harmless_case_fires_only_the_standing_notice(case, decided):
    result = decided(case("black", "II"))
    assert [f["id"] for f in result["flags"]] == ["R40"]
    judged = {t["rule"]: t["outcome"] for t in result["trace"] if t["rule"].startswith("R")}
    assert set(judged) == {flag.id for flag in RULESET.flags}
    assert "fired" not in {outcome for rule, outcome in judged.items() if rule != "R40"}


def test_pale_ink_is_held_when_its_lightness_cannot_be_measured(case, decided):
    pale = case([{"class": "light_blue", "area_share": 1.0, "lab_t": [91, 0, 0]}])
    assert {o["status"] for o in decided(pale)["inks"][0]["options"]} == {"hold"}
    result = decided(pale | {"image": {"chart": False, "quality_ok": True}})
    assert {o["status"] for o in result["inks"][0]["options"]} == {"hold"}


def test_a_flag_tells_its_severity_region_by_region(case, decided):
    inks = [{"class": "light_blue", "area_share": 0.5}, {"class": "flesh", "area_share": 0.5}]
    result = decided(case(inks))
    assert [(f["severity"], f["regions"]) for f in result["flags"] if f["id"] == "R01"] == [
        ("contraindicated", [1]),
        ("caution", [0]),
    ]
    assert {o["status"] for o in result["inks"][1]["options"]} == {"hold"}
    assert result["inks"][0]["options"][0]["rank"] == 1


def test_flags_come_gravest_first(case, decided):
    result = decided(case("red", "IV", gold=True, ink_reaction=True, smoker=True))
    order = ["refer", "contraindicated", "hold", "defer", "caution", "info"]
    severities = [order.index(f["severity"]) for f in result["flags"]]
    assert severities == sorted(severities)
    assert {"R04", "R07", "R28", "R25"} <= {f["id"] for f in result["flags"]}


@pytest.mark.parametrize("rule", RULESET.mandatory, ids=lambda rule: rule.id)
def test_each_mandatory_answer_is_needed(case, decided, rule):
    stated = case("black")
    room, *rest = rule.path.split(".")
    if rest:
        del stated[room][rest[0]]
    else:
        del stated[room]
    result = decided(stated)
    assert result["status"] == "incomplete"
    assert rule.path in [m["path"] for m in result["missing"]]
    assert all(i["options"] == [] for i in result["inks"])
    assert not result["sessions"]["estimable"]


def test_the_mandatory_list_is_the_dossiers():
    needed = {rule for m in RULESET.mandatory for rule in m.rules}
    dossier = "R02 R04 R06 R07 R08 R10 R11 R12 R13 R14 R17a R17b R18 R20 R21"
    assert set(dossier.split()) <= needed


def test_a_check_not_made_is_no_answer(case, decided):
    result = decided(case("black", naevus_checked=False))
    assert result["status"] == "incomplete"
    assert [m["path"] for m in result["missing"]] == ["intake.naevus_checked"]


def test_what_stops_is_told_even_while_answers_are_missing(case, decided):
    stated = case("black", ink_reaction=True)
    del stated["intake"]["gold"]
    result = decided(stated)
    assert result["status"] == "incomplete"
    assert "R04" in {f["id"] for f in result["flags"]}


def test_a_stop_outweighs_a_failed_photo(case, decided):
    stated = case("black", gold=True) | {"image": {"chart": False, "quality_ok": False}}
    result = decided(stated)
    assert result["status"] == "stopped"
    assert {"R07", "R36"} <= {f["id"] for f in result["flags"]}


def test_unknown_site_is_no_answer(case, decided):
    result = decided(case("black") | {"site": "somewhere nice"})
    assert result["status"] == "incomplete"
    assert [m["path"] for m in result["missing"]] == ["site"]
    assert any(m.startswith("SITE_UNKNOWN") for m in result["messages"])


def test_unknown_device_is_no_answer(case, decided):
    for device in ({"id": "NOT-A-LASER"}, {"wavelengths": [532]}, {"pulse": "ps"}):
        result = decided(case("black") | {"device": device})
        assert result["status"] == "incomplete"
        assert [m["path"] for m in result["missing"]] == ["device"]


def test_optional_questions_left_open_are_listed(case, decided):
    stated = case("black")
    for name in ("white_or_skin_tone", "keloid"):
        del stated["intake"][name]
    result = decided(stated)
    assert result["status"] == "ok"
    assert result["unanswered"] == ["R01", "R09"]
    assert any(m.startswith("UNANSWERED(R01, R09)") for m in result["messages"])


def test_small_regions_raise_flags_but_get_no_options(case, decided):
    inks = [{"class": "black", "area_share": 0.995}, {"class": "white", "area_share": 0.005}]
    result = decided(case(inks))
    assert "R01" in {f["id"] for f in result["flags"]}
    assert result["inks"][1]["options"] == []
    assert any(m.startswith("REGION_TOO_SMALL") for m in result["inks"][1]["messages"])
    large = decided(case(inks) | {"area_cm2": 60})
    assert {o["status"] for o in large["inks"][1]["options"]} == {"hold"}


def test_deferred_options_say_what_they_wait_for(case, decided):
    result = decided(case("black", days_since_laser=10))
    best = result["inks"][0]["options"][0]
    assert (best["status"], best["would_be"], best["rank"]) == ("deferred", "recommend", None)
    assert any(m.startswith("DEFERRED(R27)") and "six weeks" in m for m in result["messages"])
    assert {"C02", "R27"} <= set(best["rules"])
