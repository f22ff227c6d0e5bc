"""The stage over a video: from the upload to the page and the stored picture track."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
import structlog
from assay.common.v1.types_pb2 import FlagLevel
from assay.ingest.v1.ingest_pb2 import IngestPage

from mesh.door import validate
from mesh.errors import AssayError, InvalidInput, NotFound, Transient
from svc_ingest import stage
from svc_ingest.stage import handle
from svc_ingest.video.stage import sandbox
from tests.ingest import clips
from tests.ingest.conftest import encode, scene
from tests.ingest.contexts import FolderContext, order

ONE_S = clips.times(1)


@pytest.fixture(scope="module", autouse=True)
def _end_the_decoders() -> Iterator[None]:
    yield
    for decoders in (sandbox, stage.sandbox):
        decoders().close()
        decoders.cache_clear()


@pytest.fixture
def ctx(tmp_path: Path) -> FolderContext:
    return FolderContext(tmp_path, datetime.now(UTC) + timedelta(minutes=2), structlog.get_logger())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One second, filmed upright, VP9 in MP4 with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return clips.write(path, clips.scene(ONE_S), ONE_S, rotation=90, sound="aac").read_bytes()


async def video(ctx: FolderContext, data: bytes, size: int | None = None) -> IngestPage:
    page = await handle(order(ctx, data, "video/mp4", size, kind="balance", purpose="video"), ctx)
    assert isinstance(page, IngestPage)
    return page


async def test_the_page_says_what_the_stored_track_holds(ctx: FolderContext, clip: bytes) -> None:
    page = await video(ctx, clip)
    assert (page.source_media_type, page.source_size_bytes) == ("video/mp4", len(clip))
    assert page.source_sha256 == hashlib.sha256(clip).hexdigest()
    assert (page.source_bits, page.source_mode) == (8, "yuv420p")
    assert (page.width, page.height) == (page.video.width, page.video.height) == (240, 320)
    found = page.video
    assert (found.container, found.codec, found.rotation_deg, found.frames) == ("mp4", "vp9", 90, 30)
    assert found.duration_s == pytest.approx(29 / 30, abs=1e-3)
    assert found.fps == pytest.approx(30, abs=0.01)
    assert found.audio_dropped
    assert not found.variable_frame_rate
    assert (found.object.name, found.object.media_type) == ("video.mp4", "video/mp4")
    stored = (ctx.folder / found.object.key).read_bytes()
    assert found.object.size_bytes == len(stored)
    with av.open(io.BytesIO(stored)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert sum(1 for _ in container.decode(video=0)) == found.frames
    assert {flag.code: flag.level for flag in page.flags}["VIDEO_TOO_SHORT"] == FlagLevel.FLAG_LEVEL_FAIL
    assert {v.name for v in page.provenance.versions} == {"assay", "av", "opencv-python-headless", "numpy"}
    assert ctx.told == sorted(ctx.told)
    assert page.ByteSize() < 8 * 1024
    validate(page)


async def test_doing_it_twice_writes_the_same_and_leaves_nothing(
    ctx: FolderContext, clip: bytes, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert await video(ctx, clip) == await video(ctx, clip)
    assert len(list(ctx.folder.iterdir())) == 2
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "size", "code"),
    [
        (b"I am no video.", None, "VIDEO_MEDIA_TYPE"),
        (encode(scene(), "JPEG"), None, "IMAGE_SENT_AS_VIDEO"),
        (b"\0\0\0\x14ftypisom\0\0\0\0mp42", None, "VIDEO_TRUNCATED"),
        (b"", None, "UPLOAD_EMPTY"),
        (b"12345", 6, "UPLOAD_SIZE_MISMATCH"),
        (b"12345", 10**10, "VIDEO_TOO_LARGE"),
    ],
)
async def test_refusals_name_the_upload(ctx: FolderContext, data: bytes, size: int | None, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await video(ctx, data, size)
    assert (refused.value.code, refused.value.field) == (code, "upload_id")
    assert refused.value.fix
    assert list(ctx.folder.iterdir()) == [ctx.folder / "upload"]


async def test_a_video_of_nothing_but_cuts_is_refused(ctx: FolderContext, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    time_s = clips.times(5)
    # Coarse blocks, so that the codec keeps them unlike.
    blocks = (np.kron(rng.integers(0, 256, (6, 8), np.uint8), np.ones((20, 20), np.uint8)) for _ in time_s)
    with pytest.raises(InvalidInput) as refused:
        await video(ctx, clips.write(tmp_path / "noise.mp4", blocks, time_s).read_bytes())
    assert (refused.value.code, refused.value.field) == ("VIDEO_CUT_UP", "upload_id")
    assert refused.value.fix


async def test_an_upload_never_made(ctx: FolderContext, clip: bytes) -> None:
    analysis = order(ctx, clip, kind="balance", purpose="video")
    (ctx.folder / "upload").unlink()
    with pytest.raises(NotFound) as missing:
        await handle(analysis, ctx)
    assert (missing.value.code, missing.value.field) == ("UPLOAD_NOT_FOUND", "upload_id")


@pytest.mark.parametrize(
    ("kind", "purpose"),
    [("balance", "image"), ("balance", ""), ("tattoo", "video"), ("tattoo", "landmarks")],
)
async def test_a_purpose_that_is_not_the_kind_s(ctx: FolderContext, kind: str, purpose: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await handle(order(ctx, encode(scene(), "PNG"), kind=kind, purpose=purpose), ctx)
    assert (refused.value.code, refused.value.field) == ("UPLOAD_WRONG_PURPOSE", "upload_id")
    assert ctx.reads == 0


async def test_a_video_announced_as_a_photo(ctx: FolderContext, clip: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        await handle(order(ctx, clip, "image/jpeg", kind="tattoo", purpose="image"), ctx)
    assert refused.value.code == "VIDEO_SENT_AS_IMAGE"


async def test_no_time_left_is_a_passing_error(ctx: FolderContext, clip: bytes) -> None:
    ctx.deadline = datetime.now(UTC) + timedelta(milliseconds=50)
    with pytest.raises(Transient) as late:
        await video(ctx, clip)
    assert late.value.code in ("DECODER_TIMEOUT", "DECODERS_BUSY")


async def test_every_file_of_the_reference_set_ends_in_a_result_or_a_typed_error(
    ctx: FolderContext, shared_data: Path
) -> None:
    outcomes = {}
    for path in sorted((shared_data / "badinput" / "video").iterdir()):
        try:
            page = await video(ctx, path.read_bytes())
        except AssayError as refused:
            outcomes[path.name] = refused.code
        else:
            outcomes[path.name] = f"{page.video.frames}"
    assert outcomes == {
        "LICENSE_decord_Apache2": "VIDEO_MEDIA_TYPE",
        "LICENSE_torchcodec_BSD3": "VIDEO_MEDIA_TYPE",
        "av1_video.mkv": "125",
        "bt709_full_range.mp4": "30",
        "corrupted.mp4": "VIDEO_CORRUPT",
        "flipping_a_pancake.mkv": "310",
        "h264_10bits.mp4": "30",
        "h265_10bits.mp4": "30",
        "h265_video.mp4": "10",
        "nasa_13013.mp4": "390",
        "unordered.mov": "VIDEO_PICTURE_TOO_SMALL",
        "video_0.mov": "3",
        "video_270.mov": "3",
        "video_90.mov": "3",
    }


async def test_the_decoder_holds_no_environment_and_ends(
    ctx: FolderContext, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process for one video: none is left, so none can tell the next caller anything."""
    monkeypatch.setenv("ASSAY_S3_SECRET_KEY", "hunter2")
    await video(ctx, clip)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    for child in children:
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        assert b"svc_ingest.video.worker" not in command
