"""Prints what each step of ingest costs for one photo: `python -m tests.ingest.cost PHOTO [RUNS]`.

Milliseconds of wall-clock time inside the decoder process, the smallest of RUNS (5), then the whole call.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from svc_ingest.sandbox import Sandbox


def main(path: str, runs: str = "5") -> None:
    data = Path(path).read_bytes()
    pool = Sandbox()
    pool.start()
    calls, steps = [], []
    for _ in range(int(runs)):
        started = time.perf_counter()
        steps.append(pool.ingest(data).milliseconds)
        calls.append(1000 * (time.perf_counter() - started))
    pool.close()
    for step in steps[0]:
        print(f"{step:16} {min(run[step] for run in steps):8.1f} ms")
    print(f"{'whole call':16} {min(calls):8.1f} ms")
    print(f"{'largest size':16} {pool.peak_rss_bytes / 2**20:8.1f} MiB")


if __name__ == "__main__":
    main(*sys.argv[1:])
