"""MoveNet (single pose) from a TensorFlow.js graph model to ONNX.

Only the network is converted, up to its four maps; decoding them is a few lines of NumPy
(`svc_balance.pose.adapters.movenet`), which spares the graph its gathers and leaves the batch free. The
graph is taken to the converter's own form of TFLite graphs, so that both share one writer.

Format: tfjs-core's graph model (model.json: GraphDef as JSON, weightsManifest; one file of weights).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.convert import onnx_writer, rewrite
from models.convert.flatbuffer import damaged
from models.convert.tflite import Model, Operator

# Outputs of the network, in the order that the registry counts them.
_MAPS = ("center_0/conv2d_4", "kpt_heatmap_0/conv2d_5", "kpt_regress_0/conv2d_6", "kpt_offset_0/conv2d_7")
_INPUT = "StatefulPartitionedCall/sub_1"
"""Here the picture is normalised to -1..1; what stands before is left to the caller."""
_DTYPES: Mapping[str, Any] = {"float16": np.float16, "float32": np.float32, "int32": np.int32}
_CONVOLUTIONS = {
    "_FusedConv2D": "CONV_2D",
    "Conv2D": "CONV_2D",
    "FusedDepthwiseConv2dNative": "DEPTHWISE_CONV_2D",
    "DepthwiseConv2dNative": "DEPTHWISE_CONV_2D",
}


def convert(files: Sequence[bytes], outputs: Mapping[str, int]) -> bytes:
    """ONNX of a graph (JSON) and its weights; outputs: name -> place in center, heatmap, regress, offset.

    Maps stay [N, C, H, W]. The same bytes each time. Raises InvalidInput (MODEL_FILE_DAMAGED).
    """
    topology, weights = files
    model = read(json.loads(topology), weights)
    wanted = {name: model.outputs[place] for name, place in outputs.items()}
    model = rewrite.prune(model, list(wanted.values()))
    model = rewrite.explicit_padding(model)
    return onnx_writer.write(model, wanted, channels_first=frozenset(wanted))


def read(document: Mapping[str, Any], data: bytes) -> Model:
    """The graph between the normalised picture and the four maps."""
    constants = _weights(document, data)
    nodes = {node["name"]: node for node in document["modelTopology"]["node"]}
    picture = document["signature"]["inputs"]["input:0"]["tensorShape"]["dim"]
    reader = _Reader(nodes, constants)
    source = reader.number(_INPUT, tuple(int(side["size"]) for side in picture))
    outputs = tuple(reader.visit(f"StatefulPartitionedCall/{name}/BiasAdd") for name in _MAPS)
    return Model(reader.shapes, reader.constants, tuple(reader.operators), (source,), outputs)


def _weights(document: Mapping[str, Any], data: bytes) -> dict[str, NDArray[Any]]:
    """Every weight by name, in the precision it is stored in."""
    weights: dict[str, NDArray[Any]] = {}
    at = 0
    for group in document["weightsManifest"]:
        for said in group["weights"]:
            kind = said.get("quantization", said)["dtype"]
            if kind not in _DTYPES:
                raise damaged(f"weights of type {kind} are not known to the converter")
            count = int(np.prod(said["shape"], dtype=np.int64))
            size = count * np.dtype(_DTYPES[kind]).itemsize
            if at + size > len(data):
                raise damaged("the weights end early")
            weights[said["name"]] = np.frombuffer(data, _DTYPES[kind], count, at).reshape(said["shape"])
            at += size
    return weights


class _Reader:
    """Walks the graph from its outputs and numbers tensors as it goes."""

    def __init__(self, nodes: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> None:
        self._nodes = nodes
        self._weights = weights
        self._numbers: dict[str, int] = {}
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.constants: dict[int, NDArray[Any]] = {}
        self.operators: list[Operator] = []

    def number(self, name: str, shape: tuple[int, ...]) -> int:
        """A new tensor."""
        number = len(self.shapes)
        self._numbers[name] = number
        self.shapes[number] = shape
        return number

    def visit(self, name: str) -> int:
        """The tensor that a node makes; nodes before it are read first."""
        if name in self._numbers:
            return self._numbers[name]
        if name not in self._nodes:
            raise damaged(f"the graph lacks {name}")
        node = self._nodes[name]
        if node["op"] in _CONVOLUTIONS:
            return self._convolution(node)
        if node["op"] == "AddV2":
            inputs = tuple(self.visit(each) for each in node["input"])
            return self._emit(name, "ADD", inputs, self.shapes[inputs[0]], {})
        if node["op"] == "ResizeBilinear":
            return self._resize(node)
        raise damaged(f"operator {node['op']} is not one the converter knows")

    def _constant(self, name: str, values: NDArray[Any]) -> int:
        number = self.number(name, values.shape)
        self.constants[number] = values
        return number

    def _convolution(self, node: Mapping[str, Any]) -> int:
        kind = _CONVOLUTIONS[node["op"]]
        source = self.visit(node["input"][0])
        filters = self._weights[node["input"][1]]
        # [H, W, in, out] to [out, H, W, in]; depthwise [H, W, C, 1] to [1, H, W, C].
        filters = filters.transpose(3, 0, 1, 2)
        channels = filters.shape[3] if kind == "DEPTHWISE_CONV_2D" else filters.shape[0]
        fused = [base64.b64decode(each).decode() for each in _listed(node, "fused_ops", "s")]
        bias = self._weights[node["input"][2]] if "BiasAdd" in fused else np.zeros(channels, filters.dtype)
        _, down, across, _ = (int(each) for each in _listed(node, "strides", "i"))
        valid = base64.b64decode(node["attr"]["padding"]["s"]) == b"VALID"
        if any(int(each) != 1 for each in _listed(node, "dilations", "i")):
            raise damaged(f"{node['name']} is dilated")
        height, width = (
            -(-(side - (size - 1 if valid else 0)) // step)
            for side, size, step in zip(
                self.shapes[source][1:3], filters.shape[1:3], (down, across), strict=True
            )
        )
        options = {
            "valid": int(valid),
            "stride_h": down,
            "stride_w": across,
            "dilation_h": 1,
            "dilation_w": 1,
        }
        inputs = (
            source,
            self._constant(f"{node['name']}/filters", filters),
            self._constant(f"{node['name']}/bias", bias),
        )
        activation = next((each.upper() for each in fused if each != "BiasAdd"), "")
        if activation not in ("", "RELU", "RELU6"):
            raise damaged(f"activation {activation} is not one the converter knows")
        return self._emit(node["name"], kind, inputs, (1, height, width, channels), options, activation)

    def _resize(self, node: Mapping[str, Any]) -> int:
        source = self.visit(node["input"][0])
        height, width = (int(side) for side in self._weights[node["input"][1]])
        options = {
            "align_corners": int(node["attr"]["align_corners"]["b"]),
            "half_pixel": int(node["attr"]["half_pixel_centers"]["b"]),
        }
        shape = (1, height, width, self.shapes[source][3])
        return self._emit(node["name"], "RESIZE_BILINEAR", (source,), shape, options)

    def _emit(
        self,
        name: str,
        kind: str,
        inputs: tuple[int, ...],
        shape: tuple[int, ...],
        options: Mapping[str, int],
        activation: str = "",
    ) -> int:
        output = self.number(name, shape)
        self.operators.append(Operator(kind, inputs, (output,), options, activation))
        return output


def _listed(node: Mapping[str, Any], attribute: str, kind: str) -> list[Any]:
    return list(node["attr"].get(attribute, {}).get("list", {}).get(kind, []))
