"""Reports and artefacts, straight from storage in pieces."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from assay.common.v1.types_pb2 import ObjectRef

from gateway.api.views import artifacts
from gateway.desk import Desk
from gateway.ledger import jobs
from gateway.ledger.jobs import JobRow
from mesh import tenancy
from mesh.auth import Principal
from mesh.errors import FailedPrecondition, Internal, NotFound


def report_of(row: JobRow) -> ObjectRef:
    """Returns the PDF of an analysis that succeeded; raises FailedPrecondition (REPORT_NOT_READY)."""
    if row.state == "succeeded" and row.document.report.HasField("pdf"):
        return row.document.report.pdf
    fix = (
        f"The analysis has {row.state}; there will be no report."
        if row.ended
        else "Wait until it has succeeded."
    )
    raise FailedPrecondition(
        "REPORT_NOT_READY",
        "This analysis has no report.",
        field="job_id",
        fix=fix,
        metadata={"state": row.state},
    )


def artifact_of(row: JobRow, name: str) -> ObjectRef:
    """Returns the artefact that a page of the job lists; raises NotFound (ARTIFACT_NOT_FOUND)."""
    known = artifacts(row.document)
    if name not in known:
        fix = f"Ask for one of: {', '.join(known)}." if known else "Wait until a stage has finished."
        raise NotFound("ARTIFACT_NOT_FOUND", "The analysis has no such artefact.", field="name", fix=fix)
    return known[name]


async def admit(desk: Desk, caller: Principal, row: JobRow, ref: ObjectRef) -> None:
    """Puts the reading of a clinical document into the audit log.

    Raises PermissionDenied (TENANT_MISMATCH) when the document refers to an object that is not the
    caller's tenant's: row-level security binds the row, this binds what the row names.
    """
    tenancy.check(ref, caller.tenant_id, desk.settings.buckets, "name")
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        await jobs.record_audit(
            connection, caller.tenant_id, caller.subject, "artifact.read", row.job_id, {"name": ref.name}
        )


async def verified(desk: Desk, ref: ObjectRef) -> AsyncGenerator[bytes, None]:
    """Yields an object in pieces; the last one only when the whole has the announced hash.

    Raises NotFound and Transient before the first piece, Internal (ARTIFACT_CORRUPT) before the last.
    """
    digest = hashlib.sha256()
    held = b""
    async with aclosing(desk.objects.stream(ref)) as pieces:
        async for piece in pieces:
            digest.update(piece)
            if held:
                yield held
            held = piece
    if ref.sha256 and digest.hexdigest() != ref.sha256:
        raise Internal("ARTIFACT_CORRUPT", "The stored artefact is not the one that was written.")
    yield held


def headers(row: JobRow, ref: ObjectRef) -> tuple[tuple[str, str], ...]:
    """Response headers of a download: never sniffed, never cached, saved under a name of its own."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in ref.name)
    return (
        ("content-disposition", f'attachment; filename="assay-{row.job_id}-{name}"'),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, no-store"),
    )
