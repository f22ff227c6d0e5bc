"""Lattices: candidates that lie in rows and columns, in perspective.

From a seed and two of its neighbours the lattice grows from cell to cell, each step predicted by the last; a
homography is then fitted to the cells, takes in what the growth missed behind gaps, and drops what does not
fit. Cells are (column, row) with the origin at the seed; columns run to the right of rows as in the photo, so
a mirrored chart does not come out as one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.chart.candidates import Candidates
from svc_color.space import Array

Cell = tuple[int, int]
Indices = NDArray[np.intp]
Step = tuple[Array, Array]

# Neighbours of one size: ratio of sides. Distance of neighbours in sides of a patch, foreshortened or not.
_SIDES: Final = (0.6, 1 / 0.6)
_NEIGHBOUR: Final = (0.75, 2.2)
_MOST_NEIGHBOURS: Final = 8
# Sine of the angle between the two directions.
_LEAST_SINE: Final = 0.5
# Distance between a prediction and the candidate that confirms it, in pitches.
_TOLERANCE, _FITTED_TOLERANCE = 0.25, 0.18
_LEAST_PITCH: Final = 2.0
_STEPS: Final = ((1, 0), (-1, 0), (0, 1), (0, -1))
_REACH: Final = 16
# How far beyond the cells found others are looked for, and how often.
_BEYOND, _ROUNDS = 4, 3
LEAST_CELLS: Final = 6
_MOST_SEEDS, _MOST_LATTICES = 80, 6


@dataclass(frozen=True)
class Lattice:
    """cells: (n, 2) column, row. members: (n,) indices of candidates. homography: (3, 3), cell to pixel."""

    cells: Array
    members: Indices
    homography: Array


def lattices(found: Candidates) -> list[Lattice]:
    """Lattices of at least `LEAST_CELLS` cells in two directions, largest first; at most a handful."""
    free = np.ones(len(found), bool)
    answer: list[Lattice] = []
    for seed in _seeds(found):
        if not free[seed] or len(answer) == _MOST_LATTICES:
            continue
        lattice = _best(found, seed)
        if lattice is not None:
            answer.append(lattice)
            free[lattice.members] = False
    return sorted(answer, key=lambda each: -len(each.cells))


def project(homography: Array, cells: Array) -> Array:
    """Pixels (..., 2) of cells (..., 2), fractions of a cell allowed."""
    points = np.concatenate([cells, np.ones((*cells.shape[:-1], 1))], axis=-1) @ homography.T
    return np.asarray(points[..., :2] / points[..., 2:])


def pitch(homography: Array, cells: Array) -> Array:
    """Distance in pixels (..., 2) from each cell (..., 2) to the next column and the next row."""
    half = np.array([[0.5, 0.0], [0.0, 0.5]])
    sides = [project(homography, cells + step) - project(homography, cells - step) for step in half]
    return np.asarray(np.linalg.norm(np.stack(sides, axis=-2), axis=-1))


def _seeds(found: Candidates) -> list[int]:
    """Candidates with the most neighbours of their own size, first."""
    counts = np.array([len(_neighbours(found, each)) for each in range(len(found))], int)
    order = np.argsort(-counts, kind="stable")
    return [int(each) for each in order if counts[each] >= 2][:_MOST_SEEDS]


def _neighbours(found: Candidates, of: int) -> Indices:
    """Indices of the nearest candidates of like size, nearest first."""
    ratio = found.sides / found.sides[of]
    distance = np.linalg.norm(found.centres - found.centres[of], axis=1) / found.sides[of]
    near = (distance > _NEIGHBOUR[0]) & (distance < _NEIGHBOUR[1]) & (ratio > _SIDES[0]) & (ratio < _SIDES[1])
    order = np.flatnonzero(near)
    return order[np.argsort(distance[order], kind="stable")][:_MOST_NEIGHBOURS]


def _best(found: Candidates, seed: int) -> Lattice | None:
    """The largest lattice from a seed, over the directions its neighbours offer."""
    best: Lattice | None = None
    for right, down in _directions(found, seed):
        grown = _grow(found, seed, right, down)
        if len(grown) >= LEAST_CELLS - 1 and (best is None or len(grown) > len(best.cells)):
            lattice = _fit(found, grown)
            if lattice is not None and (best is None or len(lattice.cells) > len(best.cells)):
                best = lattice
    return best


def _directions(found: Candidates, seed: int) -> Iterator[Step]:
    """Pairs of displacements to neighbours, the second clockwise of the first, shortest first."""
    steps = found.centres[_neighbours(found, seed)] - found.centres[seed]
    lengths = np.linalg.norm(steps, axis=1)
    pairs = sorted(
        ((a, b) for a, b in product(range(len(steps)), repeat=2) if a < b), key=lambda p: lengths[[*p]].sum()
    )
    offered = 0
    for a, b in pairs:
        sine = (steps[a, 0] * steps[b, 1] - steps[a, 1] * steps[b, 0]) / (lengths[a] * lengths[b])
        if abs(sine) >= _LEAST_SINE and offered < 3:
            offered += 1
            yield (steps[a], steps[b]) if sine > 0 else (steps[b], steps[a])


def _grow(found: Candidates, seed: int, right: Array, down: Array) -> dict[Cell, int]:
    cells: dict[Cell, int] = {(0, 0): seed}
    taken = {seed}
    queue: deque[tuple[Cell, Step]] = deque([((0, 0), (right, down))])
    while queue:
        cell, steps = queue.popleft()
        here = found.centres[cells[cell]]
        for column, row in _STEPS:
            to = (cell[0] + column, cell[1] + row)
            if to in cells or max(map(abs, to)) > _REACH:
                continue
            step = column * steps[0] + row * steps[1]
            index = _nearest(
                found, here + step, _TOLERANCE * min(float(np.linalg.norm(each)) for each in steps)
            )
            if index is None or index in taken or not _alike(found, cells[cell], index):
                continue
            cells[to] = index
            taken.add(index)
            queue.append((to, _bend(steps, column, row, found.centres[index] - here)))
    return cells


def _bend(steps: Step, column: int, row: int, seen: Array) -> Step:
    """The steps from the next cell: half of what was predicted, half of what was seen."""
    along = seen * (column + row)
    return ((steps[0] + along) / 2, steps[1]) if column else (steps[0], (steps[1] + along) / 2)


def _nearest(found: Candidates, point: Array, within: float) -> int | None:
    distance = np.linalg.norm(found.centres - point, axis=1)
    index = int(np.argmin(distance))
    return index if distance[index] <= within else None


def _alike(found: Candidates, one: int, other: int) -> bool:
    return bool(_SIDES[0] < found.sides[other] / found.sides[one] < _SIDES[1])


def _fit(found: Candidates, grown: dict[Cell, int]) -> Lattice | None:
    """Homography of the grown cells, then of all candidates that it puts on a cell."""
    cells, members = np.array(list(grown), float), np.array(list(grown.values()))
    lattice: Lattice | None = None
    for _ in range(_ROUNDS):
        spread = len(cells) >= LEAST_CELLS - 1 and min(np.ptp(cells, axis=0)) >= 1
        homography = homography_of(cells, found.centres[members]) if spread else None
        if homography is None:
            return None
        lattice = Lattice(cells, members, homography)
        cells, members = _on_cells(found, homography, cells)
    return lattice if lattice is not None and len(lattice.cells) >= LEAST_CELLS else None


def homography_of(cells: Array, points: Array) -> Array | None:
    """Robust homography (3, 3) from cells (n, 2) to pixels (n, 2); None where they determine none."""
    matrix, _ = cv2.findHomography(cells, points, cv2.LMEDS if len(cells) > 6 else 0)
    if matrix is None or not np.all(np.isfinite(matrix)):
        return None
    # Cells behind the camera would be mirrored through it.
    depth = np.concatenate([cells, np.ones((len(cells), 1))], axis=1) @ matrix[2]
    return np.asarray(matrix / depth[0], float) if np.all(depth / depth[0] > 0.1) else None


def _on_cells(found: Candidates, homography: Array, cells: Array) -> tuple[Array, Indices]:
    """Cells near those given, and the candidate on each."""
    low, high = cells.min(axis=0) - _BEYOND, cells.max(axis=0) + _BEYOND
    low, high = np.maximum(low, -_REACH), np.minimum(high, _REACH)
    wanted = np.array(list(product(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))))
    wanted = wanted[(np.column_stack([wanted, np.ones(len(wanted))]) @ homography[2]) > 0.1]
    at, reach = project(homography, wanted), pitch(homography, wanted)
    near = reach.min(axis=1) >= _LEAST_PITCH
    wanted, at, reach = wanted[near], at[near], reach[near]
    if not len(wanted):
        return wanted, np.zeros(0, np.intp)
    distance = np.linalg.norm(found.centres[None] - at[:, None], axis=2)
    index = distance.argmin(axis=1)
    each = np.arange(len(wanted))
    sides = found.sides[index] / np.sqrt(reach.prod(axis=1))
    hit = (distance[each, index] <= _FITTED_TOLERANCE * reach.min(axis=1)) & (sides > 0.4) & (sides < 1.1)
    return wanted[hit], index[hit]
