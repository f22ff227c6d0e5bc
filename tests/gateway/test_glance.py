"""A single read in one round trip: bound to its tenant, and as sure to be answered, as a transaction."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest

from gateway.ledger import jobs
from gateway.ledger.database import Ledger
from gateway.ledger.projection import SeenFact, fold
from mesh.settings import Settings
from tests.gateway.ledgers import make_order, store, with_pages

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]
OTHER = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
async def one(settings: Settings):
    """A ledger with a single connection, so that whatever stays behind is seen by the next caller."""
    ledger = Ledger(settings.postgres_dsn, name="one", max_size=1)
    await ledger.open()
    yield ledger
    await ledger.close()


async def test_only_the_own_tenant_is_seen(one: Ledger, tenant: str) -> None:
    order = await store(one, make_order(tenant))
    for reader, expected in ((tenant, True), (OTHER, False), (tenant, True)):
        async with one.single() as connection:
            found = await jobs.glance(connection, reader, order.job.job_id)
        assert (found is not None) == expected


@pytest.mark.parametrize("end", ["", "reported", "failed", "cancelled"])
async def test_a_glance_is_what_a_bound_transaction_reads(
    one: Ledger, worker: Ledger, tenant: str, end: str
) -> None:
    order = await store(one, make_order(tenant))
    if end:
        document = with_pages(order, 3)
        if end == "failed":
            document.failure.code = "DEADLINE"
        fact = SeenFact(stream_seq=7, epoch=1, fact=end, pages=3, stored_at=datetime.now(UTC))
        async with worker.tenant(tenant) as connection:
            raw = document.SerializeToString()
            assert await jobs.add_fact(connection, tenant, order.job.job_id, fact, raw)
            state = fold(await jobs.facts_of(connection, order.job.job_id))
            await jobs.store_state(connection, order.job.job_id, state)
    async with one.tenant(tenant) as connection:
        bound = await jobs.find(connection, order.job.job_id)
    async with one.single() as connection:
        glanced = await jobs.glance(connection, tenant, order.job.job_id)
    assert glanced == bound
    assert glanced is not None
    assert (glanced.failure is not None) == (end == "failed")


async def bound_to(ledger: Ledger) -> str:
    """The tenant that the only connection is bound to, "" for none."""
    async with ledger.single() as connection:
        setting = await connection.execute("SELECT current_setting('app.tenant_id', true) AS now")
        return (await setting.fetchone() or {})["now"] or ""


async def test_the_binding_ends_with_the_read(one: Ledger, tenant: str) -> None:
    order = await store(one, make_order(tenant))
    async with one.single() as connection:
        assert await jobs.glance(connection, tenant, order.job.job_id)
        assert await jobs.find(connection, order.job.job_id) is None
    assert await bound_to(one) == ""


async def test_the_binding_ends_with_a_read_that_fails(one: Ledger, tenant: str) -> None:
    await store(one, make_order(tenant))
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with one.single() as connection:
            await connection.execute(
                "SELECT 1 / count(*) FILTER (WHERE false) FROM job_of(%s, %s)", (tenant, OTHER)
            )
    assert await bound_to(one) == ""


async def test_glances_of_many_tenants_do_not_mix(app: Ledger) -> None:
    orders = [make_order(f"00000000-0000-4000-8000-0000000002{i:02d}") for i in range(8)]
    await asyncio.gather(*(store(app, order) for order in orders))

    async def seen(reader: int, wanted: int) -> bool:
        async with app.single() as connection:
            job = orders[wanted].job.job_id
            return await jobs.glance(connection, orders[reader].job.tenant_id, job) is not None

    pairs = [(reader, wanted) for reader in range(8) for wanted in range(8)]
    assert await asyncio.gather(*(seen(*pair) for pair in pairs)) == [a == b for a, b in pairs]


async def test_a_connection_that_the_server_closed_is_replaced_unseen(
    one: Ledger, settings: Settings, tenant: str
) -> None:
    order = await store(one, make_order(tenant))
    async with one.transaction() as connection:
        row = await (await connection.execute("SELECT pg_backend_pid() AS pid")).fetchone()
    with psycopg.connect(settings.postgres_owner_dsn, autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", ((row or {})["pid"],))
    async with one.single() as connection:
        assert await jobs.glance(connection, tenant, order.job.job_id)
