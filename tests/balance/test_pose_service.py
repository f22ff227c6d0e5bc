"""PoseService over a real gRPC channel gives what the stage gives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from assay.balance.v1 import balance_pb2_grpc
from assay.balance.v1.balance_pb2 import POSE_MODE_SINGLE_PASS, EstimatePoseRequest
from assay.common.v1.types_pb2 import ObjectRef

from mesh import landmarks
from mesh.errors import AssayError
from mesh.settings import Settings
from svc_balance.pose.estimate import estimate
from svc_balance.pose.networks import networks
from svc_balance.pose.service import PoseService
from svc_balance.pose.video import decode
from tests.balance.pose_videos import ONE, pictures, write

KEY = "tenant/job/ingest/video.mp4/0"


@dataclass(frozen=True)
class OneObject:
    """An object store with one video."""

    video: Path

    async def download(self, ref: ObjectRef, path: Path) -> None:
        assert ref.key == KEY
        path.write_bytes(self.video.read_bytes())


@dataclass(frozen=True)
class Given:
    settings: Settings
    objects: OneObject
    nats: None = None


class Plain(PoseService):
    """The servicer without the door: its errors become a status that carries the code."""

    async def EstimatePose(self, request: EstimatePoseRequest, context: Any) -> Any:
        try:
            return await super().EstimatePose(request, context)
        except AssayError as error:
            await context.abort(error.grpc_code, f"{error.code} {error.field}")


@pytest.fixture(scope="module")
def clip(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shots = [shot[::2, ::2] for shot in pictures(shared_data / ONE, 3)]
    return write(tmp_path_factory.mktemp("clip") / "clip.webm", shots)


async def channel(clip: Path, settings: Settings) -> AsyncIterator[balance_pb2_grpc.PoseServiceStub]:
    server = grpc.aio.server()
    balance_pb2_grpc.add_PoseServiceServicer_to_server(Plain(Given(settings, OneObject(clip))), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield balance_pb2_grpc.PoseServiceStub(opened)
    await server.stop(0)


@pytest.fixture
async def stub(clip: Path) -> AsyncIterator[balance_pb2_grpc.PoseServiceStub]:
    async for each in channel(clip, Settings()):
        yield each


@pytest.fixture
async def narrow(clip: Path) -> AsyncIterator[balance_pb2_grpc.PoseServiceStub]:
    """A service that may send messages of 2 kB only."""
    async for each in channel(
        clip, Settings(max_message_bytes=65536).model_copy(update={"max_message_bytes": 2048})
    ):
        yield each


def request(model: str = "", bucket: str = "assay-artifacts", key: str = KEY) -> EstimatePoseRequest:
    return EstimatePoseRequest(
        video=ObjectRef(bucket=bucket, key=key), mode=POSE_MODE_SINGLE_PASS, model=model
    )


async def test_a_call_gives_the_landmarks_of_the_core(
    stub: balance_pb2_grpc.PoseServiceStub, clip: Path
) -> None:
    answer = await stub.EstimatePose(request())
    got = landmarks.from_message(answer.landmarks)
    core = estimate(decode(clip), networks(), regions=1).landmarks
    np.testing.assert_allclose(got.image_px, core.image_px, atol=1e-3)
    assert answer.page.frames == 3
    assert not answer.page.landmarks.key


@pytest.mark.parametrize(
    ("bucket", "key"),
    [("assay-uploads", "tenant/upload"), ("assay-artifacts", "tenant/job/report/report.pdf/0")],
)
async def test_only_what_ingest_has_checked_is_decoded(
    stub: balance_pb2_grpc.PoseServiceStub, bucket: str, key: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.EstimatePose(request(bucket=bucket, key=key))
    assert error.value.details() == "VIDEO_NOT_INGESTED video"


async def test_an_unknown_model_is_told(stub: balance_pb2_grpc.PoseServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.EstimatePose(request("blazepose-giant@1.0.0"))
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert error.value.details() == "MODEL_NOT_FOUND model"


async def test_an_answer_that_does_not_fit_is_told(narrow: balance_pb2_grpc.PoseServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await narrow.EstimatePose(request())
    assert error.value.details() == "LANDMARKS_TOO_LARGE video"
