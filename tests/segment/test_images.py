"""Bytes at the door: what is refused, by which code, and that nothing large is allocated first."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import InvalidInput
from svc_segment.core import conclude
from svc_segment.images import decode, dimensions, overlay, png
from svc_segment.model import Contract

PHOTO = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
JPEG = cv2.imencode(".jpg", PHOTO)[1].tobytes()
PNG = cv2.imencode(".png", PHOTO)[1].tobytes()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def refused(data: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        decode(data, "content")
    assert error.value.field == "content"
    assert error.value.fix
    return error.value


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"GIF89a" + b"\0" * 40, b"\xff\xd8\xff", PNG[:20], b"RIFF1234WEBP"]
)
def test_other_things_are_no_image(data: bytes) -> None:
    assert refused(data).code == "UNSUPPORTED_MEDIA"


@pytest.mark.parametrize("data", [PNG[: len(PNG) // 2], png_header(64, 64), JPEG[: len(JPEG) // 3]])
def test_a_truncated_file_is_refused(data: bytes) -> None:
    assert refused(data).code == "IMAGE_CORRUPT"


def test_a_bomb_is_refused_by_its_header_alone() -> None:
    tracemalloc.start()
    assert refused(png_header(65536, 65536)).code == "IMAGE_TOO_LARGE"
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_tiny_image_is_refused() -> None:
    assert refused(cv2.imencode(".png", PHOTO[:20, :20])[1].tobytes()).code == "IMAGE_TOO_SMALL"


@pytest.mark.parametrize("data", [JPEG, PNG])
def test_size_and_pixels_are_read(data: bytes) -> None:
    assert dimensions(data) == (64, 48)
    assert decode(data, "content").shape == (48, 64, 3)


def test_a_png_comes_back_exactly_as_rgb() -> None:
    np.testing.assert_array_equal(decode(PNG, "content"), PHOTO[..., ::-1])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b""]))
def test_headers_of_noise_never_crash(tail: bytes, head: bytes) -> None:
    size = dimensions(head + tail)
    assert size is None or (len(size) == 2 and min(size) >= 0)


def test_artefacts_decode_to_what_they_show() -> None:
    p = np.full((48, 64), -5, np.float32)
    p[10:30, 10:40] = 5
    contract = Contract("t", "0.0.0", "", 32, 64, 16, 400, 400, 0.0, 1.0, 0.0, 0.5, 0.8, 0.2)
    found = conclude(p, contract)
    mask = cv2.imdecode(np.frombuffer(png(found.mask), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, found.mask)
    shown = cv2.imdecode(np.frombuffer(overlay(np.full((48, 64, 3), 200, np.uint8), found), np.uint8), 1)
    assert shown.shape == (960, 1280, 3)
    colourful = shown[..., 0].astype(int) - shown[..., 2]
    assert abs(colourful[400, 500]) < 12  # the ink's own colour inside
    assert colourful[190:206, 500].max() > 60  # a cyan line around it
    assert abs(colourful[900, 1200]) < 12  # untouched outside
