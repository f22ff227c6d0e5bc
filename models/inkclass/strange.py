"""What is no single ink: two inks in one place, cloth and paint, marks of the skin itself. None has a
class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.inkclass.camera import smooth_surfaces, view
from models.inkclass.phone import photographed
from models.inkclass.samples import CLASSES, skins
from models.inkclass.tissue import ink_layer
from models.inkclass.worlds import World
from svc_color.optics import InkLayer, SkinOptics, spectrum
from svc_color.transmission import transmission

Array = NDArray[np.float64]
Rng = np.random.Generator

_GROUP = 64


def draw(seed: int, world: World, groups: int) -> Mapping[str, tuple[Array, Array]]:
    """For each kind of strange thing ratios and skins, linear RGB (64 groups, 3) each."""
    rng = np.random.default_rng(seed)
    found = {}
    for kind, made in (("two inks", _two_inks), ("cloth or paint", _cloth), ("marks of the skin", _marks)):
        pairs = []
        for _ in range(groups):
            skin = skins(rng, world, _GROUP)
            pairs.append(
                photographed(rng, spectrum(skin), made(rng, skin, world), view(rng, world.optics), world)
            )
        bare, above = (np.concatenate(side) for side in zip(*pairs, strict=True))
        found[kind] = (transmission(above, bare), bare)
    return found


def _two_inks(rng: Rng, skin: SkinOptics, world: World) -> Array:
    """Two inks of different class mixed or laid over each other."""
    names = rng.choice(CLASSES, 2, replace=False)
    first, second = (ink_layer(rng, str(name), world, _GROUP) for name in names)
    share = rng.uniform(0.3, 0.7, _GROUP)
    both = InkLayer(
        share[:, None] * first.absorption + (1.0 - share[:, None]) * second.absorption,
        share * np.asarray(first.titanium) + (1.0 - share) * np.asarray(second.titanium),
        first.clear_cm,
        first.veil,
    )
    return spectrum(skin, both)


def _cloth(rng: Rng, skin: SkinOptics, world: World) -> Array:
    """Opaque things of any colour that a mask took for ink."""
    return smooth_surfaces(rng, _GROUP)


def _marks(rng: Rng, skin: SkinOptics, world: World) -> Array:
    """Moles, freckles, scabs, flushed skin: more melanin or more blood, and no ink."""
    more = rng.uniform(2.0, 10.0, (2, _GROUP)) ** rng.integers(0, 2, (2, _GROUP))
    melanin = np.minimum(np.asarray(skin.melanin) * more[0], 0.45)
    return spectrum(replace(skin, melanin=melanin, blood=np.asarray(skin.blood) * more[1]))
