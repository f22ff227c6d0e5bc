"""The outbox: facts the gateway decided on, kept in the transaction that decided, published later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.events.v1.analysis_pb2 import Analysis
from psycopg.types.json import Jsonb

from gateway.ledger.database import Connection
from mesh import facts, telemetry


@dataclass(frozen=True)
class PendingFact:
    """A fact that waits to be published, with the trace of the request that caused it."""

    outbox_id: int
    fact: str
    payload: bytes
    trace_context: dict[str, str]


INSERT = """
INSERT INTO outbox (tenant_id, job_id, epoch, fact, payload, trace_context)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (job_id, epoch, fact) DO NOTHING
"""
CLAIM = """
SELECT outbox_id, fact, payload, trace_context FROM outbox
WHERE published_at IS NULL ORDER BY outbox_id LIMIT %s FOR UPDATE SKIP LOCKED
"""


async def add(connection: Connection, fact: str, analysis: Analysis) -> bool:
    """Adds a fact, once per job and epoch; False when it was there. Raises Internal beyond 64 KiB."""
    job = analysis.job
    trace: dict[str, str] = {}
    telemetry.inject(trace)
    payload = facts.encode(fact, analysis)
    row = (job.tenant_id, job.job_id, job.epoch, fact, payload, Jsonb(trace))
    return (await connection.execute(INSERT, row)).rowcount == 1


async def claim(connection: Connection, at_most: int) -> list[PendingFact]:
    """Locks the oldest unpublished facts that nobody else holds."""
    rows = await (await connection.execute(CLAIM, (at_most,))).fetchall()
    return [PendingFact(**row) for row in rows]


async def mark_published(connection: Connection, outbox_ids: Sequence[int]) -> None:
    """Marks facts as published."""
    await connection.execute(
        "UPDATE outbox SET published_at = now() WHERE outbox_id = ANY(%s)", (list(outbox_ids),)
    )
