"""Photos for the segment room: small composed scenes whose ink is known exactly."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.synth.scene import Scene, compose

SAMPLE = Path(__file__).resolve().parents[2] / "models" / "sample" / "tattoo.jpg"


@pytest.fixture(scope="session")
def scene() -> Scene:
    """A composed photo (512 x 512) with ink on it."""
    return compose(seed=3)


@pytest.fixture(scope="session")
def scene_png(scene: Scene) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(scene.rgb[..., ::-1]))[1].tobytes()


@pytest.fixture(scope="session")
def sample_jpeg() -> bytes:
    """The photo that the product ships."""
    return SAMPLE.read_bytes()
