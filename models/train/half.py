"""Weights of an ONNX file in half precision, as every released model of ours stores them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_SMALLEST = 64
"""Constants of fewer numbers stay as they are: they save nothing, and some are sizes or scales."""


def half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Stores weights in float16; a Cast before use makes them float32 again, folded when a session loads."""
    graph, casts, kept = model.graph, [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _SMALLEST:
            kept.append(tensor)
            continue
        name = tensor.name + "_half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), name))
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model
