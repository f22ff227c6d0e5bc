"""The batcher under crowds, failures and deadlines."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import DeadlineExceeded, ResourceExhausted, Transient
from svc_segment.batcher import Batcher

SOON = timedelta(seconds=20)


class Session:
    """Answers tile + 1 in its first channel; keeps the batch shapes; waits at a gate when it has one."""

    def __init__(self, gate: threading.Event | None = None, wait_s: float = 0.0) -> None:
        self.batches: list[tuple[int, ...]] = []
        self.gate = gate
        self.wait_s = wait_s

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        self.batches.append(tiles.shape)
        if self.gate:
            assert self.gate.wait(10)
        time.sleep(self.wait_s)
        if (tiles == 666).any():
            raise RuntimeError("bad tile")
        return tiles[:, 0] + 1


def tile(value: float, side: int = 4) -> np.ndarray:
    return np.full((6, side, side), value, np.float32)


def soon() -> datetime:
    return datetime.now(UTC) + SOON


async def started(session: Session) -> None:
    async with asyncio.timeout(5):
        while not session.batches:
            await asyncio.sleep(0.001)


async def test_answers_come_back_in_order_and_to_their_caller() -> None:
    async with Batcher(Session(), max_batch=3, max_queue=100) as batcher:
        calls = [batcher.submit([tile(10 * k), tile(10 * k + 1)], soon()) for k in range(9)]
        for k, answers in enumerate(await asyncio.gather(*calls)):
            assert [float(a[0, 0]) for a in answers] == [10 * k + 1, 10 * k + 2]


async def test_what_waits_while_the_session_is_busy_leaves_as_one_batch() -> None:
    gate = threading.Event()
    session = Session(gate)
    async with Batcher(session, max_batch=8, max_queue=100) as batcher:
        first = asyncio.create_task(batcher.submit([tile(0)], soon()))
        await started(session)
        rest = [asyncio.create_task(batcher.submit([tile(k)], soon())) for k in range(1, 6)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *rest)
    assert [shape[0] for shape in session.batches] == [1, 5]


async def test_only_one_shape_in_a_batch_and_shapes_take_turns() -> None:
    gate = threading.Event()
    session = Session(gate)
    async with Batcher(session, max_batch=2, max_queue=100) as batcher:
        first = asyncio.create_task(batcher.submit([tile(0, 2)], soon()))
        await started(session)
        tasks = [asyncio.create_task(batcher.submit([tile(k, 4)], soon())) for k in range(4)]
        tasks.append(asyncio.create_task(batcher.submit([tile(9, 8)], soon())))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *tasks)
    assert session.batches[1:] == [(2, 6, 4, 4), (1, 6, 8, 8), (2, 6, 4, 4)]


async def test_a_full_queue_refuses_the_whole_call_and_recovers() -> None:
    gate = threading.Event()
    session = Session(gate)
    async with Batcher(session, max_batch=1, max_queue=3) as batcher:
        first = asyncio.create_task(batcher.submit([tile(0)], soon()))
        await started(session)
        second = asyncio.create_task(batcher.submit([tile(1), tile(2)], soon()))
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhausted) as refused:
            await batcher.submit([tile(3), tile(4)], soon())
        assert refused.value.code == "SEGMENT_BUSY"
        assert batcher.waiting == 2
        gate.set()
        await asyncio.gather(first, second)
        assert len(await batcher.submit([tile(5)], soon())) == 1
        assert batcher.waiting == 0


async def test_a_failing_batch_fails_each_of_its_items_and_only_those() -> None:
    gate = threading.Event()
    session = Session(gate)
    async with Batcher(session, max_batch=2, max_queue=10) as batcher:
        good = asyncio.create_task(batcher.submit([tile(0)], soon()))
        await started(session)
        bad = [asyncio.create_task(batcher.submit([tile(v)], soon())) for v in (666, 1)]
        await asyncio.sleep(0)
        after = asyncio.create_task(batcher.submit([tile(2)], soon()))
        await asyncio.sleep(0)
        gate.set()
        results = await asyncio.gather(good, *bad, after, return_exceptions=True)
    assert [type(r).__name__ for r in results] == ["list", "RuntimeError", "RuntimeError", "list"]


async def test_a_passed_deadline_is_told_and_not_run() -> None:
    gate = threading.Event()
    session = Session(gate)
    async with Batcher(session, max_batch=1, max_queue=10) as batcher:
        first = asyncio.create_task(batcher.submit([tile(0)], soon()))
        await started(session)
        with pytest.raises(DeadlineExceeded):
            await batcher.submit([tile(1)], datetime.now(UTC) + timedelta(milliseconds=30))
        gate.set()
        await first
        await batcher.submit([tile(2)], soon())
    assert len(session.batches) == 2  # the late tile never reached the session


async def test_a_caller_who_leaves_takes_its_tiles_along() -> None:
    gate = threading.Event()
    session = Session(gate)
    async with Batcher(session, max_batch=1, max_queue=10) as batcher:
        first = asyncio.create_task(batcher.submit([tile(0)], soon()))
        await started(session)
        gone = asyncio.create_task(batcher.submit([tile(1), tile(2)], soon()))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        gate.set()
        await first
        await batcher.submit([tile(3)], soon())
    assert len(session.batches) == 2


async def test_closing_fails_what_waits_and_refuses_what_comes() -> None:
    gate = threading.Event()
    session = Session(gate)
    batcher = Batcher(session, max_batch=1, max_queue=10)
    first = asyncio.create_task(batcher.submit([tile(0)], soon()))
    await started(session)
    waiting = asyncio.create_task(batcher.submit([tile(1)], soon()))
    await asyncio.sleep(0)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    gate.set()
    await closing
    assert len(await first) == 1
    with pytest.raises(Transient):
        await waiting
    with pytest.raises(Transient):
        await batcher.submit([tile(2)], soon())


async def test_a_session_that_loses_answers_is_an_error() -> None:
    async with Batcher(lambda tiles: tiles[:0, 0], max_batch=2, max_queue=4) as batcher:
        with pytest.raises(RuntimeError, match="answered 0 of 1"):
            await batcher.submit([tile(0)], soon())


def test_one_batcher_serves_one_event_loop_after_another() -> None:
    batcher = Batcher(Session(), max_batch=2, max_queue=4)
    for value in (1.0, 2.0):
        (answer,) = asyncio.run(batcher.submit([tile(value)], soon()))
        assert float(answer[0, 0]) == value + 1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 50), st.sampled_from([2, 3, 5])), min_size=1, max_size=4),
        max_size=12,
    ),
    st.integers(1, 5),
)
def test_any_crowd_gets_its_own_answers_once(calls: list[list[tuple[int, int]]], max_batch: int) -> None:
    session = Session(wait_s=0.0005)

    async def crowd() -> None:
        async with Batcher(session, max_batch=max_batch, max_queue=1000) as batcher:

            async def call(spec: list[tuple[int, int]]) -> None:
                answers = await batcher.submit([tile(v, s) for v, s in spec], soon())
                for (value, side), answer in zip(spec, answers, strict=True):
                    assert answer.shape == (side, side)
                    assert (answer == value + 1).all()

            await asyncio.gather(*(call(spec) for spec in calls))

    asyncio.run(crowd())
    assert sum(shape[0] for shape in session.batches) == sum(len(spec) for spec in calls)
    assert all(shape[0] <= max_batch for shape in session.batches)
