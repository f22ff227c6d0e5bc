"""Relay, projector and reaper against real servers, also while one of them is away.

Servers are started from the main thread: none outlives the thread that started it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from assay.events.v1.analysis_pb2 import Analysis
from nats.js.errors import NotFoundError
from prometheus_client import REGISTRY

from gateway.ledger import jobs, outbox, uploads
from gateway.ledger.database import Ledger
from gateway.ledger.jobs import JobRow
from gateway.ledger.notify import Fanout, listen, wait_for
from gateway.ledger.projector import run_projector
from gateway.ledger.reaper import overdue_document, reap, remove_expired
from gateway.ledger.relay import relay_batch, run_relay
from mesh import facts
from mesh.control import Control
from mesh.errors import NotFound
from mesh.facts import publish_fact
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.settings import Settings
from mesh.topology import CONTROL_BUCKET
from tests.gateway.conftest import Servers
from tests.gateway.ledgers import make_order, make_upload, store, with_pages

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]


@asynccontextmanager
async def background(settings: Settings, worker: Ledger, stream: JetStream) -> AsyncIterator[Fanout]:
    """Runs listener, relay and projector for the length of the block."""
    fanout = Fanout()
    tasks = [
        asyncio.create_task(listen(settings.postgres_dsn, fanout)),
        asyncio.create_task(run_relay(worker, stream, fanout)),
        asyncio.create_task(run_projector(worker, stream)),
    ]
    try:
        yield fanout
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(ledger: Ledger, order: Analysis, state: str, *, seconds: float = 20) -> JobRow:
    """Waits until a job is in a state."""
    async with asyncio.timeout(seconds):
        while True:
            async with ledger.tenant(order.job.tenant_id) as connection:
                row = await jobs.find(connection, order.job.job_id)
            assert row is not None
            if row.state == state:
                return row
            await asyncio.sleep(0.05)


async def stored_facts(stream: JetStream, order: Analysis) -> list[str]:
    """Names of the facts the stream holds of a job, in order of the course."""
    found = []
    for fact in (*facts.TATTOO_FACTS, "failed", "cancelled"):
        try:
            await stream.js.get_last_msg(facts.STREAM, str(facts.subject(fact, order)))
        except NotFoundError:
            continue
        found.append(fact)
    return found


async def test_from_outbox_over_stream_to_row(
    settings: Settings, app: Ledger, worker: Ledger, stream: JetStream, tenant: str
) -> None:
    async with background(settings, worker, stream):
        order = await store(app, make_order(tenant))
        for pages, fact in enumerate(facts.TATTOO_FACTS[1:], start=1):
            await publish_fact(stream.js, fact, with_pages(order, pages), source="test")
        row = await until(app, order, "succeeded")
    assert row.finished_at is not None
    assert row.document.HasField("color")
    assert await stored_facts(stream, order) == list(facts.TATTOO_FACTS)


async def test_relay_publishes_once_even_when_marking_fails(
    settings: Settings, app: Ledger, worker: Ledger, stream: JetStream, tenant: str
) -> None:
    order = await store(app, make_order(tenant))
    await relay_batch(worker, stream)
    async with worker.transaction() as connection:
        # As after a crash between publication and mark; only the owner may take a mark back.
        held = await connection.execute(
            "SELECT published_at FROM outbox WHERE job_id = %s", (order.job.job_id,)
        )
        assert (await held.fetchone() or {})["published_at"] is not None
    before = (await stream.js.stream_info(facts.STREAM)).state.messages
    outcome = await publish_fact(stream.js, "requested", order, source="gateway")
    assert not outcome.created
    assert (await stream.js.stream_info(facts.STREAM)).state.messages == before


async def test_outbox_survives_a_restart_of_nats(
    servers: Servers, app: Ledger, worker: Ledger, stream: JetStream, tenant: str
) -> None:
    async with background(servers.settings, worker, stream):
        await asyncio.to_thread(servers.running["nats"].stop)
        orders = [await store(app, make_order(tenant)) for _ in range(20)]
        await asyncio.sleep(0.5)
        servers.running["nats"].start()
        for order in orders:
            async with asyncio.timeout(20):
                while await stored_facts(stream, order) != ["requested"]:
                    await asyncio.sleep(0.1)
        for order in orders:
            await publish_fact(stream.js, "reported", with_pages(order, 6), source="test")
        for order in orders:
            await until(app, order, "succeeded")


async def test_projection_survives_a_restart_of_postgres(
    servers: Servers, app: Ledger, worker: Ledger, stream: JetStream, tenant: str
) -> None:
    async with background(servers.settings, worker, stream):
        orders = [await store(app, make_order(tenant)) for _ in range(10)]
        await asyncio.to_thread(servers.running["postgres"].stop)
        for order in orders:
            await publish_fact(stream.js, "reported", with_pages(order, 6), source="test")
        servers.running["postgres"].start()
        for order in orders:
            await until(app, order, "succeeded", seconds=30)


async def test_cancelled_tells_the_stages_and_ends_the_job(
    settings: Settings, app: Ledger, worker: Ledger, stream: JetStream, tenant: str
) -> None:
    async with background(settings, worker, stream):
        order = await store(app, make_order(tenant))
        async with app.tenant(tenant) as connection:
            assert await outbox.add(connection, "cancelled", order)
            assert not await outbox.add(connection, "cancelled", order)
        await until(app, order, "cancelled")
        await publish_fact(stream.js, "colored", with_pages(order, 3), source="late")
        await publish_fact(stream.js, "reported", with_pages(order, 6), source="late")
        marker = await store(app, make_order(tenant))
        await publish_fact(stream.js, "reported", with_pages(marker, 6), source="test")
        await until(app, marker, "succeeded")
        assert (await until(app, order, "cancelled")).document.HasField("color") is False
    control = Control(await stream.js.key_value(CONTROL_BUCKET))
    assert await control.word(order.job.job_id) == "cancelled"


async def test_silence_becomes_failed_with_deadline(
    settings: Settings, app: Ledger, worker: Ledger, stream: JetStream, tenant: str
) -> None:
    order = await store(app, make_order(tenant, deadline_s=-1))
    running = await store(app, make_order(tenant))
    async with background(settings, worker, stream):
        assert (await reap(worker)).jobs >= 1
        row = await until(app, order, "failed")
        assert (await reap(worker)).jobs == 0
    assert row.failure is not None
    assert (row.failure.code, row.failure.stage, row.failure.permanent) == ("DEADLINE", "gateway", False)
    async with app.tenant(tenant) as connection:
        untouched = await jobs.find(connection, running.job.job_id)
    assert untouched is not None
    assert not untouched.ended


async def test_a_report_before_the_deadline_fact_wins(
    settings: Settings, app: Ledger, worker: Ledger, stream: JetStream, tenant: str
) -> None:
    order = await store(app, make_order(tenant, deadline_s=-1))
    await publish_fact(stream.js, "reported", with_pages(order, 6), source="test")
    await reap(worker)
    async with background(settings, worker, stream):
        await until(app, order, "succeeded")
        async with asyncio.timeout(10):
            while "failed" not in await stored_facts(stream, order):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert (await until(app, order, "succeeded")).failure is None


def test_a_deadline_fact_always_fits(tenant: str) -> None:
    order = make_order(tenant)
    small = overdue_document(with_pages(order, 3))
    assert small.HasField("color")
    assert small.failure.code == "DEADLINE"
    big = with_pages(order, 3)
    big.color.illuminant = "x" * (facts.MAX_FACT_BYTES - big.ByteSize() - 10)
    facts.encode("colored", big)
    assert facts.encode("failed", overdue_document(big))
    assert overdue_document(big).failure.code == "DEADLINE"


async def test_facts_that_cannot_be_folded_do_not_stop_the_others(
    settings: Settings, app: Ledger, worker: Ledger, stream: JetStream, tenant: str
) -> None:
    good = make_order(tenant)
    broken = [make_order(tenant) for _ in range(3)]
    broken[0].job.job_id = "no-uuid"
    broken[1].job.tenant_id = "no-uuid"
    broken[2].job.epoch = 0
    subjects = [str(facts.subject("ingested", order)) for order in broken]
    refused, unreadable = projected("ingested", "refused"), projected("unknown", "unreadable")
    async with background(settings, worker, stream):
        await store(app, good)
        await store(app, zero := make_order(tenant))
        broken[2].job.job_id = zero.job.job_id
        subjects[2] = str(facts.subject("ingested", broken[2]))
        for subject, order in zip(subjects, broken, strict=True):
            await stream.js.publish(subject, order.SerializeToString())
        await stream.js.publish(f"analysis.local.tattoo.ingested.{good.job.job_id}.1", b"\xff\xff")
        await stream.js.publish(f"analysis.local.tattoo.unknown.{good.job.job_id}.1", b"")
        await publish_fact(stream.js, "reported", with_pages(good, 6), source="test")
        await until(app, good, "succeeded")
        # Once each: what cannot be folded is not delivered again.
        await asyncio.sleep(1)
    assert projected("ingested", "refused") - refused == 3
    assert projected("unknown", "unreadable") - unreadable == 2


def projected(fact: str, outcome: str) -> float:
    """The projector's counter."""
    labels = {"fact": fact, "outcome": outcome}
    return REGISTRY.get_sample_value("assay_facts_projected_total", labels) or 0


async def test_one_reaper_at_a_time(app: Ledger, worker: Ledger, tenant: str) -> None:
    orders = [await store(app, make_order(tenant, deadline_s=-1)) for _ in range(5)]
    await asyncio.gather(*(reap(worker) for _ in range(4)))
    async with app.tenant(tenant) as connection:
        found = await connection.execute("SELECT job_id::text FROM outbox WHERE fact = 'failed'")
        assert {row["job_id"] for row in await found.fetchall()} == {order.job.job_id for order in orders}


async def test_unused_uploads_expire(app: Ledger, worker: Ledger, tenant: str) -> None:
    fresh, old = make_upload(tenant), make_upload(tenant, usable_s=-1)
    async with app.tenant(tenant) as connection:
        await uploads.insert(connection, fresh)
        await uploads.insert(connection, old)
    assert (await reap(worker)).uploads >= 1
    async with app.tenant(tenant) as connection:
        states = [(await uploads.find(connection, each.upload_id)) for each in (fresh, old)]
        assert not await uploads.mark_used(connection, old.upload_id)
    assert [each.state for each in states if each] == ["signed", "expired"]


async def test_the_object_of_an_expired_upload_is_removed(
    settings: Settings, app: Ledger, worker: Ledger, tenant: str
) -> None:
    objects = ObjectStore(settings)
    fresh, old = make_upload(tenant), make_upload(tenant, usable_s=-1)
    async with app.tenant(tenant) as connection:
        for upload in (fresh, old):
            await uploads.insert(connection, upload)
    stored = await objects.put(f"{tenant}/x", "photo", b"photo", "image/jpeg")
    with psycopg.connect(settings.postgres_owner_dsn) as owner:
        owner.execute(
            "UPDATE uploads SET bucket = %s, object_key = %s WHERE tenant_id = %s",
            (stored.bucket, stored.key, tenant),
        )
    await reap(worker)
    assert await remove_expired(worker, objects) >= 1
    with pytest.raises(NotFound):
        await objects.stat(stored.bucket, stored.key)
    assert await remove_expired(worker, objects) == 0
    async with app.tenant(tenant) as connection:
        left = await connection.execute("SELECT upload_id::text FROM uploads WHERE object_removed_at IS NULL")
        assert [row["upload_id"] for row in await left.fetchall()] == [fresh.upload_id]
    objects.close()


async def test_old_keys_and_published_facts_are_pruned(
    settings: Settings, app: Ledger, worker: Ledger, tenant: str
) -> None:
    order = await store(app, make_order(tenant))
    old = datetime.now(UTC) - timedelta(days=2)
    with psycopg.connect(settings.postgres_owner_dsn) as owner:
        owner.execute("UPDATE outbox SET published_at = %s WHERE job_id = %s", (old, order.job.job_id))
        owner.execute(
            "INSERT INTO idempotency_keys VALUES (%s, 'k', %s, %s, %s, %s)",
            (tenant, b"0" * 32, order.job.job_id, old, old),
        )
    reaped = await reap(worker)
    assert reaped.keys >= 1
    assert reaped.outbox >= 1


async def test_listener_wakes_waiters_and_comes_back(servers: Servers, app: Ledger, tenant: str) -> None:
    fanout = Fanout()
    task = asyncio.create_task(listen(servers.settings.postgres_dsn, fanout))
    try:
        with fanout.subscribe("outbox") as subscription:
            assert await wait_for(subscription.event, 10)
            await store(app, make_order(tenant))
            assert await wait_for(subscription.event, 5)
            servers.running["postgres"].restart()
            assert await wait_for(subscription.event, 20)
            subscription.event.clear()
            await store(app, make_order(tenant))
            assert await wait_for(subscription.event, 5)
        assert len(fanout) == 0
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
