"""One ONNX file to LiteRT and Core ML. Runs in the converters' own environment:

    models/export/.venv/bin/python -m models.export.convert JOB

JOB is a JSON file, a `Job`. What is written beside each other in its folder: model-fp32.tflite,
model-fp16.tflite, model-int8-weights.tflite, model-int8.tflite, model-int8-static.tflite, model.mlpackage.
"""

from __future__ import annotations

import json
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ai_edge_quantizer.recipe as recipes
import coremltools as ct
import litert_torch
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.quantizer import Quantizer
from coremltools.proto import Model_pb2
from torch import Tensor, nn

from models.export.graph import Graph, read, simplify
from models.export.network import Network

_ALL = qtyping.TFLOperationName.ALL_SUPPORTED


@dataclass(frozen=True)
class Job:
    """What to convert. signatures: name -> shape [1, C, H, W] or [1, H, W, C] of the only input, as the ONNX
    file has it. channels_last: LiteRT shall take [1, H, W, C] where the ONNX file takes [1, C, H, W]."""

    onnx: str
    folder: str
    signatures: dict[str, list[int]]
    channels_last: bool
    calibration: str
    """An .npz file: for each signature its inputs [N, ...] in LiteRT's layout."""


class _Named(nn.Module):
    """A network whose inputs and outputs carry their names into LiteRT's signatures."""

    def __init__(self, network: Network, graph: Graph) -> None:
        super().__init__()
        self._network, self._graph = network, graph

    def forward(self, **given: Tensor) -> dict[str, Tensor]:
        made = self._network(*(given[name] for name in self._graph.inputs))
        outputs = made if isinstance(made, tuple) else (made,)
        return dict(zip(self._graph.outputs, outputs, strict=True))


def to_litert(graph: Graph, job: Job, target: Path) -> None:
    """One file in float32 with one signature for each input shape; the weights are stored once."""
    network = _Named(Network(graph, channels_last=job.channels_last), graph).eval()
    (name,) = graph.inputs
    made: Any = litert_torch
    for signature, shape in job.signatures.items():
        batch, depth, height, width = shape
        laid = (batch, height, width, depth) if job.channels_last else tuple(shape)
        made = made.signature(signature, network, sample_kwargs={name: torch.zeros(laid)})
    made.convert().export(str(target))


def to_half(source: Path, target: Path) -> None:
    """Weights in float16, widened where the runtime computes in float32."""
    quantizer = Quantizer(str(source))
    half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    quantizer.update_quantization_recipe(
        regex=".*",
        operation_name=_ALL,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=half, compute_precision=qtyping.ComputePrecision.FLOAT
        ),
        algorithm_key=AlgorithmName.FLOAT_CASTING,
    )
    _write(quantizer, None, target)


def to_int8_weights(source: Path, target: Path) -> None:
    """Weights in int8 per channel, widened before they are used."""
    quantizer = Quantizer(str(source))
    quantizer.load_quantization_recipe(recipes.weight_only_wi8_afp32())
    _write(quantizer, None, target)


def to_dynamic_int8(source: Path, target: Path) -> None:
    """Weights in int8 per channel; activations become int8 at run time by the range that each call has."""
    quantizer = Quantizer(str(source))
    quantizer.load_quantization_recipe(recipes.dynamic_wi8_afp32())
    _write(quantizer, None, target)


def to_static_int8(source: Path, calibration: Path, target: Path) -> None:
    """Weights and activations in int8, ranges fixed by calibration; inputs and outputs stay float32."""
    quantizer = Quantizer(str(source))
    quantizer.add_static_config(regex=".*", operation_name=_ALL, activation_num_bits=8, weight_num_bits=8)
    for end in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        quantizer.update_quantization_recipe(
            regex=".*", operation_name=end, algorithm_key=AlgorithmName.NO_QUANTIZE
        )
    (name,) = {each for about in _signatures(source).values() for each in about}
    with np.load(calibration) as given:
        data = {key: [{name: one[None]} for one in given[key]] for key in given.files}
    _write(quantizer, quantizer.calibrate(data, num_threads=1), target)


def to_coreml(graph: Graph, job: Job, target: Path) -> None:
    """An ML program in half precision for iOS 16 and macOS 13 on, inputs and outputs float16.

    What follows a softmax is computed and given in single precision, as in the ONNX file of half precision.
    """
    shapes = [tuple(shape) for shape in job.signatures.values()]
    (name,) = graph.inputs
    network = Network(graph).eval()
    with torch.no_grad():
        traced = torch.jit.trace(network, torch.zeros(shapes[0]), check_trace=False)
    single = any(node.kind == "Softmax" for node in graph.nodes)
    shape = ct.EnumeratedShapes(shapes, default=shapes[0]) if len(shapes) > 1 else shapes[0]
    program = ct.convert(
        traced,
        convert_to="mlprogram",
        inputs=[ct.TensorType(name, shape, dtype=np.float16)],
        outputs=[ct.TensorType(each, dtype=np.float32 if single else np.float16) for each in graph.outputs],
        compute_precision=ct.transform.FP16ComputePrecision(op_selector=_half_is_enough),
        minimum_deployment_target=ct.target.iOS16,
        skip_model_load=True,
    )
    program.save(str(target))
    _steady(target)


def _half_is_enough(operation: Any) -> bool:
    """Whether a MIL operation neither is a softmax nor reads, however far back, from one."""
    seen, waiting = set(), [operation]
    while waiting:
        one = waiting.pop()
        if one.op_type == "softmax":
            return False
        for given in one.inputs.values():
            for each in given if isinstance(given, list | tuple) else (given,):
                if each is not None and each.op is not None and each.op.name not in seen:
                    seen.add(each.op.name)
                    waiting.append(each.op)
    return True


def _steady(package: Path) -> None:
    """Makes the same model the same bytes: no date, maps in order, and the parts' identifiers (coremltools
    draws them at random) made from their paths."""
    (model,) = package.rglob("model.mlmodel")
    spec = Model_pb2.Model.FromString(model.read_bytes())
    spec.description.metadata.userDefined.pop("com.github.apple.coremltools.conversion_date", None)
    model.write_bytes(spec.SerializeToString(deterministic=True))
    manifest = package / "Manifest.json"
    said = json.loads(manifest.read_text())
    entries, root = {}, ""
    for key, about in sorted(said["itemInfoEntries"].items(), key=lambda each: str(each[1]["path"])):
        steady = str(uuid.uuid5(uuid.NAMESPACE_URL, about["path"])).upper()
        entries[steady] = about
        root = steady if key == said["rootModelIdentifier"] else root
    said |= {"itemInfoEntries": entries, "rootModelIdentifier": root}
    manifest.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n")


def _signatures(source: Path) -> dict[str, list[str]]:
    found = Interpreter(str(source)).get_signature_list()
    return {name: list(about["inputs"]) for name, about in found.items()}


def _write(quantizer: Quantizer, ranges: Any, target: Path) -> None:
    made = quantizer.quantize(ranges, enable_progress_report=False).quantized_model
    target.write_bytes(bytes(made))


def main() -> None:
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    folder = Path(job.folder)
    graph = simplify(read(Path(job.onnx)))
    single = folder / "model-fp32.tflite"
    to_litert(graph, job, single)
    to_half(single, folder / "model-fp16.tflite")
    to_int8_weights(single, folder / "model-int8-weights.tflite")
    to_dynamic_int8(single, folder / "model-int8.tflite")
    to_static_int8(single, Path(job.calibration), folder / "model-int8-static.tflite")
    to_coreml(graph, job, folder / "model.mlpackage")


if __name__ == "__main__":
    main()
