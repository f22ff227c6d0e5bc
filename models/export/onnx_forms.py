"""ONNX in single precision, in half precision, and as ONNX Runtime's own format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

_HALF, _FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT
_SINGLE = ("Softmax", "Range")
"""Operators from which on half precision is not enough."""


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
    """Computes in half precision; inputs and outputs stay float32, so that callers change nothing.

    Single stay the factors of Resize, as the standard demands, and what follows a Softmax: means over a
    distribution lose in half precision just the fractions of a pixel that they are taken for.
    """
    graph = _Halving(wide.graph)
    for node in wide.graph.node:
        graph.add(node)
    for output in wide.graph.output:
        if output.name not in graph.single:
            graph.nodes.append(_cast(f"{output.name}/half", output.name, _FLOAT))
    return _rebuilt(wide, graph.nodes, list(graph.weights.values()))


class _Halving:
    """The nodes and weights of a graph in half precision; single: names of tensors that are not."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        inferred = onnx.shape_inference.infer_shapes(helper.make_model(graph)).graph
        values = (*inferred.value_info, *inferred.input, *inferred.output)
        self._floats = {each.name for each in values if each.type.tensor_type.elem_type == _FLOAT}
        self._constants = {each.name: each for each in graph.initializer}
        self._outputs = {each.name for each in graph.output}
        self._inputs = {each.name for each in graph.input}
        self.single: set[str] = set()
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, TensorProto] = {}
        self._casts: set[str] = set()

    def add(self, node: onnx.NodeProto) -> None:
        if node.op_type == "Constant":
            tensor = next(each.t for each in node.attribute if each.name == "value")
            self._constants[node.output[0]] = numpy_helper.from_array(
                numpy_helper.to_array(tensor), node.output[0]
            )
            return
        made = [name for name in node.input if name in self._floats and name not in self._constants]
        widens = node.op_type == "Cast" and not made
        single = node.op_type in _SINGLE or widens or any(name in self.single for name in made)
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(node.input):
            kept = single or (node.op_type == "Resize" and place > 0)
            fixed = name in self._constants
            copy.input[place] = self._constant(name, kept) if fixed else self._made(name, single)
        if single:
            self.single.update(node.output)
        else:
            outputs = [f"{name}/half" if name in self._outputs else name for name in node.output]
            copy.output[:] = outputs
            for attribute in copy.attribute:
                if node.op_type == "Cast" and attribute.name == "to" and attribute.i == _FLOAT:
                    attribute.i = _HALF
        self.nodes.append(copy)

    def _constant(self, name: str, single: bool) -> str:
        tensor = self._constants[name]
        if not single and tensor.data_type == _FLOAT:
            tensor = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}/half")
        self.weights[tensor.name] = tensor
        return str(tensor.name)

    def _made(self, name: str, single: bool) -> str:
        """A tensor as its reader wants it: inputs of the graph come single, results of its nodes half."""
        if name not in self._floats or name in self.single:
            return name
        stored = f"{name}/half" if name in self._outputs else name
        if single == (name in self._inputs):
            return stored
        wanted = f"{name}/{'single' if single else 'half'}"
        if wanted not in self._casts:
            self._casts.add(wanted)
            self.nodes.append(_cast(stored, wanted, _FLOAT if single else _HALF))
        return wanted


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], to=kind, name=f"{target}/cast")


def concrete(released: Path, target: Path) -> None:
    """The same graph for a batch of one, so that what is computed from the batch's size is a constant."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    for name in ("batch", "N"):
        options.add_free_dimension_override_by_name(name, 1)
    ort.InferenceSession(released, options, providers=["CPUExecutionProvider"])


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
