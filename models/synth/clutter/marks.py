"""Marks in and on skin that are no ink: they darken the skin, in place, by log absorbance per channel."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from models.synth.arrays import Image, Points, Rng, blur, coverage, smooth_noise, strokes
from models.synth.designs import EMPTY, Library, blob, curve, draw, raster
from models.synth.geometry import Surface

Marks = dict[str, tuple[float, Callable[[Rng, Image, Surface, Library], None]]]


def in_skin(rng: Rng, linear: Image, surface: Surface, library: Library = EMPTY) -> tuple[str, ...]:
    """Marks in and on the skin that are no ink, laid over (H, W, 3) in place; call it before hair and glare."""
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
    """A henna stain: an orange-brown drawing that fades evenly; it lies in the horny layer, so it is no ink."""
    shape = _shape(linear)
    side = int(rng.uniform(0.3, 0.8) * max(shape))
    drawn = draw(rng, side, rng.uniform(1.2, 4), library).amounts.sum(0)
    left, top = (int(v) for v in rng.uniform(0, 1, 2) * (np.array(shape[::-1]) - side))
    amount = np.zeros(shape, np.float32)
    amount[top : top + side, left : left + side] = np.clip(drawn, 0, 1)
    _absorb(linear, amount * surface.where * np.float32(rng.uniform(0.4, 1.1)), (0.25, 0.8, 1.3))


def bruise(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """Patches of blue-violet, red-brown or yellow-green with no edge."""
    shape = _shape(linear)
    for _ in range(int(rng.integers(1, 4))):
        radius = rng.uniform(0.03, 0.18) * max(shape)
        soft = blur(
            coverage(shape, [blob(rng, rng.uniform(0, 1, 2) * shape[::-1], radius, 0.3)]), 0.35 * radius
        )
        soft *= 1 + 0.5 * smooth_noise(rng, shape, 0.5 * radius + 2, 3)
        tint = ((0.7, 0.9, 0.45), (0.3, 0.8, 0.6), (0.15, 0.3, 0.8))[int(rng.integers(3))]
        _absorb(linear, np.asarray(soft * rng.uniform(0.2, 0.9), np.float32), tint)


def moles(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """A cluster of moles or a large naevus, brown to nearly black, slightly irregular."""
    shape = _shape(linear)
    centre = rng.uniform(0.1, 0.9, 2) * shape[::-1]
    canvas = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(1, 14))):
        at = centre + rng.normal(0, 0.15, 2) * max(shape)
        radius = float(np.exp(rng.uniform(np.log(0.003), np.log(0.03)))) * max(shape)
        canvas = np.maximum(
            canvas, rng.uniform(0.4, 1.8) * coverage(shape, [blob(rng, at, radius, 0.15, 24)])
        )
    _absorb(linear, blur(canvas, rng.uniform(0.5, 1.5)), (0.45, 0.75, 1.0))


def veins(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """Blue-green branching lines below the skin, soft."""
    shape = _shape(linear)
    width = rng.uniform(0.15, 0.4) / surface.cm_per_px
    soft = blur(
        strokes(shape, _lines(rng, shape, int(rng.integers(1, 7)), 5), max(1.0, width)), max(1.0, 0.6 * width)
    )
    _absorb(linear, soft * np.float32(rng.uniform(0.05, 0.28)), (1.0, 0.55, 0.35))


def scratch(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """Scratches and scars: thin red or pale lines."""
    shape = _shape(linear)
    lines = _lines(rng, shape, int(rng.integers(1, 6)), 3)
    soft = blur(strokes(shape, lines, rng.uniform(1, 3)), rng.uniform(0.5, 3))
    tint = (0.35, 1.0, 0.9) if rng.random() < 0.7 else (-0.4, -0.45, -0.5)
    _absorb(linear, soft * np.float32(rng.uniform(0.05, 0.45)), tint)


def creases(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """Folds and wrinkles: thin dark lines in families, beside them light, as on knuckles, palms and wrists."""
    shape = _shape(linear)
    side = float(max(shape))
    for _ in range(int(rng.integers(1, 5))):
        first = curve(rng, 0, rng.uniform(0.08, 0.5) * side, 4) + rng.uniform(0, 0.8, 2) * side
        step = rng.normal(0, 0.02, 2) * side
        lines = [first + k * step + rng.normal(0, 0.004, 2) * side for k in range(int(rng.integers(1, 5)))]
        dark = blur(strokes(shape, lines, rng.uniform(1, 2.5)), rng.uniform(0.5, 1.8))
        light = np.roll(dark, (2, 2), (0, 1))
        amount = (dark - 0.4 * light) * np.float32(rng.uniform(0.15, 0.9))
        _absorb(linear, amount.astype(np.float32), (0.6, 1.0, 1.0))


def nails(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """Finger nails, bare or painted: smooth ovals with a rim and a gleam."""
    if surface.part not in ("hand", "foot", "finger"):
        return
    shape = _shape(linear)
    size = 0.55 / surface.cm_per_px
    if size < 2:
        return
    rows, cols = np.nonzero(
        cv2.morphologyEx(surface.where.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3)))
    )
    if not len(rows):
        return
    painted = rng.uniform(0.02, 0.8, 3).astype(np.float32) if rng.random() < 0.4 else None
    for k in rng.integers(0, len(rows), int(rng.integers(1, 6))):
        angle = float(rng.uniform(0, 180))
        oval = np.zeros(shape, np.uint8)
        axes = (max(1, round(size)), max(1, round(size * 0.75)))
        cv2.ellipse(oval, (int(cols[k]), int(rows[k])), axes, angle, 0, 360, 255, -1, cv2.LINE_AA)
        where = oval.astype(np.float32) / np.float32(255) * surface.where
        if painted is None:
            linear *= (1 + where * np.float32(0.25))[:, :, None]
            rim = np.clip(blur(where, 1.0) * (1 - where) * 3, 0, 1) * surface.where
            _absorb(linear, rim.astype(np.float32), (0.2, 0.35, 0.35))
        else:
            linear += where[:, :, None] * (painted - linear)


def shadow(rng: Rng, linear: Image, surface: Surface, library: Library) -> None:
    """The shadow of something outside the picture: a hand, a phone, leaves, a blind; hard or soft."""
    shape = _shape(linear)
    kind = rng.random()
    if kind < 0.5:
        parts = [
            blob(rng, rng.uniform(-0.2, 1.2, 2) * shape[::-1], rng.uniform(0.1, 0.5) * max(shape), 0.25)
            for _ in range(int(rng.integers(1, 4)))
        ]
        dark = np.max([coverage(shape, [p]) for p in parts], 0)
    elif kind < 0.75:
        dark = strokes(shape, _lines(rng, shape, int(rng.integers(1, 6)), 3), rng.uniform(3, 40))
    else:
        dark = (smooth_noise(rng, shape, rng.uniform(0.04, 0.2) * max(shape), 2) > 0.1).astype(np.float32)
    soft = blur(dark, float(np.exp(rng.uniform(np.log(0.8), np.log(15)))))
    linear *= (1 - rng.uniform(0.2, 0.75) * soft)[:, :, None]


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
    "pen": (0.05, pen),
    "stencil": (0.03, stencil),
    "henna": (0.015, henna),
    "bruise": (0.06, bruise),
    "moles": (0.12, moles),
    "veins": (0.2, veins),
    "scratch": (0.2, scratch),
    "creases": (0.35, creases),
    "nails": (0.7, nails),
    "shadow": (0.22, shadow),
    "tape mark": (0.03, plaster),
}
"""Each mark, how often it lies in a photo, and what lays it."""
