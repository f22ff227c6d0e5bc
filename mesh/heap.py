"""The C library's heap: what jobs leave free in it goes back to the system while nothing works.

Photos, frames and pages leave holes of other sizes after every job. Kept, they make a process as large as its
most crowded moment; and Google's protobuf gives them back anyway, after every so many messages, in the midst
of a job (docs/performance.md).
"""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Returns the heap's free pages to the system, where the C library knows how (glibc)."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
