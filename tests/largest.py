"""Parts of documents that are as long as real ones get, for tests of what fits into a fact."""

from __future__ import annotations

import uuid

from assay.common.v1.types_pb2 import ComponentVersion, ObjectRef, Provenance


def stored(stage: str, name: str) -> ObjectRef:
    """A reference of the length that a real one has, with the longest media type that we write."""
    return ObjectRef(
        bucket="assay-artifacts",
        key=f"{uuid.uuid4()}/{uuid.uuid4()}/{stage}/{name}/{'a' * 64}",
        sha256="a" * 64,
        media_type="application/vnd.assay.landmarks+protobuf",
        size_bytes=2**30,
        name=name,
    )


def made_by(count: int) -> Provenance:
    """As many versions as a page names."""
    one = ComponentVersion(kind="library", name="x" * 20, version="10.10.10", sha256="a" * 64)
    return Provenance(versions=[one] * count)
