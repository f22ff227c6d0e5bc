"""An hour of real journeys at 70 % of capacity: does anything leak, fail or come late?

    python -m bench.soak [--seconds 3600] [--warm-up 600] [--share 0.7] [--rate R] [--out FOLDER]
    python -m bench.soak --resume FOLDER     goes on where a soak was cut off
    python -m bench.soak --report FOLDER     judges what is there, and runs nothing

Starts a stack of its own, measures what a journey costs in processor time, fills the object store's name
tables, crowds the stack for a minute, and lets journeys of all kinds begin at `share` of what the cores can
do (bench/load; open loop). Every 10 s it notes memory, open files, connections and threads of every process.
Fails (exit status 1) when something grows by 2 % or more after the warm-up, a journey fails, fewer than 95 %
of a kind's analyses are in time, or a process was restarted.

Everything lies in FOLDER (default bench/results/soak) as it comes: plan.json, samples.jsonl, journeys.jsonl.
A soak that goes on has new processes; each of its sittings is judged by itself, and the longest one counts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.leaks import Trend, trend
from bench.load.__main__ import clip_s, counted
from bench.load.drive import Drive, Journey, freshness, journeys
from bench.stack_usage import Meter, Use, use
from tests.campaigns.stack import Stack, running_stack

OUT = Path(__file__).resolve().parent / "results" / "soak"
EVERY_S, TELL_S = 10.0, 60.0
# So long, and so slowly, journeys come while their cost is measured.
PROBE_S, PROBE_RATE = 90.0, 0.3
# So long, and at so many times what the cores can do, before a sitting.
CROWD_S, CROWD_SHARE = 60.0, 2.0
# Names in a store whose every table has been full once, and how they are written; the objects are small.
NAMES, FOLDERS, WRITERS, NAMED_BYTES = 200_000, 50, 4, 800
FRESH_SHARE = 0.95
# Resident memory, and what of it is the process's own: a proportional share moves with strangers' processes.
QUANTITIES = {"rss_mib": False, "uss_mib": False, "files": True, "connections": True, "threads": True}
SEED = 70


@dataclass(frozen=True)
class Plan:
    """What was asked for, and the rate it led to, journeys a second. capacity: with all cores busy."""

    seconds: float
    warm_up_s: float
    share: float
    rate: float
    capacity: float


@dataclass(frozen=True)
class Sample:
    """Everything at one moment (Unix time), in one sitting of the soak."""

    at: float
    sitting: int
    use: dict[str, Use]


@dataclass(frozen=True)
class Report:
    """The verdict. sitting_s: of the sitting that was judged. restarted: processes that did not last."""

    plan: Plan
    sittings: int
    sitting_s: float
    journeys: int
    errors: dict[str, int]
    fresh: dict[str, tuple[int, int]]
    restarted: list[str]
    trends: list[Trend]
    passed: bool


def plan_of(
    stack: Stack, folder: Path, *, seconds: float, warm_up_s: float, share: float, rate: float
) -> Plan:
    """The plan; where no rate is given, from the processor time of a journey.

    Utilisation law (Denning and Buzen, 1978): journeys a second at full use are the cores over the processor
    time of one journey, once what the idle stack spends is taken off. The load generator runs on the same
    cores and counts.
    """
    cores = len(os.sched_getaffinity(0))
    if rate:
        return Plan(seconds, warm_up_s, share, rate, rate / share)
    print(f"measuring what a journey costs ({PROBE_S:.0f} s) ...", flush=True)
    meter = Meter(stack.folder)
    time.sleep(PROBE_S / 6)
    idle = meter.read()
    idle_cores = sum(idle.by_process.values()) / idle.seconds
    probe = folder / "probe"
    probe.mkdir(exist_ok=True)
    meter = Meter(stack.folder)
    drive = Drive(stack.url, stack.client(), probe, rate=PROBE_RATE, seconds=PROBE_S, seed=SEED)
    driver = psutil.Process(drive.process.pid)
    generator_s = 0.0
    while drive.running():
        generator_s = sum(driver.cpu_times()[:2])
        time.sleep(1.0)
    drive.wait()
    spent, done = meter.read(), journeys(drive.record)
    if not done:
        raise RuntimeError("no journey ended while their cost was measured")
    cost_s = (sum(spent.by_process.values()) - idle_cores * spent.seconds + generator_s) / len(done)
    capacity = (cores - idle_cores) / cost_s
    return Plan(seconds, warm_up_s, share, share * capacity, capacity)


def age(stack: Stack) -> None:
    """Writes as many names as the object store keeps in buffers, so that it is as one that has run for long.

    SeaweedFS reserves its name tables' buffers at its start and touches them name by name (docs/load.md).
    """
    print(f"writing {NAMES} names into the object store ...", flush=True)
    each = NAMES // (FOLDERS * WRITERS)
    with ThreadPoolExecutor(WRITERS) as writers:
        for folder in range(FOLDERS):
            parts = [[f"soak/{folder}/{w}/{n}" for n in range(each)] for w in range(WRITERS)]
            for done in [writers.submit(stack.put, part, bytes(NAMED_BYTES)) for part in parts]:
                done.result()
            if (folder + 1) % 10 == 0:
                print(f"{(folder + 1) * each * WRITERS} names", flush=True)


def crowd(stack: Stack, folder: Path, capacity: float) -> None:
    """Lets every process meet its most crowded moment before its growth is watched.

    How much a process holds follows from how many jobs it ever had at once: at 70 % that moment comes by
    chance, and looks like a leak when it comes late. What fails or is late here counts for nothing.
    """
    print(f"a crowd for {CROWD_S:.0f} s: {CROWD_SHARE:g} times what the cores can do ...", flush=True)
    apart = folder / "crowd"
    shutil.rmtree(apart, ignore_errors=True)
    apart.mkdir()
    rate = CROWD_SHARE * capacity
    Drive(stack.url, stack.client(), apart, rate=rate, seconds=CROWD_S, seed=SEED).wait()


def sit(stack: Stack, folder: Path, plan: Plan, sitting: int, seconds: float) -> None:
    """Drives and samples for so long; everything is in the folder as soon as it is known."""
    drive = Drive(stack.url, stack.client(), folder, rate=plan.rate, seconds=seconds, seed=SEED + sitting)
    began, told = time.time(), 0.0
    try:
        with (folder / "samples.jsonl").open("a", encoding="utf-8") as file:
            while drive.running():
                sample = Sample(time.time(), sitting, use(stack.folder))
                file.write(json.dumps(dataclasses.asdict(sample)) + "\n")
                file.flush()
                if sample.at - told >= TELL_S:
                    told = sample.at
                    _tell(folder, sample, sample.at - began, seconds)
                time.sleep(max(0.0, EVERY_S - (time.time() - sample.at)))
        drive.wait()
    finally:
        drive.stop()


def _tell(folder: Path, sample: Sample, elapsed_s: float, seconds: float) -> None:
    done = journeys(folder / "journeys.jsonl")
    memory = sum(each.pss_mib for each in sample.use.values())
    files = sum(each.files for each in sample.use.values())
    in_time, of = freshness(done, "tattoo", 0.0)
    print(
        f"{elapsed_s / 60:5.1f} of {seconds / 60:.0f} min: {len(done)} journeys, "
        f"{sum(bool(each.error) for each in done)} failed, {in_time} of {of} photos in time, "
        f"{memory:.0f} MiB (PSS), {files} open files",
        flush=True,
    )


def samples(folder: Path) -> list[Sample]:
    """Every sample that is whole."""
    path = folder / "samples.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    found = []
    for line in lines:
        if line.endswith("}\n"):
            raw = json.loads(line)
            seen = {name: Use(**{**each, "pids": tuple(each["pids"])}) for name, each in raw["use"].items()}
            found.append(Sample(raw["at"], raw["sitting"], seen))
    return found


def judge(plan: Plan, seen: Sequence[Sample], done: Sequence[Journey], clip: float) -> Report:
    """The verdict on what was noted; raises ValueError when no sitting outlasted the warm-up."""
    sittings = sorted({sample.sitting for sample in seen})
    spans = {n: [s for s in seen if s.sitting == n] for n in sittings}
    longest = max(spans.values(), key=lambda each: each[-1].at - each[0].at, default=[])
    steady = [s for s in longest if s.at - longest[0].at >= plan.warm_up_s]
    if len(steady) < 3:
        raise ValueError("the longest sitting ended before its warm-up; let it go on with --resume")
    names = sorted(set.intersection(*(set(s.use) for s in steady)))
    times = [s.at - steady[0].at for s in steady]
    trends = [
        trend(name, quantity, times, [getattr(s.use[name], quantity) for s in steady], count=count)
        for name in names
        for quantity, count in QUANTITIES.items()
    ]
    errors = counted(done)
    fresh = {kind: freshness(done, kind, clip) for kind in ("tattoo", "balance")}
    lost = restarted(longest)
    late = any(of and in_time < FRESH_SHARE * of for in_time, of in fresh.values())
    return Report(
        plan=plan,
        sittings=len(sittings),
        sitting_s=longest[-1].at - longest[0].at,
        journeys=len(done),
        errors=errors,
        fresh=fresh,
        restarted=lost,
        trends=trends,
        passed=bool(done) and not errors and not late and not lost and not any(t.leaks for t in trends),
    )


def restarted(sitting: Sequence[Sample]) -> list[str]:
    """Processes whose own id changed or that were away during a sitting; what they start may come and go."""
    first: dict[str, int] = {name: each.pids[0] for name, each in sitting[0].use.items() if each.pids}
    lost = set()
    for sample in sitting:
        now = {name: each.pids[0] for name, each in sample.use.items() if each.pids}
        lost |= {name for name, pid in first.items() if now.get(name) != pid}
    return sorted(lost)


def table(report: Report) -> str:
    """The report as Markdown."""
    plan = report.plan
    lines = [
        f"{report.sitting_s / 60:.1f} minutes at {plan.rate:.2f} journeys/s ({plan.share:.0%} of "
        f"{plan.capacity:.2f}), sittings: {report.sittings}; {report.journeys} journeys, "
        f"{sum(report.errors.values())} failed",
        "",
        *(f"{kind}: {in_time} of {of} analyses in time" for kind, (in_time, of) in report.fresh.items()),
        *(f"error: {said} ({count} times)" for said, count in report.errors.items()),
        *(f"restarted: {name}" for name in report.restarted),
        "",
        f"After minute {plan.warm_up_s / 60:g}, by the line through all samples; 2 % or more **leaks**:",
        "",
        "(Growth of the second half alone, after a semicolon, tells what came to rest from what goes on.)",
        "",
        "| process | RSS MiB | USS MiB | files | connections | threads |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(each.process for each in report.trends):
        cells = [_cell(each) for each in report.trends if each.process == name]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    verdict = "passes" if report.passed else "does NOT pass"
    return "\n".join([*lines, "", f"soak {verdict}", ""])


def _cell(each: Trend) -> str:
    digits = 0 if each.quantity in ("files", "connections", "threads") else 1
    said = f"{each.begin:.{digits}f} → {each.end:.{digits}f} ({each.growth:+.1%}; {each.late_growth:+.1%})"
    return f"{said} **leaks**" if each.leaks else said


def soak(folder: Path, given: argparse.Namespace) -> None:
    """Runs what is left of a soak in its folder."""
    plan_file = folder / "plan.json"
    seen = samples(folder)
    sitting = seen[-1].sitting + 1 if seen else 0
    spans = [[s.at for s in seen if s.sitting == n] for n in range(sitting)]
    run_s = sum(each[-1] - each[0] for each in spans if each)
    with running_stack(folder / "stack") as stack:
        if plan_file.exists():
            plan = Plan(**json.loads(plan_file.read_text()))
        else:
            wanted = {"seconds": given.seconds, "warm_up_s": given.warm_up, "share": given.share}
            plan = plan_of(stack, folder, rate=given.rate, **wanted)
            plan_file.write_text(json.dumps(dataclasses.asdict(plan), indent=2) + "\n")
        left = plan.seconds - run_s
        if left > 0:
            age(stack)
            crowd(stack, folder, plan.capacity)
            # The first time makes files beside every table, which sessions then hold open.
            stack.vacuum()
            print(
                f"{plan.rate:.2f} journeys/s for {left / 60:.1f} minutes, into {os.path.relpath(folder)}",
                flush=True,
            )
            sit(stack, folder, plan, sitting, left)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; exit status 1 when something leaks, fails or comes late."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3600.0, help="length (default 3600)")
    parser.add_argument("--warm-up", type=float, default=600.0, help="what is not judged (default 600 s)")
    parser.add_argument("--share", type=float, default=0.7, help="of capacity (default 0.7)")
    parser.add_argument("--rate", type=float, default=0.0, help="journeys a second, instead of measuring")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of a new soak; emptied first")
    parser.add_argument("--resume", type=Path, help="folder of a soak to go on with")
    parser.add_argument("--report", type=Path, help="folder of a soak to judge as it is")
    given = parser.parse_args(arguments)
    folder = (given.report or given.resume or given.out).resolve()
    if given.report is None:
        if given.resume is None:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        soak(folder, given)
    plan = Plan(**json.loads((folder / "plan.json").read_text()))
    report = judge(plan, samples(folder), journeys(folder / "journeys.jsonl"), clip_s())
    (folder / "report.json").write_text(json.dumps(dataclasses.asdict(report), indent=2) + "\n")
    print(table(report))
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
