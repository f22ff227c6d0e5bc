"""What to do when a device has no memory left for a batch: make it smaller, and at one say that it may pass.

A run that ONNX Runtime found no memory for has no effect, and its arena keeps what it had, so the halves
can be run at once. One item that does not fit is ResourceExhausted (DEVICE_MEMORY): the runner tries again
later, when others may have left the device, and in the end keeps a dead letter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import structlog
from numpy.typing import NDArray

from mesh.errors import ResourceExhausted

log = structlog.get_logger()

Batch = NDArray[np.float32]
# What ONNX Runtime's arena, CUDA, cuBLAS, cuDNN and the C++ library say when memory is short.
SIGNS = (
    "is smaller than requested bytes",
    "Failed to allocate memory",
    "out of memory",
    "ALLOC_FAILED",
    "bad_alloc",
)


def is_shortage(error: BaseException) -> bool:
    """Whether an error of a session means that memory was short."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in SIGNS)


def in_pieces(run: Callable[[Batch], Batch], batch: Batch, model: str) -> Batch:
    """Answers (B, ...) of `run` to a batch (B, ...), in smaller batches where the device has no room.

    Raises ResourceExhausted (DEVICE_MEMORY) when even one item does not fit, and whatever else `run` raises.
    """
    try:
        return run(batch)
    except Exception as error:
        if not is_shortage(error):
            raise
        log.warning("device_memory_short", model=model, batch=len(batch), kind=type(error).__name__)
        if len(batch) == 1:
            raise ResourceExhausted(
                "DEVICE_MEMORY",
                "The device has no memory for this input now.",
                fix="Try again; if it persists, see docs/runbooks/gpu-out-of-memory.md.",
                retry_after_s=5.0,
            ) from error
    half = len(batch) // 2
    return np.concatenate([in_pieces(run, part, model) for part in (batch[:half], batch[half:])])
