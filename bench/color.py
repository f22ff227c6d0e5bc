"""Colour: our CIEDE2000 and CIELAB beside colour-science, scikit-image and OpenCV, on the same arrays.

    python -m bench.color [--rounds 9] [--pairs 1000000] [--megapixels 12] [--json]

One process, one set of arrays, everybody in turns; the best turn of each counts, because on a machine with
other work every turn is too long and none too short. Errors are those against our own float64 in numpy, which
the tests compare with colour-science to 1e-9. All figures go to bench/results/color.json; the exit status is
1 when CIEDE2000 in its fast path is below 10 times the faster of its peers, when sRGB to CIELAB in float64 is
below OpenCV's float path, or when an error is larger than promised.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000

from svc_color import difference, space
from svc_color.difference import delta_e_2000
from svc_color.kernel import library
from svc_color.space import srgb_to_lab, srgb_to_lab_single

with warnings.catch_warnings():
    # It says at import which plotting libraries it goes without.
    warnings.simplefilter("ignore")
    from colour.difference import delta_E_CIE2000

KEPT = Path(__file__).resolve().parent / "results" / "color.json"
Work = Callable[[], NDArray[Any]]
REQUIRED = {"difference": 10.0, "lab": 1.0}
PROMISED = {"difference": 1e-4, "lab": 1e-9}


@dataclass(frozen=True)
class Row:
    """One contender. ms: its best turn. ratio: the fastest peer's best turn over its own. error: the largest
    of all answers against float64 in numpy."""

    name: str
    ms: float
    ratio: float
    error: float


@dataclass(frozen=True)
class Race:
    what: str
    rows: list[Row]
    fastest_peer: str
    passed: bool


@dataclass(frozen=True)
class Bench:
    kernel: str
    cores: int
    rounds: int
    load_before: float
    load_after: float
    difference: Race
    lab: Race


def race(
    what: str, ours: Mapping[str, Work], peers: Mapping[str, Work], truth: NDArray[Any], rounds: int
) -> Race:
    """All in turns; the first of ours is the one that has to win."""
    works = {**ours, **peers}
    errors = {name: float(np.abs(work() - truth).max()) for name, work in works.items()}
    best = dict.fromkeys(works, float("inf"))
    for number in range(rounds):
        print(f"{what}: round {number + 1} of {rounds}", file=sys.stderr)
        for name, work in works.items():
            began = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - began)
    fastest = min(peers, key=lambda name: best[name])
    rows = [Row(name, 1000 * best[name], best[fastest] / best[name], errors[name]) for name in works]
    kind = "difference" if "CIEDE2000" in what else "lab"
    passed = rows[0].ratio >= REQUIRED[kind] and rows[0].error <= PROMISED[kind]
    return Race(what, rows, fastest, passed)


def difference_race(pairs: int, rounds: int) -> Race:
    """CIEDE2000 of pairs all over where surface colours lie, float64 in and out."""
    lab_1, lab_2 = np.random.default_rng(1).uniform([0, -100, -100], [100, 100, 100], (2, pairs, 3))
    out = np.empty(pairs)
    in_numpy = _numpy(difference, lambda: delta_e_2000(lab_1, lab_2))
    ours: dict[str, Work] = {
        "ours, float32 inside, 2 threads": lambda: delta_e_2000(lab_1, lab_2, fast=True, threads=2),
        "ours, float32 inside, 1 thread": lambda: delta_e_2000(lab_1, lab_2, fast=True, threads=1),
        "ours, float64, 2 threads": lambda: delta_e_2000(lab_1, lab_2, threads=2),
        "ours, float64, 1 thread": lambda: delta_e_2000(lab_1, lab_2, threads=1),
        "ours, float64, 2 threads, `out` given": lambda: delta_e_2000(lab_1, lab_2, threads=2, out=out),
        **{
            f"ours, float32 inside, 2 threads, {name}": _on(
                difference, name, lambda: delta_e_2000(lab_1, lab_2, fast=True, threads=2)
            )
            for name in library.VARIANTS[1:]
        },
        "ours, numpy, no kernel": in_numpy,
    }
    peers: dict[str, Work] = {
        "scikit-image `deltaE_ciede2000`": lambda: np.asarray(deltaE_ciede2000(lab_1, lab_2)),
        "colour-science `delta_E_CIE2000`": lambda: np.asarray(delta_E_CIE2000(lab_1, lab_2)),
    }
    return race(f"CIEDE2000 of {pairs} pairs", ours, peers, in_numpy(), rounds)


def lab_race(megapixels: float, rounds: int) -> Race:
    """An 8-bit photo to CIELAB; OpenCV's path includes its conversion to float32."""
    height = round((megapixels * 750_000) ** 0.5)
    rgb = np.random.default_rng(2).integers(0, 256, (height, height * 4 // 3, 3), dtype=np.uint8)
    out, single = np.empty(rgb.shape), np.empty(rgb.shape, np.float32)
    floats, converted = np.empty(rgb.shape, np.float32), np.empty(rgb.shape, np.float32)

    def opencv() -> NDArray[Any]:
        return cv2.cvtColor(rgb.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2LAB)

    def opencv_in_place() -> NDArray[Any]:
        np.multiply(rgb, np.float32(1 / 255), out=floats, dtype=np.float32)
        return cv2.cvtColor(floats, cv2.COLOR_RGB2LAB, dst=converted)

    in_numpy = _numpy(space, lambda: srgb_to_lab(rgb))
    ours: dict[str, Work] = {
        "ours, float64, 2 threads": lambda: srgb_to_lab(rgb, threads=2),
        "ours, float64, 1 thread": lambda: srgb_to_lab(rgb, threads=1),
        "ours, float64, 2 threads, `out` given": lambda: srgb_to_lab(rgb, threads=2, out=out),
        "ours, float32, 2 threads": lambda: srgb_to_lab_single(rgb, threads=2),
        "ours, float32, 1 thread": lambda: srgb_to_lab_single(rgb, threads=1),
        "ours, float32, 2 threads, `out` given": lambda: srgb_to_lab_single(rgb, threads=2, out=single),
        "ours, numpy, no kernel": in_numpy,
    }
    peers: dict[str, Work] = {
        "OpenCV float32, new arrays": opencv,
        "OpenCV float32, arrays given": opencv_in_place,
    }
    return race(f"sRGB to CIELAB, {rgb.size / 3e6:.1f} megapixels of 8 bits", ours, peers, in_numpy(), rounds)


def _on(module: Any, name: str, work: Work) -> Work:
    """`work` with another instruction set than the processor's best."""

    def run() -> NDArray[Any]:
        before = module.KERNEL
        module.KERNEL = name
        try:
            return work()
        finally:
            module.KERNEL = before

    return run


def _numpy(module: Any, work: Work) -> Work:
    return _on(module, library.NUMPY, work)


def bench(pairs: int, megapixels: float, rounds: int) -> Bench:
    """Both races."""
    cv2.setNumThreads(2)
    load_before = os.getloadavg()[0]
    first = difference_race(pairs, rounds)
    second = lab_race(megapixels, rounds)
    cores = len(os.sched_getaffinity(0))
    return Bench(difference.KERNEL, cores, rounds, load_before, os.getloadavg()[0], first, second)


def table(done: Bench) -> str:
    """The result as Markdown."""
    lines = [
        f"kernel {done.kernel}, {done.cores} cores, best of {done.rounds} interleaved turns, load "
        f"{done.load_before:.1f} before, {done.load_after:.1f} after"
    ]
    for one, required in ((done.difference, REQUIRED["difference"]), (done.lab, REQUIRED["lab"])):
        lines += [
            "",
            one.what,
            "",
            "| who | ms | times the faster peer | largest error |",
            "| --- | --- | --- | --- |",
        ]
        lines += [f"| {row.name} | {row.ms:.2f} | {row.ratio:.2f} | {row.error:.1e} |" for row in one.rows]
        verdict = "passes" if one.passed else "does NOT pass"
        lines += ["", f"{verdict}: {required:g} times {one.fastest_peer} is required of the first row"]
    return "\n".join(lines)


def main() -> None:
    """Command line; exit status 1 when what was asked for is not fast or not exact enough."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="turns each (default 9)")
    parser.add_argument(
        "--pairs", type=int, default=1_000_000, help="pairs for CIEDE2000 (default a million)"
    )
    parser.add_argument("--megapixels", type=float, default=12.0, help="size of the photo (default 12)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    given = parser.parse_args()
    if difference.KERNEL == library.NUMPY:
        sys.exit(f"there is no kernel to race: {library.REASON} (make setup builds it)")
    done = bench(given.pairs, given.megapixels, given.rounds)
    figures = json.dumps(dataclasses.asdict(done), indent=2)
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(figures + "\n", encoding="utf-8")
    print(figures if given.json else table(done))
    sys.exit(0 if done.difference.passed and done.lab.passed else 1)


if __name__ == "__main__":
    main()
