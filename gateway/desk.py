"""What the handlers of the public API share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import nats.errors

from gateway.catalogue import Catalogue
from gateway.ledger import jobs
from gateway.ledger.database import Ledger
from gateway.ledger.jobs import JobRow
from gateway.ledger.notify import Fanout
from gateway.ruleset_switch import RulesetSwitch
from mesh.errors import NotFound
from mesh.jetstream import JetStream
from mesh.kv_document import opened
from mesh.objects import ObjectStore
from mesh.progress import Progress, Step
from mesh.settings import Settings
from mesh.topology import PROGRESS_BUCKET

PROGRESS_TIMEOUT_S = 0.5


@dataclass(frozen=True)
class Desk:
    """Settings, storage, NATS, the ledger as requests see it, what wakes waiters, the versions to be had."""

    settings: Settings
    objects: ObjectStore
    nats: JetStream
    ledger: Ledger
    fanout: Fanout
    catalogue: Catalogue
    rulesets: RulesetSwitch

    async def job(self, tenant_id: str, job_id: str) -> JobRow:
        """Returns a job of the tenant; raises NotFound (JOB_NOT_FOUND), Transient."""
        async with self.ledger.single() as connection:
            row = await jobs.glance(connection, tenant_id, job_id)
        if row is None:
            raise NotFound(
                "JOB_NOT_FOUND", "There is no such analysis.", field="job_id", fix="Check the job id."
            )
        return row

    async def progress(self, row: JobRow) -> Step | None:
        """Returns the last progress of a job that runs; None when nothing is known in 0.5 s. Never raises."""
        if row.ended or row.last_seq == 0 or not self.nats.connected:
            return None
        try:
            async with asyncio.timeout(PROGRESS_TIMEOUT_S):
                bucket = await opened(self.nats.js, PROGRESS_BUCKET)
                entry = await Progress(bucket).last(row.job_id)
        except (nats.errors.Error, TimeoutError):
            return None
        return entry if entry and entry.epoch == row.document.job.epoch else None
