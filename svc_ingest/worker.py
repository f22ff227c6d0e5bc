"""The decoder process: reads images from standard input, answers on standard output, under hard limits.

It is started by `svc_ingest.sandbox` with no environment, so it holds no secrets; it can open no new
files for writing, take no more memory than its limit and no more processor time per image than its limit.
"""

import math
import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO

import cv2

from mesh.errors import InvalidInput
from svc_ingest import wire
from svc_ingest.core import ingest
from svc_ingest.limits import Limits
from svc_ingest.problems import refuse


def main() -> None:
    """Serves requests until standard input ends. A request: declared type, limits, one blob."""
    # Libraries may print; whatever they print must not end up between two messages.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    cv2.setNumThreads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    idle_bytes = _address_space()
    while _serve(sys.stdin.buffer, answers, idle_bytes):
        pass


def _serve(requests: BinaryIO, answers: BinaryIO, idle_bytes: int) -> bool:
    try:
        fields, blobs = wire.receive(requests)
    except EOFError:
        return False
    limits = Limits(**fields["limits"])
    _bound(limits, idle_bytes)
    try:
        answer, images = wire.pack(ingest(blobs[0], fields["declared"], limits))
    except InvalidInput as error:
        answer, images = _error(error), ()
    except (MemoryError, cv2.error):
        # OpenCV has an error type of its own; after decoding, memory is all it can lack.
        needed = refuse("IMAGE_TOO_COMPLEX", "Decoding the image takes more memory than is allowed.")
        # What is left of the heap may be in pieces, so this process has done its last image.
        answer, images = {**_error(needed), "spent": True}, ()
    wire.send(answers, {**answer, "peak_rss_bytes": _peak_resident()}, images)
    return True


def _bound(limits: Limits, idle_bytes: int) -> None:
    """Sets the memory limit, and the processor limit to what was used so far and one image more."""
    _set_soft(resource.RLIMIT_AS, idle_bytes + limits.memory_bytes)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime) + limits.cpu_seconds)


def _set_soft(limit: int, value: int) -> None:
    """Sets a soft limit, at most the hard one, which the machine may have lowered and stays as it is."""
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _address_space() -> int:
    """Bytes of address space in use now (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _peak_resident() -> int:
    """Largest resident size so far (proc(5), VmHWM); getrusage would count the parent before exec too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _error(error: InvalidInput) -> wire.Fields:
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "field": error.field,
            "fix": error.fix,
            "metadata": error.metadata,
        }
    }


if __name__ == "__main__":
    main()
