"""Real servers for the gateway's tests: one PostgreSQL, NATS and S3 per test process, on free ports."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev import issuer
from dev.servers import Running, free_ports, nats, postgres, run, s3
from gateway.ledger.database import APP_ROLE, WORKER_ROLE, Ledger
from gateway.migrate import migrate
from mesh import jetstream, topology
from mesh.jetstream import JetStream
from mesh.settings import Settings
from tests.gateway.callers import Caller, Served, served


@dataclass(frozen=True)
class Servers:
    """The running servers and the settings that reach them."""

    settings: Settings
    running: dict[str, Running]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL with the ledger migrated, NATS with the topology, S3 with the buckets."""
    root = tmp_path_factory.mktemp("servers")
    ports = free_ports(postgres.PORTS, nats.PORTS, s3.PORTS)
    rooms = {"postgres": postgres, "nats": nats, "s3": s3}
    with run([room.spec(root / name, ports) for name, room in rooms.items()]) as running:
        settings = settings_of(root, ports)
        migrate(settings.postgres_owner_dsn, settings.postgres_dsn, settings.postgres_worker_dsn)
        asyncio.run(apply_topology(settings))
        yield Servers(settings, running)


def settings_of(root: Path, ports: dict[str, int]) -> Settings:
    """Settings as the local stack would set them, for servers below `root`."""
    keys = s3.keys(root / "s3")
    return Settings(
        nats_url=nats.url(root / "nats", ports),
        postgres_owner_dsn=postgres.dsn(root / "postgres", ports),
        postgres_dsn=postgres.dsn(root / "postgres", ports, role=APP_ROLE),
        postgres_worker_dsn=postgres.dsn(root / "postgres", ports, role=WORKER_ROLE),
        s3_endpoint=s3.endpoint(ports),
        s3_access_key=keys.access,
        s3_secret_key=keys.secret,
        s3_encryption="sse-s3",
        oidc_issuer="https://issuer.test",
        oidc_jwks_file=str(issuer.key_set_file(root / "issuer")),
        dev_issuer_key_file=str(issuer.key_file(root / "issuer")),
        dev_clients_file=str(issuer.clients_file(root / "issuer")),
        max_upload_bytes=2**20,
    )


async def apply_topology(settings: Settings) -> None:
    """Declares streams, consumers and buckets."""
    connection = await jetstream.connect(settings, "topology")
    try:
        await topology.apply(connection.js, settings)
    finally:
        await connection.close()


@pytest.fixture
def settings(servers: Servers) -> Settings:
    """Settings that reach the servers."""
    return servers.settings


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test uses."""
    return str(uuid.uuid4())


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Ledger]:
    """The ledger as requests see it."""
    async for ledger in opened(settings.postgres_dsn):
        yield ledger


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Ledger]:
    """The ledger as background work sees it."""
    async for ledger in opened(settings.postgres_worker_dsn):
        yield ledger


async def opened(dsn: str) -> AsyncIterator[Ledger]:
    """A small pool, closed at the end."""
    ledger = Ledger(dsn, name="test", max_size=4)
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.fixture
async def stream(settings: Settings) -> AsyncIterator[JetStream]:
    """A connection to NATS."""
    connection = await jetstream.connect(settings, "test")
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def gateway(settings: Settings, stream: JetStream) -> AsyncIterator[Served]:
    """A gateway served over gRPC, with its background work."""
    async with served(settings, stream) as running:
        yield running


@pytest.fixture
async def caller(gateway: Served, tenant: str) -> AsyncIterator[Caller]:
    """A caller of a tenant of its own."""
    one = Caller(gateway, tenant)
    yield one
    await one.channel.close()
