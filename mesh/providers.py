"""Where a model runs: TensorRT, else CUDA, else the CPU, by what ONNX Runtime offers here."""

from __future__ import annotations

from functools import lru_cache

import onnxruntime as ort

from mesh.cores import cores
from mesh.settings import Settings

CUDA = "CUDAExecutionProvider"
_PREFERENCE = ("TensorrtExecutionProvider", CUDA, "CPUExecutionProvider")
Provider = str | tuple[str, dict[str, str]]
"""A provider's name, with its options where it has some."""


def choose(available: list[str] | None = None) -> list[Provider]:
    """Providers in the order to try, the CPU always last; `available` defaults to what ONNX Runtime reports.

    ONNX Runtime falls to the next one when a provider's libraries do not load; what really runs is
    `session.get_providers()[0]`.
    """
    offered = ort.get_available_providers() if available is None else available
    limit = Settings().inference_memory_bytes
    chosen = [name for name in _PREFERENCE if name in offered or name == "CPUExecutionProvider"]
    return [(name, {"gpu_mem_limit": str(limit)}) if limit and name == CUDA else name for name in chosen]


def options(threads: int = 0) -> ort.SessionOptions:
    """Session options: as many threads as this process may use (or `threads`), which sleep when idle."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads or cores()
    settings.inter_op_num_threads = 1
    settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3
    limit = Settings().inference_memory_bytes
    if limit:
        _limit_cpu(limit)
        settings.add_session_config_entry("session.use_env_allocators", "1")
    return settings


@lru_cache(maxsize=1)
def _limit_cpu(limit: int) -> None:
    """Gives the sessions of this process one arena on the CPU that refuses to grow beyond `limit` bytes."""
    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    # Extended by what is asked for, not by doubling, so that the limit is where it says.
    ort.create_and_register_allocator(place, ort.OrtArenaCfg({"max_mem": limit, "arena_extend_strategy": 1}))
