"""Array types and the smooth noise that every part of the generator draws from."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Points = NDArray[np.float64]
Rng = np.random.Generator


def smooth_noise(rng: Rng, shape: tuple[int, int], cell: float, octaves: int = 1) -> Image:
    """Value noise (H, W), about -1..1, whose coarsest features are `cell` pixels wide."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    amplitude, weight = 1.0, 0.0
    for _ in range(octaves):
        rows, cols = max(2, round(height / cell) + 2), max(2, round(width / cell) + 2)
        grid = rng.uniform(-1, 1, (rows, cols)).astype(np.float32)
        total += amplitude * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        weight += amplitude
        amplitude *= 0.5
        cell = max(2.0, cell / 2)
    return (total / np.float32(weight)).astype(np.float32)


def blur(image: Image, sigma: float) -> Image:
    """Gaussian blur; below a tenth of a pixel it changes nothing and is skipped."""
    if sigma < 0.1:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def wide_blur(image: Image, sigma: float) -> Image:
    """A wide blur, computed at a smaller size: half a per cent off, ten times as fast."""
    step = int(max(1, min(sigma / 3, 8)))
    if step == 1:
        return blur(image, sigma)
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // step, height // step), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def coverage(shape: tuple[int, int], contours: list[Points]) -> Image:
    """Antialiased even-odd fill (H, W) 0..1 of closed contours given as (N, 2) x, y in pixels."""
    canvas = np.zeros(shape, np.uint8)
    fixed = [np.round(c * 16).astype(np.int32) for c in contours if len(c) > 2]
    if fixed:
        cv2.fillPoly(canvas, fixed, 255, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def strokes(shape: tuple[int, int], lines: list[Points], width: float, closed: bool = False) -> Image:
    """Antialiased strokes (H, W) 0..1 of polylines (N, 2) x, y in pixels; `width` in pixels, at least 1."""
    canvas = np.zeros(shape, np.uint8)
    fixed = [np.round(line * 16).astype(np.int32) for line in lines if len(line) > 1]
    if fixed:
        cv2.polylines(canvas, fixed, closed, 255, max(1, round(width)), cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)
