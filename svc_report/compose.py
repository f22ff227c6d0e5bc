"""The report of one analysis: pictures fetched, PDF typeset, JSON written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.json_format import MessageToJson

from mesh.errors import InvalidInput
from svc_report import content, pictures, render

T = TypeVar("T")
MAX_PICTURE_BYTES = 64 * 2**20
MAX_DOCUMENT_BYTES = 256 * 1024
"""Four times what a fact may hold; more would make typesetting slow, and no pipeline makes it."""


class Compute(Protocol):
    """Runs a function off the event loop."""

    def __call__(self, function: Callable[..., T], *args: Any) -> Awaitable[T]: ...


@dataclass(frozen=True)
class Report:
    """The files of a report."""

    pdf: bytes
    json: bytes
    pages: int


async def compose(
    analysis: Analysis, get: Callable[[ObjectRef], Awaitable[bytes]], compute: Compute
) -> Report:
    """The report of an analysis; its pages up to the decision count, whatever else it holds.

    get: reads an object. Raises what `get` raises, Internal (REPORT_NOT_TYPESET) and InvalidInput
    (REPORT_KIND_UNSUPPORTED, REPORT_DOCUMENT_TOO_LARGE, REPORT_PICTURE_TOO_LARGE, REPORT_PICTURE_UNREADABLE).
    """
    size = analysis.ByteSize()
    if size > MAX_DOCUMENT_BYTES:
        raise InvalidInput(
            "REPORT_DOCUMENT_TOO_LARGE",
            f"The analysis has {size} bytes; a report takes {MAX_DOCUMENT_BYTES}.",
            field="analysis",
            fix="Send the analysis as the pipeline made it.",
        )
    if analysis.job.kind != "tattoo":
        raise InvalidInput(
            "REPORT_KIND_UNSUPPORTED",
            f'There is no report for an assessment of kind "{analysis.job.kind}".',
            field="analysis.job.kind",
            fix='Send an analysis of kind "tattoo".',
        )
    decided = up_to_decision(analysis)
    overlay = await _fetched(decided.segment.overlay, "analysis.segment.overlay", get)
    photo = await _fetched(decided.ingest.working, "analysis.ingest.working", get)
    return await compute(typeset, decided, overlay, photo)


def typeset(analysis: Analysis, overlay: bytes | None, photo: bytes | None) -> Report:
    """The CPU work of a report: pictures scaled, sheet built, PDF and JSON written. Pure."""
    shown = {}
    if overlay is not None:
        shown[content.OVERLAY_FILE] = pictures.to_jpeg(overlay, "analysis.segment.overlay")
    if photo is not None:
        shown[content.PHOTO_FILE] = pictures.to_jpeg(photo, "analysis.ingest.working")
    sheet = content.build(
        analysis, render.provenance(), has_overlay=overlay is not None, has_photo=photo is not None
    )
    rendered = render.render(sheet, shown)
    return Report(pdf=rendered.pdf, json=as_json(analysis), pages=rendered.pages)


def up_to_decision(analysis: Analysis) -> Analysis:
    """A copy without what comes after the decision, so that every caller gets the pipeline's bytes."""
    decided = Analysis()
    decided.CopyFrom(analysis)
    decided.ClearField("report")
    runs = [run for run in decided.runs if run.stage != "report"]
    decided.ClearField("runs")
    decided.runs.extend(runs)
    return decided


def as_json(analysis: Analysis) -> bytes:
    """The whole analysis as UTF-8 JSON, the same bytes for the same document.

    Field names are those of the proto files. A field with presence that is absent (an unanswered question, a
    value that is not measurable) is left out; every other field is written, zero and false included.
    """
    text = MessageToJson(
        analysis,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        ensure_ascii=False,
        sort_keys=True,
        indent=2,
    )
    return f"{text}\n".encode()


async def _fetched(ref: ObjectRef, field: str, get: Callable[[ObjectRef], Awaitable[bytes]]) -> bytes | None:
    if not ref.key:
        return None
    if ref.size_bytes > MAX_PICTURE_BYTES:
        raise InvalidInput(
            "REPORT_PICTURE_TOO_LARGE",
            f"The picture has {ref.size_bytes} bytes; a report takes {MAX_PICTURE_BYTES}.",
            field=field,
            fix="Refer to the picture that the stage wrote.",
        )
    return await get(ref)
