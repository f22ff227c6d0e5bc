"""A small library of our own for tests of what is drawn: no network, no cache."""

from __future__ import annotations

import numpy as np

from models.synth.library import Alphabet, Library, Motif, Views


def star(points: int = 5) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 2 * points, endpoint=False)
    radius = np.where(np.arange(2 * points) % 2, 0.2, 0.5)
    return np.asarray(0.5 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))


def square(low: float, high: float, turned: bool = False) -> np.ndarray:
    corners = np.array([[low, low], [high, low], [high, high], [low, high]])
    return np.asarray(corners[::-1] if turned else corners)


def library(bodies: bool = False) -> Library:
    ring = Motif(((square(0.1, 0.9), square(0.3, 0.7, turned=True)),), (), "test")
    cross = Motif(
        (), ((np.array([[0.1, 0.5], [0.9, 0.5]]), 0.1), (np.array([[0.5, 0.1], [0.5, 0.9]]), 0.1)), "test"
    )
    letters = {"o": (square(0.0, 0.5), square(0.1, 0.4, turned=True)), "i": (square(0.0, 0.1),)}
    alphabet = Alphabet(letters, {"o": 0.6, "i": 0.2}, ("oio", "io"), "test")
    return Library((Motif(((star(),),), (), "test"), ring, cross), (alphabet,), ball() if bodies else None)


def ball(side: int = 256, radius_cm: float = 5.0) -> Views:
    """One view of a sphere that fills most of its frame."""
    cm_per_px = 2.2 * radius_cm / side
    y, x = (np.indices((side, side)) + 0.5 - side / 2) * cm_per_px
    inside = x * x + y * y < radius_cm**2
    height = np.where(inside, np.sqrt(np.maximum(radius_cm**2 - x * x - y * y, 0)), -1000.0)
    normal = np.where(inside[..., None], np.stack([x, y], -1) / radius_cm * 127, 0)
    return Views(
        height[None].astype(np.float16),
        normal[None].round().astype(np.int8),
        np.array([cm_per_px], np.float32),
        ("ball",),
    )
