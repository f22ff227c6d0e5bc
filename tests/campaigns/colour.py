"""The full campaign of colour and decisions: `make proof-colour` runs it and keeps its output in docs/proofs.

python -m tests.campaigns.colour --data ../shared/data
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from svc_decision.loader import DEFAULT_RULESET
from tests.campaigns.parts import ASSAY, PYTEST, Part, fenced, last_lines, write
from tests.campaigns.stack import REPO

OUT = REPO / "docs" / "proofs" / "colour.md"
MODULE = [sys.executable, "-m"]
ROWS = ("tests/test_rows.py", "tests/decision/test_table.py", "tests/color/test_difference.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared" / "data", help="reference data")
    args = parser.parse_args()
    if not args.data.is_dir():
        parser.error(f"{args.data} is no folder; the figures are measured against the data in it")
    # What is timed comes first, while nothing else runs.
    steps = [*kernel(), *measurement(args.data), *decisions()]
    sys.exit(0 if write(OUT, "colour and decisions", "make proof-colour", steps) else 1)


def kernel() -> list[Part]:
    """Speed and error of the colour core."""
    return [
        Part("CIEDE2000 and CIELAB beside their peers", [*MODULE, "bench.color"], fenced),
        Part("The compiled kernel", [*PYTEST, "tests/color/test_kernel.py"], last_lines),
    ]


def measurement(data: Path) -> list[Part]:
    """Colour, skin and charts."""
    measured = [*ASSAY, "eval", "color", "--data", str(data)]
    return [
        Part("Pairs, skin spectra, skin reference, classes by skin, charts, palettes", measured, fenced),
        Part(
            "Bounds on charts, skin and follow-up",
            [*PYTEST, "-m", "proof", "tests/color"],
            last_lines,
        ),
        Part("Follow-up on drawn visits", [*MODULE, "tests.campaigns.followup"], fenced),
    ]


def decisions() -> list[Part]:
    """Rules, hard stops, replay."""
    return [
        Part(
            "No rule is unreachable, contradictory or untested",
            [*ASSAY, "ruleset", "lint", DEFAULT_RULESET],
            fenced,
        ),
        Part(
            "The test table and all cases of the ruleset",
            [*ASSAY, "ruleset", "test", DEFAULT_RULESET],
            fenced,
        ),
        Part("Every row named; every rule and flag hit", [*PYTEST, *ROWS], last_lines),
        Part(
            "Hard stops, 100,000 random cases",
            [*PYTEST, "-s", "-m", "proof", "tests/decision/test_hard_stops.py"],
            fenced,
        ),
        Part("A pinned replay gives the same bytes", [*PYTEST, "tests/decision/test_replay.py"], last_lines),
        Part(
            "The same through the whole mesh",
            [*PYTEST, "tests/e2e/test_replay.py", "tests/e2e/test_rulesets.py"],
            last_lines,
        ),
    ]


if __name__ == "__main__":
    main()
