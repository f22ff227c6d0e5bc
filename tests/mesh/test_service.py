"""A process of the mesh from outside: health, reflection, metrics, limits, drain."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from assay.color.v1 import color_pb2, color_pb2_grpc
from assay.common.v1 import types_pb2
from cryptography import x509
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from dev.ports import free_ports
from mesh import service
from mesh.service import NOT_SERVING, SERVING, _watch_health
from mesh.settings import Settings

from .authority import Authority
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


def start(servers: Servers, folder: Path, *command: str, **changes: str) -> Process:
    """Starts `python -m svc_color`, or Python with the command given."""
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
            [sys.executable, *(command or ("-m", "svc_color"))],
            cwd=repo(),
            env=env,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    return Process(process, log, ports["grpc"], ports["metrics"])


def await_serving(process: Process, within_s: float = 60, service_name: str = SERVICE) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.process.poll() is None:
        try:
            if process.health(service_name) == health_pb2.HealthCheckResponse.SERVING:
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


def test_with_a_certificate_callers_need_one_and_probes_do_not(
    servers: Servers, tmp_path: Path, issuer: Issuer
):
    issuer.write_keys(tmp_path / "jwks.json")
    authority = Authority()
    ours = authority.lay(tmp_path / "ours", "localhost")
    health_port = free_ports(["health"])["health"]
    changes = {"ASSAY_TLS_DIR": str(ours), "ASSAY_HEALTH_PORT": str(health_port)}
    started = start(servers, tmp_path, **changes)
    try:
        await_serving(replace(started, grpc_port=health_port))
        with (
            grpc.insecure_channel(f"127.0.0.1:{health_port}") as channel,
            pytest.raises(grpc.RpcError) as caught,
        ):
            color_pb2_grpc.ColorServiceStub(channel).Difference(color_pb2.DifferenceRequest(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED, "probes reach health and nothing else"
        caller = authority.lay(tmp_path / "caller", "caller")
        assert secured_health(started, ours, caller) == SERVING
        stranger = Authority().lay(tmp_path / "stranger", "caller")
        for shown in (None, stranger):
            with pytest.raises(grpc.RpcError) as caught:
                secured_health(started, ours, shown)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(grpc.RpcError):
            started.health()
        before = shown_serial(started)
        renewed = authority.lay(tmp_path / "renewed", "localhost")
        for name in ("tls.key", "tls.crt"):
            (renewed / name).rename(ours / name)
        assert shown_serial(started) != before, "a renewed certificate is shown without a restart"
        assert secured_health(started, ours, caller) == SERVING
    finally:
        started.process.kill()
        started.process.wait(10)


def secured_health(process: Process, trusted: Path, shown: Path | None) -> int:
    pair = [(shown / name).read_bytes() for name in ("tls.key", "tls.crt")] if shown else [None, None]
    credentials = grpc.ssl_channel_credentials((trusted / "ca.crt").read_bytes(), *pair)
    with grpc.secure_channel(f"localhost:{process.grpc_port}", credentials) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status


def shown_serial(process: Process) -> str:
    shown = ssl.get_server_certificate(("localhost", process.grpc_port))
    return str(x509.load_pem_x509_certificate(shown.encode()).serial_number)


async def test_connections_grow_old_and_calls_on_them_do_not_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service, "CONNECTION_AGE_MS", 300)
    server, told = service._server(Settings(oidc_issuer="https://issuer.test"), [])
    port = server.add_insecure_port("127.0.0.1:0")
    await told.set("", SERVING)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
            assert (await watch.read()).status == SERVING
            async with asyncio.timeout(10):
                while channel.get_state() is grpc.ChannelConnectivity.READY:
                    await asyncio.sleep(0.05)
            await told.set("", NOT_SERVING)
            assert (await watch.read()).status == NOT_SERVING
            watch.cancel()
    finally:
        await server.stop(0)


SLOW_START = """
import time
from mesh import service
from mesh.stage import Stage

async def handle(analysis, ctx):
    raise AssertionError("a process that was told to stop took a fact")

def prepare():
    print("preparing", flush=True)
    time.sleep(2)

stage = Stage("color", "tattoo", "segmented", "colored", "color", handle, prepare)
service.run("slow", services=[], register=lambda server, resources: None, stages=[stage])
"""


def test_sigterm_before_the_process_serves_is_not_lost(servers: Servers, tmp_path: Path, issuer: Issuer):
    """As the first process of a container it would be, had nobody asked for it yet."""
    issuer.write_keys(tmp_path / "jwks.json")
    started = start(servers, tmp_path, "-c", SLOW_START)
    deadline = time.monotonic() + 30
    while "preparing" not in started.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started.process.send_signal(signal.SIGTERM)
    assert started.process.wait(60) == 0
    assert "draining" in started.log.read_text()


STUCK = """
from mesh import service
service.run("stuck", services=[], register=lambda server, resources: None)
"""


def test_a_drain_ends_though_a_call_does_not(servers: Servers, tmp_path: Path, issuer: Issuer):
    issuer.write_keys(tmp_path / "jwks.json")
    started = start(servers, tmp_path, "-c", STUCK, ASSAY_DRAIN_S="3")
    await_serving(started, service_name="")
    with started.channel() as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="liveness"))
        assert next(watch).status == SERVING
        began = time.monotonic()
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(60) == 0
        assert time.monotonic() - began >= 2.5


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
