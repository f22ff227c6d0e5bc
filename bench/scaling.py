"""The arithmetic of docs/scaling.md: what 10, 1,000 and 100,000 jobs a second take, and if they end in time.

    python -m bench.scaling [--write] [--json]

Worked out from bench/demand.json (`python -m bench.cost --write` measures it) and the limits below; `--write`
puts the tables between the marks in docs/scaling.md. Replicas are simulated as a tandem of queues
(bench/queueing.py): the share of jobs in time at the planned load, and when a tenth of the replicas is away.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import cost
from bench.cost import Costs, Demand
from bench.get_load import arrivals
from bench.load.__main__ import clip_s
from bench.load.drive import CLIP_FACTOR, TATTOO_FRESH_S
from bench.queueing import Station, quantile, tandem

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"
BEGIN = "<!-- made by `python -m bench.scaling --write`; not edited -->"
END = "<!-- end of what was made -->"
RATES = (10.0, 1_000.0, 100_000.0)
# Share of its time that a replica works, as planned: the rest is headroom for bursts and lost machines.
BUSY = 0.6
POD_CORES = 2
# A cell is one NATS, one PostgreSQL, one set of gateways: as many jobs a second as these carry.
CELL_RATE = 1_000.0
FACTS = {"tattoo": 6, "balance": 6}
# Transactions of the ledger for a job: upload, order, its use; a projection a fact; the outbox's mark.
TRANSACTIONS = {"tattoo": 3 + 6 + 1, "balance": 3 + 6 + 1}
SIMULATED_JOBS = 20_000
SEED = 30


@dataclass(frozen=True)
class Part:
    """A stage or server at a rate. cores: busy ones, without headroom. pods: of POD_CORES each, with it."""

    name: str
    cores: float
    pods: int


@dataclass(frozen=True)
class Outlook:
    """How jobs fare in one cell, simulated: median and p99 seconds, share in time."""

    name: str
    p50_s: float
    p99_s: float
    in_time: float


@dataclass(frozen=True)
class Need:
    """What a rate of one kind takes, over all cells."""

    kind: str
    rate: float
    cells: int
    parts: list[Part]
    facts_per_s: float
    fact_bytes_per_s: float
    transactions_per_s: float
    puts_per_s: float
    gets_per_s: float
    object_bytes_per_s: float
    stored_bytes_per_day: float
    outlooks: list[Outlook]

    @property
    def cores(self) -> float:
        """Busy cores of all parts."""
        return sum(part.cores for part in self.parts)

    @property
    def pods(self) -> int:
        """Pods of all parts."""
        return sum(part.pods for part in self.parts)


def need(demand: Demand, rate: float) -> Need:
    """The arithmetic of one kind at a rate, jobs a second."""
    cells = max(1, math.ceil(rate / CELL_RATE))
    spent = {stage.name: stage.process_cpu_s for stage in demand.stages} | demand.servers_cpu_s
    parts = [_part(name, rate * seconds) for name, seconds in spent.items()]
    moved = demand.put_bytes + demand.get_bytes
    return Need(
        kind=demand.kind,
        rate=rate,
        cells=cells,
        parts=parts,
        facts_per_s=rate * FACTS[demand.kind],
        fact_bytes_per_s=rate * demand.fact_bytes,
        transactions_per_s=rate * TRANSACTIONS[demand.kind],
        puts_per_s=rate * demand.puts,
        gets_per_s=rate * demand.gets,
        object_bytes_per_s=rate * moved,
        stored_bytes_per_day=86_400 * rate * demand.stored_bytes,
        outlooks=outlooks(demand, min(rate, CELL_RATE)),
    )


def _part(name: str, cores: float) -> Part:
    return Part(name, cores, max(1, math.ceil(cores / BUSY / POD_CORES)))


def outlooks(demand: Demand, rate: float) -> list[Outlook]:
    """A cell at its planned load, with a tenth of its replicas away, and with 1.5 times the load."""
    return [
        _outlook("as planned", demand, rate, 1.0, rate),
        _outlook("a tenth of the replicas away", demand, rate, 0.9, rate),
        _outlook("half as many jobs again", demand, rate, 1.0, 1.5 * rate),
    ]


def _outlook(name: str, demand: Demand, planned: float, left: float, rate: float) -> Outlook:
    stations = [
        Station(stage.name, max(1, math.ceil(left * servers(stage.wall_s, planned))), stage.wall_s)
        for stage in demand.stages
        if stage.wall_s
    ]
    passed = tandem(stations, arrivals(rate, SIMULATED_JOBS / rate, SEED), SEED)
    seconds = [each.seconds for each in passed]
    limit = TATTOO_FRESH_S if demand.kind == "tattoo" else CLIP_FACTOR * clip_s()
    in_time = sum(each < limit for each in seconds) / len(seconds)
    return Outlook(name, quantile(seconds, 0.5), quantile(seconds, 0.99), in_time)


def servers(wall_s: Sequence[float], rate: float) -> int:
    """Runs at once that a stage needs at a rate, to be busy for BUSY of its time (Little's law)."""
    return max(1, math.ceil(rate * sum(wall_s) / len(wall_s) / BUSY))


def tables(costs: Costs) -> str:
    """Everything as Markdown."""
    lines = [
        BEGIN,
        "",
        f"From what `python -m bench.cost` measured on {costs.measured}, on {costs.cores} cores whose load",
        f"was {costs.load:.1f}. Replicas are busy for {BUSY:.0%} of their time, pods have {POD_CORES} cores,",
        f"a cell carries {CELL_RATE:,.0f} jobs/s.",
        "",
    ]
    for demand in costs.demands:
        needs = [need(demand, rate) for rate in RATES]
        lines += [f"### {demand.kind}", "", *_pods(needs), "", *_flows(needs), "", *_outlooks(needs), ""]
    return "\n".join([*lines, END])


def _pods(needs: Sequence[Need]) -> list[str]:
    heads = " | ".join(f"{each.rate:,.0f} jobs/s: busy cores | pods" for each in needs)
    lines = [f"| part | {heads} |", "| --- |" + " --- | --- |" * len(needs)]
    for index, part in enumerate(needs[0].parts):
        cells = " | ".join(f"{each.parts[index].cores:,.1f} | {each.parts[index].pods:,}" for each in needs)
        lines.append(f"| {part.name} | {cells} |")
    total = " | ".join(f"**{each.cores:,.0f}** | **{each.pods:,}**" for each in needs)
    return [*lines, f"| all | {total} |"]


def _flows(needs: Sequence[Need]) -> list[str]:
    rows = {
        "cells": [f"{each.cells:,}" for each in needs],
        "facts/s": [f"{each.facts_per_s:,.0f}" for each in needs],
        "bytes of facts, MB/s": [f"{each.fact_bytes_per_s / 1e6:,.1f}" for each in needs],
        "transactions of the ledger/s": [f"{each.transactions_per_s:,.0f}" for each in needs],
        "objects written/s": [f"{each.puts_per_s:,.0f}" for each in needs],
        "objects read/s": [f"{each.gets_per_s:,.0f}" for each in needs],
        "bytes of objects moved, GB/s": [f"{each.object_bytes_per_s / 1e9:,.2f}" for each in needs],
        "bytes stored, TB a day": [f"{each.stored_bytes_per_day / 1e12:,.1f}" for each in needs],
    }
    head = "| flow | " + " | ".join(f"{each.rate:,.0f} jobs/s" for each in needs) + " |"
    return [
        head,
        "| --- |" + " --- |" * len(needs),
        *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()),
    ]


def _outlooks(needs: Sequence[Need]) -> list[str]:
    lines = [
        f"| one cell, simulated ({SIMULATED_JOBS:,} jobs) | jobs/s | p50 s | p99 s | in time |",
        "| --- | --- | --- | --- | --- |",
    ]
    for each in needs[:2]:
        lines += [
            f"| {o.name} | {each.rate:,.0f} | {o.p50_s:.2f} | {o.p99_s:.2f} | {o.in_time:.1%} |"
            for o in each.outlooks
        ]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scaling.md")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    given = parser.parse_args(arguments)
    costs = cost.kept()
    text = tables(costs)
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
        PAGE.write_text(before + text + after, encoding="utf-8")
    needs = [need(demand, rate) for demand in costs.demands for rate in RATES]
    print(json.dumps([dataclasses.asdict(each) for each in needs], indent=2) if given.json else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
