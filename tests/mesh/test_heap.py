"""What work leaves in the C library's heap goes back once nothing works any more."""

from __future__ import annotations

import asyncio
import ctypes

import psutil
import pytest

from mesh.heap import Heap

LIBC = ctypes.CDLL(None)
# Less than what glibc maps by itself; below a block that is kept, so that freeing does not give it back.
SIZE, COUNT = 100_000, 2000


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def leave_holes() -> int:
    """Allocates, touches and frees, but for the last block: its address."""
    LIBC.malloc.restype, LIBC.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    LIBC.free.argtypes = [ctypes.c_void_p]
    blocks = [LIBC.malloc(SIZE) for _ in range(COUNT)]
    for block in blocks:
        ctypes.memset(block, 1, SIZE)
    for block in blocks[:-1]:
        LIBC.free(block)
    return int(blocks[-1])


async def test_the_heap_is_given_back_when_work_ends() -> None:
    heap = Heap()
    async with heap.used():
        kept = leave_holes()
        held = resident()
    given = held - resident()
    LIBC.free(kept)
    assert given > 0.9 * (COUNT - 1) * SIZE


async def test_work_that_overlaps_keeps_it_until_the_last_ends() -> None:
    heap, first, second = Heap(), asyncio.Event(), asyncio.Event()

    async def piece(ends: asyncio.Event) -> None:
        async with heap.used():
            await ends.wait()

    tasks = [asyncio.create_task(piece(ends)) for ends in (first, second)]
    await asyncio.sleep(0)
    kept = leave_holes()
    held = resident()
    first.set()
    await tasks[0]
    after_one = held - resident()
    second.set()
    await tasks[1]
    after_both = held - resident()
    LIBC.free(kept)
    assert after_one < 0.1 * COUNT * SIZE
    assert after_both > 0.9 * (COUNT - 1) * SIZE


async def test_work_that_fails_gives_back_too() -> None:
    heap, seen = Heap(), list[int]()

    async def fails() -> None:
        async with heap.used():
            seen.extend((leave_holes(), resident()))
            raise RuntimeError("the work")

    with pytest.raises(RuntimeError, match="the work"):
        await fails()
    kept, held = seen
    given = held - resident()
    LIBC.free(kept)
    assert given > 0.9 * (COUNT - 1) * SIZE
