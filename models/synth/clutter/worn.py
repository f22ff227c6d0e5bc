"""What lies upon the skin and hides it: clothes, straps, jewellery, gloves, hands, tools, hair."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Points, Rng, blur, coverage, smooth_noise, strokes
from models.synth.clutter import textures
from models.synth.clutter.textures import any_colour, texture
from models.synth.designs import EMPTY, Library, blob, curve
from models.synth.geometry import Surface

Mask = NDArray[np.bool_]
Covers = dict[str, tuple[float, Callable[[Rng, Image, Surface, Library], Image]]]


def before(
    rng: Rng, linear: Image, surface: Surface, seen: Mask, library: Library = EMPTY
) -> tuple[Mask, tuple[str, ...]]:
    """Clothes, straps, jewellery, gloves over the scene (H, W, 3), in place: the skin still seen, names."""
    still, names = seen.copy(), []
    for name, (share, lay) in COVERS.items():
        if rng.random() < share:
            where = lay(rng, linear, surface, library)
            still &= where < 0.5
            names.append(name)
    return still, tuple(names)


def _shape(linear: Image) -> tuple[int, int]:
    return int(linear.shape[0]), int(linear.shape[1])


def _over(rng: Rng, linear: Image, where: Image, part: Image) -> Image:
    """Lay a thing with its contact shadow, in place; returns where it is."""
    shadow = np.clip(blur(where, rng.uniform(2, 7)) * (1 - where) * 2, 0, 1)
    linear *= (1 - rng.uniform(0.2, 0.6) * shadow)[:, :, None]
    linear += where[:, :, None] * (part - linear)
    return where


def _axis(surface: Surface) -> tuple[Points, Points]:
    """Middle of the skin and the direction of its length, x and y in pixels."""
    rows, cols = np.nonzero(surface.where[::4, ::4])
    xy = np.stack([cols, rows], 1) * 4.0
    middle = xy.mean(0)
    _, vectors = np.linalg.eigh(np.cov((xy - middle).T) + 1e-6 * np.eye(2))
    return middle, np.asarray(vectors[:, 1], np.float64)


def _along(rng: Rng, surface: Surface) -> Image:
    """Signed distance in pixels from a random place along the limb, (H, W), slightly askew and bowed."""
    middle, axis = _axis(surface)
    height, width = surface.where.shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = rng.normal(0, 0.15)
    direction = axis @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    along = (xx - middle[0]) * direction[0] + (yy - middle[1]) * direction[1]
    reach = np.percentile(np.abs(along[surface.where]), 95) if surface.where.any() else max(height, width) / 2
    bow = rng.normal(0, 0.4) / surface.cm_per_px * (1 - surface.normal[:, :, 2])
    return np.asarray(along + bow - rng.uniform(-0.9, 0.9) * reach, np.float32)


def _roundness(surface: Surface) -> Image:
    """Shade (H, W, 1) of what is wrapped around the skin."""
    return (0.45 + 0.6 * surface.normal[:, :, 2:3]).astype(np.float32)


def cloth(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """A garment from one side of the frame: sleeve, waistband, shirt; plain or printed, with a hem."""
    shape = _shape(linear)
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
    angle = rng.uniform(0, 6.3)
    u = (xx - 0.5) * np.cos(angle) + (yy - 0.5) * np.sin(angle)
    edge = rng.uniform(0.12, 0.45) + 0.08 * smooth_noise(rng, shape, 0.3 * max(shape), 2)
    where = np.asarray(np.clip((u - edge) * max(shape) * 0.5, 0, 1), np.float32)
    part = texture(rng, shape, library) * np.float32(rng.uniform(0.3, 1.2))
    hem = rng.uniform(0.005, 0.03)
    seam = (np.abs(u - edge - hem) < 0.003).astype(np.float32)
    part *= (1 - 0.5 * blur(seam, 0.7))[:, :, None]
    if rng.random() < 0.25:
        hemmed = (u - edge < hem).astype(np.float32)[:, :, None]
        part += hemmed * (any_colour(rng) - part)
    return _over(rng, linear, where, part)


def lace(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """A net or lace over the skin: regular holes through which skin is seen."""
    shape = _shape(linear)
    along = _along(rng, surface)
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    period, angle = rng.uniform(5, 26), rng.uniform(0, 1.6)
    u = (xx * np.cos(angle) + yy * np.sin(angle)) / period
    v = (yy * np.cos(angle) - xx * np.sin(angle)) / period
    holes = np.sin(2 * np.pi * u) * np.sin(2 * np.pi * v) + 0.4 * smooth_noise(rng, shape, 3 * period)
    net = (
        np.clip((rng.uniform(0.0, 0.35) - holes) * 4, 0, 1)
        if rng.random() < 0.6
        else np.clip(
            (np.maximum(np.cos(2 * np.pi * u), np.cos(2 * np.pi * v)) - rng.uniform(0.75, 0.93)) * 12, 0, 1
        )
    )
    where = (net * np.clip(along * 0.5, 0, 1)).astype(np.float32)
    return _over(rng, linear, where, np.ones_like(linear) * any_colour(rng) * _roundness(surface))


def strap(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """A watch, a band, a bra strap, an elastic bandage: around the limb, some with a dial or a buckle."""
    along = _along(rng, surface)
    half = rng.uniform(0.15, 1.6) / surface.cm_per_px / 2 + 1
    where = np.clip(half - np.abs(along) + 0.5, 0, 1).astype(np.float32)
    near = blur(surface.where.astype(np.float32), 3.0) > 0.25  # it stands a little off the skin
    where *= near
    part = np.ones_like(linear) * any_colour(rng) * _roundness(surface)
    if rng.random() < 0.4:
        links = (np.mod(surface.uv_cm[:, :, 0], 0.6) < 0.12).astype(np.float32)
        part *= (1 - 0.6 * links)[:, :, None]
    part *= (1 + 0.1 * smooth_noise(rng, _shape(linear), 3, 1))[:, :, None]
    _over(rng, linear, where, part)
    rows, cols = np.nonzero(where > 0.5)
    if len(rows) and rng.random() < 0.35:
        k = int(rng.integers(len(rows)))
        centre = np.array([cols[k], rows[k]], np.float64)
        dial = coverage(_shape(linear), [blob(rng, centre, max(2.0, 1.5 * half), 0.02)])
        inner = coverage(_shape(linear), [blob(rng, centre, max(1.0, 1.1 * half), 0.02)])
        _over(rng, linear, dial, np.ones_like(linear) * any_colour(rng))
        _over(rng, linear, inner, np.ones_like(linear) * any_colour(rng))
        where = np.maximum(where, dial)
    return where


def chain(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """Jewellery: a string of links or beads of metal, glass or wood along a curve; a pendant."""
    shape = _shape(linear)
    path = curve(rng, -0.1 * max(shape), 1.1 * max(shape), 4)
    width = max(1.5, rng.uniform(0.08, 0.7) / surface.cm_per_px)
    if rng.random() < 0.3:
        where = strokes(shape, [path], width)
    else:
        length = np.cumsum(np.r_[0, np.linalg.norm(np.diff(path, axis=0), axis=1)])
        places = np.arange(0, length[-1], width * rng.uniform(1.0, 1.6))[:250]
        beads = np.stack([np.interp(places, length, path[:, k]) for k in (0, 1)], 1)
        where = coverage(shape, [blob(rng, b, width / 2, 0.05, 10) for b in beads])
    gleam = 1 + rng.uniform(0.3, 1.2) * smooth_noise(rng, shape, max(3.0, width / 2), 2)
    metal = (any_colour(rng) + np.float32(0.05)) * gleam[:, :, None]
    return _over(rng, linear, where, np.clip(metal, 0.005, 1.3).astype(np.float32))


def ring(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """A finger ring or piercing: a short bright bar or a ball."""
    shape = _shape(linear)
    rows, cols = np.nonzero(surface.where)
    k = int(rng.integers(len(rows)))
    centre, radius = np.array([cols[k], rows[k]], np.float64), rng.uniform(0.15, 0.7) / surface.cm_per_px
    angle = rng.uniform(0, 3.2)
    half = np.array([np.cos(angle), np.sin(angle)]) * radius
    where = strokes(shape, [np.stack([centre - half, centre + half])], max(1.0, 0.35 * radius))
    if rng.random() < 0.4:
        where = np.maximum(where, coverage(shape, [blob(rng, centre, 0.4 * radius + 1, 0.1, 16)]))
    metal = np.array([0.8, 0.75, rng.uniform(0.3, 0.8)], np.float32) * np.float32(rng.uniform(0.2, 1.2))
    gleam = 1 + 0.8 * smooth_noise(rng, shape, 4, 2)
    return _over(rng, linear, where, (metal * gleam[:, :, None]).astype(np.float32))


def glove(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """Fingers in a glove that hold or wipe: black, blue, violet, white nitrile with folds."""
    shape = _shape(linear)
    colours = ((0.01, 0.01, 0.012), (0.05, 0.12, 0.5), (0.25, 0.2, 0.6), (0.75, 0.75, 0.78), (0.1, 0.5, 0.5))
    colour = np.array(colours[int(rng.integers(5))], np.float32)
    start = rng.uniform(-0.1, 1.1, 2) * shape[::-1]
    toward = np.arctan2(shape[0] / 2 - start[1], shape[1] / 2 - start[0]) + rng.normal(0, 0.4)
    width, where = rng.uniform(0.04, 0.13) * max(shape), np.zeros(shape, np.float32)
    for k in range(int(rng.integers(1, 5))):
        angle = toward + 0.25 * (k - 1)
        base = start + (k - 1.5) * 0.9 * width * np.array([-np.sin(toward), np.cos(toward)])
        tip = base + np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.15, 0.45) * max(shape)
        where = np.maximum(where, strokes(shape, [np.stack([base, tip])], width))
    inside = blur(where, 0.3 * width)
    fold = 1 + 0.5 * smooth_noise(rng, shape, 0.4 * width + 3, 3)
    gleam = np.clip(smooth_noise(rng, shape, 0.4 * width + 3, 2) - 0.4, 0, 1) * rng.uniform(0, 0.8)
    part = colour * (inside * fold * 1.2)[:, :, None] + gleam[:, :, None].astype(np.float32)
    return _over(rng, linear, where, np.asarray(part, np.float32))


def tool(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """A ruler, a colour card, a coin, a tattoo machine, a bottle, tissue: beside or upon the skin."""
    shape = _shape(linear)
    centre = rng.uniform(0, 1, 2) * shape[::-1]
    if rng.random() < 0.3:
        where = coverage(
            shape, [blob(rng, centre, rng.uniform(0.02, 0.1) * max(shape), rng.choice([0.0, 0.35]))]
        )
        part = np.ones_like(linear) * any_colour(rng)
    else:
        half = np.array([rng.uniform(0.1, 0.5), rng.uniform(0.02, 0.1)]) * max(shape)
        angle = rng.uniform(0, 3.2)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        where = coverage(shape, [np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half @ turn + centre])
        part = np.ones_like(linear) * any_colour(rng)
        yy, xx = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
        u = (xx - centre[0]) * turn[0, 0] + (yy - centre[1]) * turn[0, 1]
        if rng.random() < 0.5:  # graduation
            part[np.mod(u, rng.uniform(4, 14)) < 1.2] = any_colour(rng)
        else:  # patches of a colour card
            cell = 2 * half[0] / 6
            chips = rng.uniform(0.02, 0.9, (8, 3)).astype(np.float32)
            part = chips[np.floor(u / cell).astype(int) % 8]
    part = part * (1 + 0.1 * smooth_noise(rng, shape, 30, 2))[:, :, None]
    return _over(rng, linear, where, np.asarray(part, np.float32))


def hair(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """Long strands of head hair over the skin."""
    shape = _shape(linear)
    path = curve(rng, -0.2 * max(shape), 1.2 * max(shape), 4)
    spread = rng.uniform(0.005, 0.05) * max(shape)
    lines = [
        path + rng.normal(0, spread, 2) + np.outer(np.linspace(0, 1, len(path)), rng.normal(0, spread, 2))
        for _ in range(int(rng.integers(3, 60)))
    ]
    where = strokes(shape, lines, 1)
    colour = np.array([0.05, 0.03, 0.015], np.float32) * np.float32(np.exp(rng.uniform(-1.5, 2.3)))
    gleam = 1 + 0.5 * smooth_noise(rng, shape, 20, 2)
    linear += (where * 0.8)[:, :, None] * (colour * gleam[:, :, None] - linear)
    return where * np.float32(0.8)


def dressing(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """A plaster or gauze: a rounded patch, skin-coloured, white or printed."""
    shape = _shape(linear)
    half = np.array([rng.uniform(1.0, 4.0), rng.uniform(0.8, 2.0)]) / surface.cm_per_px / 2
    angle = rng.uniform(0, 3.2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = (
        np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half @ turn + rng.uniform(0, 1, 2) * shape[::-1]
    )
    where = (blur(coverage(shape, [corners]), 0.15 * float(half[1]) + 0.5) > 0.5).astype(np.float32)
    if rng.random() < 0.6:
        ground = np.array([0.62, 0.38, 0.24], np.float32) * np.float32(rng.uniform(0.4, 1.3))
        part = np.ones_like(linear) * ground * (1 + 0.08 * smooth_noise(rng, shape, 4))[:, :, None]
    else:
        part = texture(rng, shape, library)
    return _over(rng, linear, blur(where, 0.7), np.asarray(part, np.float32))


def wrapped(rng: Rng, linear: Image, surface: Surface, library: Library) -> Image:
    """Furniture, towel, plastic or paper in front of a part of the limb."""
    shape = _shape(linear)
    centre = rng.choice([0.0, 1.0], 2) * shape[::-1] + rng.normal(0, 0.1, 2) * max(shape)
    where = coverage(shape, [blob(rng, centre, rng.uniform(0.15, 0.4) * max(shape), 0.2)])
    part = textures.plastic(rng, shape) if rng.random() < 0.5 else texture(rng, shape, library)
    return _over(rng, linear, blur(where, rng.choice([0.5, 2.0])), part)


COVERS: Covers = {
    "hair strands": (0.05, hair),
    "cloth": (0.38, cloth),
    "lace": (0.03, lace),
    "strap": (0.14, strap),
    "jewellery": (0.10, chain),
    "ring": (0.05, ring),
    "dressing": (0.03, dressing),
    "thing before": (0.08, wrapped),
    "glove": (0.07, glove),
    "tool": (0.07, tool),
}
"""Each cover, how often it lies in a photo, and what lays it."""
