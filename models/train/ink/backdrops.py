"""Other surroundings for a body: rooms are endless, a generator's are not."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

ROOMS = 120

Rng = np.random.Generator
Image = NDArray[np.float32]


def behind(rng: Rng, scene: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The scene (S, S, 5) with another room where no skin is to be seen; the body's edge stays soft."""
    alpha = cv2.GaussianBlur((scene[..., 4] == 255).astype(np.float32), (0, 0), 1.0)[:, :, None]
    rooms = _rooms(scene.shape[0])
    room = np.rot90(rooms[int(rng.integers(len(rooms)))], int(rng.integers(4)))
    room = room * np.exp(rng.normal(0, 0.15, 3)).astype(np.float32)
    out = scene.copy()
    out[..., :3] = np.clip(scene[..., :3] * alpha + room * (1 - alpha), 0, 255).astype(np.uint8)
    out[..., 3][scene[..., 4] == 0] = 0
    return out


@lru_cache(maxsize=1)
def _rooms(size: int) -> list[NDArray[np.uint8]]:
    """Drawn once for all crops: one takes longer than a crop may."""
    return [draw(np.random.default_rng((11, k)), size).astype(np.uint8) for k in range(ROOMS)]


def draw(rng: Rng, size: int) -> Image:
    """A room (size, size, 3), 0..255: things of many materials one before the other, light falling across."""
    room = _material(rng, size)
    for _ in range(int(rng.integers(2, 9))):
        room = np.where(_thing(rng, size)[:, :, None], _material(rng, size), room)
    if rng.random() < 0.5:
        room = cv2.GaussianBlur(room, (0, 0), float(np.exp(rng.uniform(np.log(0.6), np.log(6)))))
    return np.asarray(np.clip(room * _light(rng, size), 0, 255), np.float32)


def _thing(rng: Rng, size: int) -> NDArray[np.bool_]:
    """Where a thing stands: a polygon, an ellipse or a band, somewhere."""
    canvas = np.zeros((size, size), np.uint8)
    centre = rng.uniform(-0.1, 1.1, 2) * size
    reach = size * np.exp(rng.uniform(np.log(0.06), np.log(0.7)))
    kind = rng.integers(3)
    if kind == 0:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
        radii = reach * rng.uniform(0.5, 1.2, len(angles))
        points = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]
        cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
    elif kind == 1:
        axes = (int(reach), int(reach * rng.uniform(0.2, 1)))
        cv2.ellipse(canvas, (int(centre[0]), int(centre[1])), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    else:
        angle = rng.uniform(0, np.pi)
        way = np.array([np.cos(angle), np.sin(angle)]) * size * 1.5
        ends = (centre - way).astype(int), (centre + way).astype(int)
        cv2.line(canvas, ends[0].tolist(), ends[1].tolist(), 1, max(2, int(reach * 0.4)))
    return canvas > 0


def _material(rng: Rng, size: int) -> Image:
    makers: tuple[Callable[[Rng, int], Image], ...] = (_plain, _checks, _stripes, _crumpled, _weave, _clouds)
    return makers[int(rng.choice(len(makers), p=[0.3, 0.14, 0.12, 0.16, 0.12, 0.16]))](rng, size)


def _colour(rng: Rng) -> Image:
    """Most things are grey, brown, white or black; some are of one strong colour."""
    level = rng.choice([rng.uniform(5, 50), rng.uniform(50, 180), rng.uniform(180, 255)], p=[0.4, 0.35, 0.25])
    tint = rng.normal(0, rng.choice([0.04, 0.12, 0.5], p=[0.5, 0.3, 0.2]), 3)
    return np.asarray(np.clip(level * np.exp(tint), 0, 255), np.float32)


def _plain(rng: Rng, size: int) -> Image:
    return np.broadcast_to(_colour(rng), (size, size, 3)).astype(np.float32)


def _checks(rng: Rng, size: int) -> Image:
    """Tiles of a floor in perspective."""
    x, y = _floor(rng, size)
    even = ((np.floor(x) + np.floor(y)) % 2 == 0)[:, :, None]
    return np.where(even, _colour(rng), _colour(rng)).astype(np.float32)


def _stripes(rng: Rng, size: int) -> Image:
    """Blinds, boards, keyboards, lines of print."""
    x, y = _floor(rng, size)
    duty = rng.uniform(0.1, 0.9)
    on = (x % 1) < duty
    if rng.random() < 0.4:
        on &= (y % 1) < rng.uniform(0.3, 0.95)
    return np.where(on[:, :, None], _colour(rng), _colour(rng)).astype(np.float32)


def _crumpled(rng: Rng, size: int) -> Image:
    """Foil and cloth in folds: ridged noise, with glints."""
    ridges = 1 - np.abs(np.tanh(_noise(rng, size, rng.uniform(8, 80))))
    fine = 1 - np.abs(np.tanh(_noise(rng, size, rng.uniform(4, 20))))
    height = 0.7 * ridges + 0.3 * fine
    shine = height ** rng.uniform(1, 8) * rng.uniform(0.5, 1.8)
    glint = np.clip(height - 0.93, 0, 1)[:, :, None] * rng.choice([0, 3000])
    return np.asarray(_colour(rng) * (0.35 + shine[:, :, None]) + glint, np.float32)


def _weave(rng: Rng, size: int) -> Image:
    grain = rng.normal(0, rng.uniform(3, 25), (size, size, 1))
    folds = 1 + 0.35 * _noise(rng, size, rng.uniform(20, 120))[:, :, None]
    return np.asarray(_colour(rng) * folds + grain, np.float32)


def _clouds(rng: Rng, size: int) -> Image:
    share = np.clip(0.5 + rng.uniform(0.5, 2) * _noise(rng, size, rng.uniform(6, 100)), 0, 1)[:, :, None]
    return np.asarray(_colour(rng) * share + _colour(rng) * (1 - share), np.float32)


def _floor(rng: Rng, size: int) -> tuple[Image, Image]:
    """Coordinates of a plane, in squares of its pattern, as a tilted camera sees it."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    angle, tilt = rng.uniform(0, np.pi), rng.uniform(-0.9, 0.9)
    turned = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    depth = 1 + tilt * turned[1]
    count = np.exp(rng.uniform(np.log(3), np.log(40)))
    return turned[0] / depth * count + 100, turned[1] / depth * count * rng.uniform(0.3, 1) + 100


def _noise(rng: Rng, size: int, grain: float) -> Image:
    """Smooth noise (size, size) of about unit spread whose lumps are `grain` pixels wide."""
    cells = max(2, int(size / grain) + 2)
    rough = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(rough, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


def _light(rng: Rng, size: int) -> Image:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1.0)
    light = 1 + fall * (np.cos(angle) * x + np.sin(angle) * y)
    shade = cv2.GaussianBlur(_thing(rng, size).astype(np.float32), (0, 0), rng.uniform(1, 12))
    return np.asarray((light * (1 - rng.uniform(0, 0.7) * shade))[:, :, None], np.float32)
