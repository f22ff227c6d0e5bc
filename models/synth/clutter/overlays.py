"""What is put upon a finished photo: watermarks, captions, borders, bars of an app. sRGB bytes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Bytes, Image, Rng
from models.synth.designs import EMPTY, Library, raster

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._#"


def overlay(
    rng: Rng, rgb: Bytes, library: Library = EMPTY
) -> tuple[Bytes, NDArray[np.bool_], tuple[str, ...]]:
    """Watermarks, captions and borders upon the finished photo: the photo, what they hide (H, W), names.

    What they hide is neither ink nor visible skin; what shines through a watermark is not hidden.
    """
    out, hidden, names = rgb.astype(np.float32), np.zeros(rgb.shape[:2], bool), []
    for name, share, put in (("text", 0.07, _text), ("motif", 0.015, _mark), ("border", 0.05, _border)):
        if rng.random() < share:
            where, opacity = put(rng, rgb.shape[:2], library)
            grey = rng.choice([0.0, 255.0], p=[0.15, 0.85])
            colour = np.full(3, grey) if rng.random() < 0.8 else rng.uniform(0, 255, 3)
            out += (where * opacity)[:, :, None] * (colour.astype(np.float32) - out)
            hidden |= where * opacity > 0.5
            names.append(name)
    return (out + 0.5).astype(np.uint8), hidden, tuple(names)


def _text(rng: Rng, shape: tuple[int, int], library: Library) -> tuple[Image, float]:
    """A line of text in a corner, along an edge or across the middle."""
    height, width = shape
    em = rng.uniform(0.02, 0.12) * max(shape)
    at = rng.uniform((0, 0.05), (0.6, 1.0)) * (width, height)
    opacity = float(rng.choice([rng.uniform(0.2, 0.5), rng.uniform(0.75, 1.0)]))
    if library.alphabets and rng.random() < 0.6:
        alphabet = library.alphabets[int(rng.integers(len(library.alphabets)))]
        contours, _ = raster.lettering(alphabet, raster.random_text(rng, alphabet, int(rng.integers(1, 4))))
        return raster.nonzero(shape, [c * em + at for c in contours]), opacity
    text = "".join(rng.choice(list(_LETTERS), int(rng.integers(3, 18))))
    canvas = np.zeros(shape, np.uint8)
    spot = (int(at[0]), int(at[1]))
    cv2.putText(
        canvas, text, spot, cv2.FONT_HERSHEY_SIMPLEX, float(em / 28), 255, max(1, int(em / 14)), cv2.LINE_AA
    )
    return canvas.astype(np.float32) / np.float32(255), opacity


def _mark(rng: Rng, shape: tuple[int, int], library: Library) -> tuple[Image, float]:
    """A logo or sticker."""
    if not library.motifs:
        return _text(rng, shape, library)
    motif = library.motifs[int(rng.integers(len(library.motifs)))]
    side = rng.uniform(0.08, 0.3) * max(shape)
    left, top = rng.uniform(0, 1, 2) * (np.array(shape[::-1]) - side)
    return raster.picture(shape, motif, (float(left), float(top), float(side))), float(rng.uniform(0.3, 1.0))


def _border(rng: Rng, shape: tuple[int, int], library: Library) -> tuple[Image, float]:
    """Bars of a screenshot or a frame around the picture."""
    where = np.zeros(shape, np.float32)
    wide = [int(rng.uniform(0.01, 0.16) * max(shape)) for _ in range(4)]
    sides = rng.random(4) < (0.5 if rng.random() < 0.7 else 1.1)
    if sides[0]:
        where[: wide[0]] = 1
    if sides[1]:
        where[-wide[1] :] = 1
    if sides[2]:
        where[:, : wide[2]] = 1
    if sides[3]:
        where[:, -wide[3] :] = 1
    return where, 1.0
