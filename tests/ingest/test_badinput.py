"""Every file of the collection of bad input ends in a result or a typed error, in bounded time and memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mesh.errors import InvalidInput
from svc_ingest.problems import FIXES
from svc_ingest.sandbox import Sandbox

SECONDS = 30.0
BYTES = 1024 * 2**20

# What some of them must come to, where more than one answer would pass for handled.
EXPECTED = {
    "pillow/decompression_bomb.gif": "IMAGE_TOO_MANY_PIXELS",
    "sharp/65536-uint32-limit.png": "IMAGE_TOO_MANY_PIXELS",
    "heif/200MP.heic": "IMAGE_TOO_MANY_PIXELS",
    "libvips/17000x17000.avif": "IMAGE_TOO_MANY_PIXELS",
    "heif/empty.heic": "UPLOAD_EMPTY",
    "heif/corrupted.heic": "IMAGE_TRUNCATED",
    "sharp/truncated.png": "IMAGE_TRUNCATED",
    "sharp/corrupt-header.jpg": "IMAGE_TRUNCATED",
    "pillow/truncated_end_chunk.png": "IMAGE_TRUNCATED",
    "libvips/truncated.gif": "IMAGE_TRUNCATED",
    "pillow/hopper_bad_exif.jpg": "IMAGE_CORRUPT",
    "sharp/check.svg": "UNSUPPORTED_MEDIA_TYPE",
    "pillow/16bit.cropped.jp2": "UNSUPPORTED_MEDIA_TYPE",
    "sharp/vfile.v": "UNSUPPORTED_MEDIA_TYPE",
    "exif_samples/README.rst": "MEDIA_TYPE_MISMATCH",
    "sharp/p3.png": "IMAGE_TOO_SMALL",
    "heif/arrow.heic": "Display P3",
    "sharp/Channel_digital_image_CMYK_color.jpg": "U.S. Web Coated (SWOP) v2",
    "sharp/fogra-0-100-100-0.tif": "Coated FOGRA39 (ISO 12647-2:2004)",
    "sharp/concert.jpg": "Gray Gamma 2.2",
}


def test_every_file(sandbox: Sandbox, shared_data: Path) -> None:
    folder = shared_data / "badinput"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) >= 136
    slow, outcomes, fixes = [], {}, {}
    for path in files:
        name = path.relative_to(folder).as_posix()
        started = time.perf_counter()
        try:
            outcomes[name] = sandbox.ingest(path.read_bytes(), "image/jpeg").icc_profile
        except InvalidInput as refused:
            outcomes[name] = refused.code
            fixes[name] = (refused.fix, FIXES[refused.code])
        if time.perf_counter() - started > SECONDS:
            slow.append(name)
    assert slow == []
    assert [name for name, (said, due) in fixes.items() if said != due] == []
    assert sandbox.peak_rss_bytes < BYTES
    assert {name: outcomes[name] for name in EXPECTED} == EXPECTED
    videos = {n: code for n, code in outcomes.items() if n.startswith("video/") and "LICENSE" not in n}
    assert videos
    assert set(videos.values()) == {"VIDEO_SENT_AS_IMAGE"}


@pytest.mark.parametrize("stem", ["Landscape", "Portrait"])
def test_photos_with_orientation_come_out_upright(sandbox: Sandbox, shared_data: Path, stem: str) -> None:
    folder = shared_data / "badinput" / "exif_orientation"
    files = [path for path in sorted(folder.glob(f"{stem}_*.jpg")) if path.stem[-1] in "12345678"]
    assert len(files) >= 5
    for path in files:
        result = sandbox.ingest(path.read_bytes())
        assert result.orientation == int(path.stem[-1])
        assert (result.original.width > result.original.height) == (stem == "Landscape")
