"""Where the ink prototypes come from: a model of ink in skin. It makes data/prototypes.json.

    python -m svc_color.prior > svc_color/data/prototypes.json

Four layers after Kubelka and Munk (1931), combined from below: deep dermis, ink, clear dermis above the ink,
epidermis with melanin; the surface after Saunderson (1942). Baseline absorption and reduced scattering of
skin after Jacques (2013), Physics in Medicine and Biology 58:R37; haemoglobin after Prahl's compilation.
Pigment bands are hand-set shapes within published ranges. Amounts were tuned so that modelled skins have
plausible CIELAB. These are modelled priors, not measurements: docs/colour.md says what follows from that.

Needs colour-science (the test group) for the D65 spectrum and the colour-matching functions.
"""

import json
import sys
import warnings
from typing import Final

import numpy as np

from svc_color.space import Array, linear_to_lab, xyz_to_linear
from svc_color.transmission import transmission, transmission_lab

with warnings.catch_warnings():
    # It warns on import that parts which are not used here would need SciPy.
    warnings.simplefilter("ignore")
    import colour

VERSION: Final = "0.1.0"

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

WAVELENGTHS: Final[Array] = np.arange(400.0, 781.0, 5.0)

# Molar extinction (cm-1/M) of oxygenated and of deoxygenated haemoglobin at the wavelengths (nm) beside it.
_HBO2: Final = np.array(
    [[400, 266232], [410, 466840], [415, 524280], [420, 480360], [430, 246072], [440, 102580], [450, 62816],
     [460, 44480], [470, 33209], [480, 26629], [490, 23684], [500, 20932], [510, 20035], [520, 24202],
     [530, 39957], [540, 53236], [550, 43016], [560, 32613], [570, 44496], [576, 55540], [580, 50104],
     [590, 14401], [600, 3200], [610, 1506], [620, 942], [630, 610], [640, 442], [650, 368], [660, 320],
     [680, 278], [700, 290], [750, 518], [780, 710]]
)  # fmt: skip
_HB: Final = np.array(
    [[400, 223296], [410, 303956], [420, 407560], [430, 528600], [434, 552160], [440, 413280], [450, 103292],
     [460, 23388], [470, 16156], [480, 14550], [490, 16684], [500, 20862], [510, 25773], [520, 31589],
     [530, 39036], [540, 46592], [550, 53412], [560, 53788], [570, 45072], [580, 37020], [590, 28324],
     [600, 14677], [610, 9443], [620, 6509], [630, 5148], [640, 4345], [650, 3750], [660, 3226],
     [680, 2407], [700, 1794], [750, 1405], [780, 1075]]
)  # fmt: skip

# Absorption bands of the pigments: (height, centre nm, width nm) of Gaussians; carbon and iron oxide below.
_BANDS: Final = {
    "PB15": ((0.95, 620, 38), (1.0, 705, 35), (0.45, 560, 30), (0.5, 360, 45)),
    "PG7": ((1.0, 650, 38), (0.9, 720, 35), (0.35, 600, 30), (0.9, 375, 45)),
    "naphthol_red": ((0.9, 505, 32), (1.0, 550, 22), (0.5, 460, 35), (0.45, 390, 40)),
    "quinacridone": ((0.8, 525, 28), (1.0, 560, 16), (0.35, 495, 25), (0.2, 390, 40)),
    "PV23": ((0.8, 535, 28), (1.0, 575, 25), (0.95, 620, 22), (0.25, 390, 40)),
    "PO": ((1.0, 470, 38), (0.5, 505, 22), (0.6, 410, 40)),
    "PY74": ((1.0, 430, 32), (0.45, 468, 18), (0.7, 395, 35)),
}

# Class of ink: absorption of each pigment in cm-1 at its peak, and scattering of titanium dioxide in cm-1.
RECIPES: Final[dict[str, tuple[dict[str, float], float]]] = {
    "black": ({"carbon": 120}, 0),
    "grey": ({"carbon": 12}, 0),
    "dark_blue": ({"PB15": 70, "carbon": 22}, 0),
    "blue": ({"PB15": 45}, 0),
    "light_blue": ({"PB15": 14}, 60),
    "teal": ({"PB15": 25, "PG7": 25}, 30),
    "dark_green": ({"PG7": 55, "PY74": 30, "carbon": 8}, 0),
    "light_green": ({"PG7": 14, "PY74": 50}, 60),
    "purple": ({"PV23": 45}, 0),
    "pink": ({"quinacridone": 18}, 80),
    "red": ({"naphthol_red": 60}, 0),
    "orange": ({"PO": 60, "naphthol_red": 5}, 20),
    "yellow": ({"PY74": 60}, 50),
    "brown": ({"iron_oxide": 25, "carbon": 8}, 0),
    "flesh": ({"iron_oxide": 3, "PY74": 3}, 90),
    "white": ({}, 180),
}


def pigment(name: str) -> Array:
    """Absorption spectrum of a pigment over `WAVELENGTHS`, peak about 1."""
    if name == "carbon":
        return np.asarray((500.0 / WAVELENGTHS) ** 0.6)
    if name == "iron_oxide":
        return np.asarray(1.0 / (1.0 + np.exp((WAVELENGTHS - 565.0) / 18.0)) + 0.12)
    bands = [h * np.exp(-0.5 * ((WAVELENGTHS - c) / w) ** 2) for h, c, w in _BANDS[name]]
    return np.asarray(np.sum(bands, axis=0))


def _layer(absorption: Array, scattering: Array, depth_cm: float) -> tuple[Array, Array]:
    """Reflectance and transmittance of one Kubelka-Munk layer."""
    a = (scattering + absorption) / scattering
    b = np.sqrt(a * a - 1.0)
    x = np.clip(b * scattering * depth_cm, 1e-9, 50.0)
    denominator = a * np.sinh(x) + b * np.cosh(x)
    return np.sinh(x) / denominator, b / denominator


def _over(layer: tuple[Array, Array], below: Array) -> Array:
    reflectance, transmittance = layer
    return reflectance + transmittance**2 * below / (1.0 - reflectance * below)


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
    extinction = 0.7 * np.interp(WAVELENGTHS, *_HBO2.T) + 0.3 * np.interp(WAVELENGTHS, *_HB.T)
    skin_base = 0.244 + 85.3 * np.exp(-(WAVELENGTHS - 154.0) / 66.2)
    dermis = skin_base + blood * 2.303 * extinction * 150.0 / 64500.0
    epidermis = skin_base + melanin * 480.0 * (WAVELENGTHS / 550.0) ** -2.3
    scattering = 46.0 * (WAVELENGTHS / 500.0) ** -1.421

    def s(reduced: Array, absorption: Array) -> Array:
        return np.asarray(np.maximum(0.75 * reduced - 0.25 * absorption, 0.225 * reduced))

    a = (s(scattering, dermis) + 2.0 * dermis) / s(scattering, dermis)
    below = np.asarray(a - np.sqrt(a * a - 1.0))
    if inks is not None:
        inked = dermis + np.sum([amount * pigment(name) for name, amount in inks.items()], axis=0)
        filled = 0.75 * (scattering + titanium * (WAVELENGTHS / 550.0) ** -1.0)
        below = _over(_layer(2.0 * inked, filled, 0.06), below)
    below = _over(_layer(2.0 * dermis, s(scattering, dermis), clear_cm), below)
    below = _over(_layer(2.0 * epidermis, s(0.4 * scattering, epidermis), 0.006), below)
    return np.asarray(0.006 + (1.0 - 0.035) * 0.5 * below / (1.0 - 0.5 * below))


def linear_rgb(spectrum: Array) -> Array:
    """Linear sRGB (3,) of a reflectance over `WAVELENGTHS` under D65, 2 degree observer."""
    shape = colour.SpectralShape(400, 780, 5)
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values
    weights = colour.SDS_ILLUMINANTS["D65"].copy().align(shape).values[:, None] * observer
    return np.maximum(xyz_to_linear(spectrum @ weights / weights[:, 1].sum()), 1e-5)


def inked(name: str, melanin: float, amount: float, clear_cm: float) -> Array:
    """Linear sRGB (3,) of a class of ink in skin."""
    pigments, titanium = RECIPES[name]
    scaled = {pigment_name: amount * each for pigment_name, each in pigments.items()}
    return linear_rgb(reflectance(melanin, inks=scaled, titanium=titanium * amount, clear_cm=clear_cm))


def table() -> dict[str, object]:
    """The prototype table: the ink transmission colour of every class at every stage of fading."""
    skin = linear_rgb(reflectance(REFERENCE_MELANIN))
    classes: dict[str, list[dict[str, object]]] = {}
    for name in RECIPES:
        ratios = [(a, transmission(inked(name, REFERENCE_MELANIN, a, depth), skin)) for a, depth in FADING]
        denser = [] if name in LIGHT + ENDS else [(power, ratios[0][1] ** power) for power in DENSER]
        classes[name] = [
            {"amount": amount, "lab_t": [round(float(v), 3) for v in transmission_lab(ratio)]}
            for amount, ratio in denser + ratios
        ]
    return {
        "name": "ink-prototypes",
        "version": VERSION,
        "source": "Modelled priors: four-layer Kubelka-Munk, ink in light skin (ITA 48), svc_color/prior.py",
        "illuminant": "D65",
        "observer": "2",
        "classes": classes,
        "achromatic": ACHROMATIC,
    }


def skin_lab(melanin: float) -> Array:
    """CIELAB (3,) of bare modelled skin under D65, for choosing a melanin fraction."""
    return linear_to_lab(linear_rgb(reflectance(melanin)))


if __name__ == "__main__":
    json.dump(table(), sys.stdout, indent=1)
    sys.stdout.write("\n")
