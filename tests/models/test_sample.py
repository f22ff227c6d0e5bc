"""The sample photo is the one its generator makes, and says what it is."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from models import sample
from models.sample.photo import BORDER, HEIGHT, LABEL, WIDTH, described, make

FILE = Path(sample.__file__).with_name("tattoo.jpg")


@pytest.fixture(scope="module")
def made() -> bytes:
    return make()


def pixels(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)


def test_the_committed_file_is_what_the_generator_makes(made: bytes) -> None:
    committed = FILE.read_bytes()
    assert len(committed) < 400_000
    # Other processors round a blur otherwise; nobody could see this much.
    assert np.abs(pixels(committed) - pixels(made)).mean() < 0.2


def test_the_generator_is_deterministic(made: bytes) -> None:
    assert make() == made


def test_the_file_says_that_it_is_synthetic() -> None:
    with Image.open(FILE) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert image.getexif()[0x010E] == LABEL
    assert "SYNTHETIC SAMPLE" in LABEL
    border = pixels(FILE.read_bytes())[HEIGHT - BORDER :]
    assert (border > 240).all(-1).mean() > 0.7  # white, with
    assert (border < 90).all(-1).mean() > 0.02  # dark letters


def test_exif_is_read_by_others() -> None:
    plain = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    with Image.open(BytesIO(described(plain, "hello"))) as image:
        assert dict(image.getexif()) == {0x010E: "hello"}
