"""Decoding of sound files: every format, depth, colour mode and orientation."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from svc_ingest import sniff
from svc_ingest.core import ingest
from svc_ingest.decode import decode
from svc_ingest.limits import DEFAULT_LIMITS
from svc_ingest.raster import Raster
from tests.ingest.conftest import encode, scene


def raster(data: bytes) -> Raster:
    return decode(data, sniff.sniff(data), DEFAULT_LIMITS)


def worst(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def codes(found: Raster) -> set[str]:
    return {flag.code for flag in found.flags}


def shown(data: bytes) -> np.ndarray:
    """The working image of a whole ingest, as pixels."""
    return np.asarray(Image.open(io.BytesIO(ingest(data).working.data)))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}])
def test_lossless_formats_keep_every_pixel(kind: str, options: dict[str, str]) -> None:
    found = raster(encode(scene(), kind, **options))
    assert (found.mode, found.bits, found.lossy, found.alpha) == ("RGB", 8, False, None)
    assert np.array_equal(found.pixels, scene())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 98, "subsampling": 0}),
        ("JPEG", {"quality": 98, "progressive": True}),
        ("WEBP", {"quality": 98}),
        ("AVIF", {"quality": 98}),
    ],
)
def test_lossy_formats_are_close(kind: str, options: dict[str, object]) -> None:
    found = raster(encode(scene(), kind, **options))
    assert (found.mode, found.lossy) == ("RGB", True)
    assert worst(found.pixels, scene()) <= 12


def test_grey_palette_bilevel_and_alpha() -> None:
    grey = scene()[..., 0]
    assert np.array_equal(raster(encode(grey, "PNG")).pixels, grey)
    palette = raster(encode(scene(), "PNG", "P"))
    assert "PALETTE_COLOURS" in codes(palette)
    assert palette.pixels.shape == (160, 240, 3)
    bilevel = raster(encode(scene(), "PNG", "1"))
    assert set(np.unique(bilevel.pixels)) <= {0, 255}


def test_transparency_is_laid_on_white_and_flagged() -> None:
    alpha = np.full((160, 240, 1), 255, np.uint8)
    opaque = np.concatenate([scene(), alpha], axis=-1)
    assert raster(encode(opaque, "PNG")).alpha is None
    alpha[:80] = 0
    alpha[80:120] = 128
    data = encode(np.concatenate([scene(), alpha], axis=-1), "PNG")
    pixels = shown(data)
    assert (pixels[:80] == 255).all()
    assert worst(pixels[80:120], np.round(scene()[80:120] * (128 / 255) + 127)) <= 1
    assert np.array_equal(pixels[120:], scene()[120:])
    assert "TRANSPARENCY_REMOVED" in {flag.code for flag in ingest(data).flags}


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_rounded_not_cut(suffix: str, channels: int) -> None:
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    deep = ramp if channels == 1 else np.stack([ramp, ramp[::-1], ramp.T], axis=-1)
    ok, data = cv2.imencode(suffix, deep[..., ::-1] if channels == 3 else deep)
    assert ok
    found = raster(data.tobytes())
    assert found.bits == 16
    assert np.array_equal(found.pixels, np.round(deep / 257).astype(np.uint8))


def test_cmyk_jpeg_without_profile_is_flagged_as_unmeasurable() -> None:
    data = encode(scene(), "JPEG", "CMYK", quality=98)
    result = ingest(data)
    assert result.source_mode == "CMYK"
    assert worst(shown(data), scene()) <= 12
    assert ("CMYK_WITHOUT_PROFILE", "FAIL") in {(f.code, f.level.value) for f in result.flags}


def test_lab_tiff() -> None:
    lab = Image.fromarray(scene()).convert("RGB")
    buffer = io.BytesIO()
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    converted = ImageCms.applyTransform(lab, to_lab)
    assert converted is not None
    converted.save(buffer, "TIFF")
    result = ingest(buffer.getvalue())
    assert (result.source_mode, result.icc_profile) == ("LAB", "CIELAB D50")
    # Pillow writes Lab with 8 bits, of which one step is up to 1 dE; the rest is that rounding.
    assert np.abs(shown(buffer.getvalue()).astype(int) - scene()).mean() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_used(kind: str) -> None:
    first, second = Image.fromarray(scene()), Image.fromarray(255 - scene())
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=[second])
    found = raster(buffer.getvalue())
    assert "MULTIPLE_IMAGES" in codes(found)
    assert np.abs(found.pixels.astype(int) - scene()).mean() < 12


def test_of_a_multi_picture_jpeg_the_first_is_used() -> None:
    first = encode(scene(), "JPEG", quality=95)
    found = raster(first + encode(255 - scene(), "JPEG"))
    assert "MULTIPLE_IMAGES" in codes(found)
    assert np.array_equal(found.pixels, raster(first).pixels)


def upright(stored: np.ndarray, orientation: int) -> np.ndarray:
    """The picture meant by EXIF 2.32, tag 0x0112: where the stored first row and column are shown."""
    return {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: stored.transpose(1, 0, 2)[:, ::-1],
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: stored.transpose(1, 0, 2)[::-1],
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_all_eight_orientations(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"TIFF": {}, "PNG": {}, "WEBP": {"lossless": True}}.get(kind, {"quality": 98})
    result = ingest(encode(scene(), kind, exif=exif.tobytes(), **options))
    expected = upright(scene(), orientation)
    pixels = np.asarray(Image.open(io.BytesIO(result.working.data)))
    assert result.orientation == orientation
    assert (result.working.height, result.working.width) == expected.shape[:2] == pixels.shape[:2]
    assert worst(pixels, expected) <= 12


def test_damaged_exif_is_flagged_and_the_photo_read() -> None:
    result = ingest(encode(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert result.orientation == 1
    assert "EXIF_UNREADABLE" in {flag.code for flag in result.flags}


def test_exif_of_old_imagemagick_text_chunks() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    text = b"\nexif\n      %d\n" % len(exif.tobytes()) + exif.tobytes().hex().encode() + b"\n"
    body = b"Raw profile type exif\0\0" + zlib.compress(text)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    png = encode(scene(), "PNG")
    assert ingest(png[:33] + chunk + png[33:]).orientation == 6


def test_hdr_and_undeclared_wide_colours_are_flagged() -> None:
    png = encode(scene(), "PNG")

    def with_cicp(primaries: int, transfer: int) -> set[str]:
        body = bytes([primaries, transfer, 0, 1])
        chunk = struct.pack(">I", 4) + b"cICP" + body + struct.pack(">I", zlib.crc32(b"cICP" + body))
        return codes(raster(png[:33] + chunk + png[33:]))

    assert with_cicp(1, 13) == set()
    assert with_cicp(12, 13) == {"COLOUR_SPACE_ASSUMED"}
    assert with_cicp(9, 16) == {"HDR_TRANSFER"}


def test_zero_padding_after_the_image_data_is_harmless() -> None:
    data = encode(scene(), "JPEG", quality=95)
    padded = raster(data[:-2] + bytes(64) + b"\xff\xd9")
    assert np.array_equal(padded.pixels, raster(data).pixels)


def deep_tiff(pixels: np.ndarray, orientation: int) -> bytes:
    """An uncompressed TIFF 6.0 of 16 bits per channel with an orientation; Pillow writes none."""
    height, width = pixels.shape[:2]
    data = (pixels.astype("<u2") * 257).tobytes()
    depths = struct.pack("<HHH", 16, 16, 16)
    fields = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 14), (274, 3, 1, orientation), (277, 3, 1, 3), (278, 4, 1, height),
        (279, 4, 1, len(data)), (284, 3, 1, 1),
    ]  # fmt: skip
    directory = struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", *f) for f in fields) + bytes(4)
    return b"II*\0" + struct.pack("<I", 14 + len(data)) + depths + data + directory


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_16_bit_tiff(orientation: int) -> None:
    result = ingest(deep_tiff(scene(), orientation))
    pixels = np.asarray(Image.open(io.BytesIO(result.working.data)))
    assert (result.source_bits, result.orientation) == (16, orientation)
    assert np.array_equal(pixels, upright(scene(), orientation))
