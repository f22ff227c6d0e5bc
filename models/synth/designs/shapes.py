"""Random curves and closed shapes that designs and clutter are drawn from."""

from __future__ import annotations

import numpy as np

from models.synth.arrays import Points, Rng


def blob(rng: Rng, centre: Points, radius: float, rough: float, points: int = 72) -> Points:
    """A closed contour (points, 2) around `centre` whose radius wanders by the share `rough`."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    r = np.ones(points)
    for k in range(2, 7):
        r += rough / k * 2 * rng.normal() * np.cos(k * angle + rng.uniform(0, 6.3))
    r = np.clip(r, 0.3, 1.8) * radius
    return np.asarray(centre + np.stack([np.cos(angle), np.sin(angle)], 1) * r[:, None], np.float64)


def curve(rng: Rng, low: float, high: float, knots: int) -> Points:
    """A smooth open curve (N, 2) through `knots` random points of the square low..high."""
    return smooth(rng.uniform(low, high, (knots + 2, 2)))


def smooth(p: Points) -> Points:
    """The Catmull-Rom curve (N, 2) through the inner points of (K, 2); the outer two only steer it."""
    t = np.linspace(0, 1, 14)[:, None]
    parts = [
        0.5
        * (
            2 * p[i]
            + (p[i + 1] - p[i - 1]) * t
            + (2 * p[i - 1] - 5 * p[i] + 4 * p[i + 1] - p[i + 2]) * t**2
            + (3 * p[i] - p[i - 1] - 3 * p[i + 1] + p[i + 2]) * t**3
        )
        for i in range(1, len(p) - 2)
    ]
    return np.concatenate(parts) if parts else p[:2]


def ribbon(spine: Points, width: Points) -> Points:
    """The closed contour (2N, 2) of a band around a line (N, 2) whose half widths are (N,) pixels."""
    tangent = np.gradient(spine, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
    side = normal * width[:, None]
    return np.concatenate([spine + side, (spine - side)[::-1]])
