"""Whose objects a message may name.

Keys begin with the tenant (`<tenant>/...`), in the two buckets of ours. Checked where a reference comes
in: the door for calls, the runner for facts, the gateway before a download.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from functools import cache
from typing import Any

from assay.common.v1.types_pb2 import ObjectRef
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from mesh.errors import PermissionDenied

# Storage may read "." and ".." and empty parts as a path; our keys have none.
PART = re.compile(r"(?!\.{1,2}$)[^\x00-\x1f\x7f\\]+")


def check(ref: ObjectRef, tenant_id: str, buckets: Set[str], field: str = "object") -> None:
    """Raises PermissionDenied (TENANT_MISMATCH) unless the tenant may read the object."""
    parts = ref.key.split("/")
    mine = parts[0] == tenant_id and len(parts) > 1 and all(PART.fullmatch(part) for part in parts)
    if not mine or ref.bucket not in buckets:
        raise PermissionDenied(
            "TENANT_MISMATCH",
            "The object is another tenant's.",
            field=field,
            fix="Name an object of your own tenant, as an analysis lists it.",
        )


def check_all(message: Message, tenant_id: str, buckets: Set[str]) -> None:
    """Checks every reference in a message; those left empty name nothing."""
    for path, ref in references(message):
        if ref.key or ref.bucket:
            check(ref, tenant_id, buckets, path)


def references(message: Message, path: str = "") -> Iterator[tuple[str, ObjectRef]]:
    """Yields field path and reference of every ObjectRef in a message."""
    if isinstance(message, ObjectRef):
        yield path, message
        return
    for name in _leading(message.DESCRIPTOR):
        value: Any = getattr(message, name)
        if isinstance(value, Message):
            inner = [(name, value)] if message.HasField(name) else []
        else:
            inner = [(f"{name}[{index}]", item) for index, item in enumerate(value)]
        for step, item in inner:
            yield from references(item, f"{path}.{step}" if path else step)


@cache
def _leading(descriptor: Descriptor) -> tuple[str, ...]:
    """Names of the fields below which there may be a reference: a batch of numbers costs no walk."""
    return tuple(
        field.name
        for field in descriptor.fields
        if field.message_type is not None
        and not field.message_type.GetOptions().map_entry
        and _holds(field.message_type, frozenset())
    )


def _holds(descriptor: Descriptor, seen: frozenset[str]) -> bool:
    if descriptor.full_name == ObjectRef.DESCRIPTOR.full_name:
        return True
    if descriptor.full_name in seen:
        return False
    seen = seen | {descriptor.full_name}
    return any(
        field.message_type is not None and _holds(field.message_type, seen) for field in descriptor.fields
    )
