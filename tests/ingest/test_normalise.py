"""What is written: size, linear light, and not a byte of metadata."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from svc_color.difference import delta_e_2000
from svc_color.space import srgb_to_lab
from svc_ingest.core import ingest
from svc_ingest.normalise import encode_original, encode_png, shrink, upright, working_size
from tests.ingest.conftest import encode, scene


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(1, 5_000_000))
def test_working_size_is_bounded_and_keeps_the_shape(width: int, height: int, most: int) -> None:
    small = working_size(width, height, most)
    if width * height <= most:
        assert small == (width, height)
        return
    assert small[0] <= width
    assert small[1] <= height
    if min(small) > 1:
        assert small[0] * small[1] <= most
        assert abs(small[0] / width - small[1] / height) < 1 / min(width, height) + 1 / min(small)


def test_small_photos_are_never_enlarged() -> None:
    result = ingest(encode(scene(), "PNG"))
    assert (result.working.width, result.working.height) == (240, 160)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(result.working.data))), scene())


def test_large_photos_shrink_to_three_megapixels() -> None:
    result = ingest(encode(np.full((3000, 4000, 3), 128, np.uint8), "JPEG"))
    assert (result.original.width, result.original.height) == (4000, 3000)
    assert (result.working.width, result.working.height) == (2000, 1500)
    assert result.working.media_type == "image/png"


def test_shrinking_averages_light_not_code_values() -> None:
    """Black and white in equal parts reflect half the light: sRGB 188, not 128."""
    checks = np.zeros((100, 100, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    assert np.unique(shrink(checks, 50, 50)).tolist() == [188]


@pytest.mark.parametrize("size", [(50, 40), (77, 31), (99, 79)])
def test_shrinking_keeps_flat_colours_exactly(size: tuple[int, int]) -> None:
    for level in range(256):
        flat = np.full((80, 100, 3), level, np.uint8)
        assert np.unique(shrink(flat, *size)).tolist() == [level]


def test_the_original_of_a_lossless_photo_is_lossless() -> None:
    original = ingest(encode(scene(), "PNG")).original
    assert original.media_type == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(original.data))), scene())


def test_the_original_of_a_lossy_photo_stays_within_a_fraction_of_a_colour_difference() -> None:
    """On a picture with noise, which JPEG stores worst: by pixel 0.6 dE00, by 16 px square at most 0.2."""
    noise = np.random.default_rng(0).normal(0, 4, (480, 640, 3))
    pixels = np.clip(scene(640, 480) + noise, 0, 255).round().astype(np.uint8)
    original = encode_original(pixels, lossy=True)
    again = np.asarray(Image.open(io.BytesIO(original.data)))
    assert original.media_type == "image/jpeg"
    assert delta_e_2000(srgb_to_lab(pixels), srgb_to_lab(again)).mean() < 0.6

    def squares(picture: np.ndarray) -> np.ndarray:
        return srgb_to_lab(picture.reshape(30, 16, 40, 16, 3).mean(axis=(1, 3)) / 255)

    assert delta_e_2000(squares(pixels), squares(again)).max() < 0.2


def test_an_upright_srgb_jpeg_is_kept_as_it_came_without_what_is_not_the_picture() -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET name of the person"
    plain = encode(scene(), "JPEG", exif=exif.tobytes(), comment=b"SECRET comment")
    thumbnail = b"JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x02\x01" + b"SECRET"
    told = b"\xff\xe0" + (2 + len(thumbnail)).to_bytes(2, "big") + thumbnail
    extension = b"\xff\xe0\x00\x0eJFXX\x00\x13SECRET"
    start = 4 + int.from_bytes(plain[4:6], "big")
    assert plain[2:4] == b"\xff\xe0"
    data = plain[:2] + told + extension + plain[start:] + b"SECRET behind the end"
    original = ingest(data).original
    assert data.count(b"SECRET") == 5
    assert b"SECRET" not in original.data
    assert b"Exif" not in original.data
    assert np.array_equal(simplejpeg.decode_jpeg(original.data, strict=True), simplejpeg.decode_jpeg(plain))


def test_a_jpeg_of_printers_colours_keeps_the_marker_that_says_how_to_read_it() -> None:
    """Without Adobe's marker a JPEG of RGB samples would be taken for YCbCr."""
    data = encode(scene(), "JPEG", keep_rgb=True)
    assert b"Adobe" in data
    original = ingest(data).original
    assert np.array_equal(simplejpeg.decode_jpeg(original.data), simplejpeg.decode_jpeg(data))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_is_written_anew(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = simplejpeg.decode_jpeg(encode(scene(), "JPEG"))
    again = simplejpeg.decode_jpeg(ingest(encode(scene(), "JPEG", exif=exif.tobytes())).original.data)
    assert np.abs(upright(pixels, orientation).astype(int) - again).mean() < (
        0.5 if orientation > 1 else 1e-9
    )


def test_png_is_lossless() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (97, 61, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels).data))), pixels)


TRACES = re.compile(
    rb"Exif|GPS|http:|xmp|XMP|ICC_PROFILE|iCCP|eXIf|tEXt|zTXt|iTXt|tIME|Photoshop|8BIM|MPF|acsp|SECRET|2026:01:02"
)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_no_metadata_survives(shared_data: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET name of the person"
    exif[0x0132] = "2026:01:02 03:04:05"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    icc = (shared_data / "golden" / "icc_profiles" / "DisplayP3-v4.icc").read_bytes()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>http://ns.adobe.com SECRET</x:xmpmeta>"
    options = {} if kind == "TIFF" else {"xmp": xmp}
    data = encode(scene(), kind, exif=exif.tobytes(), icc_profile=icc, **options)
    assert TRACES.search(data)
    result = ingest(data)
    for image in (result.original, result.working):
        assert not TRACES.search(image.data)
        opened = Image.open(io.BytesIO(image.data))
        opened.load()
        assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}
        assert len(opened.getexif()) == 0
    chunks = re.findall(rb"IHDR|PLTE|IDAT|IEND|[a-z][A-Za-z]{3}(?=\x00\x00)", result.working.data[:64])
    assert chunks[0] == b"IHDR"
