"""One bottle of ink: its recipe drawn at random around the class's, and what it does to one person's skin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Rng
from models.synth.inks import INK_CLASSES, Ink
from models.synth.spectra.observer import linear_rgb
from models.synth.spectra.person import Person
from svc_color.optics import RECIPES, WAVELENGTHS, InkLayer, haemoglobin, pigment, spectrum

MOST = 2.0
"""Relative amount of ink above which nothing changes."""
# Even in the square root: colour changes fastest where ink is thin.
_KNOTS: Final = 49
_STEPS: Final = 1024
assert tuple(RECIPES) == INK_CLASSES


@dataclass(frozen=True)
class Bottle:
    """What is in the dermis at amount 1."""

    absorption: NDArray[np.float64]
    """(77,) in cm-1 over `svc_color.optics.WAVELENGTHS`."""
    titanium: float
    """Scattering in cm-1 at 550 nm."""
    clear_cm: float
    """Depth of clear dermis above."""
    veil: float = 1.0
    """Scattering of what lies above, relative to bare skin's."""


def textbook(ink: Ink) -> Bottle:
    """The class's recipe as it stands in the prototype table."""
    pigments, titanium = RECIPES[ink.name]
    absorption = np.sum([cm * pigment(name) for name, cm in pigments.items()], 0)
    return Bottle(np.zeros_like(WAVELENGTHS) + absorption, titanium, ink.clear_cm)


def mixed(rng: Rng, ink: Ink, veil: float = 1.0) -> Bottle:
    """A bottle of that class as makers differ: strengths, bands, titanium dioxide, a little carbon."""
    pigments, titanium = RECIPES[ink.name]
    strength = np.exp(rng.normal(0.0, 0.25))
    absorption = np.zeros_like(WAVELENGTHS)
    for name, cm in pigments.items():
        each = strength * np.exp(rng.normal(0.0, 0.2))
        absorption += cm * each * pigment(name, rng.normal(0.0, 5.0))
    if "carbon" in pigments:  # artists' blacks are up to four times as dense as the prototype's
        absorption *= np.exp(rng.uniform(-0.2, 1.4 if ink.name == "black" else 0.5))
    elif ink.name not in ("white", "flesh"):  # so are packed colours, and many hold carbon
        absorption *= np.exp(rng.uniform(-0.1, 1.3))
        if rng.random() < 0.35:
            absorption += rng.uniform(0.5, 12.0) * pigment("carbon")
    titanium = titanium * np.exp(rng.normal(0.0, 0.35))
    if ink.name not in ("black", "white") and rng.random() < 0.2:  # the commonest extender
        titanium += rng.uniform(5.0, 50.0)
    return Bottle(absorption, float(titanium), ink.clear_cm, veil)


def stain(blood: float, oxygenation: float, yellow: float, depth_cm: float) -> Bottle:
    """Blood in the dermis, as in a vein or a bruise, and bilirubin as the bruise ages.

    Args:
        blood: volume fraction at amount 1.
        oxygenation: share of haemoglobin that carries oxygen.
        yellow: absorption in cm-1 of bilirubin at its peak, 460 nm.
        depth_cm: clear dermis above.
    """
    bilirubin = np.exp(-0.5 * ((WAVELENGTHS - 460.0) / 30.0) ** 2)
    return Bottle(blood * haemoglobin(oxygenation) + yellow * bilirubin, 0.0, depth_cm)


def ink_ratio(
    bottle: Bottle, amount: NDArray[np.float64], person: Person, light: str = "D65"
) -> NDArray[np.float64]:
    """Linear ratio (..., 3) of skin with that amount (...) of the bottle to the same skin without."""
    amounts = np.asarray(amount, np.float64)
    # Amount 0 is bare skin: the veil thins with the first traces of ink.
    veil = 1 + (bottle.veil - 1) * np.clip(amounts / 0.15, 0, 1)
    absorption = amounts[..., None] * bottle.absorption
    layer = InkLayer(absorption, amounts * bottle.titanium, bottle.clear_cm, veil)
    empty = InkLayer(np.zeros_like(WAVELENGTHS), 0.0, bottle.clear_cm)
    inked = linear_rgb(spectrum(person.optics, layer), light)
    return np.asarray(inked / linear_rgb(spectrum(person.optics, empty), light))


@dataclass(frozen=True)
class InkTable:
    """Natural logarithm of one bottle's ratio for every amount."""

    log_ratio: Image
    """(1024, 6): under D65, then under the scene's light; even in the square root of amounts 0..`MOST`."""

    def lookup(self, amount: Image) -> Image:
        """(..., 6) of amounts (...)."""
        place = np.sqrt(np.clip(amount, 0, MOST) / np.float32(MOST))
        index = (place * np.float32(_STEPS - 1) + np.float32(0.5)).astype(np.int32)
        return np.asarray(self.log_ratio.take(index, axis=0), np.float32)


def ink_table(bottle: Bottle, person: Person, light: str) -> InkTable:
    """The table of a bottle in a person's skin under a light."""
    knots = MOST * np.linspace(0, 1, _KNOTS) ** 2
    ratios = [np.log(ink_ratio(bottle, knots, person, each)) for each in ("D65", light)]
    values = np.concatenate(ratios, -1)
    steps, at = np.linspace(0, 1, _STEPS), np.linspace(0, 1, _KNOTS)
    columns = [np.interp(steps, at, values[:, k]) for k in range(6)]
    return InkTable(np.stack(columns, -1).astype(np.float32))
