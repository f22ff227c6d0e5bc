"""Ink in skin as layers, after Kubelka and Munk: the optics of bodies that are wide and thin. numpy only.

Four layers, combined from below: deep dermis, ink, clear dermis above the ink, epidermis with melanin
(Kubelka and Munk 1931, Zeitschrift fuer technische Physik 12:593); the surface after Saunderson (1942).
Baseline absorption and reduced scattering of skin after Jacques (2013), Physics in Medicine and Biology
58:R37; haemoglobin after Prahl's compilation. Pigment bands are hand-set shapes within published ranges.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from svc_color.space import Array

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


def pigment(name: str, shift_nm: ArrayLike = 0.0) -> Array:
    """Absorption (..., 77) of a pigment over `WAVELENGTHS`, peak about 1; its bands moved by `shift_nm`."""
    at = WAVELENGTHS - np.asarray(shift_nm, np.float64)[..., None]
    if name == "carbon":
        return np.asarray((500.0 / WAVELENGTHS) ** 0.6)
    if name == "iron_oxide":
        return np.asarray(1.0 / (1.0 + np.exp((at - 565.0) / 18.0)) + 0.12)
    bands = [h * np.exp(-0.5 * ((at - c) / w) ** 2) for h, c, w in _BANDS[name]]
    return np.asarray(np.sum(bands, axis=0))


def haemoglobin(oxygenation: ArrayLike = 0.7) -> Array:
    """Absorption (..., 77) of whole blood in cm-1, 150 g/l, oxygenated to that share."""
    share = np.asarray(oxygenation, np.float64)[..., None]
    extinction = share * np.interp(WAVELENGTHS, *_HBO2.T) + (1 - share) * np.interp(WAVELENGTHS, *_HB.T)
    return np.asarray(2.303 * extinction * 150.0 / 64500.0)


@dataclass(frozen=True)
class SkinOptics:
    """Bare skin. Every field may be an array; they broadcast against each other."""

    melanin: ArrayLike
    """Melanosome volume fraction of the epidermis, 0..0.45."""
    blood: ArrayLike = 0.01
    """Blood volume fraction of the dermis, 0.002..0.1."""
    oxygenation: ArrayLike = 0.7
    """Share of haemoglobin that carries oxygen, 0..1."""
    scattering: ArrayLike = 1.0
    """Reduced scattering relative to the mean of skin, 0.6..1.6."""
    slope: ArrayLike = 2.3
    """Exponent of melanin's absorption over wavelength: less for pheomelanin and for very dark skin."""
    gloss: ArrayLike = 0.006
    """Share of light that the surface reflects into the camera before it reaches any colour."""


@dataclass(frozen=True)
class InkLayer:
    """Ink in the dermis; `absorption` (..., 77) broadcasts against the skin."""

    absorption: Array
    """Absorption in cm-1 over `WAVELENGTHS`."""
    titanium: ArrayLike = 0.0
    """Scattering in cm-1 at 550 nm that titanium dioxide adds."""
    clear_cm: ArrayLike = 0.004
    """Depth of clear dermis above the ink."""
    veil: ArrayLike = 1.0
    """Scattering of what lies above the ink, relative to bare skin's: fresh ink reaches into it."""


def _layer(absorption: Array, scattering: Array, depth_cm: Array | float) -> tuple[Array, Array]:
    """Reflectance and transmittance of one Kubelka-Munk layer."""
    a = (scattering + absorption) / scattering
    b = np.sqrt(a * a - 1.0)
    x = np.clip(b * scattering * depth_cm, 1e-9, 50.0)
    denominator = a * np.sinh(x) + b * np.cosh(x)
    return np.sinh(x) / denominator, b / denominator


def _over(layer: tuple[Array, Array], below: Array) -> Array:
    reflectance, transmittance = layer
    return reflectance + transmittance**2 * below / (1.0 - reflectance * below)


def _backscatter(reduced: Array, absorption: Array) -> Array:
    """Kubelka-Munk's S of a layer with that reduced scattering (Mudgett and Richards 1971)."""
    return np.asarray(np.maximum(0.75 * reduced - 0.25 * absorption, 0.225 * reduced))


def spectrum(skin: SkinOptics, ink: InkLayer | None = None) -> Array:
    """Diffuse reflectance (..., 77) of skin over `WAVELENGTHS`, with or without ink in the dermis."""

    def each(field: ArrayLike) -> Array:
        return np.asarray(field, np.float64)[..., None]

    base = 0.244 + 85.3 * np.exp(-(WAVELENGTHS - 154.0) / 66.2)
    dermis = base + each(skin.blood) * haemoglobin(skin.oxygenation)
    melanin = 480.0 * (WAVELENGTHS / 550.0) ** -each(skin.slope)
    epidermis = base + each(skin.melanin) * melanin
    reduced = 46.0 * (WAVELENGTHS / 500.0) ** -1.421 * each(skin.scattering)
    a = (_backscatter(reduced, dermis) + 2.0 * dermis) / _backscatter(reduced, dermis)
    below = np.asarray(a - np.sqrt(a * a - 1.0))
    above, clear_cm = each(1.0), each(InkLayer.clear_cm)
    if ink is not None:
        above, clear_cm = each(ink.veil), each(ink.clear_cm)
        filled = 0.75 * (reduced + each(ink.titanium) * (WAVELENGTHS / 550.0) ** -1.0)
        below = _over(_layer(2.0 * (dermis + ink.absorption), filled, 0.06), below)
    below = _over(_layer(2.0 * dermis, _backscatter(above * reduced, dermis), clear_cm), below)
    below = _over(_layer(2.0 * epidermis, _backscatter(0.4 * above * reduced, epidermis), 0.006), below)
    gloss = each(skin.gloss)
    return np.asarray(gloss + (1.0 - 0.029 - gloss) * 0.5 * below / (1.0 - 0.5 * below))
