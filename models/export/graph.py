"""A released ONNX file as plain data, and rewrites that ease it for phones without changing its meaning.

Reading the file itself, not the network class that it once came from, means that what is exported is what was
released, whatever has become of the class since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array = NDArray[Any]

_UNSHUFFLES = (
    ("Unsqueeze", "Reshape", "Reshape", "Transpose", "Reshape", "Squeeze"),
    ("Reshape", "Transpose", "Reshape"),
)
_UNSHUFFLE_ORDER = [0, 1, 3, 5, 2, 4]
"""How torch.onnx.export writes nn.PixelUnshuffle for planes of any size and of one size, and the order of its
Transpose. The block is at _BLOCK of the first Reshape's shape in both."""
_BLOCK = 3
_TURNED = ("Transpose", "Reshape")


@dataclass(frozen=True)
class Node:
    """One operator of the ONNX standard; names of tensors in ("" = left out) and out."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """Nodes in order of execution; constants in float32 (or integers), by name."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read(path: Path) -> Graph:
    """The graph of an ONNX file, constants widened to float32 and the casts that did so dropped; a Split is
    Slices.

    Raises ValueError where another node has several outputs.
    """
    graph = onnx.load(path).graph
    constants = {each.name: _wide(numpy_helper.to_array(each)) for each in graph.initializer}
    nodes = []
    for proto in graph.node:
        attributes = {each.name: helper.get_attribute_value(each) for each in proto.attribute}
        if proto.op_type == "Split":
            nodes += _slices(proto, attributes["axis"], constants)
            continue
        if len(proto.output) != 1:
            raise ValueError(f"{path.name}: {proto.name} ({proto.op_type}) has {len(proto.output)} outputs")
        if proto.op_type == "Constant":
            constants[proto.output[0]] = _wide(numpy_helper.to_array(attributes["value"]))
        elif proto.op_type in ("Cast", "Identity") and proto.input[0] in constants:
            constants[proto.output[0]] = constants[proto.input[0]]
        else:
            nodes.append(Node(proto.op_type, tuple(proto.input), proto.output[0], attributes))
    return Graph(
        tuple(nodes),
        constants,
        tuple(each.name for each in graph.input),
        tuple(each.name for each in graph.output),
    )


def simplify(graph: Graph) -> Graph:
    """The same function with one strided convolution in place of space-to-depth and a convolution, and one
    transposed convolution in place of depth-to-space."""
    return _without_shuffle(_without_unshuffle(graph))


def _slices(split: onnx.NodeProto, axis: int, constants: dict[str, Array]) -> list[Node]:
    ends = np.cumsum(constants[split.input[1]])
    made = []
    for name, start, end in zip(split.output, (0, *ends[:-1]), ends, strict=True):
        places = {f"{name}/start": start, f"{name}/end": end, f"{name}/axis": axis}
        constants.update({key: np.array([value], np.int64) for key, value in places.items()})
        made.append(Node("Slice", (split.input[0], *places), name, {}))
    return made


def _wide(values: Array) -> Array:
    return values.astype(np.float32) if values.dtype == np.float16 else values


def _chains(graph: Graph, kinds: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Places of nodes of these kinds, each read by the next alone."""
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    readers.update(graph.outputs)
    follows = {node.inputs[0]: place for place, node in enumerate(graph.nodes) if node.inputs}
    found = []
    for start, node in enumerate(graph.nodes):
        chain = [start]
        while len(chain) < len(kinds) and readers[graph.nodes[chain[-1]].output] == 1:
            if (after := follows.get(graph.nodes[chain[-1]].output)) is None:
                break
            chain.append(after)
        if node.kind == kinds[0] and tuple(graph.nodes[place].kind for place in chain) == kinds:
            found.append(tuple(chain))
    return found


def _replaced(graph: Graph, chain: tuple[int, ...], node: Node, constants: Mapping[str, Array]) -> Graph:
    """With `node` at the chain's end in place of the chain."""
    nodes = [node if place == chain[-1] else each for place, each in enumerate(graph.nodes)]
    kept = tuple(each for place, each in enumerate(nodes) if place not in chain[:-1])
    return replace(graph, nodes=kept, constants={**graph.constants, **constants})


def _without_unshuffle(graph: Graph) -> Graph:
    """Space-to-depth by b and a k x k convolution of stride 1 are one bk x bk convolution of stride b."""
    for chain in [each for kinds in _UNSHUFFLES for each in _chains(graph, (*kinds, "Conv"))]:
        first, convolution = graph.nodes[chain[0]], graph.nodes[chain[-1]]
        turn, shape = (next(graph.nodes[n] for n in chain if graph.nodes[n].kind == kind) for kind in _TURNED)
        about, block = convolution.attributes, int(graph.constants[shape.inputs[1]][_BLOCK])
        weights = graph.constants[convolution.inputs[1]]
        outside, inside, tall, wide = weights.shape
        plain = about.get("strides", [1, 1]) == [1, 1] == about.get("dilations", [1, 1])
        if list(turn.attributes["perm"]) != _UNSHUFFLE_ORDER or not plain or about.get("group", 1) != 1:
            continue
        # Channel (c * b + y) * b + x of the unshuffled plane is pixel (y, x) of each square of channel c.
        channels = inside // block**2
        squares = weights.reshape(outside, channels, block, block, tall, wide).transpose(0, 1, 4, 2, 5, 3)
        name = convolution.inputs[1] + "_strided"
        attributes = {**about, "kernel_shape": [block * tall, block * wide], "strides": [block] * 2}
        attributes["pads"] = [block * pad for pad in about.get("pads", [0, 0, 0, 0])]
        node = Node("Conv", (first.inputs[0], name, *convolution.inputs[2:]), convolution.output, attributes)
        made = squares.reshape(outside, channels, block * tall, block * wide)
        return _without_unshuffle(_replaced(graph, chain, node, {name: np.ascontiguousarray(made)}))
    return graph


def _without_shuffle(graph: Graph) -> Graph:
    """Depth-to-space by b behind a convolution is a transposed b x b convolution of stride b that puts each
    channel in its place."""
    for chain in _chains(graph, ("Conv", "DepthToSpace")):
        convolution, shuffle = (graph.nodes[place] for place in chain)
        if shuffle.attributes.get("mode") != b"CRD":
            continue
        block = shuffle.attributes["blocksize"]
        channels = graph.constants[convolution.inputs[1]].shape[0] // block**2
        places = np.zeros((channels, block, block, channels, block, block), np.float32)
        for channel, row, column in np.ndindex(channels, block, block):
            places[channel, row, column, channel, row, column] = 1
        name = f"{shuffle.output}_places"
        made = {name: places.reshape(channels * block**2, channels, block, block)}
        spread = Node("ConvTranspose", (convolution.output, name), shuffle.output, {"strides": [block] * 2})
        return _without_shuffle(_replaced(graph, chain[1:], spread, made))
    return graph
