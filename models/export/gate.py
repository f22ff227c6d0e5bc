"""Parity gates: whether a built file does what the released one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LEAST_IOU = 0.99
MOST_PX = 0.5
"""Of the landmarks, px of a crop 256 px wide."""
MOST_GAIN_CHANGE = 0.02


class Parity(Protocol):
    """What a comparison found."""

    @property
    def passed(self) -> bool: ...

    @property
    def said(self) -> str:
        """The figures in words, for the table."""


@dataclass(frozen=True)
class MaskParity:
    """Ink masks of a built file against those of the released one, over the photos where either finds ink."""

    photos: int
    mean_iou: float
    least_iou: float
    """Of a single photo."""

    @property
    def passed(self) -> bool:
        return self.photos > 0 and self.mean_iou >= LEAST_IOU

    @property
    def said(self) -> str:
        return f"IoU {self.mean_iou:.4f} (worst photo {self.least_iou:.4f})"


@dataclass(frozen=True)
class LandmarkParity:
    """Landmarks of a built file against those of the released one."""

    worst_px: float
    """Greatest distance of a landmark in any crop, px of 256."""
    gain_change: float
    """Greatest change of the sway gain, as a share of the released file's."""

    @property
    def passed(self) -> bool:
        return self.worst_px <= MOST_PX and self.gain_change <= MOST_GAIN_CHANGE

    @property
    def said(self) -> str:
        return f"{self.worst_px:.3f} px, sway gain {100 * self.gain_change:.2f} %"


def mask_parity(released: Sequence[NDArray[np.bool_]], built: Sequence[NDArray[np.bool_]]) -> MaskParity:
    """Intersection over union, photo by photo; where only one finds ink, that is 0."""
    pairs = [(a, b) for a, b in zip(released, built, strict=True) if (a | b).any()]
    found = [float((a & b).sum() / (a | b).sum()) for a, b in pairs]
    return MaskParity(len(found), float(np.mean(found)) if found else 0.0, min(found, default=0.0))


def landmark_parity(
    released: NDArray[np.float64], built: NDArray[np.float64], gains: Sequence[tuple[float, float]]
) -> LandmarkParity:
    """Landmarks (N, P, 2), px of 256; gains: released and built, of the same injected sway."""
    moved = np.linalg.norm(released - built, axis=-1)
    worst = float(moved.max()) if np.isfinite(moved).all() else float("inf")
    changes = [abs(theirs / ours - 1) for ours, theirs in gains]
    return LandmarkParity(worst, max(changes) if np.isfinite(changes).all() else float("inf"))
