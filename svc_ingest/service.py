"""IngestService: what the stage does to an upload, for one image and without storing anything."""

import asyncio
from typing import Any

import grpc.aio
from assay.ingest.v1.ingest_pb2 import InspectRequest, InspectResponse
from assay.ingest.v1.ingest_pb2_grpc import IngestServiceServicer

from mesh.errors import InvalidInput
from mesh.objects import ObjectStore
from svc_ingest.page import page
from svc_ingest.stage import sandbox


class IngestService(IngestServiceServicer):
    """The typed door to ingest; the mesh's interceptor authorises, validates and maps errors."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def Inspect(
        self, request: InspectRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> InspectResponse:
        """Checks and measures one image. Raises InvalidInput, NotFound, Transient."""
        field = request.WhichOneof("source") or "source"
        data, declared = request.content, ""
        if field == "object":
            data = await self._objects.get(request.object, max_bytes=sandbox().limits.max_bytes)
            declared = request.object.media_type
        try:
            done = await asyncio.to_thread(sandbox().ingest, data, declared, context.time_remaining())
        except InvalidInput as error:
            error.field = field
            raise
        return InspectResponse(page=page(data, done))
