"""The stage and the service around the core."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from assay.report.v1.report_pb2 import RenderRequest
from google.protobuf.json_format import Parse
from structlog.typing import FilteringBoundLogger

from mesh.auth import Principal, set_principal
from mesh.errors import InvalidInput, NotFound, PermissionDenied
from svc_report import compose
from svc_report.service import ReportService
from svc_report.stage import STAGE, handle
from tests.report import balance_cases, cases

T = TypeVar("T")


@dataclass
class Folder:
    """A StageContext over a dictionary; also stands where an ObjectStore reads."""

    objects: dict[str, bytes] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    deadline: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    log: FilteringBoundLogger = field(default_factory=structlog.get_logger)

    async def get(self, ref: ObjectRef, *, max_bytes: int | None = None) -> bytes:
        if ref.key not in self.objects:
            raise NotFound("OBJECT_NOT_FOUND", "There is no such stored object.")
        return self.objects[ref.key]

    async def download(self, ref: ObjectRef, path: Path) -> None:
        path.write_bytes(await self.get(ref))

    async def upload(self, name: str, path: Path, media_type: str) -> ObjectRef:
        return await self.put(name, path.read_bytes(), media_type)

    async def put(self, name: str, data: bytes, media_type: str) -> ObjectRef:
        digest = hashlib.sha256(data).hexdigest()
        key = f"{cases.TENANT_ID}/{cases.JOB_ID}/report/{name}/{digest}"
        self.objects[key] = data
        return ObjectRef(
            bucket="assay-artifacts",
            key=key,
            sha256=digest,
            media_type=media_type,
            size_bytes=len(data),
            name=name,
        )

    async def progress(self, percent: float, message: str) -> None:
        self.told.append(message)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.to_thread(function, *args)


def filled() -> Folder:
    """Storage that holds the pictures of `cases.tattoo`."""
    analysis = cases.tattoo()
    return Folder(
        {analysis.ingest.working.key: cases.photo(), analysis.segment.overlay.key: cases.photo(outlined=True)}
    )


def test_the_stage_stands_where_the_design_puts_it() -> None:
    assert (STAGE.name, STAGE.kind, STAGE.page) == ("report", "*", "report")
    assert (STAGE.consumes, STAGE.publishes) == ("decided", "reported")
    STAGE.prepare()


async def test_the_page_refers_to_both_files() -> None:
    folder = filled()
    page = await handle(cases.tattoo(), folder)
    assert folder.objects[page.pdf.key].startswith(b"%PDF-")
    assert (page.pdf.name, page.pdf.media_type) == ("report.pdf", "application/pdf")
    assert (page.json.name, page.json.media_type) == ("report.json", "application/json")
    assert page.pages >= 4
    assert (page.language, page.pdf_standard) == ("en", "PDF/UA-1")
    kinds = {component.kind for component in page.provenance.versions}
    assert kinds == {"code", "template", "typesetter", "fonts"}
    assert folder.told


async def test_doing_it_twice_gives_the_same_objects() -> None:
    folder = filled()
    assert await handle(cases.tattoo(), folder) == await handle(cases.tattoo(), folder)


async def test_the_json_is_the_whole_analysis() -> None:
    folder = filled()
    page = await handle(cases.tattoo(), folder)
    text = folder.objects[page.json.key].decode()
    assert Parse(text, Analysis()) == cases.tattoo()
    assert '"fitzpatrick_operator": "FITZPATRICK_II"' in text
    assert '"calibrated": true' in text
    assert '"keloid"' not in text


async def test_a_picture_that_is_gone_fails_for_good() -> None:
    folder = filled()
    del folder.objects[cases.tattoo().segment.overlay.key]
    with pytest.raises(NotFound):
        await handle(cases.tattoo(), folder)


async def test_a_balance_analysis_has_its_own_report(tmp_path: Path) -> None:
    analysis = balance_cases.balance()
    video = balance_cases.video(tmp_path).read_bytes()
    folder = Folder(balance_cases.objects(analysis, video=video))
    page = await handle(analysis, folder)
    assert folder.objects[page.pdf.key].startswith(b"%PDF-")
    named = {component.name for component in page.provenance.versions}
    assert "balance.typ" in named
    assert "report.typ" not in named
    assert Parse(folder.objects[page.json.key].decode(), Analysis()) == analysis
    set_principal(Principal("caller", cases.TENANT_ID, frozenset({"stages:call"})))
    finished = balance_cases.balance()
    finished.report.CopyFrom(page)
    finished.annotation.video.key = "later"
    finished.runs.add(stage="annotate")
    service = ReportService(folder)  # type: ignore[arg-type] # a Folder reads like an ObjectStore
    context: Any = None
    answer = await service.Render(RenderRequest(analysis=finished), context)
    assert answer.pdf == folder.objects[page.pdf.key]


async def test_landmarks_that_are_too_large_are_refused_before_they_are_read() -> None:
    analysis = balance_cases.balance()
    analysis.pose.landmarks.size_bytes = 2**30
    with pytest.raises(InvalidInput) as caught:
        await handle(analysis, Folder())
    assert (caught.value.code, caught.value.field) == ("REPORT_SERIES_TOO_LARGE", "analysis.pose.landmarks")


async def test_a_huge_document_is_refused_before_any_work() -> None:
    analysis = cases.tattoo()
    analysis.decision.flags[0].text = "x" * compose.MAX_DOCUMENT_BYTES
    with pytest.raises(InvalidInput) as caught:
        await handle(analysis, Folder())
    assert caught.value.code == "REPORT_DOCUMENT_TOO_LARGE"


async def test_a_huge_picture_is_refused_before_it_is_read() -> None:
    analysis = cases.tattoo()
    analysis.ingest.working.size_bytes = compose.MAX_PICTURE_BYTES + 1
    with pytest.raises(InvalidInput) as caught:
        await handle(analysis, filled())
    assert (caught.value.code, caught.value.field) == ("REPORT_PICTURE_TOO_LARGE", "analysis.ingest.working")


async def render(analysis: Analysis, tenant: str) -> bytes:
    set_principal(Principal("caller", tenant, frozenset({"stages:call"})))
    context: Any = None
    service = ReportService(filled())  # type: ignore[arg-type] # a Folder reads like an ObjectStore
    return (await service.Render(RenderRequest(analysis=analysis), context)).pdf


async def test_render_gives_the_pipelines_bytes_even_for_a_finished_analysis() -> None:
    folder = filled()
    page = await handle(cases.tattoo(), folder)
    finished = cases.tattoo()
    finished.report.CopyFrom(page)
    finished.runs.add(stage="report", delivery=2).finished_at.seconds = cases.DECIDED_AT + 5
    assert await render(finished, cases.TENANT_ID) == folder.objects[page.pdf.key]


async def test_render_keeps_tenants_apart() -> None:
    other = "00000000-0000-4000-8000-000000000001"
    with pytest.raises(PermissionDenied):
        await render(cases.tattoo(), other)
    stolen = cases.tattoo()
    stolen.job.tenant_id = other
    with pytest.raises(PermissionDenied):
        await render(stolen, other)
