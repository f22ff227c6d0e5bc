"""Training examples: each person seen twice, in two regions a little apart, as the product's regions are.

Both views show the same pose with light, noise and compression of their own. How their errors differ is what
makes landmarks tremble, so that the loss can ask for the same error in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, NAMES
from models.train.pose.pool import People

Floats = NDArray[np.float64]
SIDE = 128
"""Height and width of a view, the network's input, px."""
MARGIN = 1.25
"""Side of a region over the diameter of the body's circle, as the pose stage's (`svc_balance.pose.roi`)."""
APART = 0.04
"""Shift and change of size between two views, as share of the side: quality mode's spread."""
MIRRORED = tuple(
    INDEX[name.replace("left", "*").replace("right", "left").replace("*", "right")] for name in NAMES
)
"""Where each point is found in a mirror image."""


@dataclass(frozen=True)
class Batch:
    """pictures: (2 B, SIDE, SIDE, 3), RGB 0..1. paired: the second half are other views of the first, else
    views of other people. points: (2 B, 33, 2) px. inside, visible: (2 B, 33). scale: (2 B,), px of the view
    for a px of the first view."""

    pictures: NDArray[np.float32]
    points: NDArray[np.float32]
    inside: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    scale: NDArray[np.float32]
    paired: bool


def batches(pool: People, size: int, seed: int, steps: range, paired_from: int) -> Iterator[Batch]:
    """The batches of 2 `size` views of the steps; step k is always the same.

    Before paired_from every view is of somebody else, which teaches more places in the same time; from then
    on they are pairs.
    """
    for step in steps:
        rng, paired = np.random.default_rng((seed, step)), step >= paired_from
        count = size if paired else 2 * size
        people = [int(at) for at in rng.integers(len(pool), size=count)]
        yield _gathered([_views(rng, pool, at, 1 + paired, rough=True) for at in people], paired=paired)


def held_out(pool: People, size: int) -> Iterator[Batch]:
    """Every person of a pool once, in usual regions: no change of light, no mirror image."""
    for start in range(0, len(pool), size):
        people = range(start, min(start + size, len(pool)))
        views = [_views(np.random.default_rng((11, at)), pool, at, 2, rough=False) for at in people]
        yield _gathered(views, paired=True)


def region(points: Floats) -> tuple[Floats, float, float]:
    """Centre (2,), side and rotation of the region round 33 points, as BlazePose's circle has it."""
    hips = points[[INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=0)
    shoulders = points[[INDEX["left_shoulder"], INDEX["right_shoulder"]]].mean(axis=0)
    radius = float(np.linalg.norm(points - hips, axis=1).max())
    up = shoulders - hips
    return hips, 2 * MARGIN * radius, float(np.arctan2(up[0], -up[1]))


def _views(
    rng: np.random.Generator, pool: People, at: int, count: int, *, rough: bool
) -> list[tuple[NDArray[np.float32], Floats, NDArray[np.bool_], NDArray[np.bool_], float]]:
    rgb, points = np.asarray(pool.rgb[at]), pool.points[at].astype(np.float64)
    in_frame, visible = pool.in_frame[at], pool.visible[at]
    if rough and rng.random() < 0.5:
        rgb = np.ascontiguousarray(rgb[:, ::-1])
        points = np.column_stack([rgb.shape[1] - points[:, 0], points[:, 1]])[list(MIRRORED)]
        in_frame, visible = in_frame[list(MIRRORED)], visible[list(MIRRORED)]
    centre, side, turn = region(points)
    if rough:
        side *= float(np.exp(rng.normal(0, 0.08)))
        centre = centre + rng.normal(0, 0.03, 2) * side
        turn += float(rng.normal(0, 0.12))
        rgb = _covered(rng, _toned(rng, rgb), side)
    # Beyond the picture: black as where a video ends, or more of the same, so that neither is a hint.
    beyond = cv2.BORDER_REFLECT_101 if rough and rng.random() < 0.7 else cv2.BORDER_CONSTANT
    views = []
    for view in range(count):
        shift = rng.uniform(-APART, APART, 2) * side if view else np.zeros(2)
        larger = float(1 + rng.uniform(-APART, APART)) if view else 1.0
        to_view = _affine(centre + shift, side * larger, turn)
        picture = cv2.warpAffine(
            rgb, _centred(to_view), (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=beyond
        )
        placed = points @ to_view[:, :2].T + to_view[:, 2]
        inside = in_frame & ((placed >= 0) & (placed < SIDE)).all(axis=1)
        seen = _camera(rng, np.asarray(picture, np.uint8), rough=rough)
        views.append((seen, placed, inside, visible & inside, 1 / larger))
    return views


def _affine(centre: Floats, side: float, turn: float) -> Floats:
    """(2, 3) from picture px to view px."""
    cosine, sine = np.cos(turn), np.sin(turn)
    back = SIDE / side * np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([back, SIDE / 2 - back @ centre])


def _centred(affine: Floats) -> Floats:
    """The same for OpenCV, which counts from pixel centres."""
    out = affine.copy()
    out[:, 2] += affine[:, :2] @ np.array([0.5, 0.5]) - 0.5
    return out


def _toned(rng: np.random.Generator, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A change of exposure, gamma and colour balance; now and then of hues or to grey."""
    level = np.arange(256) / 255
    gamma, gain = np.exp(rng.normal(0, 0.25)), np.exp(rng.normal(0, 0.12, 3) + rng.normal(0, 0.2))
    table = np.clip(level[:, None] ** gamma * gain * 255 + 0.5, 0, 255).astype(np.uint8)
    out = np.asarray(cv2.LUT(rgb, table.reshape(1, 256, 3)), np.uint8)
    if rng.random() < 0.1:
        out = np.repeat(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.uint8)
    return out


def _covered(rng: np.random.Generator, rgb: NDArray[np.uint8], side: float) -> NDArray[np.uint8]:
    """Now and then a plain box in front of something."""
    if rng.random() > 0.2:
        return rgb
    out = rgb.copy()
    low = rng.uniform(0, len(rgb), 2).astype(int)
    high = (low + rng.uniform(0.05, 0.25, 2) * side).astype(int)
    out[low[1] : high[1], low[0] : high[0]] = rng.integers(0, 256, 3)
    return out


def _camera(rng: np.random.Generator, picture: NDArray[np.uint8], *, rough: bool) -> NDArray[np.float32]:
    """Blur, noise and compression, each view its own; (SIDE, SIDE, 3), 0..1."""
    if rough and rng.random() < 0.3:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.2))), np.uint8)
    out = picture + np.float32(rng.uniform(0, 5)) * rng.standard_normal(picture.shape, np.float32)
    picture = np.clip(out + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return picture.astype(np.float32) / np.float32(255)


def _gathered(
    people: list[list[tuple[NDArray[np.float32], Floats, NDArray[np.bool_], NDArray[np.bool_], float]]],
    *,
    paired: bool,
) -> Batch:
    flat = [views[view] for view in range(len(people[0])) for views in people]
    pictures, points, inside, visible, scale = zip(*flat, strict=True)
    return Batch(
        np.stack(pictures),
        np.stack(points).astype(np.float32),
        np.stack(inside),
        np.stack(visible),
        np.array(scale, np.float32),
        paired,
    )
