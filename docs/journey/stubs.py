"""The whole journey with typed gRPC stubs, and its last call again in gRPC-web framing.

    .venv/bin/python docs/journey/stubs.py PHOTO.jpg

needs a running stack (`make up`). Everything goes through Envoy: native gRPC over HTTP/2,
then gRPC-web over HTTP/1.1 as a browser would send it.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import grpc
import urllib3
from assay.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from google.api import httpbody_pb2
from google.protobuf import json_format

from dev import home, issuer

POOL = urllib3.PoolManager(retries=False, timeout=30)
WEB = "application/grpc-web+proto"


def main(photo: Path) -> None:
    folder = home.home()
    state = home.read_state(folder)
    if state is None:
        raise SystemExit("no stack runs; start one with `make up`")
    url, client = str(state.urls["gateway"]), issuer.first_client(folder)
    with grpc.insecure_channel(urlsplit(url).netloc) as channel:
        token = get_token(gateway_pb2_grpc.TokenServiceStub(channel), client)
        stub = gateway_pb2_grpc.AnalysisServiceStub(channel)
        job_id = analyze(stub, photo, [("authorization", f"Bearer {token}")])
    over_grpc_web(url, token, job_id)


def get_token(stub: gateway_pb2_grpc.TokenServiceStub, client: issuer.Client) -> str:
    """Client credentials over gRPC: the form travels as an HttpBody."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    }
    request = httpbody_pb2.HttpBody(
        content_type="application/x-www-form-urlencoded", data=urlencode(form).encode()
    )
    return str(json.loads(stub.IssueToken(request, timeout=10).data)["access_token"])


def analyze(stub: gateway_pb2_grpc.AnalysisServiceStub, photo: Path, metadata: list[tuple[str, str]]) -> str:
    """Sign, upload, analyze and watch; returns the job's id."""
    content = photo.read_bytes()
    signed = stub.SignUpload(
        gateway_pb2.SignUploadRequest(
            purpose=gateway_pb2.UPLOAD_PURPOSE_IMAGE, media_type="image/jpeg", size_bytes=len(content)
        ),
        metadata=metadata,
        timeout=10,
    )
    form = [*signed.fields.items(), ("file", (photo.name, content, "image/jpeg"))]
    stored = POOL.request("POST", signed.url, fields=form)
    if stored.status >= 300:
        raise SystemExit(f"storage answers {stored.status}: {stored.data.decode()}")
    request = gateway_pb2.AnalyzeRequest(upload_id=signed.upload_id)
    intake = json.loads(Path("cli/examples/intake.json").read_text())
    intake.pop("_note", None)
    json_format.ParseDict(intake, request)
    job = stub.Analyze(
        request, metadata=[*metadata, ("idempotency-key", f"stubs-{signed.upload_id}")], timeout=10
    )
    print(f"gRPC      job {job.job_id} {gateway_pb2.State.Name(job.state)}")
    watch = gateway_pb2.WatchAnalysisRequest(job_id=job.job_id)
    events = b"".join(body.data for body in stub.WatchAnalysis(watch, metadata=metadata, timeout=90))
    print(f"gRPC      watched {events.count(b'event:')} events")
    done = stub.GetAnalysis(gateway_pb2.GetAnalysisRequest(job_id=job.job_id), metadata=metadata, timeout=10)
    print(f"gRPC      {gateway_pb2.State.Name(done.state)}, {len(done.result.color.inks)} inks")
    return str(job.job_id)


def over_grpc_web(url: str, token: str, job_id: str) -> None:
    """GetAnalysis in gRPC-web framing: one data frame out, a data and a trailer frame back."""
    message = gateway_pb2.GetAnalysisRequest(job_id=job_id).SerializeToString()
    answer = POOL.request(
        "POST",
        f"{url}/assay.gateway.v1.AnalysisService/GetAnalysis",
        body=struct.pack(">BI", 0, len(message)) + message,
        headers={"content-type": WEB, "x-grpc-web": "1", "authorization": f"Bearer {token}"},
    )
    frames = {}
    rest = answer.data
    while rest:
        kind, length = struct.unpack(">BI", rest[:5])
        frames[kind], rest = rest[5 : 5 + length], rest[5 + length :]
    view = gateway_pb2.AnalysisView.FromString(frames[0])
    trailer = frames[0x80].decode().strip()
    print(f"gRPC-web  HTTP {answer.status}, {gateway_pb2.State.Name(view.state)}, {trailer}")
    if view.state != gateway_pb2.STATE_SUCCEEDED or "grpc-status:0" not in trailer.replace(" ", ""):
        raise SystemExit("the journey did not end in a result")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models/sample/tattoo.jpg"))
