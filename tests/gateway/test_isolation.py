"""Row-level security: a tenant sees its own rows, and nobody leaks into a pooled connection."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from gateway.ledger import jobs, uploads
from gateway.ledger.database import Ledger
from gateway.ledger.jobs import JobFilter
from mesh.settings import Settings
from tests.gateway.ledgers import make_order, make_upload, store

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]
TABLES = ("uploads", "jobs", "job_facts", "idempotency_keys", "consents", "audit", "outbox", "erasures")


async def test_every_table_has_tenant_and_forced_security(settings: Settings) -> None:
    with psycopg.connect(settings.postgres_owner_dsn) as connection:
        rows = connection.execute(
            """SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
                      EXISTS (SELECT 1 FROM pg_attribute a
                              WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
               FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
                 AND c.relname <> 'alembic_version'"""
        ).fetchall()
        roles = connection.execute(
            """SELECT rolname, rolsuper, rolbypassrls FROM pg_roles
               WHERE rolname IN ('assay_app', 'assay_worker')"""
        ).fetchall()
    assert {row[0] for row in rows} == set(TABLES)
    assert all(row[1:] == (True, True, True) for row in rows)
    assert sorted(roles) == [("assay_app", False, False), ("assay_worker", False, False)]


async def test_another_tenant_sees_nothing(app: Ledger, tenant: str) -> None:
    order = await store(app, make_order(tenant))
    other = "00000000-0000-4000-8000-000000000001"
    async with app.tenant(other) as connection:
        assert await jobs.find(connection, order.job.job_id) is None
        assert await jobs.list_newest(connection, JobFilter(), 10) == []
    async with app.tenant(tenant) as connection:
        found = await jobs.find(connection, order.job.job_id)
        assert found is not None
        assert found.state == "queued"


@pytest.mark.parametrize("table", TABLES)
async def test_no_tenant_means_no_rows(app: Ledger, tenant: str, table: str) -> None:
    await store(app, make_order(tenant))
    async with app.transaction() as connection:
        found = await connection.execute(
            psycopg.sql.SQL("SELECT count(*) AS n FROM {}").format(psycopg.sql.Identifier(table))
        )
        assert (await found.fetchone() or {})["n"] == 0


async def test_insert_for_another_tenant_is_refused(app: Ledger, tenant: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with app.tenant("00000000-0000-4000-8000-000000000002") as connection:
            await uploads.insert(connection, make_upload(tenant))


async def test_job_cannot_take_an_upload_of_another_tenant(app: Ledger, tenant: str) -> None:
    theirs = make_upload("00000000-0000-4000-8000-000000000003")
    async with app.tenant(theirs.tenant_id) as connection:
        await uploads.insert(connection, theirs)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with app.tenant(tenant) as connection:
            await jobs.create(connection, make_order(tenant), upload_id=theirs.upload_id, by="tester")


async def test_pooled_connection_keeps_no_tenant(settings: Settings, tenant: str) -> None:
    ledger = Ledger(settings.postgres_dsn, name="one", max_size=1)
    await ledger.open()
    try:
        order = await store(ledger, make_order(tenant))
        async with ledger.transaction() as connection:
            assert await jobs.find(connection, order.job.job_id) is None
            setting = await connection.execute("SELECT current_setting('app.tenant_id', true) AS now")
            assert (await setting.fetchone() or {})["now"] in ("", None)
    finally:
        await ledger.close()


async def test_concurrent_tenants_do_not_mix(app: Ledger) -> None:
    orders = [make_order(f"00000000-0000-4000-8000-0000000001{i:02d}") for i in range(12)]
    await asyncio.gather(*(store(app, order) for order in orders))

    async def ids(tenant_id: str) -> list[str]:
        async with app.tenant(tenant_id) as connection:
            return [job.job_id for job in await jobs.list_newest(connection, JobFilter(), 50)]

    seen = await asyncio.gather(*(ids(order.job.tenant_id) for order in orders))
    assert [order.job.job_id for order in orders] == [found[0] for found in seen]
    assert all(len(found) == 1 for found in seen)


async def test_requests_cannot_write_what_facts_decide(app: Ledger, tenant: str) -> None:
    order = await store(app, make_order(tenant))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with app.tenant(tenant) as connection:
            await connection.execute(
                "UPDATE jobs SET state = 'running' WHERE job_id = %s", (order.job.job_id,)
            )


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_audit_is_append_only(app: Ledger, settings: Settings, tenant: str, statement: str) -> None:
    await store(app, make_order(tenant))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with app.tenant(tenant) as connection:
            await connection.execute(psycopg.sql.SQL(statement))
    with (
        psycopg.connect(settings.postgres_owner_dsn) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
    ):
        connection.execute(psycopg.sql.SQL(statement))


async def test_worker_sees_beyond_a_tenant_only_what_is_overdue(
    app: Ledger, worker: Ledger, tenant: str
) -> None:
    running = await store(app, make_order(tenant))
    overdue = await store(app, make_order(tenant, deadline_s=-1))
    async with worker.transaction() as connection:
        found = await connection.execute("SELECT job_id::text FROM jobs WHERE tenant_id = %s", (tenant,))
        assert [row["job_id"] for row in await found.fetchall()] == [overdue.job.job_id]
        assert running.job.job_id != overdue.job.job_id
        for table in ("consents", "audit"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with connection.transaction():
                    await connection.execute(
                        psycopg.sql.SQL("SELECT * FROM {}").format(psycopg.sql.Identifier(table))
                    )
