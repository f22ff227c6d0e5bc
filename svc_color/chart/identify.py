"""Which chart a lattice is, and which way up: by the colours of its cells.

Every placement of a chart on the lattice (four turns, all shifts) is fitted by a linear matrix from the
photo's linear light to the chart's XYZ. A right one leaves a few CIEDE2000; a wrong one, or a lattice of
tiles, windows or checks, leaves many, since nine numbers cannot make two dozen colours of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.chart.candidates import Image
from svc_color.chart.fit import LEAST_PATCHES, terms
from svc_color.chart.lattice import Lattice, pitch, project
from svc_color.chart.layouts import Layout
from svc_color.difference import delta_e_2000
from svc_color.space import Array, srgb_to_linear, xyz_to_lab

# Mean CIEDE2000 of the best three quarters of the patches, at most; the next placement must be worse by the
# factor. Both lie far from what charts and other things gave: see docs/chart.md.
MOST_ERROR: Final = 9.0
_CLEARLY: Final = 1.3
_KEPT: Final = 0.75
# Share of the lattice's cells that lie on the chart.
_LEAST_INSIDE: Final = 0.7
# Half of the side that is looked at, in pitches.
_HALF: Final = 0.2
_BRIGHTEST: Final = 0.97
_LEAST_Y: Final = 0.02


@dataclass(frozen=True)
class Placement:
    """A chart in a photo. homography: (3, 3), (column, row) of the chart to pixels. error: CIEDE2000."""

    layout: Layout
    homography: Array
    error: float


def identify(rgb: Image, lattice: Lattice, layouts: tuple[Layout, ...]) -> Placement | None:
    """The chart that the lattice is; None where no chart explains its colours, or two turns do alike."""
    most = max(max(layout.rows, layout.columns) for layout in layouts)
    low = lattice.cells.min(axis=0).astype(int) - most
    high = lattice.cells.max(axis=0).astype(int) + most
    grid = np.stack(np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1)), axis=-1)
    colours = _colours(rgb, lattice.homography, grid.astype(float))
    found = []
    for layout in layouts:
        for moved in _placements(layout, lattice):
            own = moved.cells - low
            error = _error(colours[own[:, 1], own[:, 0]], layout)
            found.append((error, layout, moved.matrix))
    found.sort(key=lambda each: each[0])
    if not found or found[0][0] > MOST_ERROR or (len(found) > 1 and found[1][0] < _CLEARLY * found[0][0]):
        return None
    error, layout, matrix = found[0]
    return Placement(layout, lattice.homography @ matrix, error)


@dataclass(frozen=True)
class _Moved:
    """matrix: (3, 3), chart cell to lattice cell. cells: (n, 2), lattice cells of the patches in order."""

    matrix: Array
    cells: NDArray[np.intp]


def chart_cells(layout: Layout) -> Array:
    """(column, row) of every patch in order, (n, 2)."""
    return np.array(
        [(column, row) for row, column in product(range(layout.rows), range(layout.columns))], float
    )


def _placements(layout: Layout, lattice: Lattice) -> Iterator[_Moved]:
    """Turns and shifts that put most of the lattice's cells onto the chart."""
    own = chart_cells(layout)
    low, high = lattice.cells.min(axis=0), lattice.cells.max(axis=0)
    for cosine, sine in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        turn = np.array([[cosine, -sine], [sine, cosine]])
        turned = own @ turn.T
        least, most = turned.min(axis=0), turned.max(axis=0)
        columns = np.arange(low[0] - most[0] + 1, high[0] - least[0])
        rows = np.arange(low[1] - most[1] + 1, high[1] - least[1])
        for shift in product(columns, rows):
            inside = np.all((lattice.cells >= least + shift) & (lattice.cells <= most + shift), axis=1)
            if inside.mean() >= _LEAST_INSIDE:
                matrix = np.eye(3)
                matrix[:2, :2], matrix[:2, 2] = turn, shift
                yield _Moved(matrix, np.rint(turned + shift).astype(np.intp))


def _colours(rgb: Image, homography: Array, grid: Array) -> Array:
    """Mean linear light in the middle of every cell (rows, columns, 3); NaN where it is out of the photo."""
    height, width = rgb.shape[:2]
    depth = np.concatenate([grid, np.ones((*grid.shape[:2], 1))], axis=-1) @ homography[2]
    colours = np.full((*grid.shape[:2], 3), np.nan)
    with np.errstate(all="ignore"):
        centres, half = project(homography, grid), _HALF * pitch(homography, grid).min(axis=-1)
    sound = (depth > 0.1) & np.all(np.isfinite(centres), axis=-1) & (half >= 1) & (half < max(width, height))
    for row, column in np.argwhere(sound):
        (x, y), reach = centres[row, column], half[row, column]
        left, top, right, bottom = (round(value) for value in (x - reach, y - reach, x + reach, y + reach))
        if left >= 0 and top >= 0 and right < width and bottom < height:
            mean = cv2.mean(rgb[top : bottom + 1, left : right + 1])[:3]
            colours[row, column] = mean
    return np.where(np.isnan(colours), np.nan, srgb_to_linear(np.nan_to_num(colours) / 255))


def _error(colours: Array, layout: Layout) -> float:
    """Mean CIEDE2000 of the patches (n, 3) that fit best, after a linear fit that hidden ones do not bend."""
    reference = layout.editions[0]
    seen = np.all(np.isfinite(colours), axis=1) & np.all(np.nan_to_num(colours) < _BRIGHTEST, axis=1)
    kept = round(_KEPT * len(colours))
    if np.count_nonzero(seen) < max(LEAST_PATCHES, kept):
        return np.inf
    weights = np.maximum(reference.xyz[:, 1:2], _LEAST_Y) ** (-2 / 3)
    error = np.full(len(colours), np.inf)
    within = seen
    for _ in range(3):
        design = terms(colours[within], "linear") * weights[within]
        matrix = np.linalg.lstsq(design, reference.xyz[within] * weights[within], rcond=None)[0]
        error[seen] = delta_e_2000(xyz_to_lab(np.maximum(colours[seen] @ matrix, 0)), reference.lab[seen])
        within = error <= np.sort(error)[kept - 1]
    return float(np.sort(error)[:kept].mean())
