"""Tattoo designs drawn from random numbers: each is laid on a `Drawing` as ink absorbance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image, Points, Rng, blur, coverage, smooth_noise, strokes
from models.synth.pigment import COLOURS, random_ink

Motif = list[Points]
"""Closed contours in a unit square."""

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&"
_FONTS = (
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
)


@dataclass(frozen=True)
class Drawing:
    """Ink on a square canvas: natural-log absorbance (S, S, 3), changed in place as it is drawn."""

    absorbance: Image
    line_px: float

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.absorbance.shape[0]), int(self.absorbance.shape[1])

    def lay(self, shape: Image, ink: NDArray[np.float32]) -> None:
        """Replace what lies under `shape` (S, S) 0..1 by the ink: a later pass of the needle hides it."""
        part = shape[:, :, None]
        self.absorbance[:] += part * (ink - self.absorbance)

    def shade(self, shape: Image, ink: NDArray[np.float32]) -> None:
        """Add a wash: `shape` (S, S) times the ink's absorbance, over what is there."""
        np.maximum(self.absorbance, shape[:, :, None] * ink, out=self.absorbance)


def draw(rng: Rng, size: int, line_px: float, motifs: Sequence[Motif]) -> Image:
    """One tattoo on a canvas (size, size, 3) of absorbance; `motifs` may be empty."""
    drawing = Drawing(np.zeros((size, size, 3), np.float32), line_px)
    kinds: list[tuple[float, Callable[[Rng, Drawing], None]]] = [
        (2.0, line_work),
        (2.0, script),
        (1.2, tribal),
        (1.6, flower),
        (1.2, mandala),
        (1.2, watercolour),
        (1.6, grey_wash),
        (0.8, dot_work),
        (1.0, cover_up),
        (2.5, lambda r, d: collage(r, d, motifs)),
    ]
    if motifs:
        chosen = motifs[int(rng.integers(len(motifs)))]
        kinds.append((8.0, lambda r, d: motif(r, d, chosen)))
    weights = np.array([w for w, _ in kinds])
    kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))][1](rng, drawing)
    return drawing.absorbance


def blob(rng: Rng, centre: Points, radius: float, rough: float, points: int = 72) -> Points:
    """A closed contour (points, 2) around `centre` whose radius wanders by the share `rough`."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    r = np.ones(points)
    for k in range(2, 7):
        r += rough / k * 2 * rng.normal() * np.cos(k * angle + rng.uniform(0, 6.3))
    r = np.clip(r, 0.3, 1.8) * radius
    return np.asarray(centre + np.stack([np.cos(angle), np.sin(angle)], 1) * r[:, None], np.float64)


def curve(rng: Rng, low: float, high: float, knots: int) -> Points:
    """A smooth open curve (N, 2) through `knots` random points of the square low..high (Catmull-Rom)."""
    p = rng.uniform(low, high, (knots + 2, 2))
    t = np.linspace(0, 1, 14)[:, None]
    parts = [
        0.5
        * (
            2 * p[i]
            + (p[i + 1] - p[i - 1]) * t
            + (2 * p[i - 1] - 5 * p[i] + 4 * p[i + 1] - p[i + 2]) * t**2
            + (3 * p[i] - p[i - 1] - 3 * p[i + 1] + p[i + 2]) * t**3
        )
        for i in range(1, knots - 1)
    ]
    return np.concatenate(parts) if parts else p[:2]


def line_ink(rng: Rng) -> NDArray[np.float32]:
    return random_ink(rng, "black") if rng.random() < 0.85 else random_ink(rng, str(rng.choice(COLOURS)))


def any_ink(rng: Rng, colourful: float = 0.75) -> NDArray[np.float32]:
    if rng.random() < colourful:
        return random_ink(rng, str(rng.choice(COLOURS)))
    return random_ink(rng, "grey" if rng.random() < 0.6 else "black")


def line_work(rng: Rng, d: Drawing) -> None:
    """Fine open and closed curves, some mirrored: single-needle work."""
    size, ink = d.shape[0], line_ink(rng)
    lines = [curve(rng, 0.1 * size, 0.9 * size, int(rng.integers(3, 8))) for _ in range(rng.integers(1, 6))]
    if rng.random() < 0.5:
        lines += [np.stack([size - line[:, 0], line[:, 1]], 1) for line in lines]
    for _ in range(rng.integers(0, 4)):
        lines.append(blob(rng, rng.uniform(0.3, 0.7, 2) * size, rng.uniform(0.05, 0.3) * size, 0.1))
    d.lay(strokes(d.shape, lines, d.line_px), ink)


def script(rng: Rng, d: Drawing) -> None:
    """One to three lines of lettering."""
    size, font, ink = d.shape[0], int(rng.choice(_FONTS)), line_ink(rng)
    canvas = np.zeros(d.shape, np.uint8)
    rows = int(rng.integers(1, 4))
    for row in range(rows):
        text = "".join(rng.choice(list(_LETTERS), rng.integers(2, 9)))
        thick = max(1, round(d.line_px * rng.uniform(0.6, 1.2)))
        (width, height), _ = cv2.getTextSize(text, font, 1.0, thick)
        scale = min(0.86 * size / max(width, 1), 0.7 * size / rows / max(height, 1))
        x = round((size - width * scale) / 2)
        y = round(size * (row + 1) / (rows + 0.6))
        cv2.putText(canvas, text, (x, y), font, scale, 255, thick, cv2.LINE_AA)
    d.lay(canvas.astype(np.float32) / np.float32(255), ink)


def tribal(rng: Rng, d: Drawing) -> None:
    """Solid tapering hooks and spikes."""
    size = d.shape[0]
    contours = []
    for _ in range(rng.integers(2, 8)):
        spine = curve(rng, 0.08 * size, 0.92 * size, int(rng.integers(3, 6)))
        along = np.linspace(0, 1, len(spine))
        width = rng.uniform(0.03, 0.1) * size * np.sin(np.pi * along) ** rng.uniform(0.5, 1.5)
        tangent = np.gradient(spine, axis=0)
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
        contours.append(
            np.concatenate([spine + normal * width[:, None], (spine - normal * width[:, None])[::-1]])
        )
    shape = np.max([coverage(d.shape, [c]) for c in contours], 0)
    d.lay(shape, line_ink(rng))


def flower(rng: Rng, d: Drawing) -> None:
    """Petals and leaves: outline, colour fill with a gradient to skin or to black."""
    size, black = d.shape[0], random_ink(rng, "black")
    outlined = rng.random() < 0.75
    colours = [any_ink(rng, 0.85) for _ in range(3)]
    for ring in range(int(rng.integers(1, 4))):
        radius, petals = size * (0.34 - 0.1 * ring), int(rng.integers(4, 9))
        for k in range(petals):
            angle = 2 * np.pi * (k + 0.5 * ring) / petals + rng.normal(0, 0.08)
            centre = size / 2 + radius * np.array([np.cos(angle), np.sin(angle)]) * 0.75
            contour = blob(rng, centre, radius * rng.uniform(0.4, 0.6), 0.12, 40)
            _fill(rng, d, [contour], colours[ring % 3])
            if outlined:
                d.lay(strokes(d.shape, [contour], d.line_px, closed=True), black)


def _fill(rng: Rng, d: Drawing, contours: list[Points], ink: NDArray[np.float32]) -> None:
    """Flat, graded or mottled fill of contours."""
    shape = coverage(d.shape, contours)
    how = rng.random()
    if how < 0.35:
        d.lay(shape, ink)
        return
    size = d.shape[0]
    if how < 0.7:  # a gradient across the shape, often down to bare skin
        angle, (yy, xx) = rng.uniform(0, 6.3), np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
        ramp = np.clip(
            0.6 + rng.uniform(1, 4) * (xx * np.cos(angle) + yy * np.sin(angle)), rng.choice([0, 0.4]), 1.1
        )
    else:
        ramp = np.clip(0.7 + 0.6 * smooth_noise(rng, d.shape, rng.uniform(6, 50), 2), 0.05, 1.3)
    d.lay(shape, ink * ramp.astype(np.float32)[:, :, None])


def mandala(rng: Rng, d: Drawing) -> None:
    """Rotational symmetry: one wedge of curves and dots repeated, some cells filled."""
    size, order, ink = d.shape[0], int(rng.choice([6, 8, 10, 12, 16])), line_ink(rng)
    fill = any_ink(rng, 0.4)
    for ring in range(int(rng.integers(2, 5))):
        radius = size * 0.45 * (ring + 1) / 5
        contour = blob(rng, np.array([radius, 0.0]), size * rng.uniform(0.03, 0.09), 0.15, 30)
        copies = []
        for k in range(order):
            c, s = np.cos(2 * np.pi * k / order), np.sin(2 * np.pi * k / order)
            copies.append(contour @ np.array([[c, s], [-s, c]]) + size / 2)
        if rng.random() < 0.5:
            d.lay(coverage(d.shape, copies), fill if rng.random() < 0.6 else ink)
        d.lay(strokes(d.shape, copies, d.line_px, closed=True), ink)
        if rng.random() < 0.5:
            circle = blob(rng, np.full(2, size / 2), radius, 0.0)
            d.lay(strokes(d.shape, [circle], d.line_px, closed=True), ink)


def watercolour(rng: Rng, d: Drawing) -> None:
    """Soft-edged splashes of several colours, with droplets."""
    size = d.shape[0]
    for _ in range(rng.integers(2, 5)):
        ink = random_ink(rng, str(rng.choice(COLOURS)))
        field = smooth_noise(rng, d.shape, rng.uniform(30, 120), 4)
        yy, xx = np.mgrid[0:size, 0:size].astype(np.float32) / size
        cx, cy = rng.uniform(0.3, 0.7, 2)
        field = field - 7 * ((xx - cx) ** 2 + (yy - cy) ** 2) + rng.uniform(0.3, 0.7)
        soft = np.clip(field * rng.uniform(3, 12), 0, 1) * rng.uniform(0.5, 1.1)
        soft *= 1 + 0.25 * smooth_noise(rng, d.shape, 30, 2)
        d.shade(soft.astype(np.float32), ink)
        dots = [
            blob(rng, rng.uniform(0.1, 0.9, 2) * size, rng.uniform(0.004, 0.02) * size, 0.1, 16)
            for _ in range(8)
        ]
        d.lay(coverage(d.shape, dots), ink)
    if rng.random() < 0.5:
        line_work(rng, d)


def grey_wash(rng: Rng, d: Drawing) -> None:
    """Realistic shading inside a silhouette: smooth tones, dark accents, bare highlights."""
    size, ink = d.shape[0], random_ink(rng, "black" if rng.random() < 0.8 else str(rng.choice(COLOURS)))
    shape = coverage(d.shape, [blob(rng, np.full(2, size / 2), 0.36 * size, 0.3)])
    if rng.random() < 0.5:
        shape = blur(shape, rng.uniform(1, 0.06 * size))
    _wash(rng, d, shape, ink)


def _wash(rng: Rng, d: Drawing, shape: Image, ink: NDArray[np.float32]) -> None:
    tone = 0.5 + 0.7 * smooth_noise(rng, d.shape, rng.uniform(0.05, 0.3) * d.shape[0], 3)
    d.shade((shape * np.clip(tone, rng.choice([0.0, 0.15, 0.3]), 1.1)).astype(np.float32), ink)
    ridges = np.abs(smooth_noise(rng, d.shape, rng.uniform(0.1, 0.35) * d.shape[0], 2))
    accents = np.clip(1 - ridges * rng.uniform(8, 25), 0, 1) * (shape > 0.4)
    d.shade(accents.astype(np.float32), ink)


def dot_work(rng: Rng, d: Drawing) -> None:
    """Stippling whose density falls off, over a few lines."""
    size, ink = d.shape[0], random_ink(rng, "black")
    field = np.clip(0.35 + 0.8 * smooth_noise(rng, d.shape, rng.uniform(60, 160), 2), 0, 1) ** 2
    shape = coverage(d.shape, [blob(rng, np.full(2, size / 2), 0.38 * size, 0.25)])
    count = int(size * size / d.line_px**2 / rng.uniform(20, 60))
    canvas = np.zeros(d.shape, np.uint8)
    for x, y in rng.integers(0, size, (min(count, 6000), 2)):
        if rng.random() < field[y, x] * shape[y, x]:
            cv2.circle(canvas, (int(x), int(y)), max(1, round(d.line_px * 0.4)), 255, -1, cv2.LINE_AA)
    d.lay(canvas.astype(np.float32) / np.float32(255), ink)
    if rng.random() < 0.6:
        line_work(rng, d)


def collage(rng: Rng, d: Drawing, motifs: Sequence[Motif]) -> None:
    """A dense piece: washes and colours under motifs, flowers and lines, some of it lightened again."""
    for _ in range(rng.integers(1, 4)):
        _fill(
            rng, d, [blob(rng, rng.uniform(0.3, 0.7, 2) * d.shape[0], 0.28 * d.shape[0], 0.3)], any_ink(rng)
        )
    if rng.random() < 0.5:
        (flower if rng.random() < 0.5 else grey_wash)(rng, d)
    for _ in range(rng.integers(0, 3)):
        if motifs:
            motif(rng, d, motifs[int(rng.integers(len(motifs)))])
    if rng.random() < 0.4:
        lights = np.clip(smooth_noise(rng, d.shape, rng.uniform(6, 40), 2) * 6 - 2, 0, 1)
        d.absorbance[:] *= (1 - 0.7 * lights)[:, :, None].astype(np.float32)


def cover_up(rng: Rng, d: Drawing) -> None:
    """A dense dark mass with texture and narrow gaps of skin."""
    size = d.shape[0]
    shape = coverage(d.shape, [blob(rng, np.full(2, size / 2), 0.38 * size, 0.3)])
    gaps = np.abs(smooth_noise(rng, d.shape, rng.uniform(0.06, 0.2) * size, 2)) < rng.uniform(0.01, 0.06)
    tone = np.clip(0.9 + 0.4 * smooth_noise(rng, d.shape, 20, 3), 0.3, 1.3)
    d.lay(shape * blur(1 - gaps.astype(np.float32), 0.8), random_ink(rng, "black") * tone[:, :, None])


def motif(rng: Rng, d: Drawing, contours: Motif) -> None:
    """A silhouette from an icon set: solid, outlined, coloured by parts, washed or dotted."""
    size = d.shape[0]
    scaled = [c * (0.9 * size) + 0.05 * size for c in contours]
    how = rng.random()
    shape = coverage(d.shape, scaled)
    if how < 0.3:
        d.lay(shape, line_ink(rng) if rng.random() < 0.6 else any_ink(rng))
    elif how < 0.5:
        d.lay(strokes(d.shape, scaled, d.line_px, closed=True), line_ink(rng))
    elif how < 0.75:  # ink between the silhouette's parts, lines where the icon is solid
        hull = blur(shape, 0.02 * size) > 0.2
        _fill(rng, d, scaled[:1], any_ink(rng))
        for c in scaled[1:]:
            _fill(rng, d, [c], any_ink(rng))
        if rng.random() < 0.5:
            d.shade(hull.astype(np.float32) * np.float32(rng.uniform(0.3, 0.6)), any_ink(rng))
        d.lay(strokes(d.shape, scaled, d.line_px, closed=True), random_ink(rng, "black"))
    elif how < 0.9:
        _wash(rng, d, shape, random_ink(rng, "black"))
        if rng.random() < 0.6:
            d.lay(strokes(d.shape, scaled, d.line_px, closed=True), random_ink(rng, "black"))
    else:
        solid = coverage(d.shape, scaled[:1])
        _wash(rng, d, solid, any_ink(rng))
        d.lay(shape, random_ink(rng, "black"))
