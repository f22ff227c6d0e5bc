"""Pose, latency: from a decoded frame to its landmarks, one frame at a time, with every BlazePose model here.

What `python -m bench.pose --latency` prints.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from svc_balance.pose import detector, landmarker
from svc_balance.pose.contract import DETECTOR, find, known
from svc_balance.pose.estimate import COUNT_EVERY_S, no_person
from svc_balance.pose.networks import Networks, networks
from svc_balance.pose.track import follow
from svc_balance.pose.video import Frame

LONGEST_P95_MS = 100.0
"""Required with every model on two cores."""


@dataclass(frozen=True)
class Latency:
    """One frame at a time, as live: wall time and the thread's own CPU time, ms."""

    model: str
    p50_ms: float
    p95_ms: float
    cpu_p50_ms: float
    cpu_p95_ms: float


@dataclass(frozen=True)
class Latencies:
    frames: int
    cores: int
    load_before: float
    load_after: float
    models: list[Latency]
    not_fetched: list[str]
    passed: bool
    """Every model that was measured keeps to LONGEST_P95_MS, and there was one."""


def measure(frames: Sequence[Frame]) -> Latencies:
    """Every landmark model of BlazePose that is on this machine; the others are named."""
    load_before = os.getloadavg()[0]
    names = [name for name in known() if name.startswith("blazepose-") and name != DETECTOR]
    here = [name for name in names if find(name).file().is_file()]
    models = [latency(frames, networks(name)) for name in here]
    return Latencies(
        frames=len(frames),
        cores=len(os.sched_getaffinity(0)),
        load_before=load_before,
        load_after=os.getloadavg()[0],
        models=models,
        not_fetched=[name for name in names if name not in here],
        passed=bool(models) and all(model.p95_ms < LONGEST_P95_MS for model in models),
    )


def latency(frames: Sequence[Frame], loaded: Networks) -> Latency:
    """In one pass, with the detector when due. Raises Unmeasurable (NO_PERSON) without one in the first."""
    present = detector.detect(frames[0].rgb, loaded.detect)
    if not present:
        raise no_person()
    region = present[0].roi
    counted = 0.0
    wall, cpu = [], []
    for frame in frames:
        began, spent = time.perf_counter(), time.thread_time()
        if frame.time_s - counted >= COUNT_EVERY_S:
            counted = frame.time_s
            detector.detect(frame.rgb, loaded.detect)
        crops = landmarker.crops(frame.rgb, [region])
        region = follow(region, [landmarker.bodies(loaded.landmark(crops), [region])[0].roi])
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.thread_time() - spent))
    return Latency(
        loaded.label,
        float(np.percentile(wall, 50)),
        float(np.percentile(wall, 95)),
        float(np.percentile(cpu, 50)),
        float(np.percentile(cpu, 95)),
    )


def table(done: Latencies) -> str:
    """The result as Markdown."""
    lines = [
        f"{done.frames} decoded frames, one at a time, {done.cores} cores, "
        f"load {done.load_before:.1f} before, {done.load_after:.1f} after",
        "",
        "| model | p50 ms | p95 ms | CPU p50 ms | CPU p95 ms |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r.model} | {r.p50_ms:.1f} | {r.p95_ms:.1f} | {r.cpu_p50_ms:.1f} | {r.cpu_p95_ms:.1f} |"
        for r in done.models
    ]
    lines += [
        f"not fetched, not measured: {name} (python -m models.convert {name})" for name in done.not_fetched
    ]
    verdict = "passes" if done.passed else "does NOT pass"
    return "\n".join([*lines, "", f"latency {verdict}: p95 under {LONGEST_P95_MS:g} ms is required"])
