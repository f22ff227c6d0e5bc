"""A gateway served in the test's process over real gRPC, and callers with real tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import urllib3
from assay.events.v1.analysis_pb2 import Analysis, Consent
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from gateway.__main__ import Gateway
from gateway.issuer import keys
from gateway.issuer.clients import Client
from gateway.issuer.grant import sign
from gateway.ledger import jobs
from gateway.ledger.database import Ledger
from gateway.ledger.notify import Fanout
from mesh import auth, facts
from mesh.door import DETAILS, Door
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.service import Resources
from mesh.settings import Settings
from tests.gateway.ledgers import with_pages

SCOPES = ("analyses:read", "analyses:write")
SERVICES = list(pb.DESCRIPTOR.services_by_name.values())
PHOTO = b"\xff\xd8\xff" + b"p" * 1000


@dataclass(frozen=True)
class Served:
    """A running gateway; `ledger` is where tests look behind it."""

    ledger: Ledger
    fanout: Fanout
    resources: Resources
    address: str


@asynccontextmanager
async def served(settings: Settings, stream: JetStream) -> AsyncIterator[Served]:
    """Serves the gateway behind the mesh's door, with all of its background work."""
    gateway = Gateway(settings)
    resources = Resources(settings, ObjectStore(settings), stream)
    server = grpc.aio.server(interceptors=[Door(auth.rules(SERVICES), auth.Verifier(settings))])
    gateway.register(server, resources)
    health_service = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    for service in SERVICES:
        await health_service.set(service.full_name, health_pb2.HealthCheckResponse.SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    work = [gateway.follow, gateway.relay, gateway.project, gateway.reap, gateway.erase]
    tasks = [asyncio.ensure_future(task(resources)) for task in work]
    try:
        await _ready(gateway)
        yield Served(gateway.ledger, gateway.fanout, resources, f"127.0.0.1:{port}")
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop(1)
        await gateway.ledger.close()
        await gateway.worker.close()
        resources.objects.close()


async def _ready(gateway: Gateway) -> None:
    """Waits until the gateway takes orders."""
    async with asyncio.timeout(30):
        while not gateway.ready():
            await asyncio.sleep(0.02)


class Caller:
    """A caller of one tenant."""

    def __init__(self, gateway: Served, tenant: str, scopes: tuple[str, ...] = SCOPES) -> None:
        self.served = gateway
        self.tenant = tenant
        self.settings = gateway.resources.settings
        key = keys.load(Path(self.settings.dev_issuer_key_file))
        client = Client("tester", "", tenant, scopes)
        token = sign(client, scopes, key, self.settings.oidc_issuer, self.settings.oidc_audience)
        self.metadata: tuple[tuple[str, str], ...] = (("authorization", f"Bearer {token}"),)
        self.channel = grpc.aio.insecure_channel(gateway.address)
        self.stub = gateway_pb2_grpc.AnalysisServiceStub(self.channel)

    async def sign(self, data: bytes = PHOTO, **fields: Any) -> pb.SignUploadResponse:
        """Signs an upload of `data`."""
        announced = {
            "purpose": pb.UPLOAD_PURPOSE_IMAGE, "media_type": "image/jpeg", "size_bytes": len(data), **fields,
        }  # fmt: skip
        return await self.stub.SignUpload(pb.SignUploadRequest(**announced), metadata=self.metadata)

    async def upload(self, data: bytes = PHOTO, **fields: Any) -> str:
        """Signs and sends an upload; returns its id."""
        signed = await self.sign(data, **fields)
        status, body = await asyncio.to_thread(post_form, signed, data)
        assert status in (200, 201, 204), body
        return signed.upload_id

    async def analyze(
        self, request: pb.AnalyzeRequest, key: str = ""
    ) -> tuple[pb.AnalysisView, dict[str, str]]:
        """Starts an analysis; returns the answer and its headers."""
        extra = (("idempotency-key", key),) if key else ()
        call = self.stub.Analyze(request, metadata=(*self.metadata, *extra), timeout=70)
        answer = await call
        return answer, {k: str(v) for k, v in (await call.initial_metadata() or ())}

    async def get(self, job_id: str) -> pb.AnalysisView:
        """Gets an analysis."""
        return await self.stub.GetAnalysis(pb.GetAnalysisRequest(job_id=job_id), metadata=self.metadata)

    async def document(self, job_id: str) -> Analysis:
        """The document as the ledger has it."""
        async with self.served.ledger.tenant(self.tenant) as connection:
            row = await jobs.find(connection, job_id)
        assert row is not None
        return row.document

    async def publish(self, job_id: str, fact: str, pages: int) -> Analysis:
        """Publishes a fact as a stage would."""
        document = with_pages(await self.document(job_id), pages)
        await self.publish_document(fact, document)
        return document

    async def publish_document(self, fact: str, document: Analysis) -> None:
        """Publishes a fact with a document of the test's own."""
        await facts.publish_fact(self.served.resources.nats.js, fact, document, source="test")

    async def until(self, job_id: str, state: int, seconds: float = 20) -> pb.AnalysisView:
        """Waits until an analysis is in a state."""
        async with asyncio.timeout(seconds):
            while (view := await self.get(job_id)).state != state:
                await asyncio.sleep(0.05)
        return view


def order(upload_id: str, **fields: Any) -> pb.AnalyzeRequest:
    """A tattoo request with consent."""
    request = pb.AnalyzeRequest(
        upload_id=upload_id, consent=Consent(treatment=True, text_version="2026-01"), **fields
    )
    if request.WhichOneof("assessment") is None:
        request.tattoo.SetInParent()
    return request


def post_form(signed: pb.SignUploadResponse, data: bytes) -> tuple[int, str]:
    """Sends an upload as a browser does; returns status and body."""
    fields: dict[str, Any] = {**signed.fields, "file": ("photo.jpg", data)}
    response = urllib3.request("POST", signed.url, fields=fields, timeout=10)
    return response.status, response.data.decode()


@dataclass(frozen=True)
class Problem:
    """An error as callers see it."""

    status: grpc.StatusCode
    code: str
    field: str
    fix: str


def problem_of(error: grpc.aio.AioRpcError) -> Problem:
    """Reads the status details of a refused call."""
    packed = dict(error.trailing_metadata() or ())[DETAILS]
    status = status_pb2.Status.FromString(bytes(packed))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return Problem(error.code(), info.reason, info.metadata.get("field", ""), info.metadata.get("fix", ""))


@dataclass(frozen=True)
class Event:
    """A server-sent event."""

    name: str
    data: dict[str, Any]
    event_id: str


def read_events(text: str) -> list[Event]:
    """Parses an event stream; comments and retry lines are left out."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "event" in lines:
            found.append(Event(lines["event"], json.loads(lines["data"]), lines.get("id", "")))
    return found
