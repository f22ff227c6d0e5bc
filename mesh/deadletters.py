"""Dead letters: facts that were given up, kept with the reason for 30 days.

The runner buries a fact itself before its last delivery ends. A process that is killed at
its last delivery cannot; for that case `run` follows the server's MAX_DELIVERIES advisories,
copies the fact, and publishes the `failed` fact in the stage's stead.
"""

from __future__ import annotations

import json

import structlog
from assay.events.v1.analysis_pb2 import Failure
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from mesh import facts, telemetry
from mesh.control import Control
from mesh.errors import Internal
from mesh.jetstream import JetStream
from mesh.tasks import check_cancelled
from mesh.topology import ADVISORY_STREAM, CONTROL_BUCKET, EDGES, MOVER, Edge

log = structlog.get_logger()

GIVEN_UP = "MAX_DELIVERIES"


def subject(stage: str, job_id: str) -> str:
    """The subject of a dead letter; it names the job so that an erasure finds it."""
    return f"deadletter.{stage}.{job_id}"


def _job_of(fact_subject: str) -> str:
    """The job that a fact's subject names; "unknown" where it is no fact's."""
    try:
        return facts.parse(fact_subject).job_id
    except Internal:
        return "unknown"


async def bury(js: JetStreamContext, message: Msg, stage: str, code: str, reason: str) -> None:
    """Copies a fact into the dead-letter stream with the reason; repeating it is harmless."""
    sequence = message.metadata.sequence.stream
    await _copy(js, stage, sequence, message.subject, message.data, dict(message.headers or {}), code, reason)


async def _copy(
    js: JetStreamContext,
    stage: str,
    sequence: int,
    name: str,
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
            "assay-subject": name,
            "assay-sequence": str(sequence),
        }
    )
    ack = await js.publish(subject(stage, _job_of(name)), data, headers=kept, timeout=facts.PUBLISH_TIMEOUT_S)
    if not ack.duplicate:
        telemetry.DEAD_LETTERS.labels(stage, code).inc()
        log.error("dead_letter", stage=stage, code=code, subject=name, sequence=sequence)


async def run(connection: JetStream) -> None:
    """Follows advisories until NATS is away; raises what NATS raises."""
    control = Control(await connection.js.key_value(CONTROL_BUCKET))
    subscription = await connection.js.pull_subscribe_bind(MOVER, ADVISORY_STREAM)
    try:
        while connection.connected:
            check_cancelled()
            try:
                for advisory in await subscription.fetch(16, timeout=5):
                    await _move(connection.js, control, advisory)
            except TimeoutError:
                # nats-py raises its own subclass or the plain one.
                continue
    finally:
        await subscription.unsubscribe()


async def _move(js: JetStreamContext, control: Control, advisory: Msg) -> None:
    """Gives up the fact that an advisory names. What is not one of ours is acknowledged and logged:
    were it raised, it would come again for ever and stop the others."""
    try:
        told = json.loads(advisory.data)
        consumer, sequence = str(told["consumer"]), int(told["stream_seq"])
    except (ValueError, KeyError, TypeError) as error:
        log.error("advisory_unreadable", kind=type(error).__name__)
        await advisory.ack_sync(timeout=5)
        return
    edge = next((edge for edge in EDGES if edge.durable == consumer), None)
    if edge is None:
        log.warning("advisory_of_a_stranger", consumer=consumer)
    else:
        try:
            await _give_up(js, control, edge, sequence, told.get("deliveries"))
        except NotFoundError:
            # The fact was erased meanwhile; there is nothing left to give up.
            log.info("given_up_fact_is_gone", sequence=sequence)
    await advisory.ack_sync(timeout=5)


async def _give_up(
    js: JetStreamContext, control: Control, edge: Edge, sequence: int, deliveries: object
) -> None:
    """Copies a fact and fails its job, unless its stage had published before it died, or nobody wants it.

    Raises NotFoundError when the stream no longer has it.
    """
    kept = await js.get_msg(facts.STREAM, sequence)
    name, data = str(kept.subject), kept.data or b""
    reason = f"no acknowledgement after {deliveries} deliveries"
    try:
        named, analysis = facts.read(name, data)
    except Internal as error:
        await _copy(js, edge.stage, sequence, name, data, dict(kept.headers or {}), error.code, reason)
        return
    if await facts.is_past(js, named.fact, analysis) or await control.word(named.job_id):
        return
    await _copy(js, edge.stage, sequence, name, data, dict(kept.headers or {}), GIVEN_UP, reason)
    if named.fact in facts.TERMINAL_FACTS:
        return
    failure = Failure(
        stage=edge.stage,
        code=GIVEN_UP,
        message=f"The stage {edge.stage} did not finish in any of its deliveries.",
        fix="Start the analysis again; if it persists, report the job id.",
    )
    await facts.publish_fact(js, "failed", facts.with_failure(analysis, failure), source="deadletter-mover")
