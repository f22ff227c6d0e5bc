"""The networks of this process: loaded once, shared by gRPC calls and JetStream messages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mesh import registry
from mesh.cores import cores
from mesh.errors import FailedPrecondition
from svc_balance.pose import detector, landmarker
from svc_balance.pose.batcher import Batcher
from svc_balance.pose.contract import DEFAULT, DETECTOR, find, known
from svc_balance.pose.landmarker import Crops, Outputs
from svc_balance.pose.model import PoseModel, load

CPU = "CPUExecutionProvider"
GPU_BATCH = 32
"""Crops at once on a GPU."""
_GPU_CALLERS = 8


@dataclass(frozen=True)
class Networks:
    """Detector and landmark model, and the threads in which frames run side by side."""

    finder: PoseModel
    pose: PoseModel
    detect: detector.Run
    landmark: landmarker.Run
    pool: ThreadPoolExecutor

    @property
    def label(self) -> str:
        """Model and version, for example "blazepose-full@0.10.14"."""
        return self.pose.label


def networks(name_version: str = "") -> Networks:
    """The networks of a model (the default one's active version when empty), loaded and warmed.

    Raises as `registry.serve` (for the detector, too) and `model.load`, and FailedPrecondition
    (MODEL_UNSUITABLE) for a model of another kind.
    """
    finder = registry.serve("", DETECTOR.partition("@")[0])
    return _warm(finder.label, registry.serve(name_version, DEFAULT.partition("@")[0]).label)


@lru_cache(maxsize=4)
def _warm(detector_label: str, label: str) -> Networks:
    """Opened once per process.

    On the CPU one thread runs one crop and as many run as there are cores: that is faster than several
    threads sharing one crop, and than batches (docs/performance.md).
    """
    finder, pose = load(detector_label, threads=1), load(label, threads=1)
    if "landmarks" not in pose.contract.outputs:
        raise FailedPrecondition(
            "MODEL_UNSUITABLE",
            f"{pose.label} is no landmark model that the pose stage can follow people with.",
            field="model",
            fix="Use one of: " + ", ".join(name for name in known() if "landmarks" in find(name).outputs),
        )
    on_cpu = pose.provider == CPU
    built = Networks(
        finder=finder,
        pose=pose,
        detect=_detect(finder),
        landmark=_one_by_one(pose) if on_cpu else Batcher(_landmark(pose), GPU_BATCH, pose.label),
        pool=ThreadPoolExecutor(cores() if on_cpu else _GPU_CALLERS, thread_name_prefix="pose"),
    )
    built.detect(np.zeros((1, detector.SIZE, detector.SIZE, 3), np.float32))
    built.landmark(np.zeros((1, landmarker.SIZE, landmarker.SIZE, 3), np.float32))
    return built


def _detect(model: PoseModel) -> detector.Run:
    def run(image: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        boxes, scores = model.run(image)
        return boxes, scores

    return run


def _landmark(model: PoseModel) -> landmarker.Run:
    def run(crops: Crops) -> Outputs:
        points, probability, world = model.run(crops)
        return points, probability, world

    return run


def _one_by_one(model: PoseModel) -> landmarker.Run:
    def run(crops: Crops) -> Outputs:
        points, probability, world = zip(*(model.run(crop[None]) for crop in crops), strict=True)
        return np.concatenate(points), np.concatenate(probability), np.concatenate(world)

    return run
