"""The floor of `bench.mesh`: one process that analyses a photo with `assay analyze --local`'s own function.

    python -m bench.mesh_floor PHOTO FOLDER CORE

CORE pins the process, its threads and its decoder to one core; "-" leaves them all cores. It warms up, says
so with a line, and then answers every line "SECONDS JOBS" on standard input with a line of JSON: it works
until both the time is over and so many jobs are done.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

INTAKE = Path(__file__).resolve().parents[1] / "cli" / "examples" / "intake.json"


@dataclass(frozen=True)
class Turn:
    """seconds: of each job, from the file to its view and artefacts."""

    seconds: list[float]

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return len(self.seconds) / sum(self.seconds)


class Floor:
    """A process of the floor, warm; for use in a `with` block."""

    def __init__(self, photo: Path, folder: Path, core: int | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        at = "-" if core is None else str(core)
        self._process = subprocess.Popen(  # noqa: S603 - argv of our own, no shell
            [sys.executable, "-m", "bench.mesh_floor", str(photo), str(folder), at],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self._process.pid
        assert self._process.stdin  # both are pipes
        assert self._process.stdout
        self._asks: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout
        self._answers.readline()

    def begin(self, seconds: float, jobs: int) -> None:
        """Starts a turn; `end` waits for it."""
        self._asks.write(f"{seconds} {jobs}\n".encode())
        self._asks.flush()

    def end(self) -> Turn:
        """The turn that was begun; raises RuntimeError when the process has died."""
        line = self._answers.readline()
        if not line:
            raise RuntimeError("a process of the floor has died")
        return Turn(json.loads(line))

    def __enter__(self) -> Floor:
        return self

    def __exit__(self, *_: object) -> None:
        self._asks.close()
        self._process.wait(timeout=30)
        self._answers.close()


def main(photo: Path, folder: Path, core: str) -> None:
    """Serves turns until standard input ends."""
    if core != "-":
        os.sched_setaffinity(0, {int(core)})
    # After pinning: libraries count their cores when they load.
    from cli import intake, local

    statement = intake.read(INTAKE)

    def job(number: int) -> float:
        began = time.perf_counter()
        view, _ = local.analyze(photo, "image", statement, folder / str(number % 4))
        if view["state"] != "STATE_SUCCEEDED":
            raise SystemExit(f"the floor failed: {view['error']}")
        return time.perf_counter() - began

    for number in range(2):
        job(number)
    print("ready", flush=True)
    for line in sys.stdin:
        seconds, jobs = line.split()
        until, done = time.perf_counter() + float(seconds), list[float]()
        while time.perf_counter() < until or len(done) < int(jobs):
            done.append(job(len(done)))
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
