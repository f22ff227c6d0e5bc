"""Reads a Core ML program back, so that it can be judged where Core ML itself does not run.

The program's operations and its weights are read and written out again as ONNX in half precision, each by
its definition in Apple's MIL reference (coremltools, "MIL Ops"). That shows that the package holds the right
network with the right weights; it does not show what Apple's compiler and Neural Engine make of it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from coremltools.proto import MIL_pb2, Model_pb2
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Array = NDArray[Any]

_SENTINEL = 0xDEADBEEF
_TYPES: Mapping[int, Any] = {
    MIL_pb2.FLOAT16: np.float16,
    MIL_pb2.FLOAT32: np.float32,
    MIL_pb2.INT32: np.int32,
    MIL_pb2.BOOL: np.bool_,
}


@dataclass(frozen=True)
class Operation:
    """One operation: names of tensors by parameter ("x", "weight" ...), of its outputs, its constants."""

    kind: str
    tensors: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, Any]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """What the package's specification says."""

    version: int
    """Specification version; 7 is iOS 16, macOS 13."""
    inputs: Mapping[str, tuple[tuple[int, ...], ...]]
    """Shapes that each input may have."""
    outputs: tuple[str, ...]
    input_type: str
    compute_types: frozenset[str]
    """Number types of the tensors that operations give."""
    operations: tuple[Operation, ...]


def read(package: Path) -> Program:
    """Raises ValueError where the package is not an ML program with one function and multi-array inputs."""
    (file,) = package.rglob("model.mlmodel")
    spec = Model_pb2.Model.FromString(file.read_bytes())
    if spec.WhichOneof("Type") != "mlProgram" or list(spec.mlProgram.functions) != ["main"]:
        raise ValueError(f"{package.name} is not an ML program with one function")
    main = spec.mlProgram.functions["main"]
    block = main.block_specializations[main.opset]
    constants: dict[str, Any] = {}
    operations, computed = [], set()
    for each in block.operations:
        if each.type == "const":
            constants[each.outputs[0].name] = _value(each.attributes["val"], file.parent)
            continue
        given = {key: tuple(one.name for one in about.arguments) for key, about in each.inputs.items()}
        fixed = {key: constants[names[0]] for key, names in given.items() if names[0] in constants}
        tensors = {key: names for key, names in given.items() if key not in fixed}
        operations.append(Operation(each.type, tensors, fixed, tuple(one.name for one in each.outputs)))
        computed |= {MIL_pb2.DataType.Name(one.type.tensorType.dataType) for one in each.outputs}
    about = spec.description
    kinds = {each.type.multiArrayType.dataType for each in about.input}
    return Program(
        spec.specificationVersion,
        {each.name: _shapes(each.type.multiArrayType) for each in about.input},
        tuple(each.name for each in about.output),
        "/".join(sorted(type(about.input[0].type.multiArrayType).ArrayDataType.Name(kind) for kind in kinds)),
        frozenset(computed),
        tuple(operations),
    )


def to_onnx(program: Program) -> bytes:
    """The program as ONNX (opset 17): inputs and outputs float32, everything between in its own precision.

    Raises ValueError naming an operation that is not known here.
    """
    nodes: list[NodeProto] = []
    weights: list[TensorProto] = []
    for name in program.inputs:
        nodes.append(helper.make_node("Cast", [name], [f"{name}/half"], to=TensorProto.FLOAT16))
    names = {name: f"{name}/half" for name in program.inputs}
    for operation in program.operations:
        if operation.kind not in _OPERATORS:
            raise ValueError(f"operation {operation.kind} has no reading in models/export/coreml.py")
        (output,) = operation.outputs
        kind, parameters, attributes = _OPERATORS[operation.kind](operation.constants)
        given = []
        for parameter in parameters:
            if isinstance(parameter, np.ndarray):
                given.append(f"{output}/{len(weights)}")
                weights.append(numpy_helper.from_array(parameter, given[-1]))
            elif parameter in operation.constants:
                given.append(f"{output}/{parameter}")
                weights.append(numpy_helper.from_array(np.asarray(operation.constants[parameter]), given[-1]))
            else:
                given += [names.get(each, each) for each in operation.tensors.get(parameter, ("",))]
        while given and not given[-1]:
            given.pop()
        target = f"{output}/half" if output in program.outputs else output
        nodes.append(helper.make_node(kind, given, [target], **attributes))
    for name in program.outputs:
        nodes.append(helper.make_node("Cast", [f"{name}/half"], [name], to=TensorProto.FLOAT))
    rank = {name: len(shapes[0]) for name, shapes in program.inputs.items()}
    ins = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * size) for name, size in rank.items()
    ]
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in program.outputs]
    graph = helper.make_graph(nodes, "coreml", ins, outs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _shapes(array: Any) -> tuple[tuple[int, ...], ...]:
    several = tuple(tuple(each.shape) for each in array.enumeratedShapes.shapes)
    return several or (tuple(array.shape),)


def _value(value: Any, folder: Path) -> Any:
    about = value.type.tensorType
    shape = [each.constant.size for each in about.dimensions]
    if value.WhichOneof("value") == "blobFileValue":
        place = value.blobFileValue
        path = folder / place.fileName.removeprefix("@model_path/")
        return _blob(path, place.offset, _TYPES[about.dataType]).reshape(shape)
    tensor = value.immediateValue.tensor
    kind = tensor.WhichOneof("value")
    if kind == "strings":
        return tensor.strings.values[0]
    if kind == "bytes":
        return np.frombuffer(tensor.bytes.values, _TYPES[about.dataType]).reshape(shape)
    return np.array(getattr(tensor, kind).values, _TYPES[about.dataType]).reshape(shape)


def _blob(path: Path, offset: int, kind: Any) -> Array:
    """One tensor of the weight file; its header says sentinel, type, number of bytes and their place."""
    with path.open("rb") as file:
        file.seek(offset)
        sentinel, _, size, place = struct.unpack("<IIQQ", file.read(24))
        if sentinel != _SENTINEL:
            raise ValueError(f"{path.name}: no tensor at {offset}")
        file.seek(place)
        return np.frombuffer(file.read(size), kind)


_Reading = tuple[str, list[Any], dict[str, Any]]
"""ONNX operator, its inputs (parameters of the operation, or arrays), its attributes."""


def _padding(given: Mapping[str, Any]) -> dict[str, Any]:
    """MIL says start and end of each axis in turn, ONNX all starts and then all ends."""
    if given["pad_type"] == "valid":
        return {"pads": [0, 0, 0, 0]}
    if given["pad_type"] != "custom":
        raise ValueError(f"padding {given['pad_type']}")
    top, bottom, left, right = np.asarray(given["pad"]).tolist()
    return {"pads": [top, left, bottom, right]}


def _convolution(kind: str, given: Mapping[str, Any]) -> _Reading:
    attributes = {
        "strides": np.asarray(given["strides"]).tolist(),
        "dilations": np.asarray(given["dilations"]).tolist(),
        "group": int(given["groups"]),
    }
    return kind, ["x", "weight", "bias"], attributes | _padding(given)


def _max_pool(given: Mapping[str, Any]) -> _Reading:
    if given["ceil_mode"]:
        raise ValueError("pooling that rounds up")
    sizes = {"kernel_shape": given["kernel_sizes"].tolist(), "strides": given["strides"].tolist()}
    return "MaxPool", ["x"], sizes | _padding(given)


def _nearest(given: Mapping[str, Any]) -> _Reading:
    factors = [1, 1, float(given["scale_factor_height"]), float(given["scale_factor_width"])]
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return "Resize", ["x", "", np.array(factors, np.float32)], how


def _bilinear(given: Mapping[str, Any]) -> _Reading:
    if given["align_corners"]:
        raise ValueError("enlargement with aligned corners")
    factors = [1, 1, float(given["scale_factor_height"]), float(given["scale_factor_width"])]
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return "Resize", ["x", "", np.array(factors, np.float32)], how


def _clip(given: Mapping[str, Any]) -> _Reading:
    return "Clip", ["x", np.asarray(given["alpha"]), np.asarray(given["beta"])], {}


def _reshape(given: Mapping[str, Any]) -> _Reading:
    return "Reshape", ["x", np.asarray(given["shape"]).astype(np.int64)], {}


def _mean_pool(given: Mapping[str, Any]) -> _Reading:
    _, _, about = kind = _max_pool(given)
    if any(about["pads"]):
        raise ValueError("a mean over padding")
    return "AveragePool", kind[1], about


def _pad(given: Mapping[str, Any]) -> _Reading:
    """MIL says start and end of each axis in turn, of the last axes if not of all four."""
    sides = np.asarray(given["pad"]).astype(np.int64).reshape(-1, 2)
    if given["mode"] != "constant" or len(sides) > 4:
        raise ValueError(f"padding {given['mode']} of {len(sides)} axes")
    whole = np.concatenate([np.zeros((4 - len(sides), 2), np.int64), sides])
    return "Pad", ["x", whole.T.ravel(), np.asarray(given["constant_val"])], {}


def _axes(given: Mapping[str, Any]) -> Array:
    return np.asarray(given["axes"]).astype(np.int64)


def _sum(given: Mapping[str, Any]) -> _Reading:
    return "ReduceSum", ["x", _axes(given)], {"keepdims": int(given["keep_dims"])}


def _reduced(kind: str, given: Mapping[str, Any]) -> _Reading:
    return kind, ["x"], {"axes": _axes(given).tolist(), "keepdims": int(given["keep_dims"])}


def _sliced(given: Mapping[str, Any]) -> _Reading:
    """Bounds where the masks do not say "from the first" or "to the last"; steps of one."""
    start, end = (np.asarray(given[key]).astype(np.int64).copy() for key in ("begin", "end"))
    start[np.asarray(given.get("begin_mask", np.zeros(len(start), bool)))] = 0
    end[np.asarray(given.get("end_mask", np.zeros(len(end), bool)))] = np.iinfo(np.int64).max
    if np.any(np.asarray(given.get("stride", 1)) != 1) or np.any(given.get("squeeze_mask", False)):
        raise ValueError("a slice with steps or fewer axes")
    return "Slice", ["x", start, end, np.arange(len(start))], {}


def _cast(given: Mapping[str, Any]) -> _Reading:
    return "Cast", ["x"], {"to": {"fp16": TensorProto.FLOAT16, "fp32": TensorProto.FLOAT}[given["dtype"]]}


def _log(given: Mapping[str, Any]) -> _Reading:
    if float(given["epsilon"]) > 1e-20:
        raise ValueError("a logarithm with an offset")
    return "Log", ["x"], {}


def _linear(given: Mapping[str, Any]) -> _Reading:
    return "Gemm", ["x", "weight", "bias"], {"transB": 1}


_OPERATORS: Mapping[str, Any] = {
    "avg_pool": _mean_pool,
    "cast": _cast,
    "exp": lambda given: ("Exp", ["x"], {}),
    "expand_dims": lambda given: ("Unsqueeze", ["x", _axes(given)], {}),
    "linear": _linear,
    "log": _log,
    "pad": _pad,
    "pow": lambda given: ("Pow", ["x", "y"], {}),
    "reduce_max": lambda given: _reduced("ReduceMax", given),
    "reduce_mean": lambda given: _reduced("ReduceMean", given),
    "reduce_sum": _sum,
    "slice_by_index": _sliced,
    "softmax": lambda given: ("Softmax", ["x"], {"axis": int(given["axis"])}),
    "squeeze": lambda given: ("Squeeze", ["x", _axes(given)], {}),
    "sub": lambda given: ("Sub", ["x", "y"], {}),
    "add": lambda given: ("Add", ["x", "y"], {}),
    "clip": _clip,
    "concat": lambda given: ("Concat", ["values"], {"axis": int(given["axis"])}),
    "conv": lambda given: _convolution("Conv", given),
    "conv_transpose": lambda given: _convolution("ConvTranspose", given),
    "max_pool": _max_pool,
    "maximum": lambda given: ("Max", ["x", "y"], {}),
    "minimum": lambda given: ("Min", ["x", "y"], {}),
    "mul": lambda given: ("Mul", ["x", "y"], {}),
    "relu": lambda given: ("Relu", ["x"], {}),
    "relu6": lambda given: ("Clip", ["x", np.array(0, np.float16), np.array(6, np.float16)], {}),
    "reshape": _reshape,
    "sigmoid": lambda given: ("Sigmoid", ["x"], {}),
    "transpose": lambda given: ("Transpose", ["x"], {"perm": given["perm"].tolist()}),
    "upsample_bilinear": _bilinear,
    "upsample_nearest_neighbor": _nearest,
}
