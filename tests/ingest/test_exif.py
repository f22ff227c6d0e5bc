"""The orientation field of EXIF blocks, sound and hostile."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from svc_ingest.exif import orientation


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


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_never_raises(data: bytes, start: bytes) -> None:
    assert orientation(start + data) in (None, 1, 2, 3, 4, 5, 6, 7, 8)
