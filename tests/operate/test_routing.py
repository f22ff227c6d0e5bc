"""Who hears of an alert: amtool's answer for every alert, and what a running Alertmanager silences."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
import yaml

from dev.debian import program
from dev.observability.spec import COMPONENT
from dev.ports import free_ports
from tests.operate import promtool
from tests.operate.prometheus import await_ready

CONFIGURATION = COMPONENT / "alertmanager.yaml"
RECEIVERS = {"page": "pager", "ticket": "tickets"}
# Where Debian's build looks for the templates that belong to the program. Nothing is installed, so a copy
# looks in the folder it runs in: the same path length, since Go's strings know theirs.
INSTALLED = b"/usr/share/prometheus/alertmanager"
HERE = b"./" * 17


def amtool(*arguments: str) -> str:
    command = [str(program("amtool").path), *arguments]
    done = subprocess.run(command, cwd=COMPONENT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_configuration_and_templates_are_valid() -> None:
    said = amtool("check-config", str(CONFIGURATION))
    assert "2 receivers" in said
    assert "1 templates" in said


@pytest.mark.parametrize("severity", RECEIVERS)
def test_severity_decides_who_hears_of_it(severity: str) -> None:
    rules = promtool.alerts(promtool.rules())
    names = [name for name, rule in rules.items() if rule["labels"]["severity"] == severity]
    assert names
    # One call per severity: amtool is slow to start, and the routes ask for nothing else.
    routes = ("config", "routes", "test", f"--config.file={CONFIGURATION}")
    assert amtool(*routes, f"severity={severity}", f"alertname={names[0]}") == RECEIVERS[severity]


def test_routes_ask_for_nothing_but_severity() -> None:
    routes = yaml.safe_load(CONFIGURATION.read_text())["route"]["routes"]
    assert {matcher.partition("=")[0] for route in routes for matcher in route["matchers"]} == {"severity"}


def test_inhibiting_alerts_exist() -> None:
    known = set(promtool.alerts(promtool.rules()))
    for rule in yaml.safe_load(CONFIGURATION.read_text())["inhibit_rules"]:
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]:
            name, _, pattern = matcher.partition("=")
            if name != "alertname":
                continue
            for one in pattern.lstrip("~").strip('"').split("|"):
                assert any(each.startswith(one.removesuffix(".+")) for each in known), matcher


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Alertmanager with our routes and silences, and receivers that tell nobody."""
    folder = tmp_path_factory.mktemp("alertmanager")
    configuration = yaml.safe_load(CONFIGURATION.read_text())
    configuration["receivers"] = [{"name": each["name"]} for each in configuration["receivers"]]
    configuration["templates"] = []
    (folder / "alertmanager.yaml").write_text(json.dumps(configuration))
    port = free_ports(["alertmanager"])["alertmanager"]
    command = [
        str(movable(folder)),
        "--config.file=alertmanager.yaml",
        "--storage.path=data",
        "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        await_ready(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def movable(folder: Path) -> Path:
    """A copy of Alertmanager that runs in this folder."""
    installed = program("alertmanager").path
    content = installed.read_bytes()
    assert len(INSTALLED) == len(HERE)
    assert INSTALLED in content
    copy = folder / "copy"
    copy.write_bytes(content.replace(INSTALLED, HERE))
    copy.chmod(0o755)
    shutil.copytree(
        installed.parents[1] / "share" / "prometheus" / "alertmanager", folder, dirs_exist_ok=True
    )
    return copy


def silenced(url: str, *alerts: dict[str, str]) -> set[str]:
    """Names of the alerts that another one silences, once these ring."""
    body = json.dumps([{"labels": each} for each in alerts]).encode()
    headers = {"content-type": "application/json"}
    answer = urllib3.request("POST", f"{url}/api/v2/alerts", body=body, headers=headers, timeout=5.0)
    assert answer.status == 200, answer.data
    found = json.loads(urllib3.request("GET", f"{url}/api/v2/alerts", timeout=5.0).data)
    assert {each["labels"]["alertname"] for each in found} >= {each["alertname"] for each in alerts}
    return {each["labels"]["alertname"] for each in found if each["status"]["inhibitedBy"]}


def test_a_page_silences_the_ticket_of_its_objective_and_no_other(alertmanager: str) -> None:
    page = {"alertname": "AssayTattooFreshnessBurnFast", "severity": "page", "slo": "tattoo-freshness"}
    same = {"alertname": "AssayTattooFreshnessBurnSlow", "severity": "ticket", "slo": "tattoo-freshness"}
    other = {"alertname": "AssayBalanceFreshnessBurnSlow", "severity": "ticket", "slo": "balance-freshness"}
    cause = {"alertname": "AssayStageQueueLong", "severity": "ticket", "stage": "pose"}
    assert silenced(alertmanager, page, same, other, cause) == {same["alertname"]}


def test_a_dead_gateway_silences_what_it_causes_in_its_own_region(alertmanager: str) -> None:
    down = {"alertname": "AssayGatewayDown", "severity": "page", "region": "eu"}
    burn = {
        "alertname": "AssayAvailabilityBurnFast",
        "severity": "page",
        "slo": "availability",
        "region": "eu",
    }
    elsewhere = {"alertname": "AssayRpcAvailabilityBurnFast", "severity": "page", "slo": "x", "region": "us"}
    outbox = {"alertname": "AssayOutboxOld", "severity": "page", "region": "eu"}
    found = silenced(alertmanager, down, burn, elsewhere, outbox)
    assert burn["alertname"] in found
    assert not found & {down["alertname"], elsewhere["alertname"], outbox["alertname"]}
