"""Every alert fires when it should and stays quiet when it should; a rule that is broken is found."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from dev.debian import program
from dev.observability import __main__ as command
from dev.observability import spec
from tests.operate import burns, promtool

NEVER = {"expr": "vector(1) > 2"}
ALWAYS = {"expr": "vector(1)", "for": "0s"}


# promtool takes seconds of processor time; a crowded machine makes minutes of them.
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Suite:
    """Cases and the rules that they look at; those in which every alert rings, those in which none does."""

    rules: promtool.Document
    cases: list[promtool.Document]
    ringing: list[promtool.Document]
    quiet: list[promtool.Document]


@pytest.fixture(scope="module", params=["causes", "burns"])
def suite(request: pytest.FixtureRequest) -> Suite:
    rules = promtool.rules()
    if request.param == "causes":
        cases = [promtool.causes()]
        return Suite(promtool.part(rules, "assay-sources", "assay-causes"), cases, cases, cases)
    objectives = spec.load().objectives
    made = [(each, burns.case(objectives, each)) for each in burns.SCENARIOS]
    ringing = [case for each, case in made if each.fast and each.slow]
    quiet = [case for each, case in made if not each.fast and not each.slow]
    mine = promtool.part(rules, "assay-slo", "assay-burn")
    return Suite(mine, [case for _, case in made], ringing, quiet[:1])


def test_the_two_suites_hold_every_alert() -> None:
    rules = promtool.rules()
    parts = [
        promtool.part(rules, *names)
        for names in (("assay-sources", "assay-causes"), ("assay-slo", "assay-burn"))
    ]
    assert sum(len(promtool.alerts(each)) for each in parts) == len(promtool.alerts(rules))
    assert {group["name"] for each in parts for group in each["groups"]} == {
        g["name"] for g in rules["groups"]
    }


def test_rules_are_valid_for_prometheus() -> None:
    rules = spec.COMPONENT / "rules.yaml"
    command_line = [str(program("promtool").path), "check", "rules", str(rules)]
    done = subprocess.run(command_line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_generated_files_are_what_the_data_says() -> None:
    command.main(["--check"])


def test_both_forms_hold_the_same_groups() -> None:
    resource = yaml.safe_load((spec.COMPONENT / "prometheusrule.yaml").read_text())
    assert resource["kind"] == "PrometheusRule"
    assert resource["spec"]["groups"] == promtool.rules()["groups"]


def test_every_alert_says_who_what_and_where_to_read_on() -> None:
    for name, rule in promtool.alerts(promtool.rules()).items():
        assert rule["labels"]["severity"] in spec.SEVERITIES, name
        assert rule["annotations"]["summary"], name
        assert rule["annotations"]["runbook_url"].startswith("docs/runbooks/"), name


def test_alerts_fire_and_stay_quiet_as_they_should(tmp_path: Path, suite: Suite) -> None:
    code, said = promtool.run(tmp_path, suite.rules, suite.cases)
    assert code == 0, said


def test_an_alert_that_never_rings_is_found(tmp_path: Path, suite: Suite) -> None:
    code, said = promtool.run(tmp_path, promtool.changed(suite.rules, NEVER), suite.ringing)
    assert code != 0
    assert promtool.failing(said) == set(promtool.alerts(suite.rules))


def test_an_alert_that_always_rings_is_found(tmp_path: Path, suite: Suite) -> None:
    code, said = promtool.run(tmp_path, promtool.changed(suite.rules, ALWAYS), suite.quiet)
    assert code != 0
    assert promtool.failing(said) == set(promtool.alerts(suite.rules))
