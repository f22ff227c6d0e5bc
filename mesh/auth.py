"""Who calls, and whether they may: access tokens against each method's auth option.

Envoy has verified the token already; this is the second, independent check (PyJWT), and
the only one for callers inside the mesh. Deny by default: a method without the option
is refused, and so is a token without tenant.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
import uuid
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import structlog
from assay.common.v1 import auth_pb2
from google.protobuf.descriptor import ServiceDescriptor

from mesh.errors import PermissionDenied, Transient, Unauthenticated
from mesh.settings import Settings

ALGORITHMS = ["ES256", "RS256"]
TOKEN_TYPES = {"at+jwt", "application/at+jwt", "jwt"}
CLOCK_SKEW_S = 30
KEYS_TIMEOUT_S = 3
KEYS_LIFETIME_S = 60.0
KEYS_RETRY_S = 5.0
# So long the keys of an issuer that does not answer are still believed.
KEYS_STALE_S = 3600.0
# Tokens that were verified are remembered, so that a phone that asks again costs no second signature check.
REMEMBERED = 4096
# What reading a key set may end with: no answer, no JSON, no usable key.
KEYS_ERRORS = (jwt.PyJWTError, OSError, ValueError, KeyError, TypeError, AttributeError)

log = structlog.get_logger()


@dataclass(frozen=True)
class Principal:
    """The caller: token subject, tenant (UUID), scopes."""

    subject: str
    tenant_id: str
    scopes: frozenset[str]


_principal: ContextVar[Principal | None] = ContextVar("assay_principal", default=None)


def current_principal() -> Principal:
    """Returns the caller of the running RPC; raises Unauthenticated outside of one."""
    principal = _principal.get()
    if principal is None:
        raise Unauthenticated("UNAUTHENTICATED", "This call needs an access token.")
    return principal


def set_principal(principal: Principal | None) -> None:
    """Binds the caller to the running RPC; for the interceptor and for tests of handlers."""
    _principal.set(principal)


def rules(services: Iterable[ServiceDescriptor]) -> dict[str, auth_pb2.Auth]:
    """Returns the auth option by gRPC path; raises ValueError for a method without one."""
    found: dict[str, auth_pb2.Auth] = {}
    for service in services:
        for method in service.methods:
            auth = method.GetOptions().Extensions[auth_pb2.auth]
            if not (auth.scopes or auth.open) or auth.reach == auth_pb2.REACH_UNSPECIFIED:
                raise ValueError(f"{method.full_name} lacks the option (assay.common.v1.auth)")
            found[f"/{service.full_name}/{method.name}"] = auth
    return found


class RemoteKeys:
    """A key set behind a URL, read again every KEYS_LIFETIME_S by one caller at a time.

    It is never read because a token names an unknown key: what a stranger writes into a token must not
    make us call the issuer. While the issuer is away the last keys serve on, for KEYS_STALE_S.
    """

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=KEYS_TIMEOUT_S)
        self._lock = asyncio.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = self._next_at = -math.inf

    async def get(self) -> dict[str, jwt.PyJWK]:
        """Returns the keys by id; raises one of KEYS_ERRORS when there are none to believe."""
        async with self._lock:
            if time.monotonic() >= self._next_at:
                await self._refresh()
        if time.monotonic() - self._read_at > KEYS_STALE_S:
            raise jwt.PyJWKClientError("no key set")
        return self._keys

    async def _refresh(self) -> None:
        try:
            keys = await asyncio.to_thread(self._client.get_signing_keys)
        except KEYS_ERRORS as error:
            self._next_at = time.monotonic() + KEYS_RETRY_S
            log.warning("keys_not_refreshed", kind=type(error).__name__)
            return
        self._keys = {str(key.key_id): key for key in keys}
        self._read_at = time.monotonic()
        self._next_at = self._read_at + KEYS_LIFETIME_S


@dataclass(frozen=True)
class Verified:
    """A token that was verified: whose it is, the key that signed it, when it ends (Unix time, seconds)."""

    principal: Principal
    kid: str
    key: jwt.PyJWK
    expires_at: float


class Verifier:
    """Verifies access tokens against a key set that is a file or a URL.

    A verified token is remembered by its SHA-256, for as long as it lasts and the very key that signed it
    is in the set: one that has expired, or whose key was withdrawn or replaced, is checked anew.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        by_url = settings.oidc_jwks_url and not settings.oidc_jwks_file
        self._remote = RemoteKeys(settings.oidc_jwks_url) if by_url else None
        self._file_keys: tuple[float, dict[str, jwt.PyJWK]] = (0.0, {})
        self._verified: dict[bytes, Verified] = {}

    async def verify(self, authorization: str) -> Principal:
        """Returns the principal of an `authorization` header; raises Unauthenticated, Transient."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(
                "UNAUTHENTICATED", "This call needs an access token.", fix="Send `authorization: Bearer ...`."
            )
        try:
            digest = hashlib.sha256(token.encode()).digest()
            known = self._verified.get(digest)
            if known is None or not await self._still_good(known):
                known = await self._check(token)
                self._remember(digest, known)
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError) as error:
            raise Unauthenticated(
                "UNAUTHENTICATED", "The access token does not verify.", fix="Get a new token."
            ) from error
        return known.principal

    def _remember(self, digest: bytes, verified: Verified) -> None:
        self._verified[digest] = verified
        if len(self._verified) > REMEMBERED:
            del self._verified[next(iter(self._verified))]

    async def _still_good(self, known: Verified) -> bool:
        return time.time() < known.expires_at and (await self._keys()).get(known.kid) is known.key

    async def _check(self, token: str) -> Verified:
        header = jwt.get_unverified_header(token)
        if str(header.get("typ", "")).lower() not in TOKEN_TYPES:
            raise jwt.InvalidTokenError("not an access token")
        kid = str(header.get("kid", ""))
        key = (await self._keys()).get(kid)
        if key is None:
            raise jwt.InvalidTokenError("unknown key")
        claims = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=self._settings.oidc_audience,
            issuer=self._settings.oidc_issuer,
            leeway=CLOCK_SKEW_S,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        return Verified(_to_principal(claims), kid, key, float(claims["exp"]) + CLOCK_SKEW_S)

    async def _keys(self) -> dict[str, jwt.PyJWK]:
        """Returns the key set; raises Transient without one."""
        try:
            return self._keys_of_file() if self._remote is None else await self._remote.get()
        except KEYS_ERRORS as error:
            log.error("keys_unavailable", kind=type(error).__name__)
            raise Transient("KEYS_UNAVAILABLE", "The issuer's key set cannot be read.") from error

    def _keys_of_file(self) -> dict[str, jwt.PyJWK]:
        path = Path(self._settings.oidc_jwks_file)
        changed = path.stat().st_mtime
        if changed != self._file_keys[0]:
            loaded = jwt.PyJWKSet.from_dict(json.loads(path.read_text()))
            self._file_keys = (changed, {str(key.key_id): key for key in loaded.keys})
        return self._file_keys[1]


def _to_principal(claims: dict[str, Any]) -> Principal:
    scope = claims.get("scope", "")
    scopes = scope.split() if isinstance(scope, str) else [str(item) for item in scope]
    tenant = str(uuid.UUID(str(claims["tenant"])))
    return Principal(subject=str(claims["sub"]), tenant_id=tenant, scopes=frozenset(scopes))


def require(principal: Principal, scopes: Sequence[str]) -> None:
    """Raises PermissionDenied unless the caller has one of the scopes."""
    if not principal.scopes.intersection(scopes):
        wanted = " or ".join(scopes)
        raise PermissionDenied(
            "SCOPE_MISSING",
            f"This call needs the scope {wanted}.",
            fix="Ask for a token with that scope.",
            metadata={"scopes": " ".join(scopes)},
        )
