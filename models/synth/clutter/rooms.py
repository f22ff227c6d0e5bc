"""What lies behind and beside the skin: rooms, streets, papers, screens, furniture, out of focus or sharp."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from models.synth.arrays import Image, Points, Rng, blur, coverage, smooth_noise
from models.synth.clutter import textures
from models.synth.clutter.textures import any_colour, texture
from models.synth.designs import EMPTY, Design, Library, blob

_DEFOCUS_PX = (0.0, 0.7, 1.5, 3.0, 6.0, 10.0)


def behind(
    rng: Rng, shape: tuple[int, int], library: Library = EMPTY, designs: tuple[Design, ...] = ()
) -> tuple[Image, tuple[str, ...]]:
    """What is seen beside and behind the skin, (H, W, 3) with its blur of depth, and its names.

    `designs`: what is tattooed in this photo; a sketch of it on paper may lie beside it.
    """
    defocus = float(rng.choice(_DEFOCUS_PX)) * max(shape) / 512
    scale = 2 if defocus >= 1.5 else 1  # what is out of focus needs no more
    out, names = _ground(rng, (-(-shape[0] // scale), -(-shape[1] // scale)), library)
    out = blur(out, defocus / scale)
    if scale > 1:
        out = np.asarray(cv2.resize(out, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    if rng.random() < 0.22:
        _lay_paper(rng, out, library, designs)
        names.append("paper")
    if rng.random() < 0.12:
        _stand(rng, out, _thing(rng, shape, library), _piece(rng, shape))
        names.append("thing")
    return out * np.float32(np.exp(rng.uniform(np.log(0.35), np.log(1.3)))), tuple(names)


def _ground(rng: Rng, shape: tuple[int, int], library: Library) -> tuple[Image, list[str]]:
    """A plain ground, or one of the kinds below with things before it."""
    if rng.random() < 0.16:  # as for a medical photo
        out = np.ones((*shape, 3), np.float32) * _plain(rng)
        ramp = 1 + rng.uniform(0, 0.2) * smooth_noise(rng, shape, 0.8 * max(shape), 2)
        out *= np.asarray(ramp, np.float32)[:, :, None]
        return out, ["plain ground"]
    kind = str(rng.choice(list(_GROUNDS), p=_SHARES))
    out = _GROUNDS[kind](rng, shape, library)
    for _ in range(int(rng.choice([0, 1, 2, 4, 7], p=[0.2, 0.25, 0.25, 0.2, 0.1]))):
        _stand(rng, out, _thing(rng, shape, library), _piece(rng, shape))
    return out, [kind]


def _plain(rng: Rng) -> Image:
    kind = rng.random()
    if kind < 0.5:
        return np.full(3, rng.uniform(0.5, 1.05), np.float32)
    if kind < 0.65:
        return np.full(3, rng.uniform(0.005, 0.05), np.float32)
    return np.asarray(any_colour(rng), np.float32)


def _street(rng: Rng, shape: tuple[int, int], library: Library) -> Image:
    """Walls, a floor below them, boxes with windows, signs: much fine structure at all depths."""
    out = textures.wall(rng, shape)
    line = int(rng.uniform(0.4, 0.8) * shape[0])
    out[line:] = textures.floor(rng, shape)[line:]
    for _ in range(int(rng.integers(2, 7))):
        _stand(rng, out, _windows(rng, shape), _piece(rng, shape))
    if rng.random() < 0.6:
        _stand(rng, out, textures.foliage(rng, shape), _piece(rng, shape))
    return out


def _windows(rng: Rng, shape: tuple[int, int]) -> Image:
    """A front with rows of openings."""
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    period = rng.uniform(0.03, 0.2) * max(shape)
    open_ = (np.mod(xx, period) > 0.35 * period) & (np.mod(yy, 1.3 * period) > 0.5 * period)
    out = np.ones((*shape, 3), np.float32) * any_colour(rng)
    out[open_] = any_colour(rng) * np.float32(rng.uniform(0.1, 1))
    return out


def _room(rng: Rng, shape: tuple[int, int], library: Library) -> Image:
    out = textures.wall(rng, shape)
    line = int(rng.uniform(0.2, 0.8) * shape[0])
    out[line:] = textures.floor(rng, shape)[line:]
    return out


def _studio(rng: Rng, shape: tuple[int, int], library: Library) -> Image:
    """Where tattoos are made and shown: chequered floor, furniture under film, somebody's trousers."""
    out = textures.floor(rng, shape, 0.85) if rng.random() < 0.7 else textures.wall(rng, shape)
    for _ in range(int(rng.integers(1, 5))):
        make = (textures.wrap, textures.trousers, textures.plastic)[int(rng.choice(3, p=[0.5, 0.35, 0.15]))]
        where = coverage(
            shape, [blob(rng, rng.uniform(0, 1, 2) * shape[::-1], rng.uniform(0.2, 0.6) * max(shape), 0.2)]
        )
        _stand(rng, out, make(rng, shape), where if rng.random() < 0.6 else _piece(rng, shape))
    return out


_GROUNDS: dict[str, Callable[[Rng, tuple[int, int], Library], Image]] = {
    "room": _room,
    "street": _street,
    "studio": _studio,
    "floor": lambda r, s, _: textures.floor(r, s),
    "wall": lambda r, s, _: textures.wall(r, s),
    "cloth": texture,
    "plastic": lambda r, s, _: textures.plastic(r, s),
    "shelves": lambda r, s, _: textures.shelves(r, s),
    "foliage": lambda r, s, _: textures.foliage(r, s),
}
_SHARES = (0.13, 0.08, 0.28, 0.1, 0.1, 0.14, 0.07, 0.05, 0.05)


def _thing(rng: Rng, shape: tuple[int, int], library: Library) -> Image:
    """A surface of any kind for one thing."""
    kind = rng.random()
    if kind < 0.35:
        return texture(rng, shape, library)
    if kind < 0.55:
        return np.ones((*shape, 3), np.float32) * any_colour(rng) * _gradient(rng, shape)
    if kind < 0.7:
        return textures.plastic(rng, shape)
    if kind < 0.8:
        return textures.shelves(rng, shape)
    if kind < 0.9:
        return _windows(rng, shape)
    return textures.foliage(rng, shape)


def _gradient(rng: Rng, shape: tuple[int, int]) -> Image:
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
    angle = rng.uniform(0, 6.3)
    ramp = 1 + rng.uniform(0, 1.2) * ((xx - 0.5) * np.cos(angle) + (yy - 0.5) * np.sin(angle))
    return np.asarray(np.clip(ramp, 0.1, 2)[:, :, None], np.float32)


def _stand(rng: Rng, out: Image, part: Image, where: Image) -> None:
    """Put a thing before the rest, in place, with a soft shadow around it."""
    shadow = blur(where, 0.02 * max(where.shape))
    out *= (1 - rng.uniform(0, 0.6) * shadow * (1 - where))[:, :, None]
    out += where[:, :, None] * (part - out)


def _piece(rng: Rng, shape: tuple[int, int]) -> Image:
    """The outline (H, W) 0..1 of a box, a bar, a ring or a lump."""
    size = max(shape)
    centre = rng.uniform(-0.1, 1.1, 2) * (shape[1], shape[0])
    kind = rng.random()
    if kind < 0.6:
        thin = 0.03 if kind < 0.2 else 0.3
        half = np.array([rng.uniform(0.05, 0.7), rng.uniform(0.01, thin)]) * size
        corners = _quad(rng, half)
        return coverage(shape, [corners + centre])
    contour = blob(rng, centre, rng.uniform(0.05, 0.4) * size, 0.2)
    if kind < 0.7:
        return coverage(shape, [contour, (contour - centre) * rng.uniform(0.6, 0.9) + centre])
    return coverage(shape, [contour])


def _quad(rng: Rng, half: Points) -> Points:
    """Corners (4, 2) of a turned rectangle in slight perspective."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    corners = corners * (1 + rng.normal(0, 0.08, (4, 1)))
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.4)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(corners @ turn, np.float64)


def _lay_paper(rng: Rng, out: Image, library: Library, designs: tuple[Design, ...]) -> None:
    """One or two sheets with drawings or writing, in perspective, in place."""
    height, width = out.shape[:2]
    for _ in range(int(rng.integers(1, 3))):
        side = int(rng.uniform(0.35, 0.9) * max(height, width))
        page = textures.sheet(rng, side, library, designs)
        half = np.array([0.5, rng.uniform(0.4, 0.7)]) * side
        centre = rng.uniform(0.0, 1.0, 2) * (width, height)
        corners = (_quad(rng, half) + centre).astype(np.float32)
        source = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
        matrix = cv2.getPerspectiveTransform(source, corners)
        laid = cv2.warpPerspective(page, matrix, (width, height), flags=cv2.INTER_AREA)
        where = coverage((height, width), [corners.astype(np.float64)])
        lit = (
            np.asarray(laid, np.float32) * _gradient(rng, (height, width)) * np.float32(rng.uniform(0.6, 1.1))
        )
        _stand(rng, out, blur(lit, float(rng.choice([0.0, 0.0, 0.8, 2.0]))), where)
