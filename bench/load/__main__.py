"""Real journeys at an open-loop rate, against a stack of its own or one that runs.

    python -m bench.load [--rate 1] [--seconds 60] [--only JOURNEY]... [--home FOLDER] [--json]

Journeys (bench/load/journeys.py) begin by a Poisson process: photos by REST with server-sent events, by REST
SYNC, by gRPC, by gRPC-web, with three watchers; videos; looks; refused orders. Prints every step's count,
failures and percentiles, every journey, and how many analyses were in time (tattoo 30 s, balance twice the
clip). Exit status 1 when anything failed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av

from bench.load.drive import Drive, Journey, Step, freshness, journeys
from bench.stack_usage import Meter
from tests.campaigns.stack import VIDEO, Stack, running_stack

RESULT = Path(__file__).resolve().parents[1] / "results" / "load.json"
SEED = 6


@dataclass(frozen=True)
class Fresh:
    """Analyses of a kind in time, and all."""

    assessment: str
    in_time: int
    of: int


@dataclass(frozen=True)
class Bench:
    rate: float
    seconds: float
    journeys: int
    failed: int
    errors: dict[str, int]
    steps: list[Step]
    fresh: list[Fresh]
    cpu_s: dict[str, float]
    passed: bool


def clip_s(video: Path = VIDEO) -> float:
    """Length of a clip, seconds."""
    with av.open(str(video)) as container:
        assert container.duration is not None
        return container.duration / av.time_base


def bench(stack: Stack, folder: Path, rate: float, seconds: float, only: Sequence[str]) -> Bench:
    """One run of Locust against a running stack."""
    meter = Meter(stack.folder)
    shares = dict.fromkeys(only, 1.0)
    drive = Drive(stack.url, stack.client(), folder, rate=rate, seconds=seconds, seed=SEED, shares=shares)
    try:
        drive.wait()
    finally:
        drive.stop()
    done = journeys(drive.record)
    errors = counted(done)
    return Bench(
        rate=rate,
        seconds=seconds,
        journeys=len(done),
        failed=sum(errors.values()),
        errors=errors,
        steps=drive.steps(),
        fresh=[Fresh(kind, *freshness(done, kind, clip_s())) for kind in ("tattoo", "balance")],
        cpu_s=meter.read().groups(),
        passed=bool(done) and not errors,
    )


def counted(done: Sequence[Journey]) -> dict[str, int]:
    """Errors by journey and what was said."""
    found: dict[str, int] = {}
    for each in done:
        if each.error:
            key = f"{each.journey or 'unfinished'}: {each.error}"
            found[key] = found.get(key, 0) + 1
    return found


def table(done: Bench) -> str:
    """The result as Markdown."""
    lines = [
        f"{done.journeys} journeys at {done.rate:g}/s (Poisson) in {done.seconds:g} s, {done.failed} failed",
        "",
        "| protocol | step | count | failed | p50 ms | p95 ms | p99 ms |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {s.protocol} | {s.name} | {s.count} | {s.failures} "
        f"| {s.p50_ms:.0f} | {s.p95_ms:.0f} | {s.p99_ms:.0f} |"
        for s in sorted(done.steps, key=lambda step: (step.protocol, step.name))
    ]
    lines.append("")
    lines += [f"{each.assessment}: {each.in_time} of {each.of} analyses in time" for each in done.fresh]
    lines += [f"error: {said} ({count} times)" for said, count in done.errors.items()]
    spent = ", ".join(f"{who} {seconds:.1f} s" for who, seconds in done.cpu_s.items())
    return "\n".join([*lines, "", f"processor time: {spent}", ""])


@contextmanager
def stack_of(home: Path | None, folder: Path) -> Iterator[Stack]:
    """The stack that runs in `home`, else one of our own in `folder`."""
    if home is not None:
        yield Stack(home)
        return
    with running_stack(folder / "stack") as stack:
        yield stack


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; exit status 1 when a journey failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=1.0, help="journeys a second (default 1)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long journeys begin (default 60)")
    parser.add_argument("--only", action="append", default=[], help="only this journey; may be repeated")
    parser.add_argument("--home", type=Path, help="folder of a stack that runs; default: one of its own")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    given = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="assay-load-") as name,
        stack_of(given.home, Path(name)) as stack,
    ):
        done = bench(stack, Path(name), given.rate, given.seconds, given.only)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(dataclasses.asdict(done), indent=2) + "\n", encoding="utf-8")
    print(json.dumps(dataclasses.asdict(done), indent=2) if given.json else table(done))
    return 0 if done.passed else 1


if __name__ == "__main__":
    sys.exit(main())
