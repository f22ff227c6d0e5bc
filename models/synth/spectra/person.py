"""One person's skin: its optics drawn at random, its colours as a small table over melanin and blood."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Rng
from models.synth.spectra.observer import linear_rgb
from svc_color.optics import SkinOptics, spectrum
from svc_color.space import linear_to_lab

DARKEST, LIGHTEST = -50.0, 60.0
"""Individual typology angles of the people, degrees."""

# The table's range in natural logarithms: a mole is 0.4 melanin, a blanched scar 0.001; blood as in a flush.
_LOG_MELANIN: Final = (float(np.log(5e-4)), float(np.log(0.45)))
_LOG_BLOOD: Final = (float(np.log(5e-4)), float(np.log(0.12)))
_KNOTS, _STEPS = (26, 12), (640, 200)


@dataclass(frozen=True)
class Person:
    """Skin of one person, without freckles, flush or light."""

    optics: SkinOptics
    """Every field a float."""
    ita: float
    """Individual typology angle under D65, degrees."""

    @property
    def melanin(self) -> float:
        return float(np.asarray(self.optics.melanin))

    @property
    def blood(self) -> float:
        return float(np.asarray(self.optics.blood))


def typology_angle(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """ITA (...) in degrees of linear sRGB (..., 3) under D65 (Chardon 1991)."""
    lab = linear_to_lab(linear)
    return np.asarray(np.degrees(np.arctan2(lab[..., 0] - 50, np.maximum(lab[..., 2], 0.1))))


def skin_linear(optics: SkinOptics, light: str = "D65") -> NDArray[np.float64]:
    """Linear sRGB (..., 3) of skin under a light whose white is balanced."""
    return linear_rgb(spectrum(optics), light)


def with_angle(optics: SkinOptics, ita: float) -> Person:
    """The person with that ITA: melanin is found for it, and where none is little enough, paler blood."""
    melanin, blood = np.exp(np.linspace(*_LOG_MELANIN, 160))[::-1], float(np.asarray(optics.blood))
    paler = np.linspace(blood, 0.1 * blood, 41)[1:]
    fractions = np.append(np.log(melanin), np.full(40, np.log(melanin[-1])))
    bloods = np.append(np.full(160, blood), paler)
    angles = typology_angle(skin_linear(replace(optics, melanin=np.exp(fractions), blood=bloods)))
    made = replace(
        optics,
        melanin=float(np.exp(np.interp(ita, angles, fractions))),
        blood=float(np.interp(ita, angles, bloods)),
    )
    return Person(made, float(typology_angle(skin_linear(made))))


def draw_person(rng: Rng) -> Person:
    """A person whose ITA is uniform from `DARKEST` to `LIGHTEST`; ranges cover measured skin (tests)."""
    ita = float(rng.uniform(DARKEST, LIGHTEST))
    darkness = float(np.clip((25.0 - ita) / 75.0, 0.0, 1.0))
    optics = SkinOptics(
        melanin=0.01,
        blood=float(np.exp(rng.normal(np.log(0.013), 0.4))),
        oxygenation=float(rng.uniform(0.5, 0.9)),
        scattering=float(np.exp(rng.normal(0.0, 0.16))),
        slope=float(rng.normal(2.3, 0.25) - 0.9 * darkness),
        gloss=float(rng.uniform(0.002, 0.008) + 0.012 * darkness * rng.random()),
    )
    return with_angle(optics, ita)


@dataclass(frozen=True)
class SkinTable:
    """Colours of one person's skin for every amount of melanin and blood."""

    rgb: Image
    """(640, 200, 6): linear sRGB under D65, then under the scene's light."""

    def colours(self, melanin: Image, blood: Image) -> Image:
        """(H, W, 6) of melanin and blood fractions (H, W) given as natural logarithms; ends are held."""
        i = _index(melanin, _LOG_MELANIN, _STEPS[0])
        j = _index(blood, _LOG_BLOOD, _STEPS[1])
        flat: Image = self.rgb.reshape(-1, 6)
        return np.asarray(flat.take(i * _STEPS[1] + j, axis=0), np.float32)


def skin_table(person: Person, light: str) -> SkinTable:
    """The table of a person under a light: spectra at 26 x 12 points, a cubic of logarithms between."""
    optics = replace(
        person.optics,
        melanin=np.exp(np.linspace(*_LOG_MELANIN, _KNOTS[0]))[:, None],
        blood=np.exp(np.linspace(*_LOG_BLOOD, _KNOTS[1])),
    )
    spectra = spectrum(optics)
    knots = np.log(np.concatenate([linear_rgb(spectra), linear_rgb(spectra, light)], -1)).astype(np.float32)
    return SkinTable(np.exp(_refine(knots)))


def _refine(knots: Image) -> Image:
    """Cubic interpolation of (26, 12, 6) to (640, 200, 6), ends on ends."""
    rows = np.linspace(0, _KNOTS[0] - 1, _STEPS[0], dtype=np.float32)
    cols = np.linspace(0, _KNOTS[1] - 1, _STEPS[1], dtype=np.float32)
    x, y = np.meshgrid(cols, rows)
    halves = [knots[..., :3], knots[..., 3:]]
    edge = cv2.BORDER_REPLICATE
    done = [cv2.remap(np.ascontiguousarray(h), x, y, cv2.INTER_CUBIC, borderMode=edge) for h in halves]
    return np.asarray(np.concatenate(done, -1), np.float32)


def _index(value: Image, ends: tuple[float, float], steps: int) -> NDArray[np.int32]:
    scale = (steps - 1) / (ends[1] - ends[0])
    return np.asarray(np.clip((value - ends[0]) * scale + 0.5, 0, steps - 1), np.int32)
