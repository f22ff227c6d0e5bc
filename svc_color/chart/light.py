"""Reading a photo's pixels as light by the chart in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from svc_color.chart.candidates import Image
from svc_color.chart.fit import Correction, terms
from svc_color.chart.measured import MeasuredChart
from svc_color.reading import UNCALIBRATED, Reading
from svc_color.space import XYZ_TO_SRGB, Array, srgb_to_linear

# Pixels converted at once: their terms stay in the cache.
_BLOCK: Final = 1 << 14


@dataclass(frozen=True)
class ChartLight:
    """sRGB bytes (..., 3) to linear sRGB under D65, as the chart corrects them. table: (256, 3), what a byte
    stands for in each channel before the matrix."""

    correction: Correction
    table: Array

    def __call__(self, rgb: Image) -> Array:
        """Linear sRGB (..., 3), float64, not clipped; XYZ below 0 counts as 0."""
        rows = rgb.reshape(-1, 3)
        light = np.empty((len(rows), 3))
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            straight = np.column_stack([self.table[block[:, channel], channel] for channel in range(3)])
            xyz = np.maximum(terms(straight, self.correction.form) @ self.correction.matrix, 0.0)
            light[start : start + _BLOCK] = xyz @ XYZ_TO_SRGB.T
        return light.reshape(rgb.shape)


def light_by(correction: Correction) -> ChartLight:
    """How a correction reads bytes."""
    every = srgb_to_linear(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))
    return ChartLight(correction, correction.curve(every) if correction.curve else every)


def reading_by(chart: MeasuredChart | None) -> Reading:
    """How the pixels of a photo are read: by its chart where that passed the gates, else by sRGB alone.

    The standard uncertainty of a colour is then the mean leave-one-out error (domain dossier, section 6.4).
    """
    if chart is None or chart.chosen is None or chart.grade == "fail":
        return UNCALIBRATED
    return Reading(light_by(chart.chosen.correction), chart.chosen.loo_mean, calibrated=True)
