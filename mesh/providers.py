"""Where a model runs: TensorRT, else CUDA, else the CPU, by what ONNX Runtime offers here."""

from __future__ import annotations

import os

import onnxruntime as ort

_PREFERENCE = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")


def choose(available: list[str] | None = None) -> list[str]:
    """Providers in the order to try, the CPU always last; `available` defaults to what ONNX Runtime reports.

    ONNX Runtime falls to the next one when a provider's libraries do not load; what really runs is
    `session.get_providers()[0]`.
    """
    offered = ort.get_available_providers() if available is None else available
    return [name for name in _PREFERENCE if name in offered or name == "CPUExecutionProvider"]


def options(threads: int = 0) -> ort.SessionOptions:
    """Session options: as many threads as this process may use (or `threads`), which sleep when idle."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    settings.inter_op_num_threads = 1
    settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3
    return settings
