"""What a phone does to the light: exposure, white balance, blur, noise, sRGB, JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Rng = np.random.Generator

_LEVELS = np.linspace(0, 1, 4096)
_ENCODED = np.where(_LEVELS <= 0.0031308, 12.92 * _LEVELS, 1.055 * _LEVELS ** (1 / 2.4) - 0.055)
_TABLE = (255 * _ENCODED).astype(np.float32)


@dataclass(frozen=True)
class Lens:
    """gains: [3], exposure times white balance. blur_px: standard deviation. shot, read: noise, as a share of
    the square root of the signal and of full scale. quality: of the JPEG, 0 for none."""

    gains: Singles
    blur_px: float
    shot: float
    read: float
    quality: int


def sampled(rng: Rng, brightness: float) -> Lens:
    """A lens for a picture of a mean brightness (linear)."""
    gain = rng.uniform(0.1, 0.45) / max(brightness, 0.01)
    warm, tint = rng.normal(0, 0.08), rng.normal(0, 0.03)
    return Lens(
        gains=np.asarray(gain * np.exp([warm, tint, -warm]), np.float32),
        blur_px=float(rng.choice([0.0, 0.4, 0.7, 1.1, 1.8], p=[0.3, 0.3, 0.2, 0.15, 0.05])),
        shot=float(rng.uniform(0.0, 0.035)),
        read=float(rng.uniform(0.0, 0.006)),
        quality=int(rng.integers(40, 97)) if rng.random() < 0.8 else 0,
    )


def develop(linear: Singles, lens: Lens, rng: Rng) -> Bytes:
    """Linear light [H, W, 3] to sRGB bytes; the noise comes from `rng`."""
    light = linear * lens.gains
    if lens.blur_px:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), lens.blur_px), np.float32)
    spread = np.sqrt(np.clip(light, 0, 1)) * np.float32(lens.shot) + np.float32(lens.read)
    light = light + spread * rng.standard_normal(light.shape, np.float32)
    # A shoulder instead of hard clipping, as phones have.
    light = np.where(light > 0.7, 0.7 + 0.3 * np.tanh((light - 0.7) / 0.3), light)
    out: Bytes = (_TABLE[np.clip(light * 4095, 0, 4095).astype(np.int32)] + 0.5).astype(np.uint8)
    if lens.quality:
        done, data = cv2.imencode(".jpg", out[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, lens.quality])
        assert done
        out = np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
    return out
