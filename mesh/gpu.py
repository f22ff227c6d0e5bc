"""GPUs as NVML sees them, through its C library; where there is none, there is none.

Called at each scrape, so that a process which nobody watches pays nothing. NVML: NVIDIA Management
Library, API reference, nvmlDeviceGetUtilizationRates and nvmlDeviceGetMemoryInfo.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache

import structlog

from mesh.signals import gauge

log = structlog.get_logger()

DEVICES = gauge("assay_gpu_devices")
UTILIZATION = gauge("assay_gpu_utilization_ratio")
MEMORY_USED = gauge("assay_gpu_memory_used_bytes")
MEMORY_TOTAL = gauge("assay_gpu_memory_total_bytes")

LIBRARY = "libnvidia-ml.so.1"


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


@dataclass(frozen=True)
class Gpu:
    """One device: its index and NVML's handle."""

    index: int
    library: ctypes.CDLL
    handle: ctypes.c_void_p

    def utilization(self) -> float:
        """Share of the last sample period in which a kernel ran, 0 to 1; NaN when NVML cannot say."""
        found = _Utilization()
        failed = self.library.nvmlDeviceGetUtilizationRates(self.handle, ctypes.byref(found))
        return float("nan") if failed else found.gpu / 100

    def memory_used(self) -> float:
        """Bytes in use; NaN when NVML cannot say."""
        found = self._memory()
        return float(found.used) if found else float("nan")

    def memory_total(self) -> float:
        """Bytes in all; NaN when NVML cannot say."""
        found = self._memory()
        return float(found.total) if found else float("nan")

    def _memory(self) -> _Memory | None:
        found = _Memory()
        failed = self.library.nvmlDeviceGetMemoryInfo(self.handle, ctypes.byref(found))
        return None if failed else found


def devices(library: str = LIBRARY) -> tuple[Gpu, ...]:
    """The GPUs of this machine; empty without NVML or without a GPU."""
    try:
        return opened(ctypes.CDLL(library))
    except OSError:
        return ()


def opened(nvml: ctypes.CDLL) -> tuple[Gpu, ...]:
    """The GPUs that a loaded NVML hands out; those it refuses are left out."""
    count = ctypes.c_uint()
    if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        log.warning("nvml_unusable")
        return ()
    found = []
    for index in range(count.value):
        handle = ctypes.c_void_p()
        if not nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
            found.append(Gpu(index, nvml, handle))
    return tuple(found)


@lru_cache(maxsize=1)
def watch() -> int:
    """Shows the GPUs on /metrics, once per process; returns how many there are."""
    found = devices()
    DEVICES.set(len(found))
    for one in found:
        label = str(one.index)
        UTILIZATION.labels(label).set_function(one.utilization)
        MEMORY_USED.labels(label).set_function(one.memory_used)
        MEMORY_TOTAL.labels(label).set_function(one.memory_total)
    return len(found)
