"""TokenService: the development issuer; refuses where it is not switched on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import structlog
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc
from google.api.httpbody_pb2 import HttpBody

from gateway.issuer import clients, grant, keys
from gateway.issuer.clients import Clients
from gateway.issuer.keys import SigningKey
from mesh.errors import Unimplemented
from mesh.settings import Settings

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]

NO_STORE = (("cache-control", "no-store"), ("pragma", "no-cache"))


@dataclass(frozen=True)
class Issuer:
    """Key and clients of a development issuer. key_mtime: when the key's file was written, seconds."""

    key: SigningKey
    clients: Clients
    key_mtime: float


def load_issuer(settings: Settings) -> Issuer | None:
    """Returns the issuer that the settings describe; None in production or without a key file.

    Raises ValueError, KeyError or OSError when the files are not what they should be.
    """
    if settings.env != "development" or not settings.dev_issuer_key_file:
        return None
    known = clients.load(Path(settings.dev_clients_file)) if settings.dev_clients_file else Clients(())
    path = Path(settings.dev_issuer_key_file)
    return Issuer(keys.load(path), known, path.stat().st_mtime)


class TokenServicer(gateway_pb2_grpc.TokenServiceServicer):
    """Tokens by client credentials, and the key set that verifies them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._issuer = load_issuer(settings)

    async def IssueToken(self, request: HttpBody, context: Context) -> HttpBody:
        """Issues an access token; refusals are bodies of RFC 6749 section 5.2, not problems."""
        issuer = self._on()
        metadata = {k: v for k, v in (context.invocation_metadata() or ()) if isinstance(v, str)}
        try:
            token = grant.grant(
                issuer.clients,
                issuer.key,
                issuer=self._settings.oidc_issuer,
                audience=self._settings.oidc_audience,
                content_type=request.content_type,
                body=request.data,
                basic=metadata.get("authorization", ""),
            )
        except grant.Refusal as refusal:
            challenge = (("www-authenticate", 'Basic realm="assay"'),) if refusal.status == 401 else ()
            status = ("x-http-status", str(refusal.status))
            await context.send_initial_metadata((*NO_STORE, status, *challenge))
            return body({"error": refusal.error, "error_description": refusal.description})
        await context.send_initial_metadata(NO_STORE)
        return body(
            {
                "access_token": token.access_token,
                "token_type": "Bearer",
                "expires_in": grant.LIFETIME_S,
                "scope": " ".join(token.scopes),
            }
        )

    async def GetKeySet(self, request: pb.GetKeySetRequest, context: Context) -> HttpBody:
        """Returns the issuer's key set."""
        key_set = self._key_set(self._on())
        await context.send_initial_metadata((("cache-control", "public, max-age=300"),))
        return HttpBody(content_type="application/jwk-set+json", data=key_set.encode())

    def _key_set(self, issuer: Issuer) -> str:
        """While keys change, the file has the one before or after as well."""
        file = self._settings.oidc_jwks_file
        return Path(file).read_text(encoding="utf-8") if file else issuer.key.key_set()

    def _on(self) -> Issuer:
        if self._issuer is None:
            raise Unimplemented(
                "ISSUER_OFF",
                "This deployment issues no tokens.",
                fix=f"Get a token from {self._settings.oidc_issuer or 'your identity provider'}.",
            )
        if Path(self._settings.dev_issuer_key_file).stat().st_mtime != self._issuer.key_mtime:
            self._issuer = load_issuer(self._settings) or self._issuer
            log.info("signing_key_changed", kid=self._issuer.key.kid)
        return self._issuer


def body(content: dict[str, str | int]) -> HttpBody:
    """Returns a JSON body."""
    return HttpBody(content_type="application/json", data=json.dumps(content).encode())
