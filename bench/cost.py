"""What an assessment takes and costs: processor and GPU time, bytes moved and stored, money by node type.

    python -m bench.cost [--jobs 5] [--write] [--json]

Starts a stack of its own, lets a few photos and videos go through it one after the other, and divides what
the processes' telemetry gained (/metrics) by their number. Whole processes, servers among them, are read from
the operating system. What the idle stack spends is taken off. Prices are assumptions with their sources and
date, in bench/prices.json; edit it and run again. `--write` keeps the page as docs/cost.md, and what was
measured as bench/demand.json, which docs/scaling.md is worked out from.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import scrape
from bench.scrape import Reading
from bench.stack_usage import SERVERS, Meter
from cli.api import ENDED
from tests.campaigns.stack import SAMPLE, VIDEO, Stack, balance_order, order, running_stack

PRICES = Path(__file__).with_name("prices.json")
DEMAND = Path(__file__).with_name("demand.json")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "cost.md"
# What the idle stack spends is counted so long, to be taken off.
IDLE_S = 20.0
# Metrics and objects of the last analysis come so long after its result.
SETTLE_S, SETTLE_LIMIT_S = 3.0, 300.0
ANNOTATED = "annotated.webm"
GB = 1e9


@dataclass(frozen=True)
class Stage:
    """One stage's share of an assessment. run_cpu_s: inside its runs; process_cpu_s: of its whole process.

    wall_s: how long each run took, by the page that it wrote; empty for a stage that writes none.
    """

    name: str
    run_cpu_s: float
    process_cpu_s: float
    gpu_s: float
    wall_s: list[float]


@dataclass(frozen=True)
class Demand:
    """What one assessment of a kind takes. Processor and GPU time in seconds, sizes in bytes."""

    kind: str
    jobs: int
    stages: list[Stage]
    servers_cpu_s: dict[str, float]
    puts: float
    gets: float
    put_bytes: float
    get_bytes: float
    fact_bytes: float
    stored_bytes: float
    out_bytes: float

    @property
    def cpu_s(self) -> float:
        return sum(each.process_cpu_s for each in self.stages) + sum(self.servers_cpu_s.values())

    @property
    def gpu_s(self) -> float:
        return sum(each.gpu_s for each in self.stages)


@dataclass(frozen=True)
class Node:
    """A machine to be rented, with at most one GPU."""

    name: str
    vcpus: int
    memory_gib: float
    gpu: str
    usd_per_hour: float
    source: str


@dataclass(frozen=True)
class Storage:
    """Prices of an object store."""

    usd_per_gb_month: float
    usd_per_1000_puts: float
    usd_per_1000_gets: float
    usd_per_gb_out: float
    source: str


@dataclass(frozen=True)
class Prices:
    """What bench/prices.json assumes. utilisation: share of its time that a node is busy."""

    as_of: str
    region: str
    nodes: list[Node]
    storage: Storage
    utilisation: float
    retention_months: float


def prices(path: Path = PRICES) -> Prices:
    """Reads the assumptions; raises TypeError for a field that is missing or unknown."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw.pop("_note", None)
    nodes = [Node(**each) for each in raw.pop("nodes")]
    return Prices(**raw | {"nodes": nodes, "storage": Storage(**raw["storage"])})


@dataclass(frozen=True)
class Costs:
    demands: list[Demand]
    cores: int
    load: float
    measured: str


def kept() -> Costs:
    """What bench/demand.json holds."""
    raw = json.loads(DEMAND.read_text(encoding="utf-8"))
    demands = [
        Demand(**each | {"stages": [Stage(**stage) for stage in each["stages"]]}) for each in raw["demands"]
    ]
    return Costs(**raw | {"demands": demands})


def measure(stack: Stack, jobs: int) -> Costs:
    """Demands of both kinds, of the samples, on an otherwise idle stack."""
    for kind in ("tattoo", "balance"):
        settle(stack, [one(stack, kind)])
    meter = Meter(stack.folder)
    time.sleep(IDLE_S)
    spent = meter.read()
    idle = {name: each / spent.seconds for name, each in spent.by_process.items()}
    demands = [_demand(stack, kind, jobs, idle) for kind in ("tattoo", "balance")]
    return Costs(demands, os.cpu_count() or 1, os.getloadavg()[1], f"{datetime.now(UTC):%Y-%m-%d}")


def _demand(stack: Stack, kind: str, jobs: int, idle: dict[str, float]) -> Demand:
    before, meter = scrape.read(stack.folder), Meter(stack.folder)
    views = [one(stack, kind) for _ in range(jobs)]
    settle(stack, views)
    gained, spent = scrape.read(stack.folder).since(before), meter.read()
    cpu = {
        name: max(0.0, each - idle.get(name, 0.0) * spent.seconds) / jobs
        for name, each in spent.by_process.items()
    }
    servers = {name: each for name, each in cpu.items() if name in SERVERS or name == "gateway"}
    # Bytes that a client fetches: the result and the report.
    out = sum(_out_bytes(view) for view in views) / jobs
    sent = (SAMPLE if kind == "tattoo" else VIDEO).stat().st_size
    return Demand(
        kind=kind,
        jobs=jobs,
        stages=_stages(gained, cpu, servers, views),
        servers_cpu_s=servers,
        puts=_calls(gained, "put") / jobs,
        gets=_calls(gained, "get") / jobs,
        put_bytes=gained.total("assay_object_bytes_total", operation="put") / jobs,
        get_bytes=gained.total("assay_object_bytes_total", operation="get") / jobs,
        fact_bytes=gained.total("assay_fact_bytes_total") / jobs,
        stored_bytes=sent + gained.total("assay_object_bytes_total", operation="put") / jobs,
        out_bytes=out,
    )


def _stages(
    gained: Reading, cpu: dict[str, float], servers: dict[str, float], views: Sequence[dict[str, Any]]
) -> list[Stage]:
    run = gained.by("assay_stage_cpu_seconds_total", "stage")
    gpu = gained.by("assay_stage_gpu_seconds_total", "stage")
    names = [name for name in cpu if name not in servers and name != "supervisor" and run.get(name, 0.0) > 0]
    jobs, pages = len(views), [page for view in views for page in view["result"]["runs"]]
    return [
        Stage(
            name=name,
            run_cpu_s=run[name] / jobs,
            process_cpu_s=cpu[name],
            gpu_s=gpu.get(name, 0.0) / jobs,
            wall_s=[span_s(page) for page in pages if page["stage"] == name],
        )
        for name in names
    ]


def span_s(run: dict[str, Any]) -> float:
    """How long a stage's run took, seconds, by its page."""
    begin, end = (datetime.fromisoformat(run[key]) for key in ("started_at", "finished_at"))
    return (end - begin).total_seconds()


def _calls(gained: Reading, operation: str) -> float:
    return gained.total("assay_object_duration_seconds_count", operation=operation)


def _out_bytes(view: dict[str, Any]) -> int:
    report = sum(int(each["size_bytes"]) for each in view["artifacts"] if each["name"] == "report.pdf")
    return report + len(json.dumps(view, separators=(",", ":")))


def one(stack: Stack, kind: str) -> dict[str, Any]:
    """One assessment, from the upload to its end; returns its view."""
    api = stack.api()
    if kind == "tattoo":
        wanted = order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s")
    else:
        wanted = balance_order(
            api.upload(VIDEO, "video/mp4", "video"), {"mode": "MODE_SYNC", "timeout": "60s"}
        )
    view = api.analyze(wanted)
    if view["state"] not in ENDED:
        for _ in api.await_end(view["job_id"], 180.0):
            pass
        view = api.job(view["job_id"])
    if view["state"] != "STATE_SUCCEEDED":
        raise SystemExit(f"an analysis ended as {view['state']}: {view.get('error')}")
    return view


def settle(stack: Stack, views: Sequence[dict[str, Any]]) -> None:
    """Waits until nothing of these analyses is under way: a clip's annotated video follows its result."""
    api, until = stack.api(), time.monotonic() + SETTLE_LIMIT_S
    for view in views:
        while view["kind"] == "balance" and not any(each["name"] == ANNOTATED for each in view["artifacts"]):
            if time.monotonic() > until:
                raise SystemExit(f"{ANNOTATED} of {view['job_id']} did not come")
            time.sleep(1.0)
            view = api.job(view["job_id"])
    time.sleep(SETTLE_S)


def compute_usd(demand: Demand, node: Node, utilisation: float) -> float:
    """USD of 1,000 assessments' processor time on a node: its price an hour over what its vCPUs can do."""
    return 1000 * demand.cpu_s / 3600 / (node.vcpus * utilisation) * node.usd_per_hour


def gpu_usd(demand: Demand, node: Node, utilisation: float) -> float:
    """USD of 1,000 assessments' GPU time on a node with one GPU."""
    return 1000 * demand.gpu_s / 3600 / utilisation * node.usd_per_hour


def storage_usd(demand: Demand, assumed: Prices) -> dict[str, float]:
    """USD of 1,000 assessments' objects: keeping, requests, and what clients fetch."""
    rates = assumed.storage
    kept = demand.stored_bytes / GB * rates.usd_per_gb_month * assumed.retention_months
    return {
        "kept": 1000 * kept,
        "requests": demand.puts * rates.usd_per_1000_puts + demand.gets * rates.usd_per_1000_gets,
        "fetched": 1000 * demand.out_bytes / GB * rates.usd_per_gb_out,
    }


def page(costs: Costs, assumed: Prices) -> str:
    """docs/cost.md."""
    return "\n".join(
        [
            "# Cost",
            "",
            "Made by `python -m bench.cost --write`; not edited. What an assessment takes is measured; what",
            "that costs follows from prices that are **assumptions** (`bench/prices.json`: edit, run again).",
            "",
            f"Measured {costs.measured} on {costs.cores} cores (load {costs.load:.1f} over five minutes),",
            "sample photo and sample video, one assessment at a time. Beside other work, processor time",
            "comes out higher than on a quiet machine: caches and sibling threads are shared.",
            "",
            *_demand_lines(costs),
            *_price_lines(costs, assumed),
        ]
    )


def _demand_lines(costs: Costs) -> list[str]:
    lines = ["## What one assessment takes", ""]
    for demand in costs.demands:
        lines += [
            f"### {demand.kind} (mean of {demand.jobs})",
            "",
            "| process | processor time, s | of it in stage runs, s | GPU time, s |",
            "| --- | --- | --- | --- |",
            *(
                f"| {s.name} | {s.process_cpu_s:.3f} | {s.run_cpu_s:.3f} | {s.gpu_s:.3f} |"
                for s in demand.stages
            ),
            *(f"| {name} | {each:.3f} | | |" for name, each in sorted(demand.servers_cpu_s.items())),
            f"| **all** | **{demand.cpu_s:.3f}** | {sum(s.run_cpu_s for s in demand.stages):.3f} "
            f"| {demand.gpu_s:.3f} |",
            "",
            "| objects and facts | |",
            "| --- | --- |",
            f"| written | {demand.put_bytes / 1e6:.2f} MB in {demand.puts:.1f} calls |",
            f"| read | {demand.get_bytes / 1e6:.2f} MB in {demand.gets:.1f} calls |",
            f"| facts | {demand.fact_bytes / 1e3:.1f} kB |",
            f"| stored, with the upload | {demand.stored_bytes / 1e6:.2f} MB |",
            f"| fetched by the client (result and report) | {demand.out_bytes / 1e6:.2f} MB |",
            "",
        ]
    return lines


def _price_lines(costs: Costs, assumed: Prices) -> list[str]:
    share, kinds = assumed.utilisation, costs.demands
    lines = [
        "## Cost per 1,000 assessments, by node type",
        "",
        f"{assumed.region}; prices as of {assumed.as_of}. Nodes are busy {share:.0%} of their time (the",
        "rest is headroom for scaling); a vCPU is taken to be as fast as a core of the measuring machine.",
        "USD:",
        "",
        "| node | USD an hour | " + " | ".join(each.kind for each in kinds) + " | source of the price |",
        "| --- | --- |" + " --- |" * (len(kinds) + 1),
    ]
    for node in assumed.nodes:
        if node.gpu:
            cells = [f"{gpu_usd(each, node, share):.3f}" if each.gpu_s else "not measured" for each in kinds]
        else:
            cells = [f"{compute_usd(each, node, share):.3f}" for each in kinds]
        name = f"{node.name} ({node.gpu}), GPU time only" if node.gpu else node.name
        lines.append(f"| {name} | {node.usd_per_hour} | " + " | ".join(cells) + f" | {node.source} |")
    lines += [
        "",
        f"Objects, kept for {assumed.retention_months} months ({assumed.storage.source}). USD per 1,000:",
        "",
        "| | " + " | ".join(each.kind for each in kinds) + " |",
        "| --- |" + " --- |" * len(kinds),
    ]
    stored = [storage_usd(each, assumed) for each in kinds]
    lines += [
        f"| {what} | " + " | ".join(f"{each[what]:.3f}" for each in stored) + " |" for what in stored[0]
    ]
    lines += [
        "",
        "Not in it: nodes that run whether anybody asks or not (three NATS servers, PostgreSQL with its",
        "standby, Envoy, monitoring), backups, support, discounts. A GPU row says `not measured` until the",
        "stages have run on a GPU: `assay_stage_gpu_seconds_total` is 0 on a CPU.",
        "",
    ]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=5, help="assessments of each kind (default 5)")
    parser.add_argument("--write", action="store_true", help="keep docs/cost.md and bench/demand.json")
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
    given = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="assay-cost-") as name,
        running_stack(Path(name) / "stack") as stack,
    ):
        costs = measure(stack, given.jobs)
    measured, text = json.dumps(dataclasses.asdict(costs), indent=2), page(costs, prices())
    if given.write:
        DEMAND.write_text(measured + "\n", encoding="utf-8")
        PAGE.write_text(text, encoding="utf-8")
    print(measured if given.json else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
