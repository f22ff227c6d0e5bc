"""BlazePose's landmark network: crops in, landmarks of the upright picture out.

Contract (MediaPipe's pose_landmark graphs): input 256 x 256 RGB 0..1; outputs 39 x (x, y, z, visibility
logit, presence logit) in crop pixels, the probability that a person is there, and 39 x (x, y, z) in m about
the hips. The last six points are auxiliary: 33 is the middle of the hips, 34 lies on the body's circle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import POINTS
from svc_balance.pose.roi import Floats, Picture, Roi, apply, around, cut, reduced, to_picture

SIZE = 256
PRESENT = 0.5
"""Below this probability nobody is in the crop."""
_ALL = 39
_HIPS, _RIM = 33, 34

Crops = NDArray[np.float32]
Outputs = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
Run = Callable[[Crops], Outputs]
"""Crops (B, 256, 256, 3) to points (B, 195), probability of a person (B, 1), world points (B, 117)."""


@dataclass(frozen=True)
class Body:
    """Landmarks of one crop: px of the upright picture, shares 0..1, m; and the region they suggest."""

    probability: float
    image_px: Floats
    """(33, 2)"""
    visibility: Floats
    """(33,)"""
    presence: Floats
    """(33,)"""
    world_m: Floats
    """(33, 3)"""
    circle: Floats
    """(2, 2): middle of the hips and a point on the body's circle, px."""

    @property
    def present(self) -> bool:
        return self.probability >= PRESENT

    @property
    def roi(self) -> Roi:
        return around(self.circle[0], self.circle[1])


def crops(picture: Picture, regions: Sequence[Roi], size: int = SIZE) -> Crops:
    """A network's view of the regions, (len(regions), size, size, 3) in 0..1."""
    batch = np.empty((len(regions), size, size, 3), np.float32)
    part, moved = reduced(picture, regions, size)
    for place, region in zip(batch, moved, strict=True):
        np.multiply(cut(part, region, size), np.float32(1 / 255), out=place)
    return batch


def bodies(outputs: Outputs, regions: Sequence[Roi]) -> list[Body]:
    """What the network's outputs mean in the picture, one for each region."""
    points, probability, world = outputs
    return [
        _body(points[i].reshape(_ALL, 5), float(probability[i].ravel()[0]), world[i].reshape(_ALL, 3), region)
        for i, region in enumerate(regions)
    ]


def _body(points: NDArray[np.float32], probability: float, world: NDArray[np.float32], region: Roi) -> Body:
    placed = apply(to_picture(region, SIZE), points[:, :2].astype(np.float64))
    shares = 1 / (1 + np.exp(-np.clip(points[:POINTS, 3:5].astype(np.float64), -60, 60)))
    return Body(
        probability=probability,
        image_px=placed[:POINTS],
        visibility=shares[:, 0],
        presence=shares[:, 1],
        world_m=upright(world[:POINTS].astype(np.float64), region.rotation),
        circle=placed[[_HIPS, _RIM]],
    )


def upright(world: Floats, rotation: float) -> Floats:
    """World points (N, 3) from the crop's axes to the picture's: turned about the line of sight."""
    cosine, sine = np.cos(rotation), np.sin(rotation)
    turn = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    return np.asarray(world @ turn, np.float64)
