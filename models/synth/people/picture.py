"""One generated person in a square picture: what the pose student learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.synth import figure
from models.synth.standing import StandingSpec, trial

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PersonImage:
    """A square picture cut round a person, and where the person's 33 landmarks are in it.

    rgb: [side, side, 3] uint8 sRGB. points_px: [33, 2] px as `mesh.landmarks` orders them, (0, 0) at the top
    left corner of the picture, pixel centres at halves; beyond the picture too. visible: [33], the point is in
    the picture and nothing but its own body part is in front of it. in_frame: [33], the point is in the
    picture. box: left, top, right, bottom of the whole body, px, clipped to the picture.
    """

    rgb: NDArray[np.uint8]
    points_px: Floats
    visible: NDArray[np.bool_]
    in_frame: NDArray[np.bool_]
    box: tuple[float, float, float, float]


def person(seed: int, side: int = 256) -> PersonImage:
    """One person, another for every seed; the same bytes for the same seed on the same NumPy and OpenCV."""
    rng = np.random.default_rng(seed)
    spec = StandingSpec(duration_s=6, mm_per_px=2100 / side, width=side, height=side, seed=seed)
    landmarks, _ = trial(spec)
    points = landmarks.image_px[int(rng.integers(len(landmarks)))]
    picture = figure.room(side, side, 0.9 * side, figure.Look(), seed)
    figure.draw(picture, points, 1 / spec.mm_per_px, figure.Look())
    inside = ((points >= 0) & (points < side)).all(axis=1)
    low, high = points.min(axis=0), points.max(axis=0)
    return PersonImage(
        rgb=np.clip(picture + 0.5, 0, 255).astype(np.uint8),
        points_px=points,
        visible=inside,
        in_frame=inside,
        box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
    )
