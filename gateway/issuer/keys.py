"""The development issuer's signing key."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm


@dataclass(frozen=True)
class SigningKey:
    """An ES256 key; `kid` is its thumbprint (RFC 7638)."""

    private: EllipticCurvePrivateKey
    kid: str
    public: dict[str, Any]

    def key_set(self) -> str:
        """Returns the JSON Web Key Set (RFC 7517) that verifies what the key signs."""
        return json.dumps({"keys": [{**self.public, "kid": self.kid, "use": "sig", "alg": "ES256"}]})


def load(path: Path) -> SigningKey:
    """Reads a P-256 private key in PEM; raises ValueError for any other."""
    private = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise ValueError(f"{path} holds no P-256 private key, which ES256 needs")
    jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    public = {member: jwk[member] for member in ("crv", "kty", "x", "y")}
    canonical = json.dumps(public, sort_keys=True, separators=(",", ":")).encode()
    kid = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).decode().rstrip("=")
    return SigningKey(private, kid, public)
