"""What callers get while a server is away: a typed answer in bounded time, and nothing lost."""

from __future__ import annotations

import asyncio
import time

import grpc.aio
import pytest
from assay.gateway.v1 import gateway_pb2 as pb

from tests.gateway.callers import Caller, order, problem_of
from tests.gateway.conftest import Servers

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]


async def test_without_postgres_calls_are_refused_and_come_back(servers: Servers, caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    servers.running["postgres"].stop()
    try:
        began = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await caller.get(view.job_id)
        problem = problem_of(caught.value)
        assert (problem.status, problem.code) == (grpc.StatusCode.UNAVAILABLE, "LEDGER_UNAVAILABLE")
        assert time.monotonic() - began < 8
    finally:
        servers.running["postgres"].start()
    async with asyncio.timeout(20):
        while await code_of_get(caller, view.job_id) == "LEDGER_UNAVAILABLE":
            await asyncio.sleep(0.2)
    assert (await caller.get(view.job_id)).job_id == view.job_id


async def code_of_get(caller: Caller, job_id: str) -> str:
    """The code a get is refused with, "" when it is answered."""
    try:
        await caller.get(job_id)
    except grpc.aio.AioRpcError as error:
        return problem_of(error).code
    return ""


async def test_without_nats_jobs_are_accepted_and_cancelled(servers: Servers, caller: Caller) -> None:
    upload_id = await caller.upload()
    servers.running["nats"].stop()
    try:
        kept, headers = await caller.analyze(order(upload_id))
        dropped, _ = await caller.analyze(order(upload_id))
        assert headers["x-http-status"] == "202"
        cancelling = pb.CancelAnalysisRequest(job_id=dropped.job_id)
        still = await caller.stub.CancelAnalysis(cancelling, metadata=caller.metadata)
        assert still.state == pb.STATE_QUEUED
        assert (await caller.get(kept.job_id)).progress_percent == 0
    finally:
        servers.running["nats"].start()
    await caller.until(dropped.job_id, pb.STATE_CANCELLED, 30)
    await caller.publish(kept.job_id, "reported", 7)
    await caller.until(kept.job_id, pb.STATE_SUCCEEDED, 30)


async def test_without_storage_nothing_starts(servers: Servers, caller: Caller) -> None:
    upload_id = await caller.upload()
    servers.running["s3"].stop()
    try:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await caller.analyze(order(upload_id), "later")
        assert problem_of(caught.value).code == "STORAGE_UNAVAILABLE"
    finally:
        servers.running["s3"].start()
    _, headers = await caller.analyze(order(upload_id), "later")
    assert "idempotent-replayed" not in headers


async def test_a_caller_who_leaves_a_sync_call_leaves_nothing(caller: Caller) -> None:
    request = order(await caller.upload(), mode=pb.MODE_SYNC)
    fanout = caller.served.fanout
    call = caller.stub.Analyze(request, metadata=caller.metadata)
    async with asyncio.timeout(10):
        while len(fanout) < 2:
            await asyncio.sleep(0.02)
        call.cancel()
        while len(fanout) > 1:
            await asyncio.sleep(0.02)
    listed = await caller.stub.ListAnalyses(pb.ListAnalysesRequest(), metadata=caller.metadata)
    assert [view.state for view in listed.analyses] == [pb.STATE_QUEUED]
