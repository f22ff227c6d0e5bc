"""Baked views of bodies: reading them, and a random one as a surface."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Rng
from models.synth.geometry.surface import Surface, from_height
from models.synth.library import Views

CACHE = Path(__file__).resolve().parents[3] / ".tools" / "cache" / "designs"
STEM = "views-1"
"""The number goes up whenever the content changes."""
SIDE = 256
NOTHING = -1000.0
"""Height where no body is."""


def save(views: Views, cache: Path = CACHE) -> Path:
    """Writes the arrays beside each other; the list of parts comes last and says that all is there."""
    cache.mkdir(parents=True, exist_ok=True)
    for name, array in (("height", views.height), ("normal", views.normal)):
        with NamedTemporaryFile(dir=cache, prefix=".writing-", delete=False) as part:
            np.save(part, array)
        Path(part.name).replace(cache / f"{STEM}-{name}.npy")
    done = cache / f"{STEM}.json"
    with NamedTemporaryFile(dir=cache, prefix=".writing-", delete=False) as part:
        part.write(json.dumps({"part": views.part, "cm_per_px": views.cm_per_px.tolist()}).encode())
    Path(part.name).replace(done)
    return done


def read(cache: Path = CACHE) -> Views | None:
    """The baked views, memory-mapped; None where there are none."""
    done = cache / f"{STEM}.json"
    if not done.exists():
        return None
    held = json.loads(done.read_text())
    height, normal = (np.load(cache / f"{STEM}-{name}.npy", mmap_mode="r") for name in ("height", "normal"))
    return Views(height, normal, np.array(held["cm_per_px"], np.float32), tuple(held["part"]))


def view(rng: Rng, shape: tuple[int, int], views: Views) -> Surface:
    """One of the views, turned, mirrored and cut at random, (H, W).

    Raises ValueError where none of 20 shows skin on a twentieth of the frame.
    """
    for _ in range(20):
        k = int(rng.integers(len(views.part)))
        height, side = views.height[k].astype(np.float32), max(shape)
        inside = (height > NOTHING / 2).astype(np.float32)
        scale = side / SIDE * rng.uniform(0.95, 1.5)
        turn = _turn(rng)
        middle = np.array(shape[::-1]) / 2 + rng.normal(0, 0.05, 2) * side
        matrix = np.column_stack([scale * turn, middle - scale * turn @ np.full(2, SIDE / 2)])
        where = _moved(cv2.GaussianBlur(inside, (0, 0), 0.8), matrix, shape) > 0.5
        if where.mean() >= 0.05:
            normal = _filled(views.normal[k].astype(np.float32) / 127, inside)
            flat = np.asarray(_moved(normal, matrix, shape) @ turn.T, np.float32)
            filled = _moved(_filled(height, inside), matrix, shape, cv2.INTER_CUBIC)
            return from_height(filled, where, float(views.cm_per_px[k]) / scale, views.part[k], flat)
    raise ValueError("views: show next to no skin, bake them again")


def _turn(rng: Rng) -> NDArray[np.float64]:
    """Rotation, and half the time a mirror, (2, 2)."""
    angle = rng.normal(0, 0.4) + (0.0 if rng.random() < 0.7 else rng.choice([0.5, 1.0, 1.5]) * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    return turn


def _moved(
    image: NDArray[Any], matrix: NDArray[np.float64], shape: tuple[int, int], how: int = cv2.INTER_LINEAR
) -> NDArray[np.float32]:
    """The image warped into (H, W); what lies beyond its rim repeats it."""
    size = (shape[1], shape[0])
    return np.asarray(
        cv2.warpAffine(image, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _filled(values: NDArray[np.float32], inside: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values carried a few pixels beyond the body, so that its rim can be interpolated."""
    weight = cv2.GaussianBlur(inside, (0, 0), 3.0)
    mask, soft = (inside, weight) if values.ndim == 2 else (inside[:, :, None], weight[:, :, None])
    carried = cv2.GaussianBlur(np.where(mask > 0, values, 0), (0, 0), 3.0) / np.maximum(soft, 1e-3)
    return np.asarray(np.where(mask > 0, values, carried), np.float32)
