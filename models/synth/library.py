"""The library that scenes draw from: motifs and alphabets as outlines, bodies as views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Points


@dataclass(frozen=True)
class Motif:
    """One picture of an icon set, in the unit square, y down."""

    fills: tuple[tuple[Points, ...], ...]
    """Paths that are filled; each holds its closed contours (N, 2), filled by the non-zero rule."""
    lines: tuple[tuple[Points, float], ...]
    """Paths that are stroked: polyline (N, 2), first point repeated at the end where closed; its width."""
    source: str
    """Name of the set, a key of the attribution table."""


@dataclass(frozen=True)
class Alphabet:
    """Glyphs of one font, in units of its em, y down, on the baseline y = 0."""

    glyphs: dict[str, tuple[Points, ...]]
    advance: dict[str, float]
    words: tuple[str, ...]
    """Texts that it can write without shaping."""
    source: str


@dataclass(frozen=True)
class Views:
    """Pieces of bodies seen from close by along parallel rays."""

    height: NDArray[np.float16]
    """(N, S, S) cm towards the camera, -1000 beside the body."""
    normal: NDArray[np.int8]
    """(N, S, S, 2) x right and y down of the unit normal, times 127."""
    cm_per_px: NDArray[np.float32]
    part: tuple[str, ...]


@dataclass(frozen=True)
class Library:
    """What a generator may use; an empty one leaves designs drawn from random numbers alone."""

    motifs: tuple[Motif, ...] = ()
    alphabets: tuple[Alphabet, ...] = ()
    bodies: Views | None = None
    """Views of bodies that skin is cut from."""


EMPTY = Library()
