"""Three ways to the same API, as phones, browsers and servers take them: REST, gRPC-web, gRPC.

Every call is one step that is reported by name, with its time and its error; runs inside Locust (gevent).
"""

from __future__ import annotations

import json
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import grpc
import urllib3
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc
from google.protobuf import json_format

Json = dict[str, Any]
# (protocol, step, seconds, bytes of the answer, error)
Told = Callable[[str, str, float, int, Exception | None], None]

ENDED = ("STATE_SUCCEEDED", "STATE_FAILED", "STATE_CANCELLED")
# A SYNC call may wait for 60 s before it is answered.
CALL_S, SYNC_S, UPLOAD_S, WATCH_S = 30.0, 75.0, 60.0, 300.0
SERVICE = "/assay.gateway.v1.AnalysisService/"
WEB = "application/grpc-web+proto"
# A token is asked for anew when so much of its time is left.
SPARE_S = 120.0


class StepError(Exception):
    """A step that was not answered as it should be."""


@dataclass
class Step:
    """A running step; `size` is what its answer weighs, bytes."""

    size: int = 0


@dataclass
class Upload:
    """What is sent: a file, its media type, its purpose (image, video)."""

    path: Path
    media_type: str
    purpose: str
    content: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.content = self.path.read_bytes()


class Site:
    """One deployment under test: where it is, who calls, one pool of connections, one gRPC channel."""

    def __init__(self, url: str, client_id: str, secret: str, told: Told) -> None:
        self.url, self._told = url, told
        self._form = {
            "grant_type": "client_credentials", "client_id": client_id, "client_secret": secret,
        }  # fmt: skip
        self.pool = urllib3.PoolManager(retries=False, maxsize=256, block=False)
        channel = grpc.insecure_channel(urlsplit(url).netloc)
        self.stub = gateway_pb2_grpc.AnalysisServiceStub(channel)
        self._token, self._until = "", 0.0

    @contextmanager
    def step(self, protocol: str, name: str) -> Iterator[Step]:
        """Times a step and tells about it; an error ends the journey as StepError."""
        began, step, error = time.perf_counter(), Step(), None
        try:
            yield step
        except (StepError, urllib3.exceptions.HTTPError, grpc.RpcError, ValueError, KeyError) as caught:
            error = caught if isinstance(caught, StepError) else StepError(said(caught))
            raise error from caught
        finally:
            self._told(protocol, name, time.perf_counter() - began, step.size, error)

    def authorization(self) -> str:
        """The header's value, with a token that will last a while."""
        if time.monotonic() > self._until:
            # Others may ask at the same moment; each answer is a good token.
            with self.step("REST", "POST /oauth/token") as step:
                answer = self.http(
                    "POST", "/oauth/token", urlencode(self._form).encode(),
                    {"content-type": "application/x-www-form-urlencoded"},
                )  # fmt: skip
                step.size = len(answer)
                granted = json.loads(answer)
            self._token = str(granted["access_token"])
            self._until = time.monotonic() + float(granted["expires_in"]) - SPARE_S
        return f"Bearer {self._token}"

    def http(
        self, verb: str, path: str, body: bytes | None = None, headers: Json | None = None, expect: int = 0
    ) -> bytes:
        """One HTTP call; raises StepError unless the status is 2xx, or `expect` where one is given."""
        url, limit_s = self.url + path, SYNC_S if body and b"MODE_SYNC" in body else CALL_S
        answer = self.pool.request(verb, url, body=body, headers=headers or {}, timeout=limit_s)
        good = answer.status == expect if expect else answer.status < 300
        if not good:
            raise StepError(f"HTTP {answer.status} {answer.data[:120]!r}")
        return answer.data

    def store(self, url: str, fields: Json, upload: Upload) -> None:
        """Uploads straight to storage, as the signed form says."""
        with self.step("S3", f"upload {upload.purpose}") as step:
            form: list[Any] = [
                *fields.items(),
                ("file", (upload.path.name, upload.content, upload.media_type)),
            ]
            answer = self.pool.request("POST", url, fields=form, timeout=UPLOAD_S)
            step.size = len(upload.content)
            if answer.status >= 300:
                raise StepError(f"storage answers {answer.status}")


def said(error: Exception) -> str:
    """An error in a few words: Locust groups by them."""
    if isinstance(error, grpc.RpcError):
        code = error.code().name if isinstance(error, grpc.Call) else "UNKNOWN"
        return f"gRPC {code}"
    return type(error).__name__


class Rest:
    """JSON over HTTP/1.1, with server-sent events: the phone."""

    name = "REST"

    def __init__(self, site: Site) -> None:
        self._site = site

    def call(self, step: str, verb: str, path: str, body: Json | None = None, **headers: str) -> Json:
        """A JSON call as one step."""
        sent = {"authorization": self._site.authorization()}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent["content-type"] = "application/json"
        with self._site.step(self.name, step) as told:
            answer = self._site.http(verb, path, None if body is None else json.dumps(body).encode(), sent)
            told.size = len(answer)
            parsed: Json = json.loads(answer)
        return parsed

    def upload(self, upload: Upload) -> str:
        signed = self.call(
            "POST /uploads/sign", "POST", "/uploads/sign",
            {
                "purpose": f"UPLOAD_PURPOSE_{upload.purpose.upper()}",
                "media_type": upload.media_type,
                "size_bytes": str(len(upload.content)),
            },
        )  # fmt: skip
        self._site.store(signed["url"], signed["fields"], upload)
        return str(signed["upload_id"])

    def analyze(self, order: Json) -> Json:
        step = "POST /v1/analyze SYNC" if order.get("mode") == "MODE_SYNC" else "POST /v1/analyze"
        return self.call(step, "POST", "/v1/analyze", order, idempotency_key=str(uuid.uuid4()))

    def watch(self, job_id: str) -> None:
        """Reads server-sent events until the stream ends: its time is the job's."""
        headers = {"authorization": self._site.authorization(), "accept": "text/event-stream"}
        timeout = urllib3.Timeout(connect=5, read=60)
        with self._site.step("SSE", "GET :watch") as told:
            url = f"{self._site.url}/v1/analyze/{job_id}:watch"
            answer = self._site.pool.request(
                "GET", url, headers=headers, timeout=timeout, preload_content=False
            )
            try:
                if answer.status != 200:
                    raise StepError(f"HTTP {answer.status}")
                seen = b"".join(answer.stream(4096))
            finally:
                answer.release_conn()
            told.size = len(seen)
            if b"event: done" not in seen:
                raise StepError("the stream ended before the analysis")

    def job(self, job_id: str) -> Json:
        return self.call("GET /v1/analyze/{job}", "GET", f"/v1/analyze/{job_id}")

    def report(self, job_id: str) -> None:
        headers = {"authorization": self._site.authorization()}
        with self._site.step(self.name, "GET report.pdf") as told:
            pdf = self._site.http("GET", f"/v1/analyze/{job_id}/report.pdf", None, headers)
            told.size = len(pdf)
            if not pdf.startswith(b"%PDF-"):
                raise StepError("no PDF")


class Grpc:
    """Typed stubs over HTTP/2: a server of ours or of a partner."""

    name = "gRPC"

    def __init__(self, site: Site) -> None:
        self._site = site

    def _metadata(self) -> list[tuple[str, str]]:
        return [("authorization", self._site.authorization())]

    def upload(self, upload: Upload) -> str:
        request = pb.SignUploadRequest(
            purpose=pb.UploadPurpose.Value(f"UPLOAD_PURPOSE_{upload.purpose.upper()}"),
            media_type=upload.media_type,
            size_bytes=len(upload.content),
        )
        metadata = self._metadata()
        with self._site.step(self.name, "SignUpload") as told:
            signed = self._site.stub.SignUpload(request, metadata=metadata, timeout=CALL_S)
            told.size = signed.ByteSize()
        self._site.store(signed.url, dict(signed.fields), upload)
        return str(signed.upload_id)

    def analyze(self, order: Json) -> Json:
        request = json_format.ParseDict(order, pb.AnalyzeRequest())
        metadata = [*self._metadata(), ("idempotency-key", str(uuid.uuid4()))]
        with self._site.step(self.name, "Analyze") as told:
            view = self._site.stub.Analyze(request, metadata=metadata, timeout=CALL_S)
            told.size = view.ByteSize()
        return as_json(view)

    def watch(self, job_id: str) -> None:
        request, metadata = pb.WatchAnalysisRequest(job_id=job_id), self._metadata()
        with self._site.step(self.name, "WatchAnalysis (stream)") as told:
            stream = self._site.stub.WatchAnalysis(request, metadata=metadata, timeout=WATCH_S)
            seen = b"".join(body.data for body in stream)
            told.size = len(seen)
            if b"event: done" not in seen:
                raise StepError("the stream ended before the analysis")

    def job(self, job_id: str) -> Json:
        request, metadata = pb.GetAnalysisRequest(job_id=job_id), self._metadata()
        with self._site.step(self.name, "GetAnalysis") as told:
            view = self._site.stub.GetAnalysis(request, metadata=metadata, timeout=CALL_S)
            told.size = view.ByteSize()
        return as_json(view)


class GrpcWeb:
    """gRPC-web frames over HTTP/1.1: a browser. It polls, since it keeps no stream open here."""

    name = "gRPC-web"

    def __init__(self, site: Site) -> None:
        self._site = site

    def _call(self, method: str, request: Any, answer: Any, **headers: str) -> Any:
        message = request.SerializeToString()
        sent = {"content-type": WEB, "x-grpc-web": "1", "authorization": self._site.authorization()}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        with self._site.step(self.name, method) as told:
            body = struct.pack(">BI", 0, len(message)) + message
            data = self._site.http("POST", SERVICE + method, body, sent)
            told.size = len(data)
            answer.ParseFromString(_unframed(data))
        return answer

    def upload(self, upload: Upload) -> str:
        request = pb.SignUploadRequest(
            purpose=pb.UploadPurpose.Value(f"UPLOAD_PURPOSE_{upload.purpose.upper()}"),
            media_type=upload.media_type,
            size_bytes=len(upload.content),
        )
        signed = self._call("SignUpload", request, pb.SignUploadResponse())
        self._site.store(signed.url, dict(signed.fields), upload)
        return str(signed.upload_id)

    def analyze(self, order: Json) -> Json:
        request = json_format.ParseDict(order, pb.AnalyzeRequest())
        view = self._call("Analyze", request, pb.AnalysisView(), idempotency_key=str(uuid.uuid4()))
        return as_json(view)

    def watch(self, job_id: str) -> None:
        """Polls once a second until the analysis has ended."""
        until = time.monotonic() + WATCH_S
        while self.job(job_id)["state"] not in ENDED:
            if time.monotonic() > until:
                raise StepError("the analysis did not end")
            time.sleep(1.0)

    def job(self, job_id: str) -> Json:
        return as_json(self._call("GetAnalysis", pb.GetAnalysisRequest(job_id=job_id), pb.AnalysisView()))


def as_json(view: Any) -> Json:
    """What journeys look at, by the names of the REST surface."""
    return {
        "job_id": view.job_id,
        "state": pb.State.Name(view.state),
        "created_at": view.created_at.ToJsonString(),
        "finished_at": view.finished_at.ToJsonString() if view.HasField("finished_at") else None,
    }


def _unframed(data: bytes) -> bytes:
    """The message of a unary answer; raises StepError when the trailer says anything but OK."""
    message, rest = b"", data
    while rest:
        kind, length = struct.unpack(">BI", rest[:5])
        frame, rest = rest[5 : 5 + length], rest[5 + length :]
        if kind == 0:
            message = frame
        elif b"grpc-status:0" not in frame.replace(b" ", b""):
            raise StepError(f"gRPC-web {frame[:80]!r}")
    return message
