"""What every decoder process does to itself: hard limits, a clean answer channel, refusals as fields."""

import math
import os
import resource
import time
from pathlib import Path
from typing import BinaryIO

from mesh.errors import InvalidInput
from svc_ingest import wire


def quiet_output() -> BinaryIO:
    """The channel for answers; no core dumps.

    Libraries may print; whatever they print must not end up between two messages, so standard output is
    turned to standard error.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return answers


def bound(memory_bytes: int, cpu_seconds: int, idle_bytes: int) -> None:
    """Sets the memory limit, and the processor limit to what was used so far and one request more."""
    _set_soft(resource.RLIMIT_AS, idle_bytes + memory_bytes)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime) + cpu_seconds)


def _set_soft(limit: int, value: int) -> None:
    """Sets a soft limit, at most the hard one, which the machine may have lowered and stays as it is."""
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def address_space() -> int:
    """Bytes of address space in use now (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def cost() -> wire.Fields:
    """What this process has used so far, as fields of an answer: memory at its most, processor time."""
    return {"peak_rss_bytes": peak_resident(), "cpu_seconds": time.process_time()}


def peak_resident() -> int:
    """Largest resident size so far (proc(5), VmHWM); getrusage would count the parent before exec too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def refusal(error: InvalidInput) -> wire.Fields:
    """An error as the fields of an answer."""
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "field": error.field,
            "fix": error.fix,
            "metadata": error.metadata,
        }
    }
