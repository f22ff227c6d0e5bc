"""GET requests from h2load, a load generator in C: closed loop by callers, or open loop by a Poisson process.

HTTP/2 without TLS (prior knowledge), as Envoy takes it behind a load balancer.
"""

from __future__ import annotations

import random
import resource
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dev.debian import Program, program

GRACE_S = 60.0
# Sources of requests, a connection each. h2load's timers run from one request to the next, each late by about
# a millisecond: many slow sources keep their rate better than a few fast ones.
SOURCES = 16


@dataclass(frozen=True)
class Load:
    """What callers saw. Latencies in ms, of answers with status 200; generator_cpu_s: h2load's own time."""

    asked: int
    statuses: dict[str, int]
    seconds: float
    per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    generator_cpu_s: float


def closed_loop(
    url: str, paths: Sequence[str], headers: Mapping[str, str], *, callers: int, seconds: float, folder: Path
) -> Load:
    """So many callers, a connection each, that ask again as soon as they are answered; a second of warm-up.

    Raises RuntimeError when the generator fails.
    """
    log = folder / "closed.tsv"
    uris = folder / "closed.txt"
    uris.write_text("".join(f"{url}{path}\n" for path in paths))
    argv = ["-c", str(callers), "-m", "1", "-D", f"{seconds:g}", "--warm-up-time=1s", "-i", str(uris)]
    before = _children_s()
    _await([_start([*argv, *_flags(headers, log)])], seconds + GRACE_S)
    return _load(_rows([log]), seconds, _children_s() - before)


def open_loop(
    url: str,
    paths: Sequence[str],
    headers: Mapping[str, str],
    *,
    rate: float,
    seconds: float,
    folder: Path,
    seed: int,
) -> Load:
    """Requests at exponential intervals, whether answers come or not, over SOURCES connections.

    What is late at the server is late in the figures: nobody waits before asking again. The superposition of
    the sources' Poisson processes is one of `rate`. Raises RuntimeError when the generator fails.
    """
    logs, commands, asked = [], [], 0
    for source in range(SOURCES):
        moments = arrivals(rate / SOURCES, seconds, seed + source)
        script = folder / f"open-{source}.tsv"
        script.write_text(
            "".join(f"{1000 * at:.3f}\t{url}{paths[i % len(paths)]}\n" for i, at in enumerate(moments))
        )
        logs.append(folder / f"open-{source}.log")
        argv = ["-c", "1", "-m", "100", f"--timing-script-file={script}", *_flags(headers, logs[-1])]
        commands.append(argv)
        asked += len(moments)
    before = _children_s()
    # Together: their moments count from their own starts.
    _await([_start(argv) for argv in commands], seconds + GRACE_S)
    rows = _rows(logs)
    # From the first request to the last answer: a backlog at the end counts.
    span = max(at + us for at, _, us in rows) - min(at for at, _, _ in rows)
    return _load(rows, max(seconds, span / 1e6), _children_s() - before, asked)


def arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """Moments of a Poisson process of `rate` a second within `seconds`."""
    chance = random.Random(seed)  # noqa: S311 - arrivals, no secret
    moments, now = [], chance.expovariate(rate)
    while now < seconds:
        moments.append(now)
        now += chance.expovariate(rate)
    return moments


def _flags(headers: Mapping[str, str], log: Path) -> list[str]:
    log.unlink(missing_ok=True)
    flags = ["-t", "1", f"--log-file={log}"]
    for name, value in headers.items():
        flags += ["-H", f"{name}: {value}"]
    return flags


def _start(flags: Sequence[str]) -> subprocess.Popen[str]:
    h2load: Program = program("h2load")
    return subprocess.Popen(  # noqa: S603 - a pinned program
        [str(h2load.path), *flags],
        env=h2load.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _await(running: Sequence[subprocess.Popen[str]], limit_s: float) -> None:
    try:
        for process in running:
            said, _ = process.communicate(timeout=limit_s)
            if process.returncode:
                raise RuntimeError(f"h2load: {said.strip()[-500:]}")
    finally:
        for process in running:
            process.kill()


def _rows(logs: Sequence[Path]) -> list[tuple[int, str, int]]:
    """Start (us), status and duration (us) of every answer."""
    rows = [line.split() for log in logs for line in log.read_text().splitlines()]
    if not rows:
        raise RuntimeError("h2load got no answer at all")
    return [(int(at), status, int(us)) for at, status, us in rows]


def _load(rows: Sequence[tuple[int, str, int]], seconds: float, cpu_s: float, asked: int = 0) -> Load:
    good = [us / 1000 for _, status, us in rows if status == "200"]
    p50, p99 = (float(each) for each in np.quantile(good, (0.5, 0.99))) if good else (0.0, 0.0)
    return Load(
        asked=asked or len(rows),
        statuses=dict(Counter(status for _, status, _ in rows)),
        seconds=seconds,
        per_s=len(good) / seconds,
        p50_ms=p50,
        p99_ms=p99,
        max_ms=max(good, default=0.0),
        generator_cpu_s=cpu_s,
    )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
