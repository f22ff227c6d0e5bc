"""Hard stops under random cases: what no case, however odd, may ever get out of the engine.

What is expected comes from the ruleset's document and the case as stated, not from the engine's own modules.
`make test` tries 300 cases; `pytest -m proof tests/decision/test_hard_stops.py` tries 100,000 on every core.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc_decision.case import parse_case
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset, read_document
from svc_decision.present import to_json
from tests.decision.random_cases import random_case

RULESET = load_ruleset("tattoo@1.1.0")
QUICK, FULL, PART = 300, 100_000, 5_000
TYPES = ("I", "II", "III", "IV", "V", "VI")
RANKED = ("recommend", "consider")
OPENNESS = {"recommend": 3, "consider": 2, "specialist": 1}
GRAVE = ("refer", "contraindicated")
STATUSES_OF_CASES = {"ok", "incomplete", "stopped", "deferred", "qualitative", "no_colour"}
STATUSES = {"recommend", "consider", "specialist", "hold", "deferred", "blocked", "not_useful"}
# A number with a unit of energy, fluence or rate; a number of pulses or passes; a size of the laser's spot.
SETTING = re.compile(
    r"\d\s*(?:m?J\b|[WJ]\s*/|k?Hz\b|(?:im)?puls(?:es|e|os)?\b|passes\b|shots\b|pasadas\b)"
    r"|spot (?:size|diameter)s?\D{0,9}\d|\d\s*mm (?:laser )?spot",
    re.IGNORECASE,
)
FORBIDDEN_KEYS = re.compile(
    r"fluence|spot_?size|pulse_?(?:count|number|energy)|joule|energy|repetition|passes"
)


@cache
def tables() -> dict[str, Any]:
    """Skin gate by wavelength and the mandatory paths, as the files have them."""
    document = read_document(RULESET.id)
    return {
        "gate": {row["wavelength_nm"]: row["columns"] for row in document["skin"]["gate"]},
        "mandatory": [m["path"] for m in document["mandatory"] if m["path"].startswith("intake.")],
        "grades": {row["id"]: row["cells"] for row in document["efficacy"]["classes"]},
    }


def decided(case: dict[str, Any]) -> dict[str, Any]:
    return to_json(decide(parse_case(case), RULESET))


def options(result: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for ink in result["inks"]:
        for option in ink["options"]:
            yield ink, option


def check(case: dict[str, Any], *, trace: bool) -> str:
    """Every hard stop for one case, whose status it returns; with `trace`, the words of its trace as well."""
    result = decided(case)
    check_stops(result)
    check_missing(case, result)
    check_statuses(case, result)
    check_counterfactuals(case, result)
    check_words(result if trace else {name: part for name, part in result.items() if name != "trace"})
    return str(result["status"])


def check_stops(result: dict[str, Any]) -> None:
    grave = [flag for flag in result["flags"] if flag["severity"] in GRAVE]
    if any(flag["scope"] == "case" for flag in grave):
        assert result["status"] in ("stopped", "incomplete")
    if result["status"] in ("stopped", "incomplete", "no_colour"):
        assert not any(ink["options"] or ink["candidates"] for ink in result["inks"])
        assert not result["sessions"]["estimable"]
    for flag in grave:
        for region in flag["regions"]:
            shown = result["inks"][region]["options"]
            assert all(o["rank"] is None and o["status"] not in RANKED for o in shown)
            assert not shown or flag["effect"] == "hold"


def check_missing(case: dict[str, Any], result: dict[str, Any]) -> None:
    intake = case["intake"]
    stated = {f"intake.{name}" for name, answer in intake.items() if answer is not None}
    if intake.get("naevus_found") or not intake.get("naevus_checked"):
        stated.discard("intake.naevus_checked")
    if intake.get("naevus_found"):
        stated.add("intake.naevus_checked")
    missing = [path for path in tables()["mandatory"] if path not in stated]
    if missing or not case["device"].keys() & {"id", "wavelengths"}:
        assert result["status"] == "incomplete"
        assert result["missing"]


def check_statuses(case: dict[str, Any], result: dict[str, Any]) -> None:
    safe = result["fitzpatrick_safe"]
    assert TYPES.index(safe) >= TYPES.index(case["skin"]["fitzpatrick_operator"])
    cautions = any(f["severity"] == "caution" and f["scope"] == "case" for f in result["flags"])
    for ink, option in options(result):
        nm, status = option["wavelength_nm"], option["status"]
        gate = tables()["gate"][nm][TYPES.index(safe)]
        assert status in STATUSES
        if gate == "block" or option["skin_gate"] == "block":
            assert status == "blocked"
        if option["rank"] is not None:
            assert result["status"] == "ok"
            assert status in RANKED
        if status in RANKED:
            assert gate in ("ok", "caution")
            assert option["label"] != "off_label"
            assert option["efficacy"] >= 2
            assert result["status"] in ("ok", "qualitative")
        if status == "recommend":
            assert case["image"]["chart"] is True
            assert gate == "ok"
            assert option["label"] == "on_label"
            assert option["efficacy"] >= 3
            assert not cautions
            held = [f for f in result["flags"] if f["effect"] == "hold" and f["scope"] != "image"]
            assert not any(f["scope"] == "case" or ink["region"] in f["regions"] for f in held)
        if result["status"] == "ok" and status in RANKED:
            assert ink["class"] != "unknown"
            grades = tables()["grades"][ink["class"]][str(nm)]
            assert option["efficacy"] == grades[option["pulse"]]
        if {"specialist", *RANKED} & {status} and option["efficacy"] == 0:
            assert status == "specialist"
            check_spot(case, case["inks"][ink["region"]]["class"], nm)


def check_spot(case: dict[str, Any], ink_class: str, nm: int) -> None:
    """Grade 0 was released: only good reviews, of four weeks or more, of that ink at that wavelength."""
    spots = [s for s in case["test_spots"] if (s["ink_class"], s["wavelength_nm"]) == (ink_class, nm)]
    assert spots
    assert all(s["outcome"] in ("lighter", "unchanged") for s in spots)
    assert all(s["reviewed_after_weeks"] >= 4 for s in spots)


def check_counterfactuals(case: dict[str, Any], result: dict[str, Any]) -> None:
    told = result["counterfactuals"]
    assert len(told) <= 32
    if result["status"] in ("stopped", "no_colour"):
        assert not told
    for entry in told:
        assert entry["would_be"] in STATUSES
        assert entry["would_be"] != entry["status"]
        assert entry["text"]
        name, _, value = entry["change"].partition("=")
        if value in ("no", "none found"):
            # Only a question without an answer is ever tried, and then nothing is decided yet.
            assert case["intake"].get(name) in (None, False)
            assert result["status"] == "incomplete"
            assert entry["status"] is None
        else:
            assert name in ("fitzpatrick", "released", "test_spot", "chart")
            assert result["status"] in ("ok", "deferred", "qualitative")


def check_words(result: dict[str, Any]) -> None:
    assert not SETTING.search(json.dumps(result, ensure_ascii=False))
    assert not any(FORBIDDEN_KEYS.search(key) for key in keys(result))
    assert all(option["pulse"] in ("ns", "ps") for _, option in options(result))


def keys(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys(value)


def check_darker_skin(case: dict[str, Any]) -> None:
    """The gate from type I; whole decisions from II, since labels of 730 and 785 nm begin there."""
    case.pop("override", None)
    lighter = random.Random(repr(case)).randrange(5)
    pair = []
    for index in (lighter, lighter + 1):
        case["skin"] = {"fitzpatrick_operator": TYPES[index]}
        pair.append(decided(case))
    light, dark = pair
    assert light["status"] == dark["status"]
    for a, b in zip(light["inks"], dark["inks"], strict=True):
        before = {o["wavelength_nm"]: o for o in a["options"]}
        for option in b["options"]:
            other = before[option["wavelength_nm"]]
            gates = ("ok", "caution", "avoid", "block")
            assert gates.index(option["skin_gate"]) >= gates.index(other["skin_gate"])
            if lighter >= 1:
                assert OPENNESS.get(option["would_be"], 0) <= OPENNESS.get(other["would_be"], 0)


def campaign(examples: int, salt: str = "") -> Counter[str]:
    """Tries that many cases; counts their statuses. Raises AssertionError, with the seed of the case."""
    statuses: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**63 - 1))
    def attempt(seed: int) -> None:
        rng = random.Random(f"{salt}{seed}")
        case = random_case(rng, RULESET)
        statuses[check(case, trace=examples <= QUICK or rng.random() < 0.1)] += 1
        if rng.random() < 0.1:
            check_darker_skin(case)

    attempt()
    return statuses


def test_hard_stops_hold_in_300_random_cases():
    assert set(campaign(QUICK)) == STATUSES_OF_CASES


@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_hard_stops_hold_in_100000_random_cases():
    """Some 13 minutes of CPU time, in parts of 5000 on every core."""
    parts = range(FULL // PART)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        counts = list(pool.map(campaign, [PART] * len(parts), [f"part {n}: " for n in parts]))
    total = sum(counts, Counter[str]())
    print(f"{total.total()} cases: {dict(total.most_common())}")
    assert total.total() >= FULL
    assert total["ok"] > FULL // 10


@pytest.mark.parametrize("language", sorted(RULESET.languages))
def test_no_text_states_a_setting_of_the_laser(language):
    texts = RULESET.languages[language]
    assert not [key for key, text in texts.items() if SETTING.search(text)]


@pytest.mark.parametrize(
    "text",
    [
        "2.5 J/cm²",
        "at 3 J / cm2",
        "10 Hz",
        "300 mJ",
        "4 pulses",
        "20 Impulse",
        "3 passes",
        "spot size of 4",
        "4 mm spot",
    ],
)
def test_the_search_for_settings_finds_them(text):
    assert SETTING.search(text)
