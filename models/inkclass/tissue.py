"""Inks in skin as spectra: recipes as artists vary them, and a second optical model beside the layered
one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.inkclass.worlds import Range, World
from svc_color.optics import RECIPES, WAVELENGTHS, InkLayer, SkinOptics, haemoglobin, pigment

Array = NDArray[np.float64]

# Relative amount of ink, dense to faded. Fainter black looks like grey ink, and counts as such.
_AMOUNT: Final[Range] = (0.12, 3.0)
_AMOUNTS: Final[Mapping[str, Range]] = {
    "black": (0.35, 4.0),
    "grey": (0.3, 2.5),
    "white": (0.3, 2.0),
    "flesh": (0.3, 2.0),
}
_CLEAR_CM: Final[Range] = (0.0005, 0.011)
# Fresh ink reaches into what lies above it, so that little of the scattering there is without ink.
_VEIL: Final[Range] = (0.02, 1.0)

# Pigments of the same hue that held-out recipes may use instead: bands as in svc_color.optics, after
# published film spectra of other Colour Index pigments (PB15:1, PG36, PR254, PR170, PV19, PY83, PO13).
_OTHERS: Final[Mapping[str, tuple[tuple[tuple[float, float, float], ...], ...]]] = {
    "PB15": (((1.0, 612, 40), (0.85, 690, 34), (0.4, 555, 32), (0.45, 355, 45)),),
    "PG7": (((1.0, 668, 36), (0.9, 738, 36), (0.35, 615, 32), (1.0, 385, 48)),),
    "naphthol_red": (
        ((0.75, 500, 32), (1.0, 538, 24), (0.55, 470, 32), (0.3, 400, 40)),
        ((1.0, 525, 34), (0.75, 565, 20), (0.5, 470, 40), (0.5, 390, 40)),
    ),
    "quinacridone": (((0.75, 530, 26), (1.0, 568, 18), (0.45, 492, 28), (0.25, 390, 40)),),
    "PV23": (((0.6, 535, 30), (0.7, 570, 26), (0.6, 615, 38), (0.5, 700, 34), (0.2, 390, 40)),),
    "PO": (((1.0, 462, 42), (0.6, 512, 24), (0.6, 405, 40)),),
    "PY74": (((1.0, 440, 34), (0.6, 480, 20), (0.7, 400, 35)),),
    # Brown without iron: orange, a little blue, soot.
    "iron_oxide": (((0.8, 462, 42), (0.55, 512, 30), (0.3, 560, 40), (0.25, 640, 60)),),
}


def log_uniform(rng: np.random.Generator, within: Range, count: int) -> Array:
    """Numbers (count,) whose logarithms are even over the range."""
    return np.asarray(np.exp(rng.uniform(np.log(within[0]), np.log(within[1]), count)))


def pick(rng: np.random.Generator, ranges: tuple[Range, ...], count: int) -> Array:
    """Numbers (count,) from several ranges, each as likely."""
    least, most = np.array(ranges)[rng.integers(len(ranges), size=count)].T
    return np.asarray(rng.uniform(least, most))


def ink_layer(rng: np.random.Generator, name: str, world: World, count: int) -> InkLayer:
    """Inks (count,) of one class as artists mix and skin fades them."""
    parts, titanium = RECIPES[name]
    amount = log_uniform(rng, _AMOUNTS.get(name, _AMOUNT), count)

    def share() -> Array:
        return np.asarray(amount * np.exp(world.recipe_sd * rng.standard_normal(count)))

    absorption = np.zeros((count, len(WAVELENGTHS)))
    for part, strength in parts.items():
        spectra = pigment(part, pick(rng, world.shift_nm, count))
        other = rng.random(count) < world.other_pigments
        if part in _OTHERS:
            kinds = _OTHERS[part]
            substitute = np.stack([_bands(kind) for kind in kinds])[rng.integers(len(kinds), size=count)]
            spectra = np.where(other[:, None], substitute, spectra)
        if part == "carbon":
            # Soot of finer or coarser grain: its absorption falls off faster or slower (Bohren and Huffman).
            spectra = (500.0 / WAVELENGTHS) ** rng.uniform(*world.soot, (count, 1))
        absorption += share()[:, None] * strength * spectra
    return InkLayer(
        absorption,
        titanium * share(),
        log_uniform(rng, _CLEAR_CM, count),
        log_uniform(rng, _VEIL, count),
    )


def _bands(bands: tuple[tuple[float, float, float], ...]) -> Array:
    return np.asarray(sum(h * np.exp(-0.5 * ((WAVELENGTHS - c) / w) ** 2) for h, c, w in bands))


def path_length(skin: SkinOptics, ink: InkLayer | None) -> Array:
    """Diffuse reflectance (n, 77) without layers; the same arguments as `svc_color.optics.spectrum`, all
    (n,).

    The dermis by diffusion theory, where albedo alone counts (Flock, Patterson, Wilson and Wyman 1989, IEEE
    Transactions on Biomedical Engineering 36:1162); melanin and pigment as filters crossed twice, by the
    modified Beer-Lambert law (Delpy et al. 1988, Physics in Medicine and Biology 33:1433). The path in the
    ink shortens as the ink absorbs: light that went far in it does not come back. Titanium dioxide, and the
    dermis above the ink, send back light that never saw the ink.
    """

    def each(of: object) -> Array:
        return np.asarray(of, np.float64)[..., None]

    base = 0.244 + 85.3 * np.exp(-(WAVELENGTHS - 154.0) / 66.2)
    dermis = base + each(skin.blood) * haemoglobin(skin.oxygenation)
    reduced = 46.0 * (WAVELENGTHS / 500.0) ** -1.421 * each(skin.scattering)
    epidermis = base + each(skin.melanin) * 480.0 * (WAVELENGTHS / 550.0) ** -each(skin.slope)
    inner = _diffuse(reduced, dermis)
    if ink is not None:
        thick = 0.06
        titanium = each(ink.titanium) * 550.0 / WAVELENGTHS
        through = np.exp(-ink.absorption * 2.4 * thick / (1.0 + 0.3 * thick * ink.absorption))
        hiding = 1.0 - np.exp(-0.4 * titanium * thick)
        paint = _diffuse(reduced + titanium, dermis + ink.absorption)
        veil = 0.5 * each(ink.veil) * reduced * each(ink.clear_cm)
        below = (1.0 - hiding) * inner * through + hiding * paint
        inner = (below + veil * inner) / (1.0 + veil)
    melanin = np.exp(-2.6 * 0.006 * epidermis)
    return np.asarray(each(skin.gloss) + (1.0 - each(skin.gloss)) * inner * melanin)


def _diffuse(reduced: Array, absorption: Array) -> Array:
    """Total diffuse reflectance of a half space with matched surface, Flock et al. 1989, equation 7."""
    albedo = reduced / (reduced + absorption)
    root = np.sqrt(3.0 * (1.0 - albedo))
    return np.asarray(albedo / (1.0 + 2.0 * (1.0 - albedo) + (1.0 + 2.0 / 3.0) * root))
