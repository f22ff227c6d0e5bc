"""Page tokens: the key of the last job shown, and the filter it belongs to, opaque to callers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from datetime import datetime

from assay.gateway.v1 import gateway_pb2 as pb

from mesh.errors import InvalidInput

Key = tuple[datetime, str]


def filter_hash(request: pb.ListAnalysesRequest) -> str:
    """Returns a short hash of what a request filters by; page size and token left out."""
    bare = pb.ListAnalysesRequest()
    bare.CopyFrom(request)
    bare.ClearField("page_size")
    bare.ClearField("page_token")
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()[:16]


def encode(key: Key, request: pb.ListAnalysesRequest) -> str:
    """Returns the token of the page after `key`."""
    text = json.dumps([key[0].isoformat(), key[1], filter_hash(request)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(request: pb.ListAnalysesRequest) -> Key | None:
    """Returns the key a request's token holds, None without one.

    Raises InvalidInput (PAGE_TOKEN_INVALID) for a token that is damaged or of another filter. A
    forged one reaches nothing: row-level security bounds every page to the caller's tenant.
    """
    token = request.page_token
    if not token:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        at, job_id, filtered = json.loads(raw)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or filtered != filter_hash(request):
            raise ValueError
        return moment, str(uuid.UUID(job_id))
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "PAGE_TOKEN_INVALID",
            "The page token is damaged or belongs to another filter.",
            field="page_token",
            fix="Send next_page_token unchanged, with the same filter, or start without one.",
        ) from error
