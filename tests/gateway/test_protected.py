"""The second photo of a tattoo analysis: checked at the same door as the first, kept and used up as it."""

from __future__ import annotations

import uuid

import grpc.aio
import psycopg
import pytest
from assay.balance.v1.balance_pb2 import BalanceTrial
from assay.events.v1.analysis_pb2 import Consent
from assay.gateway.v1 import gateway_pb2 as pb

from mesh.settings import Settings
from tests.gateway.callers import PHOTO, Caller, Problem, Served, order, problem_of

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]
FIELD = "protected_upload_id"


async def refused(caller: Caller, request: pb.AnalyzeRequest) -> Problem:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.analyze(request)
    return problem_of(caught.value)


async def test_the_second_photo_travels_and_is_used_up(caller: Caller, settings: Settings) -> None:
    first, second = await caller.upload(), await caller.upload(PHOTO + b"q")
    view, _ = await caller.analyze(order(first, protected_upload_id=second, mode=pb.MODE_ASYNC))
    job = (await caller.document(view.job_id)).job
    assert (job.protected_upload.size_bytes, job.protected_upload.name) == (
        len(PHOTO) + 1,
        "protected_upload",
    )
    assert job.protected_upload.key == f"{caller.tenant}/{second}"
    with psycopg.connect(settings.postgres_owner_dsn) as owner:
        states = owner.execute(
            "SELECT state FROM uploads WHERE upload_id = ANY(%s)", ([first, second],)
        ).fetchall()
        detail = owner.execute(
            "SELECT detail FROM audit WHERE resource = %s AND action = 'analysis.requested'", (view.job_id,)
        ).fetchone()
    assert states == [("used",), ("used",)]
    assert detail == ({"upload_id": first, FIELD: second},)


async def test_it_must_have_come_and_be_the_callers(caller: Caller, gateway: Served) -> None:
    first = await caller.upload()
    other = Caller(gateway, str(uuid.uuid4()))
    for foreign in (await other.upload(), str(uuid.uuid4())):
        problem = await refused(caller, order(first, protected_upload_id=foreign))
        assert (problem.code, problem.field) == ("UPLOAD_NOT_FOUND", FIELD)
    await other.channel.close()
    problem = await refused(caller, order(first, protected_upload_id=(await caller.sign()).upload_id))
    assert (problem.code, problem.field) == ("UPLOAD_NOT_RECEIVED", FIELD)
    with psycopg.connect(caller.settings.postgres_owner_dsn) as owner:
        row = owner.execute("SELECT state FROM uploads WHERE upload_id = %s", (first,)).fetchone()
    assert row == ("signed",), "a refused request uses nothing up"


async def test_an_expired_second_photo_uses_up_neither(caller: Caller, settings: Settings) -> None:
    first, second = await caller.upload(), await caller.upload()
    with psycopg.connect(settings.postgres_owner_dsn) as owner:
        owner.execute("UPDATE uploads SET state = 'expired' WHERE upload_id = %s", (second,))
    problem = await refused(caller, order(first, protected_upload_id=second))
    assert (problem.code, problem.field) == ("UPLOAD_EXPIRED", FIELD)


@pytest.mark.parametrize("spelling", [str.lower, str.upper])
async def test_it_is_another_photo(caller: Caller, spelling: object) -> None:
    assert callable(spelling)
    first = await caller.upload()
    problem = await refused(caller, order(first, protected_upload_id=spelling(first)))
    assert (problem.code, problem.field) == ("PROTECTED_PHOTO_SAME", FIELD)
    assert problem.fix


async def test_the_same_bytes_sent_twice_are_the_same_photo(caller: Caller) -> None:
    digest = "ab" * 32
    first, second = await caller.upload(sha256=digest), await caller.upload(sha256=digest)
    assert (await refused(caller, order(first, protected_upload_id=second))).code == "PROTECTED_PHOTO_SAME"


async def test_it_belongs_to_a_tattoo(caller: Caller) -> None:
    video = await caller.upload(purpose=pb.UPLOAD_PURPOSE_VIDEO, media_type="video/mp4")
    photo = await caller.upload()
    balance = pb.AnalyzeRequest(
        upload_id=video,
        consent=Consent(treatment=True, text_version="1"),
        balance=BalanceTrial(),
        protected_upload_id=photo,
    )
    assert (await refused(caller, balance)).code == "PROTECTED_PHOTO_NOT_APPLICABLE"
    problem = await refused(caller, order(photo, protected_upload_id=video))
    assert (problem.code, problem.field) == ("UPLOAD_WRONG_PURPOSE", FIELD)
