"""PNG in and out: what is read, what is refused before it costs anything, what the label map holds."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mesh.errors import InvalidInput
from svc_color.images import MOST_PIXELS, read_png, write_label_map


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_reads_what_was_written() -> None:
    rng = np.random.default_rng(1)
    rgb, grey = (
        rng.integers(0, 256, (31, 17, 3), dtype=np.uint8),
        rng.integers(0, 256, (31, 17), dtype=np.uint8),
    )
    assert np.array_equal(read_png(png(rgb), "working", "rgb"), rgb)
    assert np.array_equal(read_png(png(grey), "mask", "grey"), grey)


def test_a_bomb_is_refused_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 65_536, 65_536, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    with pytest.raises(InvalidInput) as caught:
        read_png(b"\x89PNG\r\n\x1a\n" + chunk + bytes(40), "working", "rgb")
    assert caught.value.code == "IMAGE_TOO_LARGE"
    assert str(MOST_PIXELS) in caught.value.message


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "IMAGE_NOT_PNG"),
        (b"GIF89a" + bytes(100), "IMAGE_NOT_PNG"),
        (png(np.full((40, 40, 3), 7, np.uint8))[:60], "IMAGE_UNREADABLE"),
    ],
)
def test_refusals_name_the_field(data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_png(data, "mask", "grey")
    assert (caught.value.code, caught.value.field) == (code, "mask")
    assert caught.value.fix


def test_label_map_is_indices_and_colours() -> None:
    labels = np.random.default_rng(2).integers(0, 3, (23, 41), dtype=np.uint8)
    data = write_label_map(labels, ["#ff0000", "#102030"])
    assert data == write_label_map(labels, ["#ff0000", "#102030"])
    opened = Image.open(io.BytesIO(data))
    assert opened.mode == "P"
    assert np.array_equal(np.asarray(opened), labels)
    colours = np.asarray(opened.convert("RGBA"))
    assert set(map(tuple, colours[labels == 1].tolist())) == {(255, 0, 0, 255)}
    assert set(map(tuple, colours[labels == 2].tolist())) == {(16, 32, 48, 255)}
    assert not colours[labels == 0][:, 3].any()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (23, 41, 3)
