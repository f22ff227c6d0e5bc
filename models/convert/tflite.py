"""A TFLite model as plain data: operators in order, constants as arrays.

Field numbers, enumerations and layouts: tensorflow/compiler/mlir/lite/schema/schema.fbs (version 3).
Only what the converter knows is read; anything else is an error that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.convert import sparse
from models.convert.flatbuffer import Table, damaged, root

_DTYPES: Mapping[int, Any] = {0: np.float32, 1: np.float16, 2: np.int32}
_OPERATORS = {
    0: "ADD",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    22: "RESHAPE",
    23: "RESIZE_BILINEAR",
    34: "PAD",
    124: "DENSIFY",
}
_ACTIVATIONS = {0: "", 1: "RELU", 3: "RELU6"}
# Options of each operator: name -> (field, struct format, default).
_CONVOLUTION = {"valid": (0, "b", 0), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0)}
_OPTIONS: Mapping[str, Mapping[str, tuple[int, str, int]]] = {
    "ADD": {"activation": (0, "b", 0)},
    "CONCATENATION": {"axis": (0, "i", 0), "activation": (1, "b", 0)},
    "CONV_2D": {
        **_CONVOLUTION,
        "activation": (3, "b", 0),
        "dilation_w": (4, "i", 1),
        "dilation_h": (5, "i", 1),
    },
    "DEPTHWISE_CONV_2D": {
        **_CONVOLUTION,
        "activation": (4, "b", 0),
        "dilation_w": (5, "i", 1),
        "dilation_h": (6, "i", 1),
    },
    "DEPTH_TO_SPACE": {"block": (0, "i", 0)},
    "MAX_POOL_2D": {
        **_CONVOLUTION,
        "window_w": (3, "i", 0),
        "window_h": (4, "i", 0),
        "activation": (5, "b", 0),
    },
    "RESIZE_BILINEAR": {"align_corners": (2, "b", 0), "half_pixel": (3, "b", 0)},
}


@dataclass(frozen=True)
class Operator:
    """One operator: tensor numbers in and out (-1: left out), its options, its fused activation."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int]
    activation: str


@dataclass(frozen=True)
class Model:
    """One graph. shapes: of every tensor. constants: by tensor number; sparse and half-precision ones are
    stored values made dense and kept in their own precision."""

    shapes: Mapping[int, tuple[int, ...]]
    constants: Mapping[int, NDArray[Any]]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read(data: bytes) -> Model:
    """Reads a file; raises InvalidInput (MODEL_FILE_DAMAGED), also for operators the converter lacks."""
    model = root(data, b"TFL3")
    graphs = model.tables(2)
    if len(graphs) != 1:
        raise damaged(f"{len(graphs)} graphs where one is wanted")
    buffers = [each.vector(0, np.uint8) for each in model.tables(4)]
    tensors = graphs[0].tables(0)
    kinds = [_kind(code) for code in model.tables(1)]
    constants: dict[int, NDArray[Any]] = {}
    for number, tensor in enumerate(tensors):
        if len(stored := buffers[tensor.number(2, "I")]):
            constants[number] = _constant(tensor, stored)
    operators: list[Operator] = []
    for table in graphs[0].tables(3):
        operator = _operator(table, kinds)
        source = constants.get(operator.inputs[0]) if operator.kind in ("DENSIFY", "DEQUANTIZE") else None
        if source is None:
            operators.append(operator)
        else:
            constants[operator.outputs[0]] = source
    return Model(
        shapes={number: _ints(tensor, 0) for number, tensor in enumerate(tensors)},
        constants=constants,
        operators=tuple(operators),
        inputs=_ints(graphs[0], 1),
        outputs=_ints(graphs[0], 2),
    )


def _kind(code: Table) -> str:
    # Codes below 127 stand in the older of the two fields, too.
    number = max(code.number(0, "b"), code.number(3, "i"))
    if number not in _OPERATORS:
        raise damaged(f"operator {number} is not one the converter knows")
    return _OPERATORS[number]


def _operator(table: Table, kinds: list[str]) -> Operator:
    kind = kinds[table.number(0, "I")]
    said = table.table(4)
    options = {
        name: said.number(field, form, default) if said else default
        for name, (field, form, default) in _OPTIONS.get(kind, {}).items()
    }
    activation = options.pop("activation", 0)
    if activation not in _ACTIVATIONS:
        raise damaged(f"activation {activation} is not one the converter knows")
    return Operator(kind, _ints(table, 1), _ints(table, 2), options, _ACTIVATIONS[activation])


def _constant(tensor: Table, stored: NDArray[np.uint8]) -> NDArray[Any]:
    kind, shape = tensor.number(1, "b"), _ints(tensor, 0)
    if kind not in _DTYPES:
        raise damaged(f"tensor type {kind} is not one the converter knows")
    values = np.frombuffer(stored.tobytes(), _DTYPES[kind])
    sparsity = tensor.table(6)
    if sparsity is not None:
        return sparse.densify(values, _sparsity(sparsity), shape)
    if values.size != np.prod(shape, dtype=np.int64):
        raise damaged(f"{values.size} weights for shape {shape}")
    return values.reshape(shape)


def _sparsity(table: Table) -> sparse.Sparsity:
    return sparse.Sparsity(_ints(table, 0), _ints(table, 1), tuple(_level(each) for each in table.tables(2)))


def _level(table: Table) -> sparse.Level:
    if table.number(0, "b") == 0:
        return sparse.Level(table.number(1, "i"), np.zeros(0, np.int64), np.zeros(0, np.int64))
    return sparse.Level(0, _indices(table, 2), _indices(table, 4))


def _indices(table: Table, field: int) -> NDArray[np.int64]:
    """A union of index vectors: `field` says of which width, the next one holds it."""
    widths: Mapping[int, Any] = {1: np.int32, 2: np.uint16, 3: np.uint8}
    width, vector = table.number(field, "B"), table.table(field + 1)
    if width not in widths or vector is None:
        raise damaged("a compressed level lacks its indices")
    return vector.vector(0, widths[width]).astype(np.int64)


def _ints(table: Table, field: int) -> tuple[int, ...]:
    return tuple(int(value) for value in table.vector(field, np.int32))
