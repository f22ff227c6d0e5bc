"""How a tattooer fills a shape: flat, graded, mottled, whipped, dotted, washed, modelled by light."""

from __future__ import annotations

import cv2
import numpy as np

from models.synth.arrays import Image, Rng, blur, smooth_noise


def flat(rng: Rng, shape: Image, line_px: float) -> Image:
    """Solid packing, (S, S) about 0.8..1.1, with the slight unevenness of a hand."""
    uneven = 1 + rng.uniform(0, 0.15) * smooth_noise(rng, _shape(shape), 6 * line_px + 4, 2)
    return np.asarray(shape * uneven, np.float32)


def graded(rng: Rng, shape: Image, line_px: float) -> Image:
    """A gradient across the shape, often down to bare skin."""
    angle = rng.uniform(0, 6.3)
    height, width = shape.shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width) - 0.5
    ramp = 0.6 + rng.uniform(1, 4) * (xx * np.cos(angle) + yy * np.sin(angle))
    return np.asarray(shape * np.clip(ramp, rng.choice([0, 0.0, 0.4]), 1.1), np.float32)


def mottled(rng: Rng, shape: Image, line_px: float) -> Image:
    """Uneven packing, as of old or unskilled work."""
    tone = 0.7 + 0.6 * smooth_noise(rng, _shape(shape), rng.uniform(6, 50), 2)
    return np.asarray(shape * np.clip(tone, 0.05, 1.3), np.float32)


def edge_shaded(rng: Rng, shape: Image, line_px: float) -> Image:
    """Dark along the edge and lighter inwards, or the other way round."""
    inside = cv2.distanceTransform((shape > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    depth = inside / max(float(inside.max()), 1.0)
    fall = np.exp(-depth * rng.uniform(2, 7)) if rng.random() < 0.75 else depth
    return np.asarray(shape * np.clip(fall * rng.uniform(0.8, 1.2), 0, 1.1), np.float32)


def whipped(rng: Rng, shape: Image, line_px: float) -> Image:
    """Pepper or whip shading: rows of short flicks that thin out away from one side."""
    ramp = graded(rng, shape, line_px) if rng.random() < 0.5 else edge_shaded(rng, shape, line_px)
    height, width = shape.shape
    angle, period = rng.uniform(0, 3.2), rng.uniform(2.0, 3.5) * line_px + 1
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    u = (xx * np.cos(angle) + yy * np.sin(angle)) / period + 0.4 * smooth_noise(rng, _shape(shape), 30)
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * u)
    return np.asarray(np.clip((ramp * 1.6 - wave) * 1.5, 0, 1) * shape, np.float32)


def dotted(rng: Rng, shape: Image, line_px: float) -> Image:
    """Stippling whose density follows a tone."""
    tone = edge_shaded(rng, shape, line_px) if rng.random() < 0.5 else graded(rng, shape, line_px)
    dense = np.clip(tone, 0, 1) ** 1.5
    height, width = shape.shape
    count = int(min(height * width / max(line_px, 1.0) ** 2 / rng.uniform(4, 12), 9000))
    x, y = rng.integers(0, width, count), rng.integers(0, height, count)
    keep = rng.random(count) < dense[y, x]
    canvas = np.zeros(shape.shape, np.uint8)
    radius = max(1, round(16 * line_px * rng.uniform(0.3, 0.5)))
    for px, py in zip((x[keep] * 16).tolist(), (y[keep] * 16).tolist(), strict=True):
        cv2.circle(canvas, (px, py), radius, 255, -1, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def washed(rng: Rng, shape: Image, line_px: float) -> Image:
    """Grey wash: smooth tones, dark accents along ridges, bare highlights."""
    size = max(shape.shape)
    tone = 0.5 + 0.7 * smooth_noise(rng, _shape(shape), rng.uniform(0.05, 0.3) * size, 3)
    ridges = np.abs(smooth_noise(rng, _shape(shape), rng.uniform(0.1, 0.35) * size, 2))
    accents = np.clip(1 - ridges * rng.uniform(8, 25), 0, 1)
    tone = np.maximum(np.clip(tone, rng.choice([0.0, 0.15, 0.3]), 1.1), accents * rng.uniform(0.3, 1.1))
    return np.asarray(shape * tone, np.float32)


def modelled(rng: Rng, shape: Image, line_px: float) -> Image:
    """Realism: the shape as a rounded relief with folds, lit from one side (Lambert), shadows inked."""
    size = max(shape.shape)
    inside = cv2.distanceTransform((shape > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    height = np.sqrt(blur(np.asarray(inside, np.float32), 0.008 * size + 0.5)) * rng.uniform(0.6, 1.6)
    height = height + rng.uniform(0.5, 2.5) * smooth_noise(
        rng, _shape(shape), rng.uniform(0.04, 0.2) * size, 3
    )
    relief = blur(np.asarray(height, np.float32), 0.006 * size + 0.3)
    dy, dx = np.gradient(relief)
    angle, slope = rng.uniform(0, 6.3), 120 / size * rng.uniform(0.02, 0.08) * size / 8
    lit = 1 - slope * (dx * np.cos(angle) + dy * np.sin(angle))
    lit = lit / np.sqrt(1 + slope**2 * (dx**2 + dy**2)) / np.sqrt(2)
    dark = np.clip((rng.uniform(0.75, 1.0) - lit) * rng.uniform(1.5, 3.0), 0, 1.15)
    return np.asarray(shape * dark, np.float32)


def strands(rng: Rng, shape: Image, line_px: float) -> Image:
    """Hair, feathers, water, wood: fine lines that flow together, denser in places."""
    size = max(shape.shape)
    field = smooth_noise(rng, _shape(shape), rng.uniform(0.2, 0.6) * size, 2)
    height, width = shape.shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / size
    angle = rng.uniform(0, 6.3)
    phase = field + rng.uniform(0, 1.5) * (xx * np.cos(angle) + yy * np.sin(angle))
    count = size / (rng.uniform(3, 9) * line_px + 2)
    wave = 0.5 + 0.5 * np.cos(
        2 * np.pi * (phase * count * 0.5 + 0.3 * smooth_noise(rng, _shape(shape), 8, 2))
    )
    where = np.clip(0.4 + 1.6 * smooth_noise(rng, _shape(shape), 0.25 * size, 2), 0, 1)
    return np.asarray(
        shape * where * np.clip(wave * rng.uniform(1, 2) - rng.uniform(0, 0.6), 0, 1), np.float32
    )


TONES = (flat, graded, mottled, edge_shaded, whipped, dotted, washed, modelled)
_WEIGHTS = (0.30, 0.16, 0.10, 0.12, 0.08, 0.06, 0.10, 0.08)


def any_tone(rng: Rng, shape: Image, line_px: float) -> Image:
    """One of the ways above, (S, S) amount inside `shape` (S, S)."""
    return TONES[int(rng.choice(len(TONES), p=_WEIGHTS))](rng, shape, line_px)


def _shape(image: Image) -> tuple[int, int]:
    return int(image.shape[0]), int(image.shape[1])
