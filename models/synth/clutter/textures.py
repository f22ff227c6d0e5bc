"""Surfaces of things that are not skin, in linear sRGB: cloth, tiles, stripes, print, plastic, plain wall."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Rng, smooth_noise
from models.synth.designs import EMPTY, Design, Library, draw, raster
from models.synth.skin import skin_colour


def texture(rng: Rng, shape: tuple[int, int], library: Library = EMPTY) -> Image:
    """A surface (H, W, 3): cloth, tiles, stripes, print, foliage, wood, plastic, plain wall."""
    base = any_colour(rng)
    other = any_colour(rng)
    mix = _pattern(rng, shape, library)[:, :, None]
    out = base * (1 - mix) + other * mix
    folds = 1 + rng.uniform(0.05, 0.5) * smooth_noise(rng, shape, rng.uniform(20, 200), 3)
    grain = 1 + rng.uniform(0, 0.12) * rng.standard_normal(shape, np.float32)
    return np.asarray(np.clip(out * (folds * grain)[:, :, None], 0.001, 1.2), np.float32)


def any_colour(rng: Rng) -> NDArray[np.float32]:
    kind = rng.random()
    if kind < 0.45:  # black, grey and white things are the commonest
        return np.full(3, rng.uniform(0.005, 0.9) ** rng.uniform(1, 2.5), np.float32)
    if kind < 0.58:  # skin-like: wood, cardboard, another person
        return np.asarray(skin_colour(rng.uniform(-50, 60)) * rng.uniform(0.4, 1.3), np.float32)
    vivid = rng.uniform(0.01, 0.9, 3) ** rng.uniform(1, 2)
    return np.asarray(vivid.mean() + rng.uniform(0.1, 1) ** 1.5 * (vivid - vivid.mean()), np.float32)


def _pattern(rng: Rng, shape: tuple[int, int], library: Library) -> Image:
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, period = rng.uniform(0, 3.2), rng.uniform(6, 90)
    u = (xx * np.cos(angle) + yy * np.sin(angle)) / period
    v = (yy * np.cos(angle) - xx * np.sin(angle)) / period * rng.uniform(0.5, 2)
    kind = int(rng.integers(7))
    if kind == 0:
        return np.asarray(
            np.clip(0.5 + 0.8 * smooth_noise(rng, shape, rng.uniform(20, 250), 4), 0, 1), np.float32
        )
    if kind == 1:
        return np.asarray(((np.floor(u) + np.floor(v)) % 2), np.float32)
    if kind == 2:
        return np.asarray((np.abs(u - np.floor(u)) < rng.uniform(0.1, 0.6)), np.float32)
    if kind == 3:
        return np.asarray(
            (np.minimum(u - np.floor(u), v - np.floor(v)) < rng.uniform(0.05, 0.15)), np.float32
        )
    if kind == 4 and library.motifs:  # printed motifs: what a tattoo looks like, on cloth or paper
        return _print(rng, shape, library)
    if kind == 5:
        field = smooth_noise(rng, shape, rng.uniform(10, 60), 3)
        return np.asarray(np.clip(field * rng.uniform(3, 12), 0, 1), np.float32)
    return np.zeros(shape, np.float32)


def _print(rng: Rng, shape: tuple[int, int], library: Library) -> Image:
    out = np.zeros(shape, np.float32)
    for _ in range(rng.integers(1, 6)):
        side = float(rng.uniform(0.1, 0.5) * max(shape))
        left, top = (float(x) for x in rng.uniform(-0.1, 0.9, 2) * (shape[1], shape[0]))
        motif = library.motifs[int(rng.integers(len(library.motifs)))]
        if rng.random() < 0.5:
            part = raster.picture(shape, motif, (left, top, side))
        else:
            part = raster.stroke(shape, raster.outlines(motif, (left, top, side)), 2)
        np.maximum(out, part, out=out)
    return out


_PRINT_RGB = {
    "black": (0.015, 0.015, 0.02),
    "grey": (0.2, 0.2, 0.2),
    "dark_blue": (0.02, 0.03, 0.2),
    "blue": (0.03, 0.1, 0.55),
    "light_blue": (0.25, 0.45, 0.8),
    "teal": (0.02, 0.3, 0.3),
    "dark_green": (0.01, 0.12, 0.03),
    "light_green": (0.25, 0.6, 0.06),
    "purple": (0.15, 0.02, 0.3),
    "pink": (0.8, 0.18, 0.4),
    "red": (0.6, 0.02, 0.03),
    "orange": (0.8, 0.2, 0.02),
    "yellow": (0.9, 0.65, 0.05),
    "brown": (0.15, 0.06, 0.02),
    "flesh": (0.75, 0.5, 0.38),
    "white": (0.9, 0.9, 0.9),
}
"""What printers and pens make of an ink's colour, linear sRGB."""


def printed(rng: Rng, design: Design, ground: Image) -> Image:
    """A design in pencil, pen or print on a ground (S, S, 3): what a tattoo looks like that is none."""
    out = ground.copy()
    single = _PRINT_RGB[str(rng.choice(["black", "grey", "blue", "red"]))] if rng.random() < 0.5 else None
    strength = rng.uniform(0.5, 1.0)
    for amount, ink in zip(design.amounts, design.inks, strict=True):
        colour = np.array(single or _PRINT_RGB[ink.name], np.float32)
        cover = np.clip(amount * strength, 0, 1)[:, :, None]
        out += cover * (colour - out)
    return out


def sheet(rng: Rng, side: int, library: Library, designs: tuple[Design, ...]) -> Image:
    """A sheet of paper, a card or a screen (side, side, 3) with drawings or lines of writing on it."""
    white = np.float32(rng.uniform(0.35, 0.95)) * np.array(
        [1, rng.uniform(0.9, 1), rng.uniform(0.7, 1)], np.float32
    )
    ground = np.ones((side, side, 3), np.float32) * white
    if rng.random() < 0.2:  # a dark screen or a black book
        ground *= np.float32(rng.uniform(0.02, 0.2))
    how = rng.random()
    if how < 0.35 and designs:
        drawn = designs[int(rng.integers(len(designs)))]
        return printed(rng, _resized(drawn, side), ground)
    if how < 0.8:
        return printed(rng, draw(rng, side, float(rng.uniform(1, 0.02 * side + 1)), library), ground)
    lines = writing(rng, side, library)
    ink = np.array(_PRINT_RGB[str(rng.choice(list(_PRINT_RGB)))], np.float32)
    return np.asarray(ground + lines[:, :, None] * (ink - ground), np.float32)


def _resized(design: Design, side: int) -> Design:
    planes = [cv2.resize(a, (side, side), interpolation=cv2.INTER_AREA) for a in design.amounts]
    return Design(np.stack(planes).astype(np.float32), design.inks)


def writing(rng: Rng, side: int, library: Library) -> Image:
    """Lines of text that fill a square, (side, side) 0..1."""
    canvas = np.zeros((side, side), np.float32)
    em, y = rng.uniform(0.04, 0.25) * side, 0.0
    while (y := y + 1.3 * em) < side:
        if library.alphabets:
            alphabet = library.alphabets[int(rng.integers(len(library.alphabets)))]
            contours, _ = raster.lettering(alphabet, raster.random_text(rng, alphabet, 4))
            np.maximum(
                canvas, raster.nonzero((side, side), [c * em + (0.1 * em, y) for c in contours]), out=canvas
            )
        else:
            text = "".join(rng.choice(list("abcdefghijklmnopqrstuvw   "), 30))
            row = np.zeros((side, side), np.uint8)
            cv2.putText(row, text, (2, int(y)), cv2.FONT_HERSHEY_SIMPLEX, em / 30, 255, 1, cv2.LINE_AA)
            np.maximum(canvas, row.astype(np.float32) / np.float32(255), out=canvas)
    return canvas


def floor(rng: Rng, shape: tuple[int, int], black_and_white: float = 0.4) -> Image:
    """A tiled, boarded or plain floor in perspective, (H, W, 3); `black_and_white`: share of such."""
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
    angle, horizon = rng.uniform(0, 3.2), rng.uniform(-1.2, -0.1)
    depth = 1 / np.maximum(yy - horizon, 0.08)
    x, z = (xx - 0.5) * depth * rng.uniform(2, 8), depth * rng.uniform(3, 12)
    u, v = x * np.cos(angle) + z * np.sin(angle), z * np.cos(angle) - x * np.sin(angle)
    one, two = any_colour(rng), any_colour(rng)
    if rng.random() < black_and_white:
        one, two = np.full(3, 0.02, np.float32), np.full(3, rng.uniform(0.3, 0.8), np.float32)
    tile = (np.floor(u) + np.floor(v)) % 2 if rng.random() < 0.6 else np.zeros(shape)
    out = one + tile[:, :, None].astype(np.float32) * (two - one)
    joint = np.minimum(u - np.floor(u), v - np.floor(v)) < 0.03
    out[joint] *= np.float32(rng.uniform(0.3, 1.2))
    return np.asarray(out * _uneven(rng, shape)[:, :, None], np.float32)


def wall(rng: Rng, shape: tuple[int, int]) -> Image:
    """A wall with a gradient of light, brick or tiles or plain, (H, W, 3)."""
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
    out = np.ones((*shape, 3), np.float32) * any_colour(rng)
    if rng.random() < 0.4:
        rows, wide = rng.uniform(5, 30), rng.uniform(0.3, 1.0)
        r = yy * rows
        c = xx * rows * wide + 0.5 * (np.floor(r) % 2)
        shade = rng.uniform(0.7, 1.2, (64, 64)).astype(np.float32)
        out *= shade[np.floor(r).astype(int) % 64, np.floor(c).astype(int) % 64][:, :, None]
        joint = (r - np.floor(r) < 0.1) | (c - np.floor(c) < 0.06)
        out[joint] = any_colour(rng)
    angle = rng.uniform(0, 6.3)
    ramp = 1 + rng.uniform(0, 0.8) * ((xx - 0.5) * np.cos(angle) + (yy - 0.5) * np.sin(angle))
    return np.asarray(out * (ramp * _uneven(rng, shape))[:, :, None], np.float32)


def shelves(rng: Rng, shape: tuple[int, int]) -> Image:
    """Upright things side by side on shelves: books, bottles, cables, blinds; (H, W, 3)."""
    height, width = shape
    out = np.ones((*shape, 3), np.float32) * any_colour(rng)
    top = 0
    while top < height:
        tall = int(rng.uniform(0.1, 0.5) * height) + 8
        x = 0
        while x < width:
            wide = int(rng.uniform(0.01, 0.12) * width) + 3
            if rng.random() < 0.9:
                start = top + int(rng.uniform(0, 0.3) * tall)
                out[start : top + tall - 4, x : x + wide - 1] = any_colour(rng)
                if rng.random() < 0.4:
                    band = start + int(rng.uniform(0.1, 0.7) * tall)
                    out[band : band + max(2, tall // 12), x : x + wide - 1] = any_colour(rng)
            x += wide
        top += tall
    return out * _uneven(rng, shape)[:, :, None]


def foliage(rng: Rng, shape: tuple[int, int]) -> Image:
    """Leaves, grass, crowds: many small things of like colour one over another, (H, W, 3)."""
    out = np.ones((*shape, 3), np.float32) * any_colour(rng) * 0.4
    colours = [any_colour(rng) for _ in range(4)]
    if rng.random() < 0.5:
        colours = [
            np.array([0.05, 0.2, 0.02], np.float32) * np.float32(rng.uniform(0.3, 3)) for _ in range(4)
        ]
    size = rng.uniform(0.015, 0.09) * max(shape)
    for _ in range(int(rng.integers(60, 260))):
        at = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        axes = (max(1, int(size * rng.uniform(0.4, 1.5))), max(1, int(size * rng.uniform(0.1, 0.5))))
        colour = colours[int(rng.integers(4))] * np.float32(rng.uniform(0.4, 1.4))
        cv2.ellipse(out, at, axes, float(rng.uniform(0, 180)), 0, 360, colour.tolist(), -1, cv2.LINE_AA)
    return out


def plastic(rng: Rng, shape: tuple[int, int]) -> Image:
    """Film or leather that is wrapped and creased: dark ground, bright broken reflections, (H, W, 3)."""
    ground = any_colour(rng) * np.float32(rng.uniform(0.2, 1))
    field = smooth_noise(rng, shape, rng.uniform(0.05, 0.25) * max(shape), 4)
    crease = np.clip(1 - np.abs(field) * rng.uniform(4, 14), 0, 1) ** rng.uniform(1, 4)
    gleam = np.clip(crease * smooth_noise(rng, shape, 0.2 * max(shape), 2) * 2, 0, 1)
    shade = 1 + 0.6 * smooth_noise(rng, shape, 0.1 * max(shape), 3)
    return np.asarray(ground * shade[:, :, None] + (gleam * rng.uniform(0.2, 0.9))[:, :, None], np.float32)


def wrap(rng: Rng, shape: tuple[int, int]) -> Image:
    """Film pulled over furniture: black or clear, with long sharp creases that mirror lamps, (H, W, 3)."""
    ground = np.float32(rng.uniform(0.004, 0.05) if rng.random() < 0.7 else rng.uniform(0.05, 0.5))
    out = np.ones((*shape, 3), np.float32) * ground * (1 + 0.7 * smooth_noise(rng, shape, 40, 3))[:, :, None]
    out *= np.array([1, rng.uniform(0.9, 1.05), rng.uniform(0.85, 1.2)], np.float32)
    for _ in range(int(rng.integers(2, 5))):
        sheen = _creases(rng, shape, rng.uniform(0, np.pi), rng.uniform(0.06, 0.4) * max(shape))
        out += (sheen * np.float32(rng.uniform(0.15, 1.0)))[:, :, None]
    return np.asarray(np.clip(out, 0.001, 1.2), np.float32)


def _creases(rng: Rng, shape: tuple[int, int], angle: float, cell: float) -> Image:
    """Thin bright lines that run mostly one way, (H, W) 0..1."""
    side = int(1.5 * max(shape))
    squeezed = smooth_noise(rng, (side, max(8, side // int(rng.integers(3, 9)))), cell, 4)
    field = cv2.resize(squeezed, (side, side), interpolation=cv2.INTER_CUBIC)
    turn = np.asarray(
        cv2.getRotationMatrix2D((side / 2, side / 2), float(np.degrees(angle)), 1.0), np.float64
    )
    turn[:, 2] += np.array([shape[1] - side, shape[0] - side]) / 2
    turned = cv2.warpAffine(field, turn, shape[::-1], borderMode=cv2.BORDER_REFLECT)
    lines = np.clip(1 - np.abs(turned) * rng.uniform(6, 25), 0, 1) ** rng.uniform(1, 3)
    caught = np.clip(0.3 + 1.5 * smooth_noise(rng, shape, 0.15 * max(shape), 3), 0, 1)
    return np.asarray(lines * caught, np.float32)


def trousers(rng: Rng, shape: tuple[int, int]) -> Image:
    """Denim or dark cloth with a weave, folds and seams, (H, W, 3)."""
    dyes = ((0.02, 0.04, 0.1), (0.06, 0.1, 0.2), (0.15, 0.2, 0.3), (0.008, 0.008, 0.01), (0.03, 0.03, 0.03))
    dye = np.array(dyes[int(rng.integers(5))], np.float32) * np.float32(np.exp(rng.normal(0, 0.4)))
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, period = rng.uniform(0, 3.2), rng.uniform(1.5, 5)
    twill = 1 + rng.uniform(0, 0.35) * np.sin(2 * np.pi * (xx * np.cos(angle) + yy * np.sin(angle)) / period)
    worn = 1 + rng.uniform(0, 1.2) * np.clip(smooth_noise(rng, shape, 0.4 * max(shape), 3), 0, 1)
    folds = 1 + rng.uniform(0.1, 0.7) * smooth_noise(rng, shape, rng.uniform(0.05, 0.3) * max(shape), 3)
    seam = np.abs(xx * np.sin(angle) - yy * np.cos(angle) - rng.uniform(-0.2, 0.7) * max(shape)) < 1.5
    shade = twill * worn * folds * np.where(seam & (rng.random() < 0.5), 1.6, 1)
    return np.asarray(np.clip(dye * shade[:, :, None], 0.001, 1.2), np.float32)


def _uneven(rng: Rng, shape: tuple[int, int]) -> Image:
    fine = 1 + rng.uniform(0, 0.08) * rng.standard_normal(shape, np.float32)
    return np.asarray(
        fine * (1 + rng.uniform(0, 0.25) * smooth_noise(rng, shape, 0.2 * max(shape), 4)), np.float32
    )
