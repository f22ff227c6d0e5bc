"""Files made to hurt: bombs, truncation, mutation. Each ends in a typed error or a sound result."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.errors import InvalidInput
from svc_ingest.core import ingest
from svc_ingest.problems import FIXES
from svc_ingest.sandbox import Sandbox
from tests.ingest.conftest import encode, many_scans, scene

MEBIBYTE = 2**20
# Resident size of a decoder process that has decoded nothing, with room for other builds of the libraries.
IDLE = 200 * MEBIBYTE


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *extra: bytes, idat: bytes = b"", bits: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = b"".join([chunk(b"IHDR", header), *extra, chunk(b"IDAT", idat or zlib.compress(bytes(1000)))])
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def zeros(size: int) -> bytes:
    """`size` zero bytes, deflated to a thousandth of that."""
    packer = zlib.compressobj(9)
    block = bytes(MEBIBYTE)
    return b"".join(packer.compress(block) for _ in range(size // MEBIBYTE)) + packer.flush()


def rgb_rows(width: int, height: int) -> bytes:
    return zlib.compress((b"\0" + bytes(3 * width)) * height)


def gif(width: int, height: int, left: int = 0, top: int = 0) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 32, 32, 0, 0, 0)
    return head + b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\x08\x01\x00\x00;"


def vp8x(width: int, height: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4)
    body += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def avif(width: int, height: int) -> bytes:
    """A sound small AVIF whose header claims another size."""
    data = encode(scene(), "AVIF")
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def jpeg_size(width: int, height: int) -> bytes:
    data = encode(scene(), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def tiff_size(width: int, height: int) -> bytes:
    data = bytearray(encode(scene(), "TIFF"))
    directory = int.from_bytes(data[4:8], "little")
    for i in range(int.from_bytes(data[directory : directory + 2], "little")):
        at = directory + 2 + 12 * i
        tag = int.from_bytes(data[at : at + 2], "little")
        if tag in (256, 257):
            data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, width if tag == 256 else height)
    return bytes(data)


@pytest.fixture(scope="module")
def untouched() -> Iterator[Sandbox]:
    """A decoder process that is only ever given bombs, so that its peak size tells."""
    pool = Sandbox()
    yield pool
    pool.close()


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "gif of 44 bytes": (lambda: gif(65535, 65535), "IMAGE_TOO_MANY_PIXELS"),
    "gif far outside its screen": (lambda: gif(100, 100, 65000, 65000), "IMAGE_TOO_MANY_PIXELS"),
    "png 65536 x 65536": (lambda: png(65536, 65536), "IMAGE_TOO_MANY_PIXELS"),
    "png 2^31 wide": (lambda: png(2**31 - 1, 100), "IMAGE_TOO_MANY_PIXELS"),
    "png without pixels": (lambda: png(0, 100), "IMAGE_CORRUPT"),
    "png of 20 pixels": (lambda: png(20, 20, idat=rgb_rows(20, 20)), "IMAGE_TOO_SMALL"),
    "png long and thin": (lambda: png(100_000, 64), "IMAGE_TOO_MANY_PIXELS"),
    "png of 70,000 chunks": (
        lambda: png(100, 100, *[chunk(b"juNk", b"")] * 70_000, idat=rgb_rows(100, 100)),
        "IMAGE_TOO_COMPLEX",
    ),
    "png missing rows": (lambda: png(100, 100, idat=rgb_rows(100, 50)), "IMAGE_CORRUPT"),
    "png 16 bit missing rows": (lambda: png(100, 100, idat=rgb_rows(100, 50), bits=16), "IMAGE_CORRUPT"),
    "webp 16384 x 16384": (lambda: vp8x(16384, 16384), "IMAGE_TOO_MANY_PIXELS"),
    "avif 60000 x 60000": (lambda: avif(60000, 60000), "IMAGE_TOO_MANY_PIXELS"),
    "jpeg 65535 x 65535": (lambda: jpeg_size(65535, 65535), "IMAGE_TOO_MANY_PIXELS"),
    "jpeg of 200 scans": (lambda: many_scans(scene(), 200), "IMAGE_TOO_COMPLEX"),
    "tiff 60000 x 60000": (lambda: tiff_size(60000, 60000), "IMAGE_TOO_MANY_PIXELS"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_without_being_unpacked(untouched: Sandbox, name: str) -> None:
    make, code = BOMBS[name]
    data = make()
    started = time.perf_counter()
    with pytest.raises(InvalidInput) as refused:
        untouched.ingest(data, "image/jpeg")
    assert time.perf_counter() - started < 20
    assert (refused.value.code, refused.value.fix) == (code, FIXES[code])
    assert untouched.peak_rss_bytes < IDLE


def test_an_allowed_size_without_its_data_is_an_error() -> None:
    with pytest.raises(InvalidInput) as refused:
        ingest(jpeg_size(8000, 8000))
    assert refused.value.code == "IMAGE_TRUNCATED"


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iCCP", b"bomb\0\0" + zeros(256 * MEBIBYTE)),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zeros(256 * MEBIBYTE)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zeros(256 * MEBIBYTE)),
    ],
    ids=["iCCP", "zTXt", "iTXt"],
)
def test_compressed_metadata_is_not_unpacked(untouched: Sandbox, extra: bytes) -> None:
    """The photo is fine, so it is read; a quarter of a gibibyte of zeros beside it is not."""
    result = untouched.ingest(png(100, 100, extra, idat=rgb_rows(100, 100)))
    assert (result.original.width, result.original.height) == (100, 100)
    assert untouched.peak_rss_bytes < IDLE


def test_idat_bomb_is_read_only_as_far_as_the_header_says(untouched: Sandbox) -> None:
    assert untouched.ingest(png(100, 100, idat=zeros(256 * MEBIBYTE))).original.width == 100
    assert untouched.peak_rss_bytes < IDLE


FORMATS: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: encode(scene(), "JPEG", quality=90),
    "progressive jpeg": lambda: encode(scene(), "JPEG", quality=90, progressive=True),
    "png": lambda: encode(scene(), "PNG"),
    "gif": lambda: encode(scene(), "GIF"),
    "webp": lambda: encode(scene(), "WEBP", quality=80),
    "lossless webp": lambda: encode(scene(), "WEBP", lossless=True),
    "avif": lambda: encode(scene(), "AVIF", quality=80),
    "tiff": lambda: encode(scene(), "TIFF"),
    "deflated tiff": lambda: encode(scene(), "TIFF", compression="tiff_adobe_deflate"),
    "jpeg in tiff": lambda: encode(scene(), "TIFF", compression="jpeg"),
}


def outcome(data: bytes) -> tuple[bytes | None, str]:
    """The working image, or the code of the refusal."""
    try:
        return ingest(data).working.data, ""
    except InvalidInput as refused:
        return None, refused.code


@pytest.mark.parametrize("name", FORMATS)
def test_truncation_anywhere_is_an_error(name: str) -> None:
    """Never a picture with its missing part filled in.

    Bytes after the picture itself (a GIF's trailer, TIFF padding) may be missing without loss; what is
    then read equals the whole picture.
    """
    data = FORMATS[name]()
    whole = ingest(data).working.data
    for cut in sorted({*range(0, len(data), max(1, len(data) // 60)), *range(len(data) - 20, len(data))}):
        working, code = outcome(data[:cut])
        if working is not None:
            assert working == whole, f"cut at {cut} of {len(data)}"
        elif cut > 100:
            assert code in ("IMAGE_TRUNCATED", "IMAGE_CORRUPT"), f"cut at {cut} of {len(data)}"


def test_a_truncated_jpeg_with_an_end_marker_is_an_error() -> None:
    for name in ("jpeg", "progressive jpeg"):
        data = FORMATS[name]()
        start = data.index(b"\xff\xda")
        for cut in range(start + 20, len(data) - 60, 97):
            with pytest.raises(InvalidInput) as refused:
                ingest(data[:cut].rstrip(b"\xff") + b"\xff\xd9")
            assert refused.value.code in ("IMAGE_TRUNCATED", "IMAGE_CORRUPT")


def test_heic_truncation(shared_data: Path) -> None:
    data = (shared_data / "badinput" / "heif" / "L_exif_xmp_iptc.heic").read_bytes()
    for cut in range(0, len(data), 997):
        with pytest.raises(InvalidInput):
            ingest(data[:cut])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(FORMATS)),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    in_header=st.booleans(),
)
def test_mutated_files_end_in_a_result_or_a_typed_error(
    sandbox: Sandbox, name: str, edits: list[tuple[float, int]], in_header: bool
) -> None:
    data = bytearray(FORMATS[name]())
    for place, value in edits:
        data[int(place * (min(200, len(data)) if in_header else len(data)))] = value
    try:
        result = sandbox.ingest(bytes(data))
    except InvalidInput as refused:
        code = refused.code
    else:
        assert min(result.original.width, result.original.height) >= sandbox.limits.min_side
        return
    assert code in FIXES


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\0\0\0WEBP", b"II*\0", b"MM\0*",
         b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"]
    ),
    rest=st.binary(max_size=400),
)  # fmt: skip
def test_noise_behind_a_signature_is_a_typed_error(sandbox: Sandbox, start: bytes, rest: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        sandbox.ingest(start + rest)
    assert refused.value.code in FIXES


@pytest.mark.parametrize(
    ("data", "declared", "code"),
    [
        (b"", "image/jpeg", "UPLOAD_EMPTY"),
        (b"I am no photo.", "image/jpeg", "MEDIA_TYPE_MISMATCH"),
        (b"I am no photo.", "", "UNSUPPORTED_MEDIA_TYPE"),
        (b"%PDF-1.7", "application/pdf", "UNSUPPORTED_MEDIA_TYPE"),
        (b"\0\0\0\x14ftypisom\0\0\0\0mp42", "image/jpeg", "VIDEO_SENT_AS_IMAGE"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "UNSUPPORTED_MEDIA_TYPE"),
        (b"\xff\xd8\xff" + bytes(51 * MEBIBYTE), "image/jpeg", "IMAGE_TOO_LARGE"),
    ],
)
def test_wrong_files(data: bytes, declared: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ingest(data, declared)
    assert (refused.value.code, refused.value.field) == (code, "image")
    assert refused.value.fix


def test_raw_files_are_not_taken_for_their_thumbnail() -> None:
    data = bytearray(encode(scene(), "TIFF", tiffinfo={254: 1}))
    with pytest.raises(InvalidInput) as refused:
        ingest(bytes(data))
    assert refused.value.code == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(("rows_per_strip", "planes"), [(80, 1), (160, 2)])
def test_a_tiff_without_all_its_strips_is_an_error(rows_per_strip: int, planes: int) -> None:
    pixels = scene().tobytes()
    fields = [
        (256, 4, 1, 240), (257, 4, 1, 160), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 14),
        (277, 3, 1, 3), (278, 4, 1, rows_per_strip), (279, 4, 1, len(pixels)),
        (284, 3, 1, planes),
    ]  # fmt: skip
    directory = struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", *f) for f in fields) + bytes(4)
    data = b"II*\0" + struct.pack("<I", 14 + len(pixels)) + struct.pack("<HHH", 8, 8, 8) + pixels + directory
    with pytest.raises(InvalidInput) as refused:
        ingest(data)
    assert refused.value.code == "IMAGE_TRUNCATED"


def test_a_damaged_png_checksum_is_an_error() -> None:
    data = bytearray(encode(scene(), "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(InvalidInput) as refused:
        ingest(bytes(data))
    assert refused.value.code == "IMAGE_CORRUPT"


def test_a_flipped_bit_in_jpeg_data_is_mostly_found() -> None:
    """Huffman data has no checksum; of single flipped bytes libjpeg notices the large part."""
    data = FORMATS["jpeg"]()
    start = data.index(b"\xff\xda") + 14
    found = 0
    places = np.linspace(start, len(data) - 20, 100).astype(int)
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 0x55
        found += outcome(bytes(damaged))[0] is None
    assert found >= 50
