"""SegmentService: the same engine as the stage, for a caller who waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import grpc.aio
from assay.common.v1.types_pb2 import ObjectRef
from assay.segment.v1 import segment_pb2_grpc
from assay.segment.v1.segment_pb2 import SegmentRequest, SegmentResponse

from mesh.service import Resources
from svc_segment import page
from svc_segment.engine import Result, engine
from svc_segment.images import png
from svc_segment.model import DEFAULT

PATIENCE_S = 60.0
"""The deadline of a call that brings none."""
_LARGEST_OBJECT = 64 * 2**20


class SegmentService(segment_pb2_grpc.SegmentServiceServicer):
    """Segments inline bytes or a stored image."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def Segment(
        self, request: SegmentRequest, context: grpc.aio.ServicerContext[SegmentRequest, SegmentResponse]
    ) -> SegmentResponse:
        """The page without stored artefacts, and the mask; errors as Engine.segment, ObjectStore.get."""
        left = context.time_remaining()
        patience = PATIENCE_S if left is None else min(left, PATIENCE_S)
        deadline = datetime.now(UTC) + timedelta(seconds=patience)
        if request.WhichOneof("source") == "object":
            field, data = "object", await self._read(request.object)
        else:
            field, data = "content", request.content
        return await engine().segment(data, field, DEFAULT, deadline, self._answer)

    def _answer(self, found: Result) -> SegmentResponse:
        said = page.build(found.segmentation, found.model, self._resources.settings.version)
        return SegmentResponse(page=said, mask_png=png(found.segmentation.mask))

    async def _read(self, ref: ObjectRef) -> bytes:
        return await self._resources.objects.get(ref, max_bytes=_LARGEST_OBJECT)


def register(server: grpc.aio.Server, resources: Resources) -> None:
    """Add the service to a server."""
    segment_pb2_grpc.add_SegmentServiceServicer_to_server(SegmentService(resources), server)
