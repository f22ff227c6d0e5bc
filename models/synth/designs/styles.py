"""Styles of tattoo, each laid on a `Sheet` from random numbers."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from models.synth.arrays import Image, Points, Rng, blur, coverage, smooth_noise
from models.synth.designs import inkwell, raster, tones
from models.synth.designs.shapes import blob, curve, ribbon
from models.synth.designs.sheet import Sheet
from models.synth.inks import Ink
from models.synth.library import Library, Motif

_HERSHEY = (cv2.FONT_HERSHEY_SCRIPT_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_DUPLEX)
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&"


def line_work(rng: Rng, d: Sheet, library: Library) -> None:
    """Fine open and closed curves, some mirrored: single-needle work."""
    size, ink = d.size, inkwell.line_ink(rng)
    lines = [curve(rng, 0.1 * size, 0.9 * size, int(rng.integers(3, 8))) for _ in range(rng.integers(1, 6))]
    if rng.random() < 0.5:
        lines += [np.stack([size - line[:, 0], line[:, 1]], 1) for line in lines]
    for _ in range(rng.integers(0, 4)):
        lines.append(_ring(blob(rng, rng.uniform(0.3, 0.7, 2) * size, rng.uniform(0.05, 0.3) * size, 0.1)))
    d.lay(raster.stroke(d.shape, lines, d.line_px), ink)


def script(rng: Rng, d: Sheet, library: Library) -> None:
    """One to four lines of lettering, filled or outlined, straight or on an arch."""
    ink = inkwell.line_ink(rng)
    if not library.alphabets:
        d.lay(_hershey(rng, d), ink)
        return
    alphabet = library.alphabets[int(rng.integers(len(library.alphabets)))]
    rows = int(rng.choice([1, 2, 3, 4], p=[0.5, 0.25, 0.15, 0.1]))
    set_rows = [
        raster.lettering(alphabet, raster.random_text(rng, alphabet, int(rng.integers(1, 4))))
        for _ in range(rows)
    ]
    widest = max(0.5, max(width for _, width in set_rows))
    em = min(0.88 * d.size / widest, 0.62 * d.size / rows)
    arch = rng.uniform(-0.35, 0.35) if rng.random() < 0.3 else 0.0
    contours: list[Points] = []
    for row, (shapes, width) in enumerate(set_rows):
        base = d.size * 0.5 + em * (row - (rows - 1) / 2) * 1.15 + 0.3 * em
        for c in shapes:
            xy = c * em + ((d.size - width * em) / 2, base)
            xy[:, 1] += arch * d.size * (xy[:, 0] / d.size - 0.5) ** 2 * 2
            contours.append(xy)
    how = rng.random()
    if how < 0.7:
        d.lay(raster.nonzero(d.shape, contours), ink)
    elif how < 0.85:
        d.lay(raster.stroke(d.shape, [_ring(c) for c in contours], d.line_px), ink)
    else:
        shape = raster.nonzero(d.shape, contours)
        d.lay(tones.any_tone(rng, shape, d.line_px), inkwell.any_ink(rng))
        d.lay(raster.stroke(d.shape, [_ring(c) for c in contours], d.line_px), inkwell.black(rng))


def _hershey(rng: Rng, d: Sheet) -> Image:
    canvas = np.zeros(d.shape, np.uint8)
    font, rows = int(rng.choice(_HERSHEY)), int(rng.integers(1, 4))
    thick = max(1, round(d.line_px * rng.uniform(0.6, 1.2)))
    for row in range(rows):
        text = "".join(rng.choice(list(_LETTERS), rng.integers(2, 9)))
        (width, height), _ = cv2.getTextSize(text, font, 1.0, thick)
        scale = min(0.86 * d.size / max(width, 1), 0.7 * d.size / rows / max(height, 1))
        at = (round((d.size - width * scale) / 2), round(d.size * (row + 1) / (rows + 0.6)))
        cv2.putText(canvas, text, at, font, scale, 255, thick, cv2.LINE_AA)
    return canvas.astype(np.float32) / np.float32(255)


def tribal(rng: Rng, d: Sheet, library: Library) -> None:
    """Solid tapering hooks and spikes, often mirrored."""
    size = d.size
    contours = []
    for _ in range(rng.integers(2, 8)):
        spine = curve(rng, 0.08 * size, 0.92 * size, int(rng.integers(3, 6)))
        along = np.linspace(0, 1, len(spine))
        contours.append(
            ribbon(spine, rng.uniform(0.03, 0.1) * size * np.sin(np.pi * along) ** rng.uniform(0.5, 1.5))
        )
    if rng.random() < 0.5:
        contours += [np.stack([size - c[:, 0], c[:, 1]], 1) for c in contours]
    shape = np.max([coverage(d.shape, [c]) for c in contours], 0)
    d.lay(tones.flat(rng, shape, d.line_px), inkwell.line_ink(rng))


def flower(rng: Rng, d: Sheet, library: Library) -> None:
    """Rings of petals with leaves: outline, fill with a tone, highlights."""
    size, outline = d.size, inkwell.black(rng)
    outlined = rng.random() < 0.75
    petals, leaves, heart = (inkwell.any_ink(rng, 0.75) for _ in range(3))
    for _ in range(rng.integers(0, 5)):
        angle = rng.uniform(0, 6.3)
        t = np.linspace(0, 1, 20)
        direction = np.array([np.cos(angle), np.sin(angle)])
        spine = size / 2 + np.outer(t * 0.46 * size, direction)
        leaf = ribbon(spine, rng.uniform(0.05, 0.1) * size * np.sin(np.pi * t) ** 0.8)
        _part(rng, d, leaf, leaves, outline if outlined else None)
    for ring in range(int(rng.integers(1, 5))):
        radius, count = size * (0.34 - 0.08 * ring), int(rng.integers(4, 9))
        for k in range(count):
            angle = 2 * np.pi * (k + 0.5 * ring) / count + rng.normal(0, 0.1)
            centre = size / 2 + radius * np.array([np.cos(angle), np.sin(angle)]) * 0.75
            petal = blob(rng, centre, radius * rng.uniform(0.4, 0.6), 0.12, 40)
            _part(rng, d, petal, heart if ring == 3 else petals, outline if outlined else None)


def _part(rng: Rng, d: Sheet, contour: Points, ink: Ink, outline: Ink | None) -> None:
    """One closed part: toned, over what lies behind it, and outlined."""
    shape = coverage(d.shape, [contour])
    d.thin(1 - shape)
    d.shade(tones.any_tone(rng, shape, d.line_px), ink)
    if outline is not None:
        d.lay(raster.stroke(d.shape, [_ring(contour)], d.line_px), outline)


def mandala(rng: Rng, d: Sheet, library: Library) -> None:
    """Rotational symmetry: one wedge of curves and dots repeated, some cells filled or dotted."""
    size, order, ink = d.size, int(rng.choice([6, 8, 10, 12, 16])), inkwell.line_ink(rng)
    fill = inkwell.any_ink(rng, 0.3)
    for ring in range(int(rng.integers(2, 6))):
        radius = size * 0.45 * (ring + 1) / 5.5
        contour = blob(rng, np.array([radius, 0.0]), size * rng.uniform(0.03, 0.09), 0.15, 30)
        copies = []
        for k in range(order):
            c, s = np.cos(2 * np.pi * k / order), np.sin(2 * np.pi * k / order)
            copies.append(contour @ np.array([[c, s], [-s, c]]) + size / 2)
        if rng.random() < 0.5:
            d.lay(
                tones.any_tone(rng, coverage(d.shape, copies), d.line_px), fill if rng.random() < 0.5 else ink
            )
        lines = [_ring(c) for c in copies]
        if rng.random() < 0.5:
            lines.append(_ring(blob(rng, np.full(2, size / 2), radius, 0.0)))
        d.lay(raster.stroke(d.shape, lines, d.line_px), ink)


def watercolour(rng: Rng, d: Sheet, library: Library) -> None:
    """Soft-edged splashes of several colours with droplets, under a motif or lines."""
    size = d.size
    yy, xx = np.mgrid[0:size, 0:size].astype(np.float32) / size
    for _ in range(rng.integers(2, 5)):
        ink = inkwell.colour(rng)
        field = smooth_noise(rng, d.shape, rng.uniform(0.06, 0.25) * size, 4)
        cx, cy = rng.uniform(0.3, 0.7, 2)
        field = field - 7 * ((xx - cx) ** 2 + (yy - cy) ** 2) + rng.uniform(0.3, 0.7)
        soft = np.clip(field * rng.uniform(3, 12), 0, 1) * rng.uniform(0.4, 1.0)
        d.shade((soft * (1 + 0.25 * smooth_noise(rng, d.shape, 0.06 * size, 2))).astype(np.float32), ink)
        drops = [
            blob(rng, rng.uniform(0.1, 0.9, 2) * size, rng.uniform(0.004, 0.02) * size, 0.1, 16)
            for _ in range(8)
        ]
        d.lay(coverage(d.shape, drops), ink)
    if rng.random() < 0.6:
        (motif if library.motifs else line_work)(rng, d, library)


def grey_wash(rng: Rng, d: Sheet, library: Library) -> None:
    """Shading without lines inside some silhouette, black and grey, or one colour."""
    ink = inkwell.black(rng) if rng.random() < 0.8 else inkwell.colour(rng)
    shape = _silhouette(rng, d, library)
    if rng.random() < 0.3:
        shape = blur(shape, rng.uniform(1, 0.06 * d.size))
    tone = tones.modelled if rng.random() < 0.5 else tones.washed
    d.shade(tone(rng, shape, d.line_px), ink)
    if rng.random() < 0.3:
        lights = np.clip(smooth_noise(rng, d.shape, 0.1 * d.size, 2) * 6 - 2.5, 0, 1) * shape
        d.lay(lights.astype(np.float32), inkwell.highlight(rng))


def realism(rng: Rng, d: Sheet, library: Library) -> None:
    """A picture in tones without a plan of lines: modelled forms, strands of hair or feather, dark accents,
    lesser forms within, soft edges to the skin; black and grey or with colours under the shade.
    """
    size, ink = d.size, inkwell.black(rng)
    shape = _silhouette(rng, d, library)
    if rng.random() < 0.4:  # it fades into the skin somewhere
        fade = np.clip(0.7 + 1.2 * smooth_noise(rng, d.shape, 0.4 * size), 0, 1)
        shape = blur(np.asarray(shape * fade, np.float32), rng.uniform(0.3, 0.03 * size))
    if rng.random() < 0.45:
        for part in _parts(rng, shape):
            if rng.random() < 0.7:
                tone = np.clip(0.6 + 0.5 * smooth_noise(rng, d.shape, 0.1 * size, 3), 0.1, 1.1)
                d.shade(np.asarray(part * tone, np.float32), inkwell.colour(rng))
    dark = tones.modelled(rng, shape, d.line_px) * np.float32(rng.uniform(0.5, 1.0))
    dark = np.maximum(dark, tones.strands(rng, shape, d.line_px) * np.float32(rng.uniform(0.3, 1.0)))
    for _ in range(int(rng.integers(1, 7))):
        side = rng.uniform(0.12, 0.6) * size
        left, top = rng.uniform(0.1, 0.9, 2) * size - side / 2
        if library.motifs:
            inner = raster.picture(d.shape, _pick(rng, library), (float(left), float(top), float(side)))
        else:
            inner = coverage(d.shape, [blob(rng, np.array([left, top]) + side / 2, side / 2, 0.2)])
        how = (tones.modelled, tones.edge_shaded, tones.flat, tones.washed)[int(rng.integers(4))]
        bare = np.clip(blur(raster.silhouette(inner), 0.008 * size) * rng.uniform(0, 1.2), 0, 1)
        dark = np.maximum(dark * (1 - bare), how(rng, inner, d.line_px) * (shape > 0.2))
    smudge = np.clip(0.5 + 0.9 * smooth_noise(rng, d.shape, rng.uniform(0.03, 0.2) * size, 4), 0, 1)
    dark = np.maximum(dark, shape * smudge * np.float32(rng.uniform(0, 0.6)))
    d.shade(np.asarray(np.minimum(dark * rng.uniform(0.8, 1.7), 1.2), np.float32), ink)
    if rng.random() < 0.2:
        lights = np.clip(smooth_noise(rng, d.shape, 0.05 * size, 2) * 8 - 5, 0, rng.uniform(0.4, 1)) * shape
        d.lay(lights.astype(np.float32), inkwell.highlight(rng))


def dot_work(rng: Rng, d: Sheet, library: Library) -> None:
    """Stippling inside a silhouette, with or without lines."""
    ink = inkwell.black(rng)
    shape = _silhouette(rng, d, library)
    d.lay(tones.dotted(rng, shape, d.line_px), ink)
    if rng.random() < 0.6:
        line_work(rng, d, library)


def cover_up(rng: Rng, d: Sheet, library: Library) -> None:
    """A dense dark mass with texture and narrow gaps of skin: cover-ups and blackwork."""
    size = d.size
    shape = _silhouette(rng, d, library)
    gaps = np.abs(smooth_noise(rng, d.shape, rng.uniform(0.06, 0.2) * size, 2)) < rng.uniform(0.0, 0.05)
    tone = np.clip(0.9 + 0.4 * smooth_noise(rng, d.shape, 0.04 * size, 3), 0.3, 1.3)
    d.lay((shape * blur(1 - gaps.astype(np.float32), 0.8) * tone).astype(np.float32), inkwell.black(rng))


def motif(rng: Rng, d: Sheet, library: Library) -> None:
    """A picture of the library in one of the classic ways."""
    if not library.motifs:
        flower(rng, d, library)
        return
    ink_motif(rng, d, _pick(rng, library), (0.05 * d.size, 0.05 * d.size, 0.9 * d.size))


def ink_motif(rng: Rng, d: Sheet, chosen: Motif, box: raster.Box) -> None:
    """One motif within a box of the sheet: solid, outlined, neo-traditional, modelled, dotted, negative."""
    shape = raster.picture(d.shape, chosen, box)
    lines = raster.outlines(chosen, box)
    how = rng.random()
    if how < 0.22:
        d.lay(tones.flat(rng, shape, d.line_px), inkwell.any_ink(rng, 0.45))
    elif how < 0.42:
        d.lay(raster.stroke(d.shape, lines, d.line_px), inkwell.line_ink(rng))
    elif how < 0.62:  # neo-traditional: colours inside, black lines around, light accents
        hull = raster.silhouette(shape)
        d.thin(1 - hull)
        for part in _parts(rng, hull):
            d.shade(tones.any_tone(rng, part, d.line_px), inkwell.any_ink(rng, 0.85))
        d.lay(raster.stroke(d.shape, lines, d.line_px), inkwell.black(rng))
        if rng.random() < 0.3:
            lights = np.clip(smooth_noise(rng, d.shape, 0.05 * d.size, 2) * 8 - 4, 0, 1) * hull
            d.lay(lights.astype(np.float32), inkwell.highlight(rng))
    elif how < 0.8:
        hull = raster.silhouette(shape)
        d.thin(1 - hull)
        ink = inkwell.black(rng)
        d.shade(tones.any_tone(rng, hull, d.line_px), ink)
        d.shade(tones.any_tone(rng, shape, d.line_px), ink)
        if rng.random() < 0.5:
            d.lay(raster.stroke(d.shape, lines, d.line_px), ink)
    elif how < 0.9:
        d.lay(tones.any_tone(rng, shape, d.line_px), inkwell.any_ink(rng))
        if rng.random() < 0.5:
            d.lay(raster.stroke(d.shape, lines, d.line_px), inkwell.black(rng))
    else:  # the picture left bare in a field of ink
        hull = blur(raster.silhouette(shape), 0.02 * d.size)
        field = np.clip(hull * 3, 0, 1) * (1 - shape)
        d.lay(tones.any_tone(rng, field.astype(np.float32), d.line_px), inkwell.black(rng))


def _parts(rng: Rng, hull: Image) -> list[Image]:
    """The silhouette cut into one to four fields, each for one colour."""
    size = hull.shape[0]
    field = smooth_noise(rng, (size, size), rng.uniform(0.15, 0.5) * size, 2)
    cuts = np.sort(rng.uniform(-0.5, 0.5, int(rng.integers(0, 4))))
    edges = [-9.0, *cuts.tolist(), 9.0]
    return [
        (hull * ((field >= low) & (field < high))).astype(np.float32)
        for low, high in itertools.pairwise(edges)
    ]


def _pick(rng: Rng, library: Library) -> Motif:
    return library.motifs[int(rng.integers(len(library.motifs)))]


def _silhouette(rng: Rng, d: Sheet, library: Library) -> Image:
    if library.motifs and rng.random() < 0.6:
        box = (0.05 * d.size, 0.05 * d.size, 0.9 * d.size)
        return raster.silhouette(raster.picture(d.shape, _pick(rng, library), box))
    return coverage(d.shape, [blob(rng, np.full(2, d.size / 2), 0.38 * d.size, 0.3)])


def _ring(contour: Points) -> Points:
    return np.concatenate([contour, contour[:1]])


def collage(rng: Rng, d: Sheet, library: Library) -> None:
    """A dense piece or a sleeve: washes under motifs, flowers and lettering, some lightened again."""
    if rng.random() < 0.7:
        everywhere = np.ones(d.shape, np.float32)
        if rng.random() < 0.5:
            everywhere = coverage(d.shape, [blob(rng, np.full(2, d.size / 2), 0.45 * d.size, 0.2)])
        d.shade(
            tones.washed(rng, everywhere, d.line_px) * np.float32(rng.uniform(0.4, 1)), inkwell.black(rng)
        )
    if rng.random() < 0.6:
        (flower, grey_wash, realism)[int(rng.integers(3))](rng, d, library)
    for _ in range(rng.integers(2, 8)):
        side = rng.uniform(0.25, 0.65) * d.size
        left, top = rng.uniform(-0.05 * d.size, d.size - 0.9 * side, 2)
        if library.motifs:
            ink_motif(rng, d, _pick(rng, library), (float(left), float(top), float(side)))
        else:
            _part(
                rng,
                d,
                blob(rng, np.array([left, top]), side / 2, 0.3),
                inkwell.any_ink(rng),
                inkwell.black(rng),
            )
    if rng.random() < 0.3:
        lights = np.clip(smooth_noise(rng, d.shape, rng.uniform(0.02, 0.08) * d.size, 2) * 6 - 2, 0, 1)
        d.thin((1 - 0.7 * lights).astype(np.float32))


def sleeve(rng: Rng, d: Sheet, library: Library) -> None:
    """Skin that is covered all over: a wash and strands everywhere, modelled pictures in it, bare lights."""
    size, ink = d.size, inkwell.black(rng)
    everywhere = np.ones(d.shape, np.float32)
    wash = tones.washed(rng, everywhere, d.line_px) * np.float32(rng.uniform(0.5, 1.2))
    dark = np.clip(wash - np.float32(rng.uniform(0.05, 0.3)), 0, None)  # skin is left bare between
    dark = np.maximum(dark, tones.strands(rng, everywhere, d.line_px) * np.float32(rng.uniform(0.2, 1.0)))
    coloured = rng.random() < 0.5
    for _ in range(int(rng.integers(5, 14))):
        side = rng.uniform(0.12, 0.4) * size
        left, top = rng.uniform(0, 1, 2) * size - side / 2
        if library.motifs:
            inner = raster.picture(d.shape, _pick(rng, library), (float(left), float(top), float(side)))
        else:
            inner = coverage(d.shape, [blob(rng, np.array([left, top]) + side / 2, side / 2, 0.2)])
        how = (tones.modelled, tones.edge_shaded, tones.graded, tones.washed)[int(rng.integers(4))]
        hull = blur(raster.silhouette(inner), 0.006 * size)
        dark = np.maximum(dark * (1 - hull * np.float32(rng.uniform(0.3, 1))), how(rng, inner, d.line_px))
        if coloured and rng.random() < 0.6:
            d.shade(np.asarray(hull * rng.uniform(0.4, 1.1), np.float32), inkwell.colour(rng))
    d.shade(np.asarray(np.minimum(dark * rng.uniform(0.8, 1.6), 1.2), np.float32), ink)
    lights = np.clip(
        smooth_noise(rng, d.shape, rng.uniform(0.02, 0.1) * size, 2) * 6 - rng.uniform(1, 3), 0, 1
    )
    d.thin((1 - rng.uniform(0.6, 1.0) * lights).astype(np.float32))
