"""Training examples: random crops of pool scenes at random scale, tone and orientation."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.train.pool import SIZE, Pool
from svc_segment.features import features, shrink, surroundings


@dataclass(frozen=True)
class Phase:
    """A stretch of training: crops of `window` pixels of a scene, seen `side` pixels wide."""

    steps: int
    side: int
    batch: int
    window: tuple[float, float]


@dataclass(frozen=True)
class Batch:
    inputs: NDArray[np.float32]
    """(B, 7, side, side), as the product computes them."""
    mask: NDArray[np.uint8]
    """(B, side, side): 255 ink, 128 ignore, 0 bare."""
    skin: NDArray[np.uint8]


def batches(pool: Pool, phase: Phase, first_step: int, last_step: int, ahead: int = 4) -> Iterator[Batch]:
    """The batches of steps first_step .. last_step - 1; step k is the same whenever it is asked for."""
    with ThreadPoolExecutor(1) as maker:
        waiting = [
            maker.submit(_batch, pool, phase, s)
            for s in range(first_step, min(first_step + ahead, last_step))
        ]
        for step in range(first_step, last_step):
            ready = waiting.pop(0).result()
            if step + ahead < last_step:
                waiting.append(maker.submit(_batch, pool, phase, step + ahead))
            yield ready


def _batch(pool: Pool, phase: Phase, step: int) -> Batch:
    rng = np.random.default_rng((7, step))
    made = [_crop(rng, pool.scenes[int(rng.integers(len(pool.scenes)))], phase) for _ in range(phase.batch)]
    return Batch(*(np.stack(part) for part in zip(*made, strict=True)))


def _crop(
    rng: np.random.Generator, scene: NDArray[np.uint8], phase: Phase
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    scene = _turn(rng, np.asarray(scene))
    rgb = scene[..., :3]
    window = float(np.exp(rng.uniform(*np.log(phase.window))))
    x, y = _corner(rng, scene[..., 3], window)
    side = round(window)
    # What the surroundings may see reaches from the crop alone to the whole scene.
    margin = rng.uniform(0, 1)
    left, top = round(x * margin), round(y * margin)
    right, bottom = (round(SIZE - (SIZE - at - side) * margin) for at in (x, y))
    photo = np.ascontiguousarray(rgb[top:bottom, left:right])
    tone = _tone(rng)
    around = surroundings(_apply(tone, shrink(photo)))
    inner = _inside(around, photo.shape[:2], (x - left, y - top, side))
    part = np.s_[y : y + side, x : x + side]
    how = cv2.INTER_AREA if side > phase.side else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(rgb[part]), (phase.side, phase.side), interpolation=how)
    mask, skin = (_shrink_mask(scene[part][..., plane], phase.side) for plane in (3, 4))
    return features(_apply(tone, np.asarray(small, np.uint8)), inner), mask, skin


def _inside(
    around: NDArray[np.float32], photo: tuple[int, ...], square: tuple[int, int, int]
) -> NDArray[np.float32]:
    """The part of a map (h, w, C) that a square (x, y, side) of its photo covers, as a map."""
    x, y, side = square
    rows, columns = around.shape[0] / photo[0], around.shape[1] / photo[1]
    top, left = int(y * rows), int(x * columns)
    bottom, right = max(top + 1, round((y + side) * rows)), max(left + 1, round((x + side) * columns))
    return around[top:bottom, left:right]


def _turn(rng: np.random.Generator, scene: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scene = np.rot90(scene, int(rng.integers(4)))
    return scene[:, ::-1] if rng.random() < 0.5 else scene


def _tone(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A further change of exposure, gamma and balance, as one table per channel (1, 256, 3)."""
    level = np.arange(256) / 255
    gamma, gain = np.exp(rng.normal(0, 0.15)), np.exp(rng.normal(0, 0.08, 3) + rng.normal(0, 0.12))
    tables = np.clip(level[:, None] ** gamma * gain * 255 + 0.5, 0, 255).astype(np.uint8)
    return tables.reshape(1, 256, 3)


def _apply(tone: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.LUT(rgb, tone), np.uint8)


def _corner(rng: np.random.Generator, mask: NDArray[np.uint8], window: float) -> tuple[int, int]:
    """Top left corner of a crop, three times in four one with ink where the scene has any."""
    free = SIZE - round(window)
    ink = np.argwhere(mask[::8, ::8] == 255) * 8
    if len(ink) and rng.random() < 0.75:
        y, x = ink[rng.integers(len(ink))] - rng.uniform(0.1, 0.9, 2) * window
        return int(np.clip(x, 0, free)), int(np.clip(y, 0, free))
    return int(rng.integers(free + 1)), int(rng.integers(free + 1))


def _shrink_mask(mask: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """Resize to `length`; a pixel is ink when more than half of it is, unknown when 30 % of it is."""
    side = (length, length)
    how = cv2.INTER_AREA if mask.shape[0] > length else cv2.INTER_LINEAR
    ink = cv2.resize(np.where(mask == 255, np.uint8(255), np.uint8(0)), side, interpolation=how)
    either = cv2.resize(np.where(mask >= 128, np.uint8(255), np.uint8(0)), side, interpolation=how)
    out = np.zeros(side, np.uint8)
    out[(either > 127) | (ink > 76)] = 128
    out[ink > 127] = 255
    return out
