"""PoseService: the same work as the stage, for a caller who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import grpc.aio
from assay.balance.v1 import balance_pb2_grpc
from assay.balance.v1.balance_pb2 import EstimatePoseRequest, EstimatePoseResponse, LandmarkSeries
from assay.common.v1.types_pb2 import ObjectRef

from mesh import landmarks
from mesh.errors import FailedPrecondition, InvalidInput
from mesh.scratch import scratch
from mesh.service import Resources
from svc_balance.pose import page
from svc_balance.pose.order import Order, fulfil

T = TypeVar("T")

PATIENCE_S = 600.0
"""The deadline of a call that brings none, and the longest it may bring."""


class PoseService(balance_pb2_grpc.PoseServiceServicer):
    """Estimates the pose in a stored video."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def _check_origin(self, video: ObjectRef) -> None:
        """This process decodes without ingest's sandbox, so only what came through it."""
        parts = video.key.split("/")
        if video.bucket != self._resources.settings.s3_artifacts_bucket or parts[2:3] != ["ingest"]:
            raise InvalidInput(
                "VIDEO_NOT_INGESTED",
                "The object is no video that ingest has written.",
                field="video",
                fix="Name the object in `ingest.video` of an analysis.",
            )

    async def EstimatePose(
        self,
        request: EstimatePoseRequest,
        context: grpc.aio.ServicerContext[EstimatePoseRequest, EstimatePoseResponse],
    ) -> EstimatePoseResponse:
        """The page without stored artefacts, and the landmarks; errors as the stage's.

        Raises InvalidInput (VIDEO_NOT_INGESTED) for a video that ingest has not checked, FailedPrecondition
        (LANDMARKS_TOO_LARGE) when the answer does not fit into a message.
        """
        self._check_origin(request.video)
        left = context.time_remaining()
        patience = PATIENCE_S if left is None else min(left, PATIENCE_S)
        with scratch() as folder:
            path = folder / "video"
            await self._resources.objects.download(request.video, path)
            order = Order(
                path=path,
                rotation_deg=request.rotation_deg,
                model=request.model,
                mode=request.mode,
                deadline=datetime.now(UTC) + timedelta(seconds=patience),
            )
            made, loaded = await fulfil(order, _compute, _untold)
        settings = self._resources.settings
        answer = EstimatePoseResponse(
            page=page.build(made, loaded, settings.version),
            landmarks=await _compute(_message, made.landmarks),
        )
        if answer.ByteSize() > settings.max_message_bytes:
            raise FailedPrecondition(
                "LANDMARKS_TOO_LARGE",
                f"{len(made.landmarks)} frames do not fit into one answer.",
                field="video",
                fix="Run the video as an analysis: its landmarks go to storage.",
            )
        return answer


def register(server: grpc.aio.Server, resources: Resources) -> None:
    """Add the service to a server."""
    balance_pb2_grpc.add_PoseServiceServicer_to_server(PoseService(resources), server)


def _message(series: landmarks.Landmarks) -> LandmarkSeries:
    return LandmarkSeries.FromString(landmarks.encode(series))


async def _compute(function: Callable[..., T], *args: Any) -> T:
    return await asyncio.to_thread(function, *args)


async def _untold(_share: float) -> None:
    """A caller who waits is told no progress."""
