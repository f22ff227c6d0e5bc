"""`assay decide CASE.json --json`: the fields that reviewers and benchmarks outside the project rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.decide import decide
from svc_decision.loader import load_ruleset
from tests.decision.conftest import NEGATIVE_INTAKE

RULESET = load_ruleset()
STATUSES = {"ok", "incomplete", "stopped", "deferred", "qualitative", "no_colour"}
OPTION_STATUSES = {"recommend", "consider", "specialist", "hold", "deferred", "blocked", "not_useful"}
# Every field of a case that the seam names.
CASE: dict[str, Any] = {
    "ruleset": RULESET.id,
    "device": {
        "manufacturer": "Candela", "model": "PicoWay", "clearance": "K220853",
        "wavelengths": [532, 730, 785, 1064], "pulse": "ps",
    },
    "skin": {"fitzpatrick_operator": "II", "ita": 45, "ita_sd": 3, "ita_protected": 46},
    "inks": [
        {"class": "red", "posterior": {"red": 0.9}, "area_share": 0.3, "lab_t": [69, 43, -4]},
        {"class": "black", "area_share": 0.7},
    ],
    "site": "forearm",
    "area_cm2": 40,
    "detector": {"naevus": 0.0},
    "intake": NEGATIVE_INTAKE,
    "image": {"chart": True, "chart_loo_de00": 1.2, "quality_ok": True},
    "override": {"fitzpatrick": "III", "name": "Dr Example", "reason": "examined by hand"},
}  # fmt: skip


def printed(folder: Path, case: dict[str, Any], *options: str) -> str:
    path = folder / "case.json"
    path.write_text(json.dumps(case), encoding="utf-8")
    done = CliRunner().invoke(decide, [str(path), *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def decided(folder: Path, case: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(printed(folder, case, "--json"))
    return result


def test_the_answer_has_every_field(tmp_path):
    result = decided(tmp_path, CASE)
    assert result["status"] == "ok"
    assert result["fitzpatrick_safe"] == "III"
    assert (result["ruleset"]["version"], result["ruleset"]["hash"]) == (
        RULESET.manifest.version,
        RULESET.sha256,
    )
    assert [ink["class"] for ink in result["inks"]] == ["red", "black"]
    for ink in result["inks"]:
        assert isinstance(ink["messages"], list)
        assert [o["wavelength_nm"] for o in ink["options"] if o["status"] in OPTION_STATUSES]
        for option in ink["options"]:
            assert option["efficacy"] in range(5)
            assert option["label"] in ("on_label", "off_label", "unknown")
            assert option["skin_gate"] in ("ok", "caution", "avoid", "block")
            assert option["rules"]
    assert {"id", "severity", "scope"} <= result["flags"][0].keys()
    assert {"estimable", "estimate", "low", "high"} <= result["sessions"].keys()
    assert {"rule", "outcome", "saw", "effect"} <= result["trace"][0].keys()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "ok"),
        ({"intake": NEGATIVE_INTAKE | {"gold": None}}, "incomplete"),
        ({"intake": NEGATIVE_INTAKE | {"gold": True}}, "stopped"),
        ({"intake": NEGATIVE_INTAKE | {"tan_4_weeks": True}}, "deferred"),
        ({"image": {"chart": False, "quality_ok": True}}, "qualitative"),
        ({"image": {"chart": True, "chart_loo_de00": 3.4, "quality_ok": True}}, "no_colour"),
    ],
)
def test_each_status_can_be_reached(tmp_path, change, status):
    result = decided(tmp_path, CASE | change)
    assert result["status"] == status
    assert status in STATUSES
    assert result["trace"]


def test_people_see_what_it_rests_on(tmp_path):
    case = CASE | {"skin": {"fitzpatrick_operator": "IV"}, "override": None}
    shown = printed(tmp_path, case)
    assert "what it rests on (Each line changes one thing and decides again." in shown
    assert "If the skin type were III, 532 nm would be “consider” for red instead of “blocked”." in shown
    assert "R05 info (raised by model): " in shown
    assert "R25 caution (raised by operator): " in shown


def test_older_rulesets_print_what_they_always_did(tmp_path):
    case = CASE | {"ruleset": "tattoo@1.0.0", "skin": {"fitzpatrick_operator": "IV"}, "override": None}
    shown = printed(tmp_path, case)
    assert "what it rests on" not in shown
    assert "raised by" not in shown
    assert "counterfactuals" not in decided(tmp_path, case)
