"""Images that the tests make themselves, and one sandbox for all of them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from svc_ingest.sandbox import Sandbox


def scene(width: int = 240, height: int = 160) -> np.ndarray:
    """A smooth colourful picture whose four corners all differ: (height, width, 3) uint8."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    red = 60 + 150 * x
    green = 60 + 150 * y
    blue = 128 + 60 * np.sin(9 * x + 5 * y)
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


def encode(pixels: np.ndarray, kind: str, mode: str | None = None, **options: object) -> bytes:
    """The pixels as an image file, written by Pillow."""
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, kind, **options)
    return buffer.getvalue()


def many_scans(pixels: np.ndarray, scans: int) -> bytes:
    """A progressive JPEG with its last scan repeated: a small file that asks for a pass each."""
    data = encode(pixels, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + b"\xff\xd9"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One decoder process with the default limits."""
    pool = Sandbox()
    pool.start()
    yield pool
    pool.close()
