"""Writes a TFLite graph as ONNX.

The input stays as it is, [N, H, W, 3]; inside, feature maps are [N, C, H, W]; N is free. Weights are stored
in the precision they came in: half-precision ones are followed by a Cast, which ONNX Runtime folds when the
session is made. The same graph gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.convert.flatbuffer import damaged
from models.convert.tflite import Model, Operator

OPSET = 17
IR_VERSION = 8
INPUT = "image"


@dataclass
class _Graph:
    """What is written so far: nodes, initialisers, and the ONNX name of each tensor number."""

    model: Model
    names: dict[int, str]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, TensorProto] = field(default_factory=dict)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """An initialiser, once per name; half precision gets a Cast."""
        half = values.dtype == np.float16
        stored = f"{name}_half" if half else name
        if stored not in self.weights:
            self.weights[stored] = numpy_helper.from_array(np.ascontiguousarray(values), stored)
            if half:
                self.node("Cast", [stored], name, to=TensorProto.FLOAT)
        return name


def write(model: Model, outputs: Mapping[str, int], *, channels_first: frozenset[str] = frozenset()) -> bytes:
    """Serialises the graph; outputs: name -> tensor number.

    A four-dimensional output named in channels_first stays [N, C, H, W], others become [N, H, W, C].
    """
    graph = _Graph(model, {model.inputs[0]: "input"})
    graph.node("Transpose", [INPUT], "input", perm=[0, 3, 1, 2])
    for operator in model.operators:
        number = operator.outputs[0]
        graph.names[number] = _activated(graph, operator, f"t{number}")
    said = [_output(graph, name, number, name in channels_first) for name, number in outputs.items()]
    height, width, depth = model.shapes[model.inputs[0]][1:]
    image = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", height, width, depth])
    proto = helper.make_graph(graph.nodes, "pose", [image], said, list(graph.weights.values()))
    whole = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="assay models.convert",
    )
    onnx.checker.check_model(whole, full_check=True)
    return bytes(whole.SerializeToString(deterministic=True))


def _output(graph: _Graph, name: str, number: int, channels_first: bool) -> onnx.ValueInfoProto:
    shape = list(graph.model.shapes[number][1:])
    if len(shape) == 3 and not channels_first:
        graph.node("Transpose", [graph.names[number]], name, perm=[0, 2, 3, 1])
    else:
        graph.node("Identity", [graph.names[number]], name)
        shape = [shape[2], *shape[:2]] if len(shape) == 3 else shape
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])


def _activated(graph: _Graph, operator: Operator, name: str) -> str:
    write_one = _WRITERS.get(operator.kind)
    if write_one is None:
        raise damaged(f"operator {operator.kind} is left over after the rewrites")
    if not operator.activation:
        return write_one(graph, operator, name)
    before = write_one(graph, operator, f"{name}_linear")
    if operator.activation == "RELU":
        return graph.node("Relu", [before], name)
    low = graph.constant("zero", np.asarray(0, np.float32))
    high = graph.constant("six", np.asarray(6, np.float32))
    return graph.node("Clip", [before, low, high], name)


def _convolution(graph: _Graph, operator: Operator, name: str) -> str:
    source, filters, bias = operator.inputs
    weights = graph.model.constants[filters]
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    # [1, H, W, C] and [out, H, W, in], both to [out, in per group, H, W].
    turned = weights.transpose(3, 0, 1, 2) if depthwise else weights.transpose(0, 3, 1, 2)
    if depthwise and len(turned) != graph.model.shapes[source][3]:
        raise damaged("a depthwise convolution with a multiplier is not one the converter knows")
    inputs = [
        graph.names[source],
        graph.constant(f"w{filters}", turned),
        graph.constant(f"w{bias}", graph.model.constants[bias]),
    ]
    said = operator.options
    return graph.node(
        "Conv",
        inputs,
        name,
        kernel_shape=turned.shape[2:],
        strides=[said["stride_h"], said["stride_w"]],
        dilations=[said["dilation_h"], said["dilation_w"]],
        pads=_pads(operator),
        group=len(turned) if depthwise else 1,
    )


def _pads(operator: Operator) -> list[int]:
    return [operator.options[f"pad_{side}"] for side in ("top", "left", "bottom", "right")]


def _max_pool(graph: _Graph, operator: Operator, name: str) -> str:
    said = operator.options
    return graph.node(
        "MaxPool",
        [graph.names[operator.inputs[0]]],
        name,
        kernel_shape=[said["window_h"], said["window_w"]],
        strides=[said["stride_h"], said["stride_w"]],
        pads=_pads(operator),
    )


def _add(graph: _Graph, operator: Operator, name: str) -> str:
    return graph.node("Add", [graph.names[each] for each in operator.inputs], name)


def _concatenation(graph: _Graph, operator: Operator, name: str) -> str:
    if len(graph.model.shapes[operator.outputs[0]]) == 4:
        raise damaged("a concatenation of feature maps is not one the converter knows")
    inputs = [graph.names[each] for each in operator.inputs]
    return graph.node("Concat", inputs, name, axis=operator.options["axis"])


def _depth_to_space(graph: _Graph, operator: Operator, name: str) -> str:
    inputs = [graph.names[operator.inputs[0]]]
    return graph.node("DepthToSpace", inputs, name, blocksize=operator.options["block"], mode="DCR")


def _logistic(graph: _Graph, operator: Operator, name: str) -> str:
    return graph.node("Sigmoid", [graph.names[operator.inputs[0]]], name)


def _pad(graph: _Graph, operator: Operator, name: str) -> str:
    before = graph.model.constants[operator.inputs[1]][[0, 3, 1, 2]].T.reshape(-1).astype(np.int64)
    amounts = graph.constant("pads_" + "_".join(map(str, before)), before)
    return graph.node("Pad", [graph.names[operator.inputs[0]], amounts], name)


def _resize(graph: _Graph, operator: Operator, name: str) -> str:
    source, target = (graph.model.shapes[each] for each in (operator.inputs[0], operator.outputs[0]))
    if operator.options["align_corners"] or not operator.options["half_pixel"]:
        raise damaged("only enlargement with half-pixel centres is known to the converter")
    scales = np.asarray([1, 1, target[1] / source[1], target[2] / source[2]], np.float32)
    held = graph.constant("scales_" + "_".join(f"{each:g}" for each in scales), scales)
    inputs = [graph.names[operator.inputs[0]], "", held]
    return graph.node("Resize", inputs, name, mode="linear", coordinate_transformation_mode="half_pixel")


def _reshape(graph: _Graph, operator: Operator, name: str) -> str:
    source, target = (graph.model.shapes[each] for each in (operator.inputs[0], operator.outputs[0]))
    before = graph.names[operator.inputs[0]]
    if len(source) == 4 and source[1:3] != (1, 1):
        before = graph.node("Transpose", [before], f"{name}_last", perm=[0, 2, 3, 1])
    wanted = np.asarray([0, *target[1:]], np.int64)
    return graph.node(
        "Reshape", [before, graph.constant("shape_" + "_".join(map(str, wanted)), wanted)], name
    )


_WRITERS = {
    "ADD": _add,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "DEPTH_TO_SPACE": _depth_to_space,
    "LOGISTIC": _logistic,
    "MAX_POOL_2D": _max_pool,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
}
