"""Progress: ephemeral, best effort, in a bucket with a history of one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import nats.errors
import structlog
from assay.events.v1.analysis_pb2 import Job
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

log = structlog.get_logger()


@dataclass(frozen=True)
class Step:
    """How far a job is: stage, percent of that stage 0 to 100, message, epoch, time (UTC, ISO)."""

    stage: str
    percent: float
    message: str
    epoch: int
    at: str


def read_step(entry: bytes) -> Step | None:
    """Reads an entry; None when it is none, or one of another release with other fields."""
    try:
        return Step(**json.loads(entry))
    except (ValueError, TypeError):
        return None


class Progress:
    """Reads and writes the `job-progress` bucket."""

    def __init__(self, bucket: KeyValue) -> None:
        self._bucket = bucket

    async def tell(self, job: Job, stage: str, percent: float, message: str) -> None:
        """Writes a step; a failure to write is logged and forgotten."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        step = Step(stage, max(0.0, min(100.0, percent)), message, job.epoch, now)
        try:
            await self._bucket.put(job.job_id, json.dumps(asdict(step)).encode())
        except (nats.errors.Error, TimeoutError) as error:
            log.debug("progress_not_told", error=str(error))

    async def last(self, job_id: str) -> Step | None:
        """Returns the last step of a job, or None when nothing is known."""
        try:
            entry = await self._bucket.get(job_id)
        except (KeyNotFoundError, nats.errors.Error, TimeoutError):
            return None
        return read_step(entry.value or b"")
