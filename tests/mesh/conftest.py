"""Real NATS and S3 on free ports, one pair per test process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from assay.events.v1.analysis_pb2 import Analysis
from nats.js.errors import NotFoundError

from dev.process import Running
from dev.servers import free_ports, nats, run, s3
from mesh import jetstream, topology
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.settings import Settings


@dataclass(frozen=True)
class Servers:
    """Running servers and the settings that reach them."""

    running: dict[str, Running]
    settings: Settings


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    home = tmp_path_factory.mktemp("servers")
    ports = free_ports(nats.PORTS, s3.PORTS)
    specs = [nats.spec(home / "nats", ports), s3.spec(home / "s3", ports)]
    with run(specs) as running:
        keys = s3.keys(home / "s3")
        settings = Settings(
            nats_url=nats.url(home / "nats", ports),
            s3_endpoint=s3.endpoint(ports),
            s3_access_key=keys.access,
            s3_secret_key=keys.secret,
            s3_encryption="sse-s3",
            ack_wait_s=1.0,
            retry_base_s=0.05,
            retry_cap_s=0.2,
            max_attempts=3,
            max_deliver=8,
            drain_s=5.0,
        )
        asyncio.run(_declare(settings))
        yield Servers(running, settings)


async def _declare(settings: Settings) -> None:
    """A process of the mesh starts only where streams and buckets are."""
    made = await jetstream.connect(settings, "test")
    await topology.apply(made.js, settings)
    await made.close()


@pytest.fixture
def settings(servers: Servers) -> Settings:
    """Settings with a region of the test's own, so that facts of other tests stay away."""
    return servers.settings.model_copy(update={"region": f"t{uuid.uuid4().hex[:8]}"})


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[JetStream]:
    made = await jetstream.connect(settings, "test")
    for stream in topology.streams(settings):
        with suppress(NotFoundError):
            await made.js.delete_stream(stream.name)
    await topology.apply(made.js, settings)
    yield made
    await made.close()


@pytest.fixture
def objects(settings: Settings) -> Iterator[ObjectStore]:
    store = ObjectStore(settings)
    yield store
    store.close()


def new_analysis(settings: Settings, *, lifetime: timedelta = timedelta(minutes=5)) -> Analysis:
    """A fresh job document, as the gateway would make it."""
    analysis = Analysis()
    job = analysis.job
    job.job_id, job.tenant_id = str(uuid.uuid4()), str(uuid.uuid4())
    job.region, job.kind, job.epoch = settings.region, "tattoo", 1
    now = datetime.now(UTC)
    job.created_at.FromDatetime(now)
    job.deadline.FromDatetime(now + lifetime)
    return analysis


def repo(*parts: str) -> Path:
    """A path inside the repository."""
    return Path(__file__).resolve().parents[2].joinpath(*parts)
