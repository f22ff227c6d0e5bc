"""The development issuer's key, key set and first client."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from dev.credentials import keep, write_private

# The command line's client first; the second may also call a stage's own gRPC port.
CLIENTS = {
    "assay-cli": (
        "analyses:erase",
        "analyses:read",
        "analyses:write",
        "color:read",
        "models:read",
        "models:activate",
        "models:recall",
        "rulesets:activate",
        "rulesets:read",
    ),
    "assay-inside": ("analyses:read", "analyses:write", "color:read", "stages:call"),
    "assay-canary": ("analyses:erase", "analyses:read", "analyses:write"),
}
# Clients with a tenant of their own. What the canary's does is nobody's work (ASSAY_CANARY_TENANT).
CANARY_TENANT = "0198c0de-0000-7000-8000-0000000ca9a2"
APART = {"assay-canary": CANARY_TENANT}


@dataclass(frozen=True)
class Client:
    """Credentials of the client-credentials grant."""

    client_id: str
    client_secret: str


def key_file(folder: Path) -> Path:
    """ES256 private key, PEM; drawn on first use."""
    return keep(folder / "issuer.pem", draw_key)


def draw_key() -> str:
    """A new ES256 private key, PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def key_set_file(folder: Path) -> Path:
    """The public key as a JSON Web Key Set; its kid is the key's RFC 7638 thumbprint."""

    return keep(folder / "jwks.json", lambda: json.dumps({"keys": [public_key(key_file(folder))]}))


def public_key(file: Path) -> dict[str, str]:
    """The public half of a private key in PEM, as a JSON Web Key; raises ValueError for any but an EC key."""
    private = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{file} is not an elliptic-curve key; delete it to have a new one")
    public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    required = {name: str(public[name]) for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(required, sort_keys=True, separators=(",", ":")).encode()
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    return {**required, "kid": thumbprint, "use": "sig", "alg": "ES256"}


def clients_file(folder: Path) -> Path:
    """The issuer's clients as JSON; secrets are drawn once, scopes follow CLIENTS.

    Ours have one tenant, but for those APART. Clients that somebody added to the file stay as they are.
    """
    path = folder / "clients.json"
    kept = {one["client_id"]: one for one in json.loads(path.read_text())} if path.exists() else {}
    tenant = next((one["tenant_id"] for one in kept.values()), str(uuid.uuid4()))
    clients = [
        {
            "client_id": name,
            "client_secret": kept[name]["client_secret"] if name in kept else secrets.token_urlsafe(32),
            "tenant_id": APART.get(name, tenant),
            "scopes": list(scopes),
        }
        for name, scopes in CLIENTS.items()
    ]
    clients += [one for name, one in kept.items() if name not in CLIENTS]
    if clients != list(kept.values()):
        write_private(path, json.dumps(clients, indent=2))
    return path


def named_client(folder: Path, name: str) -> Client:
    """One of CLIENTS."""
    found = next(one for one in json.loads(clients_file(folder).read_text()) if one["client_id"] == name)
    return Client(found["client_id"], found["client_secret"])


def first_client(folder: Path) -> Client:
    """The client that the command line uses."""
    raw = json.loads(clients_file(folder).read_text())[0]
    return Client(raw["client_id"], raw["client_secret"])
