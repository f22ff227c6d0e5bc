"""The full campaign of operations: `make proof-operate` runs it and keeps its output in docs/proofs.

python -m tests.campaigns.operate [--only soak,peers]

It takes about four hours of a machine that does nothing else; `--only` runs the named sections. Each is kept
in a file of its own, so that one that was disturbed can be repeated by itself.
"""

from __future__ import annotations

import argparse
import sys

from tests.campaigns.parts import PYTEST, Part, fenced, last_lines, write
from tests.campaigns.stack import REPO

PROOFS = REPO / "docs" / "proofs"
MODULE = [sys.executable, "-m"]
CHECKS = ("tests/k8s", "tests/operate", "tests/images", "tests/delivery")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    known = sections()
    parser.add_argument("--only", default="", help=f"sections by commas, of {', '.join(known)}")
    args = parser.parse_args()
    names = [name for name in args.only.split(",") if name]
    if unknown := set(names) - known.keys():
        parser.error(f"there is no section {', '.join(sorted(unknown))}; use one of {', '.join(known)}")
    good = True
    # One file a section: hours of measuring are not lost to what comes after them.
    for name in names or known:
        command = f"make proof-operate ONLY={name}"
        good &= write(PROOFS / f"operate-{name}.md", f"operated: {name}", command, known[name])
    sys.exit(0 if good else 1)


def sections() -> dict[str, list[Part]]:
    """What is timed comes first, while nothing else runs."""
    return {
        "mesh": [
            Part("The mesh against the stages in one process per core", [*MODULE, "bench.mesh"], fenced),
            Part("GET of a job", [*MODULE, "bench.get_job"], fenced),
            Part("What telemetry costs", [*MODULE, "bench.telemetry"], fenced),
        ],
        "peers": [
            Part("One stage served, beside its peers", [*MODULE, "bench.peers"], fenced, limit_s=3 * 3600)
        ],
        "batching": [
            Part("Throughput against batch size", [*MODULE, "bench.batching"], fenced),
            Part("One stage scaled out and in", [*MODULE, "bench.scale_out"], fenced),
        ],
        "scaling": [
            Part("The queueing model against a run", [*MODULE, "bench.simulate"], fenced),
            Part("What an assessment takes and costs", [*MODULE, "bench.cost"], fenced),
            Part("10, 1,000 and 100,000 jobs a second", [*MODULE, "bench.scaling"], fenced),
        ],
        "soak": [Part("An hour at 70 % of capacity", [*MODULE, "bench.soak"], fenced, limit_s=2 * 3600)],
        "signals": [
            Part("The signal matrix and one trace", [*MODULE, "tests.campaigns.telemetry"], fenced),
            Part("Alerts on a running stack", [*MODULE, "tests.campaigns.objectives"], fenced),
        ],
        "checks": [
            Part("Manifests, rules, images, workflows", [*PYTEST, *CHECKS], last_lines),
            Part(
                "Every runbook rehearsed",
                [*MODULE, "tests.campaigns.rehearsals"],
                last_lines,
                limit_s=3 * 3600,
            ),
        ],
    }


if __name__ == "__main__":
    main()
