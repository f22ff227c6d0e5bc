"""A real Envoy with the rendered configuration, a peer behind it, and what calls it.

The peer implements the public services for these tests only: it says what reached it and answers
in each of the ways a service can, so that what is proven here is Envoy's part alone.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from assay.color.v1 import color_pb2, color_pb2_grpc
from assay.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from google.api import httpbody_pb2
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from dev.ports import free_ports
from gateway.surface.envoy import EnvoyOptions, write
from mesh import tls
from tests.surface.tokens import ISSUER, public_jwk, token

ORIGIN = "https://app.example"
JOB = "0192f0c1-1111-7000-8000-000000000001"


@dataclass
class Seen:
    """What reached the peer: method, request, metadata."""

    calls: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)

    def note(self, method: str, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        metadata = {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
        self.calls.append((method, request, metadata))


def rich_status() -> status_pb2.Status:
    """A refusal with every detail that the mesh sends."""
    details = [
        error_details_pb2.ErrorInfo(
            reason="IMAGE_TRUNCATED",
            domain="assay",
            metadata={"field": "upload_id", "fix": 'Send "all" of it.'},
        ),
        error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field="upload_id", description="ends early"),
                error_details_pb2.BadRequest.FieldViolation(field="tattoo.site", description="too long"),
            ]
        ),
    ]
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message='The photo "ends" early: \\ \n ü')
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def busy_status() -> status_pb2.Status:
    """A passing refusal that says when to come back."""
    status = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="Too many jobs.")
    info = error_details_pb2.ErrorInfo(reason="QUOTA_EXCEEDED", domain="assay")
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.seconds, retry.retry_delay.nanos = 2, 500_000_000
    for detail in (info, retry):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


class Analyses(gateway_pb2_grpc.AnalysisServiceServicer):
    """Echoes; the last byte of a job id, or the subject, chooses how to answer."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def SignUpload(self, request, context):
        self.seen.note("SignUpload", request, context)
        return gateway_pb2.SignUploadResponse(
            upload_id=JOB, url="http://s3", fields={"key": "k"}, max_bytes=5
        )

    async def Analyze(self, request, context):
        self.seen.note("Analyze", request, context)
        if request.subject_id == "slow":
            await asyncio.sleep(11)
        location = f"/v1/analyze/{JOB}"
        if request.mode != gateway_pb2.MODE_SYNC:
            await context.send_initial_metadata((("x-http-status", "202"), ("location", location)))
        return gateway_pb2.AnalysisView(job_id=JOB, kind="tattoo", subject_id=request.subject_id)

    async def GetAnalysis(self, request, context):
        self.seen.note("GetAnalysis", request, context)
        if request.job_id == "rich":
            await context.abort_with_status(rpc_status.to_status(rich_status()))
        if request.job_id == "busy":
            await context.abort_with_status(rpc_status.to_status(busy_status()))
        if request.job_id == "bare":
            await context.abort(grpc.StatusCode.NOT_FOUND, 'There is no job "bare".')
        if request.job_id == "expired":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token has expired.")
        if request.job_id == "slow":
            await asyncio.sleep(11)
        if request.job_id == "big":
            return gateway_pb2.AnalysisView(job_id=JOB, progress_message="x" * 500_000)
        return gateway_pb2.AnalysisView(job_id=request.job_id, state=gateway_pb2.STATE_RUNNING)

    async def WatchAnalysis(self, request, context) -> AsyncIterator[httpbody_pb2.HttpBody]:
        self.seen.note("WatchAnalysis", request, context)
        for n in range(3):
            event = f"id: {n}\nevent: progress\ndata: {{}}\n\n".encode()
            yield httpbody_pb2.HttpBody(content_type="text/event-stream", data=event)
            await asyncio.sleep(0.4)

    async def ListAnalyses(self, request, context):
        self.seen.note("ListAnalyses", request, context)
        return gateway_pb2.ListAnalysesResponse()

    async def CancelAnalysis(self, request, context):
        self.seen.note("CancelAnalysis", request, context)
        return gateway_pb2.AnalysisView(job_id=request.job_id, state=gateway_pb2.STATE_CANCELLED)

    async def EraseAnalysis(self, request, context):
        self.seen.note("EraseAnalysis", request, context)
        return gateway_pb2.Erasure()

    async def EraseSubject(self, request, context):
        self.seen.note("EraseSubject", request, context)
        return gateway_pb2.Erasure()

    async def ReplayAnalysis(self, request, context):
        self.seen.note("ReplayAnalysis", request, context)
        return gateway_pb2.AnalysisView(job_id=JOB, replay_of=request.job_id)

    async def GetReport(self, request, context) -> AsyncIterator[httpbody_pb2.HttpBody]:
        self.seen.note("GetReport", request, context)
        if request.job_id == "rich":
            await context.abort_with_status(rpc_status.to_status(rich_status()))
        yield httpbody_pb2.HttpBody(content_type="application/pdf", data=b"%PDF-1.7\n")
        for _ in range(40):
            yield httpbody_pb2.HttpBody(data=bytes(50_000))

    async def GetArtifact(self, request, context) -> AsyncIterator[httpbody_pb2.HttpBody]:
        self.seen.note("GetArtifact", request, context)
        await context.send_initial_metadata((("x-content-type-options", "nosniff"),))
        yield httpbody_pb2.HttpBody(content_type="image/png", data=request.name.encode())


class Tokens(gateway_pb2_grpc.TokenServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def IssueToken(self, request, context):
        self.seen.note("IssueToken", request, context)
        if b"client_secret=wrong" in request.data:
            await context.send_initial_metadata((("x-http-status", "401"),))
            return httpbody_pb2.HttpBody(content_type="application/json", data=b'{"error":"invalid_client"}')
        return httpbody_pb2.HttpBody(content_type="application/json", data=request.data)

    async def GetKeySet(self, request, context):
        return httpbody_pb2.HttpBody(content_type="application/json", data=b'{"keys":[]}')


class Platform(gateway_pb2_grpc.PlatformServiceServicer):
    async def GetHealth(self, request, context):
        return gateway_pb2.Health(status="ok", dependencies={"nats": True})

    async def GetOpenApi(self, request, context):
        return httpbody_pb2.HttpBody(content_type="application/json", data=b"{}")

    async def GetDocs(self, request, context):
        return httpbody_pb2.HttpBody(content_type="text/html; charset=utf-8", data=b"<!doctype html>")


class Colors(color_pb2_grpc.ColorServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def Difference(self, request, context):
        self.seen.note("Difference", request, context)
        return color_pb2.DifferenceResponse(differences=[0.0] * len(request.pairs))

    async def AnalyzeColor(self, request, context):
        self.seen.note("AnalyzeColor", request, context)
        return color_pb2.AnalyzeColorResponse()


class Everything(grpc.GenericRpcHandler):
    """Notes and answers any other path, so that a route too many would be seen."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        async def answer(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            self.seen.note(str(details.method), request, context)
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def peer(seen: Seen, tls_folder: Path | None = None) -> Iterator[int]:
    """Serves the peer on a thread with its own loop, by mutual TLS given a folder; yields its port."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), 0

    async def serve() -> grpc.aio.Server:
        nonlocal port
        server = grpc.aio.server()
        gateway_pb2_grpc.add_AnalysisServiceServicer_to_server(Analyses(seen), server)
        gateway_pb2_grpc.add_TokenServiceServicer_to_server(Tokens(seen), server)
        gateway_pb2_grpc.add_PlatformServiceServicer_to_server(Platform(), server)
        color_pb2_grpc.add_ColorServiceServicer_to_server(Colors(seen), server)
        checks = health.aio.HealthServicer()
        await checks.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
        reflection.enable_server_reflection(["assay.gateway.v1.AnalysisService"], server)
        server.add_generic_rpc_handlers((Everything(seen),))
        port = (
            server.add_secure_port("localhost:0", tls.server_credentials(tls_folder))
            if tls_folder
            else server.add_insecure_port("127.0.0.1:0")
        )
        await server.start()
        ready.set()
        return server

    async def run() -> None:
        server = await serve()
        await stopped.wait()
        await server.stop(0)

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield port
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        loop.close()


def free_port() -> int:
    """A port that no outgoing connection and no other test takes before Envoy listens on it."""
    return free_ports(["envoy"])["envoy"]


def envoy_binary() -> str | None:
    """The Envoy beside this Python, or on PATH."""
    beside = Path(sys.executable).with_name("envoy")
    return str(beside) if beside.exists() else shutil.which("envoy")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    names: tuple[str, ...]
    """Names of the headers as they came, repeated ones included."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Edge:
    """A running Envoy: its port, its folder, what its peer saw."""

    port: int
    admin_port: int
    folder: Path
    seen: Seen

    def http(
        self, verb: str, path: str, body: bytes | str | dict[str, Any] | None = None,
        headers: dict[str, str] | None = None, bearer: str | None = "",
    ) -> Answer:  # fmt: skip
        """One HTTP/1.1 request; bearer "" is a good token, None is none."""
        sent = dict(headers or {})
        if bearer is not None:
            sent["authorization"] = "Bearer " + (bearer or token())
        if isinstance(body, dict):
            body = json.dumps(body)
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(verb, path, body=body, headers=sent)
            answer = connection.getresponse()
            pairs = [(k.lower(), v) for k, v in answer.getheaders()]
            return Answer(answer.status, dict(pairs), answer.read(), tuple(k for k, _ in pairs))
        finally:
            connection.close()

    def log(self) -> str:
        """Access and server log so far."""
        return (self.folder / "envoy.log").read_text()


def options(folder: Path, upstreams: dict[str, str], **more: Any) -> EnvoyOptions:
    """Options of a test's Envoy with the key set of KEY."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jwks.json").write_text(json.dumps({"keys": [public_jwk()]}))
    return EnvoyOptions(
        **{
            "folder": folder, "port": free_port(), "admin_port": free_port(), "issuer": ISSUER,
            "upstreams": upstreams, "jwks_file": folder / "jwks.json", "cors_origins": (ORIGIN,), **more,
        }
    )  # fmt: skip


@contextmanager
def envoy(chosen: EnvoyOptions, seen: Seen, *, healthy: bool = True) -> Iterator[Edge]:
    """Runs Envoy until it serves, and until the gateway is healthy for it; ends it afterwards."""
    binary = envoy_binary()
    assert binary is not None
    bootstrap = write(chosen)
    with (chosen.folder / "envoy.log").open("wb") as log:
        process = subprocess.Popen(
            [binary, "-c", str(bootstrap), "--disable-hot-restart", "--concurrency", "1", "-l", "warning",
             "--file-flush-interval-msec", "50"],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _await_ready(process, chosen, healthy=healthy)
            yield Edge(chosen.port, chosen.admin_port, chosen.folder, seen)
        finally:
            process.terminate()
            process.wait(10)


def _get(port: int, path: str) -> str:
    """The body of an HTTP GET on this machine; empty when nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode() or "empty"
    except OSError:
        return ""
    finally:
        connection.close()


def _await_ready(process: subprocess.Popen[bytes], chosen: EnvoyOptions, *, healthy: bool) -> None:
    """Waits until the listener answers and, if wanted, the gateway's cluster is healthy."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError((chosen.folder / "envoy.log").read_text())
        known = _get(chosen.admin_port, "/clusters")
        found = re.search(r"gateway::[][0-9a-f.:]+::health_flags::healthy", known)
        if (found or not healthy) and (chosen.public_tls or _get(chosen.port, "/readyz")):
            return
        time.sleep(0.05)
    raise AssertionError("Envoy did not become ready in 30 s")


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Checks the shape that every problem has (RFC 9457) and returns it."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json
    assert (found["status"], found["code"]) == (status, code)
    assert found["type"] == "urn:assay:problem:" + code.lower().replace("_", "-")
    assert found["title"]
    assert set(found) <= {"type", "title", "status", "code", "detail", "field", "fix", "errors", "trace_id"}
    assert not {"grpc-status", "grpc-message", "grpc-status-details-bin", "x-http-status"} & set(
        answer.headers
    )
    return found
