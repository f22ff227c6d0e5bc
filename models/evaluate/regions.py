"""How far apart the parts of one tattoo may lie: regions beside generated designs.

    python -m models.evaluate.regions [--photos 400]

A picture holds one to five designs (`models.synth.designs.draw`), each turned, of its own size, none touching
another. A design is found when the box of a region meets its box at IoU 0.5 or more, one to one, as in real
photos (`models.evaluate.boxes`). `svc_segment.regions.NEAR` was set by this table: no real photo
had a say in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.evaluate.boxes import Rectangle, matches, overlaps
from models.synth.designs import draw
from svc_segment.regions import NEAR, find_regions

SHARES = (0.0, 0.01, NEAR, 0.03, 0.04, 0.06, 0.08, 0.1)
_SHAPE = (480, 360)
_LEAST_AMOUNT = 0.15
_LEAST_PX = 60
_TRIES = 4


@dataclass(frozen=True)
class Placed:
    """A picture's ink (H, W), and the box of each design in it."""

    ink: NDArray[np.bool_]
    boxes: tuple[Rectangle, ...]


def compose(seed: int) -> Placed:
    """One to five designs that do not touch; the same for the same seed."""
    rng = np.random.default_rng(seed)
    ink, boxes = np.zeros(_SHAPE, bool), []
    for _ in range(int(rng.choice([1, 2, 3, 4, 5], p=[0.58, 0.22, 0.1, 0.06, 0.04]))):
        design = next((d for d in (_one(rng) for _ in range(_TRIES)) if _fits(d, ink)), None)
        if design is not None:
            ink |= design
            x, y, width, height = cv2.boundingRect(design.astype(np.uint8))
            boxes.append((float(x), float(y), float(x + width), float(y + height)))
    return Placed(ink, tuple(boxes))


def _one(rng: np.random.Generator) -> NDArray[np.bool_]:
    height, width = _SHAPE
    side = int(height * np.exp(rng.uniform(np.log(0.16), np.log(1.2))))
    canvas = int(np.clip(side, 64, height))
    drawn = draw(rng, canvas, max(1.0, rng.uniform(0.008, 0.03) * canvas))
    amount = cv2.resize(drawn.amounts.sum(0), (side, side), interpolation=cv2.INTER_AREA)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(0, 360), 1.0)
    shift = rng.uniform(0.1, 0.9, 2) * np.array([width, height]) - side / 2
    turn = np.hstack([turn[:, :2], turn[:, 2:] + shift[:, None]])
    return np.asarray(cv2.warpAffine(amount, turn, (width, height)) > _LEAST_AMOUNT)


def _fits(design: NDArray[np.bool_], ink: NDArray[np.bool_]) -> bool:
    wide = cv2.dilate(design.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return int(design.sum()) >= _LEAST_PX and not bool((wide & ink).any())


def matched_share(pictures: Sequence[Placed], near: float) -> float:
    """Share of designs that a region's box meets, with parts joined up to `near` of the longer side."""
    right = 0
    for picture in pictures:
        _, regions, _ = find_regions(picture.ink.astype(np.float32), 0.5, near)
        found = [(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in (r.box for r in regions)]
        right += matches(overlaps(picture.boxes, found))
    return right / sum(len(picture.boxes) for picture in pictures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Regions beside generated designs, by joining distance.")
    parser.add_argument("--photos", type=int, default=400)
    composed = [compose(seed) for seed in range(parser.parse_args().photos)]
    print(f"{len(composed)} pictures, {sum(len(p.boxes) for p in composed)} designs")
    for share in SHARES:
        print(f"{share:.2f}  {matched_share(composed, share):.3f}{'  in use' if share == NEAR else ''}")
