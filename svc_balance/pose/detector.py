"""BlazePose's person detector: anchors, decoding, weighted non-maximum suppression.

A single-shot detector on 224 x 224 pixels with 2254 anchors (MediaPipe's pose_detection graph; Bazarevsky
et al. 2020, "BlazePose"). It finds a face-to-hip box and four points of the body, of which two, the middle of
the hips and a point on the body's circle, give the region of interest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_balance.pose.roi import Floats, Picture, Roi, around, halved, spare_halvings

SIZE = 224
SCORE = 0.5
OVERLAP = 0.3
"""Boxes that overlap more (intersection over union) are one person."""
_STRIDES = (8, 16, 32, 32, 32)
_PER_CELL = 2

Run = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Input (1, 224, 224, 3) in -1..1 to boxes (1, 2254, 12) in input pixels and score logits (1, 2254, 1)."""


@dataclass(frozen=True)
class Detection:
    """A person in the picture: score 0..1, box (x0, y0, x1, y1) px, points (4, 2) px."""

    score: float
    box: Floats
    points: Floats

    @property
    def roi(self) -> Roi:
        return around(self.points[0], self.points[1])


def anchors() -> Floats:
    """Centres of the anchors in input pixels, (2254, 2), in the order of the network's output.

    Layers of one stride share their cells; every anchor has the same size (fixed_anchor_size).
    """
    rows = []
    for stride in sorted(set(_STRIDES)):
        cells = SIZE // stride
        repeat = _PER_CELL * _STRIDES.count(stride)
        y, x = np.mgrid[0:cells, 0:cells].reshape(2, -1)
        rows.append(np.repeat(np.column_stack([x, y]) * stride + stride / 2, repeat, axis=0))
    return np.concatenate(rows).astype(np.float64)


_ANCHORS = anchors()


def detect(picture: Picture, run: Run) -> list[Detection]:
    """People in a picture, best first."""
    # Halving is exact and quick; a resize to any size is slow on a large picture.
    halvings = spare_halvings(min(picture.shape[:2]), SIZE)
    picture = halved(picture, halvings)
    height, width = picture.shape[:2]
    scale = max(height, width) / SIZE
    new_width, new_height = max(1, round(width / scale)), max(1, round(height / scale))
    small = cv2.resize(picture, (new_width, new_height), interpolation=cv2.INTER_AREA)
    left, top = (SIZE - new_width) // 2, (SIZE - new_height) // 2
    canvas = np.full((1, SIZE, SIZE, 3), -1.0, np.float32)
    canvas[0, top : top + new_height, left : left + new_width] = small / np.float32(127.5) - 1
    boxes, logits = run(canvas)
    found = suppress(*decode(boxes[0], logits[0, :, 0]))
    offset = np.array([left, top])
    stretch = 2**halvings * np.array([width / new_width, height / new_height])
    return [
        Detection(f.score, ((f.box.reshape(2, 2) - offset) * stretch).ravel(), (f.points - offset) * stretch)
        for f in found
    ]


def search(picture: Picture, run: Run) -> list[Detection]:
    """People in overlapping squares along the longer side: finds those too small in the whole picture.

    In the whole picture a body is found from about a quarter of the longer side on.
    """
    height, width = picture.shape[:2]
    side, rest = min(height, width), abs(width - height)
    windows = max(1, math.ceil(2 * max(height, width) / side) - 1)
    rows, scores = [], []
    for start in np.linspace(0, rest, windows).round().astype(int):
        x, y = (start, 0) if width > height else (0, start)
        for found in detect(picture[y : y + side, x : x + side], run):
            corner = np.array([x, y])
            rows.append(
                np.concatenate([(found.box.reshape(2, 2) + corner).ravel(), (found.points + corner).ravel()])
            )
            scores.append(found.score)
    return suppress(np.array(rows).reshape(-1, 12), np.array(scores))


def decode(boxes: NDArray[np.float32], logits: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Candidates above the score threshold: rows (x0, y0, x1, y1, 4 x (x, y)) in input px, and scores.

    boxes is (2254, 12): centre, size and points as offsets from the anchor.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    keep = scores >= SCORE
    raw, base = boxes[keep].astype(np.float64), _ANCHORS[keep]
    centre, half = raw[:, 0:2] + base, raw[:, 2:4] / 2
    points = raw[:, 4:].reshape(-1, 4, 2) + base[:, None]
    return np.concatenate([centre - half, centre + half, points.reshape(-1, 8)], axis=1), scores[keep]


def suppress(rows: Floats, scores: Floats) -> list[Detection]:
    """Weighted non-maximum suppression: what overlaps the best is averaged by score into one person."""
    found = []
    order = np.argsort(-scores, kind="stable")
    rows, scores = rows[order], scores[order]
    while len(rows):
        same = overlaps(rows[0, :4], rows[:, :4]) > OVERLAP
        same[0] = True
        mean = np.average(rows[same], axis=0, weights=scores[same])
        found.append(Detection(float(scores[0]), mean[:4], mean[4:].reshape(4, 2)))
        rows, scores = rows[~same], scores[~same]
    return found


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box (4,) with boxes (N, 4); 0 for empty boxes."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    own = float(np.prod(np.clip(box[2:] - box[:2], 0, None)))
    union = area + own - both
    return np.asarray(np.where(union > 0, both / np.where(union > 0, union, 1), 0.0), np.float64)
