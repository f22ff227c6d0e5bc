"""The casebook that ships with the ruleset, the same cases that `assay ruleset test` runs.

It begins with the dossier's test table (laser.md section 11); the rest covers what the table does not.
"""

from __future__ import annotations

import re
from functools import cache

import pytest

from svc_decision.casebook import CaseRow, CaseRun, load_cases, run_case
from svc_decision.coverage import touched, units
from svc_decision.loader import DEFAULT_RULESET, load_ruleset, read_document
from svc_decision.sessions import colour_class, points

RULESET = load_ruleset()
CASES = load_cases(DEFAULT_RULESET)
TABLE = [row for row in CASES if row.file == "table"]
OTHERS = [row for row in CASES if row.file != "table"]


@cache
def run(case_id: str) -> CaseRun:
    (row,) = [row for row in CASES if row.id == case_id]
    return run_case(row, RULESET)


@pytest.fixture(scope="module")
def runs() -> list[CaseRun]:
    return [run(row.id) for row in CASES]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.id} {row.title}")
def test_table(row: CaseRow) -> None:
    """T01 to T38 of the dossier."""
    assert not run(row.id).faults


@pytest.mark.parametrize("file", sorted({row.file for row in OTHERS}))
def test_casebook(file: str) -> None:
    rows = [row for row in OTHERS if row.file == file]
    assert rows
    assert not {row.id: faults for row in rows if (faults := run(row.id).faults)}


def test_the_table_has_every_row_of_the_dossier() -> None:
    rows = {re.fullmatch(r"T\d\d", row.id[:3]) and row.id[:3] for row in TABLE}
    assert rows == {f"T{n:02d}" for n in range(1, 39)}


def test_every_rule_is_hit_by_a_case(runs: list[CaseRun]) -> None:
    """Rule coverage 100 %: what is missing is named."""
    hit = set().union(*(touched(one, RULESET) for one in runs))
    wanted = units(RULESET, read_document(DEFAULT_RULESET))
    assert len(wanted) > 400
    assert [unit for unit in wanted if unit not in hit] == []


def test_every_flag_and_level_is_a_unit() -> None:
    wanted = set(units(RULESET, read_document(DEFAULT_RULESET)))
    assert {f"{flag.id}:{lv.severity}" for flag in RULESET.flags for lv in flag.levels} <= wanted
    assert {"P1", "P6", "C01", "C02", "Q01", "Q02", "Q03", "N01", "N02", "V01", "F01", "KD", "B08"} <= wanted
    assert {"H01", "H02", "H03", "H04", "I01", "I20", "label off_label", "L.ALEX.755"} <= wanted


def test_taking_a_case_away_leaves_its_rule_untested(runs: list[CaseRun]) -> None:
    """The coverage is not just everything: without the gunpowder cases nothing touches R17a."""
    kept = [one for one in runs if one.row.case["intake"].get("gunpowder") is not True]
    hit = set().union(*(touched(one, RULESET) for one in kept))
    wanted = units(RULESET, read_document(DEFAULT_RULESET))
    assert [unit for unit in wanted if unit not in hit] == ["R17a:refer"]


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
