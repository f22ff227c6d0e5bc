"""A process of the mesh from outside: health, reflection, metrics, limits, drain."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from assay.color.v1 import color_pb2, color_pb2_grpc
from assay.common.v1 import types_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from dev.ports import free_ports
from mesh.service import NOT_SERVING, SERVING, _watch_health

from .conftest import Servers, repo
from .tokens import ISSUER, Issuer

SERVICE = "assay.color.v1.ColorService"


@dataclass(frozen=True)
class Process:
    """A running `python -m svc_color`."""

    process: subprocess.Popen[bytes]
    log: Path
    grpc_port: int
    metrics_port: int

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}")

    def health(self, service: str = "") -> int:
        with self.channel() as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=2).status


def start(servers: Servers, folder: Path, **changes: str) -> Process:
    ports = free_ports(["grpc", "metrics"])
    settings = servers.settings
    env = {
        **os.environ,
        "ASSAY_NATS_URL": settings.nats_url,
        "ASSAY_S3_ENDPOINT": settings.s3_endpoint,
        "ASSAY_S3_ACCESS_KEY": settings.s3_access_key,
        "ASSAY_S3_SECRET_KEY": settings.s3_secret_key,
        "ASSAY_S3_ENCRYPTION": "sse-s3",
        "ASSAY_GRPC_PORT": str(ports["grpc"]),
        "ASSAY_METRICS_PORT": str(ports["metrics"]),
        "ASSAY_OIDC_ISSUER": ISSUER,
        "ASSAY_OIDC_JWKS_FILE": str(folder / "jwks.json"),
        **changes,
    }
    log = folder / "svc_color.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "svc_color"], cwd=repo(), env=env, stdout=out, stderr=subprocess.STDOUT
        )
    return Process(process, log, ports["grpc"], ports["metrics"])


def await_serving(process: Process, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.process.poll() is None:
        try:
            if process.health(SERVICE) == health_pb2.HealthCheckResponse.SERVING:
                return
        except grpc.RpcError:
            pass
        time.sleep(0.1)
    raise AssertionError(process.log.read_text())


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def color(servers: Servers, tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("svc")
    issuer.write_keys(folder / "jwks.json")
    started = start(servers, folder)
    try:
        await_serving(started)
        yield started
    finally:
        started.process.kill()
        started.process.wait(10)


def test_health_tells_services_apart_from_liveness(color: Process):
    assert color.health("") == color.health(SERVICE) == color.health("liveness") == 1
    with pytest.raises(grpc.RpcError):
        color.health("no.such.Service")


def test_reflection_lists_the_services_inside(color: Process):
    with color.channel() as channel:
        assert SERVICE in ProtoReflectionDescriptorDatabase(channel).get_services()


def test_every_process_has_metrics(color: Process):
    with urllib.request.urlopen(f"http://127.0.0.1:{color.metrics_port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert 'assay_build_info{region="local",service="svc_color"' in text


def test_calls_pass_the_door(color: Process, issuer: Issuer):
    pair = color_pb2.LabPair(
        reference=types_pb2.Lab(l=50, a=2.6772, b=-79.7751), sample=types_pb2.Lab(l=50, a=0, b=-82.7485)
    )
    request = color_pb2.DifferenceRequest(pairs=[pair])
    with color.channel() as channel:
        stub = color_pb2_grpc.ColorServiceStub(channel)
        answer = stub.Difference(request, metadata=[("authorization", f"Bearer {issuer.token()}")], timeout=5)
        assert answer.differences[0] == pytest.approx(2.0425, abs=1e-4)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Difference(request, timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_messages_have_a_limit(color: Process, issuer: Issuer):
    pair = color_pb2.LabPair(reference=types_pb2.Lab(l=1), sample=types_pb2.Lab(l=2))
    with color.channel() as channel:
        stub = color_pb2_grpc.ColorServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Difference(
                color_pb2.DifferenceRequest(pairs=[pair] * 500_000),
                metadata=[("authorization", f"Bearer {issuer.token()}")],
                timeout=20,
            )
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_health_follows_readiness_and_liveness_does_not():
    told = health.aio.HealthServicer()
    taking = False
    connection = SimpleNamespace(connected=True)
    watching = asyncio.create_task(_watch_health(told, [SERVICE], connection, lambda: taking))
    await asyncio.sleep(0.1)
    try:
        for name, expected in ((SERVICE, NOT_SERVING), ("liveness", SERVING)):
            answer = await told.Check(health_pb2.HealthCheckRequest(service=name), None)
            assert answer.status == expected
        taking = True
        async with asyncio.timeout(10):
            while (await told.Check(health_pb2.HealthCheckRequest(service=SERVICE), None)).status != SERVING:
                await asyncio.sleep(0.05)
    finally:
        watching.cancel()


def test_logs_are_json_lines(color: Process):
    lines = [json.loads(line) for line in color.log.read_text().splitlines()]
    started = next(line for line in lines if line["event"] == "started")
    assert (started["service"], started["region"], started["level"]) == ("svc_color", "local", "info")
    assert started["ts"].endswith("Z")


def test_sigterm_drains_and_leaves_cleanly(servers: Servers, tmp_path: Path, issuer: Issuer):
    issuer.write_keys(tmp_path / "jwks.json")
    started = start(servers, tmp_path)
    await_serving(started)
    started.process.send_signal(signal.SIGTERM)
    assert started.process.wait(15) == 0
    events = [json.loads(line)["event"] for line in started.log.read_text().splitlines()]
    assert events.index("draining") < events.index("stopped") == len(events) - 1


def test_a_setting_that_does_not_fit_stops_the_process_with_its_name(servers: Servers, tmp_path: Path):
    started = start(servers, tmp_path, ASSAY_ACK_WAIT_S="soon")
    assert started.process.wait(30) != 0
    assert "ack_wait_s" in started.log.read_text()


def test_production_hides_reflection(servers: Servers, tmp_path: Path, issuer: Issuer):
    issuer.write_keys(tmp_path / "jwks.json")
    started = start(servers, tmp_path, ASSAY_ENV="production")
    try:
        await_serving(started)
        with started.channel() as channel, pytest.raises(grpc.RpcError):
            ProtoReflectionDescriptorDatabase(channel).get_services()
    finally:
        started.process.kill()
        started.process.wait(10)
