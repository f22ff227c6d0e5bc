"""The eraser: takes a job out of stream, buckets, storage and ledger, and looks again when all has settled.

Order: the control word first, so that stages stop; then rows (the relay publishes nothing more), facts, dead
letters, progress, objects. Every step may be repeated, so a crash anywhere only means another sweep. A stage
that was at work may write an object after the first sweep, until its job's time is up; the last sweep comes
after that, and repeats until it finds nothing.
"""

from __future__ import annotations

import asyncio

import nats.errors
import psycopg
import structlog
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from gateway.ledger import erasures, jobs
from gateway.ledger.database import Ledger
from gateway.ledger.erasures import ErasureRow
from gateway.ledger.notify import backoff_s
from mesh import deadletters, facts
from mesh.control import ERASED, Control
from mesh.errors import AssayError
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.settings import Settings
from mesh.signals import counter
from mesh.tasks import check_cancelled
from mesh.topology import CONTROL_BUCKET, DEADLETTER_STREAM, PROGRESS_BUCKET

log = structlog.get_logger()

ROUND_S = 0.5
AT_ONCE = 16
LEASE_S = 60.0
# What a stage may take beyond its job's time before it notices.
SETTLE_MARGIN_S = 30.0
KEYS_AT_ONCE = 1_000
ACTOR = "gateway/eraser"
ERASED_TOTAL = counter("assay_erasures_total")


def settle_s(settings: Settings) -> float:
    """Seconds after which no stage can write for a job any more."""
    return settings.job_deadline_s + SETTLE_MARGIN_S


async def run_eraser(ledger: Ledger, stream: JetStream, objects: ObjectStore) -> None:
    """Sweeps what is due until cancelled; backs off while ledger, NATS or storage is away."""
    failures = 0
    while True:
        check_cancelled()
        try:
            if stream.connected:
                await erase_due(ledger, stream.js, objects)
            failures = 0
        except (AssayError, nats.errors.Error, TimeoutError, OSError, psycopg.IntegrityError) as error:
            failures += 1
            log.warning("eraser_failed", error=str(error), kind=type(error).__name__)
        await asyncio.sleep(max(ROUND_S, backoff_s(failures)))


async def erase_due(ledger: Ledger, js: JetStreamContext, objects: ObjectStore) -> int:
    """Sweeps every erasure that is due; returns how many."""
    async with ledger.transaction() as connection:
        due = await erasures.claim(connection, LEASE_S, AT_ONCE)
    for erasure in due:
        await sweep(ledger, js, objects, erasure)
    return len(due)


async def sweep(ledger: Ledger, js: JetStreamContext, objects: ObjectStore, erasure: ErasureRow) -> None:
    """Removes what there is of one job and records it."""
    job_id, tenant_id = erasure.job_id, erasure.tenant_id
    await Control(await js.key_value(CONTROL_BUCKET)).say(job_id, ERASED)
    async with ledger.tenant(tenant_id) as connection:
        uploads = await erasures.delete_rows(connection, erasure)
    facts_gone = await purge(js, facts.STREAM, f"analysis.*.*.*.{job_id}.>")
    facts_gone += await purge(js, DEADLETTER_STREAM, deadletters.subject("*", job_id))
    await (await js.key_value(PROGRESS_BUCKET)).purge(job_id)
    objects_gone = await remove(objects, tenant_id, job_id, uploads)
    async with ledger.tenant(tenant_id) as connection:
        confirmed = await erasures.swept(connection, job_id, facts=facts_gone, objects=objects_gone)
        if confirmed:
            await jobs.record_audit(connection, tenant_id, ACTOR, "analysis.erased", job_id, {})
    state = "confirmed" if confirmed else "swept"
    ERASED_TOTAL.labels(state).inc()
    # A restore from an older backup needs this list from outside of the ledger (docs/runbooks/restore.md).
    log.info("analysis_erased", job_id=job_id, state=state, facts=facts_gone, objects=objects_gone)


async def purge(js: JetStreamContext, stream: str, subject: str) -> int:
    """Purges a subject from a stream; returns how many messages it held."""
    try:
        info = await js.stream_info(stream, subjects_filter=subject)
    except NotFoundError:
        return 0
    held = sum((info.state.subjects or {}).values())
    if held:
        await js.purge_stream(stream, subject=subject)
    return held


async def remove(objects: ObjectStore, tenant_id: str, job_id: str, uploads: list[str]) -> int:
    """Deletes a job's artefacts and the uploads that went with it; returns how many objects there were."""
    bucket, prefix, count = objects.settings.s3_artifacts_bucket, f"{tenant_id}/{job_id}/", 0
    while keys := await objects.keys(bucket, prefix, at_most=KEYS_AT_ONCE):
        for key in keys:
            await objects.delete(bucket, key)
        count += len(keys)
    for path in uploads:
        home, _, key = path.partition("/")
        count += len(await objects.keys(home, key, at_most=1))
        await objects.delete(home, key)
    return count
