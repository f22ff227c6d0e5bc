"""ONNX in single precision, in half precision, and as ONNX Runtime's own format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

_HALF, _FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT


def single(released: Path) -> onnx.ModelProto:
    """Weights in float32, without the casts that widen the released ones: for runtimes that fold no casts."""
    model = onnx.load(released)
    graph = model.graph
    halves = {each.name: each for each in graph.initializer if each.data_type == _HALF}
    nodes = []
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in halves:
            values = numpy_helper.to_array(halves[node.input[0]]).astype(np.float32)
            graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
        else:
            nodes.append(node)
    kept = [each for each in graph.initializer if each.name not in halves]
    return _rebuilt(model, nodes, kept)


def half(wide: onnx.ModelProto) -> onnx.ModelProto:
    """Computes in half precision throughout; inputs and outputs stay float32, so that callers change nothing.

    Only the factors of Resize stay single, as the standard demands.
    """
    model = onnx.ModelProto()
    model.CopyFrom(wide)
    graph = model.graph
    factors = {node.input[2] for node in graph.node if node.op_type == "Resize"}
    named = {each.name: f"{each.name}_half" for each in (*graph.input, *graph.output)}
    nodes = [
        helper.make_node("Cast", [each.name], [named[each.name]], to=_HALF, name=f"{each.name}/half")
        for each in graph.input
    ]
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] not in factors:
            for attribute in node.attribute:
                attribute.t.CopyFrom(_narrow(attribute.t))
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = named.get(name, name)
        nodes.append(node)
    nodes += [
        helper.make_node("Cast", [named[each.name]], [each.name], to=_FLOAT, name=f"{each.name}/float")
        for each in graph.output
    ]
    weights = [each if each.name in factors else _narrow(each) for each in graph.initializer]
    return _rebuilt(model, nodes, weights)


def to_ort(onnx_file: Path, target: Path) -> None:
    """ONNX Runtime's FlatBuffers format, which its mobile packages open without a protobuf parser."""
    options = ort.SessionOptions()
    # Extended and layout optimisations would bake this machine's processor into the file.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    options.add_session_config_entry("session.save_model_format", "ORT")
    ort.InferenceSession(onnx_file, options, providers=["CPUExecutionProvider"])


def save(model: onnx.ModelProto, target: Path) -> None:
    """Checks the graph against the standard and writes it; the same graph gives the same bytes."""
    onnx.checker.check_model(model, full_check=True)
    target.write_bytes(model.SerializeToString(deterministic=True))


def _narrow(tensor: TensorProto) -> TensorProto:
    if tensor.data_type != _FLOAT:
        return tensor
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name)


def _rebuilt(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], weights: list[TensorProto]
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, model.graph.name, model.graph.input, model.graph.output, weights)
    return helper.make_model(
        graph,
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
        producer_name="assay models.export",
    )
