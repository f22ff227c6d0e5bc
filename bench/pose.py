"""Pose, frames a second: our stage's core beside MediaPipe, on the same decoded frames.

    python -m bench.pose [--video CLIP.mp4] [--model NAME@VERSION] [--rounds 5] [--json]
    python -m bench.pose --latency

The peers are mediapipe 0.10.14 (mp.solutions.pose, and Tasks PoseLandmarker in VIDEO mode) and mediapipe
1.2.2 (Tasks), each in a throw-away environment below .tools, with the same TensorFlow Lite models that ours
are converted from. All take turns on the same decoded frames in one run; medians of the rounds are compared.
A race writes all its figures to bench/results/latest.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import pose_latency
from bench.pose_latency import Latencies, measure
from models.convert.fetch import obtain
from svc_balance.pose.contract import DEFAULT, DETECTOR, STORE, find
from svc_balance.pose.estimate import estimate
from svc_balance.pose.networks import Networks, networks
from svc_balance.pose.quality_mode import REGIONS
from svc_balance.pose.video import Frame, decode

_PROJECT = Path(__file__).resolve().parents[1]
SAMPLE = _PROJECT / "models" / "sample" / "balance.mp4"
LATEST = _PROJECT / "bench" / "results" / "latest.json"
TOOLS = _PROJECT / ".tools" / "bench"
REQUIRED = 1.2
FPS = 30.0
MOST_FRAMES = 120
LATENCY_FRAMES = 60
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Speed:
    """Medians over rounds. ratio: frames a second over those of the fastest peer. cpu_ms: processor time of a
    frame, all threads; on a busy machine it says more than the clock."""

    name: str
    frames_per_s: float
    ratio: float
    cpu_ms: float
    rounds: list[float]


@dataclass(frozen=True)
class Bench:
    video: str
    frames: int
    size: str
    model: str
    cores: int
    load_before: float
    load_after: float
    speeds: list[Speed]
    latency: Latencies
    fastest_peer: str
    passed: bool


class Turn(NamedTuple):
    """Of one contender over the frames."""

    frames_per_s: float
    cpu_ms: float


class Peer:
    """A MediaPipe process that waits for its turn."""

    def __init__(self, name: str, version: str, arguments: Sequence[str]) -> None:
        self.name = name
        script = Path(__file__).with_name("pose_peer.py")
        command = [str(environment(version)), "-W", "ignore", str(script), *arguments]
        self._process = subprocess.Popen(  # noqa: S603 - our own script and files
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def run(self) -> Turn:
        """One turn over all frames; a first one goes outside the clock."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with status {self._process.wait()}")
        answer = json.loads(line)
        seconds: list[float] = answer["seconds"]
        if answer["found"] < 0.9 * len(seconds):
            raise SystemExit(f"{self.name} found a person in {answer['found']} of {len(seconds)} frames only")
        return Turn(len(seconds) / float(sum(seconds)), 1000 * float(answer["cpu_seconds"]) / len(seconds))

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


def environment(version: str) -> Path:
    """The Python of an environment that holds this MediaPipe; made when it is not there."""
    folder = TOOLS / f"mediapipe-{version}"
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.is_file():
        print(f"making an environment with mediapipe {version} ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(  # noqa: S603 - a pinned package
            [str(python), "-m", "pip", "install", "-q", f"mediapipe=={version}"],
            check=True,
            timeout=PATIENCE_S,
        )
        ready.touch()
    return python


def bench(video: Path, model: str, rounds: int) -> Bench:
    """Everything, in turns."""
    frames = _frames(video)
    loaded = networks(model)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        peers = [stack.enter_context(peer) for peer in _peers(Path(folder), frames, model)]
        names = ["ours, single pass", f"ours, quality ({REGIONS} regions)", *(peer.name for peer in peers)]
        found: dict[str, list[Turn]] = {name: [] for name in names}
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            found[names[0]].append(ours(frames, loaded, 1))
            for peer in peers:
                found[peer.name].append(peer.run())
            found[names[1]].append(ours(frames[: len(frames) // 4], loaded, REGIONS))
    medians = {name: float(np.median([turn.frames_per_s for turn in turns])) for name, turns in found.items()}
    cpu = {name: float(np.median([turn.cpu_ms for turn in turns])) for name, turns in found.items()}
    fastest = max((peer.name for peer in peers), key=lambda name: medians[name])
    ratios = {name: value / medians[fastest] for name, value in medians.items()}
    return Bench(
        video=video.name,
        frames=len(frames),
        size=f"{frames[0].rgb.shape[1]} x {frames[0].rgb.shape[0]}",
        model=loaded.label,
        cores=len(os.sched_getaffinity(0)),
        load_before=load_before,
        load_after=os.getloadavg()[0],
        speeds=[
            Speed(name, medians[name], ratios[name], cpu[name], [turn.frames_per_s for turn in found[name]])
            for name in names
        ],
        latency=measure(frames[:LATENCY_FRAMES]),
        fastest_peer=fastest,
        passed=ratios[names[0]] >= REQUIRED,
    )


def ours(frames: Sequence[Frame], loaded: Networks, regions: int) -> Turn:
    """One turn of the stage's core."""
    began, spent = time.perf_counter(), time.process_time()
    estimate(frames, loaded, regions=regions)
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    return Turn(len(frames) / wall, 1000 * cpu / len(frames))


def _frames(video: Path) -> list[Frame]:
    frames = []
    for frame in decode(video):
        frames.append(Frame(frame.index, frame.index / FPS, frame.rgb))
        if len(frames) == MOST_FRAMES:
            break
    return frames


def _peers(folder: Path, frames: Sequence[Frame], model: str) -> list[Peer]:
    """The peers that can run the model: the legacy graph ships the default one only."""
    file = folder / "frames.npy"
    stacked: NDArray[np.uint8] = np.lib.format.open_memmap(
        file, "w+", np.uint8, (len(frames), *frames[0].rgb.shape)
    )
    for place, frame in zip(stacked, frames, strict=True):
        place[:] = frame.rgb
    paths = []
    for name in (DETECTOR, model or DEFAULT):
        data = obtain(find(name).source, STORE)[0]
        paths.append(folder / f"{name}.tflite")
        paths[-1].write_bytes(data)
    bundle = folder / "pose.task"
    script = Path(__file__).with_name("pose_peer.py")
    subprocess.run(  # noqa: S603 - our own script and files
        [str(environment("0.10.14")), "-W", "ignore", str(script), "bundle", str(bundle), *map(str, paths)],
        check=True,
        timeout=PATIENCE_S,
    )
    tasks = ["tasks", str(file), str(bundle)]
    peers = [Peer(f"mediapipe {version} Tasks, VIDEO", version, tasks) for version in ("0.10.14", "1.2.2")]
    if model in ("", DEFAULT):
        peers.append(Peer("mediapipe 0.10.14 solutions.pose", "0.10.14", ["solutions", str(file)]))
    return peers


def table(done: Bench) -> str:
    """The result as Markdown."""
    head = (
        f"{done.model}, {done.frames} decoded frames of {done.video} ({done.size}), {done.cores} cores, load "
    )
    lines = [head + f"{done.load_before:.1f} before, {done.load_after:.1f} after", ""]
    lines += ["| who | frames/s | ratio to the fastest peer | CPU ms a frame |", "| --- | --- | --- | --- |"]
    lines += [f"| {s.name} | {s.frames_per_s:.1f} | {s.ratio:.2f} | {s.cpu_ms:.1f} |" for s in done.speeds]
    verdict = "passes" if done.passed else "does NOT pass"
    lines += ["", f"speed {verdict}: {REQUIRED} times the fastest peer is required", ""]
    return "\n".join([*lines, pose_latency.table(done.latency)])


def main() -> None:
    """Command line; exit status 1 when what was asked for is not fast enough."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", type=Path, default=SAMPLE, help="clip with one person in view throughout")
    parser.add_argument("--model", default="", help="pose model to race; the default one when empty")
    parser.add_argument("--rounds", type=int, default=5, help="turns each (default 5)")
    parser.add_argument("--latency", action="store_true", help="no race: latency of every fetched model only")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    given = parser.parse_args()
    if not given.video.is_file():
        parser.error(f"--video: there is no file {given.video}")
    if given.latency:
        delay = measure(_frames(given.video)[:LATENCY_FRAMES])
        print(json.dumps(dataclasses.asdict(delay), indent=2) if given.json else pose_latency.table(delay))
        sys.exit(0 if delay.passed else 1)
    done = bench(given.video, given.model, given.rounds)
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps({"pose": dataclasses.asdict(done)}, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(dataclasses.asdict(done), indent=2) if given.json else table(done))
    sys.exit(0 if done.passed and done.latency.passed else 1)


if __name__ == "__main__":
    main()
