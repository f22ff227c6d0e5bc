"""A phone's camera and what happens to its files: linear light to sRGB bytes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.synth.arrays import Bytes, Image, Rng, blur, wide_blur

_LUT_SIZE = 4096
_LEVELS = np.linspace(0, 1, _LUT_SIZE)
_SRGB_TABLE = np.where(_LEVELS <= 0.0031308, 12.92 * _LEVELS, 1.055 * _LEVELS ** (1 / 2.4) - 0.055).astype(
    np.float32
)


def encode(linear: Image) -> Image:
    """Linear sRGB (H, W, 3), clipped to 0..1, to gamma-encoded sRGB 0..1 (IEC 61966-2-1)."""
    index = np.clip(linear * (_LUT_SIZE - 1), 0, _LUT_SIZE - 1).astype(np.int32)
    return np.asarray(_SRGB_TABLE[index], np.float32)


@dataclass(frozen=True)
class Phone:
    """How good the sensor is, and in how much light."""

    gain: float
    """Noise: share of full scale that one photon is worth, 1e-5 (sun) to 4e-3 (night)."""
    smear: float
    """Strength of the phone's own noise reduction, 0..1."""


def photograph(rng: Rng, linear: Image, subject: float) -> Bytes:
    """The file (H, W, 3) uint8 sRGB of a scene in linear light whose subject has that mean."""
    seen = _optics(rng, _balance(rng, linear, subject))
    phone = Phone(float(np.exp(rng.uniform(np.log(1e-5), np.log(3e-3)))), float(rng.uniform(0, 1)))
    raw = _sensor(rng, seen, phone)
    picture = _develop(rng, _denoise(rng, raw, phone))
    return _share(rng, np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8))


def _balance(rng: Rng, linear: Image, subject: float) -> Image:
    """White-balance error, the sensor's imperfect colour matrix, exposure around the subject."""
    warm, tint = rng.normal(0, 0.08), rng.normal(0, 0.04)
    gains = np.exp(np.array([warm, tint, -1.3 * warm], np.float32))
    leak = rng.normal(0, 0.02, (3, 3))
    matrix = (np.eye(3) + leak - np.diag(leak.sum(1))) * gains[:, None]
    exposure = rng.uniform(0.12, 0.6) / max(subject, 0.02)
    exposure = exposure ** rng.uniform(0.35, 0.9)  # dark skin stays darker than light skin
    return np.asarray(cv2.transform(linear, (matrix * exposure).astype(np.float32)), np.float32)


def _optics(rng: Rng, linear: Image) -> Image:
    """Vignette, veiling flare, defocus, motion blur, colour fringes."""
    height, width = linear.shape[:2]
    out = linear
    if rng.random() < 0.4:
        yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        out = out * (1 - rng.uniform(0, 0.45) * (xx * xx + yy * yy) / 2)[:, :, None]
    if rng.random() < 0.3:
        flare = np.float32(rng.uniform(0, 0.06))
        out = out * (1 - flare) + flare * out.mean((0, 1))
    kind = rng.random()
    if kind < 0.12:
        out = _shake(rng, out)
    elif kind < 0.4:
        out = blur(out, float(rng.choice([0.6, 0.9, 1.3, 2.0], p=[0.4, 0.35, 0.17, 0.08])))
    return np.asarray(out, np.float32)


def _shake(rng: Rng, linear: Image) -> Image:
    """Motion blur along a short straight path."""
    length, angle = rng.uniform(2, 9), rng.uniform(0, 3.2)
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    middle, reach = side // 2, 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
    ends = [np.round((middle + sign * reach) * 16).astype(int) for sign in (-1, 1)]
    line = np.zeros((side, side), np.uint8)
    cv2.line(line, tuple(ends[0].tolist()), tuple(ends[1].tolist()), 255, 1, cv2.LINE_AA, 4)
    kernel[:] = line
    kernel[middle, middle] += 1
    return np.asarray(cv2.filter2D(linear, -1, kernel / kernel.sum()), np.float32)


def _sensor(rng: Rng, linear: Image, phone: Phone) -> Image:
    """Colour filter array after Bayer, shot and read noise, a demosaic; half the files are scaled down."""
    if rng.random() < 0.5:  # scaled down: noise is finer, the mosaic gone
        noise = rng.standard_normal(linear.shape, np.float32)
        noise *= np.sqrt(
            np.clip(linear, 0, 1.2) * np.float32(0.35 * phone.gain) + np.float32(phone.gain**1.5)
        )
        return np.asarray(np.clip(linear + noise, 0, 1), np.float32)
    mosaic = np.empty(linear.shape[:2], np.float32)
    mosaic[0::2, 0::2] = linear[0::2, 0::2, 0]
    mosaic[0::2, 1::2] = linear[0::2, 1::2, 1]
    mosaic[1::2, 0::2] = linear[1::2, 0::2, 1]
    mosaic[1::2, 1::2] = linear[1::2, 1::2, 2]
    noise = rng.standard_normal(mosaic.shape, np.float32)
    noise *= np.sqrt(np.clip(mosaic, 0, 1.2) * np.float32(phone.gain) + np.float32(phone.gain**1.5))
    counts = np.clip((mosaic + noise) * 60000 + 2000, 0, 65535).astype(np.uint16)
    # OpenCV names the pattern by the second row and column.
    rgb = cv2.cvtColor(counts, cv2.COLOR_BayerBG2RGB)
    return np.asarray(np.clip((rgb.astype(np.float32) - 2000) / 60000, 0, 1), np.float32)


def _denoise(rng: Rng, linear: Image, phone: Phone) -> Image:
    """A phone's noise reduction: colour smeared widely, detail smeared where it is weak."""
    picture = encode(linear)
    noise = phone.gain**0.5
    if phone.smear * noise < 0.003:
        return picture
    luma = np.asarray(cv2.transform(picture, np.array([[0.299, 0.587, 0.114]], np.float32)), np.float32)
    colour = blur(picture - luma[:, :, None], rng.uniform(0.5, 3.0) * phone.smear + 0.2)
    mean = blur(luma, 1.5)
    spread = blur(luma * luma, 1.5) - mean * mean
    keep = np.clip(spread / (spread + np.float32((phone.smear * noise) ** 2 * 0.6) + 1e-9), 0, 1)
    return np.asarray(colour + (mean + keep * (luma - mean))[:, :, None], np.float32)


def _develop(rng: Rng, picture: Image) -> Image:
    """Tone curve, local contrast, saturation, filters of photo apps, sharpening; gamma-encoded 0..1."""
    contrast = rng.normal(0.35, 0.25)
    picture = picture - np.float32(0.16 * contrast) * np.sin(2 * np.pi * np.clip(picture, 0, 1))
    if rng.random() < 0.25:  # local tone mapping: shadows lifted
        base = cv2.resize(picture.mean(2), None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
        base = cv2.resize(blur(base, 6.0), picture.shape[1::-1])
        picture = picture * (1 + rng.uniform(0, 0.8) * (0.5 - base) * (base < 0.5))[:, :, None]
    grey = picture.mean(2, keepdims=True)
    monochrome = rng.random() < 0.02
    saturation = 0.0 if monochrome else rng.uniform(0.75, 1.3)
    picture = grey + (picture - grey) * np.float32(saturation)
    if rng.random() < 0.1:
        picture = _filter(rng, picture)
    if rng.random() < 0.35:  # "clarity": contrast of middle size
        picture = picture + np.float32(rng.uniform(0, 0.45)) * (
            picture - wide_blur(picture, rng.uniform(4, 12))
        )
    if rng.random() < 0.75:
        picture = picture + np.float32(rng.uniform(0.1, 1.6)) * (
            picture - blur(picture, rng.uniform(0.6, 1.6))
        )
    return np.asarray(picture, np.float32)


def _filter(rng: Rng, picture: Image) -> Image:
    """A filter of a photo app: faded blacks, tinted shadows and lights, a heavy curve."""
    low, high = rng.uniform(0.0, 0.12, 3), rng.uniform(0.88, 1.0, 3)
    curved = np.clip(picture, 0, 1) ** np.float32(rng.uniform(0.75, 1.3))
    return np.asarray(curved * (high - low).astype(np.float32) + low.astype(np.float32), np.float32)


def _share(rng: Rng, picture: Bytes) -> Bytes:
    """JPEG once or twice, resampling by messengers, screenshots of the photo."""
    if rng.random() < 0.22:
        picture = _resample(rng, picture)
    if rng.random() < 0.93:
        picture = _jpeg(picture, int(rng.integers(35, 97)))
    if rng.random() < 0.15:  # sent on, or a screenshot of it
        picture = _jpeg(_resample(rng, picture), int(rng.integers(40, 92)))
    return picture


def _jpeg(picture: Bytes, quality: int) -> Bytes:
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done, "a JPEG encoder is part of OpenCV"
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def _resample(rng: Rng, picture: Bytes) -> Bytes:
    """Down and back up, as messaging apps do; detail is lost, the frame keeps its size."""
    height, width = picture.shape[:2]
    factor = rng.uniform(0.5, 0.9)
    small = cv2.resize(picture, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
