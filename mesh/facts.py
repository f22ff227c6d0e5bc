"""Facts: what happened to an analysis, in the past tense, once each.

Subject `analysis.<region>.<kind>.<fact>.<job>.<epoch>`. A fact is published create-once
(`Nats-Expected-Last-Subject-Sequence: 0`), so that doing the work twice leaves one fact.
Headers are CloudEvents 1.0 in NATS binary mode, plus W3C trace context.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from assay.events.v1.analysis_pb2 import Analysis, Failure
from google.protobuf.message import DecodeError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError
from opentelemetry import trace

from mesh import telemetry
from mesh.errors import Internal

STREAM = "ANALYSIS"
TATTOO_FACTS = ("requested", "ingested", "segmented", "colored", "decided", "reported")
# What follows the end comes off the clock and changes nothing of the outcome.
BALANCE_FACTS = ("requested", "ingested", "posed", "swayed", "decided", "reported", "annotated")
TERMINAL_FACTS = ("reported", "failed", "cancelled", "erased")
FACTS = frozenset((*TATTOO_FACTS, *BALANCE_FACTS, *TERMINAL_FACTS))
MAX_FACT_BYTES = 64 * 1024
WRONG_LAST_SEQUENCE = 10071
PUBLISH_TIMEOUT_S = 5.0
EPOCH = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Subject:
    """The parts of a fact's subject."""

    region: str
    kind: str
    fact: str
    job_id: str
    epoch: int

    def __str__(self) -> str:
        return f"analysis.{self.region}.{self.kind}.{self.fact}.{self.job_id}.{self.epoch}"


def subject(fact: str, analysis: Analysis) -> Subject:
    """Returns the subject under which a fact about `analysis` is published."""
    if fact not in FACTS:
        raise Internal("UNKNOWN_FACT", f"{fact} is not a fact.")
    job = analysis.job
    return Subject(job.region, job.kind, fact, job.job_id, job.epoch)


def parse(text: str) -> Subject:
    """Parses a subject; raises Internal when it is not one of a fact."""
    parts = text.split(".")
    if len(parts) != 6 or parts[0] != "analysis" or parts[3] not in FACTS or not EPOCH.fullmatch(parts[5]):
        raise Internal("NOT_A_FACT", "The subject is not one of a fact.")
    return Subject(parts[1], parts[2], parts[3], parts[4], int(parts[5]))


def read(under: str, payload: bytes) -> tuple[Subject, Analysis]:
    """Returns subject and document of a fact; raises Internal when they are none or contradict each other."""
    parsed = parse(under)
    try:
        analysis = Analysis.FromString(payload)
    except DecodeError as error:
        raise Internal("FACT_UNREADABLE", "The fact's payload is no Analysis.") from error
    if str(parsed) != str(subject(parsed.fact, analysis)):
        raise Internal("FACT_CONTRADICTS_SUBJECT", "The fact's document is of another job than its subject.")
    return parsed, analysis


def later(fact: str, kind: str) -> tuple[str, ...]:
    """Returns the facts that follow in the course of a kind, nearest first.

    A stage usually publishes the nearest; landmarks that come from a device skip one.
    """
    course = TATTOO_FACTS if kind == "tattoo" else BALANCE_FACTS
    return course[course.index(fact) + 1 :]


def with_failure(analysis: Analysis, failure: Failure) -> Analysis:
    """Returns the document of a `failed` fact; without its pages when both do not fit into a fact."""
    whole = Analysis()
    whole.CopyFrom(analysis)
    whole.failure.CopyFrom(failure)
    return whole if whole.ByteSize() <= MAX_FACT_BYTES else Analysis(job=analysis.job, failure=failure)


async def is_there(js: JetStreamContext, fact: str, analysis: Analysis) -> bool:
    """Whether the stream holds a fact about the job of `analysis`."""
    try:
        await js.get_last_msg(STREAM, str(subject(fact, analysis)), direct=True)
    except NotFoundError:
        return False
    return True


async def is_past(js: JetStreamContext, fact: str, analysis: Analysis) -> bool:
    """Whether the stream holds a fact that follows `fact` in the job's course, or ends it by failure.

    A failure counts because it is published before the delivery is acknowledged: the run that published it
    may have died in between, and a second run that succeeds must not take the job past its end.
    """
    for following in (*later(fact, analysis.job.kind), "failed"):
        if await is_there(js, following, analysis):
            return True
    return False


def message_id(fact: str, analysis: Analysis) -> str:
    """Returns the Nats-Msg-Id; it carries the fact because dedupe is per stream."""
    return f"{fact}:{analysis.job.job_id}:{analysis.job.epoch}"


def headers(fact: str, analysis: Analysis, source: str) -> dict[str, str]:
    """Returns CloudEvents, dedupe and trace headers of a fact."""
    made = {
        "ce-specversion": "1.0",
        "ce-id": message_id(fact, analysis),
        "ce-type": f"assay.analysis.{fact}.v1",
        "ce-source": f"/assay/{source}",
        "ce-subject": analysis.job.job_id,
        "ce-time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce-datacontenttype": "application/protobuf",
        "ce-dataschema": "assay.events.v1.Analysis",
        "Nats-Msg-Id": message_id(fact, analysis),
    }
    telemetry.inject(made)
    return made


@dataclass(frozen=True)
class Published:
    """Outcome of a publication: whether this call created the fact."""

    created: bool


def encode(fact: str, analysis: Analysis) -> bytes:
    """Serialises the document; raises Internal (FACT_TOO_LARGE) beyond 64 KiB."""
    payload = analysis.SerializeToString(deterministic=True)
    if len(payload) > MAX_FACT_BYTES:
        raise Internal("FACT_TOO_LARGE", f"The fact {fact} has {len(payload)} bytes; 65536 is the limit.")
    return payload


async def publish_fact(js: JetStreamContext, fact: str, analysis: Analysis, *, source: str) -> Published:
    """Publishes a fact create-once.

    A second publication of the same fact, by anybody, at any time, is not an error:
    `created` is False and the stream keeps the first.
    """
    payload = encode(fact, analysis)
    with telemetry.inner_span(f"publish {fact}", trace.SpanKind.PRODUCER, bytes=len(payload)):
        published = await publish_payload(
            js, str(subject(fact, analysis)), payload, headers(fact, analysis, source)
        )
    if published.created:
        telemetry.FACT_BYTES.labels(fact).inc(len(payload))
    return published


async def publish_payload(
    js: JetStreamContext, to: str, payload: bytes, with_headers: dict[str, str]
) -> Published:
    """Publishes an encoded fact create-once; the outbox relay keeps facts encoded."""
    send = {**with_headers, "Nats-Expected-Last-Subject-Sequence": "0"}
    try:
        ack = await js.publish(to, payload, headers=send, stream=STREAM, timeout=PUBLISH_TIMEOUT_S)
    except APIError as error:
        if error.err_code == WRONG_LAST_SEQUENCE:
            return Published(created=False)
        raise
    return Published(created=not ack.duplicate)
