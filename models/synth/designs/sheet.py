"""A design: how much of which ink lies where on a square canvas, and the sheet it is drawn on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Image
from models.synth.inks import Ink

MAX_INKS = 6


@dataclass(frozen=True)
class Design:
    amounts: NDArray[np.float32]
    """(K, S, S), 0..1.5: amount of each ink relative to its own; inks may overlap."""
    inks: tuple[Ink, ...]
    """K <= 6."""


class Sheet:
    """A square canvas on which inks are laid one over another."""

    def __init__(self, size: int, line_px: float) -> None:
        self.size, self.line_px = size, line_px
        self._inks: list[Ink] = []
        self._amounts: list[Image] = []

    @property
    def shape(self) -> tuple[int, int]:
        return self.size, self.size

    def _plane(self, ink: Ink) -> int:
        """Number of the ink's plane; the seventh ink goes into the plane of the last with its class, or 0."""
        if ink in self._inks:
            return self._inks.index(ink)
        if len(self._inks) == MAX_INKS:
            same = [k for k, other in enumerate(self._inks) if other.name == ink.name]
            return same[-1] if same else 0
        self._inks.append(ink)
        self._amounts.append(np.zeros(self.shape, np.float32))
        return len(self._inks) - 1

    def lay(self, shape: Image, ink: Ink) -> None:
        """Replace what lies under `shape` (S, S) 0..1 by the ink: a later pass of the needle hides it.

        Above 1 it is denser ink.
        """
        keep = 1 - np.minimum(shape, 1)
        k = self._plane(ink)
        for amounts in self._amounts:
            amounts *= keep
        self._amounts[k] += shape

    def shade(self, shape: Image, ink: Ink) -> None:
        """Add a wash of the ink, (S, S), over what is there."""
        k = self._plane(ink)
        np.maximum(self._amounts[k], shape, out=self._amounts[k])

    def thin(self, keep: Image) -> None:
        """Multiply all ink by (S, S)."""
        for amounts in self._amounts:
            amounts *= keep

    def design(self) -> Design:
        """What was drawn; its amounts are clipped to 0..1.5."""
        if not self._inks:
            raise ValueError("sheet: nothing was drawn")
        return Design(np.clip(np.stack(self._amounts), 0, 1.5).astype(np.float32), tuple(self._inks))
