"""A StageContext that keeps objects in a folder, as the one-process pipeline does."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis

from mesh.errors import NotFound

T = TypeVar("T")


@dataclass
class FolderContext:
    """Objects in `folder`, one file each, named by their key; `told` is the progress that was reported."""

    folder: Path
    deadline: datetime
    log: Any
    reads: int = 0
    told: list[float] = field(default_factory=list)

    async def get(self, ref: ObjectRef) -> bytes:
        return self.path(ref).read_bytes()

    async def download(self, ref: ObjectRef, path: Path) -> None:
        shutil.copyfile(self.path(ref), path)

    def path(self, ref: ObjectRef) -> Path:
        self.reads += 1
        path = self.folder / ref.key
        if not path.exists():
            raise NotFound("OBJECT_NOT_FOUND", "There is no such stored object.")
        return path

    async def put(self, name: str, data: bytes, media_type: str) -> ObjectRef:
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / digest).write_bytes(data)
        return ObjectRef(
            bucket="artifacts",
            key=digest,
            sha256=digest,
            media_type=media_type,
            size_bytes=len(data),
            name=name,
        )

    async def upload(self, name: str, path: Path, media_type: str) -> ObjectRef:
        return await self.put(name, path.read_bytes(), media_type)

    async def progress(self, percent: float, message: str) -> None:
        self.told.append(percent)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.to_thread(function, *args)


def order(
    ctx: FolderContext,
    data: bytes,
    media_type: str = "image/jpeg",
    size: int | None = None,
    *,
    kind: str = "tattoo",
    purpose: str = "",
) -> Analysis:
    """An analysis of `data`, which is stored as the upload; `size` is the announced one."""
    (ctx.folder / "upload").write_bytes(data)
    ref = ObjectRef(bucket="uploads", key="upload", media_type=media_type)
    ref.size_bytes = len(data) if size is None else size
    analysis = Analysis()
    analysis.job.kind = kind
    analysis.job.upload_purpose = purpose
    analysis.job.upload.CopyFrom(ref)
    return analysis
