"""The stage and the service over one handler, with a folder for storage."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
import pytest
import structlog
from assay.common.v1.types_pb2 import FlagLevel, ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from assay.ingest.v1.ingest_pb2 import InspectRequest
from assay.ingest.v1.ingest_pb2_grpc import IngestServiceStub, add_IngestServiceServicer_to_server
from PIL import Image

from mesh.door import validate
from mesh.errors import AssayError, InvalidInput, NotFound
from svc_ingest.service import IngestService
from svc_ingest.stage import STAGE, handle, sandbox
from tests.ingest.conftest import encode, scene
from tests.ingest.contexts import FolderContext, order


@pytest.fixture(scope="module", autouse=True)
def _end_the_decoders() -> Iterator[None]:
    yield
    sandbox().close()
    sandbox.cache_clear()


@pytest.fixture
def ctx(tmp_path: Path) -> FolderContext:
    return FolderContext(tmp_path, datetime.now(UTC) + timedelta(minutes=2), structlog.get_logger())


async def test_the_page_says_what_was_done(ctx: FolderContext, shared_data: Path) -> None:
    icc = (shared_data / "golden" / "icc_profiles" / "DisplayP3-v4.icc").read_bytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F], exif[0x0110] = "samsung", "SM-A325F"
    data = encode(scene(2400, 1600), "JPEG", quality=95, icc_profile=icc, exif=exif.tobytes())
    page = await handle(order(ctx, data), ctx)
    assert ctx.reads == 1
    assert page.source_media_type == "image/jpeg"
    assert page.source_sha256 == hashlib.sha256(data).hexdigest()
    assert page.source_size_bytes == len(data)
    assert (page.exif_orientation, page.icc_profile) == (6, "sP3")
    assert (page.source_bits, page.source_mode) == (8, "RGB")
    assert page.camera == "samsung SM-A325F"
    assert (page.width, page.height) == (1600, 2400)
    assert page.working_width * page.working_height <= 3_000_000
    assert page.working_width / page.width == pytest.approx(page.working_height / page.height, abs=1e-3)
    assert (page.original.name, page.original.media_type) == ("original.jpg", "image/jpeg")
    assert (page.working.name, page.working.media_type) == ("working.png", "image/png")
    working = Image.open(io.BytesIO((ctx.folder / page.working.key).read_bytes()))
    assert working.size == (page.working_width, page.working_height)
    measured = {m.id: m for m in page.quality}
    assert measured["short_side"].value == 1600
    assert not measured["tilt"].HasField("value")
    assert measured["tilt"].not_measurable
    assert {flag.code: flag.level for flag in page.flags}["CHROMA_SUBSAMPLED"] == FlagLevel.FLAG_LEVEL_INFO
    assert {v.name for v in page.provenance.versions} >= {"assay", "pillow", "simplejpeg"}
    assert page.ByteSize() < 8 * 1024
    validate(page)


async def test_doing_it_twice_writes_the_same(ctx: FolderContext) -> None:
    analysis = order(ctx, encode(scene(), "PNG"), "image/png")
    assert await handle(analysis, ctx) == await handle(analysis, ctx)


@pytest.mark.parametrize(
    ("data", "size", "code"),
    [
        (b"I am no photo.", None, "MEDIA_TYPE_MISMATCH"),
        (b"\0\0\0\x14ftypisom\0\0\0\0mp42", None, "VIDEO_SENT_AS_IMAGE"),
        (b"", None, "UPLOAD_EMPTY"),
        (b"\xff\xd8\xff\xd9", 5, "UPLOAD_SIZE_MISMATCH"),
        (b"\xff\xd8\xff\xd9", 10**9, "IMAGE_TOO_LARGE"),
        (encode(scene(20, 20), "PNG"), None, "IMAGE_TOO_SMALL"),
        (encode(scene(), "JPEG")[:2000], None, "IMAGE_TRUNCATED"),
    ],
)
async def test_refusals_name_the_upload(ctx: FolderContext, data: bytes, size: int | None, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await handle(order(ctx, data, size=size), ctx)
    assert (refused.value.code, refused.value.field) == (code, "upload_id")
    assert refused.value.fix
    assert list(ctx.folder.iterdir()) == [ctx.folder / "upload"]


async def test_a_photo_of_protected_skin_is_normalised_beside_the_first(ctx: FolderContext) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    second = encode(scene(900, 700), "JPEG", quality=95, exif=exif.tobytes())
    analysis = with_protected(order(ctx, encode(scene(2400, 1600), "PNG"), "image/png"), ctx, second)
    page = await handle(analysis, ctx)
    assert (page.protected_working.name, page.protected_working.media_type) == (
        "protected_working.png",
        "image/png",
    )
    image = Image.open(io.BytesIO((ctx.folder / page.protected_working.key).read_bytes()))
    assert (image.size, len(image.getexif())) == ((700, 900), 0)
    flags = {flag.code: flag for flag in page.flags}
    assert flags["PROTECTED_CHROMA_SUBSAMPLED"].message.startswith("Photo of protected skin: ")
    assert "CHROMA_SUBSAMPLED" not in flags, "nothing is said about the first photo that holds for the second"
    alone = await handle(order(ctx, encode(scene(2400, 1600), "PNG"), "image/png"), ctx)
    assert not alone.HasField("protected_working")
    page.ClearField("protected_working")
    del page.flags[len(alone.flags) :]
    assert page == alone


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (b"I am no photo.", "MEDIA_TYPE_MISMATCH"),
        (b"", "UPLOAD_EMPTY"),
        (encode(scene(), "JPEG")[:2000], "IMAGE_TRUNCATED"),
        (None, "UPLOAD_NOT_FOUND"),
    ],
)
async def test_what_is_wrong_with_the_second_photo_names_its_field(
    ctx: FolderContext, second: bytes | None, code: str
) -> None:
    analysis = with_protected(order(ctx, encode(scene(), "PNG"), "image/png"), ctx, second or b"")
    if second is None:
        (ctx.folder / "protected").unlink()
        analysis.job.protected_upload.size_bytes = 10
    with pytest.raises(AssayError) as refused:
        await handle(analysis, ctx)
    assert (refused.value.code, refused.value.field) == (code, "protected_upload_id")
    assert refused.value.permanent


def with_protected(analysis: Analysis, ctx: FolderContext, data: bytes) -> Analysis:
    (ctx.folder / "protected").write_bytes(data)
    analysis.job.protected_upload.CopyFrom(
        ObjectRef(bucket="uploads", key="protected", media_type="image/jpeg", size_bytes=len(data))
    )
    return analysis


async def test_a_huge_upload_is_not_even_fetched(ctx: FolderContext) -> None:
    with pytest.raises(InvalidInput):
        await handle(order(ctx, b"x", size=10**9), ctx)
    assert ctx.reads == 0


async def test_an_upload_never_made(ctx: FolderContext) -> None:
    analysis = order(ctx, b"x")
    (ctx.folder / "upload").unlink()
    with pytest.raises(NotFound) as missing:
        await handle(analysis, ctx)
    assert (missing.value.code, missing.value.field) == ("UPLOAD_NOT_FOUND", "upload_id")


async def test_no_time_left_is_a_passing_error(ctx: FolderContext) -> None:
    ctx.deadline = datetime.now(UTC) - timedelta(seconds=1)
    with pytest.raises(AssayError) as late:
        await handle(order(ctx, encode(scene(), "PNG")), ctx)
    assert not late.value.permanent


def test_the_stage_is_wired_as_the_design_says() -> None:
    wiring = (STAGE.name, STAGE.kind, STAGE.consumes, STAGE.publishes, STAGE.page)
    assert wiring == ("ingest", "*", "requested", "ingested", "ingest")
    STAGE.prepare()
    assert sandbox().pids()


async def test_inspect_gives_what_the_stage_gives(ctx: FolderContext) -> None:
    """Over a real gRPC channel; the interceptor that maps errors is the mesh's and is tested there."""
    data = encode(scene(), "PNG")
    server = grpc.aio.server()
    add_IngestServiceServicer_to_server(IngestService(ctx), server)  # type: ignore[arg-type] # only `get` is used
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = IngestServiceStub(channel)
            page = (await stub.Inspect(InspectRequest(content=data), timeout=30)).page
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.Inspect(InspectRequest(content=b"text"), timeout=30)
        assert "UNSUPPORTED_MEDIA_TYPE" in (refused.value.details() or "")
    finally:
        await server.stop(None)
    expected = await handle(order(ctx, data, "image/png"), ctx)
    expected.ClearField("original")
    expected.ClearField("working")
    assert page == expected


def test_a_grey_photo() -> None:
    grey = np.asarray(Image.fromarray(scene()).convert("L"))
    result = sandbox().ingest(encode(grey, "PNG"))
    assert result.source_mode == "L"
    assert result.original.media_type == "image/png"
