"""Idempotency keys: the same key and request give the same job, whoever asks how often."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

from google.protobuf.message import Message

from gateway.ledger.database import Connection
from mesh.errors import Conflict, InvalidInput

HEADER = "idempotency-key"
LIFETIME = timedelta(hours=24)
VALID = re.compile(r"[\x20-\x7e]{1,255}")

INSERT = """
INSERT INTO idempotency_keys (tenant_id, key, request_hash, job_id, expires_at)
VALUES (%s, %s, %s, %s, now() + %s)
ON CONFLICT (tenant_id, key) DO NOTHING
"""


def check_key(key: str) -> str:
    """Returns the key; raises InvalidInput unless it has 1 to 255 printable ASCII characters."""
    if not VALID.fullmatch(key) or not key.strip():
        raise InvalidInput(
            "INVALID_IDEMPOTENCY_KEY",
            "The idempotency key must have 1 to 255 printable ASCII characters.",
            field=HEADER,
            fix="Send a random UUID, one per request you mean to make once.",
        )
    return key


def request_hash(method: str, request: Message) -> bytes:
    """Returns the SHA-256 of the method and the canonical form of the request."""
    canonical = request.SerializeToString(deterministic=True)
    return hashlib.sha256(method.encode() + b"\0" + canonical).digest()


async def claim(connection: Connection, tenant_id: str, key: str, digest: bytes, job_id: str) -> str | None:
    """Binds a key to a job that the running transaction creates.

    Returns None when the key is now bound to `job_id`, else the job it was bound to before. A
    concurrent request with the same key waits here until the first commits or rolls back. Raises
    Conflict when the key was used for another request.
    """
    done = await connection.execute(INSERT, (tenant_id, key, digest, job_id, LIFETIME))
    return None if done.rowcount == 1 else await find(connection, key, digest)


async def find(connection: Connection, key: str, digest: bytes) -> str | None:
    """Returns the job a key is bound to, if any; raises Conflict when it was used for another request."""
    found = await connection.execute(
        "SELECT request_hash, job_id::text FROM idempotency_keys WHERE key = %s", (key,)
    )
    row = await found.fetchone()
    if row is None:
        return None
    if bytes(row["request_hash"]) != digest:
        raise Conflict(
            "IDEMPOTENCY_CONFLICT",
            "This idempotency key was used for another request.",
            field=HEADER,
            fix="Use a new key for a new request; repeat a request unchanged.",
        )
    return str(row["job_id"])
