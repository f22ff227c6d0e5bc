"""A whole synthetic photograph with its exact ink mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth import clutter, skin
from models.synth.arrays import Bytes, Image, Rng, blur
from models.synth.camera import develop, expose
from models.synth.designs import Motif, draw
from models.synth.inks import INK_CLASSES, Ink
from models.synth.pigment import absorbance as recipe

INK, IGNORE, BARE = 255, 128, 0
# Natural-log absorbance, strongest channel: below it nobody sees ink (about 1 dE00); above it everybody does.
INVISIBLE, VISIBLE = 0.10, 0.26


@dataclass(frozen=True)
class Scene:
    rgb: Bytes
    """(H, W, 3) uint8 sRGB."""
    mask: Bytes
    """(H, W) uint8: 255 ink, 128 too faint to call, 0 not ink."""
    skin: Bytes
    """(H, W) uint8: 255 where skin (inked or not) is to be seen."""
    ita: float
    """The skin's individual typology angle before light and camera, degrees."""
    ink_class: Bytes
    """(H, W) uint8: the ink that changes the skin's colour most, 1..16 as `INK_CLASSES`; 0 where mask is 0."""
    albedo: NDArray[np.float16]
    """(H, W, 3) linear sRGB under D65 of skin and ink, without light or camera."""
    melanin: float
    """Melanosome volume fraction of the epidermis, 0..0.5."""
    kind: str
    """"tattoo" where ink was laid, "bare" where none was."""
    clutter: tuple[str, ...]
    """Names of the hard negatives in the photo."""
    inks: tuple[Ink, ...]
    """The inks that were laid."""


def compose(seed: int, size: int = 512, motifs: Sequence[Motif] = ()) -> Scene:
    """The scene of that seed: the same numbers give the same bytes on the same OpenCV and NumPy."""
    rng = np.random.default_rng(seed)
    shape = (size, size)
    ita = float(rng.uniform(-50, 60))
    surface = skin.limb(rng, shape, ita)
    ink = (
        place(rng, shape, surface.shape, motifs) if rng.random() < 0.93 else np.zeros((*shape, 3), np.float32)
    )
    lit = apply_ink(rng, surface.linear, ink)
    clutter.pen(rng, lit)
    clutter.scratch(rng, lit)
    skin.hair(rng, lit, surface.shape)
    skin.glare(rng, lit, surface.shape, surface.light)
    edge = blur(surface.shape.astype(np.float32), rng.uniform(0.4, 1.2))[:, :, None]
    lit = lit * edge + clutter.background(rng, shape, motifs) * (1 - edge)
    seen = clutter.cover(rng, lit, surface.shape, motifs)
    clutter.wrap(rng, lit)
    subject = float(np.median(lit[seen].mean(-1))) if seen.any() else 0.3
    rgb = develop(rng, expose(rng, lit, subject))
    mask = ink_mask(ink, seen)
    number = np.where(mask == BARE, 0, _nearest(ink)).astype(np.uint8)
    present = [n for n in np.unique(number) if n]
    inks = tuple(Ink(INK_CLASSES[n - 1], 1.0, 0.003) for n in present)
    albedo = (skin.skin_colour(ita) * np.exp(-ink)).astype(np.float16)
    melanin = float(np.interp(-ita, (-60, -48, -19, 10, 50), (0.003, 0.0097, 0.04, 0.1, 0.3)))
    return Scene(
        rgb, mask, seen.astype(np.uint8) * 255, ita, number, albedo, melanin,
        "tattoo" if present else "bare", (), inks,
    )  # fmt: skip


def _nearest(absorbance: Image) -> Bytes:
    """The class whose hue of absorbance is nearest, 1..14."""
    known = np.stack([recipe(name) for name in INK_CLASSES[:14]])
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    return np.asarray((absorbance @ known.T).argmax(-1) + 1, np.uint8)


def ink_mask(absorbance: Image, seen: NDArray[np.bool_]) -> Bytes:
    """Mask (H, W) of ink (absorbance (H, W, 3)) where skin is to be seen."""
    strongest = absorbance.max(-1)
    mask = np.full(strongest.shape, IGNORE, np.uint8)
    mask[strongest >= VISIBLE] = INK
    mask[(strongest < INVISIBLE) | ~seen] = BARE
    return mask


def apply_ink(rng: Rng, linear: Image, absorbance: Image) -> Image:
    """Multiply skin by the ink's transmission in linear light; skin above the ink blurs and veils it."""
    if not absorbance.any():
        return linear.copy()
    spread = blur(absorbance, rng.uniform(0.3, 1.1))
    transmission = np.exp(-spread)
    veil = np.float32(rng.uniform(0, 0.05))  # light scattered back before it reaches the ink
    return np.asarray(linear * (veil + (1 - veil) * transmission), np.float32)


def place(rng: Rng, shape: tuple[int, int], where: NDArray[np.bool_], motifs: Sequence[Motif]) -> Image:
    """One to four designs, warped onto the skin, each of its own age: absorbance (H, W, 3)."""
    out = np.zeros((*shape, 3), np.float32)
    rows, cols = np.nonzero(where)
    if not len(rows):
        return out
    for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.55, 0.25, 0.12, 0.08]))):
        at = int(rng.integers(len(rows)))
        centre = 0.5 * np.array([cols[at], rows[at]]) + 0.5 * np.array([cols.mean(), rows.mean()])
        extent = max(shape) * np.exp(rng.uniform(np.log(0.18), np.log(1.15)))
        line = float(np.exp(rng.uniform(np.log(1.0), np.log(max(1.6, extent / 55)))))
        canvas = int(np.clip(extent, 64, 512))
        design = draw(rng, canvas, max(1.0, line * canvas / extent), motifs)
        age = rng.uniform(0.3, 0.8) if rng.random() < 0.3 else rng.uniform(0.8, 1.2)
        np.maximum(out, _warp(rng, design, shape, centre, extent) * np.float32(age), out=out)
    return out


def _warp(
    rng: Rng, design: Image, shape: tuple[int, int], centre: NDArray[np.float64], extent: float
) -> Image:
    """Rotate, scale, shear and bend a design into the frame."""
    canvas = design.shape[0]
    angle = rng.normal(0, 0.5) if rng.random() < 0.7 else rng.uniform(0, 6.3)
    scale = extent / canvas
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.array([[1, rng.normal(0, 0.12)], [0, rng.uniform(0.75, 1.1)]])
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    matrix = np.column_stack([turn, centre - turn @ np.full(2, canvas / 2)])
    warped = cv2.warpAffine(design, matrix, (shape[1], shape[0]), flags=cv2.INTER_LINEAR)
    return np.maximum(np.asarray(warped, np.float32), 0)
