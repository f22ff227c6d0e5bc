"""Where skin is in a photo, how it curves, and how designs lie on it."""

from __future__ import annotations

from models.synth.arrays import Rng
from models.synth.designs import EMPTY, Library
from models.synth.geometry.limbs import limb, patch
from models.synth.geometry.place import Layer, place
from models.synth.geometry.surface import Surface, from_height
from models.synth.geometry.views import view

__all__ = ["Layer", "Surface", "from_height", "place", "surface"]


def surface(rng: Rng, shape: tuple[int, int], library: Library = EMPTY) -> Surface:
    """A flat patch, a generalised cylinder, or where the library has bodies a patch of one."""
    if library.bodies is not None and rng.random() < 0.5:
        return view(rng, shape, library.bodies)
    return patch(rng, shape) if rng.random() < 0.25 else limb(rng, shape)
