"""`assay ruleset`: list, show, lint and test, without the mesh."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import svc_decision
from cli.problems import CommandError
from cli.rulesets import ruleset

FOLDER = Path(svc_decision.__file__).parent / "rulesets" / "tattoo-1.1.0"


def run(arguments: Sequence[str]) -> Result:
    return CliRunner().invoke(ruleset, list(arguments), catch_exceptions=True)


def printed(arguments: Sequence[str], status: int = 0) -> Any:
    result = run([*arguments, "--json"])
    assert result.exit_code == status, result.output
    return json.loads(result.output)


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """A copy of the ruleset's folder that an author works on."""
    return Path(shutil.copytree(FOLDER, tmp_path / "tattoo-1.2.0"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_list_names_the_installed_rulesets():
    rows = {row["ruleset"]: row for row in printed(["list"])}
    assert {"tattoo@1.0.0", "tattoo@1.1.0", "balance@1.0.0"} <= set(rows)
    assert all(row["approver"] is None and len(row["sha256"]) == 64 for row in rows.values())
    assert "nobody has signed it" in run(["list"]).output


def test_show_prints_a_rule_complete():
    rule = printed(["show", "tattoo@1.1.0", "--rule", "R01"])
    assert rule["id"] == "R01"
    assert rule["evidence"] == "found"
    assert [s["tag"] for s in rule["source"]] == ["F18", "F20", "F23", "F51"]
    assert all(s["reference"] for s in rule["source"])
    assert (rule["author"], rule["approver"], rule["effective"]) == ("Assay project", None, "2026-11-22")
    assert {"en", "de", "es"} == set(rule["texts"])
    assert "Titandioxid" in rule["texts"]["de"]["flag.R01"]
    assert len(rule["definition"]["levels"]) == 3


def test_show_for_people():
    assert "nobody has signed it" in run(["show", "tattoo@1.1.0", "--rule", "L.PW.532"]).output
    flags = run(["show", "tattoo@1.1.0", "--kind", "flag"]).output.splitlines()
    assert len(flags) == 41
    assert {rule["kind"] for rule in printed(["show", "tattoo@1.1.0", "--kind", "gate"])} == {"gate"}


def test_what_cannot_be_shown_is_refused():
    refused = run(["show", "tattoo@1.1.0", "--kind", "flags"])
    assert isinstance(refused.exception, CommandError)
    assert refused.exception.problem["field"] == "kind"
    unknown = run(["lint", "tattoo@9.9.9"])
    assert isinstance(unknown.exception, CommandError)
    assert unknown.exception.problem["code"] == "RULESET_NOT_FOUND"


def test_lint_of_a_draft_finds_what_its_author_broke(draft):
    change(
        draft / "flags.json",
        '"intake.days_since_laser", "below": 56',
        '"intake.days_since_laser", "below": 40',
    )
    change(draft / "sources.json", '"sources": {', '"sources": {"F998": "never cited",')
    told = printed(["lint", str(draft)], status=1)
    found = {(f["kind"], f["rule"]) for f in told["findings"]}
    assert ("unreachable", "R27") in found
    assert ("unused", "") in found
    assert ("failed", "T33c") in found
    assert "R27" in run(["lint", str(draft)]).output


def test_test_runs_one_case_or_fails_with_its_differences(draft):
    told = printed(["test", "tattoo@1.1.0", "--case", "T05"])
    assert (told["failed"], [case["id"] for case in told["cases"]]) == (0, ["T05"])
    change(draft / "skin.json", '"ok", "ok", "caution", "block"', '"ok", "caution", "block", "block"')
    told = printed(["test", str(draft), "--case", "T03"])
    assert told["failed"] == 0
    broken = run(["test", str(draft)])
    assert broken.exit_code == 1
    assert "cases as expected" in broken.output


def test_a_case_that_is_not_there_is_refused():
    result = run(["test", "tattoo@1.1.0", "--case", "T99"])
    assert isinstance(result.exception, CommandError)
    assert result.exception.problem["code"] == "CASE_NOT_FOUND"


def test_files_that_cannot_be_read_are_named(draft):
    (draft / "engine.json").write_text("{", encoding="utf-8")
    result = run(["lint", str(draft)])
    assert getattr(result.exception, "code", "") == "RULESET_UNREADABLE"
    assert "engine.json" in str(result.exception)
