"""`python -m gateway` as a process: it starts, drains, and loses nothing when it is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from assay.gateway.v1 import gateway_pb2 as pb

from dev.process import ProcessSpec, Running
from dev.servers import free_ports
from dev.stack import grpc_probe
from gateway.__main__ import Gateway
from gateway.ledger import jobs
from gateway.ledger.database import Ledger
from gateway.ledger.notify import Fanout
from mesh import facts
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.service import Resources
from mesh.settings import Settings
from tests.gateway.callers import Caller, Served, order
from tests.gateway.ledgers import with_pages

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]


@pytest.fixture
def process(settings: Settings, tmp_path: Path) -> Iterator[Running]:
    """A gateway process, not started; killed at the end."""
    ports = free_ports(["grpc", "metrics"])
    environment = {f"ASSAY_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    environment |= {"ASSAY_GRPC_PORT": str(ports["grpc"]), "ASSAY_METRICS_PORT": str(ports["metrics"])}
    spec = ProcessSpec(
        name="gateway",
        argv=(sys.executable, "-m", "gateway"),
        folder=tmp_path,
        env=environment,
        ports=ports,
        probe=lambda: grpc_probe(f"127.0.0.1:{ports['grpc']}"),
    )
    running = Running(spec)
    yield running
    running.kill()


def address(process: Running) -> str:
    """Where the process serves gRPC."""
    return f"127.0.0.1:{process.spec.ports['grpc']}"


@pytest.fixture
async def remote(
    process: Running, app: Ledger, settings: Settings, stream: JetStream, tenant: str
) -> AsyncIterator[Caller]:
    """A caller of the process, which this starts."""
    process.start()
    objects = ObjectStore(settings)
    one = Caller(Served(app, Fanout(), Resources(settings, objects, stream), address(process)), tenant)
    yield one
    await one.channel.close()
    objects.close()


async def test_it_drains_at_sigterm_with_a_stream_open(process: Running, remote: Caller) -> None:
    view, _ = await remote.analyze(order(await remote.upload()))
    call = remote.stub.WatchAnalysis(pb.WatchAnalysisRequest(job_id=view.job_id), metadata=remote.metadata)
    stream = aiter(call)
    assert (await anext(stream)).data.startswith(b"retry:")
    assert process.process is not None
    began = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    async for _ in stream:
        pass
    assert await asyncio.to_thread(process.process.wait, 15) == 0
    assert time.monotonic() - began < 10


async def test_it_is_ready_once_it_knows_the_rulesets(settings: Settings, stream: JetStream) -> None:
    gateway = Gateway(settings)
    assert not gateway.ready()
    followed = asyncio.create_task(gateway.rulesets.follow(stream.js))
    async with asyncio.timeout(30):
        while not gateway.ready():
            await asyncio.sleep(0.02)
    followed.cancel()
    assert gateway.rulesets.for_order("tattoo", "")


async def test_an_order_is_taken_as_soon_as_it_is_ready(process: Running, remote: Caller) -> None:
    upload_id = await remote.upload()
    process.kill()
    process.start()
    view, _ = await remote.analyze(order(upload_id))
    assert view.job_id


async def test_it_loses_nothing_when_killed(process: Running, remote: Caller, stream: JetStream) -> None:
    upload_id = await remote.upload()
    made = []
    for round_number in range(3):
        if round_number:
            process.start()
        views = await asyncio.gather(*(remote.analyze(order(upload_id)) for _ in range(8)))
        made += [view.job_id for view, _ in views]
        process.kill()
    async with remote.served.ledger.tenant(remote.tenant) as connection:
        rows = [await jobs.find(connection, job_id) for job_id in made]
    for row in rows:
        assert row is not None
        await facts.publish_fact(stream.js, "reported", with_pages(row.document, 6), source="test")
    process.start()
    for job_id in made:
        await remote.until(job_id, pb.STATE_SUCCEEDED, 30)
    for row in rows:
        assert row is not None
        kept = await stream.js.get_last_msg(facts.STREAM, str(facts.subject("requested", row.document)))
        assert kept.seq is not None
