"""Health and the API's own description; migrations that may be repeated; the catalogue of versions."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc.aio
import psycopg
import pytest
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc

from cli.catalogue import rendered
from gateway import catalogue, rulesets
from gateway.ledger.ids import uuid7
from gateway.ledger.migrations import versions
from gateway.migrate import migrate
from mesh import registry
from mesh.settings import Settings
from svc_decision import loader
from svc_decision.balance import loader as balance_loader
from tests.gateway.callers import Served
from tests.gateway.conftest import Servers

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]


async def health(gateway: Served) -> pb.Health:
    """Asks for health."""
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        return await gateway_pb2_grpc.PlatformServiceStub(channel).GetHealth(pb.GetHealthRequest())


async def until_health(gateway: Served, **wanted: bool) -> pb.Health:
    """Waits until the dependencies answer as wanted."""
    async with asyncio.timeout(30):
        while True:
            found = await health(gateway)
            if all(found.dependencies[name] is up for name, up in wanted.items()):
                return found
            await asyncio.sleep(0.2)


async def test_health_follows_what_the_gateway_needs(servers: Servers, gateway: Served) -> None:
    good = await until_health(gateway, postgres=True, nats=True, s3=True)
    assert (good.status, good.region) == ("ok", "local")
    for name in ("postgres", "nats"):
        servers.running[name].stop()
        try:
            bad = await until_health(gateway, **{name: False, "s3": True})
            assert bad.status == "degraded"
        finally:
            servers.running[name].start()
    assert (await until_health(gateway, postgres=True, nats=True, s3=True)).status == "ok"


async def test_health_is_kept_for_a_second(gateway: Served) -> None:
    answers = await asyncio.gather(*(health(gateway) for _ in range(50)))
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1


async def test_the_api_describes_itself(gateway: Served) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub = gateway_pb2_grpc.PlatformServiceStub(channel)
        openapi = await stub.GetOpenApi(pb.GetOpenApiRequest())
        docs = await stub.GetDocs(pb.GetDocsRequest())
    assert json.loads(openapi.data)["openapi"].startswith("3.1")
    assert openapi.content_type == "application/json"
    assert docs.content_type.startswith("text/html")
    assert b"<html" in docs.data


def test_migrations_may_run_again_and_at_once(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as threads:
        runs = [
            threads.submit(
                migrate, settings.postgres_owner_dsn, settings.postgres_dsn, settings.postgres_worker_dsn
            )
            for _ in range(4)
        ]
        for run in runs:
            run.result(timeout=60)
    with psycopg.connect(settings.postgres_owner_dsn) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    newest = max(path.name[:4] for path in Path(versions.__path__[0]).glob("[0-9]*.py"))
    assert found == [(newest,)]


def test_migrating_as_the_wrong_role_is_refused(settings: Settings) -> None:
    with pytest.raises(SystemExit, match="assay_app"):
        migrate(settings.postgres_owner_dsn, settings.postgres_worker_dsn, settings.postgres_worker_dsn)


def test_the_gateway_lists_the_rulesets_that_the_stage_holds() -> None:
    stale = "stale: run `python -m cli.catalogue`"
    assert rulesets.FILE.read_text(encoding="utf-8") == rendered(), stale
    releases, untouched = rulesets.load(), rulesets.Standing()
    defaults = {"tattoo": loader.DEFAULT_RULESET, "balance": balance_loader.DEFAULT_RULESET}
    assert {kind: rulesets.active(releases, untouched, kind) for kind in defaults} == defaults


def test_the_catalogue_names_the_models_that_are_released() -> None:
    served = {entry.label for entry in registry.entries() if entry.state == registry.RELEASED}
    named = frozenset().union(*catalogue.load().models.values())
    inner = frozenset().union(*catalogue.load().inner_models.values())
    assert named | inner == served
    assert not named & inner


def test_identifiers_sort_by_time_and_never_repeat() -> None:
    made = [uuid7() for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert [m[:13] for m in made] == sorted(m[:13] for m in made)
    assert all(m[14] == "7" and m[19] in "89ab" for m in made)
