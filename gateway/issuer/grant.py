"""The client-credentials grant (RFC 6749 section 4.4) and its access tokens (RFC 9068)."""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

import jwt

from gateway.issuer.clients import Client, Clients
from gateway.issuer.keys import SigningKey

FORM = "application/x-www-form-urlencoded"
LIFETIME_S = 900
MAX_FORM_BYTES = 8 * 1024
MAX_FIELDS = 16


class Refusal(Exception):
    """An error response of RFC 6749 section 5.2: `error` is one of its codes, `status` 400 or 401."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True)
class Token:
    """An access token and the scopes it holds."""

    access_token: str
    scopes: tuple[str, ...]


def grant(
    clients: Clients,
    key: SigningKey,
    *,
    issuer: str,
    audience: str,
    content_type: str,
    body: bytes,
    basic: str,
) -> Token:
    """Issues a token for a token request; raises Refusal.

    basic: the request's `authorization` header, "" when it has none.
    """
    form = read_form(content_type, body)
    kind = form.get("grant_type")
    if not kind:
        raise Refusal("invalid_request", "grant_type is missing")
    if kind != "client_credentials":
        raise Refusal("unsupported_grant_type", "the grant_type must be client_credentials")
    client_id, secret = credentials(form, basic)
    client = clients.authenticate(client_id, secret)
    if client is None:
        raise Refusal("invalid_client", "unknown client or wrong secret", 401)
    scopes = allowed(client, form.get("scope", ""))
    return Token(sign(client, scopes, key, issuer, audience), scopes)


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """Parses a form body; raises Refusal for another type, a large one, or a repeated parameter."""
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise Refusal("invalid_request", f"the content type must be {FORM}")
    if len(body) > MAX_FORM_BYTES:
        raise Refusal("invalid_request", f"the form is larger than {MAX_FORM_BYTES} bytes")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=MAX_FIELDS,
        )  # fmt: skip
    except ValueError as error:
        raise Refusal("invalid_request", "the form does not parse") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refusal("invalid_request", "a parameter is repeated")
    return form


def credentials(form: dict[str, str], basic: str) -> tuple[str, str]:
    """Returns client id and secret from one of the two places they may be in; raises Refusal."""
    in_form = "client_id" in form or "client_secret" in form
    if not basic:
        return form.get("client_id", ""), form.get("client_secret", "")
    if "client_secret" in form:
        raise Refusal("invalid_request", "send the credentials in the header or in the form, not in both")
    scheme, _, encoded = basic.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        if not colon:
            raise ValueError
        client_id, client_secret = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError) as error:
        raise Refusal("invalid_client", "the authorization header is not HTTP Basic", 401) from error
    if in_form and form["client_id"] != client_id:
        raise Refusal("invalid_request", "header and form name different clients")
    return client_id, client_secret


def allowed(client: Client, asked: str) -> tuple[str, ...]:
    """Returns the scopes asked for, all of the client's when none are; raises Refusal beyond them."""
    scopes = tuple(dict.fromkeys(asked.split())) or client.scopes
    if not set(scopes) <= set(client.scopes):
        raise Refusal("invalid_scope", f"the client may have: {' '.join(client.scopes)}")
    return scopes


def sign(client: Client, scopes: tuple[str, ...], key: SigningKey, issuer: str, audience: str) -> str:
    """Returns a signed access token of 15 minutes."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "sub": client.client_id,
        "aud": audience,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_S,
        "jti": str(uuid.uuid4()),
        "client_id": client.client_id,
        "tenant": client.tenant_id,
        "scope": " ".join(scopes),
    }
    return jwt.encode(claims, key.private, algorithm="ES256", headers={"kid": key.kid, "typ": "at+jwt"})
