"""Light on skin: shading by its normals, shadows, and the glare of its surface. Linear, relative."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Rng, blur, coverage, smooth_noise, wide_blur
from models.synth.designs.shapes import blob
from models.synth.geometry import Surface


@dataclass(frozen=True)
class Lighting:
    diffuse: Image
    """(H, W, 3) irradiance, about 0..1.3, coloured where two lights mix."""
    glare: Image
    """(H, W) light mirrored by the surface, to be added."""
    names: tuple[str, ...]
    """"shadow" where something cast one, for `Scene.clutter`."""


def illuminate(rng: Rng, surface: Surface, relief_cm: Image, depth_cm: Image | None = None) -> Lighting:
    """The light that falls on a surface with that relief (H, W) in cm.

    `depth_cm` (H, W), where parts lie beside each other (fingers): height towards the camera.
    """
    normal = _bumped(surface.normal, relief_cm, surface.cm_per_px)
    shape = (int(relief_cm.shape[0]), int(relief_cm.shape[1]))
    key = _direction(rng)
    soft = rng.uniform(0.0, 0.6)  # how large the lamp or window is
    facing = np.clip((normal @ key + soft) / (1 + soft), 0, None)
    shade = _shadow(rng, shape)
    cast = ("shadow",) if shade.min() < 1 else ()
    up = _unit(np.array([rng.normal(0, 0.4), -1.0, rng.uniform(0, 1.2)], np.float32))
    dome = np.clip(0.55 + 0.45 * (normal @ up), 0.05, None) * _corners(rng, surface, relief_cm)
    if depth_cm is not None:
        dome, shade = (
            dome * _gaps(rng, depth_cm, surface.cm_per_px),
            shade * _gaps(rng, depth_cm, surface.cm_per_px),
        )
    share = rng.beta(2.6, 1.7)
    tint = np.exp(rng.normal(0, 0.07, 3)).astype(np.float32)  # sky in the shade, lamp in the light
    light = (share * facing * shade)[:, :, None] + ((1 - share) * dome)[:, :, None] * tint
    if rng.random() < 0.25:  # a second lamp or a lit wall from elsewhere
        other = np.clip(normal @ _direction(rng), 0, None) * rng.uniform(0.1, 0.5)
        light += other[:, :, None] * np.exp(rng.normal(0, 0.12, 3)).astype(np.float32)
    light *= (1 + rng.uniform(0.0, 0.2) * smooth_noise(rng, shape, 0.5 * max(shape)))[:, :, None]
    glare = _glare(rng, normal, key, shade)
    return Lighting(np.maximum(light, 0.004).astype(np.float32), glare, cast)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def _direction(rng: Rng) -> NDArray[np.float32]:
    """Towards a lamp: from beside the camera (a flash) to low from a side."""
    if rng.random() < 0.12:
        return _unit(np.array([rng.normal(0, 0.08), rng.normal(0, 0.08), 1.0], np.float32))
    turn, tilt = rng.uniform(0, 6.3), rng.uniform(0.2, 1.35)
    lift = np.array([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn) - 0.3, np.cos(tilt)])
    return _unit(lift.astype(np.float32))


def _bumped(normal: Image, relief_cm: Image, cm_per_px: float) -> Image:
    """Normals (H, W, 3) tilted by the slopes of a relief, unit length."""
    dx = cv2.Sobel(relief_cm, cv2.CV_32F, 1, 0, ksize=3, scale=1 / (8 * cm_per_px))
    dy = cv2.Sobel(relief_cm, cv2.CV_32F, 0, 1, ksize=3, scale=1 / (8 * cm_per_px))
    out = normal.copy()
    out[:, :, 0] -= np.clip(dx, -1.2, 1.2)
    out[:, :, 1] -= np.clip(dy, -1.2, 1.2)
    length = np.sqrt(np.einsum("ijk,ijk->ij", out, out))
    return np.asarray(out / length[:, :, None], np.float32)


def _corners(rng: Rng, surface: Surface, relief_cm: Image) -> Image:
    """What keeps light out: furrows, the far side of a limb, and another limb or body close by."""
    shape = (int(relief_cm.shape[0]), int(relief_cm.shape[1]))
    around = blur(relief_cm, max(1.0, 0.12 / surface.cm_per_px))
    open_sky = np.exp(-rng.uniform(4, 14) * np.clip(around - relief_cm, 0, 0.2))
    rim = surface.normal[:, :, 2]
    open_sky = open_sky * (1 - rng.uniform(0, 0.7) * (1 - rim) ** rng.uniform(1, 3))
    if rng.random() < 0.3:
        near = _edge(rng, shape, rng.uniform(0.02, 0.35))
        open_sky = open_sky * (1 - rng.uniform(0.3, 0.95) * near)
    return np.asarray(open_sky, np.float32)


def _gaps(rng: Rng, depth_cm: Image, cm_per_px: float) -> Image:
    """Share of light (H, W) that reaches between parts: less where the surroundings stand higher."""
    around = wide_blur(np.maximum(depth_cm, 0), rng.uniform(0.3, 0.8) / cm_per_px)
    return np.asarray(np.exp(-rng.uniform(0.5, 3.0) * np.clip(around - depth_cm, 0, 2)), np.float32)


def _edge(rng: Rng, shape: tuple[int, int], soft: float) -> Image:
    """One side (H, W) 0..1 of a wavy line whose blur is `soft` of the frame."""
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(max(shape))
    angle = rng.uniform(0, 6.3)
    u = (xx - 0.5) * np.cos(angle) + (yy - 0.5) * np.sin(angle) - rng.uniform(-0.2, 0.45)
    u += rng.uniform(0, 0.12) * smooth_noise(rng, shape, 0.3 * max(shape), 2)
    return np.asarray(np.clip(u / soft + 0.5, 0, 1), np.float32)


def _shadow(rng: Rng, shape: tuple[int, int]) -> Image:
    """What the key light reaches, (H, W) 0..1: cast shadows of the person, the phone, a window, leaves."""
    if rng.random() > 0.4:
        return np.ones(shape, np.float32)
    kind, size = rng.random(), max(shape)
    if kind < 0.5:
        dark = _edge(rng, shape, 1 / size if rng.random() < 0.4 else rng.uniform(0.005, 0.2))
    elif kind < 0.85:
        centre = rng.uniform(0, 1, 2) * (shape[1], shape[0])
        dark = coverage(shape, [blob(rng, centre, rng.uniform(0.1, 0.6) * size, 0.35)])
    else:
        field = smooth_noise(rng, shape, rng.uniform(0.05, 0.3) * size, 2)
        dark = np.clip(field * rng.uniform(2, 20) + 0.3, 0, 1)
    dark = blur(dark.astype(np.float32), float(np.exp(rng.uniform(np.log(0.5), np.log(0.03 * size)))))
    return np.asarray(1 - rng.uniform(0.3, 1.0) * dark, np.float32)


def _glare(rng: Rng, normal: Image, key: NDArray[np.float32], shade: Image) -> Image:
    """Mirrored light after Blinn (1977): dry skin's sheen, the sparkle of wet, oiled or filmed skin."""
    shape = (int(shade.shape[0]), int(shade.shape[1]))
    wet = rng.random() < 0.2
    half = _unit(key + np.array([0, 0, 1], np.float32))
    power = float(np.exp(rng.uniform(np.log(40), np.log(400)) if wet else rng.uniform(np.log(4), np.log(40))))
    lobe = np.clip(normal @ half, 1e-4, 1) ** np.float32(power)
    strength = rng.uniform(0.1, 0.9) if wet else 0.35 * rng.random() ** 2
    oil = np.clip(0.7 + 0.6 * smooth_noise(rng, shape, 0.25 * max(shape), 3), 0, 1.3)
    sky = 0.08 * rng.random() * np.clip(1 - normal[:, :, 2], 0, 1) ** 3
    return np.asarray(strength * lobe * oil * shade + sky, np.float32)
