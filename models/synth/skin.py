"""Skin by itself: where its melanin and blood lie, its marks, and the relief of its surface.

Everything is drawn in centimetres on the skin, so that pores stay pores however far the camera is. What is
drawn here is never ink: moles, scars, veins, bruises and creases are what a detector must pass over.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Points, Rng, blur, coverage, smooth_noise, strokes, wide_blur
from models.synth.designs.shapes import blob, curve
from models.synth.geometry import Surface
from models.synth.spectra.bottle import Bottle, stain
from models.synth.spectra.person import Person, skin_linear, with_angle
from svc_color.optics import SkinOptics


@dataclass(frozen=True)
class Complexion:
    """Changed in place while it grows."""

    log_melanin: Image
    """(H, W) natural logarithm of the melanosome volume fraction."""
    log_blood: Image
    """(H, W) natural logarithm of the blood volume fraction."""
    relief_cm: Image
    """(H, W) height of the surface above the smooth limb."""
    stains: list[tuple[Image, Bottle]]
    """Blood below the surface: amount (H, W), and what it is."""
    px_per_cm: float
    names: list[str]
    """Marks that it bears, for `Scene.clutter`."""

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.log_blood.shape[0]), int(self.log_blood.shape[1])


def skin_colour(ita: float) -> NDArray[np.float32]:
    """Linear sRGB (3,) under D65 of average skin of that ITA, -60..64 degrees."""
    return skin_linear(with_angle(SkinOptics(0.01), ita).optics).astype(np.float32)


def grow(rng: Rng, surface: Surface, person: Person) -> Complexion:
    """The skin of that person on that surface, before light."""
    shape = (int(surface.where.shape[0]), int(surface.where.shape[1]))
    skin = Complexion(
        np.full(shape, np.log(person.melanin), np.float32),
        np.full(shape, np.log(person.blood), np.float32),
        np.zeros(shape, np.float32),
        [],
        1.0 / surface.cm_per_px,
        [],
    )
    _mottle(rng, skin)
    _grain(rng, skin)
    for name, (chance, mark) in _MARKS.items():
        if rng.random() < chance:
            mark(rng, skin)
            skin.names.append(name)
    return skin


def flush(rng: Rng, skin: Complexion, ink: Image) -> None:
    """A fresh tattoo's redness and swelling around `ink` (H, W) 0..1, in place."""
    if rng.random() > 0.25 or not ink.any():
        return
    reach = wide_blur(np.minimum(ink, 1), rng.uniform(0.2, 1.0) * skin.px_per_cm)
    skin.log_blood[:] += rng.uniform(0.4, 1.7) * np.clip(1.6 * reach, 0, 1)
    skin.relief_cm[:] += rng.uniform(0.0, 0.02) * reach
    skin.names.append("flush")


def _mottle(rng: Rng, skin: Complexion) -> None:
    """Uneven colour at every scale: what makes bare skin not flat."""
    cm = skin.px_per_cm
    patchy, ruddy = rng.uniform(0.03, 0.2), rng.uniform(0.12, 0.6)
    skin.log_melanin[:] += patchy * smooth_noise(rng, skin.shape, max(4.0, 3.0 * cm), 3)
    skin.log_melanin[:] += rng.uniform(0.02, 0.11) * smooth_noise(rng, skin.shape, max(2.0, 0.12 * cm), 2)
    skin.log_blood[:] += ruddy * smooth_noise(rng, skin.shape, max(4.0, 2.0 * cm), 3)
    skin.log_blood[:] += rng.uniform(0.05, 0.36) * smooth_noise(rng, skin.shape, max(2.0, 0.2 * cm), 2)


def _grain(rng: Rng, skin: Complexion) -> None:
    """Fine furrows and pores; goose pimples now and then."""
    cm = skin.px_per_cm
    depth = rng.uniform(0.0004, 0.0028)
    furrows = np.abs(smooth_noise(rng, skin.shape, max(2.0, 0.07 * cm), 2))
    skin.relief_cm[:] += depth * 2.5 * np.minimum(furrows, 0.4)
    if cm > 18 and rng.random() < 0.6:
        pores = _dots(rng, skin.shape, rng.uniform(15, 70) * _area(skin), 0.008 * cm + 0.35)
        skin.relief_cm[:] -= rng.uniform(0.0005, 0.003) * pores
        skin.log_melanin[:] += rng.uniform(0.0, 0.5) * pores
    if rng.random() < 0.08:
        pimples = _dots(rng, skin.shape, rng.uniform(8, 25) * _area(skin), 0.045 * cm)
        skin.relief_cm[:] += rng.uniform(0.003, 0.012) * pimples
        skin.log_blood[:] -= 0.3 * pimples


def _area(skin: Complexion) -> float:
    """Square centimetres of the frame."""
    return skin.shape[0] * skin.shape[1] / skin.px_per_cm**2


def _dots(rng: Rng, shape: tuple[int, int], count: float, sigma: float) -> Image:
    """Soft dots of height about 1 at random places."""
    canvas = np.zeros(shape, np.float32)
    n = int(min(count, 20_000))
    if n:
        canvas[rng.integers(0, shape[0], n), rng.integers(0, shape[1], n)] = rng.uniform(0.4, 1.2, n)
    sigma = max(sigma, 0.45)
    return blur(canvas, sigma) * np.float32(min(2 * np.pi * sigma**2, 60.0))


def _patch(rng: Rng, skin: Complexion, low_cm: float, high_cm: float, soft_cm: float) -> Image:
    """One blotch (H, W) 0..1 with an uneven edge."""
    height, width = skin.shape
    radius = float(np.exp(rng.uniform(np.log(low_cm), np.log(high_cm)))) * skin.px_per_cm
    centre = rng.uniform(0, 1, 2) * (width, height)
    shape = coverage(skin.shape, [blob(rng, centre, min(radius, 2.0 * width), 0.25)])
    return wide_blur(shape, max(0.6, min(soft_cm * skin.px_per_cm, 0.6 * radius)))


def _line(rng: Rng, skin: Complexion, knots: int = 4) -> Points:
    return curve(rng, -0.1 * max(skin.shape), 1.1 * max(skin.shape), knots)


def _freckles(rng: Rng, skin: Complexion) -> None:
    """Freckles, sun spots: melanin in small soft spots, thicker in places."""
    size = rng.uniform(0.02, 0.09) * skin.px_per_cm
    spots = _dots(rng, skin.shape, rng.uniform(0.1, 4.0) * _area(skin), size)
    where = np.clip(smooth_noise(rng, skin.shape, 0.4 * max(skin.shape), 2) + rng.uniform(0.2, 0.8), 0, 1)
    skin.log_melanin[:] += rng.uniform(0.2, 0.8) * np.minimum(spots, 1.1) * where


def _moles(rng: Rng, skin: Complexion) -> None:
    """One to eight moles: flat or raised, tan to nearly black, some red (angiomas)."""
    height, width = skin.shape
    for _ in range(int(rng.integers(1, 9))):
        radius = float(np.exp(rng.uniform(np.log(0.05), np.log(0.45)))) * skin.px_per_cm
        if radius < 0.5:
            continue
        centre = rng.uniform(0, 1, 2) * (width, height)
        spot = blur(coverage(skin.shape, [blob(rng, centre, radius, 0.12, 24)]), max(0.6, 0.22 * radius))
        if rng.random() < 0.12:
            skin.log_blood[:] += rng.uniform(1.0, 2.2) * spot
        else:
            full = np.log(rng.uniform(0.04, 0.4)) + 0.3 * smooth_noise(rng, skin.shape, max(2.0, radius / 2))
            skin.log_melanin[:] += spot * np.maximum(full - skin.log_melanin, 0.3)
        skin.relief_cm[:] += spot * float(rng.choice([0.0, 0.02, 0.06]))


def _tan_line(rng: Rng, skin: Complexion) -> None:
    """A strap's or sleeve's edge: the skin beside it is tanned."""
    height, width = skin.shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, 6.3)
    at = (xx - width * rng.uniform(0.2, 0.8)) * np.cos(angle) + (
        yy - height * rng.uniform(0.2, 0.8)
    ) * np.sin(angle)
    at += 0.5 * skin.px_per_cm * smooth_noise(rng, skin.shape, 0.3 * max(skin.shape))
    band = np.clip(at / (rng.uniform(0.1, 1.5) * skin.px_per_cm) + 0.5, 0, 1)
    if rng.random() < 0.4:
        wide = rng.uniform(1.0, 4.0) * skin.px_per_cm
        band *= np.clip((wide - at) / (0.2 * skin.px_per_cm) + 0.5, 0, 1)
        band = 1 - band
    skin.log_melanin[:] += rng.uniform(0.15, 0.55) * band.astype(np.float32)


def _veins(rng: Rng, skin: Complexion) -> None:
    """Blue-green veins: dark blood deep below, branching, mostly one way; on hands and arms they stand up."""
    cm, size = skin.px_per_cm, max(skin.shape)
    turn = rng.uniform(0, 6.3)
    main = np.array([np.cos(turn), np.sin(turn)])
    side = np.array([-main[1], main[0]])
    lines = []
    for _ in range(int(rng.integers(1, 5))):
        t = np.linspace(-0.8, 0.8, 24)[:, None] * size
        wander = np.cumsum(rng.normal(0, 0.012, (24, 1)), 0) * size
        lines.append(rng.uniform(0.1, 0.9, 2) * size + main * t + side * (wander + rng.normal(0, 0.25) * t))
        cut = int(rng.integers(8, 20))  # a branch leaves there
        lines.append(lines[-1][cut : cut + 12] + side * (rng.normal(0, 0.5) * (t[cut : cut + 12] - t[cut])))
    soft = wide_blur(strokes(skin.shape, lines, rng.uniform(0.12, 0.35) * cm), rng.uniform(0.08, 0.2) * cm)
    soft *= np.clip(0.55 + smooth_noise(rng, skin.shape, max(4.0, 2.5 * cm), 2), 0, 1)
    skin.stains.append((soft, stain(rng.uniform(0.03, 0.35), 0.35, 0.0, rng.uniform(0.03, 0.07))))
    skin.relief_cm[:] += rng.choice([0.0, 0.02, 0.07]) * soft


def _bruise(rng: Rng, skin: Complexion) -> None:
    """A bruise of some days: blue-red in the middle, green-yellow around."""
    middle = _patch(rng, skin, 0.4, 2.5, 0.5)
    mottled = middle * (0.7 + 0.5 * smooth_noise(rng, skin.shape, max(3.0, 0.8 * skin.px_per_cm), 3))
    rim = np.clip(wide_blur(middle, 0.8 * skin.px_per_cm) * 1.3, 0, 1)
    skin.stains.append((np.clip(mottled, 0, 1.5), stain(rng.uniform(0.03, 0.3), 0.3, 0.0, 0.012)))
    skin.stains.append((rim, stain(0.005, 0.5, rng.uniform(0.5, 6.0), 0.01)))


def _blotches(rng: Rng, skin: Complexion) -> None:
    """Redness of pressure, cold, sun or rubbing; now and then pallor."""
    for _ in range(int(rng.integers(1, 5))):
        strength = rng.uniform(0.3, 1.3) if rng.random() < 0.8 else -rng.uniform(0.2, 0.6)
        skin.log_blood[:] += strength * _patch(rng, skin, 0.5, 6.0, 0.8)


def _spots(rng: Rng, skin: Complexion) -> None:
    """Pimples, bites, ingrown hairs: small red bumps, some with a dark or pale centre."""
    bumps = _dots(
        rng,
        skin.shape,
        min(rng.uniform(0.02, 0.5) * _area(skin), 60),
        rng.uniform(0.06, 0.16) * skin.px_per_cm,
    )
    bumps = np.minimum(bumps, 1.3)
    skin.log_blood[:] += rng.uniform(0.5, 1.6) * bumps
    skin.relief_cm[:] += rng.uniform(0.0, 0.05) * bumps
    skin.log_melanin[:] += rng.uniform(-0.3, 0.6) * bumps**4


def _scars(rng: Rng, skin: Complexion) -> None:
    """Pale, red or brown scars: cuts, stitches, burns; keloid stands up."""
    cm = skin.px_per_cm
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.6:
            wide = rng.uniform(0.05, 0.5) * cm
            spine = _line(rng, skin, 3)
            keep = spine[: int(len(spine) * rng.uniform(0.3, 1))]
            mark = blur(strokes(skin.shape, [keep], wide), max(0.6, 0.2 * wide))
        else:
            mark = _patch(rng, skin, 0.2, 1.5, 0.08)
        keloid = rng.random() < 0.35
        skin.log_melanin[:] += rng.choice([-0.7, -0.3, 0.35]) * rng.uniform(0.4, 1) * mark
        skin.log_blood[:] += (rng.uniform(0.3, 1.2) if keloid else rng.normal(0, 0.4)) * mark
        skin.relief_cm[:] += (rng.uniform(0.05, 0.2) if keloid else rng.normal(0, 0.02)) * mark


def _scratches(rng: Rng, skin: Complexion) -> None:
    """Fresh thin scratches and hair marks: red, broken."""
    lines = [_line(rng, skin, 3)[: int(rng.integers(6, 28))] for _ in range(int(rng.integers(1, 7)))]
    thin = blur(strokes(skin.shape, lines, max(1.0, 0.03 * skin.px_per_cm)), 0.7)
    thin *= np.clip(0.6 + smooth_noise(rng, skin.shape, max(3.0, 0.3 * skin.px_per_cm)), 0, 1)
    skin.log_blood[:] += rng.uniform(0.8, 2.2) * thin


def _creases(rng: Rng, skin: Complexion) -> None:
    """Bundles of folds as at wrist, elbow, knuckle and palm: sharp valleys in soft swellings."""
    cm, size = skin.px_per_cm, max(skin.shape)
    for _ in range(int(rng.integers(1, 4))):
        angle, centre = rng.uniform(0, 3.2), rng.uniform(0.1, 0.9, 2) * size
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        length, gap = rng.uniform(0.5, 5.0) * cm, rng.uniform(0.08, 0.7) * cm
        lines = []
        for k in range(int(rng.integers(1, 9))):
            t = np.linspace(-1, 1, 12)[:, None]
            middle = centre + across * gap * (k + rng.normal(0, 0.25))
            wave = rng.normal(0, 0.12) * t + rng.normal(0, 0.15) * t * t + 0.03 * rng.normal(size=(12, 1))
            lines.append(middle + along * t * length * rng.uniform(0.4, 1) + across * wave * length)
        fold(rng, skin, lines)


def _palm_lines(rng: Rng, skin: Complexion) -> None:
    """Long forking lines over reddish, pale skin with fine ridges: palms and soles."""
    cm, pale = skin.px_per_cm, np.log(0.012)
    skin.log_melanin[:] += 0.75 * (pale - skin.log_melanin) * (skin.log_melanin > pale)
    skin.log_blood[:] += rng.uniform(0.2, 0.9)
    lines = [_line(rng, skin, int(rng.integers(3, 5))) for _ in range(int(rng.integers(2, 6)))]
    fold(rng, skin, [line[: int(rng.integers(10, 40))] for line in lines])
    fine = [_line(rng, skin, 3)[: int(rng.integers(5, 20))] for _ in range(int(rng.integers(5, 30)))]
    skin.relief_cm[:] -= 0.01 * blur(strokes(skin.shape, fine, 1), max(0.6, 0.02 * cm))


def fold(rng: Rng, skin: Complexion, lines: list[Points]) -> None:
    """Folds along lines: deep and dark in places, fading out in others."""
    cm = skin.px_per_cm
    drawn = strokes(skin.shape, lines, max(1.0, rng.uniform(0.015, 0.06) * cm))
    depth = np.clip(0.55 + smooth_noise(rng, skin.shape, max(4.0, 1.2 * cm), 2), 0, 1)
    sharp = blur(drawn, max(0.6, 0.025 * cm)) * depth
    skin.relief_cm[:] += rng.uniform(0.0, 0.03) * wide_blur(drawn, max(1.5, 0.2 * cm)) * depth
    skin.relief_cm[:] -= rng.uniform(0.006, 0.045) * sharp
    skin.log_blood[:] += rng.uniform(-0.1, 0.5) * sharp
    skin.log_melanin[:] += rng.uniform(-0.05, 0.4) * sharp


def _wrinkles(rng: Rng, skin: Complexion) -> None:
    """Crêpe-like lines all over, mostly one way: thin or ageing skin, a bent joint."""
    height, width = skin.shape
    stretch = rng.uniform(2, 6)
    cell = max(3.0, rng.uniform(0.1, 0.5) * skin.px_per_cm)
    tall = smooth_noise(rng, (height, max(8, round(width / stretch))), cell, 2)
    field = cv2.resize(tall, (width, height), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.5:
        field = field.T if height == width else field
    valley = np.clip(1 - np.abs(field) * rng.uniform(3, 9), 0, 1)
    where = np.clip(smooth_noise(rng, skin.shape, 0.5 * max(skin.shape)) + rng.uniform(0, 0.8), 0, 1)
    skin.relief_cm[:] -= (rng.uniform(0.004, 0.02) * valley * where).astype(np.float32)


_MARKS = {
    "freckles": (0.18, _freckles),
    "moles": (0.45, _moles),
    "tan line": (0.10, _tan_line),
    "veins": (0.22, _veins),
    "bruise": (0.06, _bruise),
    "blotches": (0.35, _blotches),
    "spots": (0.22, _spots),
    "scars": (0.14, _scars),
    "scratches": (0.08, _scratches),
    "creases": (0.30, _creases),
    "palm lines": (0.07, _palm_lines),
    "wrinkles": (0.25, _wrinkles),
}
"""Each mark, how often it is met, and what draws it."""
