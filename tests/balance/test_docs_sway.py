"""docs/balance.md says what the code does: every flag, rule, reason and trace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from svc_balance.sway import page
from svc_balance.sway.events.rules import NAME, RULES, VERSION
from svc_balance.sway.tasks import protocol as tasks

REPO = Path(__file__).resolve().parents[2]
DOC = (REPO / "docs" / "balance.md").read_text()
SWAY = REPO / "svc_balance" / "sway"


def test_every_flag_of_the_trial_is_documented() -> None:
    raised = set(re.findall(r'Flag\(\s*"([A-Z_]+)"', (SWAY / "flags.py").read_text()))
    assert len(raised) > 12
    assert {code for code in raised if f"`{code}`" not in DOC} == set()


@pytest.mark.parametrize("rule", RULES.events(), ids=lambda rule: rule.id)
def test_every_rule_is_documented_with_its_thresholds(rule) -> None:
    (row,) = [
        line for line in DOC.splitlines() if line.startswith("| `") and f"`{rule.id}`" in line.split("|")[1]
    ]
    numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", "|".join(row.split("|")[4:]))]
    assert rule.on in numbers
    if rule.on != rule.off:
        assert numbers[:3] == [rule.on, rule.off, rule.min_s]
    assert f"{NAME}@{VERSION}" in DOC


def test_every_reason_error_and_cap_is_documented() -> None:
    own = {"NO_LANDMARKS", "NO_PERSON", "TOO_FEW_FRAMES", "LANDMARKS_TOO_LONG", "LANDMARKS_UNREADABLE"}
    unsaid = {"CUT_IN_STANCE", "PERSON_LOST", "START_NOT_SEEN", "NO_STANCE_FOUND"}
    assert {code for code in {*page.WHY, *own} - unsaid if f"`{code}`" not in DOC} == set()
    for cap_s in set(tasks.CAP_S.values()):
        assert f"| {cap_s:g} s" in DOC


def test_every_trace_is_documented() -> None:
    named = set(re.findall(r'add\("([a-z_]+)"', (SWAY / "page.py").read_text()))
    named |= {f"com_{axis}{kind}" for axis in ("ml", "ap") for kind in ("", "_raw", "_velocity")}
    assert {name for name in named if f"`{name}`" not in DOC} == set()
