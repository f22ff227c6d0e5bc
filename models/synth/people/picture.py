"""One generated person in a square picture: what the pose student learns from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, NAMES
from models.synth.people import asset, body, dress, lens, moves, posture, render, room
from models.synth.people.body import Posed
from models.synth.people.render import Figure, Light
from models.synth.people.view import Camera, look_at

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Flags = NDArray[np.bool_]
Rng = np.random.Generator

# How far behind the surface a landmark lies at most, mm; deeper means that something else is in front.
_DEEP = {"hip": 240, "shoulder": 150, "knee": 95, "elbow": 80, "ankle": 75, "heel": 90, "foot_index": 60}
_DEEP |= {"wrist": 60, "ear": 45}
_DEEP_ELSE = 50
_ROOM = 1.25
"""Side of the picture over the diameter of the body's circle about the hips, as the pose stage cuts it."""


@dataclass(frozen=True)
class PersonImage:
    """A square picture cut round a person, and where the person's 33 landmarks are in it.

    rgb: [side, side, 3] uint8 sRGB. points_px: [33, 2] px as `mesh.landmarks` orders them, (0, 0) at the top
    left corner of the picture, pixel centres at halves; beyond the picture too. visible: [33], the point is
    in the picture and nothing but its own body part is in front of it. in_frame: [33], the point is in the
    picture. box: left, top, right, bottom of the whole body, px, clipped to the picture.
    """

    rgb: NDArray[np.uint8]
    points_px: Floats
    visible: Flags
    in_frame: Flags
    box: tuple[float, float, float, float]


def person(seed: int, side: int = 256) -> PersonImage:
    """One person, another for every seed; the same bytes for the same seed on the same NumPy and OpenCV.

    Raises FailedPrecondition (PEOPLE_NOT_BAKED).
    """
    rng = np.random.default_rng([seed, 1])
    shape = body.sampled(rng)
    posed = grounded(body.skin(shape, *posture.bones(shape, moves.sampled(rng))))
    look = dress.sampled(rng, shape)
    dressed = dress.dress(shape, look)
    camera = framed(rng, posed, side)
    light = sampled_light(rng, camera)
    figure = render.draw(shape, posed, dressed, look, camera, light)
    scene = room.draw(room.sampled(rng, camera), camera, light)
    dark = cv2.resize(render.shadow(posed, light, camera), (side, side)) * np.float32(rng.uniform(0.3, 0.7))
    picture = np.asarray(scene * (1 - dark)[..., None], np.float32)
    figure.onto(picture)
    hidden = _occlude(rng, picture) if rng.random() < 0.12 else np.zeros((side, side), np.bool_)
    brightness = float(figure.colour.sum() / max(float(figure.cover.sum()) * 3, 1.0))
    rgb = lens.develop(picture, lens.sampled(rng, 0.5 * brightness + 0.5 * float(scene.mean())), rng)
    points, depth = camera.project(posed.points)
    inside = np.asarray(((points >= 0) & (points < side)).all(axis=1))
    seen = visible(points, depth, figure, hidden)
    return PersonImage(rgb, points, np.asarray(seen & inside), inside, _box(figure, points, side))


def grounded(posed: Posed) -> Posed:
    """The body moved so that its lowest point is on the floor and its hips are over the origin."""
    move = -posed.points[[INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=0)
    move[2] = -float(posed.vertices[asset.load()["own"], 2].min())
    return Posed(posed.vertices + move.astype(np.float32), posed.normals, posed.points + move)


def framed(rng: Rng, posed: Posed, side: int) -> Camera:
    """A camera that cuts the picture about as the pose stage does: hips in the middle, body upright."""
    hips = posed.points[[INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=0)
    azimuth = rng.normal(0, 25) if rng.random() < 0.35 else rng.uniform(-180, 180)
    camera = look_at(
        hips,
        azimuth_deg=float(azimuth),
        distance_mm=float(rng.uniform(1800, 6500)),
        height_mm=float(rng.uniform(250, 2300) if rng.random() < 0.3 else rng.uniform(700, 1600)),
        focal_px=float(side),
        size=(side, side),
        levelled=float(rng.choice([0.0, 1.0, rng.uniform()])),
    )
    seen, _ = camera.project(posed.vertices[::7].astype(np.float64))
    points, _ = camera.project(posed.points)
    middle = points[[INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=0)
    radius = float(np.linalg.norm(seen - middle, axis=1).max())
    zoom = side / (2 * radius * _ROOM) * float(np.exp(rng.normal(0.04, 0.13)))
    up = points[[INDEX["left_shoulder"], INDEX["right_shoulder"]]].mean(axis=0) - middle
    roll = -np.degrees(np.arctan2(up[0], -up[1])) if rng.random() < 0.7 else 0.0
    roll += rng.normal(0, 7)
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    spin = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    moved = side / 2 + side * rng.normal(0, 0.03, 2)
    away = spin[:2, :2] @ (middle - camera.centre_px) * zoom
    return Camera(side, side, camera.focal_px * zoom, moved - away, camera.position, spin @ camera.turn)


def sampled_light(rng: Rng, camera: Camera) -> Light:
    """A lamp somewhere above, more often on the camera's side, and light from all around."""
    towards = rng.normal(0, 1, 3)
    if rng.random() < 0.7:
        towards[:2] += 1.2 * camera.position[:2] / np.linalg.norm(camera.position[:2])
    towards[2] = abs(towards[2]) + 0.4
    strength = rng.uniform(0.2, 1.1)
    tint = np.exp(rng.normal(0, 0.06, 3))
    ambient = np.full(3, rng.uniform(0.25, 0.8)) * np.exp(rng.normal(0, 0.04, 3))
    return Light(towards / np.linalg.norm(towards), strength * tint, ambient, int(rng.integers(1 << 30)))


def visible(points: Floats, depth: Floats, figure: Figure, hidden: Flags) -> Flags:
    """Whether nothing but its own part is in front of each landmark, [33]; False beyond the picture."""
    height, width = hidden.shape
    out = np.zeros(len(points), np.bool_)
    for row, name in enumerate(NAMES):
        x, y = points[row]
        if not (0 <= x < width and 0 <= y < height) or hidden[int(y), int(x)]:
            continue
        out[row] = depth[row] - figure.depth_at(x, y) < _DEEP.get(name.partition("_")[2], _DEEP_ELSE)
    return out


def _occlude(rng: Rng, picture: Singles) -> Flags:
    """Puts something flat in front of a part of the body; returns where."""
    side = picture.shape[0]
    mask = np.zeros((side, side), np.uint8)
    centre, half = rng.uniform(0.2, 0.8, 2) * side, side * rng.uniform(0.04, 0.16, 2)
    corners = centre + half * rng.uniform(0.5, 1, (6, 1)) * np.stack(
        [np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3)], axis=1
    )
    cv2.fillConvexPoly(mask, cv2.convexHull((corners * 16).astype(np.int32)), 255, cv2.LINE_8, 4)
    where = np.asarray(mask > 0)
    picture[where] = rng.uniform(0.01, 0.9, 3) ** 1.8
    return where


def _box(figure: Figure, points: Floats, side: int) -> tuple[float, float, float, float]:
    """The drawn body's box; the landmarks' where nothing of it is in the picture."""
    rows, columns = (np.flatnonzero((figure.cover > 0.5).any(axis=axis)) for axis in (1, 0))
    if len(rows) and len(columns):
        left, top = figure.left + columns, figure.top + rows
        return float(left[0]), float(top[0]), float(left[-1] + 1), float(top[-1] + 1)
    low, high = np.clip(points.min(axis=0), 0, side), np.clip(points.max(axis=0), 0, side)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
