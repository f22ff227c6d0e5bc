"""Draws a dressed, posed body over a picture, in linear light, with exact cover of the pixels' parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.people import asset
from models.synth.people.body import Body, Posed
from models.synth.people.dress import BOTTOM, SKIN, TOP, TRESS, Dressed, Look
from models.synth.people.fields import BODY, HEAD, LEFT_ARM, RIGHT_ARM, TIGHTS
from models.synth.people.raster import Cover, rasterise
from models.synth.people.view import Camera

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

FINE = 2
"""Samples across a pixel."""
_NOISE = 256
_GRAINS = 16


@dataclass(frozen=True)
class Light:
    """towards: [3], unit, to the lamp. lamp, ambient: [3], linear. grain: seed of cloth and skin texture."""

    towards: Floats
    lamp: Floats
    ambient: Floats
    grain: int = 0


@dataclass(frozen=True)
class Figure:
    """A drawn body within its window of the picture, whose corner is at left, top. colour: [h, w, 3] linear,
    already multiplied by cover; cover: [h, w] 0 to 1; depth: [FINE h, FINE w] mm, infinite where the body is
    not."""

    left: int
    top: int
    colour: Singles
    cover: Singles
    depth: Singles

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture."""
        height, width = self.cover.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def onto(self, picture: Singles) -> None:
        """Lays the body over a picture [H, W, 3] in place."""
        part = picture[self.window]
        part *= 1 - self.cover[..., None]
        part += self.colour

    def depth_at(self, x: float, y: float) -> float:
        """Depth of the surface seen at a point of the picture, mm; infinite where there is none."""
        column, row = int((x - self.left) * FINE), int((y - self.top) * FINE)
        height, width = self.depth.shape
        return float(self.depth[row, column]) if 0 <= row < height and 0 <= column < width else np.inf


def draw(shape: Body, posed: Posed, dressed: Dressed, look: Look, camera: Camera, light: Light) -> Figure:
    """Rasterises at FINE x FINE samples a pixel within the body's box and averages them."""
    vertices = posed.vertices + dressed.lift[:, None] * posed.normals
    xy, depth = (array.astype(np.float32) for array in camera.project(vertices.astype(np.float64)))
    # Only vertices that are drawn count: the mesh has others that stand off.
    drawn = xy[dressed.triangles[:, 0]]
    size = np.array([camera.width, camera.height])
    low = np.clip(np.floor(drawn.min(axis=0)).astype(int) - 8, 0, size - 1)
    high = np.clip(np.ceil(drawn.max(axis=0)).astype(int) + 8, low + 1, size)
    width, height = (int(FINE * side) for side in high - low)
    cover = rasterise((xy - low.astype(np.float32)) * FINE, depth, dressed.triangles, width, height)
    corners = dressed.triangles[cover.triangles]
    samples = np.zeros((height * width, 4), np.float32)
    attributes = np.concatenate([dressed.skin, _shade(posed, light), shape.vertices, depth[:, None]], axis=1)
    mixed = cover.weights[:, :1] * attributes[corners[:, 0]]
    for corner in (1, 2):
        mixed += cover.weights[:, corner, None] * attributes[corners[:, corner]]
    kinds = dressed.kinds[cover.triangles]
    colour = _albedo(kinds, mixed[:, :3], mixed[:, 6:9], look) * mixed[:, 3:6]
    colour *= _texture(kinds, mixed[:, 6:9], light.grain)[:, None]
    samples[cover.pixels, :3] = colour
    samples[cover.pixels, 3] = 1
    small = (width // FINE, height // FINE)
    shrunk = cv2.resize(samples.reshape(height, width, 4), small, interpolation=cv2.INTER_AREA)
    seen: Singles = np.asarray(shrunk, np.float32)
    return Figure(
        int(low[0]), int(low[1]), seen[..., :3], seen[..., 3], _depth(cover, mixed[:, 9], width, height)
    )


def _depth(cover: Cover, values: Singles, width: int, height: int) -> Singles:
    out = np.full(width * height, np.inf, np.float32)
    out[cover.pixels] = values
    return out.reshape(height, width)


def _shade(posed: Posed, light: Light) -> Singles:
    """Light that falls on every vertex, [V, 3]: a lamp (softened Lambert) and a brighter sky than floor."""
    normals = posed.normals
    lamp = np.clip((normals @ light.towards.astype(np.float32) + 0.25) / 1.25, 0, None)
    sky = 0.7 + 0.3 * normals[:, 2]
    return np.asarray(lamp[:, None] * light.lamp + sky[:, None] * light.ambient, np.float32)


def _albedo(kinds: NDArray[np.uint8], skin: Singles, rest: Singles, look: Look) -> Singles:
    colour = look.palette.astype(np.float32)[kinds]
    bare = kinds == SKIN
    colour[bare] = skin[bare]
    if look.pattern_colour is None:
        return colour
    for kind, pattern in ((TOP, look.patterns[0]), (BOTTOM, look.patterns[1])):
        if pattern:
            rows = np.flatnonzero(kinds == kind)
            printed = _pattern(pattern, rest[rows], look.pattern_mm)
            colour[rows[printed]] = look.pattern_colour
    return colour


def _pattern(name: str, rest: Singles, size_mm: float) -> NDArray[np.bool_]:
    """Where a pattern prints, by the place on the body at rest, [P]."""
    across, up = rest[:, 0] + 0.5 * rest[:, 1], rest[:, 2]
    stripes, bars = (across / size_mm) % 1 < 0.4, (up / size_mm) % 1 < 0.4
    if name == "checks":
        return np.asarray(stripes ^ bars)
    if name == "dots":
        return np.asarray(((across / size_mm) % 1 - 0.5) ** 2 + ((up / size_mm) % 1 - 0.5) ** 2 < 0.06)
    if name == "print":
        near = np.hypot(rest[:, 0], up - np.median(up)) if len(up) else up
        return np.asarray((near < 1.2 * size_mm) & (rest[:, 1] > 0))
    return np.asarray(stripes if name == "stripes" else bars)


def _texture(kinds: NDArray[np.uint8], rest: Singles, seed: int) -> Singles:
    """Folds of cloth, strands of hair and unevenness of skin, factors around 1, [P]."""
    noise = _grain(seed % _GRAINS)

    def at(u_mm: Singles, v_mm: Singles, scale: float) -> Singles:
        u = (u_mm / scale).astype(np.int32) % _NOISE
        v = (v_mm / scale).astype(np.int32) % _NOISE
        return np.asarray(noise[v, u], np.float32)

    up: Singles = rest[:, 2]
    side: Singles = rest[:, 0] + np.float32(0.7) * rest[:, 1]
    folds = at(side + np.float32(0.5) * up, up - np.float32(0.3) * side, 2.0)
    strands = at(side * np.float32(4), up * np.float32(0.6), 2.0)
    strength = np.where(kinds == SKIN, 0.05, np.where(kinds == TRESS, 0.0, 0.16))
    out = 1 + strength * folds + np.where(kinds == TRESS, 0.3, 0.0) * strands
    return np.asarray(np.clip(out, 0.3, 1.7), np.float32)


@cache
def _casting() -> NDArray[np.int64]:
    """Faces that the shadow is made of: the tights, and some of what they leave bare."""
    held = asset.load()
    group = held["group"][held["quads"][:, 0]]
    bare = (held["parts"] == BODY) & ((group == HEAD) | (group == LEFT_ARM) | (group == RIGHT_ARM))
    rows = np.concatenate([np.flatnonzero(held["parts"] == TIGHTS), np.flatnonzero(bare)[::4]])
    return np.asarray(held["quads"][rows], np.int64)


@lru_cache(maxsize=_GRAINS)
def _grain(seed: int) -> Singles:
    """A noise tile that wraps round, standard deviation 1."""
    rng = np.random.default_rng(seed)
    white = np.fft.rfft2(rng.standard_normal((_NOISE, _NOISE)))
    fy, fx = np.fft.fftfreq(_NOISE)[:, None], np.fft.rfftfreq(_NOISE)[None]
    tile = np.fft.irfft2(white / (0.01 + np.hypot(fx, fy)) ** 1.3)
    return np.asarray((tile - tile.mean()) / tile.std(), np.float32)


def shadow(posed: Posed, light: Light, camera: Camera) -> Singles:
    """How much of the lamp the body takes from the floor, [H, W] 0 to 1, at half the picture's size."""
    small = camera.scaled(0.5)
    out = np.zeros((small.height, small.width), np.uint8)
    if light.towards[2] < 0.15:
        return np.asarray(out, np.float32)
    quads = _casting()
    flat = posed.vertices - posed.vertices[:, 2:] * np.asarray(light.towards / light.towards[2], np.float32)
    xy, depth = small.project(flat.astype(np.float64))
    near = depth[quads].min(axis=1) > 100
    shapes = np.clip(xy[quads[near]] * 16, -1e6, 1e6).astype(np.int32)
    for corners in shapes:
        cv2.fillConvexPoly(out, corners, 255, cv2.LINE_8, 4)
    soft = cv2.GaussianBlur(out, (0, 0), max(1.2, small.width / 80))
    return np.asarray(soft, np.float32) / np.float32(255)
