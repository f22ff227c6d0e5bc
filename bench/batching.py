"""Throughput against batch size: what a batch of tiles gains on each device, and how much of it callers get.

    python -m bench.batching [--seconds 5] [--side 512] [--json]

Every ONNX Runtime provider that is really there (CPU, CUDA, TensorRT) runs the released ink segmenter on
batches of 1 to 32 tiles: the device alone, in a loop, and through `svc_segment.batcher` with twice as many
callers as a batch holds, one tile each. Beside them an EMULATED device, which computes nothing: a batch of
n holds it for FIXED_S + n * EACH_S. It stands for a GPU in that shape only; its seconds are chosen, not
measured, and show how the batcher behaves where batches pay.

Writes bench/results/batching.json; exits with 1 when the batcher passes on less than 0.8 of a device's rate.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mesh import providers, registry
from svc_segment.batcher import Batcher
from svc_segment.features import CHANNELS
from svc_segment.model import NAME

KEPT = Path(__file__).with_name("results") / "batching.json"
SIZES = (1, 2, 4, 8, 16, 32)
# The emulated device: so long a run and so long a tile. Sleeping leaves the cores alone, as a device does.
FIXED_S, EACH_S = 0.008, 0.0015
EMULATED = "EMULATED"
LEAST_PASSED_ON = 0.8
QUEUE = 256

Tiles = NDArray[np.float32]
Run = Callable[[Tiles], Tiles]


@dataclass(frozen=True)
class Point:
    batch: int
    device_per_s: float
    """Tiles a second of the device alone, always full batches."""
    batcher_per_s: float
    """Tiles a second that callers got."""
    mean_batch: float
    """Tiles in a batch that the batcher made."""


@dataclass(frozen=True)
class Curve:
    device: str
    emulated: bool
    points: list[Point]


@dataclass(frozen=True)
class Bench:
    model: str
    side: int
    cores: int
    load_before: float
    load_after: float
    curves: list[Curve]
    absent: list[str]
    """Providers that are not here, so not measured."""
    missed: list[str]


def emulated(tiles: Tiles) -> Tiles:
    """Holds the device as long as its arithmetic says; answers zeros (B, H, W)."""
    time.sleep(FIXED_S + len(tiles) * EACH_S)
    return np.zeros((len(tiles), *tiles.shape[2:]), np.float32)


def session(provider: str) -> Run | None:
    """The released model on one provider; None where ONNX Runtime falls to another."""
    entry = registry.serve("", NAME)
    data = registry.verified(entry.folder / "model.onnx", str(entry.said["sha256"]), entry.label)
    made = ort.InferenceSession(data, providers.options(), providers=[provider])
    if made.get_providers()[0] != provider:
        return None
    return lambda tiles: np.asarray(made.run(None, {"features": tiles})[0], np.float32)[:, 0]


def curve(device: str, run: Run, side: int, seconds: float) -> Curve:
    """Every batch size."""
    points = []
    for size in SIZES:
        tiles = np.zeros((size, CHANNELS, side, side), np.float32)
        run(tiles)  # providers plan, allocate and compile for a shape when they first see it
        batcher_per_s, mean = asyncio.run(_through_batcher(run, tiles[0], size, seconds))
        points.append(Point(size, _alone(run, tiles, seconds), batcher_per_s, mean))
    return Curve(device, device == EMULATED, points)


def _alone(run: Run, tiles: Tiles, seconds: float) -> float:
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        run(tiles)
        done += len(tiles)
    return done / (time.perf_counter() - began)


async def _through_batcher(run: Run, tile: Tiles, size: int, seconds: float) -> tuple[float, float]:
    """Tiles a second, and the mean batch, with twice as many callers as a batch holds."""
    sizes: list[int] = []

    def counted(tiles: Tiles) -> Tiles:
        sizes.append(len(tiles))
        return run(tiles)

    async with Batcher(counted, size, QUEUE) as batcher:
        began = time.perf_counter()

        async def caller() -> int:
            done = 0
            while time.perf_counter() - began < seconds:
                await batcher.submit([tile], datetime.now(UTC) + timedelta(seconds=60))
                done += 1
            return done

        done = sum(await asyncio.gather(*(caller() for _ in range(2 * size))))
        return done / (time.perf_counter() - began), sum(sizes) / len(sizes)


def measure(side: int, seconds: float) -> Bench:
    """Every device that is here, and the emulated one."""
    load_before, curves, absent = os.getloadavg()[0], [], []
    for provider in ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"):
        run = session(provider) if provider in ort.get_available_providers() else None
        if run is None:
            absent.append(provider)
        else:
            curves.append(curve(provider, run, side, seconds))
    curves.append(curve(EMULATED, emulated, side, seconds))
    return Bench(
        model=registry.serve("", NAME).label,
        side=side,
        cores=len(os.sched_getaffinity(0)),
        load_before=load_before,
        load_after=os.getloadavg()[0],
        curves=curves,
        absent=absent,
        missed=missed(curves),
    )


def missed(curves: Sequence[Curve]) -> list[str]:
    """Where callers get too little of what a device can do."""
    return [
        f"{each.device}, batches of {point.batch}: {point.batcher_per_s / point.device_per_s:.2f} of it alone"
        for each in curves
        for point in each.points
        if point.batcher_per_s < LEAST_PASSED_ON * point.device_per_s
    ]


def table(done: Bench) -> str:
    """Markdown."""
    lines = [
        f"{done.model}, tiles of {done.side} x {done.side}, {done.cores} cores, machine load "
        f"{done.load_before:.1f} before and {done.load_after:.1f} after",
        *(f"{name} is not here: not measured" for name in done.absent),
        "",
        "| device | batch | tiles/s, alone | over batch 1 | tiles/s through the batcher | mean batch |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for each in done.curves:
        name = f"{each.device}: {FIXED_S * 1000:g} + {EACH_S * 1000:g} n ms" if each.emulated else each.device
        lines += [
            f"| {name} | {point.batch} | {point.device_per_s:.1f} | "
            f"{point.device_per_s / each.points[0].device_per_s:.2f} | {point.batcher_per_s:.1f} | "
            f"{point.mean_batch:.1f} |"
            for point in each.points
        ]
    return "\n".join([*lines, "", *([f"NOT held: {each}" for each in done.missed] or ["every limit holds"])])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="Throughput against batch size.")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each point, twice")
    parser.add_argument("--side", type=int, default=512, help="of a tile, pixels, a multiple of 32")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    done = measure(given.side, given.seconds)
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(dataclasses.asdict(done), indent=2))
    print(KEPT.read_text() if given.json else table(done))
    return 1 if done.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
