"""A whole synthetic photograph with its exact truth: ink, its class, the skin's colour without light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth import clutter, hair, hand, skin
from models.synth.arrays import Bytes, Image, Rng, blur, smooth_noise, wide_blur
from models.synth.camera import photograph
from models.synth.designs import EMPTY, Library
from models.synth.geometry import Layer, Surface, place, surface
from models.synth.inks import Ink
from models.synth.light import illuminate
from models.synth.spectra.bottle import ink_table, mixed
from models.synth.spectra.observer import LIGHTS
from models.synth.spectra.person import Person, draw_person, skin_linear, skin_table, typology_angle
from svc_color.difference import delta_e_2000
from svc_color.space import linear_to_lab

INK, IGNORE, BARE = 255, 128, 0
INVISIBLE, VISIBLE = 1.0, 3.0
"""CIEDE2000 between inked and bare skin: below the first nobody sees ink, above the second everybody does."""

DARKEST, BRIGHTEST = 0.03, 0.8
"""Irradiance below which, and mirrored light above which, ink cannot be called; full light is about 1."""

HAND_SHARE, BARE_SHARE = 0.14, 0.22
"""Scenes of hands and feet (three in five of them bare); other scenes without any ink."""


@dataclass(frozen=True)
class Scene:
    rgb: Bytes
    """(H, W, 3) uint8 sRGB."""
    mask: Bytes
    """(H, W) uint8: 255 ink, 128 too faint to call, 0 not ink."""
    skin: Bytes
    """(H, W) uint8: 255 where skin (inked or not) is to be seen."""
    ita: float
    """Individual typology angle of the bare skin's median colour, light and camera apart; degrees."""
    ink_class: Bytes
    """(H, W) uint8: the ink that changes the skin's colour most, 1..16 as `INK_CLASSES`; 0 where mask is."""
    albedo: NDArray[np.float16]
    """(H, W, 3) linear sRGB under D65 of skin and ink, without light or camera."""
    melanin: float
    """Melanosome volume fraction of the epidermis, 0..0.5."""
    kind: str
    """"tattoo" where ink was laid, "bare" where none was."""
    clutter: tuple[str, ...]
    """Names of the hard negatives in the photo."""
    inks: tuple[Ink, ...]
    """The inks that were laid."""


@dataclass(frozen=True)
class Tattoo:
    """What ink does at each pixel: natural logarithms of ratios to bare skin."""

    log_ratio: Image
    """(H, W, 6): linear sRGB under D65, then under the scene's light."""
    difference: Image
    """(H, W) CIEDE2000 to bare skin, to first order."""
    ink_class: Bytes
    """(H, W): 1..16 where any ink is, else 0."""


def compose(seed: int, size: int = 512, library: Library = EMPTY) -> Scene:
    """The scene of that seed: the same numbers give the same bytes on the same OpenCV, NumPy and library."""
    rng = np.random.default_rng(seed)
    shape = (size, size)
    person, light = draw_person(rng), str(rng.choice(LIGHTS, p=_LIGHT_SHARES))
    part = hand.extremity(rng, shape) if rng.random() < HAND_SHARE else None
    where = part.surface if part else surface(rng, shape, library)
    complexion = skin.grow(rng, where, person)
    if part:
        hand.mark(rng, complexion, part)
    bare = rng.random() < (0.6 if part else BARE_SHARE)
    layer = None if bare else place(rng, where, library)
    tattoo = _tattoo(rng, layer, person, light, where)
    if layer is not None:
        skin.flush(rng, complexion, layer.amounts.max(0, initial=0.0))
    coloured = _colours(complexion, person, light) * np.exp(tattoo.log_ratio)
    lighting = illuminate(rng, where, complexion.relief_cm, part.depth_cm if part else None)
    lit = np.ascontiguousarray(coloured[:, :, 3:]) * lighting.diffuse
    nails, names = hand.nails(rng, lit, part, lighting.diffuse) if part else (~where.where, ())
    names += clutter.in_skin(rng, lit, where, library) + hair.grow(rng, lit, where, lighting.diffuse)
    lit += lighting.glare[:, :, None]
    lit, seen, others = _surround(rng, lit, where, layer, library)
    subject = float(np.median(lit[seen].mean(-1))) if seen.any() else 0.3
    rgb, hidden, last = clutter.overlay(rng, photograph(rng, lit, subject), library)
    seen &= ~hidden & ~nails
    mask = ink_mask(tattoo.difference, seen)
    unclear = (lighting.diffuse.max(-1) < DARKEST) | (lighting.glare > BRIGHTEST)
    mask[unclear & (mask == INK)] = IGNORE
    albedo = coloured[:, :, :3].astype(np.float16)
    kind = "tattoo" if layer is not None and layer.inks else "bare"
    return Scene(
        rgb=rgb,
        mask=mask,
        skin=seen.astype(np.uint8) * np.uint8(255),
        ita=_angle(albedo, seen & (mask == BARE), person),
        ink_class=np.where(mask == BARE, np.uint8(0), tattoo.ink_class),
        albedo=albedo,
        melanin=person.melanin,
        kind=kind,
        clutter=(*complexion.names, *lighting.names, *names, *others, *last),
        inks=layer.inks if layer is not None else (),
    )


_LIGHT_SHARES = (0.38, 0.16, 0.05, 0.1, 0.16, 0.05, 0.1)


def ink_mask(difference: Image, seen: NDArray[np.bool_]) -> Bytes:
    """Mask (H, W) of ink that changes the skin's colour by `difference` (H, W), where skin is to be seen."""
    mask = np.full(difference.shape, IGNORE, np.uint8)
    mask[difference >= VISIBLE] = INK
    mask[(difference < INVISIBLE) | ~seen] = BARE
    return mask


def metric(person: Person) -> NDArray[np.float64]:
    """(3, 3) G such that CIEDE2000 of a small log ratio g to the bare skin is sqrt(g G g), to first order."""
    skin_rgb = skin_linear(person.optics)
    step = 0.05
    basis = np.concatenate([np.eye(3), [[1, 1, 0], [1, 0, 1], [0, 1, 1]]]) * step
    # Both signs: the formula is not even about a colour.
    squares = [
        np.square(delta_e_2000(linear_to_lab(skin_rgb * np.exp(sign * basis)), linear_to_lab(skin_rgb)))
        for sign in (-1, 1)
    ]
    q = (squares[0] + squares[1]) / (2 * step * step)
    pairs = {(0, 1): 3, (0, 2): 4, (1, 2): 5}
    out = np.diag(q[:3])
    for (i, j), k in pairs.items():
        out[i, j] = out[j, i] = (q[k] - q[i] - q[j]) / 2
    return out


def _tattoo(rng: Rng, layer: Layer | None, person: Person, light: str, where: Surface) -> Tattoo:
    """Look up every ink of the layer; mixed inks multiply (Lambert and Beer)."""
    shape = (int(where.where.shape[0]), int(where.where.shape[1]))
    log_ratio = np.zeros((*shape, 6), np.float32)
    strongest, ink_class = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    root = np.linalg.cholesky(metric(person) + 1e-9 * np.eye(3)).astype(np.float32)
    if layer is None:
        return Tattoo(log_ratio, strongest, ink_class)
    # Colour saturates with pigment: for even tones tattooers dilute more than in proportion.
    dilution = np.float32(rng.uniform(1.4, 2.2))
    veil, blown_cm = float(0.04 + 0.8 * rng.random() ** 1.5), float(0.03 * rng.random() ** 3)
    # No needle packs evenly: furrows and pores hold less.
    packed = 1 + rng.uniform(0.0, 0.25) * smooth_noise(rng, shape, max(2.0, 0.06 / where.cm_per_px), 2)
    for amount, ink in zip(layer.amounts, layer.inks, strict=True):
        # Light wanders about as far sideways as the ink is deep; pigment itself spreads with the years.
        spread = float(np.hypot(ink.clear_cm, blown_cm)) / where.cm_per_px
        tone = blur(amount * packed, max(spread, 0.35))
        at = tone > 0.02
        laid = tone[at] ** dilution * np.float32(ink.amount)
        part = ink_table(mixed(rng, ink, veil), person, light).lookup(laid)
        log_ratio[at] += part
        change = np.linalg.norm(part[:, :3] @ root, axis=1)
        wins = change > strongest[at]
        ink_class[at] = np.where(wins, np.uint8(ink.number), ink_class[at])
        strongest[at] = np.maximum(strongest[at], change)
    difference = np.linalg.norm(log_ratio[:, :, :3] @ root, axis=2)
    return Tattoo(log_ratio, difference.astype(np.float32), ink_class)


def _colours(complexion: skin.Complexion, person: Person, light: str) -> Image:
    """Colour of the skin (H, W, 6) before ink: under D65, then under the scene's light."""
    coloured = skin_table(person, light).colours(complexion.log_melanin, complexion.log_blood)
    for amount, what in complexion.stains:
        at = amount > 0.002
        coloured[at] *= np.exp(ink_table(what, person, light).lookup(amount[at]))
    return coloured


def _surround(
    rng: Rng, lit: Image, where: Surface, layer: Layer | None, library: Library
) -> tuple[Image, NDArray[np.bool_], tuple[str, ...]]:
    """Put what is behind and before the lit skin around it: the scene, the skin still seen, names."""
    shape = (int(where.where.shape[0]), int(where.where.shape[1]))
    inside = where.where.astype(np.float32)
    back, names = clutter.behind(rng, shape, library, layer.designs if layer is not None else ())
    if rng.random() < 0.5:  # the limb's own shadow on what lies behind it
        shift = rng.normal(0, 0.03, 2) * max(shape)
        moved = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
        dark = np.asarray(
            cv2.warpAffine(inside, moved, shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.float32
        )
        soft = float(np.exp(rng.uniform(np.log(0.004), np.log(0.05)))) * max(shape)
        back = back * (1 - rng.uniform(0.1, 0.8) * wide_blur(dark, soft))[:, :, None]
    edge = blur(inside, rng.uniform(0.4, 1.2))[:, :, None]
    scene = lit * edge + back * (1 - edge)
    seen, more = clutter.before(rng, scene, where, where.where, library)
    scene = np.asarray(scene, np.float32)
    over, strands = hair.strands(rng, scene)
    return scene, seen & ~over, names + more + strands + clutter.film(rng, scene)


def _angle(albedo: NDArray[np.float16], bare: NDArray[np.bool_], person: Person) -> float:
    """ITA of the bare skin that is seen; the person's where there is hardly any."""
    every = albedo[::2, ::2][bare[::2, ::2]]  # a quarter of the pixels has the same median
    if len(every) < 50:
        return person.ita
    return float(typology_angle(np.median(every.astype(np.float64), axis=0)))
