"""When the photo or trial of a job was handed in."""

from __future__ import annotations

from datetime import UTC, datetime

from assay.events.v1.analysis_pb2 import Job
from google.protobuf.timestamp_pb2 import Timestamp


def handed_in(job: Job) -> Timestamp | None:
    """The moment that tells visits apart: of a replay, that of the job it repeats. None when unknown."""
    if job.HasField("first_created_at"):
        return job.first_created_at
    return job.created_at if job.HasField("created_at") else None


def handed_in_at(job: Job) -> datetime | None:
    """The same as a datetime in UTC."""
    moment = handed_in(job)
    return moment.ToDatetime(UTC) if moment is not None else None
