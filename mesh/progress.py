"""Progress: ephemeral, best effort, in a bucket with a history of one; it never goes backwards."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import nats.errors
import structlog
from assay.events.v1.analysis_pb2 import Job
from nats.js.errors import APIError, KeyNotFoundError
from nats.js.kv import KeyValue

log = structlog.get_logger()

# In the order in which the stages of either kind work.
COURSE = ("ingest", "segment", "color", "pose", "sway", "decision", "report", "annotate")
UNREADABLE = (-1, -1, -1.0)


@dataclass(frozen=True)
class Step:
    """How far a job is: stage, percent of that stage 0 to 100, message, epoch, time (UTC, ISO)."""

    stage: str
    percent: float
    message: str
    epoch: int
    at: str

    @property
    def place(self) -> tuple[int, int, float]:
        """Orders the steps of a job: by epoch, by stage, by percent."""
        return self.epoch, COURSE.index(self.stage) if self.stage in COURSE else -1, self.percent


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
        """Writes a step unless a later one is known; a failure to write is logged and forgotten.

        A stage that was killed and runs again says nothing until it is further than it was. Of two that
        write at once the revision lets one through.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        step = Step(stage, max(0.0, min(100.0, percent)), message, job.epoch, now)
        try:
            entry = await self._entry(job.job_id)
            known = read_step(entry.value or b"") if entry else None
            if (known.place if known else UNREADABLE) > step.place:
                return
            last = (entry.revision or 0) if entry else 0
            await self._bucket.update(job.job_id, json.dumps(asdict(step)).encode(), last=last)
        except (nats.errors.Error, APIError, TimeoutError) as error:
            log.debug("progress_not_told", error=str(error))

    async def last(self, job_id: str) -> Step | None:
        """Returns the last step of a job, or None when nothing is known."""
        try:
            entry = await self._entry(job_id)
        except (nats.errors.Error, TimeoutError):
            return None
        return read_step(entry.value or b"") if entry else None

    async def _entry(self, job_id: str) -> KeyValue.Entry | None:
        try:
            return await self._bucket.get(job_id)
        except KeyNotFoundError:
            return None
