"""A server that takes connections and never answers: no call may wait for it without bound."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc.aio
import pytest
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc

from tests.gateway.callers import Caller, order, problem_of
from tests.gateway.conftest import Servers

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]


def family(pid: int) -> list[int]:
    """A process and everything it started."""
    children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(each for child in children for each in family(child))]


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stops a process and its children from running, without closing anything."""
    stopped = family(pid)
    for each in stopped:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in reversed(stopped):
            os.kill(each, signal.SIGCONT)


async def test_a_frozen_postgres_delays_nobody_for_long(servers: Servers, caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    platform = gateway_pb2_grpc.PlatformServiceStub(caller.channel)
    with frozen(servers.running["postgres"].pid):
        began = time.monotonic()
        health = await platform.GetHealth(pb.GetHealthRequest(), timeout=5)
        assert not health.dependencies["postgres"]
        assert health.dependencies["nats"]
        assert time.monotonic() - began < 3
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(caller.get(view.job_id), 25)
        assert problem_of(caught.value).code == "LEDGER_UNAVAILABLE"
    await caller.publish(view.job_id, "reported", 7)
    await caller.until(view.job_id, pb.STATE_SUCCEEDED, 60)
