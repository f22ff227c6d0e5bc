"""Cancelling an analysis: a fact like any other, so that stream order decides who was first."""

from __future__ import annotations

from gateway.api.watch import until_ended
from gateway.desk import Desk
from gateway.ledger import jobs, outbox
from gateway.ledger.jobs import JobRow
from mesh.auth import Principal
from mesh.errors import FailedPrecondition

WAIT_S = 2.0


async def cancel(desk: Desk, caller: Principal, job_id: str) -> JobRow:
    """Asks for the end of a job; returns it cancelled, or still running when NATS is slow or away.

    Repeating it is harmless. Raises NotFound, FailedPrecondition (JOB_ENDED), Transient.
    """
    row = refuse_ended(await desk.job(caller.tenant_id, job_id))
    if row.ended:
        return row
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        if await outbox.add(connection, "cancelled", row.document):
            await jobs.record_audit(
                connection, caller.tenant_id, caller.subject, "analysis.cancelled", job_id, {}
            )
    return refuse_ended(await until_ended(desk, caller.tenant_id, row, WAIT_S))


def refuse_ended(row: JobRow) -> JobRow:
    """Returns a row that runs or was cancelled; raises FailedPrecondition when it ended otherwise."""
    if row.ended and row.state != "cancelled":
        raise FailedPrecondition(
            "JOB_ENDED",
            f"The analysis has ended: {row.state}.",
            field="job_id",
            fix="There is nothing to cancel.",
            metadata={"state": row.state},
        )
    return row
