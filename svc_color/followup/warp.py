"""The map from an earlier photo to a new one: a homography, then a smooth polynomial for what bent since."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.space import Array

# Fixed-point steps of the inverse; the polynomial is small and slow, so each gains a digit or more.
_INVERSE_STEPS: Final = 6


@dataclass(frozen=True)
class Warp:
    """Earlier pixel coordinates (x, y) to new ones.

    homography: (3, 3). coefficients: (n, 2) of the polynomial terms, pixels of the new photo; no rows: none.
    centre, reach: (x, y) and half the size, pixels of the earlier photo, that the polynomial's -1 to 1 spans;
    outside of it the polynomial keeps its value at the border, so it never runs away.
    """

    homography: Array
    coefficients: Array
    centre: tuple[float, float]
    reach: float

    def forward(self, points: Array) -> Array:
        """New coordinates (n, 2) of earlier ones (n, 2)."""
        return project(self.homography, points) + self._bend(points)

    def inverse(self, points: Array) -> Array:
        """Earlier coordinates (n, 2) of new ones (n, 2)."""
        back = np.asarray(np.linalg.inv(self.homography), np.float64)
        found = project(back, points)
        for _ in range(_INVERSE_STEPS if len(self.coefficients) else 0):
            found = project(back, points - self._bend(found))
        return found

    def scaled(self, earlier: float, new: float) -> "Warp":
        """The same map between photos whose pixels are `earlier` and `new` times as many along a side.

        Pixel centres lie at whole numbers, so that a factor moves them by half a pixel.
        """
        into, out = _scaling(1 / earlier), _scaling(new)
        grown = (np.array(self.centre) + 0.5) * earlier - 0.5
        return Warp(
            out @ self.homography @ into,
            self.coefficients * new,
            (float(grown[0]), float(grown[1])),
            self.reach * earlier,
        )

    def _bend(self, points: Array) -> Array:
        if not len(self.coefficients):
            return np.zeros_like(points)
        return terms(points, self.centre, self.reach, len(self.coefficients)) @ self.coefficients


def project(homography: Array, points: Array) -> Array:
    """Points (n, 2) through a homography (3, 3)."""
    moved = points @ homography[:, :2].T + homography[:, 2]
    # A point on the line that goes to infinity is far away, not a division by zero.
    depth = np.where(np.abs(moved[:, 2:]) < 1e-9, 1e-9, moved[:, 2:])
    return np.asarray(moved[:, :2] / depth)


def terms(points: Array, centre: tuple[float, float], reach: float, count: int) -> Array:
    """The first `count` monomials (n, count) in x and y of total degree 0, 1, 2, 3; coordinates -1 to 1."""
    x, y = np.clip((points - centre) / reach, -1, 1).T
    columns = [x**power * y ** (degree - power) for degree in range(4) for power in range(degree + 1)]
    return np.stack(columns[:count], axis=1)


def resample(image: NDArray[np.float32], places: Array, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The image's values (*shape) or (*shape, channels) at places (n, 2), n = product of shape; 0 outside."""
    x, y = (places[:, axis].reshape(shape).astype(np.float32) for axis in (0, 1))
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)


def grid(shape: tuple[int, int]) -> Array:
    """Coordinates (x, y) of every pixel, row by row, (n, 2)."""
    rows, columns = np.indices(shape)
    return np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)


def _scaling(factor: float) -> Array:
    half = 0.5 * factor - 0.5
    return np.array([[factor, 0, half], [0, factor, half], [0, 0, 1]])
