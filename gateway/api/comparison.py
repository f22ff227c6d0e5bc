"""What every comparison with an earlier analysis asks: whose it is, of whom, and whether it ended well."""

from __future__ import annotations

from assay.events.v1.analysis_pb2 import Job

from gateway.desk import Desk
from gateway.ledger.jobs import JobRow
from mesh.auth import Principal
from mesh.errors import FailedPrecondition, InvalidInput, NotFound


async def comparable(desk: Desk, caller: Principal, job: Job, job_id: str, field: str) -> JobRow:
    """Returns the row of an earlier analysis of the same kind and subject as `job`, of the caller's tenant.

    field: of the request, for errors. Raises NotFound (COMPARISON_NOT_FOUND), FailedPrecondition
    (COMPARISON_NOT_FINISHED), InvalidInput (COMPARISON_OF_ANOTHER_SUBJECT), Transient.
    """
    try:
        row = await desk.job(caller.tenant_id, job_id)
    except NotFound as error:
        raise _unknown(job, job_id, field) from error
    if row.kind != job.kind:
        raise _unknown(job, job_id, field)
    if row.state != "succeeded":
        raise FailedPrecondition(
            "COMPARISON_NOT_FINISHED",
            f"The analysis {job_id} has no result to compare with.",
            field=field,
            fix="Name analyses that have succeeded.",
        )
    if not job.subject_id or row.subject_id != job.subject_id:
        raise InvalidInput(
            "COMPARISON_OF_ANOTHER_SUBJECT",
            "Only analyses of the same subject are compared, and both must name the subject.",
            field=field,
            fix="State the subject_id of the earlier analyses.",
        )
    return row


def too_large(field: str) -> InvalidInput:
    """The refusal of comparisons that one document cannot carry."""
    return InvalidInput(
        "COMPARISON_TOO_LARGE",
        "The earlier analyses hold more than one document can carry.",
        field=field,
        fix="Compare with fewer analyses.",
    )


def _unknown(job: Job, job_id: str, field: str) -> NotFound:
    return NotFound(
        "COMPARISON_NOT_FOUND",
        f"There is no {job.kind} analysis {job_id}.",
        field=field,
        fix=f"Name {job.kind} analyses of your own, by their job id.",
    )
