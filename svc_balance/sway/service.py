"""SwayService: the same core as the stage, for a caller who waits."""

from __future__ import annotations

import asyncio

import grpc.aio
from assay.balance.v1 import balance_pb2_grpc
from assay.balance.v1.balance_pb2 import MeasureSwayRequest, MeasureSwayResponse

from mesh.service import Resources
from svc_balance.sway import stage

_LARGEST_OBJECT = 64 * 2**20


class SwayService(balance_pb2_grpc.SwayServiceServicer):
    """Measures inline or stored landmarks."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def MeasureSway(
        self,
        request: MeasureSwayRequest,
        context: grpc.aio.ServicerContext[MeasureSwayRequest, MeasureSwayResponse],
    ) -> MeasureSwayResponse:
        """The page without stored artefacts, and the traces; errors as `stage.compute`, ObjectStore.get."""
        if request.WhichOneof("source") == "object":
            data = await self._resources.objects.get(request.object, max_bytes=_LARGEST_OBJECT)
        else:
            data = request.landmarks.SerializeToString()
        version = self._resources.settings.version
        page, traces = await asyncio.to_thread(stage.response, data, request.trial, version)
        return MeasureSwayResponse(page=page, traces=traces)


def register(server: grpc.aio.Server, resources: Resources) -> None:
    """Add the service to a server."""
    balance_pb2_grpc.add_SwayServiceServicer_to_server(SwayService(resources), server)
