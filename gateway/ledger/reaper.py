"""The reaper: turns silence into a `failed` fact, and clears what has had its time.

One gateway at a time does it (an advisory lock per round). Overdue jobs get their fact through the
outbox, create-once, so that a `reported` on its way decides by stream order.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from assay.events.v1.analysis_pb2 import Analysis, Failure

from gateway.ledger import jobs, outbox
from gateway.ledger.database import Connection, Ledger, bind_tenant
from gateway.ledger.notify import backoff_s
from mesh import facts
from mesh.errors import AssayError
from mesh.objects import ObjectStore
from mesh.signals import counter
from mesh.tasks import check_cancelled

log = structlog.get_logger()

ROUND_S = 1.0
AT_MOST = 200
REAPER_LOCK = 4_711_002
ACTOR = "gateway/reaper"
REAPED = counter("assay_reaper_total")

OVERDUE = """
SELECT j.job_id::text, j.tenant_id::text FROM jobs j
WHERE j.finished_at IS NULL AND j.deadline < now()
  AND NOT EXISTS (SELECT 1 FROM outbox o
                  WHERE o.job_id = j.job_id AND o.epoch = j.epoch AND o.fact = 'failed')
ORDER BY j.deadline LIMIT %s
"""
UNUSED = """
SELECT upload_id::text, tenant_id::text FROM uploads WHERE state = 'signed' AND usable_until < now()
ORDER BY usable_until LIMIT %s
"""
TO_REMOVE = """
SELECT upload_id::text, tenant_id::text, bucket, object_key FROM uploads
WHERE state = 'expired' AND object_removed_at IS NULL ORDER BY usable_until LIMIT %s
"""
PRUNE_KEYS = """
DELETE FROM idempotency_keys WHERE (tenant_id, key) IN
    (SELECT tenant_id, key FROM idempotency_keys WHERE expires_at < now() LIMIT %s)
"""
PRUNE_OUTBOX = """
DELETE FROM outbox WHERE outbox_id IN
    (SELECT outbox_id FROM outbox WHERE published_at < now() - interval '1 day' LIMIT %s)
"""


@dataclass(frozen=True)
class Reaped:
    """What one round did."""

    jobs: int = 0
    uploads: int = 0
    keys: int = 0
    outbox: int = 0


async def run_reaper(ledger: Ledger, objects: ObjectStore) -> None:
    """Does a round every second until cancelled; backs off while the ledger or storage is away."""
    failures = 0
    while True:
        check_cancelled()
        try:
            await reap(ledger)
            await remove_expired(ledger, objects)
            failures = 0
        except AssayError as error:
            failures += 1
            log.warning("reaper_failed", error=str(error))
        await asyncio.sleep(max(ROUND_S, backoff_s(failures)))


async def reap(ledger: Ledger) -> Reaped:
    """Does one round, unless another gateway is at it."""
    async with ledger.transaction() as connection:
        held = await connection.execute("SELECT pg_try_advisory_xact_lock(%s) AS held", (REAPER_LOCK,))
        if not (await held.fetchone() or {}).get("held"):
            return Reaped()
        reaped = Reaped(
            keys=(await connection.execute(PRUNE_KEYS, (AT_MOST,))).rowcount,
            outbox=(await connection.execute(PRUNE_OUTBOX, (AT_MOST,))).rowcount,
            uploads=await expire_uploads(connection),
            jobs=await fail_overdue(connection),
        )
    for what, count in vars(reaped).items():
        REAPED.labels(what).inc(count)
    return reaped


async def fail_overdue(connection: Connection) -> int:
    """Puts a `failed` fact with code DEADLINE into the outbox for every job past its deadline."""
    overdue = await (await connection.execute(OVERDUE, (AT_MOST,))).fetchall()
    for row in overdue:
        await bind_tenant(connection, row["tenant_id"])
        job = await jobs.find(connection, row["job_id"])
        if job is None:
            continue
        await outbox.add(connection, "failed", overdue_document(job.document))
        await jobs.record_audit(connection, row["tenant_id"], ACTOR, "analysis.deadline", row["job_id"], {})
        log.warning("job_overdue", job_id=row["job_id"])
    return len(overdue)


def overdue_document(document: Analysis) -> Analysis:
    """Returns the document of the fact that ends an overdue job."""
    failure = Failure(
        stage="gateway",
        code="DEADLINE",
        message="The analysis did not end in time.",
        fix="Start the analysis again; if it persists, report the job id.",
    )
    return facts.with_failure(document, failure)


async def expire_uploads(connection: Connection) -> int:
    """Marks uploads that nobody used in time as expired."""
    unused = await (await connection.execute(UNUSED, (AT_MOST,))).fetchall()
    for row in unused:
        await bind_tenant(connection, row["tenant_id"])
        await connection.execute(
            "UPDATE uploads SET state = 'expired' WHERE upload_id = %s AND state = 'signed'",
            (row["upload_id"],),
        )
    return len(unused)


async def remove_expired(ledger: Ledger, objects: ObjectStore) -> int:
    """Deletes the objects of expired uploads, then remembers it; returns how many.

    Repeating it is harmless, so a crash in between is as well. Raises Transient.
    """
    async with ledger.transaction() as connection:
        expired = await (await connection.execute(TO_REMOVE, (AT_MOST,))).fetchall()
    for row in expired:
        await objects.delete(row["bucket"], row["object_key"])
        async with ledger.tenant(row["tenant_id"]) as connection:
            await connection.execute(
                "UPDATE uploads SET object_removed_at = now() WHERE upload_id = %s", (row["upload_id"],)
            )
    REAPED.labels("objects").inc(len(expired))
    return len(expired)
