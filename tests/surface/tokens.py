"""Access tokens for tests: good ones, and every kind that must be refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "https://issuer.test"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
TENANT = "0192f0c1-2222-7000-8000-000000000001"


def public_jwk() -> dict[str, str]:
    """The verifying key of KEY as a JWK (RFC 7517)."""
    numbers = KEY.public_key().public_numbers()
    x, y = (base64.urlsafe_b64encode(n.to_bytes(32)).rstrip(b"=").decode() for n in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "test", "x": x, "y": y}


def token(scope: str = "analyses:read analyses:write color:read", key: Any = KEY, **claims: Any) -> str:
    """A signed access token; `claims` override, None removes."""
    now = int(time.time())
    payload = {
        "iss": ISSUER, "aud": "assay", "sub": "client-1", "tenant": TENANT, "scope": scope,
        "iat": now, "exp": now + 600, **claims,
    }  # fmt: skip
    payload = {k: v for k, v in payload.items() if v is not None}
    return jwt.encode(payload, key, algorithm="ES256", headers={"kid": "test"})


def unsigned_token() -> str:
    """A token of algorithm none."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    payload = jwt.decode(token(), options={"verify_signature": False})
    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': 'test'})}.{part(payload)}."


def confused_token() -> str:
    """HS256 signed with the public key's PEM, for verifiers that let the token choose."""
    pem = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    payload = jwt.decode(token(), options={"verify_signature": False})
    signed = (
        f"{part(json.dumps({'alg': 'HS256', 'kid': 'test'}).encode())}.{part(json.dumps(payload).encode())}"
    )
    return f"{signed}.{part(hmac.new(pem, signed.encode(), hashlib.sha256).digest())}"
