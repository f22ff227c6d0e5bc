"""Begin with the weights of a released version instead of random ones, and keep a share of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from mesh import registry
from models.train.ink.network import InkNet

Weights = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Kernel and bias of a convolution."""


def begin_with(net: InkNet, label: str, features: Tensor) -> None:
    """Set a net's weights to those of a released version of the same shape.

    Its file holds batch normalisation folded into convolutions. Here each normalisation gets mean and spread
    of what reaches it from `features` (B, C, H, W), and the scale and shift that undo them: the net computes
    the same, and can be trained on. Raises RuntimeError when the version has another shape.
    """
    found = list(_convolutions(onnx.load(str(registry.find(label).folder / "model.onnx"))))
    ours = _in_order(net, features)
    if [tuple(kernel.shape) for kernel, _ in found] != [tuple(conv.weight.shape) for conv, _ in ours]:
        raise RuntimeError(f"{label} is of another shape than the plan's net")
    handles = []
    for (kernel, bias), (conv, norm) in zip(found, ours, strict=True):
        with torch.no_grad():
            conv.weight.copy_(torch.from_numpy(kernel))
            if norm is None:
                assert conv.bias is not None
                conv.bias.copy_(torch.from_numpy(bias))
            else:
                handles.append(norm.register_forward_pre_hook(_unfold(torch.from_numpy(bias))))
    net.eval()
    with torch.no_grad():
        net(features)
    for handle in handles:
        handle.remove()
    net.train()


def keep(path: Path, label: str, share: float) -> None:
    """Replace every weight of a file by (1 - share) of it and `share` of a released version's same weight.

    Both files hold the same graph. Raises ValueError when they differ in shape.
    """
    model, start = onnx.load(str(path)), onnx.load(str(registry.find(label).folder / "model.onnx"))
    for ours, theirs in zip(_tensors(model), _tensors(start), strict=True):
        one, other = numpy_helper.to_array(ours), numpy_helper.to_array(theirs)
        if one.shape != other.shape:
            raise ValueError(f"{label} is of another shape than {path.name}")
        mean = (1 - share) * one.astype(np.float32) + share * other.astype(np.float32)
        ours.CopyFrom(numpy_helper.from_array(mean.astype(one.dtype), ours.name))
    onnx.save(model, str(path))


def _convolutions(model: onnx.ModelProto) -> Iterator[Weights]:
    """Those of a file, in the order in which they are computed."""
    tensors = (numpy_helper.to_array(tensor).astype(np.float32) for tensor in _tensors(model))
    return zip(tensors, tensors, strict=True)


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Kernel and bias of every convolution, in the order in which they are computed."""
    cast = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Cast"}
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv":
            yield from (held[cast.get(name, name)] for name in node.input[1:3])


def _in_order(net: InkNet, features: Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d | None]]:
    """The net's convolutions in the order of computing, each with the normalisation after it."""
    seen: list[nn.Module] = []
    handles = [
        module.register_forward_hook(lambda module, *_: seen.append(module))
        for module in net.modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    net.eval()
    with torch.no_grad():
        net(features[:1])
    for handle in handles:
        handle.remove()
    following = [*seen[1:], None]
    return [
        (one, after if isinstance(after, nn.BatchNorm2d) else None)
        for one, after in zip(seen, following, strict=True)
        if isinstance(one, nn.Conv2d)
    ]


def _unfold(bias: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def set_before_use(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        mean, spread = given[0].mean((0, 2, 3)), given[0].var((0, 2, 3), unbiased=False)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(spread)
        norm.weight.copy_((spread + norm.eps).sqrt())
        norm.bias.copy_(bias + mean)

    return set_before_use
