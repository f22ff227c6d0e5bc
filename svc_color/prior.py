"""Colours of ink that the model of ink in skin predicts, class by class.

The layers are in svc_color/optics.py. Amounts were tuned so that modelled skins have plausible CIELAB. These
are modelled priors, not measurements: docs/ink-classifier.md says what follows from that.

Needs colour-science (the test group) for the D65 spectrum and the colour-matching functions.
"""

import warnings
from typing import Final

import numpy as np

from svc_color.optics import RECIPES, InkLayer, SkinOptics, pigment, spectrum
from svc_color.space import Array, linear_to_lab, xyz_to_linear
from svc_color.transmission import transmission, transmission_lab

with warnings.catch_warnings():
    # It warns on import that parts which are not used here would need SciPy.
    warnings.simplefilter("ignore")
    import colour

# Relative ink amount, and centimetres of clear dermis above it: fresh and dense to old, deep and faint.
FADING: Final = ((1.0, 0.003), (0.6, 0.005), (0.35, 0.007), (0.15, 0.007))

# Photos show ink denser than the model's densest. Its colour is extrapolated by Lambert and Beer: the densest
# transmission to the power of the amount.
DENSER: Final = (2.0, 3.0)
# Inks that scatter more than they absorb have no denser colour of that kind.
LIGHT: Final = ("white", "flesh", "light_blue", "light_green", "yellow")
# Denser grey is black, and denser brown is not told from it.
ENDS: Final = ("grey", "brown")

# The model's blacks are bluish; in photos black and grey run from a neutral filter (which darkens the skin
# below) to neutral paint (which hides it). Luminance of each as a share of the skin's.
ACHROMATIC: Final = {
    "black": [0.02, 0.05, 0.1, 0.14, 0.18, 0.22, 0.26, 0.3, 0.35],
    "grey": [0.45, 0.5, 0.56, 0.62, 0.68, 0.75],
}

# Melanosome volume fraction of the reference skin, ITA 48 degrees (light).
REFERENCE_MELANIN: Final = 0.009734


def reflectance(
    melanin: float,
    *,
    blood: float = 0.01,
    inks: dict[str, float] | None = None,
    titanium: float = 0.0,
    clear_cm: float = 0.004,
) -> Array:
    """Diffuse reflectance (77,) of skin over `WAVELENGTHS`, with or without ink in the dermis.

    Args:
        melanin: melanosome volume fraction of the epidermis, 0 to 0.45.
        blood: blood volume fraction of the dermis.
        inks: absorption in cm-1 of each pigment in the ink layer; None for bare skin.
        titanium: scattering in cm-1 that titanium dioxide adds to the ink layer.
        clear_cm: depth of clear dermis above the ink.
    """
    bare = SkinOptics(melanin, blood)
    if inks is None:
        return spectrum(bare)
    absorption = np.sum([amount * pigment(name) for name, amount in inks.items()], axis=0)
    return spectrum(bare, InkLayer(np.asarray(absorption), titanium, clear_cm))


def linear_rgb(reflected: Array) -> Array:
    """Linear sRGB (3,) of a reflectance over `WAVELENGTHS` under D65, 2 degree observer."""
    shape = colour.SpectralShape(400, 780, 5)
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values
    weights = colour.SDS_ILLUMINANTS["D65"].copy().align(shape).values[:, None] * observer
    return np.maximum(xyz_to_linear(reflected @ weights / weights[:, 1].sum()), 1e-5)


def inked(name: str, melanin: float, amount: float, clear_cm: float) -> Array:
    """Linear sRGB (3,) of a class of ink in skin."""
    pigments, titanium = RECIPES[name]
    scaled = {pigment_name: amount * each for pigment_name, each in pigments.items()}
    return linear_rgb(reflectance(melanin, inks=scaled, titanium=titanium * amount, clear_cm=clear_cm))


def table() -> dict[str, tuple[Array, ...]]:
    """The ink transmission colour (3,) of every class, densest first, over the stages of fading."""
    skin = linear_rgb(reflectance(REFERENCE_MELANIN))
    classes: dict[str, tuple[Array, ...]] = {}
    for name in RECIPES:
        ratios = [transmission(inked(name, REFERENCE_MELANIN, a, depth), skin) for a, depth in FADING]
        denser = [] if name in LIGHT + ENDS else [ratios[0] ** power for power in DENSER]
        classes[name] = tuple(transmission_lab(ratio) for ratio in denser + ratios)
    return classes


def skin_lab(melanin: float) -> Array:
    """CIELAB (3,) of bare modelled skin under D65, for choosing a melanin fraction."""
    return linear_to_lab(linear_rgb(reflectance(melanin)))
