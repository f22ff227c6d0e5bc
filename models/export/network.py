"""A graph as a PyTorch module, which LiteRT's and Core ML's converters take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.export.graph import Graph, Node

_WEIGHTED = ("Add", "Conv", "ConvTranspose", "Gemm", "Mul", "Sub")
"""Operators whose constants are tensors; those of others are numbers."""
_Operator = Callable[[Node, tuple[Any, ...]], Tensor]


class Network(nn.Module):
    """Computes a graph's outputs from its inputs; batch of one.

    channels_last: four-dimensional inputs and outputs are [1, H, W, C] where the graph has [1, C, H, W].
    Raises ValueError naming an operator that is not known here.
    """

    def __init__(self, graph: Graph, *, channels_last: bool = False) -> None:
        super().__init__()
        unknown = sorted({node.kind for node in graph.nodes} - set(_OPERATORS))
        if unknown:
            raise ValueError(f"no way to export {', '.join(unknown)}: add it to models/export/network.py")
        self._graph, self._channels_last = graph, channels_last
        # Axes, sizes, factors and limits stay numbers, so that tracing sees them as such.
        numbers = {name for node in graph.nodes if node.kind not in _WEIGHTED for name in node.inputs}
        self._numbers = {name: values for name, values in graph.constants.items() if name in numbers}
        self._names: dict[str, str] = {}
        weights = dict.fromkeys(
            name for node in graph.nodes if node.kind in _WEIGHTED for name in node.inputs
        )
        for place, name in enumerate(each for each in weights if each in graph.constants):
            self._names[name] = f"w{place}"
            self.register_buffer(f"w{place}", torch.from_numpy(np.array(graph.constants[name])))

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        known: dict[str, Any] = {"": None, **self._numbers}
        known |= {name: getattr(self, place) for name, place in self._names.items()}
        for name, given in zip(self._graph.inputs, inputs, strict=True):
            known[name] = given.permute(0, 3, 1, 2) if self._channels_last and given.ndim == 4 else given
        for node in self._graph.nodes:
            known[node.output] = _OPERATORS[node.kind](node, tuple(known[name] for name in node.inputs))
        made = [known[name] for name in self._graph.outputs]
        if self._channels_last:
            made = [each.permute(0, 2, 3, 1) if each.ndim == 4 else each for each in made]
        return made[0] if len(made) == 1 else tuple(made)


def _padding(node: Node) -> tuple[int, int, int, int]:
    """Top, left, bottom, right."""
    top, left, bottom, right = node.attributes.get("pads", (0, 0, 0, 0))
    return top, left, bottom, right


def _padded(node: Node, x: Tensor, value: float) -> tuple[Tensor, tuple[int, int]]:
    """The plane and what is left for the operator itself to pad, which is the same on both sides."""
    top, left, bottom, right = _padding(node)
    if (top, left) == (bottom, right):
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


def _convolve(node: Node, given: tuple[Any, ...]) -> Tensor:
    x, padding = _padded(node, given[0], 0.0)
    about = node.attributes
    return F.conv2d(
        x,
        given[1],
        given[2] if len(given) > 2 else None,
        tuple(about.get("strides", (1, 1))),
        padding,
        tuple(about.get("dilations", (1, 1))),
        about.get("group", 1),
    )


def _transposed(node: Node, given: tuple[Any, ...]) -> Tensor:
    top, left, bottom, right = _padding(node)
    if (top, left) != (bottom, right):
        raise ValueError(f"{node.output}: a transposed convolution with uneven padding")
    bias = given[2] if len(given) > 2 else None
    return F.conv_transpose2d(
        given[0], given[1], bias, tuple(node.attributes.get("strides", (1, 1))), (top, left)
    )


def _pool(node: Node, given: tuple[Any, ...]) -> Tensor:
    x, padding = _padded(node, given[0], float("-inf"))
    return F.max_pool2d(x, tuple(node.attributes["kernel_shape"]), tuple(node.attributes["strides"]), padding)


def _mean_pool(node: Node, given: tuple[Any, ...]) -> Tensor:
    if any(_padding(node)):
        raise ValueError(f"{node.output}: a mean over padding")
    return F.avg_pool2d(given[0], tuple(node.attributes["kernel_shape"]), tuple(node.attributes["strides"]))


def _reduced(node: Node, given: tuple[Any, ...], function: Callable[..., Tensor]) -> Tensor:
    axes = given[1].tolist() if len(given) > 1 else node.attributes["axes"]
    return function(given[0], dim=tuple(axes), keepdim=bool(node.attributes.get("keepdims", 1)))


def _linear(node: Node, given: tuple[Any, ...]) -> Tensor:
    about = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **node.attributes}
    if about != {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}:
        raise ValueError(f"{node.output}: a product of the form {dict(node.attributes)}")
    return F.linear(given[0], given[1], given[2])


def _enlarge(node: Node, given: tuple[Any, ...]) -> Tensor:
    about = node.attributes
    form = (about["mode"], about.get("coordinate_transformation_mode"), about.get("nearest_mode"))
    factor = given[2].tolist()[2:]
    if form == (b"nearest", b"asymmetric", b"floor"):
        return F.interpolate(given[0], scale_factor=factor, mode="nearest")
    if form[:2] == (b"linear", b"half_pixel"):
        return F.interpolate(given[0], scale_factor=factor, mode="bilinear", align_corners=False)
    raise ValueError(f"{node.output}: enlargement of the form {form}")


def _reshape(node: Node, given: tuple[Any, ...]) -> Tensor:
    x, sizes = given[0], given[1].tolist()
    if sizes[0] == 0:
        sizes[0] = 1  # the batch, as a number: Core ML's converter cannot follow where it came from
    return x.reshape([x.shape[place] if size == 0 else size for place, size in enumerate(sizes)])


def _squeeze(node: Node, given: tuple[Any, ...]) -> Tensor:
    return given[0].squeeze(tuple(given[1].tolist()))


def _unsqueeze(node: Node, given: tuple[Any, ...]) -> Tensor:
    x = given[0]
    for axis in sorted(given[1].tolist()):
        x = x.unsqueeze(axis)
    return x


def _slice(node: Node, given: tuple[Any, ...]) -> Tensor:
    parts = [slice(None)] * given[0].ndim
    for start, end, axis in zip(*(each.tolist() for each in given[1:4]), strict=True):
        parts[axis] = slice(start, end)
    return given[0][tuple(parts)]


def _shuffle(node: Node, given: tuple[Any, ...]) -> Tensor:
    size, x = node.attributes["blocksize"], given[0]
    if node.attributes.get("mode") == b"CRD":
        return F.pixel_shuffle(x, size)
    batch, depth, height, width = x.shape
    squares = x.reshape(batch, size, size, depth // size**2, height, width).permute(0, 3, 4, 1, 5, 2)
    return squares.reshape(batch, depth // size**2, height * size, width * size)


def _pad(node: Node, given: tuple[Any, ...]) -> Tensor:
    sides, value = given[1].tolist(), float(given[2]) if len(given) > 2 and given[2] is not None else 0.0
    half = len(sides) // 2
    flat = [each for axis in reversed(range(half)) for each in (sides[axis], sides[half + axis])]
    return F.pad(given[0], flat, value=value)


def _clip(node: Node, given: tuple[Any, ...]) -> Tensor:
    low, high = (None if each is None else float(each.item()) for each in (*given, None, None)[1:3])
    return F.relu6(given[0]) if (low, high) == (0.0, 6.0) else given[0].clamp(low, high)


_OPERATORS: Mapping[str, _Operator] = {
    "AveragePool": _mean_pool,
    "Add": lambda node, given: given[0] + given[1],
    "Clip": _clip,
    "Concat": lambda node, given: torch.cat(given, node.attributes["axis"]),
    "Conv": _convolve,
    "ConvTranspose": _transposed,
    "DepthToSpace": _shuffle,
    "Exp": lambda node, given: torch.exp(given[0]),
    "Gemm": _linear,
    "Identity": lambda node, given: given[0],
    "Log": lambda node, given: torch.log(given[0]),
    "Max": lambda node, given: torch.maximum(*given),
    "MaxPool": _pool,
    "Min": lambda node, given: torch.minimum(*given),
    "Mul": lambda node, given: given[0] * given[1],
    "Neg": lambda node, given: -given[0],
    "Pad": _pad,
    "Pow": lambda node, given: given[0] ** float(given[1].item()),
    "ReduceMax": lambda node, given: _reduced(node, given, torch.amax),
    "ReduceMean": lambda node, given: _reduced(node, given, torch.mean),
    "ReduceSum": lambda node, given: _reduced(node, given, torch.sum),
    "Relu": lambda node, given: F.relu(given[0]),
    "Reshape": _reshape,
    "Resize": _enlarge,
    "Sigmoid": lambda node, given: torch.sigmoid(given[0]),
    "Slice": _slice,
    "Softmax": lambda node, given: F.softmax(given[0], node.attributes["axis"]),
    "Squeeze": _squeeze,
    "Sub": lambda node, given: given[0] - given[1],
    "Transpose": lambda node, given: given[0].permute(tuple(node.attributes["perm"])),
    "Unsqueeze": _unsqueeze,
}
