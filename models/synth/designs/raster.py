"""Motifs and lettering as coverage of a canvas."""

from __future__ import annotations

import cv2
import numpy as np

from models.synth.arrays import Image, Points, Rng
from models.synth.library import Alphabet, Motif

_SUBPIXEL_BITS = 4
Box = tuple[float, float, float]
"""Left, top, side in pixels: where the unit square lies."""


def nonzero(shape: tuple[int, int], contours: list[Points]) -> Image:
    """Antialiased fill (H, W) 0..1 of closed contours by the non-zero rule (SVG 1.1 section 11.3).

    Exact where no single contour crosses itself: windings +1 and -1 are summed contour by contour.
    """
    contours = [c for c in contours if len(c) > 2]
    if not contours:
        return np.zeros(shape, np.float32)
    canvas = np.zeros(shape, np.uint8)
    if len(contours) == 1:
        cv2.fillPoly(canvas, [_fixed(contours[0])], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return canvas.astype(np.float32) / np.float32(255)
    winding = np.zeros(shape, np.float32)
    for contour in contours:
        x0, y0 = np.maximum(np.floor(contour.min(0)).astype(int) - 2, 0)
        x1, y1 = np.minimum(np.ceil(contour.max(0)).astype(int) + 3, (shape[1], shape[0]))
        if x1 <= x0 or y1 <= y0:
            continue
        part = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(part, [_fixed(contour - (x0, y0))], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        sign = np.float32(np.sign(signed_area(contour)) / 255)
        winding[y0:y1, x0:x1] += sign * part
    return np.minimum(np.abs(winding), 1)


def signed_area(contour: Points) -> float:
    """Area of a closed contour (N, 2), positive where it turns from x to y (the shoelace formula)."""
    x, y = contour[:, 0], contour[:, 1]
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _fixed(contour: Points) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.round(contour * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def picture(shape: tuple[int, int], motif: Motif, box: Box) -> Image:
    """The motif as its set draws it, fills and strokes, (H, W) 0..1."""
    out = np.zeros(shape, np.float32)
    for contours in motif.fills:
        np.maximum(out, nonzero(shape, _placed(contours, box)), out=out)
    for line, width in motif.lines:
        np.maximum(out, stroke(shape, _placed([line], box), width * box[2]), out=out)
    return out


def outlines(motif: Motif, box: Box) -> list[Points]:
    """Every contour and every stroked path of the motif, in pixels; closed ones end where they start."""
    closed = [np.concatenate([c, c[:1]]) for contours in motif.fills for c in contours]
    return _placed([*closed, *(line for line, _ in motif.lines)], box)


def silhouette(picture_of: Image) -> Image:
    """The picture with its inner holes closed, (H, W) 0..1: what an outline encloses."""
    solid = cv2.morphologyEx((picture_of > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    canvas = np.zeros(picture_of.shape, np.uint8)
    cv2.drawContours(canvas, contours, -1, 255, -1, cv2.LINE_AA)
    return np.asarray(np.maximum(canvas.astype(np.float32) / np.float32(255), picture_of), np.float32)


def stroke(shape: tuple[int, int], lines: list[Points], width: float) -> Image:
    """Antialiased strokes (H, W) 0..1 of lines in pixels. Below one pixel of width they grow fainter."""
    canvas = np.zeros(shape, np.uint8)
    fixed = [_fixed(line) for line in lines if len(line) > 1]
    if fixed:
        cv2.polylines(canvas, fixed, False, 255, max(1, round(width)), cv2.LINE_AA, _SUBPIXEL_BITS)
    return canvas.astype(np.float32) * np.float32(min(1.0, max(width, 0.3)) / 255)


def lettering(alphabet: Alphabet, text: str) -> tuple[list[Points], float]:
    """Contours of a line of text in em, y down, from x = 0, and its advance width."""
    contours: list[Points] = []
    x = 0.0
    for letter in text:
        contours += [c + np.array([x, 0.0]) for c in alphabet.glyphs.get(letter, ())]
        x += alphabet.advance.get(letter, 0.3)
    return contours, x


def random_text(rng: Rng, alphabet: Alphabet, words: int) -> str:
    """Some of the alphabet's words."""
    return " ".join(str(alphabet.words[int(rng.integers(len(alphabet.words)))]) for _ in range(words))


def _placed(contours: list[Points] | tuple[Points, ...], box: Box) -> list[Points]:
    left, top, side = box
    return [np.asarray(c * side + np.array([left, top]), np.float64) for c in contours]
