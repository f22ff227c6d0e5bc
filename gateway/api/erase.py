"""Erasing analyses: recorded by the request, done by the eraser, which the request waits for a little."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

from assay.gateway.v1 import gateway_pb2 as pb

from gateway.api.views import timestamp
from gateway.desk import Desk
from gateway.ledger import erasures, jobs
from gateway.ledger.eraser import settle_s
from gateway.ledger.erasures import ErasureRow
from gateway.ledger.notify import wait_for
from mesh.auth import Principal

# Less than the edge's 10 s.
WAIT_S = 7.0
RELOOK_S = 0.5
JOBS_AT_ONCE = 500


async def erase_analysis(desk: Desk, caller: Principal, job_id: str) -> pb.Erasure:
    """Erases one analysis, also one that runs. Repeating it answers how far the erasure is.

    Raises NotFound (JOB_NOT_FOUND), Transient.
    """
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        known = await erasures.find(connection, [job_id])
    if not known:
        await desk.job(caller.tenant_id, job_id)
        await _request(desk, caller, [job_id])
    return await _answer(desk, caller, [job_id])


async def erase_subject(desk: Desk, caller: Principal, subject_id: str) -> pb.Erasure:
    """Erases every analysis of a subject that the ledger holds now; none at all is a fine answer.

    Raises Transient.
    """
    asked: list[str] = []
    while True:
        async with desk.ledger.tenant(caller.tenant_id) as connection:
            found = await erasures.jobs_of_subject(connection, subject_id, JOBS_AT_ONCE)
        fresh = [job_id for job_id in found if job_id not in asked]
        if not fresh:
            break
        await _request(desk, caller, fresh, subject_id)
        asked += fresh
        if len(found) < JOBS_AT_ONCE:
            break
        # The eraser takes rows away, which makes room for the next ones.
        await _answer(desk, caller, asked)
    return await _answer(desk, caller, asked)


async def _request(desk: Desk, caller: Principal, job_ids: Sequence[str], subject_id: str = "") -> None:
    """Records the erasures. The audit log proves which subject was meant without naming it."""
    detail = {"subject_sha256": hashlib.sha256(subject_id.encode()).hexdigest()} if subject_id else {}
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        for job_id in job_ids:
            if await erasures.request(
                connection, caller.tenant_id, job_id, caller.subject, settle_s(desk.settings)
            ):
                await jobs.record_audit(
                    connection, caller.tenant_id, caller.subject, "analysis.erasure_requested", job_id, detail
                )


async def _answer(desk: Desk, caller: Principal, job_ids: Sequence[str]) -> pb.Erasure:
    """Waits for the first sweep of every job, at most WAIT_S; answers how far they are."""
    over = time.monotonic() + WAIT_S
    topic = job_ids[-1] if job_ids else ""
    with desk.fanout.subscribe(topic) as subscription:
        while True:
            async with desk.ledger.tenant(caller.tenant_id) as connection:
                rows = await erasures.find(connection, job_ids)
            left = over - time.monotonic()
            if all(row.swept_at for row in rows) or left <= 0 or desk.fanout.closed:
                return to_erasure(rows)
            await wait_for(subscription.event, min(left, RELOOK_S))


def to_erasure(rows: Sequence[ErasureRow]) -> pb.Erasure:
    """The answer: the state of the least advanced."""
    if all(row.confirmed_at for row in rows):
        state = pb.ERASURE_STATE_CONFIRMED
    elif all(row.swept_at for row in rows):
        state = pb.ERASURE_STATE_ERASED
    else:
        state = pb.ERASURE_STATE_PENDING
    ends = [row.confirmed_at for row in rows if row.confirmed_at]
    return pb.Erasure(
        state=state,
        analyses=len(rows),
        facts=sum(row.facts for row in rows),
        objects=sum(row.objects for row in rows),
        requested_at=timestamp(min((row.requested_at for row in rows), default=None)),
        confirmed_at=timestamp(max(ends)) if ends and len(ends) == len(rows) else None,
    )
