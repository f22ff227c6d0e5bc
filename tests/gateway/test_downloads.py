"""Reports and artefacts: only what a page lists, whole or not at all."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from assay.common.v1.types_pb2 import ObjectRef
from assay.gateway.v1 import gateway_pb2 as pb

from mesh.facts import publish_fact
from tests.gateway.callers import Caller, order, problem_of

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 3000
MASK = b"\x89PNG" + b"m" * 1000


@dataclass(frozen=True)
class Download:
    """A finished download."""

    data: bytes
    sizes: list[int]
    types: set[str]
    headers: dict[str, str]


async def read(call: Any) -> Download:
    """Reads a download to its end."""
    pieces = [body async for body in call]
    headers = {key: str(value) for key, value in (await call.initial_metadata() or ())}
    sizes = [len(piece.data) for piece in pieces]
    return Download(b"".join(p.data for p in pieces), sizes, {p.content_type for p in pieces}, headers)


async def collect(call: Any, sizes: list[int]) -> None:
    """Notes the size of every piece that comes."""
    async for body in call:
        sizes.append(len(body.data))


async def finished(caller: Caller, **report: ObjectRef) -> str:
    """A job that has succeeded with a report and a mask; returns its id."""
    view, _ = await caller.analyze(order(await caller.upload()))
    objects = caller.served.resources.objects
    prefix = f"{caller.tenant}/{view.job_id}"
    document = await caller.document(view.job_id)
    document.segment.mask.CopyFrom(await objects.put(f"{prefix}/segment", "mask.png", MASK, "image/png"))
    pdf = report.get("pdf") or await objects.put(f"{prefix}/report", "report.pdf", PDF, "application/pdf")
    document.report.pdf.CopyFrom(pdf)
    version = document.segment.provenance.versions.add()
    version.kind, version.name, version.version = "model", "ink-seg", "0.1.0"
    document.decision.ruleset = "tattoo@1.0.0"
    await publish_fact(caller.served.resources.nats.js, "reported", document, source="test")
    await caller.until(view.job_id, pb.STATE_SUCCEEDED)
    return view.job_id


async def test_the_report_comes_in_pieces(caller: Caller) -> None:
    job_id = await finished(caller)
    call = caller.stub.GetReport(pb.GetReportRequest(job_id=job_id), metadata=caller.metadata)
    got = await read(call)
    assert got.data == PDF
    assert got.sizes[:-1] == [256 * 1024] * (len(got.sizes) - 1)
    assert got.types == {"application/pdf"}
    assert got.headers["content-disposition"] == f'attachment; filename="assay-{job_id}-report.pdf"'
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "private, no-store"


async def test_artifacts_are_those_of_the_pages(caller: Caller) -> None:
    job_id = await finished(caller)
    view = await caller.get(job_id)
    assert [(a.name, a.media_type, a.size_bytes) for a in view.artifacts] == [
        ("mask.png", "image/png", len(MASK)), ("report.pdf", "application/pdf", len(PDF)),
    ]  # fmt: skip
    assert (view.model_version, view.ruleset_version) == ("ink-seg@0.1.0", "tattoo@1.0.0")
    request = pb.GetArtifactRequest(job_id=job_id, name="mask.png")
    assert (await read(caller.stub.GetArtifact(request, metadata=caller.metadata))).data == MASK


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("other.png", "ARTIFACT_NOT_FOUND"),
        ("upload", "ARTIFACT_NOT_FOUND"),
        ("..", "ARTIFACT_NOT_FOUND"),
        ("../../etc/passwd", "INVALID_FIELD"),
        ("mask.png\x00", "INVALID_FIELD"),
        ("", "INVALID_FIELD"),
    ],
)
async def test_other_names_are_refused(caller: Caller, name: str, code: str) -> None:
    job_id = await finished(caller)
    request = pb.GetArtifactRequest(job_id=job_id, name=name)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read(caller.stub.GetArtifact(request, metadata=caller.metadata))
    assert problem_of(caught.value).code == code


async def test_no_report_before_the_end(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read(caller.stub.GetReport(pb.GetReportRequest(job_id=view.job_id), metadata=caller.metadata))
    assert problem_of(caught.value).code == "REPORT_NOT_READY"


async def test_a_changed_object_never_arrives_whole(caller: Caller) -> None:
    objects = caller.served.resources.objects
    ref = await objects.put(f"{caller.tenant}/x/report", "report.pdf", PDF, "application/pdf")
    ref.sha256 = "0" * 64
    job_id = await finished(caller, pdf=ref)
    call = caller.stub.GetReport(pb.GetReportRequest(job_id=job_id), metadata=caller.metadata)
    received: list[int] = []
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await collect(call, received)
    assert problem_of(caught.value).code == "ARTIFACT_CORRUPT"
    assert 0 < sum(received) < len(PDF)


async def test_a_document_that_names_another_tenants_object_gives_nothing(caller: Caller) -> None:
    foreign = await caller.served.resources.objects.put(
        f"{uuid.uuid4()}/j/report", "x.pdf", PDF, "application/pdf"
    )
    job_id = await finished(caller, pdf=foreign)
    for call in (
        caller.stub.GetReport(pb.GetReportRequest(job_id=job_id), metadata=caller.metadata),
        caller.stub.GetArtifact(pb.GetArtifactRequest(job_id=job_id, name="x.pdf"), metadata=caller.metadata),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read(call)
        assert problem_of(caught.value).code == "TENANT_MISMATCH"
