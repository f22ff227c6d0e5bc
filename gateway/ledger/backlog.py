"""What waits: in the outbox, in the stream, at every consumer. Looked at every few seconds, for /metrics.

Every gateway looks at the same things and shows the same numbers: read the largest, never the sum.
"""

from __future__ import annotations

import asyncio

import nats.errors
import structlog

from gateway.ledger.database import Ledger
from mesh import facts, topology
from mesh.errors import AssayError
from mesh.jetstream import JetStream
from mesh.signals import gauge
from mesh.tasks import check_cancelled

log = structlog.get_logger()

ROUND_S = 5.0
STREAMS = (facts.STREAM, topology.DEADLETTER_STREAM, topology.ADVISORY_STREAM)

OUTBOX_PENDING = gauge("assay_outbox_pending")
OUTBOX_OLDEST = gauge("assay_outbox_oldest_seconds")
PENDING = gauge("assay_consumer_pending")
ACK_PENDING = gauge("assay_consumer_ack_pending")
MESSAGES = gauge("assay_stream_messages")
BYTES = gauge("assay_stream_bytes")
LIMIT = gauge("assay_stream_limit_bytes")

WAITING = """
SELECT count(*) AS pending, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float AS oldest
FROM outbox WHERE published_at IS NULL
"""


async def run_backlog(ledger: Ledger, stream: JetStream) -> None:
    """Looks every few seconds until cancelled; what cannot be reached keeps its last number."""
    while True:
        check_cancelled()
        for look in (look_at_outbox(ledger), look_at_streams(stream)):
            try:
                await look
            except (AssayError, nats.errors.Error, TimeoutError, OSError) as error:
                log.warning("backlog_unknown", error=str(error), kind=type(error).__name__)
        await asyncio.sleep(ROUND_S)


async def look_at_outbox(ledger: Ledger) -> None:
    """Shows how many facts wait to be published, and for how long the oldest has; raises Transient."""
    async with ledger.transaction() as connection:
        row = await (await connection.execute(WAITING)).fetchone() or {}
    OUTBOX_PENDING.set(row.get("pending", 0))
    OUTBOX_OLDEST.set(max(0.0, row.get("oldest", 0.0)))


async def look_at_streams(stream: JetStream) -> None:
    """Shows what each stream holds and each durable consumer still has to do; raises what NATS raises."""
    if not stream.connected:
        return
    for name in STREAMS:
        found = await stream.js.stream_info(name)
        MESSAGES.labels(name).set(found.state.messages)
        BYTES.labels(name).set(found.state.bytes)
        LIMIT.labels(name).set(found.config.max_bytes or 0)
    for name in (facts.STREAM, topology.ADVISORY_STREAM):
        for consumer in await stream.js.consumers_info(name):
            PENDING.labels(consumer.name).set(consumer.num_pending or 0)
            ACK_PENDING.labels(consumer.name).set(consumer.num_ack_pending or 0)
