"""Who gets through the door: Envoy itself refuses, by REST, gRPC and gRPC-web alike."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import grpc
import pytest
from assay.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from google.protobuf import empty_pb2

from gateway.surface.methods import Method, load
from gateway.surface.methods import edge as edge_methods
from tests.surface.edge import JOB, Answer, Edge
from tests.surface.tokens import OTHER_KEY, TENANT, confused_token, token, unsigned_token

pytestmark = pytest.mark.mesh

METHODS = load()
GUARDED = [m for m in edge_methods(METHODS) if not m.open]
INSIDE = [m for m in METHODS if m.inside]


def now(offset: int) -> int:
    return int(time.time()) + offset


BAD_TOKENS: dict[str, Callable[[], str]] = {
    "expired": lambda: token(exp=now(-120), iat=now(-300)),
    "not yet valid": lambda: token(nbf=now(300)),
    "no expiry": lambda: token(exp=None),
    "lives too long": lambda: token(exp=now(100_000)),
    "tampered": lambda: token()[:-6] + "AAAAAA",
    "another key": lambda: token(key=OTHER_KEY),
    "alg none": unsigned_token,
    "public key as HMAC secret": confused_token,
    "wrong issuer": lambda: token(iss="https://evil.test"),
    "wrong audience": lambda: token(aud="other"),
    "no audience": lambda: token(aud=None),
    "no JWT": lambda: "opaque",
}


def path_of(method: Method) -> str:
    assert method.http is not None
    return method.http.template.replace("{job_id}", JOB).replace("{name}", "mask.png")


def call_rest(edge: Edge, method: Method, bearer: str | None) -> Answer:
    assert method.http is not None
    return edge.http(method.http.verb, path_of(method), {} if method.http.body else None, bearer=bearer)


def call_grpc(edge: Edge, path: str, bearer: str | None) -> grpc.StatusCode:
    """Calls any path with an empty message; returns the status code."""
    metadata = (("authorization", f"Bearer {bearer}"),) if bearer else ()
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        stub = channel.unary_stream(
            path,
            request_serializer=empty_pb2.Empty.SerializeToString,
            response_deserializer=lambda data: data,
        )
        try:
            for _ in stub(empty_pb2.Empty(), metadata=metadata, timeout=10):
                pass
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def call_web(edge: Edge, path: str, bearer: str | None) -> Answer:
    frame = struct.pack(">BI", 0, 0)
    return edge.http("POST", path, frame, {"content-type": "application/grpc-web+proto"}, bearer)


def web_status(answer: Answer) -> str:
    """The gRPC status of a gRPC-web answer: in a header when there are only trailers."""
    if "grpc-status" in answer.headers:
        return answer.headers["grpc-status"]
    return answer.body.rpartition(b"grpc-status:")[2][:2].strip().decode()


@pytest.mark.parametrize("method", GUARDED, ids=lambda m: m.name)
def test_no_token_is_answered_by_envoy_on_every_protocol(edge: Edge, method: Method) -> None:
    before = len(edge.seen.calls)
    answer = call_rest(edge, method, None)
    assert answer.status == 401
    assert answer.json["code"] == "UNAUTHENTICATED"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert call_grpc(edge, method.path, None) == grpc.StatusCode.UNAUTHENTICATED
    assert web_status(call_web(edge, method.path, None)) == "16"
    assert len(edge.seen.calls) == before


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_bad_token_is_answered_by_envoy(edge: Edge, make: Callable[[], str]) -> None:
    before, bad = len(edge.seen.calls), make()
    answer = edge.http("GET", f"/v1/analyze/{JOB}", bearer=bad)
    assert (answer.status, answer.json["code"], answer.json["status"]) == (401, "UNAUTHENTICATED", 401)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    path = "/assay.gateway.v1.AnalysisService/GetAnalysis"
    assert call_grpc(edge, path, bad) == grpc.StatusCode.UNAUTHENTICATED
    assert web_status(call_web(edge, path, bad)) == "16"
    assert len(edge.seen.calls) == before


@pytest.mark.parametrize("method", GUARDED, ids=lambda m: m.name)
def test_another_scope_is_refused_on_every_protocol(edge: Edge, method: Method) -> None:
    others = sorted({s for m in METHODS for s in m.scopes} - set(method.scopes))
    wrong, before = token(" ".join(others)), len(edge.seen.calls)
    answer = call_rest(edge, method, wrong)
    assert (answer.status, answer.json["code"]) == (403, "PERMISSION_DENIED")
    assert call_grpc(edge, method.path, wrong) == grpc.StatusCode.PERMISSION_DENIED
    assert web_status(call_web(edge, method.path, wrong)) == "7"
    assert len(edge.seen.calls) == before


@pytest.mark.parametrize("method", GUARDED, ids=lambda m: m.name)
def test_the_scope_of_the_method_opens_it_on_every_protocol(edge: Edge, method: Method) -> None:
    right, before = token(method.scopes[0]), len(edge.seen.calls)
    assert call_rest(edge, method, right).status < 300
    assert call_grpc(edge, method.path, right) == grpc.StatusCode.OK
    assert web_status(call_web(edge, method.path, right)) == "0"
    assert len(edge.seen.calls) == before + 3


def test_scope_must_match_whole(edge: Edge) -> None:
    for scope in ("analyses:rea", "analyses:readx", "xanalyses:read", "analyses:write", ""):
        assert edge.http("GET", f"/v1/analyze/{JOB}", bearer=token(scope)).status == 403
    assert edge.http("GET", f"/v1/analyze/{JOB}", bearer=token("a b analyses:read")).status == 200


ALL_SCOPES = " ".join(sorted({s for m in METHODS for s in m.scopes}))


@pytest.mark.parametrize(
    "path",
    [
        *(m.path for m in INSIDE),
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.health.v1.Health/Check",
        "/assay.gateway.v1.AnalysisService/Nothing",
        "/assay.gateway.v1.analysisservice/GetAnalysis",
        "/assay.segment.v1.SegmentService/segment",
        "//assay.segment.v1.SegmentService/Segment",
        "/x/../assay.segment.v1.SegmentService/Segment",
        "/assay.segment.v1.SegmentService/Segment/",
    ],
)
def test_what_is_not_at_the_edge_is_out_of_reach(edge: Edge, path: str) -> None:
    """Even with every scope there is: by gRPC, gRPC-web and as a plain POST."""
    mighty, before = token(ALL_SCOPES), len(edge.seen.calls)
    assert call_grpc(edge, path, mighty) == grpc.StatusCode.UNIMPLEMENTED
    assert web_status(call_web(edge, path, mighty)) == "12"
    assert edge.http("POST", path, {}, bearer=mighty).status == 404
    assert edge.http("GET", path, bearer=mighty).status == 404
    assert len(edge.seen.calls) == before


@pytest.mark.parametrize(
    "kind", ["application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpcx"]
)
def test_a_rest_path_takes_no_grpc(edge: Edge, kind: str) -> None:
    """A body that calls itself gRPC passes the transcoder, so the REST path itself must refuse."""
    before = len(edge.seen.calls)
    answer = edge.http(
        "POST", "/v1/analyze", struct.pack(">BI", 0, 0), {"content-type": kind}, token(ALL_SCOPES)
    )
    assert answer.status in (403, 415) or answer.headers.get("grpc-status") in ("7", "12")
    assert len(edge.seen.calls) == before


SPELLINGS = [
    "/healthz/../v1/analyze",
    "/docs/../v1/analyze",
    "/healthz/%2e%2e/v1/analyze",
    "/./v1/analyze",
    "//v1/analyze",
    "/v1/analyze/",
    "/v1//analyze",
    "/v1/analyze#/healthz",
    "/v1/analyze?/healthz",
    "/healthz;/../v1/analyze",
    "/v1/%61nalyze",
    "/docs/../assay.gateway.v1.AnalysisService/ListAnalyses",
    "/healthz%2f..%2fv1%2fanalyze",
    "/v1/analyze/../../healthz/../v1/analyze",
    "/healthz%00/v1/analyze",
    "/HEALTHZ",
]


@pytest.mark.parametrize("path", SPELLINGS)
def test_no_spelling_of_a_path_gets_past_the_token(edge: Edge, path: str) -> None:
    before = len(edge.seen.calls)
    for verb, headers in (("GET", {}), ("POST", {"content-type": "application/grpc"}), ("OPTIONS", {})):
        answer = edge.http(verb, path, headers=headers, bearer=None)
        # To gRPC a malformed path is INTERNAL: Envoy's mapping of its own 400.
        assert answer.status in (400, 401, 404, 405) or answer.headers.get("grpc-status") in ("13", "16")
    assert len(edge.seen.calls) == before


def test_open_calls_need_no_token(edge: Edge) -> None:
    for path in ("/healthz", "/openapi.json", "/docs", "/.well-known/jwks.json"):
        assert edge.http("GET", path, bearer=None).status == 200
        # Nor are they harmed by a stale one.
        assert edge.http("GET", path, bearer="stale").status == 200


def test_a_token_in_the_query_is_not_taken(edge: Edge) -> None:
    assert edge.http("GET", f"/v1/analyze/{JOB}?access_token={token()}", bearer=None).status == 401


def test_the_token_goes_on_to_the_service(edge: Edge) -> None:
    good = token()
    edge.http("GET", f"/v1/analyze/{JOB}", bearer=good)
    assert edge.seen.calls[-1][2]["authorization"] == f"Bearer {good}"


def test_spoofed_headers_do_not_reach_the_service(edge: Edge) -> None:
    spoofed = {
        "x-envoy-original-path": "/spoofed",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-retry-on": "5xx",
        "x-http-status": "202",
        "x-auth-tenant": "other",
        "x-assay-tenant": "other",
        "x-trace-id": "spoofed",
        "x-forwarded-for": "10.0.0.1",
        "x-request-id": "spoofed",
    }
    answer = edge.http("GET", f"/v1/analyze/{JOB}", headers=spoofed)
    assert answer.status == 200
    metadata = edge.seen.calls[-1][2]
    assert not {"x-http-status", "x-auth-tenant", "x-assay-tenant", "x-envoy-retry-on"} & set(metadata)
    assert metadata["x-envoy-original-path"] == f"/v1/analyze/{JOB}"
    assert "spoofed" not in "".join(metadata.values())
    assert metadata["x-forwarded-for"] != "10.0.0.1"


def test_a_spoofed_original_path_changes_no_reply(edge: Edge) -> None:
    """Envoy tells transcoded requests from native gRPC by this header."""
    metadata = (("x-envoy-original-path", "/v1/analyze"),)
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        stub = gateway_pb2_grpc.AnalysisServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.GetAnalysis(gateway_pb2.GetAnalysisRequest(job_id=JOB), metadata=metadata, timeout=5)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "problem" not in str(refused.value.details())


def test_admin_shows_little(edge: Edge) -> None:
    admin = Edge(edge.admin_port, edge.admin_port, edge.folder, edge.seen)
    assert admin.http("GET", "/ready", bearer=None).status == 200
    for path in ("/config_dump", "/quitquitquit", "/logging", "/runtime", "/certs"):
        assert admin.http("POST", path, bearer=None).status == 403


def test_the_log_holds_the_request_and_nobody(edge: Edge) -> None:
    marked = token(sub="who-is-not-logged")
    answer = edge.http("GET", "/v1/analyze?subject_id=private-subject", bearer=marked)
    request_id, deadline = answer.headers["x-request-id"], time.monotonic() + 5
    while request_id not in edge.log() and time.monotonic() < deadline:
        time.sleep(0.1)
    line = next(x for x in edge.log().splitlines() if request_id in x)
    assert '"path":"/v1/analyze"' in line
    assert '"route":"assay.gateway.v1.AnalysisService.ListAnalyses"' in line
    assert "private-subject" not in edge.log()
    assert "who-is-not-logged" not in edge.log()
    assert TENANT not in line
    assert marked.split(".")[2] not in edge.log()
