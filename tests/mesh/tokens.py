"""Access tokens for tests, made with a key of their own."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ISSUER = "https://issuer.test"
TENANT = "7d1c9a52-1f5e-4f0e-9d55-1a2b3c4d5e6f"


@dataclass(frozen=True)
class Issuer:
    """An ES256 issuer whose key set is written to a file."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    kid: str = "k1"

    def write_keys(self, path: Path) -> str:
        public = json.loads(ECAlgorithm.to_jwk(self.key.public_key()))
        public.update(kid=self.kid, alg="ES256", use="sig")
        path.write_text(json.dumps({"keys": [public]}))
        return str(path)

    def token(self, *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "assay",
            "sub": "client-1",
            "tenant": TENANT,
            "scope": "color:read analyses:read",
            "iat": now,
            "exp": now + 300,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"kid": self.kid, "typ": "at+jwt", **(headers or {})}
        return jwt.encode(claims, self.key, algorithm="ES256", headers=header)
