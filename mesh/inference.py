"""What a process reports of its models: which are loaded, how full batches are, how long a GPU is held."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from mesh import gpu, telemetry

T = TypeVar("T")

ON_CPU = "CPUExecutionProvider"


def loaded(service: str, label: str, provider: str) -> None:
    """Shows a model, "name@version", and the ONNX Runtime provider that runs it; shows the GPUs too."""
    name, _, version = label.partition("@")
    telemetry.MODEL.labels(service, name, version, provider).set(1)
    gpu.watch()


def run(stage: str, provider: str, function: Callable[[], T]) -> T:
    """Runs a session; on a GPU, counts the seconds it held the device."""
    if provider == ON_CPU:
        return function()
    began = time.perf_counter()
    try:
        return function()
    finally:
        telemetry.STAGE_GPU.labels(stage).inc(time.perf_counter() - began)


def batch(model: str, size: int, waited_s: list[float]) -> None:
    """Counts a batch that goes through a session: how many tiles or crops, how long they had waited."""
    telemetry.BATCH_SIZE.labels(model).observe(size)
    for seconds in waited_s:
        telemetry.BATCH_WAIT.labels(model).observe(seconds)
