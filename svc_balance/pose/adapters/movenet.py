"""MoveNet single pose (Lightning, Thunder): decoding its maps.

Votel & Li 2021, "Next-Generation Pose Detection with MoveNet and TensorFlow.js": the person whose centre is
strongest near the middle of the crop; its regressed joints; each joint's heatmap peak near them; a sub-cell
offset. Joints are COCO's 17.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from mesh.point_sets import COCO_17
from svc_balance.pose.adapters.backend import Backend
from svc_balance.pose.adapters.points import Points, placed
from svc_balance.pose.contract import find
from svc_balance.pose.model import PoseModel, load

LIGHTNING = "movenet-lightning@3.0.4"
THUNDER = "movenet-thunder@3.0.4"
_NEAR = 1.8
"""Cells added to a distance before dividing by it: how strongly nearness counts."""
_JOINTS = 17

Maps = NDArray[np.float32]


def is_one(name_version: str) -> bool:
    """Whether a registered model is a MoveNet; raises NotFound (MODEL_NOT_FOUND)."""
    return find(name_version).source.converter == "movenet"


def backend(name_version: str, *, threads: int = 0) -> Backend:
    """A MoveNet, loaded; raises as `model.load` (MODEL_NOT_FETCHED names the command that fetches it)."""
    model = load(name_version, threads=threads)
    return Backend(model.label, model.contract.side, model.contract.side, partial(estimate, model))


def estimate(model: PoseModel, crops: NDArray[np.float32]) -> Points:
    """Landmarks of the person in the middle of each crop [N, side, side, 3], RGB 0..1."""
    low, high = model.contract.low, model.contract.high
    maps = model.run((low + (high - low) * crops).astype(np.float32))
    return placed(
        np.stack([decode(*(each[n] for each in maps)) for n in range(len(crops))]) * _scale(model), COCO_17
    )


def decode(centre: Maps, heatmap: Maps, regress: Maps, offset: Maps) -> NDArray[np.float64]:
    """One person from maps [1, S, S], [17, S, S], [34, S, S], [34, S, S]: rows x, y (0..1), score, [17, 3].

    centre and heatmap are logits; regress and offset hold (y, x) pairs in cells.
    """
    side = heatmap.shape[1]
    rows, columns = np.mgrid[0:side, 0:side]
    middle = np.hypot(rows - side / 2, columns - side / 2)
    row, column = np.unravel_index(np.argmax(_sigmoid(centre[0]) / (middle + _NEAR)), (side, side))
    joints = regress[:, row, column].reshape(_JOINTS, 2) + np.array([row, column])
    away = np.hypot(rows - joints[:, 0, None, None], columns - joints[:, 1, None, None])
    scores = _sigmoid(heatmap)
    peaks = np.argmax((scores / (away + _NEAR)).reshape(_JOINTS, -1), axis=1)
    peak_rows, peak_columns = np.divmod(peaks, side)
    shifts = offset.reshape(_JOINTS, 2, side, side)[np.arange(_JOINTS), :, peak_rows, peak_columns]
    y = (peak_rows + shifts[:, 0]) / side
    x = (peak_columns + shifts[:, 1]) / side
    return np.column_stack([x, y, scores[np.arange(_JOINTS), peak_rows, peak_columns]])


def _scale(model: PoseModel) -> NDArray[np.float64]:
    side = model.contract.side
    return np.array([side, side, 1], np.float64)


def _sigmoid(logits: Maps) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -60, 60))))
