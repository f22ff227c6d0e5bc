"""Runs what was built, each format by the runtime it is for, behind the call that the product's code makes.

Every session here answers `run(names, feeds)` and `get_providers()` like ONNX Runtime's, so that
`svc_segment.model.Model` and the landmark path run on it unchanged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

Array = NDArray[Any]
ON_CPU = "CPUExecutionProvider"


class Session(Protocol):
    """Computes the named outputs (None: all) of named inputs, on the first of its providers."""

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> list[Array]: ...

    def get_providers(self) -> list[str]: ...


def onnx_session(model: Path | bytes, threads: int = 0, *, rounded: bool = False) -> Session:
    """ONNX Runtime on the CPU.

    rounded: no optimisation, so that a graph in half precision rounds what every operator gives to half
    precision, as a processor that has it does; optimised, the CPU would keep whole chains in float32.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if rounded:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session: Session = ort.InferenceSession(model, options, providers=[ON_CPU])
    return session


class LiteRt:
    """A LiteRT model by XNNPACK. Of its signatures the first that takes inputs of the given shapes runs."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        self._interpreter = Interpreter(str(path), num_threads=threads or os.cpu_count())
        self._runners = {
            name: self._interpreter.get_signature_runner(name)
            for name in self._interpreter.get_signature_list()
        }
        self.shapes: dict[str, dict[str, tuple[int, ...]]] = {
            name: {key: tuple(about["shape"].tolist()) for key, about in runner.get_input_details().items()}
            for name, runner in self._runners.items()
        }

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> list[Array]:
        wanted = {key: values.shape for key, values in feeds.items()}
        fitting = [name for name, shapes in self.shapes.items() if shapes == wanted]
        if not fitting:
            raise ValueError(f"no signature takes {wanted}; there are {self.shapes}")
        made = self._runners[fitting[0]](**feeds)
        return [np.array(made[name]) for name in names or made]

    def get_providers(self) -> list[str]:
        """XNNPACK runs on the CPU, and ONNX Runtime's name for that is what callers know."""
        return [ON_CPU]


class FixedTiles:
    """An ink segmenter that takes tiles of a few fixed sizes, behind one that takes any.

    Features (B, C, H, W) are mirrored at the right and the bottom to the smallest size that holds them, as a
    phone has to do it, and the logit (B, 1, H, W) is cut back.
    """

    def __init__(self, session: Session, sides: Sequence[int], *, channels_last: bool) -> None:
        self._session, self._sides, self._channels_last = session, sorted(sides), channels_last

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> list[Array]:
        return [np.concatenate([self._one(tile) for tile in feeds["features"]])]

    def get_providers(self) -> list[str]:
        return self._session.get_providers()

    def _one(self, tile: Array) -> Array:
        _, height, width = tile.shape
        side = next((each for each in self._sides if each >= max(height, width)), None)
        if side is None:
            raise ValueError(f"a tile of {height} x {width} is larger than {self._sides[-1]}")
        whole = mirrored(tile, side)[None]
        if not self._channels_last:
            return self._session.run(["logit"], {"features": whole})[0][:, :, :height, :width]
        given = np.ascontiguousarray(whole.transpose(0, 2, 3, 1))
        made = self._session.run(["logit"], {"features": given})[0]
        return np.asarray(made.transpose(0, 3, 1, 2)[:, :, :height, :width])


def mirrored(tile: Array, side: int) -> Array:
    """A tile (C, H, W) continued to (C, side, side) by mirroring at its right and bottom edges."""
    _, height, width = tile.shape
    return np.pad(tile, ((0, 0), (0, side - height), (0, side - width)), "symmetric")
