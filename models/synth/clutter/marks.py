"""Marks upon skin that are no ink: they darken the skin, in place, by log absorbance per channel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.synth.arrays import Image, Points, Rng, blur, coverage, smooth_noise, strokes
from models.synth.designs import EMPTY, Library, blob, curve, draw, raster
from models.synth.geometry import Surface

Marks = dict[str, tuple[float, Callable[[Rng, Image, Surface, Library], None]]]


def in_skin(rng: Rng, linear: Image, surface: Surface, library: Library = EMPTY) -> tuple[str, ...]:
    """Marks upon the skin that are no ink, laid over (H, W, 3) in place; call it before hair and glare."""
    names = []
    for name, (share, lay) in MARKS.items():
        if rng.random() < share:
            lay(rng, linear, surface, library)
            names.append(name)
    return tuple(names)


def _absorb(linear: Image, amount: Image, per_channel: tuple[float, float, float]) -> None:
    linear *= np.exp(-amount[:, :, None] * np.array(per_channel, np.float32))


def _shape(linear: Image) -> tuple[int, int]:
    return int(linear.shape[0]), int(linear.shape[1])


def _lines(rng: Rng, shape: tuple[int, int], count: int, knots: int) -> list[Points]:
    """Curves across about a third of the frame each."""
    side = float(max(shape))
    out = []
    for _ in range(count):
        reach = rng.uniform(0.1, 0.8) * side
        out.append(curve(rng, 0, reach, knots) + rng.uniform(-0.2, 1, 2) * (side - 0.5 * reach))
    return out


def pen(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """Ball pen or surgical marker: arrows, circles, lines, a number; violet, blue, black or green."""
    shape = _shape(linear)
    lines = _lines(rng, shape, int(rng.integers(1, 5)), 3)
    if rng.random() < 0.5:
        ring = blob(rng, rng.uniform(0.2, 0.8, 2) * shape[::-1], rng.uniform(0.04, 0.2) * max(shape), 0.06)
        lines.append(np.concatenate([ring, ring[:1]]))
    soft = blur(strokes(shape, lines, rng.uniform(1, 4)), rng.uniform(0.4, 1.5))
    dry = 0.8 + 0.4 * smooth_noise(rng, shape, 6, 2)
    inks = ((0.6, 1.0, 0.25), (0.9, 0.7, 0.2), (0.8, 0.8, 0.8), (0.9, 0.3, 0.7))
    _absorb(
        linear,
        soft * dry * np.float32(rng.uniform(0.3, 1.3)),
        inks[int(rng.choice(4, p=[0.5, 0.25, 0.15, 0.1]))],
    )


def stencil(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """The violet transfer of a design before it is tattooed: thin pale lines."""
    shape = _shape(linear)
    side = rng.uniform(0.2, 0.7) * max(shape)
    left, top = rng.uniform(0, 1, 2) * (np.array(shape[::-1]) - side)
    if library.motifs:
        motif = library.motifs[int(rng.integers(len(library.motifs)))]
        lines = raster.outlines(motif, (float(left), float(top), float(side)))
    else:
        lines = [blob(rng, np.array([left + side / 2, top + side / 2]), side / 2, 0.3)]
    soft = blur(raster.stroke(shape, lines, rng.uniform(1, 2.5)), rng.uniform(0.4, 1.2)) * surface.where
    _absorb(linear, soft * np.float32(rng.uniform(0.25, 0.7)), (0.7, 1.0, 0.2))


def henna(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """A henna stain: an orange-brown drawing, even in tone; it lies in the horny layer, so it is no ink."""
    shape = _shape(linear)
    side = int(rng.uniform(0.3, 0.8) * max(shape))
    drawn = draw(rng, side, rng.uniform(1.2, 4), library).amounts.sum(0)
    left, top = (int(v) for v in rng.uniform(0, 1, 2) * (np.array(shape[::-1]) - side))
    amount = np.zeros(shape, np.float32)
    amount[top : top + side, left : left + side] = np.clip(drawn, 0, 1)
    _absorb(linear, amount * surface.where * np.float32(rng.uniform(0.4, 1.1)), (0.25, 0.8, 1.3))


def plaster(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """Residue of tape and ointment: a pale or dull rectangle with soft edges."""
    shape = _shape(linear)
    half = rng.uniform(0.05, 0.25, 2) * max(shape)
    angle = rng.uniform(0, 3.2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = (
        np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half @ turn + rng.uniform(0, 1, 2) * shape[::-1]
    )
    soft = blur(coverage(shape, [corners]), rng.uniform(0.6, 4))
    _absorb(linear, soft * np.float32(rng.uniform(-0.15, 0.15)), (1.0, 1.0, 1.1))


MARKS: Marks = {
    "pen": (0.06, pen),
    "stencil": (0.04, stencil),
    "henna": (0.02, henna),
    "tape mark": (0.03, plaster),
}
"""Each mark, how often it lies in a photo, and what lays it. The skin's own are in models/synth/skin.py."""
