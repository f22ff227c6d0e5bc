"""Training examples: random crops of pool scenes at random scale, tone and orientation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.train.ink.plan import Examples, Phase, Plan
from models.train.ink.truth import half_contrast, shrink_mask
from svc_segment.features import features, shrink, surroundings

Scenes = Sequence[NDArray[np.uint8]]
"""Anything that gives scenes (SIZE, SIZE, PLANES) by number."""


@dataclass(frozen=True)
class Batch:
    inputs: NDArray[np.float32]
    """(B, 7, side, side), as the product computes them."""
    mask: NDArray[np.uint8]
    """(B, side, side): 255 ink, 128 ignore, 0 bare."""
    skin: NDArray[np.uint8]
    """(B, side, side): 255 where skin is to be seen, inked or not."""


def batches(plan: Plan, scenes: Scenes, first_step: int, ahead: int = 4) -> Iterator[Batch]:
    """The batches from step first_step on; step k is the same whenever it is asked for."""
    with ThreadPoolExecutor(1) as maker:
        last = plan.steps
        upcoming = range(first_step, min(first_step + ahead, last))
        waiting = [maker.submit(make, plan, scenes, s) for s in upcoming]
        for step in range(first_step, last):
            ready = waiting.pop(0).result()
            if step + ahead < last:
                waiting.append(maker.submit(make, plan, scenes, step + ahead))
            yield ready


def make(plan: Plan, scenes: Scenes, step: int) -> Batch:
    """The batch of a step."""
    rng = np.random.default_rng((7, plan.seed, step))
    phase = _phase(plan, step)
    numbers = [int(rng.integers(plan.arrived(step))) for _ in range(phase.batch)]
    made = [crop(rng, scenes[k], phase, plan.examples) for k in numbers]
    return Batch(*(np.stack(part) for part in zip(*made, strict=True)))


def _phase(plan: Plan, step: int) -> Phase:
    for phase in plan.phases:
        if step < phase.steps:
            return phase
        step -= phase.steps
    raise IndexError(f"the plan ends {step} steps earlier")


def crop(
    rng: np.random.Generator, scene: NDArray[np.uint8], phase: Phase, how: Examples
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    """Features, mask and visible skin of a random square of a scene (S, S, 5)."""
    size = scene.shape[0]
    window = float(np.exp(rng.uniform(*np.log(phase.window))))
    x, y = _corner(rng, scene[..., 3], window, how.inked)
    side = round(window)
    # What the surroundings may see reaches from the crop alone to the whole scene.
    margin = rng.uniform(0, 1)
    left, top = round(x * margin), round(y * margin)
    right, bottom = (round(size - (size - at - side) * margin) for at in (x, y))
    photo = np.ascontiguousarray(scene[top:bottom, left:right, :3])
    tone = _tone(rng)
    around = surroundings(cv2.LUT(shrink(photo), tone))
    inner = _inside(around, photo.shape[:2], (x - left, y - top, side))
    part = scene[y : y + side, x : x + side]
    rgb = np.ascontiguousarray(part[..., :3])
    mask = half_contrast(rgb, part[..., 3]) if how.half_contrast else part[..., 3]
    smooth = cv2.INTER_AREA if side > phase.side else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(rgb, (phase.side, phase.side), interpolation=smooth), np.uint8)
    if rng.random() < how.worn:
        small = _wear(rng, small)
    seen = features(np.asarray(cv2.LUT(small, tone), np.uint8), inner)
    return _turn(rng, seen, shrink_mask(mask, phase.side), shrink_mask(part[..., 4], phase.side))


def _inside(
    around: NDArray[np.float32], photo: tuple[int, ...], square: tuple[int, int, int]
) -> NDArray[np.float32]:
    """The part of a map (h, w, C) that a square (x, y, side) of its photo covers, as a map."""
    x, y, side = square
    rows, columns = around.shape[0] / photo[0], around.shape[1] / photo[1]
    top, left = int(y * rows), int(x * columns)
    bottom, right = max(top + 1, round((y + side) * rows)), max(left + 1, round((x + side) * columns))
    return around[top:bottom, left:right]


def _turn(
    rng: np.random.Generator, seen: NDArray[np.float32], mask: NDArray[np.uint8], skin: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    """One of the eight orientations of a square, of the features (C, S, S) and of both maps (S, S)."""
    quarter, mirrored = int(rng.integers(4)), rng.random() < 0.5
    planes = [seen, mask, skin]
    if mirrored:
        planes = [p[..., ::-1] for p in planes]
    seen, mask, skin = (np.ascontiguousarray(np.rot90(p, quarter, (-2, -1))) for p in planes)
    return seen, mask, skin


def _tone(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A further change of exposure, gamma and balance, as one table per channel (1, 256, 3)."""
    level = np.arange(256) / 255
    gamma, gain = np.exp(rng.normal(0, 0.15)), np.exp(rng.normal(0, 0.08, 3) + rng.normal(0, 0.12))
    tables = np.clip(level[:, None] ** gamma * gain * 255 + 0.5, 0, 255).astype(np.uint8)
    return tables.reshape(1, 256, 3)


def _wear(rng: np.random.Generator, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What happens to small photos on their way: blur or sharpening, noise, compression."""
    sigma = rng.uniform(0.3, 0.9)
    soft = cv2.GaussianBlur(rgb, (0, 0), sigma)
    amount = rng.uniform(-1.0, 1.0)  # below 0 towards the blurred one, above 0 away from it
    worn = cv2.addWeighted(rgb, 1 + amount, soft, -amount, 0)
    if rng.random() < 0.5:
        noise = rng.normal(0, rng.uniform(1, 6), (*rgb.shape[:2], 1)).astype(np.float32)
        worn = np.clip(worn + noise, 0, 255).astype(np.uint8)
    quality = int(rng.uniform(40, 96))
    done, data = cv2.imencode(".jpg", worn, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError("a crop could not be compressed")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _corner(
    rng: np.random.Generator, mask: NDArray[np.uint8], window: float, inked: float
) -> tuple[int, int]:
    """Top left corner of a crop; `inked` is the share of those laid on ink where the scene has any."""
    free = mask.shape[0] - round(window)
    ink = np.argwhere(mask[::8, ::8] == 255) * 8
    if len(ink) and rng.random() < inked:
        y, x = ink[rng.integers(len(ink))] - rng.uniform(0.1, 0.9, 2) * window
        return int(np.clip(x, 0, free)), int(np.clip(y, 0, free))
    return int(rng.integers(free + 1)), int(rng.integers(free + 1))
