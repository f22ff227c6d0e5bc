"""Tattoo designs from random numbers, SVG sets and fonts: `draw` makes one, as amounts of ink on a canvas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from models.synth.arrays import Rng, smooth_noise
from models.synth.designs import inkwell, styles
from models.synth.designs.shapes import blob, curve
from models.synth.designs.sheet import MAX_INKS, Design, Sheet
from models.synth.library import EMPTY, Alphabet, Library, Motif

__all__ = [
    "COVERING",
    "EMPTY",
    "MAX_INKS",
    "STYLES",
    "Alphabet",
    "Design",
    "Library",
    "Motif",
    "Sheet",
    "blob",
    "curve",
    "draw",
]

Shares = Mapping[Callable[[Rng, Sheet, Library], None], float]

STYLES: Shares = {
    styles.motif: 7.0,
    styles.realism: 5.0,
    styles.collage: 4.0,
    styles.script: 2.4,
    styles.flower: 1.8,
    styles.grey_wash: 1.4,
    styles.mandala: 1.2,
    styles.watercolour: 1.2,
    styles.tribal: 1.0,
    styles.cover_up: 0.8,
    styles.dot_work: 0.8,
    styles.line_work: 0.7,
    styles.sleeve: 0.7,
}
"""Each style and how often it is drawn, in proportion."""


COVERING: Shares = {styles.sleeve: 3.0, styles.collage: 1.5, styles.realism: 1.0}
"""The same for what covers a limb from edge to edge."""


def draw(
    rng: Rng, size: int, line_px: float, library: Library = EMPTY, style_shares: Shares = STYLES
) -> Design:
    """One tattoo on a canvas of `size` pixels square, whose lines are about `line_px` wide.

    Its inks have the age of one tattoo; a third are patchy, as old work is.
    """
    sheet = Sheet(size, line_px)
    weights = np.array(list(style_shares.values()))
    style = list(style_shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    style(rng, sheet, library)
    if rng.random() < 0.3:
        worn = 0.75 + 0.5 * smooth_noise(rng, sheet.shape, rng.uniform(0.03, 0.2) * size, 3)
        sheet.thin(np.clip(worn, 0.05, 1.0).astype(np.float32))
    drawn = sheet.design()
    return Design(drawn.amounts, inkwell.aged(rng, drawn.inks))
