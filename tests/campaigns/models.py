"""The full campaign of the models: `make proof-models` runs it and keeps its output in docs/proofs.

python -m tests.campaigns.models --data ../shared/data
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.campaigns.parts import ASSAY, PYTEST, Part, fenced, last_lines, write
from tests.campaigns.stack import REPO

OUT = REPO / "docs" / "proofs" / "models.md"
TRAIN = str(REPO / "models" / "train" / ".venv" / "bin" / "python")
MODULE = [sys.executable, "-m"]
TESTS = ("tests/models", "tests/segment", "tests/mesh/test_registry.py", "tests/mesh/test_model_control.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared" / "data", help="reference data")
    args = parser.parse_args()
    if not args.data.is_dir():
        parser.error(f"{args.data} is no folder; the figures are measured against the data in it")
    # What is timed comes first, while nothing else runs.
    sys.exit(0 if write(OUT, "models", "make proof-models", [*timed(), *parts(args.data)]) else 1)


def timed() -> list[Part]:
    """What needs the machine to itself."""
    return [
        Part("svc_segment, 12 MP", [*MODULE, "bench.segment"], fenced),
        Part(
            "Exports: size, parity, latency", [*MODULE, "models.export", "--table", "docs/exports.md"], fenced
        ),
    ]


def parts(data: Path) -> list[Part]:
    """Every other figure."""
    return [
        Part(
            "Ink on real photos: masks, boxes, bare skin",
            [*ASSAY, "eval", "segment", "--data", str(data / "tattoo")],
            fenced,
        ),
        Part(
            "Palette repeatability",
            [*ASSAY, "eval", "color", "--data", str(data), "--only", "palette"],
            fenced,
        ),
        Part("Pose backbones", [*MODULE, "models.evaluate.backbones", "--data", str(data)], fenced),
        Part("Generated people: centre of mass by view", [*MODULE, "models.evaluate.people_stills"], fenced),
        Part("Generated people: clips", [*MODULE, "models.evaluate.people", "--clips", "8"], fenced),
        Part("The same seed gives the same metrics", [TRAIN, "-m", "models.train.ink", "prove"], last_lines),
        Part(
            "Proofs as tests",
            [*PYTEST, "-m", "proof", "tests/models", "tests/segment", "tests/color"],
            last_lines,
        ),
        Part(
            "Generators, truth, gates, registry, recall",
            [*PYTEST, "-n", "2", "--dist", "loadgroup", "-m", "not proof", *TESTS],
            last_lines,
        ),
    ]


if __name__ == "__main__":
    main()
