"""The full campaign of the mesh: `make proof-mesh` runs it and keeps its output in docs/proofs.

python -m tests.campaigns.mesh --jobs 50
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.campaigns import clones, faults, latency
from tests.campaigns.parts import heading
from tests.campaigns.stack import REPO, SAMPLE, order, running_stack

OUT = REPO / "docs" / "proofs" / "mesh.md"
LIMIT_S = 900.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=50, help="jobs in flight while processes are killed")
    parser.add_argument("--no-clone", action="store_true", help="leave the clean clone out")
    args = parser.parse_args()
    parts = [heading("the mesh", "make proof-mesh"), _faults(args.jobs)]
    if not args.no_clone:
        parts.append(_clones())
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join(parts))
    print(f"written to {OUT.relative_to(REPO)}")


def _faults(jobs: int) -> str:
    with faults.quick_redelivery(), tempfile.TemporaryDirectory(prefix="assay-proof-") as folder:
        started = time.monotonic()
        with running_stack(Path(folder) / "stack") as stack:
            ready_s = time.monotonic() - started
            api = stack.api()
            api.analyze(order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s"))
            idle = stack.memory_bytes() / 2**20
            times = latency.table(stack, Path(folder) / "local")
            print(times, flush=True)
            rows = []
            for name, victims in (
                ("kill -9 each stage in turn", faults.STAGES),
                ("kill -9 NATS, twice", ("nats", "nats")),
                ("kill -9 PostgreSQL, twice", ("postgres", "postgres")),
                ("kill -9 gateway and S3", ("gateway", "s3")),
            ):
                outcome = faults.undergo(stack, name, jobs, victims, limit_s=LIMIT_S)
                print(outcome.row(), flush=True)
                if not outcome.good:
                    print(outcome.states, outcome.wrong_facts, outcome.wrong_reports, file=sys.stderr)
                rows.append(outcome.row())
    return (
        f"## Memory and start\n\nIdle stack after one job, sum of PSS: **{idle:.0f} MiB** (limit 2048). "
        f"From nothing running to a healthy mesh with warm caches: **{ready_s:.1f} s**.\n\n"
        f"## One analysis on an idle mesh\n\nMedians of {latency.RUNS} analyses of the sample photo, "
        f"mesh and one process in turn.\n\n{times}\n"
        f"## Faults\n\n{jobs} jobs in flight each time; a dead process's fact is redelivered after "
        f"{faults.ACK_WAIT_S} s here. Extra runs are deliveries beyond the first that led to a fact.\n\n"
        f"{faults.HEADER}\n" + "\n".join(rows) + "\n"
    )


def _clones() -> str:
    rows = [timing.row() for timing in clones.measure()]
    print("\n".join(rows), flush=True)
    return (
        "## From a clean clone, in an empty home folder\n\n" + clones.HEADER + "\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    main()
