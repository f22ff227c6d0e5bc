"""The development issuer: RFC 6749's grant and errors, tokens that the mesh's own door takes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import grpc.aio
import jwt
import pytest
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc
from google.api.httpbody_pb2 import HttpBody

from gateway.issuer.grant import FORM
from gateway.issuer.service import load_issuer
from mesh.jetstream import JetStream
from mesh.settings import Settings
from tests.gateway.callers import Served, problem_of, served

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]


@pytest.fixture
def client(settings: Settings) -> dict[str, Any]:
    """The first client of the development issuer."""
    first: dict[str, Any] = json.loads(Path(settings.dev_clients_file).read_text())[0]
    return first


async def post(
    gateway: Served, form: str, *, basic: str = "", content_type: str = FORM
) -> tuple[dict[str, Any], dict[str, str]]:
    """Asks for a token; returns body and headers."""
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        metadata = (("authorization", basic),) if basic else ()
        call = gateway_pb2_grpc.TokenServiceStub(channel).IssueToken(
            HttpBody(content_type=content_type, data=form.encode()), metadata=metadata
        )
        body = await call
        headers = {key: str(value) for key, value in (await call.initial_metadata() or ())}
    return json.loads(body.data), headers


def form_of(client: dict[str, Any], extra: str = "") -> str:
    """A token request with the credentials in the form."""
    secret = client["client_secret"]
    return f"grant_type=client_credentials&client_id={client['client_id']}&client_secret={secret}{extra}"


def basic_of(client_id: str, secret: str) -> str:
    """An HTTP Basic header."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


async def test_a_token_that_verifies(gateway: Served, settings: Settings, client: dict[str, Any]) -> None:
    answer, headers = await post(gateway, form_of(client, "&scope=analyses:read"))
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 900, "analyses:read")
    assert headers["cache-control"] == "no-store"
    assert "x-http-status" not in headers
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        key_set = await gateway_pb2_grpc.TokenServiceStub(channel).GetKeySet(pb.GetKeySetRequest())
        stub = gateway_pb2_grpc.AnalysisServiceStub(channel)
        metadata = (("authorization", f"Bearer {answer['access_token']}"),)
        listed = await stub.ListAnalyses(pb.ListAnalysesRequest(page_size=1), metadata=metadata)
        assert len(listed.analyses) <= 1
    header = jwt.get_unverified_header(answer["access_token"])
    key = jwt.PyJWKSet.from_json(key_set.data.decode())[header["kid"]]
    claims = jwt.decode(answer["access_token"], key, algorithms=["ES256"], audience="assay")
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert claims["exp"] - claims["iat"] == 900
    assert (claims["iss"], claims["sub"], claims["tenant"]) == (
        settings.oidc_issuer, client["client_id"], client["tenant_id"],
    )  # fmt: skip
    assert json.loads(key_set.data) == json.loads(Path(settings.oidc_jwks_file).read_text())
    assert b'"d"' not in key_set.data


async def test_credentials_by_http_basic(gateway: Served, client: dict[str, Any]) -> None:
    basic = basic_of(client["client_id"], client["client_secret"])
    answer, _ = await post(gateway, "grant_type=client_credentials", basic=basic)
    assert set(answer["scope"].split()) == set(client["scopes"])


async def test_refusals(gateway: Served, client: dict[str, Any]) -> None:
    good, secret = client["client_id"], client["client_secret"]
    both = basic_of(good, secret)
    cases: list[tuple[str, dict[str, str], str, str]] = [
        (form_of(client)[:-1], {}, "invalid_client", "401"),
        (form_of({**client, "client_id": "nobody"}), {}, "invalid_client", "401"),
        ("grant_type=client_credentials", {}, "invalid_client", "401"),
        ("grant_type=client_credentials", {"basic": "Basic !!"}, "invalid_client", "401"),
        ("grant_type=client_credentials", {"basic": basic_of(good, "x")}, "invalid_client", "401"),
        ("grant_type=client_credentials", {"basic": basic_of("", "")}, "invalid_client", "401"),
        (form_of(client), {"basic": both}, "invalid_request", "400"),
        (form_of(client, "&scope=admin:all"), {}, "invalid_scope", "400"),
        (form_of(client, "&grant_type=password"), {}, "invalid_request", "400"),
        (form_of(client).replace("client_credentials", "password"), {}, "unsupported_grant_type", "400"),
        ("client_id=x", {}, "invalid_request", "400"),
        ("", {}, "invalid_request", "400"),
        ("&&&", {}, "invalid_request", "400"),
        ("grant_type=%ff%fe", {}, "invalid_request", "400"),
        ("a=1&" * 40 + "b=2", {}, "invalid_request", "400"),
        ("x" * 9000, {}, "invalid_request", "400"),
        (form_of(client), {"content_type": "application/json"}, "invalid_request", "400"),
    ]
    for form, extra, error, status in cases:
        answer, headers = await post(gateway, form, **extra)
        assert (answer["error"], headers["x-http-status"]) == (error, status), form[:60]
        assert answer["error_description"]
        assert secret not in json.dumps(answer)
        assert ("www-authenticate" in headers) == (status == "401")


@pytest.mark.parametrize("change", [{"env": "production"}, {"dev_issuer_key_file": ""}])
async def test_the_issuer_is_off(settings: Settings, stream: JetStream, change: dict[str, str]) -> None:
    async with served(settings.model_copy(update=change), stream) as gateway:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await post(gateway, "grant_type=client_credentials")
        problem = problem_of(caught.value)
        assert (problem.status, problem.code) == (grpc.StatusCode.UNIMPLEMENTED, "ISSUER_OFF")
        assert settings.oidc_issuer in problem.fix


def test_another_kind_of_key_is_refused(settings: Settings, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    other = tmp_path / "key.pem"
    other.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(ValueError, match="P-256"):
        load_issuer(settings.model_copy(update={"dev_issuer_key_file": str(other)}))
