"""RTMPose from a user's own ONNX file (its weights are in no package registry).

Jiang et al. 2023, "RTMPose"; SimCC heads (Li et al. 2022): for every joint one distribution over columns and
one over rows, finer than pixels. Expected is what MMDeploy exports: input [N, 3, H, W], outputs simcc_x
[N, K, W * r] and simcc_y [N, K, H * r]; K is 17 (COCO) or 26 (Halpe body and feet).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mesh import providers
from mesh.errors import InvalidInput
from mesh.point_sets import SETS
from svc_balance.pose.adapters.backend import Backend
from svc_balance.pose.adapters.points import Points, placed

MAX_BYTES = 512 * 1024 * 1024
# Of ImageNet's pixels, RGB, 0..255: MMPose's data_preprocessor for RTMPose.
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)


@dataclass(frozen=True)
class SimCC:
    """An opened file. height, width: of its input, px. joints: 17 or 26. label: name with the file's hash."""

    session: ort.InferenceSession
    label: str
    height: int
    width: int
    joints: int


def open_file(path: Path, *, threads: int = 0) -> SimCC:
    """Opens a user's RTMPose file; raises InvalidInput (MODEL_FILE_UNUSABLE) for anything else."""
    try:
        if path.stat().st_size > MAX_BYTES:
            _refuse(f"it is larger than {MAX_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        _refuse(f"{path.name} cannot be read ({error.strerror})")
    try:
        session = ort.InferenceSession(data, providers.options(threads), providers=providers.choose())
    except Exception as error:  # onnxruntime's errors have no common base but Exception
        _refuse(f"ONNX Runtime does not open it ({str(error).splitlines()[0][:200]})")
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3 or not all(isinstance(n, int) for n in shape[2:]):
        _refuse(f"its input is {shape}, not one picture [N, 3, H, W] of fixed height and width")
    height, width = shape[2:]
    if len(outputs) != 2:
        _refuse(f"it has {len(outputs)} outputs, not simcc_x and simcc_y")
    blank = np.zeros((1, 3, height, width), np.float32)
    columns, rows = session.run(None, {inputs[0].name: blank})
    joints = columns.shape[1] if columns.ndim == 3 else 0
    if joints not in SETS or rows.shape != (1, joints, columns.shape[2] * height // width):
        _refuse(
            f"its outputs are {columns.shape} and {rows.shape}, not 17 or 26 joints over columns and rows"
        )
    label = f"rtmpose-{joints}@{hashlib.sha256(data).hexdigest()[:12]}"
    return SimCC(session, label, height, width, joints)


def backend(path: Path) -> Backend:
    """A user's file, opened; raises as `open_file`."""
    model = open_file(path)
    return Backend(model.label, model.height, model.width, partial(estimate, model))


def estimate(model: SimCC, crops: NDArray[np.float32]) -> Points:
    """Landmarks in crops [N, height, width, 3], RGB 0..1; a joint without any support is missing."""
    pictures = ((crops * np.float32(255) - _MEAN) / _DEVIATION).transpose(0, 3, 1, 2)
    name = model.session.get_inputs()[0].name
    # Exported files often hold the batch at one.
    made = [model.session.run(None, {name: np.ascontiguousarray(each[None])}) for each in pictures]
    columns, rows = (np.concatenate([pair[k] for pair in made]).astype(np.float64) for k in (0, 1))
    return placed(decode(columns, rows, model.height, model.width), SETS[model.joints])


def decode(
    columns: NDArray[np.float64], rows: NDArray[np.float64], height: int, width: int
) -> NDArray[np.float64]:
    """Joints [N, K, 3] as x, y (px), score from distributions [N, K, bins]; NaN where neither has a peak.

    The score is the weaker of both maxima, at most 1 (MMPose, get_simcc_maximum).
    """
    x = columns.argmax(axis=2) * (width / columns.shape[2])
    y = rows.argmax(axis=2) * (height / rows.shape[2])
    score = np.minimum(columns.max(axis=2), rows.max(axis=2))
    out = np.stack([x, y, np.clip(score, 0, 1)], axis=2)
    out[score <= 0] = np.nan
    return out


def _refuse(why: str) -> NoReturn:
    raise InvalidInput(
        "MODEL_FILE_UNUSABLE",
        f"This is no RTMPose file: {why}.",
        field="model",
        fix="Give an ONNX file as MMDeploy exports it for RTMPose, with 17 or 26 joints.",
    )
