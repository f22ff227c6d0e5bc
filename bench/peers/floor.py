"""The limits: our core, and ONNX Runtime alone, in a loop with no server around them.

    python -m bench.peers.floor PHOTO MODEL SECONDS THREADS core|model      prints photos done a second

One thread a process and a process a core in a crowd; all cores for one photo at a time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.peers.load import cores
from svc_segment.images import decode
from svc_segment.model import Model, load_model
from svc_segment.tiles import passes

WARM_UP_S = 1.0
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Floor:
    """What no server can beat."""

    alone_per_s: float
    crowd_per_s: float


def floor(photo: Path, model: str, seconds: float, what: str) -> Floor:
    """One process with all cores, then a process a core."""
    return Floor(
        _loops(photo, model, seconds, what, count=1, threads=cores()),
        _loops(photo, model, seconds, what, count=cores(), threads=1),
    )


def _loops(photo: Path, model: str, seconds: float, what: str, count: int, threads: int) -> float:
    argv = [sys.executable, "-m", "bench.peers.floor", str(photo), model, f"{seconds:g}", str(threads), what]
    started = [subprocess.Popen(argv, stdout=subprocess.PIPE) for _ in range(count)]  # noqa: S603 - ourselves
    return float(sum(json.loads(each.communicate(timeout=seconds + PATIENCE_S)[0]) for each in started))


def loop(work: Callable[[], object], seconds: float) -> float:
    """Times done a second, after a warm-up; what is under way at the end counts by its share."""
    ends = time.perf_counter() + WARM_UP_S
    while time.perf_counter() < ends:
        work()
    began, times = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        work()
        times += 1
    return times / (time.perf_counter() - began)


def _model_only(photo: bytes, model: Model) -> Callable[[], object]:
    tiles = [tile[None] for look in passes(decode(photo, "photo"), model.contract) for tile in look.tiles()]
    return lambda: [model.logits(tile) for tile in tiles]


def main() -> None:
    """One loop; prints its rate."""
    from bench.peers.work import answer

    photo, label, seconds, threads, what = sys.argv[1:6]
    model, data = load_model(label, threads=int(threads)), Path(photo).read_bytes()
    work = _model_only(data, model) if what == "model" else lambda: answer(data, model)
    print(json.dumps(loop(work, float(seconds))))


if __name__ == "__main__":
    main()
