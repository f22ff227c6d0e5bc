"""ReportService: the stage's report for a caller who waits, without storing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc.aio
from assay.common.v1.types_pb2 import ObjectRef
from assay.report.v1.report_pb2 import RenderRequest, RenderResponse
from assay.report.v1.report_pb2_grpc import ReportServiceServicer

from mesh.auth import current_principal
from mesh.errors import PermissionDenied
from mesh.objects import ObjectStore
from svc_report.compose import MAX_PICTURE_BYTES, compose

T = TypeVar("T")


class ReportService(ReportServiceServicer):
    """Renders reports of the caller's own tenant."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def Render(
        self, request: RenderRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> RenderResponse:
        """The PDF of a decided analysis. Raises PermissionDenied, and what `compose` raises."""
        tenant = current_principal().tenant_id
        if request.analysis.job.tenant_id != tenant:
            raise PermissionDenied(
                "TENANT_MISMATCH", "The analysis is another tenant's.", field="analysis.job.tenant_id"
            )

        report = await compose(request.analysis, _TenantObjects(self._objects, tenant), _compute)
        return RenderResponse(pdf=report.pdf)


@dataclass(frozen=True)
class _TenantObjects:
    """The objects of one tenant."""

    store: ObjectStore
    tenant: str

    async def get(self, ref: ObjectRef) -> bytes:
        return await self.store.get(self._own(ref), max_bytes=MAX_PICTURE_BYTES)

    async def download(self, ref: ObjectRef, path: Path) -> None:
        await self.store.download(self._own(ref), path)

    def _own(self, ref: ObjectRef) -> ObjectRef:
        if not ref.key.startswith(f"{self.tenant}/"):
            raise PermissionDenied("TENANT_MISMATCH", "The object is another tenant's.", field="analysis")
        return ref


async def _compute(function: Callable[..., T], *args: Any) -> T:
    return await asyncio.to_thread(function, *args)
