"""A pinhole camera in the room: where it stands, what it sees.

World: mm, x to the subject's right, y forward, z up, the floor at z = 0. Picture: px, x right, y down, (0, 0)
at the top left corner, pixel centres at halves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """width, height: px. focal_px. centre_px: [2], principal point. position: [3], mm. turn: [3, 3], rows are
    the picture's right, down and away in the world."""

    width: int
    height: int
    focal_px: float
    centre_px: Floats
    position: Floats
    turn: Floats

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Points [..., 3] mm to pixels [..., 2] and depth [...] along the axis, mm."""
        seen = (points - self.position) @ self.turn.T
        depth = seen[..., 2]
        return self.focal_px * seen[..., :2] / depth[..., None] + self.centre_px, depth

    def back(self, pixels: Floats, depth: Floats) -> Floats:
        """Pixels [..., 2] at a depth [...] to points [..., 3]: the inverse of `project`."""
        flat = (pixels - self.centre_px) / self.focal_px * depth[..., None]
        return np.asarray(np.concatenate([flat, depth[..., None]], axis=-1) @ self.turn + self.position)

    def scaled(self, factor: float) -> Camera:
        """The same view in a picture `factor` times as large."""
        return Camera(
            round(self.width * factor),
            round(self.height * factor),
            self.focal_px * factor,
            self.centre_px * factor,
            self.position,
            self.turn,
        )


def look_at(
    target: Floats,
    *,
    azimuth_deg: float,
    distance_mm: float,
    height_mm: float,
    focal_px: float,
    size: tuple[int, int],
    roll_deg: float = 0.0,
    levelled: float = 0.0,
) -> Camera:
    """A camera at `height_mm` above the floor that sees `target` at the middle of its picture.

    azimuth_deg: 0 in front of the subject, 90 on the subject's right. size: width, height. roll_deg: the
    picture's content turns clockwise. levelled: 0 the axis goes through the target, 1 the axis is level and
    the picture a part of a larger one (a shifted principal point).
    """
    azimuth = np.radians(azimuth_deg)
    out = np.array([np.sin(azimuth), np.cos(azimuth), 0.0])
    position = target + distance_mm * out
    position[2] = height_mm
    away = target - position
    away[2] *= 1 - levelled
    away = away / np.linalg.norm(away)
    right = np.cross(away, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    down = np.cross(away, right)
    cos, sin = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    turn = np.stack([cos * right - sin * down, sin * right + cos * down, away])
    middle = np.array(size, np.float64) / 2
    straight = Camera(size[0], size[1], focal_px, np.zeros(2), position, turn)
    offset, _ = straight.project(target)
    return Camera(size[0], size[1], focal_px, middle - offset, position, turn)
