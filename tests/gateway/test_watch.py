"""Server-sent events: what is told, in which order, and what a client that comes back is told again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from assay.gateway.v1 import gateway_pb2 as pb

from gateway.api import watch
from mesh.facts import publish_fact
from mesh.progress import Progress
from mesh.settings import Settings
from mesh.topology import PROGRESS_BUCKET
from tests.gateway.callers import Caller, Event, order, read_events, served
from tests.gateway.conftest import Servers

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]


class Watching:
    """A watch in progress: all that came so far."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.text = ""
        self.types: set[str] = set()
        self.ended = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for body in self.call:
            self.types.add(body.content_type)
            self.text += body.data.decode()

    @property
    def events(self) -> list[Event]:
        return read_events(self.text)

    async def until(self, name: str, count: int = 1) -> list[Event]:
        """Waits until so many events of a name have come; returns them."""
        async with asyncio.timeout(20):
            while len(found := [e for e in self.events if e.name == name]) < count:
                assert not self.ended.done() or not self.ended.result(), self.text
                await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def watching(caller: Caller, job_id: str, last_event_id: str = "") -> AsyncIterator[Watching]:
    """Watches a job for the length of the block."""
    extra = (("last-event-id", last_event_id),) if last_event_id else ()
    call = caller.stub.WatchAnalysis(
        pb.WatchAnalysisRequest(job_id=job_id), metadata=(*caller.metadata, *extra)
    )
    one = Watching(call)
    try:
        yield one
    finally:
        call.cancel()
        await asyncio.gather(one.ended, return_exceptions=True)


async def test_states_progress_and_done(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    async with watching(caller, view.job_id) as stream:
        await stream.until("state")
        document = await caller.publish(view.job_id, "ingested", 1)
        running = (await stream.until("state", 2))[-1]
        bucket = await caller.served.resources.nats.js.key_value(PROGRESS_BUCKET)
        await Progress(bucket).tell(document.job, "segment", 40, "finding the ink")
        step = (await stream.until("progress"))[-1]
        seen = await caller.get(view.job_id)
        await caller.publish(view.job_id, "reported", 7)
        await asyncio.wait_for(stream.ended, 10)
    done = stream.events[-1]
    ids = [int(event.event_id) for event in stream.events if event.name == "state"]
    assert stream.types == {"text/event-stream"}
    assert stream.text.startswith("retry: 2000\n\n")
    assert ids == sorted(set(ids))
    assert running.data["state"] in ("STATE_QUEUED", "STATE_RUNNING")
    assert (step.data["stage"], step.data["percent"], step.event_id) == ("segment", 40, "")
    assert (seen.progress_percent, seen.progress_message) == (40, "finding the ink")
    assert (done.name, done.data["state"], done.event_id) == ("done", "STATE_SUCCEEDED", str(ids[-1]))
    assert "result" not in done.data
    assert len(caller.served.fanout) == 1, "only the relay still waits"


async def test_a_client_that_comes_back_is_told_nothing_twice(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    await caller.publish(view.job_id, "ingested", 1)
    await caller.until(view.job_id, pb.STATE_RUNNING)
    async with watching(caller, view.job_id) as first:
        last = (await first.until("state"))[-1].event_id
    async with watching(caller, view.job_id, last) as second:
        await asyncio.sleep(0.4)
        assert second.events == []
        await caller.publish(view.job_id, "reported", 7)
        await asyncio.wait_for(second.ended, 10)
    assert [event.name for event in second.events] == ["state", "done"]
    assert int(second.events[0].event_id) > int(last)


@pytest.mark.parametrize("last_event_id", ["", "nonsense", "-5", "9" * 30])
async def test_a_job_that_has_ended_is_told_at_once(caller: Caller, last_event_id: str) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    await caller.publish(view.job_id, "reported", 7)
    await caller.until(view.job_id, pb.STATE_SUCCEEDED)
    async with watching(caller, view.job_id, last_event_id) as stream:
        await asyncio.wait_for(stream.ended, 5)
    assert [event.name for event in stream.events] == ["state", "done"]


async def test_silence_is_filled_with_heartbeats(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_S", 0.1)
    view, _ = await caller.analyze(order(await caller.upload()))
    async with watching(caller, view.job_id) as stream:
        await asyncio.sleep(1)
    assert stream.text.count(": heartbeat\n\n") >= 3


async def test_a_long_stream_says_why_it_ends(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WATCH_MAX_S", 0.5)
    view, _ = await caller.analyze(order(await caller.upload()))
    async with watching(caller, view.job_id) as stream:
        await asyncio.wait_for(stream.ended, 5)
    assert (stream.events[-1].name, stream.events[-1].data["code"]) == ("error", "WATCH_ENDED")


async def test_streams_end_when_the_process_does(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    async with watching(caller, view.job_id) as stream:
        await stream.until("state")
        caller.served.fanout.close()
        await asyncio.wait_for(stream.ended, 5)
    assert "done" not in [event.name for event in stream.events]


async def test_a_client_that_leaves_leaves_nothing(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    fanout = caller.served.fanout
    async with watching(caller, view.job_id) as stream:
        await stream.until("state")
        assert len(fanout) == 2
    async with asyncio.timeout(5):
        while len(fanout) > 1:
            await asyncio.sleep(0.02)


async def test_a_watch_outlives_a_restart_of_postgres(servers: Servers, caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    async with watching(caller, view.job_id) as stream:
        await stream.until("state")
        document = await caller.document(view.job_id)
        servers.running["postgres"].restart()
        await publish_fact(caller.served.resources.nats.js, "reported", document, source="test")
        await asyncio.wait_for(stream.ended, 30)
    assert stream.events[-1].name == "done"


async def test_two_gateways_tell_the_same(settings: Settings, caller: Caller, tenant: str) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    async with served(settings, caller.served.resources.nats) as second:
        other = Caller(second, tenant)
        async with watching(caller, view.job_id) as one, watching(other, view.job_id) as two:
            await caller.publish(view.job_id, "reported", 7)
            await asyncio.wait_for(asyncio.gather(one.ended, two.ended), 10)
        await other.channel.close()
    assert one.events[-1] == two.events[-1]
    assert one.events[-1].name == "done"
