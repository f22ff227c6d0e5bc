"""Records /metrics of every process of a stack while it works, for tests to run queries against.

    python -m tests.operate.record        rewrites tests/operate/data/recorded.om.xz (about six minutes)

Nothing in the recording is made up: a stack is started, real requests of every sort are sent, and what the
processes and Envoy say is written down every ten seconds, with the labels that a scrape in Kubernetes would
give. Only families that a rule or a dashboard asks for are kept.
"""

from __future__ import annotations

import asyncio
import lzma
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nats
import urllib3

from cli.problems import CommandError
from dev.observability import dashboards, rules, spec
from dev.ports import free_ports
from tests.campaigns.stack import REPO, SAMPLE, VIDEO, Stack, balance_order, order, running_stack

DATA = Path(__file__).parent / "data"
RECORDED = DATA / "recorded.om.xz"
PERIOD_S = 10.0
SCRAPES_AT_LEAST = 24
NAMESPACE = "assay"
LINE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
NAME = re.compile(r"\b(?:assay|envoy|process)_\w+")


def wanted() -> set[str]:
    """Names of the series that rules and dashboards ask for."""
    asked = [rule["expr"] for group in rules.groups(spec.load()) for rule in group["rules"]]
    asked += [query.expr for each in dashboards.load() for panel in each.panels() for query in panel.queries]
    return {name for expr in asked for name in NAME.findall(expr)}


class Scraper:
    """Reads every target as Prometheus would, and keeps what it read."""

    def __init__(self, targets: dict[tuple[str, str], str]) -> None:
        """Targets: (job, pod) to URL."""
        self._targets = targets
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=5), retries=False)
        self._names = wanted()
        self._series: dict[str, list[tuple[float, str]]] = {}
        self.rounds = 0

    def scrape(self) -> None:
        """One round; a target that does not answer has `up` 0."""
        for (job, pod), url in self._targets.items():
            own = f'job="{job}",namespace="{NAMESPACE}",pod="{pod}",instance="{pod}:9100"'
            now = round(time.time(), 3)
            try:
                answer = self._pool.request("GET", url)
                lines = answer.data.decode().splitlines() if answer.status == 200 else []
            except urllib3.exceptions.HTTPError:
                lines = []
            self._keep("up", own, now, "1" if lines else "0")
            for line in lines:
                self._take(line, own, now)
        self.rounds += 1

    def _take(self, line: str, own: str, now: float) -> None:
        found = LINE.match(line)
        if found and found["name"] in self._names:
            # A target's own labels come first; Prometheus would rename those that collide, and none may.
            labels = ",".join(filter(None, (found["labels"], own)))
            self._keep(found["name"], labels.replace(",,", ","), now, found["value"])

    def _keep(self, name: str, labels: str, now: float, value: str) -> None:
        self._series.setdefault(f"{name}{{{labels}}}", []).append((now, value))

    def written(self) -> str:
        """OpenMetrics text with a time on every sample."""
        lines = [f"{name} {value} {at}" for name in sorted(self._series) for at, value in self._series[name]]
        return "\n".join([*lines, "# EOF", ""])


def targets(stack: Stack) -> dict[tuple[str, str], str]:
    """Addresses by job and pod: every process's /metrics, Envoy's statistics."""
    found = {
        ("assay", f"{name}-0"): f"http://127.0.0.1:{process.ports['metrics']}/metrics"
        for name, process in stack.state.processes.items()
        if "metrics" in process.ports
    }
    admin = stack.port("envoy", "envoy_admin")
    found["assay-edge", "envoy-0"] = f"http://127.0.0.1:{admin}/stats/prometheus"
    return found


@contextmanager
def canary(stack: Stack, port: int) -> Iterator[None]:
    """The canary as a process of its own beside the stack."""
    command = [sys.executable, "-m", "cli.main", "canary", "--every", "60", "--kind", "tattoo"]
    client = stack.client("assay-canary")
    environment = {
        "PATH": "/usr/bin:/bin",
        "ASSAY_URL": stack.url,
        "ASSAY_CLIENT_ID": client.client_id,
        "ASSAY_CLIENT_SECRET": client.client_secret,
    }
    process = subprocess.Popen([*command, "--port", str(port)], cwd=REPO, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=300)


def work(stack: Stack) -> None:
    """Requests of every sort: results, refusals, waits, downloads, a video, a fact that nobody can read."""
    api = stack.api()
    upload = api.upload(SAMPLE, "image/jpeg")
    for language in ("en", "de", "fr", "en"):
        api.analyze(order(upload, mode="MODE_SYNC", timeout="60s", language=language))
    api.analyze(order(upload, mode="MODE_SYNC", timeout="1s"))
    started = api.analyze(order(upload, mode="MODE_ASYNC"))
    for _ in api.await_end(started["job_id"], 120):
        api.list(10)
    api.job(started["job_id"])
    with tempfile.TemporaryDirectory() as folder:
        api.download(f"/v1/analyze/{started['job_id']}/report.pdf", Path(folder) / "report.pdf")
        broken = Path(folder) / "broken.jpg"
        broken.write_bytes(SAMPLE.read_bytes()[:3000])
        refused = api.analyze(order(api.upload(broken, "image/jpeg"), mode="MODE_ASYNC"))
        for _ in api.await_end(refused["job_id"], 120):
            pass
    for path in ("/v1/analyze/not-a-job", "/v1/nowhere"):
        try:
            api.call("GET", path)
        except CommandError as error:
            print(f"as wanted: {error}", flush=True)
    asyncio.run(unreadable(stack))
    clip = api.upload(VIDEO, "video/mp4", "video")
    video = api.analyze(balance_order(clip, {"mode": "MODE_ASYNC"}, pose_mode="POSE_MODE_SINGLE_PASS"))
    for _ in api.await_end(video["job_id"], 400):
        api.job(video["job_id"])


async def unreadable(stack: Stack) -> None:
    """Publishes a fact that is no Analysis: a dead letter."""
    client = await nats.connect(stack.nats_url())
    try:
        job = "00000000-0000-7000-8000-000000000000"
        await client.jetstream().publish(f"analysis.local.tattoo.ingested.{job}.1", b"\xff no analysis")
    finally:
        await client.close()


def main() -> None:
    """Entry point."""
    port = free_ports(["canary"])["canary"]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder) / "stack") as stack,
        canary(stack, port),
    ):
        canarys = {("assay", "canary-0"): f"http://127.0.0.1:{port}/metrics"}
        scraper, ended = Scraper({**targets(stack), **canarys}), threading.Event()
        thread = threading.Thread(target=_scrape, args=(scraper, ended))
        thread.start()
        try:
            work(stack)
            while scraper.rounds < SCRAPES_AT_LEAST:
                time.sleep(PERIOD_S)
        finally:
            ended.set()
            thread.join()
    DATA.mkdir(exist_ok=True)
    RECORDED.write_bytes(lzma.compress(scraper.written().encode(), preset=9))
    print(f"{scraper.rounds} scrapes, {RECORDED.stat().st_size} bytes in {RECORDED}")


def _scrape(scraper: Scraper, ended: threading.Event) -> None:
    while not ended.is_set():
        began = time.monotonic()
        scraper.scrape()
        ended.wait(max(0.0, PERIOD_S - (time.monotonic() - began)))


if __name__ == "__main__":
    main()
