"""Repeating an analysis: a new job with the old order, pinned to what is not named."""

from __future__ import annotations

import asyncio
import json
import uuid

import grpc
import grpc.aio
import pytest
from assay.common.v1.types_pb2 import ComponentVersion, Provenance
from assay.events.v1.analysis_pb2 import Analysis
from assay.gateway.v1 import gateway_pb2 as pb

from gateway import rulesets
from gateway.catalogue import load
from mesh import recalls
from mesh.recalls import Recall
from mesh.topology import RULESET_BUCKET
from tests.gateway.callers import PHOTO, Caller, Served, order, problem_of

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]

RULESET = "tattoo@1.0.0"


async def replay(caller: Caller, job_id: str, key: str = "", **fields: str) -> pb.AnalysisView:
    extra = (("idempotency-key", key),) if key else ()
    request = pb.ReplayAnalysisRequest(job_id=job_id, **fields)
    return await caller.stub.ReplayAnalysis(request, metadata=(*caller.metadata, *extra))


async def ended(caller: Caller, model: str = "", **fields: object) -> str:
    """An analysis that has succeeded; its segment page says which model ran."""
    view, _ = await caller.analyze(order(await caller.upload(), **fields))
    document = await caller.document(view.job_id)
    if model:
        name, _, version = model.partition("@")
        ran = ComponentVersion(kind="model", name=name, version=version)
        document.segment.provenance.CopyFrom(Provenance(versions=[ran]))
    document.report.pages = 1
    await caller.publish_document("reported", document)
    await caller.until(view.job_id, pb.STATE_SUCCEEDED)
    return view.job_id


async def refusal(caller: Caller, job_id: str, **fields: str) -> tuple[grpc.StatusCode, str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await replay(caller, job_id, **fields)
    problem = problem_of(error.value)
    return problem.status, problem.code, problem.field


def same_order(old: Analysis, new: Analysis) -> None:
    """Everything of the order but identity, times, and what may be chosen anew."""
    free = ("job_id", "created_at", "deadline", "replay_of", "first_created_at", "model")
    for analysis in (old, new):
        for name in free:
            analysis.job.ClearField(name)
    assert old.job == new.job


async def test_a_replay_is_a_new_job_with_the_old_order(caller: Caller) -> None:
    first = await ended(caller, subject_id="s-1", language="de")
    view = await replay(caller, first)
    assert view.replay_of == first
    assert view.job_id != first
    old, new = await caller.document(first), await caller.document(view.job_id)
    assert new.job.epoch == 1
    assert new.job.first_created_at == old.job.created_at
    assert new.job.created_at.ToNanoseconds() > old.job.created_at.ToNanoseconds()
    assert not new.HasField("report")
    same_order(old, new)
    assert (await caller.get(view.job_id)).replay_of == first


async def test_a_replay_of_a_replay_keeps_the_first_moment(caller: Caller) -> None:
    first = await ended(caller)
    second = await replay(caller, first)
    await caller.publish(second.job_id, "reported", 5)
    await caller.until(second.job_id, pb.STATE_SUCCEEDED)
    third = await caller.document((await replay(caller, second.job_id)).job_id)
    assert third.job.first_created_at == (await caller.document(first)).job.created_at
    assert third.job.replay_of == second.job_id


async def test_what_is_not_named_stays_as_it_ran(caller: Caller) -> None:
    newest, older = sorted(load().models["tattoo"], reverse=True)[:2]
    first = await ended(caller, model=older, ruleset=RULESET)
    job = (await caller.document((await replay(caller, first)).job_id)).job
    assert (job.model, job.ruleset) == (older, RULESET)
    job = (await caller.document((await replay(caller, first, model=newest)).job_id)).job
    assert (job.model, job.ruleset) == (newest, RULESET)


async def test_the_same_key_is_the_same_replay(caller: Caller) -> None:
    first, key = await ended(caller), str(uuid.uuid4())
    views = await asyncio.gather(*(replay(caller, first, key) for _ in range(5)))
    assert len({view.job_id for view in views}) == 1
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await replay(caller, first, key, ruleset=RULESET)
    assert problem_of(error.value).code == "IDEMPOTENCY_CONFLICT"


async def test_a_replay_under_a_retired_ruleset_is_an_audit_and_allowed(
    caller: Caller, gateway: Served
) -> None:
    first = await ended(caller, ruleset=RULESET)
    js = gateway.resources.nats.js
    bucket = await js.key_value(RULESET_BUCKET)
    said = rulesets.to_json(
        rulesets.Standing(retired={RULESET: rulesets.Turn(RULESET, "o", "2026-11-22T00:00:00+00:00", "old")})
    )
    try:
        await bucket.put("standing", json.dumps(said).encode())
        await asyncio.sleep(2.5)
        job = (await caller.document((await replay(caller, first)).job_id)).job
        assert job.ruleset == RULESET
    finally:
        await bucket.purge("standing")
        await asyncio.sleep(1.5)


async def test_what_runs_cannot_be_replayed(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    assert await refusal(caller, view.job_id) == (
        grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_ENDED", "job_id",
    )  # fmt: skip


async def test_erased_sources_are_said_clearly(caller: Caller, gateway: Served) -> None:
    first = await ended(caller)
    ref = (await caller.document(first)).job.upload
    await gateway.resources.objects.delete(ref.bucket, ref.key)
    assert await refusal(caller, first) == (
        grpc.StatusCode.FAILED_PRECONDITION, "SOURCE_ERASED", "job_id",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"ruleset": "tattoo@9.9.9"}, "RULESET_NOT_FOUND", "ruleset"),
        ({"ruleset": "balance@1.0.0"}, "RULESET_NOT_FOUND", "ruleset"),
        ({"ruleset": "tattoo"}, "INVALID_FIELD", "ruleset"),
        ({"model": "ink-seg@9.9.9"}, "MODEL_NOT_FOUND", "model"),
        ({"model": "ink-seg"}, "INVALID_FIELD", "model"),
    ],
)
async def test_unknown_versions_are_named(
    caller: Caller, fields: dict[str, str], code: str, field: str
) -> None:
    first = await ended(caller)
    status, said, at = await refusal(caller, first, **fields)
    assert (status, said, at) == (grpc.StatusCode.INVALID_ARGUMENT, code, field)


async def test_a_recalled_model_is_refused_named_or_pinned(caller: Caller) -> None:
    newest, older = sorted(load().models["tattoo"], reverse=True)[:2]
    first = await ended(caller, model=older)
    recalls.put_in_force({older: Recall("masks of watch straps", "sre", "")})
    try:
        wanted = (grpc.StatusCode.FAILED_PRECONDITION, "MODEL_RECALLED", "model")
        assert await refusal(caller, first) == wanted
        assert await refusal(caller, first, model=older) == wanted
        assert (await replay(caller, first, model=newest)).replay_of == first
    finally:
        recalls.put_in_force({})


async def test_another_tenant_cannot_replay(caller: Caller, gateway: Served) -> None:
    first = await ended(caller)
    other = Caller(gateway, str(uuid.uuid4()))
    assert (await refusal(other, first))[1] == "JOB_NOT_FOUND"
    await other.channel.close()


async def test_reading_is_not_enough(caller: Caller, gateway: Served) -> None:
    reader = Caller(gateway, caller.tenant, ("analyses:read",))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await replay(reader, str(uuid.uuid4()))
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
    await reader.channel.close()


async def test_the_hash_that_ingest_took_binds_the_replay(caller: Caller) -> None:
    """A photo that was replaced within the time of its signature is not what was analysed."""
    view, _ = await caller.analyze(order(await caller.upload(PHOTO)))
    document = await caller.document(view.job_id)
    assert not document.job.upload.sha256
    document.ingest.source_sha256 = "a" * 64
    await caller.publish_document("reported", document)
    await caller.until(view.job_id, pb.STATE_SUCCEEDED)
    again = await caller.document((await replay(caller, view.job_id)).job_id)
    assert again.job.upload.sha256 == "a" * 64
