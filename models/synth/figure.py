"""Draws a generated person: shaded tubes round the joints, a clothed trunk, a face, on a wall and a floor.

Edges are anti-aliased from exact distances, so that a motion of a tenth of a pixel moves the picture by that
much. Meant for front views; what is nearer to the camera is drawn later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX

Floats = NDArray[np.float64]
Picture = NDArray[np.float32]
Colour = tuple[int, int, int]
Joint = Callable[[str], Floats]

LIGHT = (-0.35, -0.45, 0.82)
WHITE, IRIS, LIPS = (245, 245, 245), (40, 30, 25), (165, 80, 80)
TOES_BELOW_MM = 22
# Share of the thigh that the shorts cover, and of the upper arm that the sleeve covers.
SHORTS, SLEEVE = 0.6, 0.5
# Half widths of the trunk at equal steps from shoulders to hips, as shares of the half distance between
# the shoulder points.
TRUNK = (0.72, 1.12, 1.14, 1.06, 0.98, 0.92, 0.9, 0.93, 0.98)


@dataclass(frozen=True)
class Look:
    """Colours of a person and a room, sRGB."""

    skin: Colour = (206, 160, 130)
    shirt: Colour = (60, 95, 150)
    shorts: Colour = (45, 45, 52)
    hair: Colour = (55, 38, 28)
    wall: Colour = (205, 200, 190)
    floor: Colour = (120, 98, 78)


def room(width: int, height: int, horizon_px: float, look: Look, seed: int = 0) -> Picture:
    """An empty room as [height, width, 3] float32, 0 to 255: wall above the horizon, floor below."""
    down = np.linspace(0, 1, height)[:, None, None]
    across = np.linspace(0, 1, width)[None, :, None]
    wall = np.array(look.wall) * (0.85 + 0.15 * (1 - down)) * (0.92 + 0.08 * across)
    floor = np.array(look.floor) * (0.8 + 0.25 * down) * np.ones_like(across)
    picture = np.where(down * height < horizon_px, wall, floor)
    grain = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    return (picture + 12 * cv2.GaussianBlur(grain, (0, 0), 2)[..., None]).astype(np.float32)


def draw(picture: Picture, points_px: Floats, px_per_mm: float, look: Look) -> None:
    """Draws one person into `picture`. points_px: [33, 2] as `mesh.landmarks` orders them."""
    brush = Brush(picture, px_per_mm)

    def at(name: str) -> Floats:
        return np.asarray(points_px[INDEX[name]], np.float64)

    for side in ("left", "right"):
        _leg(brush, at, side, look)
    shoulders = at("left_shoulder"), at("right_shoulder")
    hips = at("left_hip"), at("right_hip")
    brush.trunk(*shoulders, *hips, look.shirt)
    _pelvis(brush, *hips, look)
    for side in ("left", "right"):
        _arm(brush, at, side, look)
    _head(brush, (shoulders[0] + shoulders[1]) / 2, (at("left_ear") + at("right_ear")) / 2, look)


class Brush:
    """Draws shaded shapes into a picture. Lengths of shapes are mm, positions are px."""

    def __init__(self, picture: Picture, px_per_mm: float) -> None:
        self._picture = picture
        self.px_per_mm = px_per_mm

    def tube(
        self, start: Floats, end: Floats, start_mm: float, end_mm: float, colour: Colour, depth: float = 0.5
    ) -> None:
        """A tube with round ends whose radius goes from start_mm to end_mm; depth: share of shading."""
        begin_px, end_px = start_mm * self.px_per_mm, end_mm * self.px_per_mm
        reach = max(begin_px, end_px) + 2
        grid = self._grid(np.minimum(start, end) - reach, np.maximum(start, end) + reach)
        if grid is None:
            return
        x, y = grid[2:]
        along = end - start
        share = np.clip(
            ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(float(along @ along), 1e-6), 0, 1
        )
        radius = begin_px + (end_px - begin_px) * share
        off_x, off_y = x - (start[0] + share * along[0]), y - (start[1] + share * along[1])
        distance = np.hypot(off_x, off_y)
        self._blend(grid, radius - distance, off_x / radius, off_y / radius, colour, depth)

    def ellipse(
        self, centre: Floats, half_mm: tuple[float, float], colour: Colour, depth: float = 0.4
    ) -> None:
        """An upright ellipsoid."""
        half = np.array(half_mm) * self.px_per_mm
        grid = self._grid(centre - half - 2, centre + half + 2)
        if grid is None:
            return
        across, down = (grid[2] - centre[0]) / half[0], (grid[3] - centre[1]) / half[1]
        inside = (1 - np.hypot(across, down)) * half.min()
        self._blend(grid, inside, across, down, colour, depth)

    def trunk(
        self, left_top: Floats, right_top: Floats, left_low: Floats, right_low: Floats, colour: Colour
    ) -> None:
        """The trunk between shoulders and hips, its outline after TRUNK."""
        top, low = (left_top + right_top) / 2, (left_low + right_low) / 2
        half = float(np.linalg.norm(left_top - right_top)) / 2
        axis = low - top
        length = max(float(np.linalg.norm(axis)), 1e-6)
        axis = axis / length
        corners = np.array([left_top, right_top, left_low, right_low])
        grid = self._grid(corners.min(0) - half, corners.max(0) + half)
        if grid is None:
            return
        x, y = grid[2] - top[0], grid[3] - top[1]
        down = x * axis[0] + y * axis[1]
        across = x * axis[1] - y * axis[0]
        steps = np.linspace(-0.18, 1.05, len(TRUNK)) * length
        width = half * np.interp(down, steps, TRUNK)
        inside = np.minimum(width - np.abs(across), np.minimum(down - steps[0], steps[-1] - down))
        self._blend(grid, inside, across / width, np.zeros_like(across), colour, 0.45)

    def _grid(self, low: Floats, high: Floats) -> tuple[slice, slice, Floats, Floats] | None:
        height, width = self._picture.shape[:2]
        x0, y0 = np.maximum(np.floor(low).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(high).astype(int) + 1, (width, height))
        if x1 <= x0 or y1 <= y0:
            return None
        x, y = np.meshgrid(np.arange(x0, x1, dtype=np.float64), np.arange(y0, y1, dtype=np.float64))
        return slice(y0, y1), slice(x0, x1), x, y

    def _blend(
        self,
        grid: tuple[slice, slice, Floats, Floats],
        inside_px: Floats,
        normal_x: Floats,
        normal_y: Floats,
        colour: Colour,
        depth: float,
    ) -> None:
        """Lays a Lambert-shaded colour over the picture where inside_px is positive."""
        cover = np.clip(inside_px + 0.5, 0, 1)[..., None]
        normal_z = np.sqrt(np.clip(1 - normal_x**2 - normal_y**2, 0, 1))
        light = np.clip(LIGHT[0] * normal_x + LIGHT[1] * normal_y + LIGHT[2] * normal_z, 0, 1)
        shaded = np.array(colour) * (1 - depth + 1.15 * depth * light)[..., None]
        part = self._picture[grid[0], grid[1]]
        part += (cover * (shaded - part)).astype(np.float32)


def _leg(brush: Brush, at: Joint, side: str, look: Look) -> None:
    hip, knee, ankle = at(f"{side}_hip"), at(f"{side}_knee"), at(f"{side}_ankle")
    # A camera at hip height looks down on a foot: its toes are lower in the picture than its heel.
    toe = at(f"{side}_foot_index") + np.array([0, TOES_BELOW_MM * brush.px_per_mm])
    heel = at(f"{side}_heel")
    brush.tube(heel, ankle, 30, 36, look.skin)
    brush.tube(knee, ankle, 53, 36, look.skin)
    calf = knee + 0.3 * (ankle - knee)
    brush.tube(knee + 0.15 * (ankle - knee), calf, 54, 54, look.skin, 0.45)
    brush.tube(hip, knee, 85, 55, look.skin)
    brush.tube(ankle, toe, 37, 40, look.skin)
    across = np.array([14 * brush.px_per_mm, 0])
    brush.tube(toe - across, toe + across, 30, 30, look.skin, 0.45)
    brush.tube(hip, hip + SHORTS * (knee - hip), 96, 88, look.shorts)


def _pelvis(brush: Brush, left: Floats, right: Floats, look: Look) -> None:
    brush.tube(left, right, 98, 98, look.shorts, 0.35)


def _arm(brush: Brush, at: Joint, side: str, look: Look) -> None:
    shoulder, elbow, wrist = at(f"{side}_shoulder"), at(f"{side}_elbow"), at(f"{side}_wrist")
    finger = (at(f"{side}_index") + at(f"{side}_pinky")) / 2
    brush.tube(elbow, wrist, 42, 28, look.skin)
    brush.tube(wrist, finger, 30, 32, look.skin)
    brush.tube(finger, finger + 0.7 * (finger - wrist), 26, 14, look.skin)
    brush.tube(shoulder, elbow, 54, 43, look.skin)
    brush.tube(shoulder, shoulder + SLEEVE * (elbow - shoulder), 64, 58, look.shirt)


def _head(brush: Brush, neck: Floats, ears: Floats, look: Look) -> None:
    """A face that looks at the camera: its axis goes from the neck to the middle between the ears."""
    up = (ears - neck) / max(float(np.linalg.norm(ears - neck)), 1e-6)
    right = np.array([-up[1], up[0]])

    def place(across_mm: float, above_mm: float) -> Floats:
        return np.asarray(ears + brush.px_per_mm * (across_mm * right + above_mm * up))

    brush.tube(neck + 0.1 * (ears - neck), ears, 54, 50, look.skin)
    brush.ellipse(place(0, 28), (82, 112), look.hair)
    brush.ellipse(place(0, 0), (74, 104), look.skin)
    for sign in (-1, 1):
        brush.ellipse(place(sign * 76, 0), (12, 26), look.skin)
        brush.ellipse(place(sign * 28, 14), (14, 8), WHITE, 0.1)
        brush.ellipse(place(sign * 28, 14), (7, 8), IRIS, 0.1)
        brush.ellipse(place(sign * 28, 34), (18, 4), look.hair, 0.1)
    brush.tube(place(0, 8), place(0, -20), 7, 11, look.skin, 0.6)
    brush.ellipse(place(0, -50), (26, 7), LIPS, 0.2)
    brush.ellipse(place(0, 76), (70, 36), look.hair, 0.3)
