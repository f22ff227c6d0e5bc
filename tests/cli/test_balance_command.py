"""`assay balance` on the command line: what cannot be analysed is refused at once, with field and fix."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from cli import show_balance
from tests.cli.test_commands import REPO, run

VIDEO = str(REPO / "models" / "sample" / "balance.mp4")
TATTOO_INTAKE = str(REPO / "cli" / "examples" / "intake.json")


@pytest.mark.parametrize(
    ("arguments", "field", "fix"),
    [
        (["nowhere.mp4"], "video", "assay balance --help"),
        ([VIDEO, "--side", "sideways"], "side", "assay balance --help"),
        ([VIDEO, "--height", "20"], "balance.height_cm", "balance.height_cm"),
        ([VIDEO, "--model", "nope"], "model", "name@1.2.3"),
        ([VIDEO, "--intake", TATTOO_INTAKE], "tattoo", "cli/examples/balance.json"),
        ([VIDEO, "--intake", "nowhere.json"], "intake", "cli/examples/balance.json"),
        ([VIDEO, "--compare", "nowhere.json"], "compare", "--json"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_wrong_statement_names_field_and_fix(arguments: list[str], field: str, fix: str, tmp_path: Path):
    done = run("balance", *arguments, "--local", "--json", home=tmp_path)
    problem = json.loads(done.stderr)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem["field"] == field
    assert fix in problem["fix"]


def test_without_json_a_wrong_option_is_said_in_words(tmp_path: Path):
    done = run("balance", VIDEO, "--side", "sideways", home=tmp_path)
    assert done.returncode == 2
    assert "'sideways' is not one of 'left', 'right'" in done.stderr


def test_what_has_no_value_is_listed_once_for_each_reason():
    def metric(name: str, **measurement: object) -> dict[str, object]:
        return {"group": "sway", "measurement": {"id": name, "unit": "mm", **measurement}}

    reason = {"not_measurable": "cannot be measured from this view"}
    metrics = [metric("RANGE_ML", value=4.0), metric("RANGE_AP", **reason), metric("RDIST_AP", **reason)]
    written = io.StringIO()
    show_balance.result({"result": {"sway": {"metrics": metrics}}}, Console(file=written, width=120))
    printed = written.getvalue()
    assert "No value, cannot be measured from this view: RANGE_AP, RDIST_AP" in printed
    assert printed.count("cannot be measured") == 1
