"""The projector: takes every fact of the region off the stream and folds it into its job's row."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

import nats.errors
import psycopg
import structlog
from assay.events.v1.analysis_pb2 import Analysis
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from gateway import measures
from gateway.ledger import jobs
from gateway.ledger.database import Ledger
from gateway.ledger.notify import backoff_s
from gateway.ledger.projection import JobState, SeenFact, count_pages, fold
from mesh import facts, telemetry
from mesh.errors import Internal, Transient
from mesh.jetstream import JetStream
from mesh.signals import counter
from mesh.tasks import check_cancelled
from mesh.topology import PROJECTOR

log = structlog.get_logger()

FETCH_S = 5.0
CHECK_AFTER_IDLE = 12
PROJECTED = counter("assay_facts_projected_total")


async def run_projector(ledger: Ledger, stream: JetStream) -> None:
    """Folds facts until cancelled; backs off while NATS or the ledger is away."""
    subscription = await stream.js.pull_subscribe_bind(PROJECTOR, stream=facts.STREAM)
    failures = idle = 0
    while True:
        check_cancelled()
        try:
            if not stream.connected:
                # The client would buffer the pulls, and send them all when NATS is back.
                raise Transient("NATS_UNAVAILABLE", "NATS does not answer.")
            idle = 0 if await take(subscription, ledger) else idle + 1
            if idle >= CHECK_AFTER_IDLE:
                # A deleted consumer looks like an idle one to a fetch.
                await stream.js.consumer_info(facts.STREAM, PROJECTOR)
                idle = 0
            failures = 0
        except (nats.errors.Error, TimeoutError, OSError, Transient) as error:
            failures += 1
            log.warning("projector_failed", error=str(error), kind=type(error).__name__)
            await asyncio.sleep(backoff_s(failures))


async def take(subscription: JetStreamContext.PullSubscription, ledger: Ledger) -> bool:
    """Fetches and folds one fact; returns whether one came within FETCH_S.

    One, because a fetch of several that finds a fact waiting holds it back until its time is up: the
    client asks with no_wait and expires together, and the server then ignores no_wait.

    Raises Transient when the ledger is away; the fact not folded comes again.
    """
    try:
        (message,) = await subscription.fetch(1, timeout=FETCH_S)
    except TimeoutError:
        # nats-py raises its own subclass or the plain one, depending on where the time ran out.
        return False
    try:
        await take_one(message, ledger)
    except Transient:
        await message.nak(delay=1.0)
        raise
    return True


async def take_one(message: Msg, ledger: Ledger) -> None:
    """Folds one message and acknowledges it; one that is no fact is ended and logged."""
    try:
        subject, analysis = facts.read(message.subject, message.data)
    except Internal as error:
        log.error("fact_unreadable", subject=message.subject, code=error.code)
        PROJECTED.labels("unknown", "unreadable").inc()
        await message.term()
        return
    sequence = message.metadata.sequence.stream
    seen = SeenFact(
        stream_seq=sequence,
        epoch=subject.epoch,
        fact=subject.fact,
        pages=count_pages(analysis),
        stored_at=message.metadata.timestamp,
    )
    try:
        with telemetry.consumer_span(f"project {subject.fact}", message.headers or {}):
            projected = await project(ledger, analysis.job.tenant_id, subject.job_id, seen, message.data)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        # The same fact would be refused for ever; the stream keeps it for whoever looks into it.
        log.error("fact_refused", subject=message.subject, kind=type(error).__name__)
        PROJECTED.labels(subject.fact, "refused").inc()
        await message.term()
        return
    if not projected.known:
        log.warning("fact_without_job", job_id=subject.job_id, fact=subject.fact, stream_seq=sequence)
    PROJECTED.labels(subject.fact, "folded" if projected.known else "no_job").inc()
    if projected.state is not None:
        _count(analysis, seen, projected.state, message.headers or {})
    await message.ack()


def _count(analysis: Analysis, seen: SeenFact, state: JobState, headers: Mapping[str, str]) -> None:
    """Counts a fact that the ledger did not have before."""
    measures.seen(seen.stored_at)
    if seen.fact == "requested":
        measures.requested(analysis.job)
    if state.terminal_seq == seen.stream_seq:
        measures.ended(analysis, state.state, seen.stored_at, headers)


@dataclass(frozen=True)
class Projected:
    """What became of a fact: whether its job is known, and the job's state when the fact was new."""

    known: bool
    state: JobState | None = None


async def project(ledger: Ledger, tenant_id: str, job_id: str, seen: SeenFact, document: bytes) -> Projected:
    """Records a fact and rewrites its job's row as the fold of all facts.

    The job's row is locked meanwhile, so that projectors of several gateways take turns.
    """
    async with ledger.tenant(tenant_id) as connection:
        if not await jobs.lock(connection, job_id):
            return Projected(known=False)
        if not await jobs.add_fact(connection, tenant_id, job_id, seen, document):
            return Projected(known=True)
        if seen.epoch > 1:
            deadline = Analysis.FromString(document).job.deadline.ToDatetime(UTC)
            await jobs.renew_deadline(connection, job_id, seen.epoch, deadline)
        state = fold(await jobs.facts_of(connection, job_id))
        await jobs.store_state(connection, job_id, state)
    return Projected(known=True, state=state)
