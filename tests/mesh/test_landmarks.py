"""What a stored series may hold: every reader's time and memory rest on it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from assay.balance.v1.balance_pb2 import LandmarkSeries

from mesh import landmarks
from mesh.errors import InvalidInput

FRAMES = 3


def series(**changed: Any) -> LandmarkSeries:
    """Three frames, some fields changed."""
    sound: dict[str, Any] = {
        "width": 640,
        "height": 480,
        "time_s": [0.0, 0.03, 0.07],
        "image_px": [100.0] * (FRAMES * 66),
        "visibility": [0.9] * (FRAMES * 33),
        "presence": [0.9] * (FRAMES * 33),
    }
    return LandmarkSeries(**{**sound, **changed})


def test_missing_points_and_no_frames_are_sound() -> None:
    nothing = landmarks.from_message(series(image_px=[math.nan] * (FRAMES * 66)))
    assert np.isnan(nothing.image_px).all()
    assert len(landmarks.from_message(LandmarkSeries(width=1, height=1))) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"width": 0},
        {"height": -5},
        {"width": 16_385},
        {"model": "x" * 129},
        {"people": [1, 1]},
        {"people": [1] * 4},
        {"roi": [1.0]},
        {"cuts_s": [math.nan]},
        {"cuts_s": [0.01] * 4},
        {"image_px": [3e38] * (FRAMES * 66)},
        {"image_px": [-math.inf] * (FRAMES * 66)},
        {"world_m": [1e38] * (FRAMES * 99)},
        {"standard_error_px": [1e38] * (FRAMES * 33)},
        {"time_s": [0.0, 5e-324, 1e-323]},
        {"time_s": [0.0, 1e-9, 2e-9]},
        {"time_s": [0.0, math.nan, 1.0]},
        {"time_s": [0.0, 0.0, 1.0]},
        {"time_s": [0.0, 1.0]},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_what_no_camera_gives_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        landmarks.decode(series(**changed).SerializeToString())
    assert caught.value.code == "LANDMARKS_UNREADABLE"
    assert caught.value.field == "landmarks"


def test_the_number_of_frames_is_bounded_before_they_are_read() -> None:
    count = landmarks.MAX_FRAMES + 1
    many = LandmarkSeries(width=640, height=480, time_s=np.arange(count) / 30)
    with pytest.raises(InvalidInput, match=f"{count} frames"):
        landmarks.from_message(many)
