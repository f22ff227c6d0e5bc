"""A real Prometheus that holds the recorded run, moved to now, and evaluates the rules over it."""

from __future__ import annotations

import json
import lzma
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml

from dev.debian import program
from dev.observability.spec import COMPONENT
from dev.ports import free_ports

DATA = Path(__file__).parent / "data"
RECORDED = DATA / "recorded.om.xz"
ELSEWHERE = DATA / "elsewhere.om"
READY_S = 240.0
SAMPLE = re.compile(r"^(?P<series>\S+\{.*\}|\w+) (?P<value>\S+) (?P<at>[\d.]+)$")
MADE = re.compile(r"^(?P<series>\S+) (?P<first>\S+) (?P<last>\S+)$")

Json = dict[str, Any]


@dataclass(frozen=True)
class Prometheus:
    """A running server, the span that its data covers (Unix time, s), and its rules' last look."""

    url: str
    begin: float
    end: float

    def query(self, expr: str, at: float | None = None) -> list[Json]:
        """Result of an instant query; raises ValueError with Prometheus's words."""
        return self._asked("query", query=expr, time=str(at or self.end))

    def query_range(self, expr: str, step_s: int = 10) -> list[Json]:
        """Result of a range query over all that was recorded."""
        return self._asked(
            "query_range", query=expr, start=str(self.begin), end=str(time.time()), step=str(step_s)
        )

    def rules(self) -> list[Json]:
        """Every rule with its health and last error."""
        groups = self._get("rules", {})["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _asked(self, what: str, **fields: str) -> list[Json]:
        return list(self._get(what, fields)["result"])

    def _get(self, what: str, fields: dict[str, str]) -> Any:
        answer = urllib3.request("GET", f"{self.url}/api/v1/{what}", fields=fields, timeout=100.0)
        said = json.loads(answer.data)
        if said["status"] != "success":
            raise ValueError(f"{said['errorType']}: {said['error']}")
        return said["data"]


def samples(now: float) -> tuple[str, float, float]:
    """The recording as OpenMetrics text with its last sample at `now`, and when it begins and ends."""
    parsed = []
    for line in lzma.decompress(RECORDED.read_bytes()).decode().splitlines():
        found = SAMPLE.match(line)
        if found:
            parsed.append((found["series"], found["value"], float(found["at"])))
    first, last = min(at for _, _, at in parsed), max(at for _, _, at in parsed)
    lines = [f"{series} {value} {at + now - last:.3f}" for series, value, at in parsed]
    begin = first + now - last
    for line in ELSEWHERE.read_text().splitlines():
        made = MADE.match(line)
        if made:
            lines += _made(made["series"], float(made["first"]), float(made["last"]), begin, now)
    return "\n".join([*lines, "# EOF", ""]), begin, now


def _made(series: str, first: float, last: float, begin: float, end: float) -> list[str]:
    steps = 20
    return [
        f"{series} {first + (last - first) * step / steps!r} {begin + (end - begin) * step / steps:.3f}"
        for step in range(steps + 1)
    ]


@contextmanager
def running(folder: Path) -> Iterator[Prometheus]:
    """Builds blocks from the recording, starts a server over them, waits until every rule was evaluated."""
    text, begin, end = samples(time.time() - 1)
    (folder / "recorded.om").write_text(text)
    build = ["tsdb", "create-blocks-from", "openmetrics", "--quiet", "recorded.om", "data"]
    done = subprocess.run(
        [str(program("promtool").path), *build],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    configuration = {"global": {"evaluation_interval": "2s"}, "rule_files": [str(_quick(folder))]}
    with served(folder, configuration) as url:
        server = Prometheus(url, begin, end)
        _await_rules(server, folder / "log")
        yield server


@contextmanager
def served(folder: Path, configuration: Json) -> Iterator[str]:
    """A Prometheus with this configuration and the data of the folder; yields its address once it answers."""
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = free_ports(["prometheus"])["prometheus"]
    command = [
        str(program("prometheus").path),
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        await_ready(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _quick(folder: Path) -> Path:
    """The rules, evaluated every two seconds instead of every thirty: the test need not wait for them."""
    rules = yaml.safe_load((COMPONENT / "rules.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = "2s"
    path = folder / "rules.yaml"
    path.write_text(json.dumps(rules))
    return path


def await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits for Prometheus or Alertmanager."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            if urllib3.request("GET", f"{url}/-/ready", timeout=2.0, retries=False).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not ready: {log.read_text()[-2000:]}")


def _await_rules(server: Prometheus, log: Path) -> None:
    """Until every rule was evaluated, the last of a chain too."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        seen = server.query('slo:budget_left:ratio{slo="availability"}', time.time())
        if seen and all(rule["health"] != "unknown" for rule in server.rules()):
            return
        time.sleep(0.5)
    raise AssertionError(f"the rules were not evaluated: {log.read_text()[-2000:]}")
