"""SegmentService over a real gRPC channel gives what the core gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import cv2
import grpc
import grpc.aio
import numpy as np
import pytest
from assay.common.v1.types_pb2 import ObjectRef
from assay.segment.v1 import segment_pb2_grpc
from assay.segment.v1.segment_pb2 import SegmentRequest

from mesh.errors import AssayError, DeadlineExceeded
from mesh.settings import Settings
from models.synth.scene import Scene
from svc_segment import engine
from svc_segment.core import segment
from svc_segment.model import load_model
from svc_segment.service import SegmentService


@dataclass(frozen=True)
class OneObject:
    """An object store with one object."""

    data: bytes

    async def get(self, ref: ObjectRef, *, max_bytes: int | None = None) -> bytes:
        assert ref.key == "working.png"
        return self.data


@dataclass(frozen=True)
class Given:
    settings: Settings
    objects: OneObject
    nats: None = None


class Plain(SegmentService):
    """The servicer without the door: its errors become an UNKNOWN status that carries the code."""

    async def Segment(self, request: SegmentRequest, context: Any) -> Any:
        try:
            return await super().Segment(request, context)
        except AssayError as error:
            await context.abort(error.grpc_code, f"{error.code} {error.field}")


@pytest.fixture
async def stub(scene_png: bytes) -> AsyncIterator[segment_pb2_grpc.SegmentServiceStub]:
    server = grpc.aio.server()
    servicer = Plain(Given(Settings(), OneObject(scene_png)))
    segment_pb2_grpc.add_SegmentServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield segment_pb2_grpc.SegmentServiceStub(channel)
    await server.stop(0)


async def test_inline_bytes_and_an_object_give_the_mask_of_the_core(
    stub: segment_pb2_grpc.SegmentServiceStub, scene: Scene, scene_png: bytes
) -> None:
    expected = segment(scene.rgb, load_model(threads=1))
    inline = await stub.Segment(SegmentRequest(content=scene_png), timeout=30)
    stored = await stub.Segment(SegmentRequest(object=ObjectRef(bucket="abc", key="working.png")), timeout=30)
    mask = cv2.imdecode(np.frombuffer(inline.mask_png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (mask != expected.mask).mean() < 1e-4  # thread counts may move a rounding
    assert inline == stored
    assert inline.page.ink_share.value == pytest.approx(expected.uncertainty.ink_share, abs=1e-4)
    assert not inline.page.HasField("mask")


async def test_many_callers_at_once_all_get_the_same_answer(
    stub: segment_pb2_grpc.SegmentServiceStub, scene_png: bytes
) -> None:
    small = cv2.imdecode(np.frombuffer(scene_png, np.uint8), 1)[:128, :128]
    request = SegmentRequest(content=cv2.imencode(".png", small)[1].tobytes())
    answers = await asyncio.gather(*(stub.Segment(request, timeout=60) for _ in range(24)))
    assert all(answer == answers[0] for answer in answers)


async def test_a_text_file_is_refused_by_name(stub: segment_pb2_grpc.SegmentServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.Segment(SegmentRequest(content=b"hello"), timeout=10)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == "UNSUPPORTED_MEDIA content"


async def test_too_many_waiting_photos_are_told_to_come_back(
    stub: segment_pb2_grpc.SegmentServiceStub, scene_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PHOTOS_WAITING", 2)
    calls = (stub.Segment(SegmentRequest(content=scene_png), timeout=60) for _ in range(30))
    results = await asyncio.gather(*calls, return_exceptions=True)
    codes = [r.code() for r in results if isinstance(r, grpc.aio.AioRpcError)]
    assert codes
    assert set(codes) == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert len(codes) < 30


def kept(found: engine.Result) -> engine.Result:
    return found


async def test_tiles_in_a_batcher_give_what_one_thread_gives(
    scene_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    by_thread = await engine.Engine().segment(scene_png, "content", "", soon, kept)
    monkeypatch.setattr(engine, "ON_CPU", "nothing here")
    by_batch = await engine.Engine().segment(scene_png, "content", "", soon, kept)
    assert np.array_equal(by_thread.segmentation.probability, by_batch.segmentation.probability)


async def test_a_crowd_and_a_photo_alone_give_the_same_bits(scene_png: bytes) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    one = engine.Engine()
    alone = await one.segment(scene_png, "content", "", soon, kept)
    crowd = await asyncio.gather(*(one.segment(scene_png, "content", "", soon, kept) for _ in range(3)))
    for found in crowd:
        assert np.array_equal(found.segmentation.probability, alone.segmentation.probability)


async def test_a_photo_that_finds_no_place_in_time_is_told_so(scene_png: bytes) -> None:
    crowded = engine.Engine()
    soon, now = (datetime.now(UTC) + timedelta(seconds=s) for s in (60, 0.2))
    holders = [
        asyncio.create_task(crowded.segment(scene_png, "content", "", soon, kept))
        for _ in range(engine.PHOTOS_AT_ONCE * 3)
    ]
    await asyncio.sleep(0.05)
    with pytest.raises(DeadlineExceeded):
        await crowded.segment(scene_png, "content", "", now, kept)
    for holder in holders:
        holder.cancel()
    await asyncio.gather(*holders, return_exceptions=True)
