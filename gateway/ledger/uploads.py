"""Uploads in the ledger: signed, then used, or expired unused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assay.common.v1.types_pb2 import ObjectRef

from gateway.ledger.database import Connection


@dataclass(frozen=True)
class Upload:
    """An announced upload. The signature ends at `signature_expires_at`; an upload that was received
    by then can be analysed until `usable_until`."""

    upload_id: str
    tenant_id: str
    purpose: str
    media_type: str
    size_bytes: int
    sha256: str
    bucket: str
    object_key: str
    state: str
    created_by: str
    signature_expires_at: datetime
    usable_until: datetime

    def ref(self, name: str = "upload") -> ObjectRef:
        """Returns the reference that travels in the document, under a name."""
        return ObjectRef(
            bucket=self.bucket,
            key=self.object_key,
            sha256=self.sha256,
            media_type=self.media_type,
            size_bytes=self.size_bytes,
            name=name,
        )


INSERT = """
INSERT INTO uploads (upload_id, tenant_id, purpose, media_type, size_bytes, sha256, bucket, object_key, state,
                     created_by, signature_expires_at, usable_until)
VALUES (%(upload_id)s, %(tenant_id)s, %(purpose)s, %(media_type)s, %(size_bytes)s, %(sha256)s, %(bucket)s,
        %(object_key)s, %(state)s, %(created_by)s, %(signature_expires_at)s, %(usable_until)s)
"""
SELECT = """
SELECT upload_id::text, tenant_id::text, purpose, media_type, size_bytes, sha256, bucket, object_key, state,
       created_by, signature_expires_at, usable_until
FROM uploads WHERE upload_id = %s
"""


async def insert(connection: Connection, upload: Upload) -> None:
    """Records an upload that was signed."""
    await connection.execute(INSERT, vars(upload))


async def find(connection: Connection, upload_id: str) -> Upload | None:
    """Returns an upload of the bound tenant."""
    row = await (await connection.execute(SELECT, (upload_id,))).fetchone()
    return Upload(**row) if row else None


async def mark_used(connection: Connection, upload_id: str) -> bool:
    """Marks an upload as used; False when it has expired meanwhile."""
    done = await connection.execute(
        "UPDATE uploads SET state = 'used' WHERE upload_id = %s AND state <> 'expired'", (upload_id,)
    )
    return done.rowcount == 1
