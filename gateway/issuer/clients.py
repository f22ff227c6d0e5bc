"""The development issuer's clients."""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Client:
    """Who may ask for tokens, for which tenant, with which scopes."""

    client_id: str
    client_secret: str
    tenant_id: str
    scopes: tuple[str, ...]


class Clients:
    """Clients by id; their secrets are compared in constant time."""

    def __init__(self, clients: tuple[Client, ...]) -> None:
        self._by_id = {client.client_id: client for client in clients}
        # Compared against when the id is unknown, so that both cases take the same time.
        self._nobody = Client("", secrets.token_urlsafe(32), "", ())

    def authenticate(self, client_id: str, client_secret: str) -> Client | None:
        """Returns the client whose secret this is, else None."""
        client = self._by_id.get(client_id, self._nobody)
        equal = hmac.compare_digest(client.client_secret.encode(), client_secret.encode())
        return client if equal and client is not self._nobody else None


def load(path: Path) -> Clients:
    """Reads a JSON list of {client_id, client_secret, tenant_id, scopes}; raises ValueError, KeyError."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return Clients(
        tuple(
            Client(row["client_id"], row["client_secret"], row["tenant_id"], tuple(row["scopes"]))
            for row in rows
        )
    )
