"""The C library's heap, given back where work leaves it full of holes.

Frames, photos and pages leave holes of other sizes after every job; kept, they add up to steps that look like
a leak and are one in the long run (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Heap:
    """Gives the heap's free pages back whenever the last piece of work under way has ended.

    Under load, when pieces overlap, it does nothing, and costs nothing. For the tasks of one event loop.
    """

    def __init__(self) -> None:
        self._under_way = 0

    @asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """Around a piece of work; what it allocated should be out of reach when it leaves."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                await asyncio.to_thread(give_back)


def give_back() -> None:
    """Returns the heap's free pages to the system, where the C library knows how (glibc)."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
