"""Erasing analyses and subjects, against real servers: nothing is left but the record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from assay.gateway.v1 import gateway_pb2 as pb
from nats.js.errors import NotFoundError

from gateway.api import erase
from gateway.ledger import erasures
from gateway.ledger.database import Ledger
from gateway.ledger.eraser import erase_due
from mesh import deadletters, facts
from mesh.control import Control
from mesh.errors import NotFound
from mesh.topology import CONTROL_BUCKET, DEADLETTER_STREAM
from tests.gateway.callers import PHOTO, SCOPES, Caller, Served, order, problem_of

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]

TABLES = ("jobs", "job_facts", "consents", "idempotency_keys", "outbox")


@pytest.fixture
async def eraser(gateway: Served, tenant: str) -> AsyncIterator[Caller]:
    """A caller who may erase."""
    one = Caller(gateway, tenant, (*SCOPES, "analyses:erase"))
    yield one
    await one.channel.close()


async def erased(caller: Caller, job_id: str) -> pb.Erasure:
    request = pb.EraseAnalysisRequest(job_id=job_id)
    return await caller.stub.EraseAnalysis(request, metadata=caller.metadata, timeout=15)


async def finished(caller: Caller, upload_id: str = "", **fields: Any) -> str:
    """An analysis that has ended, with an artefact and a dead letter of its own."""
    view, _ = await caller.analyze(order(upload_id or await caller.upload(), **fields), key=f"k-{id(fields)}")
    resources, prefix = caller.served.resources, f"{caller.tenant}/{view.job_id}/report"
    await resources.objects.put(prefix, "report.pdf", b"%PDF", "application/pdf")
    document = await caller.publish(view.job_id, "reported", 5)
    letter = deadletters.subject("annotate", view.job_id)
    await resources.nats.js.publish(letter, document.SerializeToString(), stream=DEADLETTER_STREAM)
    await caller.until(view.job_id, pb.STATE_SUCCEEDED)
    return view.job_id


async def rows_of(ledger: Ledger, tenant: str, job_id: str) -> dict[str, int]:
    found = {}
    async with ledger.tenant(tenant) as connection:
        for table in TABLES:
            query = f"SELECT count(*) AS n FROM {table} WHERE job_id = %s"
            row = await (await connection.execute(query, (job_id,))).fetchone()
            found[table] = int((row or {})["n"])
    return found


async def audit_of(ledger: Ledger, tenant: str, job_id: str) -> list[dict[str, Any]]:
    async with ledger.tenant(tenant) as connection:
        query = "SELECT action, actor, detail FROM audit WHERE resource = %s ORDER BY audit_id"
        return list(await (await connection.execute(query, (job_id,))).fetchall())


async def held(caller: Caller, stream: str, subject: str) -> int:
    info = await caller.served.resources.nats.js.stream_info(stream, subjects_filter=subject)
    return sum((info.state.subjects or {}).values())


async def test_nothing_of_an_erased_analysis_is_left_but_the_record(
    eraser: Caller, worker: Ledger, tenant: str
) -> None:
    upload = await eraser.upload()
    job_id = await finished(eraser, upload, subject_id="s-7")
    objects = eraser.served.resources.objects
    assert (await rows_of(worker, tenant, job_id))["job_facts"] > 0
    answer = await erased(eraser, job_id)
    assert (answer.state, answer.analyses) == (pb.ERASURE_STATE_ERASED, 1)
    assert answer.facts == 3  # requested, reported, the dead letter
    assert answer.objects == 2  # the report and the upload
    assert set((await rows_of(worker, tenant, job_id)).values()) == {0}
    assert await held(eraser, facts.STREAM, f"analysis.*.*.*.{job_id}.>") == 0
    assert await held(eraser, DEADLETTER_STREAM, deadletters.subject("*", job_id)) == 0
    assert await objects.keys("assay-artifacts", f"{tenant}/{job_id}/") == []
    with pytest.raises(NotFound):
        await objects.stat("assay-uploads", f"{tenant}/{upload}")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await eraser.get(job_id)
    assert problem_of(error.value).code == "JOB_NOT_FOUND"
    actions = [row["action"] for row in await audit_of(worker_of(eraser), tenant, job_id)]
    assert actions == ["analysis.requested", "analysis.erasure_requested"]
    control = Control(await eraser.served.resources.nats.js.key_value(CONTROL_BUCKET))
    assert await control.word(job_id) == "erased"
    assert (await erased(eraser, job_id)).state == pb.ERASURE_STATE_ERASED


def worker_of(caller: Caller) -> Ledger:
    """Audit entries are read as requests read them."""
    return caller.served.ledger


async def test_what_a_stage_writes_after_the_first_sweep_goes_with_the_last(
    eraser: Caller, worker: Ledger, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase, "settle_s", lambda _: 2.0)
    job_id = await finished(eraser)
    resources = eraser.served.resources
    assert (await erased(eraser, job_id)).state == pb.ERASURE_STATE_ERASED
    late = await resources.objects.put(f"{tenant}/{job_id}/color", "map.png", b"late", "image/png")
    async with asyncio.timeout(20):
        while (answer := await erased(eraser, job_id)).state != pb.ERASURE_STATE_CONFIRMED:
            await asyncio.sleep(0.2)
    assert answer.objects == 3
    assert answer.HasField("confirmed_at")
    with pytest.raises(NotFound):
        await resources.objects.stat(late.bucket, late.key)
    audit = await audit_of(worker_of(eraser), tenant, job_id)
    assert (audit[-1]["action"], audit[-1]["actor"]) == ("analysis.erased", "gateway/eraser")


async def test_a_photo_of_two_analyses_goes_with_the_last_of_them(eraser: Caller, tenant: str) -> None:
    upload, main = await eraser.upload(), await eraser.upload(PHOTO + b"2")
    first = await finished(eraser, upload)
    second = await finished(eraser, main, protected_upload_id=upload)
    objects = eraser.served.resources.objects
    await erased(eraser, first)
    await objects.stat("assay-uploads", f"{tenant}/{upload}")
    await erased(eraser, second)
    for upload_id in (upload, main):
        with pytest.raises(NotFound):
            await objects.stat("assay-uploads", f"{tenant}/{upload_id}")


async def test_a_running_analysis_can_be_erased(eraser: Caller, worker: Ledger, tenant: str) -> None:
    view, _ = await eraser.analyze(order(await eraser.upload()))
    await eraser.publish(view.job_id, "ingested", 1)
    assert (await erased(eraser, view.job_id)).state == pb.ERASURE_STATE_ERASED
    assert set((await rows_of(worker, tenant, view.job_id)).values()) == {0}


async def test_a_subject_is_erased_whole_and_nobody_else(eraser: Caller, tenant: str) -> None:
    mine = [await finished(eraser, subject_id="anna.1") for _ in range(3)]
    other = await finished(eraser, subject_id="anna.2")
    request = pb.EraseSubjectRequest(subject_id="anna.1")
    answer = await eraser.stub.EraseSubject(request, metadata=eraser.metadata, timeout=20)
    assert (answer.state, answer.analyses) == (pb.ERASURE_STATE_ERASED, 3)
    for job_id in mine:
        with pytest.raises(grpc.aio.AioRpcError):
            await eraser.get(job_id)
    assert (await eraser.get(other)).state == pb.STATE_SUCCEEDED
    audit = await audit_of(worker_of(eraser), tenant, mine[0])
    asked = next(row for row in audit if row["action"] == "analysis.erasure_requested")
    assert len(asked["detail"]["subject_sha256"]) == 64
    assert "anna" not in str(asked)
    again = await eraser.stub.EraseSubject(request, metadata=eraser.metadata, timeout=20)
    assert (again.state, again.analyses) == (pb.ERASURE_STATE_CONFIRMED, 0)


async def test_only_ones_own_and_only_by_scope(eraser: Caller, caller: Caller, gateway: Served) -> None:
    job_id = await finished(eraser)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await erased(caller, job_id)
    assert problem_of(error.value).code == "SCOPE_MISSING"
    stranger = Caller(gateway, "00000000-0000-4000-8000-000000000001", (*SCOPES, "analyses:erase"))
    try:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await erased(stranger, job_id)
        assert problem_of(error.value).code == "JOB_NOT_FOUND"
    finally:
        await stranger.channel.close()
    assert (await eraser.get(job_id)).state == pb.STATE_SUCCEEDED


async def test_a_sweep_that_broke_off_is_taken_up_again(
    eraser: Caller, worker: Ledger, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are gone and the object is not: as after a crash between the two."""
    upload = await eraser.upload()
    job_id = await finished(eraser, upload)
    async with eraser.served.ledger.tenant(tenant) as connection:
        await erasures.request(connection, tenant, job_id, "tester", 60)
        (row,) = await erasures.find(connection, [job_id])
    async with worker.tenant(tenant) as connection:
        await erasures.delete_rows(connection, row)
    resources = eraser.served.resources
    async with asyncio.timeout(20):
        while True:
            await erase_due(worker, resources.nats.js, resources.objects)
            if (await erased(eraser, job_id)).state == pb.ERASURE_STATE_ERASED:
                break
            await asyncio.sleep(0.2)
    with pytest.raises(NotFound):
        await resources.objects.stat("assay-uploads", f"{tenant}/{upload}")
    with pytest.raises(NotFoundError):
        await resources.nats.js.get_last_msg(facts.STREAM, f"analysis.local.tattoo.reported.{job_id}.1")
