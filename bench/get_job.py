"""GET /v1/analyze/{job}: requests a second, latency, and where the processor time goes.

    python -m bench.get_job [--seconds 15] [--rate 630] [--callers 16] [--jobs 4] [--json]

Starts a stack of its own, lets a few analyses of the sample photo end, and asks for them through Envoy with a
valid token: first by callers who ask again as soon as they are answered, which shows the most there is; then
by a Poisson process of just over 600 a second, where nobody waits for anybody, which shows how long it takes.
Exit status 1 when one of them gets fewer than 600 answers a second, an answer is not 200, or the second one's
p99 is 50 ms or more. Figures go to bench/results/get_job.json.

Processor time a request says what a request costs whoever else runs; rates and latencies are those of a
machine that others may share: the table says how busy they were.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.get_load import Load, closed_loop, open_loop
from bench.stack_usage import Meter, Spent
from cli.api import ENDED
from tests.campaigns.stack import SAMPLE, Stack, order, running_stack

RESULT = Path(__file__).resolve().parent / "results" / "get_job.json"
REQUIRED_PER_S, LIMIT_MS = 600.0, 50.0
# More than is required: chance, and timers that run late, take some of it away.
RATE = 630.0
SEED = 20261122


@dataclass(frozen=True)
class Turn:
    """One way of asking. cpu_ms: processor time a request by process, the load generator among them.

    shares: of the cores, during the turn; `others` is whatever else ran on the machine.
    """

    name: str
    load: Load
    cpu_ms: dict[str, float]
    shares: dict[str, float]
    passed: bool


@dataclass(frozen=True)
class Bench:
    cores: int
    body_bytes: int
    jobs: int
    turns: list[Turn]
    passed: bool


def bench(stack: Stack, folder: Path, *, jobs: int, callers: int, rate: float, seconds: float) -> Bench:
    """Both turns on a running stack."""
    api = stack.api()
    token = str(api.token()["access_token"])
    paths = [f"/v1/analyze/{job_id}" for job_id in ended_jobs(stack, jobs)]
    headers = {"authorization": f"Bearer {token}"}
    meter = Meter(stack.folder)
    closed = closed_loop(stack.url, paths, headers, callers=callers, seconds=seconds, folder=folder)
    # When everything is busy, waiting is all there is to latency: it is shown and not judged.
    turns = [_turn(f"{callers} callers, closed loop", closed, meter.read(), 1 + 1 / seconds, math.inf)]
    meter = Meter(stack.folder)
    opened = open_loop(stack.url, paths, headers, rate=rate, seconds=seconds, folder=folder, seed=SEED)
    turns.append(_turn(f"{rate:g} requests/s, Poisson", opened, meter.read(), 1.0, LIMIT_MS))
    return Bench(
        cores=len(os.sched_getaffinity(0)),
        body_bytes=len(json.dumps(api.call("GET", paths[0]), separators=(",", ":"))),
        jobs=jobs,
        turns=turns,
        passed=all(turn.passed for turn in turns),
    )


def ended_jobs(stack: Stack, count: int) -> list[str]:
    """Ids of so many analyses of the sample photo that have succeeded."""
    api, found = stack.api(), []
    for _ in range(count):
        view = api.analyze(order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s"))
        if view["state"] not in ENDED:
            *_, _ = api.await_end(view["job_id"], 120.0)
            view = api.job(view["job_id"])
        if view["state"] != "STATE_SUCCEEDED":
            raise SystemExit(f"an analysis ended as {view['state']}: {view.get('error')}")
        found.append(str(view["job_id"]))
    return found


def _turn(name: str, load: Load, spent: Spent, warm_up: float, limit_ms: float) -> Turn:
    """warm_up: all requests over those that were measured; the processor time in `spent` is that of all."""
    requests = sum(load.statuses.values()) * warm_up
    known = {**spent.groups(), "load generator": load.generator_cpu_s}
    others = max(0.0, spent.machine - sum(known.values()))
    cores = os.cpu_count() or 1
    good = load.statuses.get("200", 0) == sum(load.statuses.values()) == load.asked
    return Turn(
        name=name,
        load=load,
        cpu_ms={who: 1000 * seconds / requests for who, seconds in known.items()},
        shares={who: each / spent.seconds / cores for who, each in {**known, "others": others}.items()},
        passed=good and load.per_s >= REQUIRED_PER_S and load.p99_ms < limit_ms,
    )


def table(done: Bench) -> str:
    """The result as Markdown."""
    lines = [
        f"GET /v1/analyze/{{job}} through Envoy, {done.jobs} jobs of {done.body_bytes} bytes of JSON, "
        f"HTTP/2, h2load (nghttp2), {done.cores} cores",
        "",
        "| | requests/s | p50 ms | p99 ms | largest ms | statuses | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for turn in done.turns:
        load, verdict = turn.load, "passes" if turn.passed else "does NOT pass"
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(load.statuses.items()))
        lines.append(
            f"| {turn.name} | {load.per_s:.0f} | {load.p50_ms:.1f} | {load.p99_ms:.1f} | {load.max_ms:.0f} "
            f"| {statuses} | {verdict} |"
        )
    names = ["envoy", "gateway", "postgres", "nats", "s3", "stages", "supervisor", "load generator", "others"]
    lines += [
        "",
        "| processor time | "
        + " | ".join(f"{turn.name}: ms a request | of the cores" for turn in done.turns)
        + " |",
    ]
    lines.append("| --- |" + " --- | --- |" * len(done.turns))
    for name in names:
        cells = []
        for turn in done.turns:
            cells += [
                f"{turn.cpu_ms[name]:.3f}" if name in turn.cpu_ms else "",
                f"{turn.shares.get(name, 0):.1%}",
            ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; exit status 1 when it is too slow."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each turn (default 15)")
    parser.add_argument(
        "--rate", type=float, default=RATE, help=f"requests a second, open loop (default {RATE:g})"
    )
    parser.add_argument("--callers", type=int, default=16, help="callers of the closed loop (default 16)")
    parser.add_argument("--jobs", type=int, default=4, help="different jobs that are asked for (default 4)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="assay-get-") as name:
        folder = Path(name)
        with running_stack(folder / "stack") as stack:
            done = bench(
                stack,
                folder,
                jobs=given.jobs,
                callers=given.callers,
                rate=given.rate,
                seconds=given.seconds,
            )
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(dataclasses.asdict(done), indent=2) + "\n", encoding="utf-8")
    print(json.dumps(dataclasses.asdict(done), indent=2) if given.json else table(done))
    return 0 if done.passed else 1


if __name__ == "__main__":
    sys.exit(main())
