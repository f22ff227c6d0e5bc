"""The map from an earlier photo to a new one: a homography, then a smooth polynomial for what bent since."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.space import Array

# Fixed-point steps of the inverse; the polynomial is small and slow, so each gains a digit or more.
_INVERSE_STEPS: Final = 6
# Pixels between the places where a map of a whole picture is evaluated.
_NODES: Final = 4

Places = NDArray[np.float32]
T = TypeVar("T", np.uint8, np.float32)


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


def everywhere(
    function: Callable[[Array], Array], shape: tuple[int, int], pixel: tuple[float, float] = (1.0, 1.0)
) -> Places:
    """What a smooth map makes of every pixel of a picture (H, W): coordinates (x, y), (H, W, 2).

    The map is evaluated at every fourth pixel and interpolated between, which moves a homography and a bend
    of two photos by some hundredths of a pixel. pixel: size of the picture's pixels in those of the map.
    """
    nodes = [np.arange(0, size + _NODES, _NODES, dtype=np.float64) for size in shape]
    rows, columns = np.meshgrid(*nodes, indexing="ij")
    at = (np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5) * np.array(pixel) - 0.5
    values = function(at).reshape(*rows.shape, 2)
    for axis, size in enumerate(shape):
        place = np.arange(size) / _NODES
        before = place.astype(np.intp)
        part = (place - before).reshape([-1 if each == axis else 1 for each in range(3)])
        values = values.take(before, axis) * (1 - part) + values.take(before + 1, axis) * part
    return np.asarray(values, np.float32)


def resample(image: NDArray[T], places: Places, *, nearest: bool = False, outside: int = 0) -> NDArray[T]:
    """The image's values at places (H, W, 2), `outside` where they lie beyond its edge; its own type."""
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    fill = (outside, outside, outside)
    found = cv2.remap(image, x, y, how, borderMode=cv2.BORDER_CONSTANT, borderValue=fill)
    return np.asarray(found, image.dtype)


def _scaling(factor: float) -> Array:
    half = 0.5 * factor - 0.5
    return np.array([[factor, 0, half], [0, factor, half], [0, 0, 1]])
