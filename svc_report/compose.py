"""The report of one analysis: pictures fetched, PDF typeset, JSON written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.json_format import MessageToJson

from mesh.errors import InvalidInput, NotFound
from svc_report import content, pictures, progress, render
from svc_report.balance import compose as balance
from svc_report.objects import Compute, Objects

MAX_PICTURE_BYTES = 64 * 2**20
MAX_DOCUMENT_BYTES = 256 * 1024
"""Four times what a fact may hold; more would make typesetting slow, and no pipeline makes it."""


@dataclass(frozen=True)
class Report:
    """The files of a report."""

    pdf: bytes
    json: bytes
    pages: int


async def compose(analysis: Analysis, objects: Objects, compute: Compute) -> Report:
    """The report of an analysis; its pages up to the decision count, whatever else it holds.

    Raises what `objects` raises, Internal (REPORT_NOT_TYPESET) and InvalidInput (REPORT_DOCUMENT_TOO_LARGE,
    and by kind REPORT_PICTURE_TOO_LARGE, REPORT_PICTURE_UNREADABLE, or what `balance.compose` raises).
    """
    size = analysis.ByteSize()
    if size > MAX_DOCUMENT_BYTES:
        raise InvalidInput(
            "REPORT_DOCUMENT_TOO_LARGE",
            f"The analysis has {size} bytes; a report takes {MAX_DOCUMENT_BYTES}.",
            field="analysis",
            fix="Send the analysis as the pipeline made it.",
        )
    decided = up_to_decision(analysis)
    if decided.job.kind == "balance":
        rendered = await balance.compose(decided, objects, compute)
        return Report(pdf=rendered.pdf, json=as_json(decided), pages=rendered.pages)
    fetched = {
        name: data
        for name, (ref, field) in sources(decided).items()
        if (data := await _fetched(ref, field, objects, may_be_gone=name == progress.THEN_FILE)) is not None
    }
    return await compute(typeset, decided, fetched)


def sources(analysis: Analysis) -> dict[str, tuple[ObjectRef, str]]:
    """The pictures a tattoo report may show: by file name, the object and the field that names it."""
    found = {
        content.OVERLAY_FILE: (analysis.segment.overlay, "analysis.segment.overlay"),
        content.PHOTO_FILE: (analysis.ingest.working, "analysis.ingest.working"),
    }
    if analysis.color.HasField("follow_up"):
        found[progress.THEN_FILE] = (analysis.job.baseline.working, "analysis.job.baseline.working")
        follow_up = analysis.color.follow_up
        found[progress.REGISTERED_FILE] = (follow_up.registered, "analysis.color.follow_up.registered")
    return found


def typeset(analysis: Analysis, fetched: Mapping[str, bytes]) -> Report:
    """The CPU work of a tattoo report: pictures scaled, sheet built, PDF and JSON written. Pure.

    fetched: PNG or JPEG by the file names of `sources`; one that is left out is said to be missing.
    """
    fields = {name: field for name, (_, field) in sources(analysis).items()}
    opened = {name: pictures.opened(data, fields[name]) for name, data in fetched.items()}
    photo = opened.get(content.PHOTO_FILE)
    if photo is not None and analysis.color.HasField("follow_up"):
        opened[progress.NOW_FILE] = photo
    chart = None if photo is None else pictures.outlined(photo, _corners(analysis))
    if chart is not None:
        opened[content.CHART_FILE] = chart
    large = (content.OVERLAY_FILE, content.PHOTO_FILE)
    sizes = {name: pictures.LONG_SIDE_PX if name in large else pictures.SMALL_PX for name in opened}
    shown = {name: pictures.to_jpeg(picture, sizes[name]) for name, picture in opened.items()}
    sheet = content.build(analysis, render.provenance(render.TATTOO), frozenset(shown))
    rendered = render.render(sheet, shown)
    return Report(pdf=rendered.pdf, json=as_json(analysis), pages=rendered.pages)


def _corners(analysis: Analysis) -> list[tuple[float, float]]:
    """The chart's corners as shares of the working image's width and height."""
    width, height = analysis.ingest.working_width, analysis.ingest.working_height
    if width < 1 or height < 1:
        return []
    return [(point.x / width, point.y / height) for point in analysis.color.chart.corners]


def up_to_decision(analysis: Analysis) -> Analysis:
    """A copy without what comes after the decision, so that every caller gets the pipeline's bytes."""
    decided = Analysis()
    decided.CopyFrom(analysis)
    decided.ClearField("report")
    decided.ClearField("annotation")
    runs = [run for run in decided.runs if run.stage not in ("report", "annotate")]
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


async def _fetched(ref: ObjectRef, field: str, objects: Objects, *, may_be_gone: bool) -> bytes | None:
    """A picture, or None without one. An earlier visit's may have been erased, this job's own may not."""
    if not ref.key:
        return None
    if ref.size_bytes > MAX_PICTURE_BYTES:
        raise InvalidInput(
            "REPORT_PICTURE_TOO_LARGE",
            f"The picture has {ref.size_bytes} bytes; a report takes {MAX_PICTURE_BYTES}.",
            field=field,
            fix="Refer to the picture that the stage wrote.",
        )
    try:
        return await objects.get(ref)
    except NotFound:
        if may_be_gone:
            return None
        raise
