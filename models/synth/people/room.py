"""Rooms to stand in: floor, walls, things on them and boxes about, seen by the same camera as the person."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.people.render import Light
from models.synth.people.view import Camera

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Rng = np.random.Generator

_PATTERNS = ("plain", "plain", "tiles", "planks", "brick", "stripes", "mottled")


@dataclass(frozen=True)
class Face:
    """A wall or floor. pattern: one of `_PATTERNS`; colours: [2, 3] linear; size_mm of its units; pictures:
    [K, 4] left, low, right, high in mm on it and [K, 3] their colours."""

    pattern: str
    colours: Floats
    size_mm: float
    pictures: Floats
    tints: Floats


@dataclass(frozen=True)
class Room:
    """Five faces (floor, ceiling, left, right, front and back walls); low, high: corners, mm; boxes: [K, 6]
    corners of furniture and [K, 3] colours; clutter: seed of flat shapes instead of a room, or None."""

    low: Floats
    high: Floats
    faces: tuple[Face, ...]
    boxes: Floats
    tints: Floats
    clutter: int | None
    seed: int


def sampled(rng: Rng, camera: Camera) -> Room:
    """A room that holds the camera and leaves 0.8 m about the subject free of furniture."""
    reach = float(np.abs(camera.position[:2]).max()) + 500
    low = np.array([-1, -1, 0]) * np.array([*rng.uniform(1000, 5000, 2), 1])
    high = np.array([*rng.uniform(1000, 5000, 2), max(rng.uniform(2300, 4000), camera.position[2] + 300)])
    for axis in range(2):
        if camera.position[axis] > high[axis] - 200:
            high[axis] = reach
        if camera.position[axis] < low[axis] + 200:
            low[axis] = -reach
    faces = tuple(_face(rng, floor=number == 0) for number in range(6))
    boxes = _boxes(rng, camera, low, high)
    tints = _paint(rng, len(boxes))
    clutter = int(rng.integers(1 << 30)) if rng.random() < 0.2 else None
    return Room(low, high, faces, boxes, tints, clutter, int(rng.integers(1 << 30)))


def draw(room: Room, camera: Camera, light: Light) -> Singles:
    """The empty room, [H, W, 3] linear."""
    if room.clutter is not None:
        return _clutter(np.random.default_rng(room.clutter), camera)
    y, x = np.mgrid[0 : camera.height, 0 : camera.width] + np.float32(0.5)
    ahead = camera.back(np.stack([x, y], axis=-1), np.ones_like(x)) - camera.position
    rays: Singles = np.ascontiguousarray(ahead.reshape(-1, 3).T, np.float32)
    rays[np.abs(rays) < 1e-9] = 1e-9
    out = _walls(room, camera, rays, light)
    nearest = np.full(rays.shape[1], np.inf, np.float32)
    for box, tint in zip(room.boxes, room.tints, strict=True):
        _box(out, nearest, box, tint, camera, np.float32(1) / rays, light)
    picture = out.reshape(camera.height, camera.width, 3)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.6))


def _walls(room: Room, camera: Camera, rays: Singles, light: Light) -> Singles:
    """What rays [3, P] from the camera meet, [P, 3]."""
    ways = []
    for axis in range(3):
        ends = np.where(
            rays[axis] > 0, room.high[axis] - camera.position[axis], room.low[axis] - camera.position[axis]
        )
        ways.append(np.asarray(ends / rays[axis], np.float32))
    way = np.minimum(np.minimum(ways[0], ways[1]), ways[2])
    place = [camera.position[axis] + rays[axis] * way for axis in range(3)]
    out = np.zeros((rays.shape[1], 3), np.float32)
    for axis, (across, up) in enumerate(((1, 2), (0, 2), (0, 1))):
        for upper in (False, True):
            rows = np.flatnonzero((ways[axis] == way) & ((rays[axis] > 0) == upper))
            if not len(rows):
                continue
            number = {2: (0, 1), 0: (2, 3), 1: (4, 5)}[axis][upper]
            normal = np.zeros(3)
            normal[axis] = -1.0 if upper else 1.0
            colour = _painted(room.faces[number], place[across][rows], place[up][rows], room.seed + number)
            far = np.hypot(place[across][rows], place[up][rows])
            fading = np.clip(1.15 - far / 12000, 0.5, 1.2).astype(np.float32)
            out[rows] = colour * _lit(normal, light).astype(np.float32) * fading[:, None]
    return out


def _lit(normal: Floats, light: Light) -> Floats:
    return np.asarray(light.lamp * max(0.25, float(normal @ light.towards)) + light.ambient)


def _painted(face: Face, across: Singles, up: Singles, seed: int) -> Singles:
    """Colour of places on a face, [P, 3]."""
    u, v = np.float32(1 / face.size_mm) * across, np.float32(1 / face.size_mm) * up
    if face.pattern == "tiles":
        share = (np.minimum(u % 1, v % 1) < 0.03).astype(np.float32)
    elif face.pattern == "planks":
        row = np.floor(v * 4)
        share = _hash(row, np.floor(u * 0.5 + row * 0.37), seed) * 0.8 + ((v * 4) % 1 < 0.04) * 0.2
    elif face.pattern == "brick":
        row = np.floor(v * 3)
        share = (((v * 3) % 1 < 0.12) | ((u + 0.5 * (row % 2)) % 1 < 0.05)).astype(np.float32)
    elif face.pattern == "stripes":
        share = (u % 1 < 0.5).astype(np.float32)
    elif face.pattern == "mottled":
        share = _hash(np.floor(u * 20), np.floor(v * 20), seed)
    else:
        share = 0.1 * np.sin(u * 0.7 + seed % 97) + 0.1
    first, other = face.colours.astype(np.float32)
    colour = first + share.astype(np.float32)[:, None] * (other - first)
    for (left, low, right, high), tint in zip(face.pictures, face.tints, strict=True):
        rows = np.flatnonzero((across > left) & (across < right) & (up > low) & (up < high))
        x, y = across[rows], up[rows]
        edge = np.minimum(np.minimum(x - left, right - x), np.minimum(y - low, high - y))
        colour[rows] = np.where((edge < 30)[:, None], tint * 0.3, tint)
    return np.asarray(colour, np.float32)


def _hash(a: Singles, b: Singles, seed: int) -> Singles:
    """A number 0 to 1 for each pair of whole numbers."""
    mixed = (a.astype(np.int32) * 73_856_093) ^ (b.astype(np.int32) * 19_349_663) ^ np.int32(seed)
    mixed = (mixed ^ (mixed >> 13)) * 1_274_126_177
    return np.asarray((mixed >> 8) & 0xFFFF, np.float32) / np.float32(0xFFFF)


def _box(
    out: Singles, nearest: Singles, box: Floats, tint: Floats, camera: Camera, inverse: Singles, light: Light
) -> None:
    """Draws an upright box where it is nearer than what was drawn (slab method, Kay & Kajiya 1986)."""
    ends = []
    for axis in range(3):
        one, two = ((np.float32(box[axis + high] - camera.position[axis])) * inverse[axis] for high in (0, 3))
        ends.append((np.minimum(one, two), np.maximum(one, two)))
    way = np.maximum(np.maximum(ends[0][0], ends[1][0]), ends[2][0])
    far = np.minimum(np.minimum(ends[0][1], ends[1][1]), ends[2][1])
    hit = (way < far) & (way > 0) & (way < nearest)
    nearest[hit] = way[hit]
    for axis in range(3):
        side = hit & (ends[axis][0] == way)
        normal = np.zeros(3)
        normal[axis] = 1.0 if camera.position[axis] > box[3 + axis] else -1.0
        out[side] = tint * _lit(normal, light)


def _face(rng: Rng, *, floor: bool) -> Face:
    base = rng.uniform(0.05, 0.85) * np.clip(rng.normal(1, 0.12 if rng.random() < 0.7 else 0.5, 3), 0.1, 1.6)
    other = base * rng.uniform(0.3, 1.3) * rng.normal(1, 0.1, 3).clip(0.5, 1.5)
    count = 0 if floor else int(rng.integers(0, 7))
    corner = np.stack([rng.uniform(-4000, 4000, count), rng.uniform(-200, 1900, count)], axis=1)
    size = rng.uniform(150, 1800, (count, 2))
    return Face(
        pattern=str(rng.choice(_PATTERNS)),
        colours=np.clip(np.stack([base, other]), 0.005, 0.95),
        size_mm=float(rng.uniform(150, 1100)),
        pictures=np.concatenate([corner, corner + size], axis=1),
        tints=_paint(rng, count),
    )


def _paint(rng: Rng, count: int) -> Floats:
    """Colours of things, [count, 3]: mostly dull."""
    grey = rng.uniform(0.02, 0.9, (count, 1)) ** 1.5
    pull = rng.uniform(0, 1, (count, 1)) ** 2
    return np.asarray(grey + pull * (rng.uniform(0.01, 0.95, (count, 3)) ** 1.8 - grey))


def _boxes(rng: Rng, camera: Camera, low: Floats, high: Floats) -> Floats:
    """Furniture that stands behind or beside the subject, not before the camera."""
    found = []
    towards = camera.position[:2] / np.linalg.norm(camera.position[:2])
    for _ in range(int(rng.integers(0, 6))):
        middle = rng.uniform(low[:2], high[:2])
        half, tall = rng.uniform(80, 600, 2), rng.uniform(300, 2000)
        ahead, aside = float(middle @ towards), float(abs(middle @ [towards[1], -towards[0]]))
        if ahead < -900 - half.max() or (aside > 900 + half.max() and ahead < 400):
            found.append([*(middle - half), 0, *(middle + half), tall])
    return np.array(found).reshape(-1, 6)


def _clutter(rng: Rng, camera: Camera) -> Singles:
    """No room: coloured shapes of all sizes over a gradient, blurred here and there."""
    height, width = camera.height, camera.width
    ends = rng.uniform(0.02, 0.9, (2, 3)) ** 1.5
    ramp = np.linspace(0, 1, height)[:, None, None]
    out: Singles = np.ascontiguousarray(
        np.broadcast_to(ends[0] + ramp * (ends[1] - ends[0]), (height, width, 3)), np.float32
    )
    for _ in range(int(rng.integers(5, 60))):
        centre, size = rng.uniform(0, 1, 2) * [width, height], width * rng.uniform(0.02, 0.4)
        corners = centre + size * rng.normal(0, 0.6, (int(rng.integers(3, 7)), 2))
        colour = (rng.uniform(0.01, 0.95, 3) ** 1.8).tolist()
        hull = cv2.convexHull((corners * 16).astype(np.int32))
        cv2.fillConvexPoly(out, hull, colour, cv2.LINE_8, 4)
        if rng.random() < 0.1:
            out = np.asarray(cv2.GaussianBlur(out, (0, 0), width / 120), np.float32)
    return np.asarray(cv2.GaussianBlur(out, (0, 0), rng.uniform(0.5, width / 100)), np.float32)
