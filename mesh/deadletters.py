"""Dead letters: facts that were given up, kept with the reason for 30 days.

The runner buries a fact itself before its last delivery ends. A process that is killed at
its last delivery cannot; for that case `run` follows the server's MAX_DELIVERIES advisories,
copies the fact, and publishes the `failed` fact in the stage's stead.
"""

from __future__ import annotations

import json

import structlog
from assay.events.v1.analysis_pb2 import Analysis, Failure
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from mesh import facts, telemetry
from mesh.jetstream import JetStream
from mesh.tasks import check_cancelled
from mesh.topology import ADVISORY_STREAM, MOVER

log = structlog.get_logger()

GIVEN_UP = "MAX_DELIVERIES"


async def bury(js: JetStreamContext, message: Msg, stage: str, code: str, reason: str) -> None:
    """Copies a fact into the dead-letter stream with the reason; repeating it is harmless."""
    sequence = message.metadata.sequence.stream
    await _copy(js, stage, sequence, message.subject, message.data, dict(message.headers or {}), code, reason)


async def _copy(
    js: JetStreamContext,
    stage: str,
    sequence: int,
    subject: str,
    data: bytes,
    headers: dict[str, str],
    code: str,
    reason: str,
) -> None:
    kept = {key: value for key, value in headers.items() if not key.lower().startswith("nats-")}
    kept.update(
        {
            "Nats-Msg-Id": f"dlq:{stage}:{sequence}",
            "assay-stage": stage,
            "assay-code": code,
            "assay-reason": reason.encode("ascii", "replace").decode()[:512].replace("\n", " "),
            "assay-subject": subject,
            "assay-sequence": str(sequence),
        }
    )
    ack = await js.publish(f"deadletter.{stage}", data, headers=kept, timeout=facts.PUBLISH_TIMEOUT_S)
    if not ack.duplicate:
        telemetry.DEAD_LETTERS.labels(stage, code).inc()
        log.error("dead_letter", stage=stage, code=code, subject=subject, sequence=sequence)


async def run(connection: JetStream) -> None:
    """Follows advisories for ever; cancel it to end."""
    subscription = await connection.js.pull_subscribe_bind(MOVER, ADVISORY_STREAM)
    try:
        while True:
            check_cancelled()
            try:
                for advisory in await subscription.fetch(16, timeout=5):
                    await _move(connection.js, advisory)
            except TimeoutError:
                # nats-py raises its own subclass or the plain one.
                continue
    finally:
        await subscription.unsubscribe()


async def _move(js: JetStreamContext, advisory: Msg) -> None:
    told = json.loads(advisory.data)
    stage = str(told["consumer"]).removeprefix("stage-")
    sequence = int(told["stream_seq"])
    try:
        kept = await js.get_msg(facts.STREAM, sequence)
    except NotFoundError:
        # The fact was erased meanwhile; there is nothing left to give up.
        await advisory.ack_sync(timeout=5)
        return
    reason = f"no acknowledgement after {told.get('deliveries')} deliveries"
    data = kept.data or b""
    await _copy(js, stage, sequence, str(kept.subject), data, dict(kept.headers or {}), GIVEN_UP, reason)
    analysis = Analysis()
    analysis.ParseFromString(data)
    analysis.failure.CopyFrom(
        Failure(
            stage=stage,
            code=GIVEN_UP,
            message=f"The stage {stage} did not finish in any of its deliveries.",
            fix="Start the analysis again; if it persists, report the job id.",
        )
    )
    await facts.publish_fact(js, "failed", analysis, source="deadletter-mover")
    await advisory.ack_sync(timeout=5)
