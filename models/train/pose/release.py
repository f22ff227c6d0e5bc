"""From a trained student to a registry folder: ONNX file, model.json, proof that both compute the same."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch

from models.train.half import half_weights
from models.train.pose.network import PoseNet, Served
from models.train.pose.views import SIDE

NAME = "pose-student"
OPSET = 17
LARGEST_BYTES = 8 * 2**20
PARITY_PX = 0.25
"""Largest move of a point, px of the input, that weights in half precision may make; 0.5 px of 256."""
OUTPUTS = ("points", "error", "visibility")


def write_onnx(net: PoseNet, path: Path, pictures: np.ndarray) -> float:
    """Exports with a dynamic batch; returns the largest move of a point, px, over `pictures`.

    Raises RuntimeError when it exceeds PARITY_PX or the file is too large to release.
    """
    served = Served(net).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, of shapes that are constants here
        torch.onnx.export(
            served,
            (torch.zeros(2, SIDE, SIDE, 3),),
            str(path),
            input_names=["image"],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "batch"} for name in ("image", *OUTPUTS)},
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.save(half_weights(onnx.load(path)), path)
    if path.stat().st_size > LARGEST_BYTES:
        raise RuntimeError(f"{path.stat().st_size} bytes; at most {LARGEST_BYTES} are released")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        ours = served(torch.from_numpy(pictures))[0].numpy()
    theirs = np.asarray(session.run(["points"], {"image": pictures})[0])
    worst = float(np.abs(ours - theirs).max())
    if worst > PARITY_PX:
        raise RuntimeError(f"ONNX Runtime and torch differ by {worst:.3f} px; at most {PARITY_PX} is allowed")
    return worst


def write_json(path: Path, version: str, about: Mapping[str, Any]) -> None:
    """model.json beside the ONNX file that it describes. It says "candidate": what was trained is not yet
    compared with anything, and a person releases it by the table of backbones, adding the gates there.
    """
    gate = {
        "gate": f"points differ from PyTorch by at most {PARITY_PX} px of {SIDE}",
        "value": about["parity_px"],
        "passed": about["parity_px"] <= PARITY_PX,
    }
    data = (path.parent / "model.onnx").read_bytes()
    document = {
        "name": NAME,
        "version": version,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "licence": "Apache-2.0",
        "format": {"onnx_opset": OPSET, "weights": "float16, cast to float32 at load"},
        "input": {
            "name": "image",
            "layout": f"B, {SIDE}, {SIDE}, 3 float32",
            "side": SIDE,
            "range": [0, 1],
            "region": "square round the body, 1.25 times its circle, upright (svc_balance/pose/roi.py)",
        },
        "output": {
            "points": "B, 33, 2 px of the input, pixel centres at halves, mesh.landmarks order",
            "error": "B, 33 expected standard error of either coordinate, px of the input",
            "visibility": "B, 33 probability that nothing is in front of the point",
        },
        **about,
        "release": {"state": "candidate", "gates": [gate]},
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
