"""Operators' view of dead letters: list them, drive one again under a new epoch, drop it.

A re-drive publishes the fact that was given up once more, with the next epoch and new time for its job; the
stage that gave up takes it, and the course goes on from there. Facts of the highest epoch count, so the job's
failure is taken back by what follows. It is safe to repeat: the epoch is that of the letter plus one, and the
fact is created once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assay.events.v1.analysis_pb2 import Analysis
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from mesh import deadletters, facts
from mesh.control import Control
from mesh.errors import FailedPrecondition, Internal, NotFound
from mesh.topology import CONTROL_BUCKET, DEADLETTER_STREAM

SOURCE = "redrive"
# The server's words for a message that is not there (any more).
NO_MESSAGE, NO_SEQUENCE = 10057, 10043


@dataclass(frozen=True)
class DeadLetter:
    """A fact that was given up.

    sequence: its place in the dead-letter stream; fact_sequence: that of the fact in its own. buried_at is
    RFC 3339, UTC. document is None where the payload does not parse.
    """

    sequence: int
    stage: str
    code: str
    reason: str
    subject: str
    fact_sequence: int
    job_id: str
    kind: str
    fact: str
    epoch: int
    buried_at: str
    document: Analysis | None


@dataclass(frozen=True)
class Redriven:
    """What became of a letter: the epoch its job runs under now, and whether this call published it."""

    sequence: int
    job_id: str
    epoch: int
    created: bool


async def letters(
    js: JetStreamContext, *, stage: str = "*", job_id: str = "*", at_most: int = 1000
) -> AsyncIterator[DeadLetter]:
    """Yields dead letters, oldest first, of one stage or job or of all."""
    wanted, sequence = deadletters.subject(stage, job_id), 0
    for _ in range(at_most):
        try:
            message = await js.get_msg(DEADLETTER_STREAM, seq=sequence + 1, subject=wanted, next=True)
        except NotFoundError:
            return
        letter = _read(message)
        yield letter
        sequence = letter.sequence


async def letter(js: JetStreamContext, sequence: int) -> DeadLetter:
    """Returns one dead letter; raises NotFound (DEAD_LETTER_NOT_FOUND)."""
    try:
        return _read(await js.get_msg(DEADLETTER_STREAM, seq=sequence))
    except NotFoundError as error:
        raise NotFound(
            "DEAD_LETTER_NOT_FOUND",
            f"There is no dead letter {sequence}.",
            field="sequence",
            fix="List them; one that was driven again or dropped is gone.",
        ) from error


def _read(message: RawStreamMsg) -> DeadLetter:
    headers = message.headers or {}
    subject = headers.get("assay-subject", "")
    try:
        named, document = facts.read(subject, message.data or b"")
    except Internal:
        named, document = facts.Subject("", "", "", str(message.subject).rpartition(".")[2], 0), None
    stored = message.time.astimezone(UTC) if message.time else None
    return DeadLetter(
        sequence=int(message.seq or 0),
        stage=headers.get("assay-stage", ""),
        code=headers.get("assay-code", ""),
        reason=headers.get("assay-reason", ""),
        subject=subject,
        fact_sequence=int(headers.get("assay-sequence", "0")),
        job_id=named.job_id,
        kind=named.kind,
        fact=named.fact,
        epoch=named.epoch,
        buried_at=stored.isoformat(timespec="milliseconds") if stored else "",
        document=document,
    )


async def redrive(js: JetStreamContext, found: DeadLetter, *, time_s: float) -> Redriven:
    """Publishes the letter's fact under the next epoch with `time_s` seconds for its job; removes the letter.

    Raises FailedPrecondition (DEAD_LETTER_UNREADABLE, JOB_WITHDRAWN, JOB_SUCCEEDED).
    """
    if found.document is None:
        raise _refused(
            "DEAD_LETTER_UNREADABLE", found, "Its payload is no fact.", "Look at it, then drop it."
        )
    word = await Control(await js.key_value(CONTROL_BUCKET)).word(found.job_id)
    if word:
        raise _refused("JOB_WITHDRAWN", found, f"Its job was {word}.", "Drop the letter.")
    ended = await facts.is_there(js, "reported", found.document)
    if ended and found.fact not in facts.TERMINAL_FACTS:
        raise _refused("JOB_SUCCEEDED", found, "Its job has ended well since.", "Drop the letter.")
    again = Analysis()
    again.CopyFrom(found.document)
    again.ClearField("failure")
    again.job.epoch = found.epoch + 1
    again.job.deadline.FromDatetime(datetime.now(UTC) + timedelta(seconds=time_s))
    published = await facts.publish_fact(js, found.fact, again, source=SOURCE)
    await drop(js, found.sequence)
    return Redriven(found.sequence, found.job_id, again.job.epoch, published.created)


async def drop(js: JetStreamContext, sequence: int) -> None:
    """Removes a letter for good; one that is gone already is fine."""
    try:
        await js.delete_msg(DEADLETTER_STREAM, sequence)
    except APIError as error:
        if error.err_code not in (NO_MESSAGE, NO_SEQUENCE):
            raise


def _refused(code: str, found: DeadLetter, why: str, fix: str) -> FailedPrecondition:
    return FailedPrecondition(
        code,
        f"Dead letter {found.sequence} cannot be driven again. {why}",
        field="sequence",
        fix=fix,
        metadata={"job_id": found.job_id},
    )
