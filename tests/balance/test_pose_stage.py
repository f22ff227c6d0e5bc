"""The stage handler against a context in memory: real models, a real clip, one page."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import structlog
from assay.balance.v1.balance_pb2 import POSE_MODE_SINGLE_PASS, POSE_MODE_UNSPECIFIED
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from structlog.typing import FilteringBoundLogger

from mesh import landmarks
from mesh.errors import AssayError, DeadlineExceeded, FailedPrecondition, InvalidInput, NotFound, Unmeasurable
from svc_balance.pose.order import Order, Reporter, fulfil
from svc_balance.pose.quality_mode import REGIONS
from svc_balance.pose.stage import STAGE, handle
from tests.balance.pose_videos import ONE, pictures, plain, write

T = TypeVar("T")


@dataclass
class Shelf:
    """A StageContext that keeps objects in a dictionary and computes in threads, as the mesh does."""

    objects: dict[str, bytes] = field(default_factory=dict)
    told: list[float] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    deadline: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(seconds=60))
    log: FilteringBoundLogger = field(default_factory=structlog.get_logger)

    async def get(self, ref: ObjectRef) -> bytes:
        return self.objects[ref.key]

    async def put(self, name: str, data: bytes, media_type: str) -> ObjectRef:
        digest = hashlib.sha256(data).hexdigest()
        self.objects[f"{name}/{digest}"] = data
        key = f"{name}/{digest}"
        return ObjectRef(
            bucket="shelf", key=key, sha256=digest, media_type=media_type, size_bytes=len(data), name=name
        )

    async def download(self, ref: ObjectRef, path: Path) -> None:
        self.folders.append(path.parent)
        path.write_bytes(self.objects[ref.key])

    async def upload(self, name: str, path: Path, media_type: str) -> ObjectRef:
        return await self.put(name, path.read_bytes(), media_type)

    async def progress(self, percent: float, message: str) -> None:
        assert message
        self.told.append(percent)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.to_thread(function, *args)


async def analysis(
    shelf: Shelf, video: bytes, mode: int = POSE_MODE_SINGLE_PASS, frames: int = 0
) -> Analysis:
    document = Analysis()
    document.job.balance.pose_mode = mode
    document.ingest.video.object.CopyFrom(await shelf.put("video.mp4", video, "video/mp4"))
    document.ingest.video.frames = frames
    return document


@pytest.fixture(scope="module")
def clip(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Five frames of a man on a beam, half size, stored lying on its side as a phone does."""
    shots = [np.rot90(shot[::2, ::2]) for shot in pictures(shared_data / ONE, 5)]
    return write(tmp_path_factory.mktemp("clip") / "clip.webm", shots).read_bytes()


async def test_a_video_becomes_a_page_and_landmarks(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("svc_balance.pose.order.TELL_EVERY_S", 0.0)
    shelf = Shelf()
    document = await analysis(shelf, clip, frames=5)
    document.ingest.video.rotation_deg = 90
    page = await handle(document, shelf)
    series = landmarks.decode(shelf.objects[page.landmarks.key])
    assert (page.landmarks.name, page.landmarks.media_type) == ("landmarks.pb", landmarks.MEDIA_TYPE)
    assert (series.width, series.height, len(series)) == (540, 960, 5)
    assert np.linalg.norm(series.point("left_ankle")[0] - (207, 544)) < 20
    assert np.isfinite(series.image_px).all()
    assert (page.frames, page.mode, page.regions) == (5, POSE_MODE_SINGLE_PASS, 1)
    assert series.model == "blazepose-full@0.10.14"
    assert shelf.told == sorted(shelf.told)
    assert shelf.told[0] == 0
    assert 0 < shelf.told[-1] <= 98
    assert not any(folder.exists() for folder in shelf.folders)


async def test_quality_is_what_is_done_when_nothing_is_said(clip: bytes) -> None:
    shelf = Shelf()
    document = await analysis(shelf, clip, POSE_MODE_UNSPECIFIED)
    document.ingest.video.rotation_deg = 90
    page = await handle(document, shelf)
    assert page.regions == REGIONS
    again = await handle(document, shelf)
    assert again.landmarks.sha256 == page.landmarks.sha256


async def refused(document: Analysis, shelf: Shelf) -> AssayError:
    with pytest.raises(AssayError) as error:
        await handle(document, shelf)
    assert not any(folder.exists() for folder in shelf.folders)
    return error.value


async def test_what_cannot_be_done_has_its_own_code(tmp_path: Path) -> None:
    nobody = write(tmp_path / "nobody.webm", plain(5)).read_bytes()
    shelf = Shelf()
    error = await refused(await analysis(shelf, nobody), shelf)
    assert isinstance(error, Unmeasurable)
    assert error.code == "NO_PERSON"
    error = await refused(await analysis(shelf, b"no video"), shelf)
    assert isinstance(error, InvalidInput)
    assert error.code == "VIDEO_UNREADABLE"
    unknown = await analysis(shelf, nobody)
    unknown.job.model = "blazepose-giant@1.0.0"
    error = await refused(unknown, shelf)
    assert isinstance(error, NotFound)
    assert error.code == "MODEL_NOT_FOUND"
    unknown.job.model = "blazepose-detector@0.10.14"
    error = await refused(unknown, shelf)
    assert error.code == "MODEL_UNSUITABLE"
    assert "blazepose-lite" in error.fix
    error = await refused(Analysis(), shelf)
    assert isinstance(error, FailedPrecondition)
    assert error.code == "NO_VIDEO"


async def test_the_deadline_ends_the_work(tmp_path: Path) -> None:
    shelf = Shelf(deadline=datetime.now(UTC) - timedelta(seconds=1))
    document = await analysis(shelf, write(tmp_path / "v.webm", plain(5)).read_bytes())
    assert isinstance(await refused(document, shelf), DeadlineExceeded)


async def test_a_cancelled_caller_stops_the_work(clip: bytes, tmp_path: Path) -> None:
    path = tmp_path / "v.webm"
    path.write_bytes(clip)
    order = Order(path, 90, "", POSE_MODE_SINGLE_PASS, datetime.now(UTC) + timedelta(seconds=60), frames=5)
    running: list[asyncio.Future[Any]] = []

    async def compute(function: Callable[..., T], *args: Any) -> T:
        running.append(asyncio.get_running_loop().run_in_executor(None, function, *args))
        return await asyncio.shield(running[-1])

    async def tell(_: float) -> None:
        """Nobody listens."""

    task = asyncio.create_task(fulfil(order, compute, tell))
    while len(running) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(AssayError) as error:
        await asyncio.wait_for(running[1], 20)
    assert error.value.code == "POSE_STOPPED"


async def test_progress_is_told_seldom_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []

    async def tell(share: float) -> None:
        await asyncio.sleep(0.02)
        told.append(share)

    monkeypatch.setattr("svc_balance.pose.order.TELL_EVERY_S", 0.01)
    reporter = Reporter(asyncio.get_running_loop(), tell, 200)

    def work() -> None:
        for done in range(1, 201):
            reporter(done)
            threading_pause()

    await asyncio.to_thread(work)
    await reporter.settled()
    assert told == sorted(told)
    assert 2 <= len(told) < 60


def threading_pause() -> None:
    """About a millisecond of work."""
    np.linalg.svd(np.ones((60, 60)))


def test_the_stage_is_wired_as_the_mesh_expects() -> None:
    wiring = (STAGE.name, STAGE.kind, STAGE.consumes, STAGE.publishes, STAGE.page)
    assert wiring == ("pose", "balance", "ingested", "posed", "pose")
