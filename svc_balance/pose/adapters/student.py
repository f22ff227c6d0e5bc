"""Our own pose network (`models.train.pose`): 33 points, each with the error that it expects.

Its file is in the registry. Opening it here compares it with others; the pose stage follows people with
BlazePose, and `mesh.registry.serve` refuses a student that was not released.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mesh import providers
from mesh.errors import Internal
from mesh.landmarks import POINTS
from mesh.registry import REGISTRY, Entry, find, verified
from svc_balance.pose.adapters.backend import Backend
from svc_balance.pose.adapters.points import Points

NAME = "pose-student"
OUTPUTS = ("points", "error", "visibility")
FILE = "model.onnx"


@dataclass(frozen=True)
class Student:
    """An opened version. side: height and width of its input, px."""

    entry: Entry
    session: ort.InferenceSession
    side: int


def is_one(name_version: str) -> bool:
    """Whether a name, for example "pose-student@1.0.0", is of this network."""
    return name_version.startswith(f"{NAME}@")


def open_version(name_version: str, *, threads: int = 0, registry: Path = REGISTRY) -> Student:
    """Reads, verifies and opens a version, released or not.

    Raises NotFound (MODEL_NOT_FOUND), FailedPrecondition (MODEL_HASH_MISMATCH), Internal (MODEL_CONTRACT).
    """
    entry = find(name_version, registry)
    data = verified(entry.folder / FILE, str(entry.said.get("sha256")), entry.label)
    session = ort.InferenceSession(data, providers.options(threads), providers=providers.choose())
    side = session.get_inputs()[0].shape[1]
    shape, given = session.get_inputs()[0].shape[1:], tuple(output.name for output in session.get_outputs())
    if shape != [side, side, 3] or given != OUTPUTS or entry.said.get("input", {}).get("side") != side:
        raise Internal("MODEL_CONTRACT", f"{entry.label}: the file does not have the registered shape.")
    return Student(entry, session, side)


def size_bytes(name_version: str) -> int:
    """Of the ONNX file; raises NotFound (MODEL_NOT_FOUND)."""
    return (find(name_version).folder / FILE).stat().st_size


def backend(name_version: str, *, threads: int = 0) -> Backend:
    """A version, opened; raises as `open_version`."""
    model = open_version(name_version, threads=threads)
    return Backend(model.entry.label, model.side, model.side, partial(estimate, model))


def estimate(model: Student, crops: NDArray[np.float32]) -> Points:
    """Landmarks in crops [N, side, side, 3], RGB 0..1; their scores are the visibilities."""
    found, error, visibility = model.session.run(list(OUTPUTS), {"image": crops})
    places = np.asarray(found, np.float64).reshape(len(crops), POINTS, 2)
    return Points(places, np.asarray(visibility, np.float64), np.asarray(error, np.float64))
