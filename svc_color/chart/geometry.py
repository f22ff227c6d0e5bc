"""Where a chart lies in front of the camera: its tilt, from its homography.

The focal length is not known here. Phones' main cameras see about what a 26 mm lens sees on 36 x 24 mm film,
which is what the tilt is computed with. Its uncertainty is that of the focal length, half of the difference
to a lens three times as long, and that of the patches' places: the chart's sides are known to half a pixel,
and a tilt shows by its cosine, which near 0 hardly changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.chart.identify import Placement, chart_cells
from svc_color.chart.lattice import project
from svc_color.space import Array

# Focal length in longer sides of the photo: 26 mm and 78 mm over 36 mm.
_FOCAL, _LONG_FOCAL = 26 / 36, 78 / 36
_PLACE_PX: Final = 0.5
# Width of the frame around the patches, in pitches, and a little of the shadow beside it.
_FRAME: Final = 0.8


@dataclass(frozen=True)
class Tilt:
    """Angle between the chart's normal and the optical axis, 0 to 90 degrees; sd: standard uncertainty."""

    degrees: float
    sd: float


def corners(placement: Placement) -> Array:
    """Pixels (4, 2) of the corners of the chart's area of patches: by the first patch, then clockwise."""
    right, bottom = placement.layout.columns - 0.5, placement.layout.rows - 0.5
    cells = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    return project(placement.homography, cells)


def area(placement: Placement, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where a photo of this shape (H, W) shows the chart with its frame, bool (H, W)."""
    layout, mask = placement.layout, np.zeros(shape[:2], np.uint8)
    low, right, bottom = -0.5 - _FRAME, layout.columns - 0.5 + _FRAME, layout.rows - 0.5 + _FRAME
    cells = np.array([[low, low], [right, low], [right, bottom], [low, bottom]])
    cv2.fillConvexPoly(mask, np.rint(project(placement.homography, cells)).astype(np.int32), 1)
    return mask.astype(bool)


def tilt(placement: Placement, shape: tuple[int, ...]) -> Tilt:
    """Tilt of a chart in a photo of this shape (height, width, ...), taken as whole and undistorted."""
    near, far = (_tilt(placement, shape, focal) for focal in (_FOCAL, _LONG_FOCAL))
    sides = np.linalg.norm(np.diff(corners(placement), axis=0), axis=1)
    less = np.cos(np.radians(near)) - _PLACE_PX / float(sides.min())
    placed = float(np.degrees(np.arccos(max(0.0, less)))) - near
    return Tilt(near, float(np.hypot((near - far) / 2, placed)))


def _tilt(placement: Placement, shape: tuple[int, ...], focal: float) -> float:
    height, width = shape[:2]
    length = focal * max(height, width)
    camera = np.array([[length, 0, (width - 1) / 2], [0, length, (height - 1) / 2], [0, 0, 1]])
    cells = chart_cells(placement.layout)
    points = project(placement.homography, cells)
    middle = cells.mean(axis=0)
    flat = np.column_stack([cells - middle, np.zeros(len(cells))])
    _, turns, _, _ = cv2.solvePnPGeneric(flat, points, camera, None, flags=cv2.SOLVEPNP_IPPE)
    # Of the two poses that a plane allows, the first fits better.
    cosine = abs(float(cv2.Rodrigues(turns[0])[0][2, 2]))
    return float(np.degrees(np.arccos(min(1.0, cosine))))
