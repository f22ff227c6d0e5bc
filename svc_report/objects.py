"""What making a report may reach: stored objects, and a place for CPU work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from assay.common.v1.types_pb2 import ObjectRef

T = TypeVar("T")


class Objects(Protocol):
    """Reads stored objects."""

    async def get(self, ref: ObjectRef) -> bytes:
        """An object whole."""
        ...

    async def download(self, ref: ObjectRef, path: Path) -> None:
        """An object into a file."""
        ...


class Compute(Protocol):
    """Runs a function off the event loop."""

    def __call__(self, function: Callable[..., T], *args: Any) -> Awaitable[T]: ...
