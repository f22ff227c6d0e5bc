"""From a trained network to the files of a version: ONNX, model.json, proof that both compute the same."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch

from models.train.half import half_weights
from models.train.ink.network import MULTIPLE, InkLogit, InkNet
from svc_segment.features import CHANNELS

NAME = "ink-seg"
OPSET = 17
LARGEST_BYTES = 8 * 2**20
PARITY = 0.08
"""Largest difference in logit that storing weights in half precision may make."""


@dataclass(frozen=True)
class Use:
    """How the product runs the model."""

    tile: int = 512
    overlap: int = 64
    fine_side: int = 1280
    coarse_side: int = 320
    coarse_weight: float = 0.75


@dataclass(frozen=True)
class Calibration:
    temperature: float
    bias: float
    threshold: float
    area_low: float
    area_high: float
    method: str


UNCALIBRATED = Calibration(1.0, 0.0, 0.5, 0.65, 0.35, "not yet")


def write_onnx(net: InkNet, path: Path) -> float:
    """Export with dynamic batch, height and width; returns the largest logit difference to torch seen.

    Raises RuntimeError when it exceeds PARITY or the file is too large to release.
    """
    shown = InkLogit(net).eval()
    axes = {name: {0: "batch", 2: "height", 3: "width"} for name in ("features", "logit")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            shown,
            (torch.zeros(1, CHANNELS, 64, 96),),
            str(path),
            input_names=["features"],
            output_names=["logit"],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.save(half_weights(onnx.load(path)), path)
    if path.stat().st_size > LARGEST_BYTES:
        raise RuntimeError(
            f"{path.name} is {path.stat().st_size} bytes; at most {LARGEST_BYTES} are released"
        )
    worst = _parity(shown, path)
    if worst > PARITY:
        raise RuntimeError(
            f"ONNX Runtime and torch differ by {worst:.4f} in logit; at most {PARITY} is allowed"
        )
    return worst


def _parity(shown: InkLogit, path: Path) -> float:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng, worst = np.random.default_rng(5), 0.0
    for batch, height, width in ((1, 64, 64), (2, 256, 320), (3, 480, 384)):
        rough = rng.normal(0, 1, (batch, CHANNELS, height // 16, width // 16)).astype(np.float32)
        values = np.repeat(np.repeat(rough, 16, 2), 16, 3)
        with torch.no_grad():
            ours = shown(torch.from_numpy(values)).numpy()
        (theirs,) = session.run(None, {"features": values})
        worst = max(worst, float(np.abs(ours - np.asarray(theirs)).max()))
    return worst


def write_json(folder: Path, version: str, use: Use, calibration: Calibration, about: dict[str, Any]) -> None:
    """model.json: the contract that services check, beside the ONNX file it describes."""
    data = (folder / "model.onnx").read_bytes()
    document = {
        "name": NAME,
        "version": version,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "licence": "Apache-2.0",
        "format": {"onnx_opset": OPSET, "weights": "float16, cast to float32 at load"},
        "input": {
            "name": "features",
            "layout": f"B, {CHANNELS}, H, W float32",
            "multiple": MULTIPLE,
            "channels": "R, G, B; log ratios to local skin; enclosure by skin (svc_segment/features.py)",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
        },
        "output": {"name": "logit", "layout": "B, 1, H, W float32", "meaning": "ink logit"},
        "use": asdict(use),
        "calibration": asdict(calibration),
        **about,
    }
    (folder / "model.json").write_text(json.dumps(document, indent=2) + "\n")
