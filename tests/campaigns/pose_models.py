"""Converted pose models against LiteRT: differences and processor time, as docs/pose-models.md states them.

    python -m tests.campaigns.pose_models [--runs 80]

One thread each, in turn, and processor time instead of the clock, so that what else the machine does counts
little. Fetches what is missing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from models.convert.__main__ import make
from svc_balance.pose.contract import Contract, find, known
from svc_balance.pose.model import load
from tests.balance.reference import reference, smooth


def median_ms(runs: int, *calls: Callable[[], object]) -> list[float]:
    """Median processor time of each call over so many turns, ms."""
    spent: list[list[float]] = [[] for _ in calls]
    for turn in range(runs + 3):
        for call, times in zip(calls, spent, strict=True):
            began = time.thread_time()
            call()
            if turn >= 3:
                times.append(1e3 * (time.thread_time() - began))
    return [float(np.median(times)) for times in spent]


def measure(contract: Contract, runs: int) -> str:
    """One row of the table."""
    make(contract)
    theirs, session = reference(contract), load(contract.label, threads=1).session
    names = list(contract.outputs)
    images = smooth(contract, 6)
    ours = dict(zip(names, session.run(names, {"image": images}), strict=True))
    worst = dict.fromkeys(names, 0.0)
    for at, image in enumerate(images):
        for name, wanted in zip(names, theirs.run(image), strict=True):
            turned = wanted.transpose(2, 0, 1) if name == "heatmap" else wanted
            worst[name] = max(worst[name], float(np.abs(ours[name][at] - turned).max()))
    litert, onnx = median_ms(
        runs, lambda: theirs.run(images[0]), lambda: session.run(names, {"image": images[:1]})
    )
    apart = ", ".join(f"{name} {value:.2g}" for name, value in worst.items())
    return f"| {contract.label} | {contract.size_bytes / 1e6:.1f} MB | {litert:.1f} | {onnx:.1f} | {apart} |"


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=80)
    runs = parser.parse_args().runs
    print("| model | size | LiteRT, ms | ONNX Runtime, ms | greatest difference |")
    print("| --- | --- | --- | --- | --- |")
    for name in known():
        if name.startswith("blazepose-"):
            print(measure(find(name), runs), flush=True)


if __name__ == "__main__":
    main()
