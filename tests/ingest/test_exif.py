"""Orientation and camera in EXIF blocks, sound and hostile."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from svc_ingest.exif import MAX_CAMERA, camera, orientation, plain


def block(value: int, order: str = "<", kind: int = 3, count: int = 1) -> bytes:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    packed = struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
    entries = struct.pack(order + "HHI", 0x010F, 2, 4) + b"me\0\0"
    entries += struct.pack(order + "HHI", 0x0112, kind, count) + packed
    return magic + struct.pack(order + "IH", 8, 2) + entries + bytes(4)


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_reads_all_eight(value: int, order: str, kind: int) -> None:
    assert orientation(block(value, order, kind)) == value
    assert orientation(b"Exif\0\0" + block(value, order, kind)) == value


@pytest.mark.parametrize("value", [0, 9, 255, 65535])
def test_undefined_values_mean_upright(value: int) -> None:
    assert orientation(block(value)) == 1


def test_a_block_without_the_field_means_upright() -> None:
    exif = Image.Exif()
    exif[0x0110] = "camera"
    assert orientation(exif.tobytes()) == 1


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"JUNKJUNKJUNK",
        block(6)[:20],
        block(6, count=2),
        block(6, kind=2),
        b"II*\0" + struct.pack("<IH", 8, 65535),
    ],
)
def test_damaged_blocks_are_unreadable(damaged: bytes) -> None:
    assert orientation(damaged) is None


def named(make: str | None, model: str | None) -> bytes:
    exif = Image.Exif()
    for tag, text in ((0x010F, make), (0x0110, model)):
        if text is not None:
            exif[tag] = text
    exif[0x0132] = "2026:01:01 00:00:00"
    return exif.tobytes()


@pytest.mark.parametrize(
    ("make", "model", "read"),
    [
        ("samsung", "SM-A325F", "samsung SM-A325F"),
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        (None, "Pixel 8", "Pixel 8"),
        ("Apple", None, "Apple"),
        (None, None, ""),
        ("Ca\nnon\x1b[31m", "<b>\u00e9", "Ca non [31m <b>?"),
        ("m" * 500, "x" * 500, "m" * 64 + " " + "x" * (MAX_CAMERA - 65)),
        ("X\0hidden", "Y", "X Y"),
    ],
)
def test_the_camera_is_maker_and_model(make: str | None, model: str | None, read: str) -> None:
    assert camera(named(make, model)) == read


def test_a_camera_in_either_byte_order() -> None:
    assert camera(block(1)) == camera(block(1, ">")) == "me"


@given(st.text(max_size=400))
def test_what_is_kept_of_a_text_is_short_and_plain(text: str) -> None:
    kept = plain(text)
    assert len(kept) <= MAX_CAMERA
    assert kept.isascii()
    assert kept.isprintable()
    assert plain(kept) == kept


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_never_raises(data: bytes, start: bytes) -> None:
    assert plain(camera(start + data)) == camera(start + data)
    assert orientation(start + data) in (None, 1, 2, 3, 4, 5, 6, 7, 8)
