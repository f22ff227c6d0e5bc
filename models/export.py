"""Builds the other formats of a released model from its ONNX file: `make models`.

    python -m models.export [--out models/build]

Today there is one: the ONNX Runtime format (`.ort`, FlatBuffers, opened without a protobuf parser), which
ONNX Runtime's mobile packages read. A file that does not pass its parity gate is not written: on the
sample photo its ink mask must agree with that of the ONNX file, IoU at least 0.99.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from svc_segment.core import segment
from svc_segment.model import DEFAULT, REGISTRY, load_model

ROOT = Path(__file__).resolve().parent
LEAST_IOU = 0.99


@dataclass(frozen=True)
class Export:
    """One file that was built: its path, size in bytes, and the IoU of its mask with the ONNX file's."""

    path: str
    size_bytes: int
    mask_iou: float


class ParityError(RuntimeError):
    """The built file does not segment like the released one; it was removed."""


def to_ort(name_version: str, out: Path) -> Export:
    """Writes `<name>-<version>.ort` into `out`; raises ParityError below the gate."""
    name, _, version = name_version.partition("@")
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{name}-{version}.ort"
    options = ort.SessionOptions()
    # Extended and layout optimisations would bake this machine's processor into the file.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.save_model_format", "ORT")
    ort.InferenceSession(
        REGISTRY / name / version / "model.onnx", options, providers=["CPUExecutionProvider"]
    )
    iou = mask_iou(name_version, target)
    if iou < LEAST_IOU:
        target.unlink()
        raise ParityError(f"{target.name}: mask IoU {iou:.4f} is below {LEAST_IOU}")
    return Export(str(target), target.stat().st_size, iou)


def mask_iou(name_version: str, built: Path) -> float:
    """Intersection over union of the two files' ink masks on the sample photo, through the product's path."""
    released = load_model(name_version)
    other = dataclasses.replace(
        released, session=ort.InferenceSession(built, providers=["CPUExecutionProvider"])
    )
    photo = cv2.imread(str(ROOT / "sample" / "tattoo.jpg"), cv2.IMREAD_COLOR)
    if photo is None:
        raise FileNotFoundError("models/sample/tattoo.jpg")
    rgb = np.ascontiguousarray(photo[..., ::-1], np.uint8)
    ours, theirs = (segment(rgb, model).mask > 0 for model in (released, other))
    return float((ours & theirs).sum() / max(1, (ours | theirs).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m models.export", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=DEFAULT, help="released model, for example ink-seg@0.1.0")
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="folder for what is built")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    args = parser.parse_args()
    made = to_ort(args.model, args.out)
    if args.json:
        print(json.dumps(dataclasses.asdict(made)))
    else:
        print(
            f"{made.path}: {made.size_bytes / 2**20:.2f} MiB, mask IoU {made.mask_iou:.4f} with the ONNX file"
        )


if __name__ == "__main__":
    main()
