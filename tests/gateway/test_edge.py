"""The public API as phones meet it: HTTP and JSON through the real Envoy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from assay.gateway.v1 import gateway_pb2 as pb

from dev.process import Running
from dev.servers import envoy, free_ports
from mesh.jetstream import JetStream
from mesh.settings import Settings
from tests.gateway.callers import PHOTO, Caller, post_form, read_events, served
from tests.gateway.test_downloads import PDF

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]
ORDER = {"consent": {"treatment": True, "text_version": "2026-01"}, "tattoo": {}}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Phone:
    """Speaks REST to the edge as a client of the development issuer."""

    def __init__(self, base: str, caller: Caller) -> None:
        self.base = base
        self.caller = caller
        self.token = ""

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Sends one request; names of headers with underscores for dashes."""
        made = {name.replace("_", "-"): value for name, value in headers.items()}
        made["authorization"] = f"Bearer {self.token}"
        made = {k: v for k, v in made.items() if v != "Bearer "}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        made.setdefault("content-type", "application/json")
        response = await asyncio.to_thread(
            urllib3.request, method, self.base + path, body=data, headers=made, timeout=30, redirect=False
        )
        return Answer(response.status, response.headers, response.data)

    async def upload(self) -> str:
        """Signs and sends the photo."""
        wanted = {"purpose": "UPLOAD_PURPOSE_IMAGE", "media_type": "image/jpeg", "size_bytes": len(PHOTO)}
        answer = await self.ask("POST", "/uploads/sign", wanted)
        assert answer.status == 200, answer.body
        signed = pb.SignUploadResponse(url=answer.json["url"], fields=answer.json["fields"])
        status, text = await asyncio.to_thread(post_form, signed, PHOTO)
        assert status in (200, 204), text
        return str(answer.json["upload_id"])


@pytest.fixture
async def phone(settings: Settings, stream: JetStream, tmp_path: Path) -> AsyncIterator[Phone]:
    """A phone with a token, before Envoy, before a gateway of this process."""
    ports = free_ports(envoy.PORTS, ["grpc_color", "grpc_decision"])
    base = f"http://127.0.0.1:{ports['gateway']}"
    first = json.loads(Path(settings.dev_clients_file).read_text())[0]
    async with served(settings.model_copy(update={"oidc_issuer": base}), stream) as gateway:
        upstream = {**ports, "grpc_gateway": int(gateway.address.rpartition(":")[2])}
        edge = Running(envoy.spec(tmp_path, upstream, Path(settings.oidc_jwks_file)))
        # Its probe asks the gateway, which this loop serves: start aside, in a thread that lives on.
        starting = asyncio.get_running_loop().run_in_executor(None, edge.start)
        await starting
        one = Phone(base, Caller(gateway, first["tenant_id"]))
        grant = {"grant_type": "client_credentials", **{k: first[k] for k in ("client_id", "client_secret")}}
        answer = await one.ask(
            "POST",
            "/oauth/token",
            urlencode(grant).encode(),
            content_type="application/x-www-form-urlencoded",
        )
        assert answer.status == 200, answer.body
        one.token = answer.json["access_token"]
        try:
            yield one
        finally:
            await one.caller.channel.close()
            await asyncio.to_thread(edge.stop)


async def test_the_journey_over_rest(phone: Phone) -> None:
    order = {"upload_id": await phone.upload(), **ORDER}
    accepted = await phone.ask("POST", "/v1/analyze", order, idempotency_key="one")
    assert (accepted.status, accepted.json["state"]) == (202, "STATE_QUEUED")
    path = f"/v1/analyze/{accepted.json['job_id']}"
    assert accepted.headers["location"] == path
    again = await phone.ask("POST", "/v1/analyze", order, idempotency_key="one")
    assert (again.json["job_id"], again.headers["idempotent-replayed"]) == (accepted.json["job_id"], "true")
    conflict = await phone.ask("POST", "/v1/analyze", {**order, "subject_id": "x"}, idempotency_key="one")
    assert (conflict.status, conflict.json["code"]) == (409, "IDEMPOTENCY_CONFLICT")

    watching = asyncio.create_task(phone.ask("GET", f"{path}:watch"))
    caller = phone.caller
    document = await caller.document(accepted.json["job_id"])
    prefix = f"{caller.tenant}/{accepted.json['job_id']}/report"
    objects = caller.served.resources.objects
    document.report.pdf.CopyFrom(await objects.put(prefix, "report.pdf", PDF, "application/pdf"))
    await caller.publish_document("reported", document)
    events = await asyncio.wait_for(watching, 20)
    told = read_events(events.body.decode())
    assert events.headers["content-type"] == "text/event-stream"
    assert (told[-1].name, told[-1].data["state"]) == ("done", "STATE_SUCCEEDED")
    resumed = await phone.ask("GET", f"{path}:watch", last_event_id=told[-1].event_id)
    assert [event.name for event in read_events(resumed.body.decode())] == ["done"]

    result = await phone.ask("GET", path)
    assert (result.status, result.json["state"]) == (200, "STATE_SUCCEEDED")
    report = await phone.ask("GET", f"{path}/report.pdf")
    assert (report.status, report.body, report.headers["content-type"]) == (200, PDF, "application/pdf")
    assert report.headers["content-disposition"].startswith("attachment")
    assert report.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in report.headers["cache-control"]
    listed = await phone.ask("GET", "/v1/analyze?page_size=1")
    assert listed.json["analyses"][0]["job_id"] == accepted.json["job_id"]
    ended = await phone.ask("POST", f"{path}:cancel", {})
    assert (ended.status, ended.json["code"]) == (400, "JOB_ENDED")


async def test_problems_and_refusals_over_rest(phone: Phone) -> None:
    missing = "/v1/analyze/00000000-0000-7000-8000-000000000000"
    cases = [
        (await phone.ask("GET", missing), 404, "JOB_NOT_FOUND"),
        (await phone.ask("GET", f"{missing}:watch"), 404, "JOB_NOT_FOUND"),
        (await phone.ask("GET", f"{missing}/report.pdf"), 404, "JOB_NOT_FOUND"),
        (await phone.ask("GET", "/v1/analyze?page_token=x"), 400, "PAGE_TOKEN_INVALID"),
        (
            await phone.ask("POST", "/v1/analyze", {"upload_id": missing[-36:], **ORDER}),
            404,
            "UPLOAD_NOT_FOUND",
        ),
    ]
    refused = {"upload_id": missing[-36:], "consent": {"text_version": "1"}, "tattoo": {}}
    no_consent = await phone.ask("POST", "/v1/analyze", refused)
    assert no_consent.json["field"] == "consent.treatment"
    for answer, status, code in (*cases, (no_consent, 400, "CONSENT_REQUIRED")):
        assert (answer.status, answer.json["code"], answer.json["status"]) == (status, code, status)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["fix"]


async def test_token_refusals_keep_their_own_shape(phone: Phone) -> None:
    phone.token = ""
    form = b"grant_type=client_credentials&client_id=x&client_secret=y"
    answer = await phone.ask("POST", "/oauth/token", form, content_type="application/x-www-form-urlencoded")
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")
    key_set = await phone.ask("GET", "/.well-known/jwks.json")
    assert (key_set.status, len(key_set.json["keys"])) == (200, 1)
    health = await phone.ask("GET", "/healthz")
    assert health.json["dependencies"] == {"postgres": True, "nats": True, "s3": True}
    assert (await phone.ask("GET", "/v1/analyze")).status == 401
