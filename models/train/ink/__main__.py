"""Train and release the ink segmenter: `python -m models.train.ink <what>`.

release VERSION     compose, train (or go on), export, calibrate; a candidate in models/registry
experiment NAME     the same on a plan of your own, kept in docs/experiments and not released
smoke               from nothing to IoU > 0.3 on its own hold-out; fails when it does not learn; its designs
                    and clutter come from random numbers alone
prove               the smoke training twice: fails when a metric differs
looks VERSION       compare ways of looking at a photo with the net of a run
gates VERSION       measure on real photos, write the gates into the version; --release serves it
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2

from models.train.ink import log, release
from models.train.ink.export import NAME
from models.train.ink.judge import judge
from models.train.ink.looks import compare
from models.train.ink.photos import gates
from models.train.ink.plan import SMOKE, Plan, changed
from models.train.ink.pool import Pool
from models.train.ink.trainer import Run, train

CACHE = Path(__file__).parents[1] / ".cache"
LIBRARY = log.REPO / ".tools" / "cache" / "designs"
REGISTRY = log.REPO / "models" / "registry"
VALIDATION_SEED = 1_000_000
LEARNED = 0.3


def main() -> None:
    asked = _parser().parse_args()
    cv2.setNumThreads(1)
    if asked.what in ("smoke", "prove"):
        sys.exit(smoke(asked) if asked.what == "smoke" else prove(asked))
    if asked.what == "gates":
        measured = gates(f"{NAME}@{asked.name}", asked.data)
        judge(asked.name, measured, REGISTRY, asked.release)
        return
    if asked.what == "looks":
        looks(asked)
        return
    plan = changed(Plan(), asked.set)
    name = f"{NAME}-{asked.name}"
    run, pools, facts = _train(name, plan, asked, CACHE)
    if asked.what == "release":
        release.write(asked.name, plan, run, *pools, REGISTRY)
    else:
        facts |= _tried(plan, run, pools, asked.data)
    log.write(name, asked.why, plan, run, facts)


def looks(asked: argparse.Namespace) -> None:
    """Write docs/experiments/ink-seg-VERSION-looks."""
    name, count = f"{NAME}-{asked.name}", Plan().validation
    with Pool(CACHE, LIBRARY, VALIDATION_SEED, count, asked.workers) as scenes:
        photos = asked.data / "tattoo" if asked.data else None
        rows = compare(CACHE / "runs" / name, scenes, count, photos)
    log.write_table(
        f"{name}-looks",
        "One net, several ways to look at a photo. Calibrated on every second validation scene, measured on"
        " the others; photos are measured with that, and choose nothing.",
        rows,
    )


def smoke(asked: argparse.Namespace) -> int:
    """0 when the smoke training has learned."""
    began = time.monotonic()
    with TemporaryDirectory() as place:
        run, _, facts = _train("smoke", SMOKE, asked, Path(place), None)
    iou = run.history.validations[-1]["iou"]
    print(
        f"smoke: IoU {iou:.3f} of at least {LEARNED}, {time.monotonic() - began:.0f} s; {json.dumps(facts)}"
    )
    return 0 if iou > LEARNED else 1


def prove(asked: argparse.Namespace) -> int:
    """0 when two trainings of one seed gave the same metrics to the last digit."""
    with TemporaryDirectory() as place:
        hashes = []
        for k in range(2):
            run, _, _ = _train(f"run {k + 1}", SMOKE, asked, Path(place), None)
            hashes.append(run.history.metrics_sha256())
            shutil.rmtree(Path(place) / "runs")
    print(f"metrics {hashes[0]} and {hashes[1]}: {'the same' if hashes[0] == hashes[1] else 'DIFFERENT'}")
    return 0 if hashes[0] == hashes[1] else 1


def _train(
    name: str, plan: Plan, asked: argparse.Namespace, cache: Path, library: Path | None = LIBRARY
) -> tuple[Run, tuple[Pool, Pool], dict[str, Any]]:
    """The run, its pools, and what is known of data and rates."""
    validation = Pool(cache, library, VALIDATION_SEED, plan.validation, asked.workers)
    pool = Pool(cache, library, 0, plan.scenes, asked.workers, nice=5)
    with validation, pool:
        run = train(plan, pool, validation, cache / "runs" / name, f"{name}: ")
        crops = sum(p.batch * p.steps for p in plan.phases)
        facts = {
            "data": {"pool_sha256": pool.sha256, "scenes": pool.count, "validation": validation.sha256},
            "rates": {
                "scenes composed per core and second": round(pool.scenes_per_core_second, 2),
                "new scenes that training takes per second": round(pool.count / run.history.seconds, 2),
                "crops trained per second": round(crops * run.steps / plan.steps / run.history.seconds, 1),
                "seconds waited for examples": round(run.history.waited),
            },
        }
    return run, (pool, validation), facts


def _tried(plan: Plan, run: Run, pools: tuple[Pool, Pool], data: Path | None) -> dict[str, Any]:
    """What a plan that is not released gave: on synthetic scenes, and for information on photos."""
    with TemporaryDirectory() as place:
        folder = release.write("0.0.0", plan, run, *pools, Path(place))
        said = json.loads((folder / "model.json").read_text())
        found: dict[str, Any] = {"synthetic": said["synthetic_validation"]["all"]}
        if data is not None:
            measured = gates(f"{NAME}@0.0.0", data, Path(place))
            found["photos, for information"] = {g["gate"]: g["value"] for g in measured}
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.train.ink", description=__doc__.split("\n")[0])
    whats = parser.add_subparsers(dest="what", required=True)
    for what in ("release", "experiment", "looks", "gates", "smoke", "prove"):
        part = whats.add_parser(what)
        part.add_argument("--workers", type=int, default=2, help="processes that compose ahead")
        if what in ("release", "experiment", "looks", "gates"):
            part.add_argument("name", help="the version, or the experiment's name")
        if what in ("release", "experiment"):
            part.add_argument("--set", action="append", default=[], help='of the plan: "loss.dice=0"')
            part.add_argument("--why", default="", help="what the run is to show, for its log")
        if what in ("experiment", "looks", "gates"):
            part.add_argument("--data", type=Path, required=what == "gates", help="folder with real photos")
        if what == "gates":
            part.add_argument("--release", action="store_true", help="make the version one that is served")
    return parser


if __name__ == "__main__":
    main()
