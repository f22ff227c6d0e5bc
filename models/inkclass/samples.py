"""Samples for the ink classifier: ink of known class beside skin of known angle, as a phone would show
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.inkclass.camera import reference, view
from models.inkclass.phone import photographed
from models.inkclass.tissue import ink_layer, path_length, pick
from models.inkclass.worlds import World
from svc_color import prior
from svc_color.ita import skin_class
from svc_color.optics import RECIPES, InkLayer, SkinOptics, spectrum
from svc_color.space import linear_to_lab
from svc_color.transmission import transmission

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

CLASSES: Final = tuple(RECIPES)
HAZARDS: Final = ("white", "flesh", "pink", "brown")
"""Inks that may darken under a laser: they must stay visible in the posterior, at 0.15 or more."""

_SPECIAL: Final = {"black": 0.35, "grey": 0.15, "brown": 1 / 15}
BASE_RATES: Final[Mapping[str, float]] = {name: _SPECIAL.get(name, 1 / 30) for name in CLASSES}
"""How common each ink is, by assumption: half of all are black or grey, black the more, the others alike; but
brown counts double, since brown that passes for black or grey does harm."""

# Angle of the skins, degrees; even over the range.
_ITA: Final = (-50.0, 60.0)
_MELANIN: Final = np.geomspace(0.0005, 0.35, 80)
# Samples of one class seen by one camera in one light.
_GROUP: Final = 16


@dataclass(frozen=True)
class Samples:
    """n measured inks. ratio, skin: linear RGB (n, 3); ratio as `transmission` gives it, skin as the
    reference that was divided by. label: (n,) index into CLASSES. ita: (n,) true angle of the skin in
    degrees."""

    ratio: Array
    skin: Array
    label: Indices
    ita: Array

    def __len__(self) -> int:
        return len(self.label)


def draw(seed: int, world: World, count: int) -> Samples:
    """About `count` samples, as many of every class; the same for the same seed."""
    rng = np.random.default_rng(seed)
    views = max(1, round(count / len(CLASSES) / _GROUP))
    parts = [_group(rng, label, view(rng, world.optics), world) for _ in range(views) for label in range(16)]
    return Samples(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("ratio", "skin", "label", "ita")
        )
    )


def _group(rng: np.random.Generator, label: int, camera: Array, world: World) -> Samples:
    """Samples of one class by one camera in one light."""
    skin = skins(rng, world, _GROUP)
    ink = ink_layer(rng, CLASSES[label], world, _GROUP)
    dense = world.denser if CLASSES[label] not in (*prior.LIGHT, *prior.ENDS) else 0.0
    bare, inked = _seen(rng, skin, ink, camera, replace(world, denser=dense))
    return Samples(
        transmission(inked, bare), bare, np.full(_GROUP, label, np.intp), _ita(_reflectance(skin, None, None))
    )


def skins(rng: np.random.Generator, world: World, count: int) -> SkinOptics:
    """Bare skins (count,), even over the range of angles."""
    angles = rng.uniform(*_ITA, count)
    return SkinOptics(
        melanin=np.interp(-angles, -_angles(), _MELANIN),
        blood=rng.uniform(*world.blood, count),
        oxygenation=rng.uniform(0.5, 0.9, count),
        scattering=pick(rng, world.scattering, count),
        slope=rng.uniform(*world.slope, count),
        gloss=rng.uniform(0.0, 0.012, count),
    )


@cache
def _angles() -> Array:
    """Angle of modelled skin at every melanin fraction of the table."""
    return _ita(spectrum(SkinOptics(_MELANIN)))


def _ita(spectra: Array) -> Array:
    """Individual typology angle in degrees of reflectances (n, 77), D65, 2 degree observer."""
    lab = linear_to_lab(np.maximum(spectra @ reference(), 1e-5))
    return np.degrees(np.arctan2(lab[:, 0] - 50.0, np.maximum(lab[:, 2], 0.1)))


def _reflectance(skin: SkinOptics, ink: InkLayer | None, layered: NDArray[np.bool_] | None) -> Array:
    stacked = spectrum(skin, ink)
    if layered is None or layered.all():
        return stacked
    return np.where(layered[:, None], stacked, path_length(skin, ink))


def _seen(
    rng: np.random.Generator, skin: SkinOptics, ink: InkLayer, camera: Array, world: World
) -> tuple[Array, Array]:
    """Linear sRGB (n, 3) of skin and of ink as decoded from the phone's file."""
    layered = rng.random(_GROUP) < world.layered
    red = np.where(rng.random(_GROUP) < world.inflamed, rng.uniform(1.0, 3.5, _GROUP), 1.0)
    reddened = replace(skin, blood=np.asarray(skin.blood) * red)
    below, above = _reflectance(skin, None, layered), _reflectance(reddened, ink, layered)
    # Photos show ink denser than the layers can: by Lambert and Beer, as in svc_color.prior.
    passes = np.where(rng.random((_GROUP, 1)) < world.denser, 4.0 ** rng.random((_GROUP, 1)), 1.0)
    above = np.where(above < below, below * (above / below) ** passes, above)
    return photographed(rng, below, above, camera, world)


def skin_classes(ita: Array) -> NDArray[np.str_]:
    """ITA class (n,) of angles (n,) in degrees."""
    return np.array([skin_class(float(angle)) for angle in ita])
