"""Reach of the lower-quarter Y-Balance test from marks on the floor.

Marks whose place on the floor is known give the homography from picture to floor; the toe of the reaching
foot is read through it. The toe has to be at the floor: one that is above it is read too far from the camera.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from assay.balance.v1 import balance_pb2 as pb
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Marks are set by hand to about this many px; the residual takes over where it is larger.
MARK_PX = 2.0
# The toe landmark lies at the tip within about this, and the toe is over, not on, the floor; a proposal.
TOE_CM = 1.0
# Beyond this standard uncertainty a reach is not given: the test itself is reproducible to 2 to 4 cm
# (Shaffer 2013).
MOST_CM = 3.0
# The reach counts where it lasts, s.
STILL_S = 0.1
MIN_MARKS = 4
# Posterior lines leave the anterior one at 135 degrees (Plisky 2006).
_POSTERIOR = math.sqrt(0.5)


@dataclass(frozen=True)
class Homography:
    """matrix: [3, 3] from px to cm on the floor. mark_px: standard error of a mark, px. marks: [K, 4] of x, y
    (px), right, ahead (cm)."""

    matrix: Floats
    mark_px: float
    marks: Floats


@dataclass(frozen=True)
class Reached:
    """cm: reach from the stance toe, None when not measurable, `why` then says so. uncertainty_cm: standard.
    at_s: when. cm_per_px: floor length of a pixel along the reach."""

    cm: float | None
    uncertainty_cm: float | None = None
    at_s: float | None = None
    cm_per_px: float | None = None
    why: str = ""


def direction(reach: pb.Reach.ValueType, standing: str) -> Floats | None:
    """Unit vector (right, ahead) of a reach for a standing leg; None when it is not stated."""
    medial = -1.0 if standing == "right" else 1.0  # a right leg's medial side is the subject's left
    vectors: dict[pb.Reach.ValueType, tuple[float, float]] = {
        pb.REACH_ANTERIOR: (0.0, 1.0),
        pb.REACH_POSTEROMEDIAL: (medial * _POSTERIOR, -_POSTERIOR),
        pb.REACH_POSTEROLATERAL: (-medial * _POSTERIOR, -_POSTERIOR),
    }
    return np.array(vectors[reach], np.float64) if reach in vectors else None


def homography(marks: Sequence[pb.FloorMark]) -> Homography | str:
    """The homography of at least four marks by the normalised direct linear transform (Hartley 1997).

    Answers FLOOR_MARKS_MISSING for fewer than four and FLOOR_MARKS_DEGENERATE for marks on a line.
    """
    if len(marks) < MIN_MARKS:
        return "FLOOR_MARKS_MISSING"
    table = np.array([[m.x_px, m.y_px, m.right_cm, m.ahead_cm] for m in marks], np.float64)
    matrix = _solve(table)
    if matrix is None:
        return "FLOOR_MARKS_DEGENERATE"
    inverse = np.asarray(np.linalg.inv(matrix), np.float64)
    residual = apply(inverse, table[:, 2:]) - table[:, :2]
    free = 2 * len(table) - 8
    spread = math.sqrt(float((residual**2).sum()) / free) if free else 0.0
    return Homography(matrix, max(spread, MARK_PX), table)


def apply(matrix: Floats, points: Floats) -> Floats:
    """Maps points [N, 2] through a homography."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def reach(
    floor: Homography | str, toe_px: Floats, toe_sd_px: float, time_s: Floats, along: Floats | None
) -> Reached:
    """Farthest place of the reaching toe along a direction that it keeps for 0.1 s.

    toe_px: [N, 2], NaN where missing; toe_sd_px: standard uncertainty of it; time_s: [N]; along: [2], unit.
    """
    if isinstance(floor, str):
        return Reached(None, why=floor)
    if along is None:
        return Reached(None, why="REACH_NOT_STATED")
    seen = np.isfinite(toe_px).all(axis=1)
    if not seen.any():
        return Reached(None, why="LANDMARKS_MISSING")
    toe, when = toe_px[seen], time_s[seen]
    far = apply(floor.matrix, toe) @ along
    step_s = float(np.median(np.diff(when))) if len(when) > 1 else STILL_S
    half = max(0, round(STILL_S / step_s / 2))
    kept = np.array([far[max(0, i - half) : i + half + 1].min() for i in range(len(far))])
    best = int(np.argmax(kept))
    uncertainty, cm_per_px = _uncertainty(floor, toe[best], toe_sd_px, along)
    if not uncertainty <= MOST_CM:
        return Reached(None, uncertainty, float(when[best]), cm_per_px, why="REACH_UNCERTAIN")
    return Reached(float(kept[best]), uncertainty, float(when[best]), cm_per_px)


def percent_leg_length(reach_cm: float, leg_length_cm: float) -> float:
    """100 reach / leg length, %."""
    return 100 * reach_cm / leg_length_cm


def composite(reaches_cm: Mapping[int, float], leg_length_cm: float) -> float | None:
    """100 (ANT + PM + PL) / (3 leg length), %; None unless all three are there. Keys: `pb.Reach`."""
    three = (pb.REACH_ANTERIOR, pb.REACH_POSTEROMEDIAL, pb.REACH_POSTEROLATERAL)
    if any(key not in reaches_cm for key in three):
        return None
    return 100 * sum(reaches_cm[key] for key in three) / (3 * leg_length_cm)


def asymmetry(right_cm: float, left_cm: float) -> float:
    """Difference of the reaches on both legs in one direction, cm; never negative."""
    return abs(right_cm - left_cm)


def _solve(table: Floats) -> Floats | None:
    """Least-squares homography of [K, 4]; None when the marks do not fix it."""
    picture, to_picture = _normalised(table[:, :2])
    floor, to_floor = _normalised(table[:, 2:])
    if picture is None or floor is None:
        return None
    rows = []
    for (x, y), (u, v) in zip(picture, floor, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, -u], [0, 0, 0, x, y, 1, -v * x, -v * y, -v]]
    _, sizes, basis = np.linalg.svd(np.array(rows))
    matrix = np.linalg.inv(to_floor) @ basis[-1].reshape(3, 3) @ to_picture
    if sizes[7] < 1e-3 * sizes[0] or abs(np.linalg.det(matrix / np.linalg.norm(matrix))) < 1e-15:
        return None
    # All marks lie on one side of the horizon, or the floor would be seen from below.
    depth = np.column_stack([table[:, :2], np.ones(len(table))]) @ matrix[2]
    return np.asarray(matrix) if (depth > 0).all() or (depth < 0).all() else None


def _normalised(points: Floats) -> tuple[Floats | None, Floats]:
    centre = points.mean(axis=0)
    size = float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean()))
    if size <= 0:
        return None, np.eye(3)
    scale = math.sqrt(2) / size
    to = np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])
    return (points - centre) * scale, to


def _uncertainty(floor: Homography, toe: Floats, toe_sd_px: float, along: Floats) -> tuple[float, float]:
    """Standard uncertainty of the reach, cm, and floor length of a pixel, cm, at a toe [2]."""
    here = apply(floor.matrix, toe[None]) @ along
    steps = toe + np.eye(2)
    slope = apply(floor.matrix, steps) @ along - here
    cm_per_px = float(np.hypot(*slope))
    variance = TOE_CM**2 + (cm_per_px * toe_sd_px) ** 2
    for row in range(len(floor.marks)):
        for column in (0, 1):
            moved = floor.marks.copy()
            moved[row, column] += floor.mark_px
            matrix = _solve(moved)
            if matrix is None:
                return math.inf, cm_per_px
            variance += float((apply(matrix, toe[None]) @ along - here)[0]) ** 2
    return math.sqrt(variance), cm_per_px
