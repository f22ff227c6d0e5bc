"""Hands and feet: fingers as tapered capsules, with the joints, palms and nails that skin-only marks lack.

Bare hands on a plain table are what a detector of ink is most easily wrong about: folds, dark knuckles,
deep gaps between fingers, painted nails.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Points, Rng, blur, coverage, strokes, wide_blur
from models.synth.geometry import Surface, from_height
from models.synth.skin import Complexion, fold

_COARSE = 2  # heights are smooth: they are computed at half size


@dataclass(frozen=True)
class Capsule:
    """A rounded cone between two points, in cm; y towards the fingertips, x towards the thumb."""

    start: tuple[float, float]
    end: tuple[float, float]
    radii: tuple[float, float]
    flatness: float = 1.0
    digit: bool = False


@dataclass(frozen=True)
class Extremity:
    """A hand or foot in the frame."""

    surface: Surface
    depth_cm: Image
    """(H, W) height towards the camera."""
    joints: tuple[tuple[Points, Points, float], ...]
    """Middle (2,) in pixels, direction of the finger (2,), its radius in pixels."""
    tips: tuple[tuple[Points, Points, float], ...]
    """The same for each fingertip."""
    palm: bool
    """The palm or sole is seen, not the back."""


# Root x, y, length, radius at the root, turn in degrees when spread: index to little finger, then the thumb.
_FINGERS = (
    (2.6, 9.0, 7.2, 0.95, 12.0),
    (0.7, 9.6, 8.0, 0.98, 2.0),
    (-1.2, 9.1, 7.4, 0.92, -9.0),
    (-3.0, 8.0, 5.8, 0.80, -20.0),
)
_THUMB = (3.0, 3.2, 6.6, 1.15, 48.0)
_TOES = (
    (2.9, 19.0, 4.4, 1.35, 4.0),
    (0.9, 19.4, 3.9, 0.85, 2.0),
    (-0.7, 18.8, 3.5, 0.80, -2.0),
    (-2.2, 18.0, 3.1, 0.78, -6.0),
    (-3.5, 16.8, 2.8, 0.82, -12.0),
)


def extremity(rng: Rng, shape: tuple[int, int]) -> Extremity:
    """A hand (seven in ten) or a foot, whole or cut by the frame, from its back or its palm."""
    foot = rng.random() < 0.3
    capsules, joints, tips = _foot(rng) if foot else _hand(rng)
    middle = np.array([0.0, 10.0 if foot else 7.0]) + rng.normal(0, 2.5, 2)
    cm_per_px = float(rng.uniform(13, 36) / max(shape))
    turn = rng.uniform(0, 6.3)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) / cm_per_px
    axes[:, 0] *= rng.choice([-1.0, 1.0])  # left or right
    place = np.array([shape[1] / 2, shape[0] / 2])

    def pixels(at: NDArray[np.float64]) -> Points:
        return np.asarray((at - middle) @ axes.T + place, np.float64)

    depth = _heights(capsules, shape, np.asarray(np.linalg.inv(axes), np.float64), middle, place)
    where = depth > 0
    if where.mean() < 0.02:
        where[shape[0] // 3 : 2 * shape[0] // 3] = True
    surface = from_height(depth, where, cm_per_px, "foot" if foot else "hand")

    def marks(
        points: list[tuple[NDArray[np.float64], NDArray[np.float64], float]],
    ) -> list[tuple[Points, Points, float]]:
        scale = 1 / cm_per_px
        return [
            (pixels(at), np.asarray(way @ axes.T * cm_per_px), radius * scale) for at, way, radius in points
        ]

    return Extremity(surface, depth, tuple(marks(joints)), tuple(marks(tips)), bool(rng.random() < 0.45))


_Marks = list[tuple[NDArray[np.float64], NDArray[np.float64], float]]


def _hand(rng: Rng) -> tuple[list[Capsule], _Marks, _Marks]:
    spread, curl = rng.uniform(0.1, 1.5), rng.uniform(0.55, 1.0)
    capsules = [Capsule((0, -16), (0, -1), (rng.uniform(3.2, 4.4), 2.7), 0.75)]
    capsules += [
        Capsule((x * 0.55, 0.5), (x * 0.92, y - 0.6), (1.9, 1.35), 0.8)
        for x, y, *_ in (*_FINGERS, _FINGERS[0])
    ]
    capsules.append(Capsule((1.6, 1.5), (3.1, 4.2), (1.9, 1.3), 0.9))
    joints: _Marks = []
    tips: _Marks = []
    for x, y, length, radius, angle in (*_FINGERS, _THUMB):
        thumb = angle > 40
        turn = np.radians(angle * (0.7 + 0.4 * spread if thumb else spread) + rng.normal(0, 2.5))
        bent = 1.0 if thumb else curl * rng.uniform(0.85, 1.0)
        _digit(np.array([x, y]), turn, length * bent, radius * rng.uniform(0.9, 1.1), capsules, joints, tips)
    return capsules, joints, tips


def _foot(rng: Rng) -> tuple[list[Capsule], _Marks, _Marks]:
    ankle = rng.uniform(3.0, 3.8)
    capsules = [
        Capsule((0, -14), (0, 2), (ankle + 1.0, ankle), 1.1),
        Capsule((0, 2), (0.3, 12), (ankle, 3.4), 0.9),
        Capsule((0.2, 10), (1.8, 18), (3.2, 2.2), 0.65),
        Capsule((0.0, 9), (-2.2, 16), (3.0, 1.9), 0.6),
    ]
    joints: _Marks = []
    tips: _Marks = []
    for x, y, length, radius, angle in _TOES:
        turn = np.radians(angle + rng.normal(0, 2.5))
        _digit(np.array([x, y]), turn, length, radius * rng.uniform(0.9, 1.1), capsules, joints, tips)
    return capsules, joints, tips


def _digit(
    root: NDArray[np.float64], turn: float, length: float, radius: float,
    capsules: list[Capsule], joints: _Marks, tips: _Marks,
) -> None:  # fmt: skip
    """Add one finger or toe that leaves its root at `turn` (0 straight up, positive to the thumb)."""
    way = np.array([np.sin(turn), np.cos(turn)])
    cuts = [0.0, 0.46, 0.76, 1.0]
    for k in range(3):
        a, b = (
            root + way * length * cuts[k],
            root + way * (length * cuts[k + 1] - (0.6 * radius if k == 2 else 0)),
        )
        wide = [radius * (1 - 0.22 * cuts[k + j]) for j in (0, 1)]
        capsules.append(Capsule((a[0], a[1]), (b[0], b[1]), (wide[0] * 1.04, wide[1] * 0.97), 1.0, True))
        joints.append((a, way, wide[0]))
    tips.append((root + way * (length - 0.75 * radius), way, radius * 0.78))


def _heights(
    capsules: list[Capsule], shape: tuple[int, int], to_cm: NDArray[np.float64],
    middle: NDArray[np.float64], place: NDArray[np.float64],
) -> Image:  # fmt: skip
    """Upper envelope (H, W) in cm of the capsules; below 0 outside."""
    height, width = shape[0] // _COARSE, shape[1] // _COARSE
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) * np.float32(_COARSE)
    grid = np.stack([xx - np.float32(place[0]), yy - np.float32(place[1])], -1) @ to_cm.T.astype(np.float32)
    grid += middle.astype(np.float32)
    envelopes = []
    for group, sharpness in ((False, 2.6), (True, 9.0)):
        total = np.zeros((height, width), np.float32)
        for c in capsules:
            if c.digit is group:
                total += np.exp(np.float32(sharpness) * np.maximum(_height(c, grid), -5))
        envelopes.append(np.log(np.maximum(total, 1e-12)) / np.float32(sharpness))
    joined = np.float32(5.0)  # webs between the fingers are rounded
    out = np.logaddexp(joined * envelopes[0], joined * envelopes[1]) / joined
    full = np.asarray(cv2.resize(out, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
    return blur(full, 1.2)


def _height(c: Capsule, grid: Image) -> Image:
    """Height (H, W) in cm of one capsule at places (H, W, 2); outside, minus the distance to it."""
    a, b = np.array(c.start, np.float32), np.array(c.end, np.float32)
    along = b - a
    t = np.clip((grid - a) @ along / np.float32(along @ along), 0, 1)
    off = grid - a - t[:, :, None] * along
    squared = np.einsum("ijk,ijk->ij", off, off)
    radius = c.radii[0] + t * np.float32(c.radii[1] - c.radii[0])
    inside = radius * radius - squared
    dome = c.flatness * np.sqrt(np.maximum(inside, 0))
    return np.asarray(np.where(inside > 0, dome, radius - np.sqrt(squared)), np.float32)


def mark(rng: Rng, skin: Complexion, what: Extremity) -> None:
    """Knuckles, finger joints, tendons or the palm's lines, in place."""
    if what.palm:
        pale = np.log(0.013)
        skin.log_melanin[:] += 0.8 * (pale - skin.log_melanin) * (skin.log_melanin > pale)
        skin.log_blood[:] += rng.uniform(0.2, 0.8)
    lines: list[Points] = []
    dark = np.zeros(skin.shape, np.float32)
    for at, way, radius in what.joints:
        side = np.array([-way[1], way[0]])
        for _ in range(int(rng.integers(1, 3) if what.palm else rng.integers(2, 6))):
            t = np.linspace(-1, 1, 7)[:, None]
            shift = way * radius * rng.normal(0, 0.12 if what.palm else 0.3)
            bow = way * radius * rng.normal(0, 0.15) * (1 - t * t)
            lines.append(at + shift + side * t * radius * rng.uniform(0.4, 0.95) + bow)
        cv2.circle(dark, (int(at[0]), int(at[1])), max(1, int(0.7 * radius)), 1.0, -1)
    fold(rng, skin, lines)
    if not what.palm:
        skin.log_melanin[:] += rng.uniform(0.0, 0.45) * wide_blur(dark, 0.3 * skin.px_per_cm)
        skin.log_blood[:] += rng.uniform(0.0, 0.5) * wide_blur(dark, 0.4 * skin.px_per_cm)


def nails(rng: Rng, lit: Image, what: Extremity, light: Image) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Paint nails over lit skin (H, W, 3) in place: where they hide the skin, and their name."""
    shape = (int(lit.shape[0]), int(lit.shape[1]))
    if what.palm or not what.tips:
        return np.zeros(shape, bool), ()
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = []
    for at, way, radius in what.tips:
        side = np.array([-way[1], way[0]])
        x, y = np.cos(angle), np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.7
        outline.append(at + (side * x[:, None] * 0.62 + way * y[:, None] * rng.uniform(0.7, 1.0)) * radius)
    drawn = blur(coverage(shape, outline), 0.7)[:, :, None]
    if rng.random() < 0.2:
        varnish = rng.uniform(0.005, 0.8, 3) ** rng.uniform(1, 2.5)
        lit += drawn * (varnish.astype(np.float32) * light - lit)
        name: tuple[str, ...] = ("nail varnish",)
    else:
        lit *= 1 + drawn * (np.array([1.22, 1.15, 1.2], np.float32) * np.float32(rng.uniform(0.9, 1.1)) - 1)
        name = ()
    rim = strokes(shape, outline, 1, closed=True)
    lit *= (1 - rng.uniform(0.1, 0.5) * blur(rim, 0.7))[:, :, None]
    lit += (0.25 * rng.random() * drawn[:, :, 0] * light.mean(2) ** 3)[:, :, None]
    return (drawn[:, :, 0] > 0.5) & bool(name), name
