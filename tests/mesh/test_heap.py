"""What a job leaves free in the C library's heap goes back once nothing works any more."""

from __future__ import annotations

import asyncio
import ctypes
import time

import psutil
from assay.events.v1.analysis_pb2 import Analysis
from assay.ingest.v1.ingest_pb2 import IngestPage

from mesh import facts
from mesh.heap import give_back
from mesh.stage import StageContext
from tests.mesh.conftest import new_analysis
from tests.mesh.test_runner import fact, running, settled

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


def test_free_pages_go_back() -> None:
    kept = leave_holes()
    held = resident()
    give_back()
    given = held - resident()
    LIBC.free(kept)
    assert given > 0.9 * (COUNT - 1) * SIZE


async def test_a_stage_gives_its_heap_back_when_its_last_job_has_ended(settings, connection, objects):
    first, second = new_analysis(settings), new_analysis(settings)
    may_end = {each.job.job_id: asyncio.Event() for each in (first, second)}
    kept = list[int]()

    async def handle(analysis: Analysis, _: StageContext) -> IngestPage:
        kept.append(leave_holes())
        await may_end[analysis.job.job_id].wait()
        return IngestPage()

    async with running(handle, settings, connection, objects):
        for analysis in (first, second):
            await facts.publish_fact(connection.js, "requested", analysis, source="test")
        async with asyncio.timeout(15):
            while len(kept) < 2:
                await asyncio.sleep(0.02)
        held = resident()
        may_end[first.job.job_id].set()
        await fact(connection, "ingested", first)
        while_one_works = held - resident()
        may_end[second.job.job_id].set()
        await fact(connection, "ingested", second)
        await settled(connection)
        deadline = time.monotonic() + 15
        while held - resident() < 0.9 * COUNT * SIZE and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        in_the_end = held - resident()
    for block in kept:
        LIBC.free(block)
    assert while_one_works < 0.1 * COUNT * SIZE
    assert in_the_end > 0.9 * (COUNT - 1) * SIZE
