"""Erasures in the ledger: what was asked for, and how far each one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.ledger.database import Connection


@dataclass(frozen=True)
class ErasureRow:
    """The erasure of one job. `facts` counts dead letters too; `uploads` are bucket/key of stored objects."""

    job_id: str
    tenant_id: str
    requested_at: datetime
    settled_at: datetime
    uploads: list[str]
    facts: int
    objects: int
    swept_at: datetime | None
    confirmed_at: datetime | None


REQUEST = """
INSERT INTO erasures (job_id, tenant_id, requested_by, settled_at)
VALUES (%s, %s, %s, now() + %s * interval '1 second') ON CONFLICT (job_id) DO NOTHING
"""
# A gateway that dies in a sweep loses its claim after the lease.
CLAIM = """
UPDATE erasures SET next_at = now() + %s * interval '1 second' WHERE job_id IN
    (SELECT job_id FROM erasures WHERE confirmed_at IS NULL AND next_at <= now()
     ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING job_id::text, tenant_id::text, requested_at, settled_at, uploads, facts, objects, swept_at,
    confirmed_at
"""
FIND = """
SELECT job_id::text, tenant_id::text, requested_at, settled_at, uploads, facts, objects, swept_at,
    confirmed_at
FROM erasures WHERE job_id = ANY(%s::uuid[])
"""
# Children before parents.
DELETE_ROWS = (
    "DELETE FROM outbox WHERE job_id = %s",
    "DELETE FROM idempotency_keys WHERE job_id = %s",
    "DELETE FROM consents WHERE job_id = %s",
    "DELETE FROM job_facts WHERE job_id = %s",
)
DELETE_JOB = "DELETE FROM jobs WHERE job_id = %s RETURNING upload_id::text, protected_upload_id::text"
DELETE_UPLOADS = """
DELETE FROM uploads u WHERE upload_id = ANY(%s)
  AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.upload_id = u.upload_id OR j.protected_upload_id = u.upload_id)
RETURNING bucket || '/' || object_key AS path
"""
SWEPT = """
UPDATE erasures SET facts = facts + %s, objects = objects + %s, swept_at = coalesce(swept_at, now()),
    next_at = settled_at, confirmed_at = CASE WHEN %s AND now() >= settled_at THEN now() END,
    uploads = CASE WHEN %s AND now() >= settled_at THEN '{}' ELSE uploads END
WHERE job_id = %s RETURNING confirmed_at IS NOT NULL AS confirmed
"""


async def request(connection: Connection, tenant_id: str, job_id: str, by: str, settle_s: float) -> bool:
    """Asks for a job's erasure; False when somebody had. settle_s: seconds in which stages may write."""
    done = await connection.execute(REQUEST, (job_id, tenant_id, by, settle_s))
    return done.rowcount == 1


async def find(connection: Connection, job_ids: Sequence[str]) -> list[ErasureRow]:
    """Returns the erasures of some jobs of the bound tenant."""
    rows = await (await connection.execute(FIND, (list(job_ids),))).fetchall()
    return [ErasureRow(**row) for row in rows]


async def jobs_of_subject(connection: Connection, subject_id: str, at_most: int) -> list[str]:
    """Returns jobs of a subject of the bound tenant, newest first."""
    query = """SELECT job_id::text FROM jobs WHERE subject_id = %s
        ORDER BY created_at DESC, job_id DESC LIMIT %s"""
    rows = await (await connection.execute(query, (subject_id, at_most))).fetchall()
    return [row["job_id"] for row in rows]


async def claim(connection: Connection, lease_s: float, at_most: int) -> list[ErasureRow]:
    """Takes erasures that are due, of any tenant, away from other gateways for `lease_s` seconds."""
    rows = await (await connection.execute(CLAIM, (lease_s, at_most))).fetchall()
    return [ErasureRow(**row) for row in rows]


async def delete_rows(connection: Connection, erasure: ErasureRow) -> list[str]:
    """Deletes what the ledger holds of a job, and the uploads that no other job uses.

    Returns bucket/key of every upload whose object is to go; they are remembered in the same transaction.
    """
    for statement in DELETE_ROWS:
        await connection.execute(statement, (erasure.job_id,))
    row: dict[str, Any] = await (await connection.execute(DELETE_JOB, (erasure.job_id,))).fetchone() or {}
    used = [upload_id for upload_id in row.values() if upload_id]
    gone = await (await connection.execute(DELETE_UPLOADS, (used,))).fetchall()
    paths = [*erasure.uploads, *(each["path"] for each in gone)]
    await connection.execute("UPDATE erasures SET uploads = %s WHERE job_id = %s", (paths, erasure.job_id))
    return paths


async def swept(connection: Connection, job_id: str, *, facts: int, objects: int) -> bool:
    """Records a sweep; True when it was the last one: after the settling time, and nothing was left."""
    clean = facts == 0 and objects == 0
    row = await (await connection.execute(SWEPT, (facts, objects, clean, clean, job_id))).fetchone()
    # Those who wait for the erasure are woken as those who wait for the job.
    await connection.execute("SELECT pg_notify('assay_job', %s)", (job_id,))
    return bool(row and row["confirmed"])
