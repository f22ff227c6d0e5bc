"""Skin over a limb: colour over the whole ITA range, anatomy of its surface, light and shade. Linear sRGB."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Rng, blur, smooth_noise, strokes
from models.synth.designs import curve
from models.synth.pigment import lab_to_linear

# Skin CIELAB by individual typology angle, degrees: ITA = atan((L - 50) / b), Chardon 1991; linear between.
_ITA = (-50.0, -30.0, -10.0, 10.0, 19.0, 28.0, 48.0, 60.0)
_SKIN_LAB = (
    (33.3, 9.0, 14.0),
    (39.6, 10.0, 18.0),
    (46.1, 10.0, 22.0),
    (53.4, 9.0, 19.5),
    (57.0, 8.0, 20.0),
    (60.0, 8.5, 18.8),
    (67.2, 7.0, 15.5),
    (73.4, 5.0, 13.5),
)
_MELANIN = np.array([0.30, 0.55, 0.85], np.float32)  # relative absorbance per channel
_BLOOD = np.array([0.10, 0.75, 0.60], np.float32)


@dataclass(frozen=True)
class Skin:
    linear: Image
    """(H, W, 3) reflectance times light, before ink."""
    shape: NDArray[np.bool_]
    """(H, W) where skin is."""
    light: Image
    """(H, W) the light that falls on it, about 0..1.5."""


def skin_colour(ita: float) -> NDArray[np.float32]:
    """Linear sRGB (3,) of average skin of that ITA, -50..60 degrees."""
    lab = np.array([np.interp(ita, _ITA, [row[k] for row in _SKIN_LAB]) for k in range(3)])
    return np.clip(lab_to_linear(lab), 0.004, 1).astype(np.float32)


def limb(rng: Rng, shape: tuple[int, int], ita: float) -> Skin:
    """A limb or torso that fills 30 to 100 % of the frame."""
    where, across = _outline(rng, shape)
    light = _light(rng, shape, across)
    log_skin = np.log(skin_colour(ita))[None, None, :].repeat(shape[0], 0).repeat(shape[1], 1)
    melanin = 0.10 * smooth_noise(rng, shape, 160, 3) + 0.03 * smooth_noise(rng, shape, 5, 2)
    blood = 0.16 * smooth_noise(rng, shape, 90, 3) + 0.04 * smooth_noise(rng, shape, 9)
    if rng.random() < 0.3:  # redness of a fresh tattoo or of pressure
        blood = blood + rng.uniform(0.1, 0.5) * np.clip(smooth_noise(rng, shape, 140, 2) + 0.2, 0, 1)
    log_skin -= melanin[:, :, None] * _MELANIN + blood[:, :, None] * _BLOOD
    _spots(rng, log_skin)
    _veins(rng, log_skin)
    linear = np.exp(log_skin) * light[:, :, None]
    pores = 1 + rng.uniform(0.005, 0.05) * rng.standard_normal(shape, np.float32)
    linear *= blur(pores.astype(np.float32), rng.uniform(0.4, 1.0))[:, :, None]
    return Skin(linear.astype(np.float32), where, light)


def _outline(rng: Rng, shape: tuple[int, int]) -> tuple[NDArray[np.bool_], Image]:
    """Where the limb is, and the place across it, -1..1 from edge to edge (for its roundness)."""
    height, width = shape
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.35)
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
    u = xx * np.cos(angle) + yy * np.sin(angle)
    v = -xx * np.sin(angle) + yy * np.cos(angle)
    middle = float(np.median(u)) + rng.normal(0, 0.1)
    half = rng.uniform(0.16, 0.5) if rng.random() < 0.7 else rng.uniform(0.6, 1.1)
    bend, taper = rng.normal(0, 0.25), rng.normal(0, 0.2)
    v = v - v.mean()
    across = (u - middle - bend * v * v) / (half * (1 + taper * v) + 0.02 * np.sin(7 * v + rng.uniform(0, 6)))
    where = np.abs(across) < 1
    if rng.random() < 0.15:  # a second limb beside it
        where |= np.abs((u - middle - 2.3 * half) / (0.7 * half)) < 1
    return where, np.clip(across, -1, 1).astype(np.float32)


def _light(rng: Rng, shape: tuple[int, int], across: Image) -> Image:
    """Lambert shading of a cylinder, uneven light, cast shadows."""
    theta = np.arcsin(across * 0.97)
    direction = rng.normal(0, 0.7)
    ambient = rng.uniform(0.2, 0.85)
    light = ambient + (1 - ambient) * np.maximum(np.cos(theta - direction), 0)
    light *= 1 + rng.uniform(0.05, 0.35) * smooth_noise(rng, shape, rng.uniform(80, 260), 2)
    if rng.random() < 0.25:  # a shadow with a hard or soft edge
        field = smooth_noise(rng, shape, rng.uniform(200, 400))
        sharp = 60 ** rng.random()
        light *= 1 - rng.uniform(0.2, 0.65) * np.clip((field - 0.2) * sharp + 0.3, 0, 1)
    return np.asarray(light * rng.uniform(0.45, 1.25), np.float32)


def _spots(rng: Rng, log_skin: Image) -> None:
    """Moles and freckles: melanin spots, soft-edged."""
    height, width = log_skin.shape[:2]
    canvas = np.zeros((height, width), np.float32)
    many = rng.random() < 0.12
    for _ in range(int(rng.integers(40, 200)) if many else int(rng.poisson(2.5))):
        at = (int(rng.integers(width)), int(rng.integers(height)))
        radius = rng.uniform(0.6, 2.0) if many else rng.uniform(1, 6)
        axes = (max(1, round(radius)), max(1, round(radius * rng.uniform(0.6, 1))))
        depth = rng.uniform(0.15, 0.5) if many else rng.uniform(0.3, 1.6)
        cv2.ellipse(canvas, at, axes, float(rng.uniform(0, 180)), 0, 360, float(depth), -1, cv2.LINE_AA)
    log_skin -= blur(canvas, rng.uniform(0.5, 1.2))[:, :, None] * _MELANIN


def _veins(rng: Rng, log_skin: Image) -> None:
    if rng.random() > 0.3:
        return
    size = log_skin.shape[0]
    lines = [curve(rng, 0, float(max(log_skin.shape[:2])), 5) for _ in range(rng.integers(1, 5))]
    soft = blur(strokes(log_skin.shape[:2], lines, rng.uniform(3, 9)), rng.uniform(2, 5) * size / 512)
    log_skin -= rng.uniform(0.05, 0.22) * soft[:, :, None] * np.array([1.0, 0.55, 0.35], np.float32)


def hair(rng: Rng, linear: Image, where: NDArray[np.bool_]) -> None:
    """Short dark or fair hairs over the skin, in place; they lie above the ink."""
    if rng.random() > 0.45:
        return
    height, width = where.shape
    flow, dark = rng.uniform(0, 6.3), rng.random() < 0.75
    lines = []
    for _ in range(int(rng.integers(30, 500))):
        start = rng.uniform(0, 1, 2) * (width, height)
        angle, bend = flow + rng.normal(0, 0.4), rng.normal(0, 0.6)
        t = np.linspace(0, 1, 5)
        length = rng.uniform(8, 34)
        lines.append(
            start + length * np.stack([t * np.cos(angle + bend * t), t * np.sin(angle + bend * t)], 1)
        )
    shape = blur(strokes((height, width), lines, 1), rng.uniform(0.3, 0.8)) * where
    alpha = (shape * rng.uniform(0.15, 0.75))[:, :, None]
    colour = skin_colour(20) * (rng.uniform(0.08, 0.35) if dark else rng.uniform(1.0, 1.6))
    linear += alpha * (colour * np.float32(0.8) - linear)


def glare(rng: Rng, linear: Image, where: NDArray[np.bool_], light: Image) -> None:
    """Specular highlights: broad sheen and sparkling grain of wet or oiled skin, in place."""
    if rng.random() > 0.4:
        return
    shape = (int(where.shape[0]), int(where.shape[1]))
    sheen = np.clip(smooth_noise(rng, shape, rng.uniform(60, 250), 2) - rng.uniform(0.1, 0.6), 0, 1)
    grain = (
        1.0 if rng.random() < 0.6 else np.clip(1 + 2 * smooth_noise(rng, shape, rng.uniform(2, 5), 2), 0, 3)
    )
    strength = 0.6 * rng.random() ** 2 + 0.04
    linear += (sheen * grain * light * where * strength)[:, :, None].astype(np.float32)
