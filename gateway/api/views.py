"""A ledger row as callers see it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from assay.gateway.v1 import gateway_pb2 as pb
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.ledger.jobs import JobRow
from gateway.ledger.projection import PAGES
from mesh.errors import InvalidInput
from mesh.progress import Step

STAGES = {
    "tattoo": ("ingest", "segment", "color", "decision", "report"),
    "balance": ("ingest", "pose", "sway", "decision", "report"),
}
STATES = {
    "queued": pb.STATE_QUEUED,
    "running": pb.STATE_RUNNING,
    "succeeded": pb.STATE_SUCCEEDED,
    "failed": pb.STATE_FAILED,
    "cancelled": pb.STATE_CANCELLED,
}


def view(row: JobRow, *, step: Step | None = None, with_result: bool = True) -> pb.AnalysisView:
    """Returns the public view of a job, with its document unless `with_result` is False."""
    made = pb.AnalysisView(
        job_id=row.job_id,
        kind=row.kind,
        state=STATES[row.state],
        created_at=timestamp(row.created_at),
        finished_at=timestamp(row.finished_at),
        deadline=timestamp(row.deadline),
        stages=stages(row),
        model_version=model_version(row.document),
        ruleset_version=row.document.decision.ruleset,
        artifacts=[
            pb.ArtifactView(
                name=name, media_type=ref.media_type, size_bytes=ref.size_bytes, sha256=ref.sha256
            )
            for name, ref in artifacts(row.document).items()
        ],
        subject_id=row.subject_id,
        upload_id=row.upload_id,
        replay_of=row.document.job.replay_of,
    )
    if row.state == "succeeded":
        made.progress_percent = 100
    elif step is not None and not row.ended:
        made.progress_percent = step.percent
        made.progress_message = step.message
    if with_result:
        made.result.CopyFrom(row.document)
        made.result.ClearField("failure")
    if row.failure is not None:
        made.error.CopyFrom(row.failure)
    return made


def timestamp(moment: datetime | None) -> Timestamp | None:
    """Returns a moment as protobuf has it."""
    if moment is None:
        return None
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def moment(value: Timestamp, field: str) -> datetime:
    """Returns a caller's timestamp in UTC; raises InvalidInput outside of the years 1 to 9999."""
    try:
        return value.ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            "INVALID_FIELD",
            "The timestamp is outside of the years 1 to 9999.",
            field=field,
            fix="Send a moment such as 2026-01-31T12:00:00Z.",
        ) from error


def stages(row: JobRow) -> list[pb.StageView]:
    """Returns every stage of the kind in order; those that have not finished have no times."""
    runs = {run.stage: run for run in row.document.runs}
    return [
        pb.StageView(name=name, started_at=runs[name].started_at, finished_at=runs[name].finished_at)
        if name in runs
        else pb.StageView(name=name)
        for name in STAGES[row.kind]
    ]


def model_version(document: Analysis) -> str:
    """Returns the model that segmented or found the pose, or ""."""
    pages = (document.segment, document.pose)
    named = (v for page in pages for v in page.provenance.versions if v.kind == "model")
    return next((f"{v.name}@{v.version}" for v in named), "")


def artifacts(document: Analysis) -> dict[str, ObjectRef]:
    """Returns every object that the pages refer to, by name; of two with one name, the earlier page's."""
    found: dict[str, ObjectRef] = {}
    for page in PAGES:
        for ref in refs_in(getattr(document, page)):
            found.setdefault(ref.name, ref)
    return found


def refs_in(message: Message) -> Iterator[ObjectRef]:
    """Yields the named object references in a message, in the order of the fields' numbers."""
    for name, repeated in _leading(message.DESCRIPTOR):
        if not repeated and not message.HasField(name):
            continue
        value = getattr(message, name)
        for item in value if repeated else (value,):
            if isinstance(item, ObjectRef):
                if item.name:
                    yield item
            else:
                yield from refs_in(item)


@cache
def _leading(descriptor: Descriptor) -> tuple[tuple[str, bool], ...]:
    """Names of the fields at or below which references stand, and whether they repeat."""
    fields = sorted(descriptor.fields, key=lambda field: field.number)
    return tuple((field.name, field.is_repeated) for field in fields if _leads(field, frozenset()))


def _leads(field: FieldDescriptor, seen: frozenset[str]) -> bool:
    inner = field.message_type
    if inner is None or inner.GetOptions().map_entry or inner.full_name in seen:
        return False
    if inner.full_name == ObjectRef.DESCRIPTOR.full_name:
        return True
    return any(_leads(each, seen | {inner.full_name}) for each in inner.fields)


def as_json(message: Message) -> dict[str, Any]:
    """Returns a message in the JSON form of the REST surface."""
    made: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return made
