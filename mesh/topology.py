"""Streams, consumers, buckets: declared once, applied idempotently by `python -m mesh.topology`.

Services only bind. A pull subscription that finds a durable keeps the durable's old
configuration silently, so `add_consumer` (which updates) is the only way it is written.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from minio import Minio
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from mesh import facts, jetstream, logs, model_control
from mesh.objects import credentials
from mesh.settings import Settings

log = structlog.get_logger()

DEADLETTER_STREAM = "DEADLETTER"
ADVISORY_STREAM = "ADVISORY"
PROGRESS_BUCKET = "job-progress"
CONTROL_BUCKET = "job-control"
RULESET_BUCKET = "ruleset-control"
PROJECTOR = "gateway-projector"
MOVER = "deadletter-mover"
DAY_S = 86_400.0
UNLIMITED = -1


@dataclass(frozen=True)
class Edge:
    """A stage's durable consumer: which fact of which kind it takes."""

    stage: str
    kind: str
    fact: str
    durable: str

    def filter(self, region: str) -> str:
        return f"analysis.{region}.{self.kind}.{self.fact}.*.*"


EDGES = (
    Edge("ingest", "*", "requested", "stage-ingest"),
    Edge("segment", "tattoo", "ingested", "stage-segment"),
    Edge("color", "tattoo", "segmented", "stage-color"),
    Edge("decision", "tattoo", "colored", "stage-decision"),
    Edge("pose", "balance", "ingested", "stage-pose"),
    Edge("sway", "balance", "posed", "stage-sway"),
    Edge("decision", "balance", "swayed", "stage-decision-balance"),
    Edge("report", "*", "decided", "stage-report"),
    Edge("annotate", "balance", "reported", "stage-annotate"),
)


def edge_of(stage: str, fact: str) -> Edge:
    """Returns the edge by which a stage takes a fact; raises ValueError when the mesh has none."""
    found = [edge for edge in EDGES if (edge.stage, edge.fact) == (stage, fact)]
    if not found:
        raise ValueError(f"the mesh has no edge for stage {stage} and fact {fact}")
    return found[0]


def streams(settings: Settings) -> tuple[StreamConfig, ...]:
    """Limits streams on file: several readers need the same fact, and replay stays possible."""

    def stream(name: str, subject: str, discard: DiscardPolicy, days: int, max_bytes: int) -> StreamConfig:
        return StreamConfig(
            name=name,
            subjects=[subject],
            discard=discard,
            max_age=days * DAY_S,
            max_bytes=max_bytes,
            max_msg_size=128 * 1024,
            duplicate_window=120,
            storage=StorageType.FILE,
            retention=RetentionPolicy.LIMITS,
            num_replicas=settings.nats_replicas,
            allow_direct=True,
        )

    advisories = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{facts.STREAM}.*"
    return (
        stream(facts.STREAM, "analysis.>", DiscardPolicy.NEW, 7, 2 * 2**30),
        stream(DEADLETTER_STREAM, "deadletter.>", DiscardPolicy.NEW, 30, 2**29),
        stream(ADVISORY_STREAM, advisories, DiscardPolicy.OLD, 7, 2**26),
    )


def consumers(settings: Settings) -> tuple[tuple[str, ConsumerConfig], ...]:
    """Every durable of the mesh with the stream it reads. No BackOff: it breaks `nak(delay)`."""

    def consumer(durable: str, subject: str | None, max_deliver: int) -> ConsumerConfig:
        return ConsumerConfig(
            durable_name=durable,
            filter_subject=subject,
            max_deliver=max_deliver,
            max_ack_pending=1024,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=settings.ack_wait_s,
        )

    stages = tuple(
        (facts.STREAM, consumer(edge.durable, edge.filter(settings.region), settings.max_deliver))
        for edge in EDGES
    )
    return (
        *stages,
        (facts.STREAM, consumer(PROJECTOR, f"analysis.{settings.region}.>", UNLIMITED)),
        (ADVISORY_STREAM, consumer(MOVER, None, UNLIMITED)),
    )


def buckets(settings: Settings) -> tuple[KeyValueConfig, ...]:
    """Progress is ephemeral (a day); job control outlives the facts; what operators said stays."""
    return (
        KeyValueConfig(
            bucket=PROGRESS_BUCKET,
            history=1,
            ttl=DAY_S,
            storage=StorageType.FILE,
            replicas=settings.nats_replicas,
        ),
        KeyValueConfig(
            bucket=CONTROL_BUCKET,
            history=1,
            ttl=8 * DAY_S,
            storage=StorageType.FILE,
            replicas=settings.nats_replicas,
        ),
        KeyValueConfig(
            bucket=model_control.BUCKET,
            history=16,
            storage=StorageType.FILE,
            replicas=settings.nats_replicas,
        ),
        KeyValueConfig(
            bucket=RULESET_BUCKET,
            history=16,
            storage=StorageType.FILE,
            replicas=settings.nats_replicas,
        ),
    )


async def apply(js: JetStreamContext, settings: Settings) -> None:
    """Creates or updates everything; safe to run at any time, any number of times."""
    for stream in streams(settings):
        try:
            await js.update_stream(stream)
        except NotFoundError:
            await js.add_stream(stream)
    for name, consumer in consumers(settings):
        await js.add_consumer(name, consumer)
    for bucket in buckets(settings):
        try:
            await js.key_value(bucket.bucket)
        except NotFoundError:
            await js.create_key_value(bucket)


def apply_buckets(settings: Settings) -> None:
    """Creates the two S3 buckets where they are missing."""
    parts = urlsplit(settings.s3_endpoint)
    client = Minio(
        parts.netloc,
        credentials=credentials(settings),
        secure=parts.scheme == "https",
        region=settings.s3_region,
    )
    for bucket in (settings.s3_uploads_bucket, settings.s3_artifacts_bucket):
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)


async def main() -> None:
    settings = Settings()
    logs.configure("topology", settings)
    connection = await jetstream.connect(settings, "topology")
    try:
        await apply(connection.js, settings)
    finally:
        await connection.close()
    await asyncio.to_thread(apply_buckets, settings)
    log.info("topology_applied", streams=json.dumps([s.name for s in streams(settings)]))


if __name__ == "__main__":
    asyncio.run(main())
