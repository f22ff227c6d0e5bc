"""Rows and documents for tests of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from assay.events.v1.analysis_pb2 import Analysis, Consent, Job

from gateway.ledger import jobs, uploads
from gateway.ledger.database import Ledger
from gateway.ledger.ids import uuid7
from gateway.ledger.projection import PAGES
from gateway.ledger.uploads import Upload


def make_upload(tenant: str, *, size: int = 10, usable_s: float = 3600) -> Upload:
    """An upload that was signed just now."""
    now = datetime.now(UTC)
    upload_id = uuid7()
    return Upload(
        upload_id=upload_id,
        tenant_id=tenant,
        purpose="image",
        media_type="image/jpeg",
        size_bytes=size,
        sha256="",
        bucket="assay-uploads",
        object_key=f"{tenant}/{upload_id}",
        state="signed",
        created_by="tester",
        signature_expires_at=now + timedelta(seconds=min(600, usable_s)),
        usable_until=now + timedelta(seconds=usable_s),
    )


def make_order(tenant: str, *, deadline_s: float = 600, subject_id: str = "s-1") -> Analysis:
    """A tattoo job without pages."""
    now = datetime.now(UTC)
    job = Job(job_id=uuid7(), tenant_id=tenant, region="local", kind="tattoo", epoch=1, subject_id=subject_id)
    job.created_at.FromDatetime(now)
    job.deadline.FromDatetime(now + timedelta(seconds=deadline_s))
    job.consent.CopyFrom(Consent(treatment=True, text_version="2026-01"))
    job.tattoo.SetInParent()
    return Analysis(job=job)


def with_pages(order: Analysis, pages: int) -> Analysis:
    """The document with its first so many pages."""
    made = Analysis()
    made.CopyFrom(order)
    for page in PAGES[:pages]:
        getattr(made, page).SetInParent()
    return made


async def store(ledger: Ledger, order: Analysis) -> Analysis:
    """Records a job with an upload of its own; returns the order."""
    upload = make_upload(order.job.tenant_id)
    async with ledger.tenant(order.job.tenant_id) as connection:
        await uploads.insert(connection, upload)
        await jobs.create(connection, order, upload_id=upload.upload_id, by="tester")
    return order
