"""What a process reports of its models: which are loaded, how full batches are, how long a GPU is held."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mesh import gpu, telemetry

ON_CPU = "CPUExecutionProvider"


def loaded(service: str, label: str, provider: str) -> None:
    """Shows a model, "name@version", and the ONNX Runtime provider that runs it; shows the GPUs too."""
    name, _, version = label.partition("@")
    telemetry.MODEL.labels(service, name, version, provider).set(1)
    gpu.watch()


@contextmanager
def session(stage: str, label: str, provider: str, size: int) -> Iterator[None]:
    """Around one run of a session: counts the batch and, on a GPU, the seconds that it holds the device."""
    telemetry.BATCH_SIZE.labels(label).observe(size)
    began = time.perf_counter()
    try:
        yield
    finally:
        if provider != ON_CPU:
            telemetry.STAGE_GPU.labels(stage).inc(time.perf_counter() - began)


def waited(label: str, since: Sequence[float]) -> None:
    """Counts how long tiles or crops had waited for their session; `since` are their perf_counters."""
    now = time.perf_counter()
    for began in since:
        telemetry.BATCH_WAIT.labels(label).observe(now - began)
