"""Signing, starting, getting, listing and cancelling over gRPC, as the contract promises them."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc.aio
import psycopg
import pytest
from assay.balance.v1.balance_pb2 import BalanceTrial
from assay.decision.v1.decision_pb2 import FITZPATRICK_II, FITZPATRICK_III, Override, TattooCase
from assay.events.v1.analysis_pb2 import Consent
from assay.gateway.v1 import gateway_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.facts import publish_fact
from mesh.settings import Settings
from tests.gateway.callers import PHOTO, Caller, Problem, Served, order, post_form, problem_of

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]
Code = grpc.StatusCode


async def refused(call: Any) -> Problem:
    """Awaits a call that must be refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return problem_of(caught.value)


async def test_the_whole_course(caller: Caller) -> None:
    upload_id = await caller.upload()
    view, headers = await caller.analyze(order(upload_id, subject_id="p-7", mode=pb.MODE_ASYNC))
    assert headers["x-http-status"] == "202"
    assert headers["location"] == f"/v1/analyze/{view.job_id}"
    assert "idempotent-replayed" not in headers
    assert (view.state, view.kind, view.subject_id, view.upload_id) == (
        pb.STATE_QUEUED, "tattoo", "p-7", upload_id,
    )  # fmt: skip
    assert [stage.name for stage in view.stages] == ["ingest", "segment", "color", "decision", "report"]
    assert view.deadline.seconds - view.created_at.seconds == 600
    assert (await caller.get(view.job_id)).result.job.upload.size_bytes == len(PHOTO)
    await caller.publish(view.job_id, "ingested", 1)
    await caller.until(view.job_id, pb.STATE_RUNNING)
    await caller.publish(view.job_id, "reported", 7)
    done = await caller.until(view.job_id, pb.STATE_SUCCEEDED)
    assert done.progress_percent == 100
    assert done.HasField("finished_at")
    assert done.result.HasField("report")


async def test_sync_waits_for_the_result(caller: Caller) -> None:
    request = order(await caller.upload(), mode=pb.MODE_SYNC)
    request.timeout.FromSeconds(20)
    waiting = asyncio.create_task(caller.analyze(request))
    async with asyncio.timeout(10):
        while not (
            page := await caller.stub.ListAnalyses(pb.ListAnalysesRequest(), metadata=caller.metadata)
        ).analyses:
            await asyncio.sleep(0.05)
    await caller.publish(page.analyses[0].job_id, "reported", 7)
    view, headers = await asyncio.wait_for(waiting, 5)
    assert view.state == pb.STATE_SUCCEEDED
    assert "x-http-status" not in headers


async def test_sync_answers_202_when_time_is_up(caller: Caller) -> None:
    request = order(await caller.upload(), mode=pb.MODE_SYNC)
    request.timeout.FromMilliseconds(300)
    view, headers = await caller.analyze(request)
    assert headers["x-http-status"] == "202"
    assert view.state == pb.STATE_QUEUED


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"purpose": pb.UPLOAD_PURPOSE_VIDEO}, "MEDIA_TYPE_NOT_ALLOWED", "media_type"),
        ({"media_type": "text/html"}, "MEDIA_TYPE_NOT_ALLOWED", "media_type"),
        ({"media_type": "image/jpeg\r\nx: y"}, "INVALID_FIELD", "media_type"),
        ({"size_bytes": 2**20 + 1}, "UPLOAD_TOO_LARGE", "size_bytes"),
        ({"size_bytes": 0}, "INVALID_FIELD", "size_bytes"),
        ({"sha256": "xyz"}, "INVALID_FIELD", "sha256"),
    ],
)
async def test_uploads_that_are_not_signed(
    caller: Caller, fields: dict[str, Any], code: str, field: str
) -> None:
    problem = await refused(caller.sign(**fields))
    assert (problem.code, problem.field) == (code, field)
    assert problem.fix


async def test_the_signature_binds_key_type_and_size(caller: Caller) -> None:
    signed = await caller.sign()
    assert f"{caller.tenant}/{signed.upload_id}" == signed.fields["key"]
    left = signed.expires_at.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    for change in ({"key": f"{caller.tenant}/other"}, {"Content-Type": "text/html"}, {"policy": "e30="}):
        tampered = pb.SignUploadResponse(url=signed.url, fields={**signed.fields, **change})
        status, _ = await asyncio.to_thread(post_form, tampered, PHOTO)
        assert status == 403, change
    status, _ = await asyncio.to_thread(post_form, signed, PHOTO + b"x" * 5000)
    assert status == 400


async def test_upload_of_another_tenant_is_not_found(caller: Caller, gateway: Served) -> None:
    other = Caller(gateway, str(uuid.uuid4()))
    problem = await refused(caller.analyze(order(await other.upload())))
    unknown = await refused(caller.analyze(order(str(uuid.uuid4()))))
    assert problem == unknown == Problem(Code.NOT_FOUND, "UPLOAD_NOT_FOUND", "upload_id", problem.fix)
    await other.channel.close()


async def test_upload_that_never_came(caller: Caller) -> None:
    signed = await caller.sign()
    problem = await refused(caller.analyze(order(signed.upload_id)))
    assert (problem.code, problem.status) == ("UPLOAD_NOT_RECEIVED", Code.FAILED_PRECONDITION)


async def test_upload_of_another_size(caller: Caller) -> None:
    signed = await caller.sign()
    await asyncio.to_thread(post_form, signed, PHOTO[:-1])
    assert (await refused(caller.analyze(order(signed.upload_id)))).code == "UPLOAD_SIZE_MISMATCH"


@pytest.mark.parametrize("sent", [True, False])
async def test_upload_that_expired(caller: Caller, settings: Settings, sent: bool) -> None:
    upload_id = await caller.upload() if sent else (await caller.sign()).upload_id
    past = datetime.now(UTC) - timedelta(minutes=1)
    with psycopg.connect(settings.postgres_owner_dsn) as owner:
        column = "usable_until" if sent else "signature_expires_at"
        owner.execute(
            psycopg.sql.SQL("UPDATE uploads SET {} = %s WHERE upload_id = %s").format(
                psycopg.sql.Identifier(column)
            ),
            (past, upload_id),
        )
    assert (await refused(caller.analyze(order(upload_id)))).code == "UPLOAD_EXPIRED"


async def test_orders_that_are_refused(caller: Caller) -> None:
    upload_id = await caller.upload()
    no_consent = order(upload_id)
    no_consent.consent.treatment = False
    balance = pb.AnalyzeRequest(
        upload_id=upload_id, consent=Consent(treatment=True, text_version="1"), balance=BalanceTrial()
    )
    absent = pb.AnalyzeRequest(upload_id=upload_id, tattoo=order(upload_id).tattoo)
    long_wait = order(upload_id, mode=pb.MODE_SYNC)
    long_wait.timeout.FromSeconds(61)
    nul = order(upload_id)
    nul.consent.text_version = "2026\x00"
    beyond = order(upload_id)
    beyond.consent.given_at.seconds = 10**15
    cases = [
        (nul, "INVALID_FIELD", "consent.text_version"),
        (beyond, "INVALID_FIELD", "consent.given_at"),
        (no_consent, "CONSENT_REQUIRED", "consent.treatment"),
        (absent, "INVALID_FIELD", "consent"),
        (balance, "UPLOAD_WRONG_PURPOSE", "upload_id"),
        (order(upload_id, ruleset="tattoo@9.9.9"), "RULESET_NOT_FOUND", "ruleset"),
        (order(upload_id, model="ink-seg@9.9.9"), "MODEL_NOT_FOUND", "model"),
        (order(upload_id, subject_id="' OR 1=1 --"), "INVALID_FIELD", "subject_id"),
        (order("not-a-uuid"), "INVALID_FIELD", "upload_id"),
        (order(upload_id, mode=9), "INVALID_FIELD", "mode"),
        (long_wait, "INVALID_FIELD", "timeout"),
    ]
    for request, code, field in cases:
        problem = await refused(caller.analyze(request))
        assert (problem.code, problem.field) == (code, field)
        assert problem.fix
    listed = await caller.stub.ListAnalyses(pb.ListAnalysesRequest(), metadata=caller.metadata)
    assert list(listed.analyses) == []


async def test_twenty_calls_with_one_key_make_one_job(caller: Caller, settings: Settings) -> None:
    request = order(await caller.upload())
    key = "k'; DROP TABLE jobs; -- " + "z" * 20
    answers = await asyncio.gather(*(caller.analyze(request, key) for _ in range(20)))
    assert len({view.job_id for view, _ in answers}) == 1
    assert sum("idempotent-replayed" not in headers for _, headers in answers) == 1
    with psycopg.connect(settings.postgres_owner_dsn) as owner:
        for table in ("jobs", "outbox", "consents", "idempotency_keys"):
            query = psycopg.sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %s")
            counted = owner.execute(query.format(psycopg.sql.Identifier(table)), (caller.tenant,)).fetchone()
            assert counted == (1,), table


async def test_same_key_another_body_conflicts(caller: Caller) -> None:
    request = order(await caller.upload())
    first, _ = await caller.analyze(request, "once")
    again, headers = await caller.analyze(request, "once")
    assert (again.job_id, headers["idempotent-replayed"]) == (first.job_id, "true")
    problem = await refused(caller.analyze(order(request.upload_id, subject_id="other"), "once"))
    assert (problem.code, problem.status) == ("IDEMPOTENCY_CONFLICT", Code.ALREADY_EXISTS)


async def test_keys_belong_to_their_tenant(caller: Caller, gateway: Served) -> None:
    other = Caller(gateway, str(uuid.uuid4()))
    mine, _ = await caller.analyze(order(await caller.upload()), "shared")
    theirs, headers = await other.analyze(order(await other.upload()), "shared")
    assert mine.job_id != theirs.job_id
    assert "idempotent-replayed" not in headers
    await other.channel.close()


async def test_a_refused_request_leaves_its_key_free(caller: Caller) -> None:
    signed = await caller.sign()
    request = order(signed.upload_id)
    assert (await refused(caller.analyze(request, "early"))).code == "UPLOAD_NOT_RECEIVED"
    await asyncio.to_thread(post_form, signed, PHOTO)
    _, headers = await caller.analyze(request, "early")
    assert "idempotent-replayed" not in headers


@pytest.mark.parametrize("key", ["k" * 256, " "])
async def test_keys_that_are_refused(caller: Caller, key: str) -> None:
    problem = await refused(caller.analyze(order(str(uuid.uuid4())), key))
    assert (problem.code, problem.field) == ("INVALID_IDEMPOTENCY_KEY", "idempotency-key")


async def test_jobs_of_another_tenant_are_not_found(caller: Caller, gateway: Served) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    other = Caller(gateway, str(uuid.uuid4()))
    asked: list[Any] = [
        other.get(view.job_id),
        other.stub.CancelAnalysis(pb.CancelAnalysisRequest(job_id=view.job_id), metadata=other.metadata),
        other.stub.GetReport(pb.GetReportRequest(job_id=view.job_id), metadata=other.metadata).read(),
        other.stub.GetArtifact(
            pb.GetArtifactRequest(job_id=view.job_id, name="mask.png"), metadata=other.metadata
        ).read(),
        other.stub.WatchAnalysis(pb.WatchAnalysisRequest(job_id=view.job_id), metadata=other.metadata).read(),
    ]
    for call in asked:
        assert (await refused(call)).code == "JOB_NOT_FOUND"
    listed = await other.stub.ListAnalyses(pb.ListAnalysesRequest(), metadata=other.metadata)
    assert list(listed.analyses) == []
    await other.channel.close()


async def test_scopes_are_checked(gateway: Served, tenant: str) -> None:
    reader = Caller(gateway, tenant, ("analyses:read",))
    assert (await refused(reader.sign())).code == "SCOPE_MISSING"
    reader.metadata = ()
    assert (await refused(reader.get(str(uuid.uuid4())))).code == "UNAUTHENTICATED"
    await reader.channel.close()


async def test_listing_by_pages_and_filters(caller: Caller) -> None:
    upload_id = await caller.upload()
    made = []
    for number in range(7):
        view, _ = await caller.analyze(order(upload_id, subject_id=f"s-{number % 2}"))
        made.append(view.job_id)

    async def pages(**fields: Any) -> list[str]:
        found: list[str] = []
        request = pb.ListAnalysesRequest(page_size=2, **fields)
        for _ in range(10):
            page = await caller.stub.ListAnalyses(request, metadata=caller.metadata)
            assert len(page.analyses) <= 2
            assert not any(view.HasField("result") for view in page.analyses)
            found += [view.job_id for view in page.analyses]
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return found
        raise AssertionError("the pages do not end")

    assert await pages() == made[::-1]
    assert await pages(subject_id="s-1") == made[1::2][::-1]
    assert await pages(kind="balance") == []
    assert await pages(state=pb.STATE_SUCCEEDED) == []
    await caller.publish(made[3], "reported", 7)
    await caller.until(made[3], pb.STATE_SUCCEEDED)
    assert await pages(state=pb.STATE_SUCCEEDED) == [made[3]]
    middle = (await caller.get(made[4])).created_at
    assert await pages(created_after=middle) == made[4:][::-1]
    assert await pages(created_before=middle) == made[:4][::-1]


async def test_page_tokens_are_checked(caller: Caller) -> None:
    upload_id = await caller.upload()
    for _ in range(2):
        await caller.analyze(order(upload_id))
    page = await caller.stub.ListAnalyses(pb.ListAnalysesRequest(page_size=1), metadata=caller.metadata)
    token = page.next_page_token
    for bad in ("x", token[:-4], token[::-1], "W10", "' OR 1=1", "é"):
        request = pb.ListAnalysesRequest(page_size=1, page_token=bad)
        problem = await refused(caller.stub.ListAnalyses(request, metadata=caller.metadata))
        assert (problem.code, problem.field) == ("PAGE_TOKEN_INVALID", "page_token")
    beyond = pb.ListAnalysesRequest(created_after=Timestamp(seconds=-(10**15)))
    problem = await refused(caller.stub.ListAnalyses(beyond, metadata=caller.metadata))
    assert (problem.code, problem.field) == ("INVALID_FIELD", "created_after")
    other = pb.ListAnalysesRequest(page_size=1, page_token=token, kind="tattoo")
    assert (
        await refused(caller.stub.ListAnalyses(other, metadata=caller.metadata))
    ).code == "PAGE_TOKEN_INVALID"


async def test_cancel_is_idempotent_and_final(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    request = pb.CancelAnalysisRequest(job_id=view.job_id)
    for _ in range(2):
        cancelled = await caller.stub.CancelAnalysis(request, metadata=caller.metadata)
        assert cancelled.state == pb.STATE_CANCELLED
    await caller.publish(view.job_id, "reported", 7)
    other, _ = await caller.analyze(order(view.upload_id))
    await caller.publish(other.job_id, "reported", 7)
    await caller.until(other.job_id, pb.STATE_SUCCEEDED)
    assert (await caller.get(view.job_id)).state == pb.STATE_CANCELLED
    ended = await refused(
        caller.stub.CancelAnalysis(pb.CancelAnalysisRequest(job_id=other.job_id), metadata=caller.metadata)
    )
    assert (ended.code, ended.status) == ("JOB_ENDED", Code.FAILED_PRECONDITION)


async def test_a_failure_is_shown(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    document = await caller.document(view.job_id)
    document.failure.code, document.failure.stage = "IMAGE_TRUNCATED", "ingest"
    await publish_fact(caller.served.resources.nats.js, "failed", document, source="test")
    failed = await caller.until(view.job_id, pb.STATE_FAILED)
    assert (failed.error.code, failed.error.stage) == ("IMAGE_TRUNCATED", "ingest")
    assert not failed.result.HasField("failure")


async def test_consent_and_audit_are_kept(caller: Caller, settings: Settings) -> None:
    view, _ = await caller.analyze(order(await caller.upload(), subject_id="p-1"))
    with psycopg.connect(settings.postgres_owner_dsn) as owner:
        consent = owner.execute(
            "SELECT treatment, research, text_version, recorded_by FROM consents WHERE job_id = %s",
            (view.job_id,),
        ).fetchone()
        actions = owner.execute(
            "SELECT action FROM audit WHERE tenant_id = %s ORDER BY audit_id", (caller.tenant,)
        ).fetchall()
    assert consent == (True, False, "2026-01", "tester")
    assert [action for (action,) in actions] == ["upload.signed", "analysis.requested"]


async def test_an_override_of_the_skin_type_is_in_the_audit_log(caller: Caller, settings: Settings) -> None:
    override = Override(fitzpatrick=FITZPATRICK_III, name="Dr Example", reason="Examined by hand")
    stated = TattooCase(fitzpatrick_operator=FITZPATRICK_II, override=override)
    view, _ = await caller.analyze(order(await caller.upload(), tattoo=stated))
    with psycopg.connect(settings.postgres_owner_dsn) as owner:
        found = owner.execute(
            "SELECT actor, detail FROM audit WHERE action = 'skin_type.overridden' AND resource = %s",
            (view.job_id,),
        ).fetchall()
    said = {"operator": "II", "fitzpatrick": "III", "name": "Dr Example", "reason": "Examined by hand"}
    assert found == [("tester", said)]
