"""h2load, a load generator in C, for HTTP/1.1 and gRPC alike: callers with one call at a time each."""

from __future__ import annotations

import os
import re
import resource
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dev.debian import program

GRACE_S = 60.0


@dataclass(frozen=True)
class Target:
    """What every call sends, and where."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    grpc: bool
    """HTTP/2 without TLS; else HTTP/1.1."""


@dataclass(frozen=True)
class Load:
    """What callers saw in the measured time."""

    callers: int
    seconds: float
    finished: int
    failed: int
    per_s: float
    p50_s: float
    p99_s: float
    generator_cores: float
    """Processor time of the load generator a second."""


def framed(message: bytes) -> bytes:
    """A message with the prefix of gRPC over HTTP/2: not compressed, its length."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def drive(target: Target, callers: int, warm_up_s: float, seconds: float, folder: Path) -> Load:
    """Keeps `callers` calls in flight; counts what ends in `seconds` after the warm-up.

    Raises RuntimeError when the generator itself fails.
    """
    body, log = folder / "body", folder / "calls.tsv"
    body.write_bytes(target.body)
    log.unlink(missing_ok=True)
    h2load = program("h2load")
    argv = [str(h2load.path), "-t", "1", "-m", "1", "-c", str(callers), "-d", str(body)]
    argv += ["-D", f"{seconds:g}", f"--warm-up-time={warm_up_s:g}s", f"--log-file={log}"]
    argv += [] if target.grpc else ["--h1"]
    for name, value in target.headers.items():
        argv += ["-H", f"{name}: {value}"]
    spent = _children_s()
    done = subprocess.run(  # noqa: S603 - a pinned program
        [*argv, target.url],
        env=h2load.environment,
        capture_output=True,
        text=True,
        timeout=seconds + warm_up_s + GRACE_S,
        check=False,
    )
    spent = _children_s() - spent
    counts = re.search(r"(\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
    if done.returncode or counts is None:
        raise RuntimeError(f"h2load: {done.stderr.strip() or done.stdout[-500:]}")
    _, succeeded, failed, _ = (int(each) for each in counts.groups())
    # What is still in flight at the end is cut off; h2load does not count it, nor do we.
    latencies = _latencies(log)
    quantiles = np.quantile(latencies, (0.5, 0.99)) if len(latencies) else (float("nan"), float("nan"))
    return Load(
        callers=callers,
        seconds=seconds,
        finished=succeeded,
        failed=failed,
        per_s=succeeded / seconds,
        p50_s=float(quantiles[0]),
        p99_s=float(quantiles[1]),
        generator_cores=spent / (seconds + warm_up_s),
    )


def _latencies(log: Path) -> list[float]:
    """Seconds of each call that ended well: the third column holds microseconds."""
    rows = (line.split() for line in log.read_text().splitlines()) if log.exists() else ()
    return [int(row[2]) / 1e6 for row in rows if row[1] == "200"]


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
