"""The proof of alerts: a real Prometheus with the shipped rules watches a real stack in trouble.

    python -m tests.campaigns.objectives

Prints what the canary says of both kinds, then for each trouble that is made how long it took until its alert
rang and, where the trouble is ended, until it was quiet again. Ends with 1 when an alert does not ring, when
one rings on a stack that is well, or when a job is lost. About ten minutes: alerts wait as long as they say.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli import canary, golden
from dev.observability.spec import COMPONENT
from tests.campaigns.stack import SAMPLE, Stack, order, running_stack
from tests.operate import prometheus, record

SCRAPE = "5s"
CALM_S = 150.0
RING_S = 420.0
PERIOD_S = 2.0


@dataclass(frozen=True)
class Trouble:
    """Something made to go wrong: its alert, and seconds until it rang and until it was quiet again."""

    what: str
    alert: str
    rang_s: float | None
    quiet_s: float | None = None


def main() -> None:
    """Entry point."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "stack") as stack:
        right = [told(stack, each) for each in golden.read().values()]
        watched = Path(folder) / "prometheus"
        watched.mkdir()
        with prometheus.served(watched, configuration(stack)) as url:
            server = prometheus.Prometheus(url, time.time(), time.time())
            calm = firing_during(server, CALM_S)
            print(
                f"ringing on a stack that is well, {CALM_S:.0f} s: {', '.join(sorted(calm)) or 'none'}",
                flush=True,
            )
            troubles = [
                stage_stands_still(stack, server),
                door_stands_still(stack, server),
                given_up(stack, server),
            ]
    print("\n| trouble | alert | rang after, s | quiet after, s |\n| --- | --- | --- | --- |")
    for each in troubles:
        print(f"| {each.what} | {each.alert} | {_seconds(each.rang_s)} | {_seconds(each.quiet_s)} |")
    sys.exit(0 if all(right) and not calm and all(each.rang_s is not None for each in troubles) else 1)


def configuration(stack: Stack) -> prometheus.Json:
    """Scrapes of every process with the labels that the cluster's monitors give, and the shipped rules."""
    jobs = {}
    for (job, pod), url in record.targets(stack).items():
        _, _, rest = url.partition("://")
        address, _, path = rest.partition("/")
        labels = {"namespace": record.NAMESPACE, "pod": pod}
        entry = jobs.setdefault(job, {"job_name": job, "metrics_path": f"/{path}", "static_configs": []})
        entry["static_configs"].append({"targets": [address], "labels": labels})
    return {
        "global": {"scrape_interval": SCRAPE, "scrape_timeout": "4s"},
        "rule_files": [str(COMPONENT / "rules.yaml")],
        "scrape_configs": list(jobs.values()),
    }


def told(stack: Stack, expected: golden.Golden) -> bool:
    """One run of the canary, printed; True when it passed."""
    client = stack.client("assay-canary")
    os.environ.update(
        ASSAY_URL=stack.url, ASSAY_CLIENT_ID=client.client_id, ASSAY_CLIENT_SECRET=client.client_secret
    )
    done = canary.run(expected, 600)
    print(
        json.dumps({"kind": done.kind, "outcome": done.outcome, "seconds": round(done.seconds, 1)}),
        flush=True,
    )
    for reason in done.reasons:
        print(f"  {reason}", flush=True)
    return done.outcome == "passed"


def firing(server: prometheus.Prometheus) -> set[str]:
    """Names of the alerts that ring now."""
    found = server.query('ALERTS{alertstate="firing"}', time.time())
    return {each["metric"]["alertname"] for each in found}


def firing_during(server: prometheus.Prometheus, seconds: float) -> set[str]:
    """Names of all alerts that rang at some time within so many seconds."""
    seen: set[str] = set()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seen |= firing(server)
        time.sleep(PERIOD_S)
    return seen


def _waited(holds: Callable[[], bool]) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < RING_S:
        if holds():
            return time.monotonic() - began
        time.sleep(PERIOD_S)
    return None


@contextmanager
def standing_still(stack: Stack, process: str) -> Iterator[None]:
    """A process that is there and does nothing, as on a node that hangs."""
    identity = stack.state.processes[process].identity
    found = identity.find() if identity else None
    assert found is not None, process
    every = [found, *found.children(recursive=True)]
    for each in every:
        each.suspend()
    try:
        yield
    finally:
        for each in every:
            try:
                each.resume()
            except psutil.NoSuchProcess:
                continue


def stage_stands_still(stack: Stack, server: prometheus.Prometheus) -> Trouble:
    """Colour analysis hangs while a job waits for it; the job ends well once it goes on."""
    api = stack.api()
    with standing_still(stack, "color"):
        job = api.analyze(order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_ASYNC"))
        rang = _waited(lambda: "AssayStageDown" in firing(server))
    quiet = _waited(lambda: "AssayStageDown" not in firing(server))
    for _ in api.await_end(str(job["job_id"]), 300):
        pass
    state = api.job(str(job["job_id"]))["state"]
    assert state == "STATE_SUCCEEDED", state
    return Trouble("stage color hangs while a job waits", "AssayStageDown", rang, quiet)


def door_stands_still(stack: Stack, server: prometheus.Prometheus) -> Trouble:
    """Envoy hangs."""
    with standing_still(stack, "envoy"):
        rang = _waited(lambda: "AssayEdgeDown" in firing(server))
    return Trouble(
        "Envoy hangs", "AssayEdgeDown", rang, _waited(lambda: "AssayEdgeDown" not in firing(server))
    )


def given_up(stack: Stack, server: prometheus.Prometheus) -> Trouble:
    """A fact that nobody can read. The alert stays for a quarter of an hour, which nobody waits for here."""
    asyncio.run(record.unreadable(stack))
    rang = _waited(lambda: "AssayDeadLetters" in firing(server))
    return Trouble("a fact that no stage can read", "AssayDeadLetters", rang)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


if __name__ == "__main__":
    main()
