"""BlazePose's landmark network as one estimator among others, so that all can be shown the same regions."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import POINTS
from svc_balance.pose.adapters.backend import Backend
from svc_balance.pose.adapters.points import Points
from svc_balance.pose.contract import find
from svc_balance.pose.model import PoseModel, load

_VALUES = 5


def is_one(name_version: str) -> bool:
    """Whether a registered model is a BlazePose landmark network; raises NotFound (MODEL_NOT_FOUND)."""
    contract = find(name_version)
    return contract.source.converter == "blazepose" and "landmarks" in contract.outputs


def backend(name_version: str, *, threads: int = 0) -> Backend:
    """A BlazePose, loaded; raises as `model.load` (MODEL_NOT_FETCHED names the command that fetches it)."""
    model = load(name_version, threads=threads)
    return Backend(model.label, model.contract.side, model.contract.side, partial(estimate, model))


def estimate(model: PoseModel, crops: NDArray[np.float32]) -> Points:
    """Landmarks in crops [N, side, side, 3], RGB 0..1; their scores are the visibilities."""
    found, _, _ = model.run(crops)
    rows = found.reshape(len(crops), -1, _VALUES)[:, :POINTS].astype(np.float64)
    return Points(rows[..., :2], 1 / (1 + np.exp(-np.clip(rows[..., 3], -60, 60))))
