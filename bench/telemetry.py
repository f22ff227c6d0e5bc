"""What telemetry costs a job: processor time of its spans, metrics and log lines.

`python -m bench.telemetry` makes each kind of report many times, without a collector and with one, and prints
processor time of its own process, the exporter's thread included; the collector is a process apart. What a
tattoo job pays follows from how many of each it makes. Wall-clock time plays no part.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from assay.events.v1.analysis_pb2 import Job

from mesh import door, logs, objects, telemetry
from mesh.run_report import reported
from mesh.settings import Settings

ROUNDS = 3000
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
# Of one tattoo job, as its trace shows them (docs/telemetry.md).
PER_JOB = {"rpc": 3, "stage run": 5, "object": 21, "step": 5, "fact published": 6, "fact projected": 6}
SINK = "\n".join(
    (
        "import signal",
        "from dev.otlp import sink",
        "with sink() as collector:",
        "    print(collector.endpoint, flush=True)",
        "    signal.pause()",
    )
)


@dataclass(frozen=True)
class Message:
    """What the runner reads of a delivery."""

    headers: dict[str, str]
    metadata: Any


def operations() -> dict[str, Callable[[], None]]:
    """What is reported, each once."""
    context = SimpleNamespace(
        invocation_metadata=lambda: (("traceparent", TRACEPARENT), ("x-request-id", "r"))
    )
    metadata = SimpleNamespace(num_delivered=1, timestamp=datetime.now(UTC))
    message: Any = Message({"traceparent": TRACEPARENT}, metadata)
    job = Job(job_id="0198c0de-0000-7000-8000-000000000000", kind="tattoo", tenant_id="tenant")

    def rpc() -> None:
        with door.observed("/assay.gateway.v1.AnalysisService/Analyze", context):  # type: ignore[arg-type]
            pass

    def stage_run() -> None:
        with reported("segment", "ingested", "stage-segment", message) as report:
            report.of(job)
            report.outcome = "done"

    def an_object() -> None:
        with objects.measured("get", "assay-artifacts", "working.png") as moved:
            moved.bytes = 1

    def step() -> None:
        with telemetry.inner_span("compute measure"):
            pass

    def projected() -> None:
        with telemetry.consumer_span("project requested", message.headers):
            pass

    return {
        "rpc": rpc,
        "stage run": stage_run,
        "object": an_object,
        "step": step,
        "fact published": step,
        "fact projected": projected,
    }


def measure(endpoint: str) -> dict[str, float]:
    """Processor microseconds of each operation; spans go to `endpoint`, if any."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (as long as the process)
    settings = Settings(otlp_endpoint=endpoint)
    logs.configure("bench", settings)
    provider = telemetry.configure("bench", settings)
    found = {}
    for name, operation in operations().items():
        for _ in range(200):
            operation()
        began = time.process_time()
        for round_ in range(ROUNDS):
            operation()
            if endpoint and round_ % 100 == 99:
                # The exporter drops what its queue cannot hold; a real job is slower than this loop.
                provider.force_flush()
        found[name] = (time.process_time() - began) / ROUNDS * 1e6
    provider.shutdown()
    return found


async def collected() -> dict[str, float]:
    """The same with a collector beside."""
    collector = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SINK, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert collector.stdout is not None
    try:
        endpoint = (await asyncio.wait_for(collector.stdout.readline(), 60)).decode().strip()
        return await asyncio.to_thread(_in_a_process, endpoint)
    finally:
        with suppress(ProcessLookupError):
            collector.kill()
        await collector.wait()


def _in_a_process(endpoint: str) -> dict[str, float]:
    argv = [sys.executable, "-m", "bench.telemetry", "--only", endpoint or "none"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)  # noqa: S603 (our own)
    return {
        line.split("\t")[0]: float(line.split("\t")[1]) for line in done.stderr.splitlines() if "\t" in line
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        for name, value in measure("" if args.only == "none" else args.only).items():
            print(f"{name}\t{value}", file=sys.stderr)
        return
    bare, full = _in_a_process(""), asyncio.run(collected())
    print("processor time of telemetry, microseconds")
    print(f"{'what':16}{'a tattoo job':>14}{'no collector':>14}{'collector':>11}")
    for name, count in PER_JOB.items():
        print(f"{name:16}{count:14}{bare[name]:14.0f}{full[name]:11.0f}")
    sums = [sum(count * each[name] for name, count in PER_JOB.items()) for each in (bare, full)]
    print(f"{'a job':16}{'':14}{sums[0]:14.0f}{sums[1]:11.0f}")


if __name__ == "__main__":
    main()
