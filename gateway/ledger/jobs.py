"""Jobs in the ledger: created by a request, changed by facts only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assay.decision.v1.decision_pb2 import Fitzpatrick, TattooCase
from assay.events.v1.analysis_pb2 import Analysis, Failure
from psycopg.types.json import Jsonb

from gateway.ledger import outbox
from gateway.ledger.database import Connection
from gateway.ledger.projection import ENDS, JobState, SeenFact

ENDED = frozenset(ENDS.values())


@dataclass(frozen=True)
class JobRow:
    """A job with the document and, when it ended, the failure that its facts carry."""

    job_id: str
    kind: str
    state: str
    subject_id: str
    upload_id: str
    created_at: datetime
    deadline: datetime
    finished_at: datetime | None
    last_seq: int
    document: Analysis
    failure: Failure | None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDED


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list; None leaves a criterion out.

    before: key of the last job of the page before, (created_at, job_id).
    """

    kind: str | None = None
    state: str | None = None
    subject_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    before: tuple[datetime, str] | None = None


INSERT = """
INSERT INTO jobs (job_id, tenant_id, region, kind, upload_id, protected_upload_id, subject_id, created_by,
                  created_at, deadline, requested)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
INSERT_CONSENT = """
INSERT INTO consents (tenant_id, job_id, subject_id, treatment, research, text_version, given_at, recorded_by)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
SELECT = """
SELECT j.job_id::text, j.kind, j.state, j.subject_id, j.upload_id::text, j.created_at, j.deadline,
       j.finished_at, j.last_seq, coalesce(d.document, j.requested) AS document,
       CASE WHEN j.state = 'failed' THEN t.document END AS ending
FROM jobs j
LEFT JOIN job_facts d ON d.job_id = j.job_id AND d.stream_seq = j.document_seq
LEFT JOIN job_facts t ON t.job_id = j.job_id AND t.stream_seq = j.terminal_seq
"""
LIST = (
    SELECT
    + """
WHERE (%(kind)s::text IS NULL OR j.kind = %(kind)s)
  AND (%(state)s::text IS NULL OR j.state = %(state)s)
  AND (%(subject_id)s::text IS NULL OR j.subject_id = %(subject_id)s)
  AND (%(created_after)s::timestamptz IS NULL OR j.created_at >= %(created_after)s)
  AND (%(created_before)s::timestamptz IS NULL OR j.created_at < %(created_before)s)
  AND (%(before_at)s::timestamptz IS NULL OR (j.created_at, j.job_id) < (%(before_at)s, %(before_id)s::uuid))
ORDER BY j.created_at DESC, j.job_id DESC LIMIT %(limit)s
"""
)
INSERT_FACT = """
INSERT INTO job_facts (tenant_id, job_id, stream_seq, epoch, fact, pages, stored_at, document)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (job_id, stream_seq) DO NOTHING
"""
UPDATE_STATE = """
UPDATE jobs SET epoch = %(epoch)s, state = %(state)s, document_seq = %(document_seq)s,
    terminal_seq = %(terminal_seq)s, last_seq = %(last_seq)s, finished_at = %(finished_at)s
WHERE job_id = %(job_id)s
"""


async def create(
    connection: Connection, analysis: Analysis, *, upload_id: str, by: str, protected_upload_id: str = ""
) -> None:
    """Records a job, its consent, its audit entry and its `requested` fact, in one transaction."""
    job, consent = analysis.job, analysis.job.consent
    await connection.execute(
        INSERT,
        (
            job.job_id, job.tenant_id, job.region, job.kind, upload_id, protected_upload_id or None,
            job.subject_id, by,
            job.created_at.ToDatetime(UTC), job.deadline.ToDatetime(UTC),
            analysis.SerializeToString(deterministic=True),
        ),
    )  # fmt: skip
    given = consent.given_at.ToDatetime(UTC) if consent.HasField("given_at") else None
    await connection.execute(
        INSERT_CONSENT,
        (
            job.tenant_id, job.job_id, job.subject_id, consent.treatment, consent.research,
            consent.text_version, given, by,
        ),
    )  # fmt: skip
    detail = {"upload_id": upload_id}
    if protected_upload_id:
        detail["protected_upload_id"] = protected_upload_id
    if job.replay_of:
        detail["replay_of"] = job.replay_of
    await record_audit(connection, job.tenant_id, by, "analysis.requested", job.job_id, detail)
    if job.tattoo.HasField("override"):
        override = _override(job.tattoo)
        await record_audit(connection, job.tenant_id, by, "skin_type.overridden", job.job_id, override)
    await outbox.add(connection, "requested", analysis)


def _override(stated: TattooCase) -> dict[str, str]:
    """A clinician's skin type for the audit log: both types, who set it and why."""
    own = stated.override
    return {
        "operator": Fitzpatrick.Name(stated.fitzpatrick_operator).removeprefix("FITZPATRICK_"),
        "fitzpatrick": Fitzpatrick.Name(own.fitzpatrick).removeprefix("FITZPATRICK_"),
        "name": own.name,
        "reason": own.reason,
    }


async def find(connection: Connection, job_id: str) -> JobRow | None:
    """Returns a job of the bound tenant."""
    # In binary: as text every byte of a document is two digits.
    found = await connection.execute(SELECT + "WHERE j.job_id = %s", (job_id,), binary=True)
    row = await found.fetchone()
    return _to_job(row) if row else None


async def glance(connection: Connection, tenant_id: str, job_id: str) -> JobRow | None:
    """Returns a job of a tenant in one round trip; the connection is bound to none, before and after."""
    found = await connection.execute("SELECT * FROM job_of(%s, %s)", (tenant_id, job_id), binary=True)
    row = await found.fetchone()
    return _to_job(row) if row else None


def _to_job(row: dict[str, Any]) -> JobRow:
    document = Analysis.FromString(row.pop("document"))
    ending = row.pop("ending")
    failure = Analysis.FromString(ending).failure if ending else None
    return JobRow(**row, document=document, failure=failure)


async def list_newest(connection: Connection, wanted: JobFilter, limit: int) -> list[JobRow]:
    """Returns at most `limit` jobs of the bound tenant, newest first."""
    before_at, before_id = wanted.before or (None, None)
    parameters = {**vars(wanted), "before_at": before_at, "before_id": before_id, "limit": limit}
    del parameters["before"]
    return [_to_job(row) for row in await (await connection.execute(LIST, parameters)).fetchall()]


async def lock(connection: Connection, job_id: str) -> bool:
    """Locks a job of the bound tenant against other projectors; False when there is none."""
    found = await connection.execute("SELECT 1 FROM jobs WHERE job_id = %s FOR NO KEY UPDATE", (job_id,))
    return await found.fetchone() is not None


async def add_fact(
    connection: Connection, tenant_id: str, job_id: str, fact: SeenFact, document: bytes
) -> bool:
    """Records that a fact was seen; False when it had been."""
    row = (
        tenant_id, job_id, fact.stream_seq, fact.epoch, fact.fact, fact.pages, fact.stored_at, document,
    )  # fmt: skip
    return (await connection.execute(INSERT_FACT, row)).rowcount == 1


async def facts_of(connection: Connection, job_id: str) -> list[SeenFact]:
    """Returns the facts seen of a job of the bound tenant."""
    query = "SELECT stream_seq, epoch, fact, pages, stored_at FROM job_facts WHERE job_id = %s"
    return [SeenFact(**row) for row in await (await connection.execute(query, (job_id,))).fetchall()]


async def renew_deadline(connection: Connection, job_id: str, epoch: int, deadline: datetime) -> None:
    """Gives a job the deadline of a re-drive, once per epoch; before its state is stored."""
    query = "UPDATE jobs SET deadline = %s WHERE job_id = %s AND epoch < %s"
    await connection.execute(query, (deadline, job_id, epoch))


async def store_state(connection: Connection, job_id: str, state: JobState) -> None:
    """Writes what the facts amount to, and tells every gateway."""
    await connection.execute(UPDATE_STATE, {**vars(state), "job_id": job_id})
    await connection.execute("SELECT pg_notify('assay_job', %s)", (job_id,))


async def record_audit(
    connection: Connection, tenant_id: str, actor: str, action: str, resource: str, detail: dict[str, str]
) -> None:
    """Appends to the audit log."""
    await connection.execute(
        "INSERT INTO audit (tenant_id, actor, action, resource, detail) VALUES (%s, %s, %s, %s, %s)",
        (tenant_id, actor, action, resource, Jsonb(detail)),
    )
