"""The relay: publishes what the outbox holds, create-once, in order, whatever else is down.

Woken by NOTIFY, with a look every second as a net. Several gateways share the work by SKIP LOCKED.
"""

from __future__ import annotations

import asyncio

import nats.errors
import structlog
from assay.events.v1.analysis_pb2 import Analysis
from opentelemetry import context as otel_context

from gateway.ledger import outbox
from gateway.ledger.database import Ledger
from gateway.ledger.notify import OUTBOX, Fanout, backoff_s, wait_for
from mesh import facts, telemetry
from mesh.control import CANCELLED, Control
from mesh.errors import AssayError, Transient
from mesh.jetstream import JetStream
from mesh.signals import counter
from mesh.tasks import check_cancelled
from mesh.topology import CONTROL_BUCKET

log = structlog.get_logger()

BATCH = 64
POLL_S = 1.0
RELAYED = counter("assay_outbox_published_total")


async def run_relay(ledger: Ledger, stream: JetStream, fanout: Fanout) -> None:
    """Publishes pending facts until cancelled; backs off while the ledger or NATS is away."""
    failures = 0
    with fanout.subscribe(OUTBOX) as subscription:
        while True:
            check_cancelled()
            try:
                count = await relay_batch(ledger, stream)
            except (nats.errors.Error, TimeoutError, OSError, AssayError) as error:
                failures += 1
                log.warning("outbox_relay_failed", error=str(error), kind=type(error).__name__)
                await asyncio.sleep(backoff_s(failures))
                continue
            failures = 0
            if count < BATCH:
                await wait_for(subscription.event, POLL_S)


async def relay_batch(ledger: Ledger, stream: JetStream) -> int:
    """Publishes at most BATCH facts; returns how many there were.

    Facts published before one fails stay marked. Raises the first failure, or Transient when NATS
    is away.
    """
    if not stream.connected:
        raise Transient("NATS_UNAVAILABLE", "NATS does not answer.")
    async with ledger.transaction() as connection:
        pending = await outbox.claim(connection, BATCH)
        if not pending:
            return 0
        outcomes = await asyncio.gather(*(publish(stream, fact) for fact in pending), return_exceptions=True)
        done = [fact for fact, outcome in zip(pending, outcomes, strict=True) if outcome is None]
        await outbox.mark_published(connection, [fact.outbox_id for fact in done])
    for fact in done:
        RELAYED.labels(fact.fact).inc()
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
    return len(pending)


async def publish(stream: JetStream, pending: outbox.PendingFact) -> None:
    """Publishes one fact under the trace of its request; a cancellation tells the stages first."""
    analysis = Analysis.FromString(pending.payload)
    token = otel_context.attach(telemetry.extract(pending.trace_context))
    try:
        if pending.fact == "cancelled":
            control = Control(await stream.js.key_value(CONTROL_BUCKET))
            await control.say(analysis.job.job_id, CANCELLED)
        await facts.publish_fact(stream.js, pending.fact, analysis, source="gateway")
    finally:
        otel_context.detach(token)
