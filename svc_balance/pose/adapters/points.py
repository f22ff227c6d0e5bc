"""What every adapter gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.point_sets import canonical

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """Canonical landmarks of N crops. crop_px: [N, 33, 2], NaN where the estimator has no such point.
    score: [N, 33], its confidence 0..1, 0 where there is no point. error_px: [N, 33], the standard error of
    either coordinate that the estimator expects of itself, where it says one."""

    crop_px: Floats
    score: Floats
    error_px: Floats | None = None


def placed(found: Floats, names: Sequence[str]) -> Points:
    """Points [N, len(names), 3] as x, y, score of a named set, in the canonical order."""
    rows = canonical(found, names)
    return Points(rows[..., :2], np.nan_to_num(rows[..., 2]))
