"""A phone camera and what happens to its files: linear light to sRGB bytes."""

from __future__ import annotations

import cv2
import numpy as np

from models.synth.arrays import Bytes, Image, Rng, blur

_LUT_SIZE = 4096
_LEVELS = np.linspace(0, 1, _LUT_SIZE)
_SRGB_TABLE = np.where(_LEVELS <= 0.0031308, 12.92 * _LEVELS, 1.055 * _LEVELS ** (1 / 2.4) - 0.055).astype(
    np.float32
)


def encode(linear: Image) -> Image:
    """Linear sRGB (H, W, 3), clipped to 0..1, to gamma-encoded sRGB 0..1 (IEC 61966-2-1)."""
    index = np.clip(linear * (_LUT_SIZE - 1), 0, _LUT_SIZE - 1).astype(np.int32)
    return np.asarray(_SRGB_TABLE[index], np.float32)


def expose(rng: Rng, linear: Image, subject: float) -> Image:
    """White balance, exposure around the subject's brightness, vignetting, lens blur, sensor noise."""
    height, width = linear.shape[:2]
    warm, tint = rng.normal(0, 0.10), rng.normal(0, 0.05)
    gains = np.exp(np.array([warm, tint, -warm * 1.3], np.float32))
    exposure = rng.uniform(0.1, 0.62) / max(subject, 0.02)
    exposure = exposure ** rng.uniform(0.3, 0.85)  # dark skin stays darker than light skin
    out: Image = np.asarray(linear * (gains * np.float32(exposure)), np.float32)
    if rng.random() < 0.4:
        yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        out *= (1 - rng.uniform(0, 0.4) * (xx * xx + yy * yy) / 2)[:, :, None]
    out = blur(out, rng.choice([0.0, 0.5, 0.8, 1.3], p=[0.35, 0.3, 0.25, 0.1]))
    shot = rng.uniform(0.001, 0.03)
    noise = rng.standard_normal(out.shape, np.float32) * np.sqrt(np.clip(out, 0.0005, 1)) * np.float32(shot)
    return np.asarray(out + blur(noise, rng.choice([0.0, 0.6])), np.float32)


def develop(rng: Rng, linear: Image) -> Bytes:
    """Tone curve, saturation, sharpening, resampling, JPEG: (H, W, 3) uint8 RGB."""
    picture = encode(linear)
    grey = picture.mean(2, keepdims=True)
    saturation = rng.choice([0.05, 1.0], p=[0.04, 0.96]) * rng.uniform(0.7, 1.35)
    picture = grey + (picture - grey) * np.float32(saturation)
    contrast = rng.normal(0, 0.12)
    picture = picture + np.float32(contrast) * np.sin(2 * np.pi * np.clip(picture, 0, 1)) * np.float32(-0.16)
    if rng.random() < 0.5:
        picture = picture + np.float32(rng.uniform(0, 0.9)) * (picture - blur(picture, rng.uniform(0.7, 1.8)))
    out: Bytes = np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8)
    if rng.random() < 0.3:
        out = _resample(rng, out)
    if rng.random() < 0.9:
        quality = int(rng.integers(35, 97))
        _, data = cv2.imencode(".jpg", out[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        out = np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
    return out


def _resample(rng: Rng, picture: Bytes) -> Bytes:
    """Down and back up, as messaging apps do; detail is lost, the frame keeps its size."""
    height, width = picture.shape[:2]
    factor = rng.uniform(0.5, 0.9)
    small = cv2.resize(picture, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
