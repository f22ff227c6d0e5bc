"""How the door answers: REST in problems, gRPC and gRPC-web in statuses, streams as they come."""

from __future__ import annotations

import base64
import http.client
import re
import struct
import time
from dataclasses import dataclass

import grpc
import pytest
from assay.color.v1 import color_pb2, color_pb2_grpc
from assay.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.surface.edge import JOB, ORIGIN, Answer, Edge, problem
from tests.surface.tokens import token

pytestmark = pytest.mark.mesh


def test_accepted_has_its_status_and_location(edge: Edge) -> None:
    answer = edge.http("POST", "/v1/analyze", {"upload_id": JOB, "mode": "MODE_ASYNC"})
    assert answer.status == 202
    assert answer.headers["location"] == f"/v1/analyze/{JOB}"
    assert "x-http-status" not in answer.headers
    assert answer.json["job_id"] == JOB
    assert edge.http("POST", "/v1/analyze", {"upload_id": JOB, "mode": "MODE_SYNC"}).status == 200


def test_native_grpc_gets_no_http_status(edge: Edge) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        stub = gateway_pb2_grpc.AnalysisServiceStub(channel)
        call = stub.Analyze.with_call
        view, rpc = call(
            gateway_pb2.AnalyzeRequest(), metadata=(("authorization", f"Bearer {token()}"),), timeout=5
        )
    assert view.job_id == JOB
    headers = dict(rpc.initial_metadata())
    assert headers["location"] == f"/v1/analyze/{JOB}"
    assert "x-http-status" not in headers


def test_json_is_snake_case_and_whole(edge: Edge) -> None:
    view = edge.http("GET", f"/v1/analyze/{JOB}").json
    assert view["job_id"] == JOB
    assert view["progress_percent"] == 0
    assert view["stages"] == []
    assert view["state"] == "STATE_RUNNING"


def test_both_spellings_reach_the_service(edge: Edge) -> None:
    for body in ({"upload_id": JOB, "subject_id": "s"}, {"uploadId": JOB, "subjectId": "s"}):
        assert edge.http("POST", "/v1/analyze", body).status == 202
        assert edge.seen.calls[-1][1].upload_id == JOB
        assert edge.seen.calls[-1][1].subject_id == "s"


def test_a_full_request_arrives_as_it_was_meant(edge: Edge) -> None:
    body = {
        "upload_id": JOB, "mode": "MODE_SYNC", "timeout": "30s", "subject_id": None,
        "consent": {"treatment": True, "text_version": "1", "given_at": "2026-01-31T12:00:00Z"},
        "tattoo": {
            "device": {"wavelengths_nm": [532, 1064], "pulse": "PULSE_NS"},
            "area_cm2": 12.5, "intake": {"age": 30, "pregnant": False}, "fitzpatrick_operator": 2,
        },
    }  # fmt: skip
    assert edge.http("POST", "/v1/analyze", body).status == 200
    seen = edge.seen.calls[-1][1]
    assert seen.timeout.seconds == 30
    assert list(seen.tattoo.device.wavelengths_nm) == [532, 1064]
    assert seen.tattoo.intake.HasField("pregnant")
    assert not seen.tattoo.intake.HasField("gold")
    assert seen.consent.given_at.seconds == 1769860800


def test_a_query_arrives_as_it_was_meant(edge: Edge) -> None:
    query = "created_after=2026-01-01T00:00:00Z&pageSize=3&state=STATE_RUNNING&subject_id=a%2Eb&kind="
    assert edge.http("GET", f"/v1/analyze?{query}").status == 200
    seen = edge.seen.calls[-1][1]
    assert (seen.page_size, seen.state, seen.subject_id) == (3, gateway_pb2.STATE_RUNNING, "a.b")
    assert seen.created_after.seconds == 1767225600


def test_a_thousand_pairs_fit(edge: Edge) -> None:
    lab = {"l": 53.123456789012345, "a": -80.12345678901234, "b": 67.12345678901234}
    answer = edge.http("POST", "/v1/color:difference", {"pairs": [{"reference": lab, "sample": lab}] * 1000})
    assert answer.status == 200
    assert len(answer.json["differences"]) == 1000
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        pair = color_pb2.LabPair(reference=lab, sample=lab)
        reply = color_pb2_grpc.ColorServiceStub(channel).Difference(
            color_pb2.DifferenceRequest(pairs=[pair] * 1000),
            metadata=(("authorization", f"Bearer {token()}"),),
            timeout=5,
        )
    assert len(reply.differences) == 1000


def test_the_status_of_a_service_becomes_a_problem(edge: Edge) -> None:
    found = problem(edge.http("GET", "/v1/analyze/rich"), 400, "IMAGE_TRUNCATED")
    assert found["detail"] == 'The photo "ends" early: \\ \n ü'
    assert (found["field"], found["fix"]) == ("upload_id", 'Send "all" of it.')
    assert found["errors"] == [
        {"field": "upload_id", "message": "ends early"},
        {"field": "tattoo.site", "message": "too long"},
    ]
    assert found["trace_id"]


def test_a_status_without_details_becomes_a_problem(edge: Edge) -> None:
    found = problem(edge.http("GET", "/v1/analyze/bare"), 404, "NOT_FOUND")
    assert found["detail"] == 'There is no job "bare".'
    answer = edge.http("GET", "/v1/analyze/expired")
    problem(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_retry_info_becomes_retry_after(edge: Edge) -> None:
    answer = edge.http("GET", "/v1/analyze/busy")
    problem(answer, 429, "QUOTA_EXCEEDED")
    assert answer.headers["retry-after"] == "3"


def test_an_error_before_the_first_piece_of_a_download_is_a_problem(edge: Edge) -> None:
    problem(edge.http("GET", "/v1/analyze/rich/report.pdf"), 400, "IMAGE_TRUNCATED")


def test_native_grpc_keeps_the_details(edge: Edge) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
        stub = gateway_pb2_grpc.AnalysisServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.GetAnalysis(
                gateway_pb2.GetAnalysisRequest(job_id="rich"),
                metadata=(("authorization", f"Bearer {token()}"),),
                timeout=5,
            )
    status = rpc_status.from_call(refused.value)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.reason == "IMAGE_TRUNCATED"


def web(edge: Edge, job_id: str, method: str = "GetAnalysis", **headers: str) -> Answer:
    message = gateway_pb2.GetAnalysisRequest(job_id=job_id).SerializeToString()
    sent = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1", **headers}
    path = f"/assay.gateway.v1.AnalysisService/{method}"
    return edge.http("POST", path, struct.pack(">BI", 0, len(message)) + message, sent)


def frames(body: bytes) -> list[tuple[int, bytes]]:
    """gRPC-web frames: (0x00 data or 0x80 trailers, content)."""
    found = []
    while body:
        kind, length = struct.unpack(">BI", body[:5])
        found.append((kind, body[5 : 5 + length]))
        body = body[5 + length :]
    return found


def test_grpc_web_frames(edge: Edge) -> None:
    answer = web(edge, JOB, origin=ORIGIN)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/grpc-web+proto"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    (data_kind, data), (trailer_kind, trailers) = frames(answer.body)
    assert (data_kind, trailer_kind) == (0x00, 0x80)
    assert gateway_pb2.AnalysisView.FromString(data).job_id == JOB
    assert b"grpc-status:0" in trailers


def test_grpc_web_as_text(edge: Edge) -> None:
    """The form for browsers without binary streams: frames in base64."""
    message = gateway_pb2.GetAnalysisRequest(job_id=JOB).SerializeToString()
    frame = base64.b64encode(struct.pack(">BI", 0, len(message)) + message)
    path = "/assay.gateway.v1.AnalysisService/GetAnalysis"
    kind = "application/grpc-web-text+proto"
    answer = edge.http("POST", path, frame, {"content-type": kind, "accept": kind})
    body = b"".join(base64.b64decode(part + b"=") for part in re.findall(rb"[A-Za-z0-9+/]+=*", answer.body))
    assert gateway_pb2.AnalysisView.FromString(frames(body)[0][1]).job_id == JOB


def test_grpc_web_errors_keep_their_status_and_details(edge: Edge) -> None:
    answer = web(edge, "rich")
    text = str(answer.headers).lower() + answer.body.decode("latin-1").lower()
    assert "grpc-status" in text
    assert "grpc-status-details-bin" in text
    assert "problem" not in text


def test_grpc_web_streams(edge: Edge) -> None:
    kinds = [kind for kind, _ in frames(web(edge, JOB, "WatchAnalysis").body)]
    assert kinds == [0x00, 0x00, 0x00, 0x80]


def test_events_arrive_one_by_one(edge: Edge) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
    try:
        start = time.monotonic()
        connection.request("GET", f"/v1/analyze/{JOB}:watch", headers={"authorization": f"Bearer {token()}"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("content-type") == "text/event-stream"
        at = []
        while line := answer.readline():
            if line.startswith(b"id: "):
                at.append(time.monotonic() - start)
    finally:
        connection.close()
    assert len(at) == 3
    assert at[0] < 0.35
    assert at[2] - at[0] > 0.6


def test_a_report_comes_as_pdf(edge: Edge) -> None:
    answer = edge.http("GET", f"/v1/analyze/{JOB}/report.pdf")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    assert len(answer.body) == 9 + 40 * 50_000
    assert answer.headers["cache-control"] == "no-store"
    artifact = edge.http("GET", f"/v1/analyze/{JOB}/artifacts/mask.png")
    assert (artifact.body, artifact.headers["content-type"]) == (b"mask.png", "image/png")
    # The service sets it as well; the answer has it once.
    assert artifact.names.count("x-content-type-options") == 1


def test_a_big_result_passes(edge: Edge) -> None:
    assert len(edge.http("GET", "/v1/analyze/big").json["progress_message"]) == 500_000


def test_the_token_call_takes_a_form_and_keeps_oauth_errors(edge: Edge) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = "grant_type=client_credentials&client_id=a%20b"
    answer = edge.http("POST", "/oauth/token", body, form, bearer=None)
    assert (answer.status, answer.body) == (200, body.encode())
    assert edge.seen.calls[-1][1].content_type == "application/x-www-form-urlencoded"
    refused = edge.http("POST", "/oauth/token", "client_secret=wrong", form, bearer=None)
    assert (refused.status, refused.json) == (401, {"error": "invalid_client"})
    problem(edge.http("POST", "/oauth/token", {}, bearer=None), 415, "UNSUPPORTED_CONTENT_TYPE")


@pytest.mark.parametrize(
    "path", ["/v1/analyze", f"/v1/analyze/{JOB}:watch", "/v1/color:difference", "/oauth/token"]
)
def test_preflight(edge: Edge, path: str) -> None:
    asked = {
        "origin": ORIGIN, "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,idempotency-key",
    }  # fmt: skip
    answer = edge.http("OPTIONS", path, headers=asked, bearer=None)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "idempotency-key" in answer.headers["access-control-allow-headers"]
    stranger = edge.http("OPTIONS", path, headers={**asked, "origin": "https://evil.example"}, bearer=None)
    assert "access-control-allow-origin" not in stranger.headers


def test_a_browser_may_read_refusals(edge: Edge) -> None:
    for bearer in (None, token("none")):
        answer = edge.http("GET", f"/v1/analyze/{JOB}", headers={"origin": ORIGIN}, bearer=bearer)
        assert answer.headers["access-control-allow-origin"] == ORIGIN


@dataclass(frozen=True)
class Bad:
    """A request to refuse, and how."""

    name: str
    verb: str
    path: str
    body: str | bytes | None
    code: str
    field: str | None = None
    status: int = 400
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


TEXT = (("content-type", "text/plain"),)
LAB = '{"l": 1, "a": 1, "b": 1}'
PAIR = f'{{"pairs": [{{"reference": {LAB}, "probe": {LAB}}}]}}'
DEEP = '{"tattoo":' * 5000 + "}" * 5000
LIST, ONE = "/v1/analyze", f"/v1/analyze/{JOB}"

REFUSED = [
    Bad("unknown field", "POST", LIST, '{"upload": 1}', "UNKNOWN_FIELD", "upload"),
    Bad("nested", "POST", LIST, '{"tattoo":{"intake":{"agee":1}}}', "UNKNOWN_FIELD", "tattoo.intake.agee"),
    Bad("in a list", "POST", "/v1/color:difference", PAIR, "UNKNOWN_FIELD", "pairs[0].probe"),
    Bad("field twice", "POST", LIST, '{"mode": 1, "mode": 2}', "DUPLICATE_FIELD", "mode"),
    Bad("both spellings", "POST", LIST, '{"upload_id":"a","uploadId":"b"}', "DUPLICATE_FIELD", "upload_id"),
    Bad("two of one", "POST", LIST, '{"tattoo": {}, "balance": {}}', "CONFLICTING_FIELDS", "balance"),
    Bad("wrong type", "POST", LIST, '{"upload_id": 5}', "INVALID_FIELD", "upload_id"),
    Bad("unknown name", "POST", LIST, '{"mode": "MODE_FAST"}', "INVALID_FIELD", "mode"),
    Bad("no JSON", "POST", LIST, "nonsense", "INVALID_JSON"),
    Bad("cut off", "POST", LIST, '{"upload_id": "a', "INVALID_JSON"),
    Bad("two values", "POST", LIST, "{}{}", "INVALID_JSON"),
    Bad("an array", "POST", LIST, "[]", "INVALID_JSON"),
    Bad("no UTF-8", "POST", LIST, b'{"subject_id": "\xff"}', "INVALID_JSON"),
    Bad("too deep", "POST", LIST, DEEP, "JSON_TOO_DEEP"),
    Bad("text", "POST", LIST, "{}", "UNSUPPORTED_CONTENT_TYPE", "content-type", 415, TEXT),
    Bad("untyped", "POST", LIST, b"{}", "UNSUPPORTED_CONTENT_TYPE", "content-type", 415, ()),
    Bad("query beside a body", "POST", f"{LIST}?mode=MODE_SYNC", "{}", "UNKNOWN_QUERY_PARAMETER", "mode"),
    Bad("unknown query", "GET", f"{LIST}?page=2", None, "UNKNOWN_QUERY_PARAMETER", "page"),
    Bad("query for the path", "GET", f"{ONE}?job_id=x", None, "UNKNOWN_QUERY_PARAMETER", "job_id"),
    Bad("query twice", "GET", f"{LIST}?kind=tattoo&kind=balance", None, "DUPLICATE_FIELD", "kind"),
    Bad("query of a wrong type", "GET", f"{LIST}?page_size=many", None, "INVALID_FIELD", "page_size"),
    Bad("body of a read", "GET", LIST, "{}", "UNEXPECTED_BODY"),
    Bad("path in the body", "POST", f"{ONE}:cancel", '{"job_id": "x"}', "CONFLICTING_FIELDS", "job_id"),
    Bad("unknown path", "GET", "/v1/nothing", None, "NOT_FOUND", None, 404),
    Bad("path in capitals", "GET", "/V1/analyze", None, "NOT_FOUND", None, 404),
    Bad("unknown action", "POST", f"{ONE}:explode", "{}", "METHOD_NOT_ALLOWED", None, 405),
    Bad("wrong method", "PUT", LIST, "{}", "METHOD_NOT_ALLOWED", None, 405),
    Bad("escaped slash", "GET", f"{LIST}/a%2Fb", None, "INVALID_PATH"),
    Bad("body too large", "POST", LIST, b"x" * 300_000, "PAYLOAD_TOO_LARGE", None, 413),
    Bad("header too large", "GET", LIST, None, "HEADERS_TOO_LARGE", None, 431, (("x-a", "x" * 20_000),)),
    Bad(
        "headers",
        "GET",
        LIST,
        None,
        "HEADERS_TOO_LARGE",
        None,
        431,
        tuple((f"x-{n}", "1") for n in range(80)),
    ),
    Bad("underscore", "GET", LIST, None, "INVALID_HEADER", None, 400, (("x_a", "1"),)),
]


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
def test_refused_at_the_door(edge: Edge, bad: Bad) -> None:
    before = len(edge.seen.calls)
    answer = edge.http(bad.verb, bad.path, bad.body, dict(bad.headers))
    found = problem(answer, bad.status, bad.code)
    assert found.get("field") == bad.field
    assert found["detail"]
    assert found["fix"]
    assert len(edge.seen.calls) == before
    if bad.status == 405:
        assert answer.headers["allow"]


def test_suggestions_and_every_finding(edge: Edge) -> None:
    body = {"uplod_id": JOB, "mode": "MODE_SINC", "tattoo": {"sight": "arm"}}
    found = problem(edge.http("POST", "/v1/analyze", body), 400, "UNKNOWN_FIELD")
    assert found["fix"] == "Did you mean upload_id?"
    assert [e["field"] for e in found["errors"]] == ["uplod_id", "mode", "tattoo.sight"]


FRAGMENTS = [
    "/v1/analyze",
    "/",
    JOB,
    ":cancel",
    ":watch",
    "?",
    "kind=tattoo",
    "&",
    "%",
    "%41",
    "..",
    "page_size=",
    "x",
]
BODIES = ["{", "}", '"upload_id"', ":", ",", '"mode"', "1", '"a"', "null", "[", "]", '"tattoo"', " ", "\\u00"]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    st.lists(st.sampled_from(FRAGMENTS), max_size=5).map("".join),
    st.none() | st.lists(st.sampled_from(BODIES), max_size=8).map("".join),
    st.sampled_from(["application/json", "text/plain", "application/x-www-form-urlencoded", ""]),
)
def test_whatever_is_sent_the_answer_is_a_result_or_a_problem(
    edge: Edge, verb: str, path: str, body: str | None, kind: str
) -> None:
    answer = edge.http(verb, "/" + path.lstrip("/"), body, {"content-type": kind} if kind else {})
    assert answer.status < 500
    if answer.status >= 400:
        problem(answer, answer.status, answer.json["code"])


def test_the_log_of_the_door_is_clean(edge: Edge) -> None:
    """A failing Lua script would let requests through unchecked and say so here."""
    assert "script log" not in edge.log()
    assert "lua error" not in edge.log().lower()
