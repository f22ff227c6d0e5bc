"""What the command needs to know of a model that it exports, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.export.gate import Parity
from models.export.sessions import Session

Array = NDArray[Any]


@dataclass(frozen=True)
class Form:
    """One format."""

    name: str
    file: str
    made_of: str
    """What numbers it holds and computes with."""


FORMS = (
    Form("ONNX fp32", "model-fp32.onnx", "float32"),
    Form("ONNX fp16", "model-fp16.onnx", "float16 throughout, inputs and outputs float32"),
    Form("ONNX Runtime", "model.ort", "float32"),
    Form("LiteRT fp32", "model-fp32.tflite", "float32"),
    Form("LiteRT fp16", "model-fp16.tflite", "weights float16, computed as the delegate does"),
    Form("LiteRT int8 weights", "model-int8-weights.tflite", "weights int8, computed in float32"),
    Form("LiteRT int8", "model-int8.tflite", "weights int8, activations int8 by the range of each call"),
    Form("LiteRT int8, static", "model-int8-static.tflite", "weights, activations int8, calibrated ranges"),
    Form("Core ML fp16", "model.mlpackage", "float16 throughout"),
)


class Subject(Protocol):
    """A released model, what its formats take, and how they are judged."""

    @property
    def label(self) -> str:
        """Name and version, for example "ink-seg@1.0.0"."""

    @property
    def file(self) -> Path:
        """The released ONNX file, verified."""

    @property
    def input(self) -> str:
        """Name of its only input."""

    @property
    def signatures(self) -> Mapping[str, tuple[int, ...]]:
        """Input shapes by name, as the ONNX file takes them; the first is what is timed."""

    @property
    def channels_last(self) -> bool:
        """Whether LiteRT's files take [1, H, W, C] where the ONNX file takes [1, C, H, W]."""

    def calibration(self) -> Mapping[str, NDArray[np.float32]]:
        """Typical inputs [N, ...] of each signature in LiteRT's layout, none of which the gate sees."""

    def parity(self, session: Session, form: Form) -> Parity:
        """How a built form compares with the released file."""
