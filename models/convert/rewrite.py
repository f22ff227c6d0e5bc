"""Rewrites of a TFLite graph that change its cost, not its meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from models.convert.tflite import Model, Operator

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def prune(model: Model, outputs: Sequence[int]) -> Model:
    """Keeps what the given outputs (tensor numbers) need."""
    needed = set(outputs)
    kept = []
    for operator in reversed(model.operators):
        if needed.intersection(operator.outputs):
            needed.update(operator.inputs)
            kept.append(operator)
    return replace(model, operators=tuple(reversed(kept)), outputs=tuple(outputs))


def explicit_padding(model: Model) -> Model:
    """Turns SAME padding and PAD operators before convolutions into numbers: options pad_top, pad_left,
    pad_bottom, pad_right. SAME pads the output to ceil(input / stride), the odd pixel last."""
    pads = {each.outputs[0]: each for each in model.operators if each.kind == "PAD"}
    operators = []
    for operator in model.operators:
        if operator.kind not in (*_CONVOLUTIONS, "MAX_POOL_2D"):
            operators.append(operator)
            continue
        before = pads.get(operator.inputs[0]) if operator.kind in _CONVOLUTIONS else None
        top, left, bottom, right = _same(model, operator)
        inputs = operator.inputs
        if before is not None and operator.options["valid"]:
            amounts = model.constants[before.inputs[1]]
            (top, bottom), (left, right) = amounts[1].tolist(), amounts[2].tolist()
            inputs = (before.inputs[0], *inputs[1:])
        padding = {"pad_top": top, "pad_left": left, "pad_bottom": bottom, "pad_right": right}
        operators.append(replace(operator, inputs=inputs, options={**operator.options, **padding}))
    return prune(replace(model, operators=tuple(operators)), model.outputs)


def _same(model: Model, operator: Operator) -> tuple[int, int, int, int]:
    if operator.options["valid"]:
        return 0, 0, 0, 0
    if operator.kind == "MAX_POOL_2D":
        window = operator.options["window_h"], operator.options["window_w"]
    else:
        filters = model.shapes[operator.inputs[1]][1:3]
        dilation = operator.options["dilation_h"], operator.options["dilation_w"]
        window = (filters[0] - 1) * dilation[0] + 1, (filters[1] - 1) * dilation[1] + 1
    stride = operator.options["stride_h"], operator.options["stride_w"]
    around = []
    for side, size, step in zip(model.shapes[operator.inputs[0]][1:3], window, stride, strict=True):
        total = max((-(-side // step) - 1) * step + size - side, 0)
        around.append((total // 2, total - total // 2))
    (top, bottom), (left, right) = around
    return top, left, bottom, right


def convolve_before_enlarging(model: Model) -> Model:
    """Swaps a bilinear enlargement with the 1x1 convolution that alone reads it.

    Interpolation weights sum to one and act on pixels, the convolution on channels, so the two commute; at
    the smaller size the convolution costs a quarter. Its activation stays behind the enlargement.
    """
    readers = Counter(number for each in model.operators for number in each.inputs)
    resizes = {
        each.outputs[0]: each
        for each in model.operators
        if each.kind == "RESIZE_BILINEAR" and readers[each.outputs[0]] == 1
    }
    shapes, operators = dict(model.shapes), []
    for operator in model.operators:
        resize = resizes.get(operator.inputs[0])
        if resize is None or not _pointwise(model, operator):
            operators.append(operator)
            continue
        operators.remove(resize)
        small = max(shapes) + 1
        shapes[small] = (*shapes[resize.inputs[0]][:3], shapes[operator.outputs[0]][3])
        operators.append(
            replace(
                operator, inputs=(resize.inputs[0], *operator.inputs[1:]), outputs=(small,), activation=""
            )
        )
        operators.append(
            replace(
                resize,
                inputs=(small, *resize.inputs[1:]),
                outputs=operator.outputs,
                activation=operator.activation,
            )
        )
    return replace(model, shapes=shapes, operators=tuple(operators))


def _pointwise(model: Model, operator: Operator) -> bool:
    return (
        operator.kind == "CONV_2D"
        and model.shapes[operator.inputs[1]][1:3] == (1, 1)
        and operator.options["stride_h"] == operator.options["stride_w"] == 1
    )
