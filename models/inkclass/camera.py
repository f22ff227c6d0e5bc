"""Lights and cameras: what turns a reflectance spectrum into the linear sRGB that a phone writes.

A view is a light, three sensitivities, white balance at that light and a colour matrix; together one matrix
(77, 3) under which a perfect white is (1, 1, 1).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from svc_color.optics import WAVELENGTHS
from svc_color.space import XYZ_TO_SRGB

with warnings.catch_warnings():
    # It warns on import that parts which are not used here would need SciPy.
    warnings.simplefilter("ignore")
    import colour

Array = NDArray[np.float64]
Light = Literal["thermal", "led", "tube"]

# Second radiation constant in nm K (CODATA 2018).
_C2: Final = 1.438776877e7


@dataclass(frozen=True)
class Optics:
    """What lights and cameras a world has. Ranges are (least, most)."""

    lights: tuple[Light, ...]
    kelvin: tuple[float, float]
    """Colour temperature."""
    observer: bool
    """Cameras that see as the CIE 1931 observer does, with a matrix a little off; else Gaussian lobes."""
    peaks_nm: tuple[float, float, float] = (600.0, 538.0, 460.0)
    """Mean peaks of the lobes of R, G, B."""
    spread_nm: float = 6.0
    """Standard deviation of a peak from camera to camera."""
    width_nm: tuple[float, float] = (28.0, 42.0)
    """Standard deviation of a lobe."""
    matrix_sd: float = 0.03
    """Standard deviation of the entries of the observer cameras' colour matrix about the identity."""


def view(rng: np.random.Generator, optics: Optics) -> Array:
    """Matrix (77, 3) of one random light and camera: reflectance @ matrix is linear RGB, white (1, 1, 1)."""
    kind = optics.lights[rng.integers(len(optics.lights))]
    light = spectrum(kind, rng.uniform(*optics.kelvin))
    if optics.observer:
        seen = light[:, None] * observer()
        balanced = seen / seen.sum(0) * _white_xyz()
        matrix = np.eye(3) + optics.matrix_sd * rng.standard_normal((3, 3))
        rgb = balanced @ XYZ_TO_SRGB.T @ matrix.T
        return np.asarray(rgb / rgb.sum(0))
    peaks = np.array(optics.peaks_nm) + optics.spread_nm * rng.standard_normal(3)
    widths = rng.uniform(*optics.width_nm, 3)
    lobes = np.exp(-0.5 * ((WAVELENGTHS[:, None] - peaks) / widths) ** 2)
    raw = light[:, None] * lobes
    raw = raw / raw.sum(0)
    # The maker's matrix: least squares to sRGB over smooth surfaces, white kept.
    surfaces = np.vstack([smooth_surfaces(rng, 56), np.ones((5, len(WAVELENGTHS)))])
    matrix, *_ = np.linalg.lstsq(surfaces @ raw, surfaces @ reference(), rcond=None)
    rgb = raw @ matrix
    return np.asarray(rgb / rgb.sum(0))


def spectrum(kind: Light, kelvin: float) -> Array:
    """Relative power (77,) of a light: a Planckian radiator, a white LED, a three-band fluorescent tube."""
    nm = WAVELENGTHS
    if kind == "thermal":
        return np.asarray(
            (560.0 / nm) ** 5 * np.expm1(_C2 / (560.0 * kelvin)) / np.expm1(_C2 / (nm * kelvin))
        )
    warm = float(np.clip((6500.0 - kelvin) / 3800.0, 0.0, 1.0))
    if kind == "led":
        blue = np.exp(-0.5 * ((nm - 452.0) / 10.0) ** 2)
        phosphor = np.exp(-0.5 * ((nm - 555.0 - 35.0 * warm) / 52.0) ** 2)
        return np.asarray((1.15 - 0.85 * warm) * blue + phosphor)
    lines = ((436.0, 0.9 - 0.6 * warm), (488.0, 0.35), (545.0, 1.0), (588.0, 0.25), (611.0, 0.8 + 0.6 * warm))
    return np.asarray(0.08 + sum(power * np.exp(-0.5 * ((nm - at) / 6.0) ** 2) for at, power in lines))


@cache
def observer() -> Array:
    """CIE 1931 2 degree observer (77, 3)."""
    shape = colour.SpectralShape(400, 780, 5)
    return np.asarray(colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values)


@cache
def reference() -> Array:
    """Matrix (77, 3) to linear sRGB under D65 for the observer: the truth that cameras are matched to."""
    shape = colour.SpectralShape(400, 780, 5)
    light = np.asarray(colour.SDS_ILLUMINANTS["D65"].copy().align(shape).values)[:, None]
    weights = light * observer()
    return np.asarray(weights / weights[:, 1].sum() @ XYZ_TO_SRGB.T)


@cache
def _white_xyz() -> Array:
    return np.asarray(np.linalg.inv(XYZ_TO_SRGB) @ np.ones(3))


def smooth_surfaces(rng: np.random.Generator, count: int) -> Array:
    """Smooth reflectances (count, 77) of things that are not skin: steps and humps of random place; count
    even."""
    each = (count // 2, 1)
    edge = 1.0 / (1.0 + np.exp(-(WAVELENGTHS - rng.uniform(420, 700, each)) / rng.uniform(12, 45, each)))
    hump = np.exp(-0.5 * ((WAVELENGTHS - rng.uniform(400, 700, each)) / rng.uniform(25, 80, each)) ** 2)
    return np.asarray(np.vstack([edge, hump]) * rng.uniform(0.2, 0.9, (count, 1)) + 0.03)
