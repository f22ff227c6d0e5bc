"""Every RPC passes the door: token, scope, field rules, error model, span and metric."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import grpc.aio
import jwt
import pytest
from assay.color.v1 import color_pb2, color_pb2_grpc
from assay.common.v1 import types_pb2
from google.rpc import error_details_pb2, status_pb2
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from mesh import auth, telemetry
from mesh.door import Door
from mesh.errors import Conflict, InvalidInput, ResourceExhausted
from mesh.settings import Settings

from .tokens import ISSUER, TENANT, Issuer

METHOD = "/assay.color.v1.ColorService/Difference"
Ask = Callable[..., Awaitable[color_pb2.DifferenceResponse]]


class Servicer(color_pb2_grpc.ColorServiceServicer):
    """Answers with what the test wants, through the real door."""

    async def Difference(self, request, context):
        k_l = request.k_l
        if k_l == 2:
            raise Conflict("IDEMPOTENCY_CONFLICT", "Another body.", metadata={"key": "abc"})
        if k_l == 3:
            raise ValueError("postgres password is hunter2")
        if k_l == 4:
            raise ResourceExhausted("QUEUE_FULL", "Full.", retry_after_s=7)
        if k_l == 5:
            raise InvalidInput("TOO_FAR", "Too far away.", field="pairs[0]", fix="Come closer.")
        return color_pb2.DifferenceResponse(differences=[len(auth.current_principal().tenant_id)])


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer()


@pytest.fixture
async def ask(issuer: Issuer, tmp_path: Path) -> AsyncIterator[Ask]:
    settings = Settings(oidc_issuer=ISSUER, oidc_jwks_file=issuer.write_keys(tmp_path / "jwks.json"))
    service = color_pb2.DESCRIPTOR.services_by_name["ColorService"]
    server = grpc.aio.server(interceptors=[Door(auth.rules([service]), auth.Verifier(settings))])
    color_pb2_grpc.add_ColorServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = color_pb2_grpc.ColorServiceStub(channel)

        async def call(token: str | None, k_l: float = 1, pairs: int = 1, **metadata: str):
            pair = color_pb2.LabPair(reference=types_pb2.Lab(l=1), sample=types_pb2.Lab(l=2))
            request = color_pb2.DifferenceRequest(pairs=[pair] * pairs, k_l=k_l)
            headers = [("authorization", f"Bearer {token}")] if token else []
            return await stub.Difference(request, metadata=[*headers, *metadata.items()], timeout=5)

        yield call
    await server.stop(0)


def details(error: grpc.aio.AioRpcError) -> dict[str, object]:
    """Unpacks the status details of an error by type name."""
    raw = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(raw)
    found: dict[str, object] = {}
    for packed in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            if packed.Is(kind.DESCRIPTOR):
                message = kind()
                packed.Unpack(message)
                found[kind.DESCRIPTOR.name] = message
    return found


async def refused(ask: Ask, *args, **kwargs) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(*args, **kwargs)
    info = details(caught.value)["ErrorInfo"]
    return caught.value.code(), info.reason


async def test_a_good_token_passes(ask, issuer):
    assert (await ask(issuer.token())).differences == [len(TENANT)]


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": None},
        {"aud": "other"},
        {"aud": None},
        {"iss": "https://evil.test"},
        {"sub": None},
        {"tenant": None},
        {"tenant": "not-a-uuid"},
        {"nbf": 32_000_000_000},
        {"headers": {"kid": "unknown"}},
        {"headers": {"typ": "id+jwt"}},
        {"headers": {"typ": None}},
    ],
    ids=str,
)
async def test_bad_tokens_are_refused(ask, issuer, changes):
    assert await refused(ask, issuer.token(**changes)) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_no_token_forged_token_and_other_algorithms_are_refused(ask, issuer):
    good = issuer.token()
    claims = jwt.decode(good, options={"verify_signature": False})
    header = {"kid": "k1", "typ": "at+jwt"}
    forged = [
        None,
        "",
        "rubbish",
        good[:-4] + "AAAA",
        Issuer().token(),
        jwt.encode(claims, None, algorithm="none", headers=header),
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers=header),
    ]
    for token in forged:
        code, _ = await refused(ask, token)
        assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_without_the_scope_is_refused(ask, issuer):
    for scope in ("", "analyses:write", "color:rea", "color:readx"):
        assert await refused(ask, issuer.token(scope=scope)) == (
            grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING",
        )  # fmt: skip


async def test_scopes_may_be_a_list(ask, issuer):
    assert (await ask(issuer.token(scope=["color:read"]))).differences


async def test_field_rules_name_every_field(ask, issuer):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(issuer.token(), k_l=-1, pairs=0)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    found = details(caught.value)
    assert found["ErrorInfo"].reason == "INVALID_FIELD"
    assert {v.field for v in found["BadRequest"].field_violations} == {"pairs", "k_l"}


async def test_errors_of_the_tree_keep_their_details(ask, issuer):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(issuer.token(), k_l=5)
    info = details(caught.value)["ErrorInfo"]
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "TOO_FAR", "assay", {"field": "pairs[0]", "fix": "Come closer."},
    )  # fmt: skip
    assert await refused(ask, issuer.token(), k_l=2) == (
        grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_CONFLICT",
    )  # fmt: skip


async def test_a_crash_tells_nothing(ask, issuer):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(issuer.token(), k_l=3)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in str(caught.value)


async def test_a_full_queue_says_when_to_come_back(ask, issuer):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(issuer.token(), k_l=4)
    assert details(caught.value)["RetryInfo"].retry_delay.seconds == 7


async def test_the_span_tells_the_truth_and_joins_the_caller(ask, issuer, spans):
    spans.clear()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with pytest.raises(grpc.aio.AioRpcError):
        await ask(issuer.token(), k_l=2, traceparent=parent)
    (span,) = [s for s in spans.get_finished_spans() if s.name.endswith("/Difference")]
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert span.attributes["rpc.grpc.status_code"] == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert span.attributes["error.type"] == "IDEMPOTENCY_CONFLICT"
    assert span.status.status_code is trace.StatusCode.ERROR


async def test_the_metric_counts_by_code(ask, issuer):
    def counted(code: str) -> float:
        metric = telemetry.RPC_SECONDS.labels(METHOD, code)
        return sum(s.value for s in metric._child_samples() if s.name == "_count")

    before = counted("PERMISSION_DENIED")
    await refused(ask, issuer.token(scope=""))
    assert counted("PERMISSION_DENIED") == before + 1


def test_a_method_without_the_option_fails_at_start():
    from grpc_health.v1 import health_pb2

    with pytest.raises(ValueError, match="lacks the option"):
        auth.rules([health_pb2.DESCRIPTOR.services_by_name["Health"]])


async def test_the_log_line_names_the_request_that_the_caller_was_told_of(ask, issuer):
    with capture_logs() as lines:
        await ask(issuer.token(), **{"x-request-id": "8586c840-e74a-4c78-9cf5-3fe2e2ec2576"})
    (line,) = (line for line in lines if line["event"] == "rpc")
    assert line["request_id"] == "8586c840-e74a-4c78-9cf5-3fe2e2ec2576"
