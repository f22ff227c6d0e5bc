"""Extent of sway: ranges, farthest excursion, convex hull. Extremes, so they grow with the duration."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

Floats = NDArray[np.float64]


def extent_values(ml: Floats, ap: Floats | None) -> dict[str, float]:
    """RANGE, MAXDIST (mm), AREA_HULL (mm²), RANGE_RATIO (ML over AP); `ml`, `ap` [N] centred, mm.

    The planar RANGE is the largest distance between two samples, the diameter of the convex hull.
    """
    out = {"RANGE_ML": float(np.ptp(ml)), "MAXDIST_ML": float(np.abs(ml).max())}
    if ap is None:
        return out
    out |= {"RANGE_AP": float(np.ptp(ap)), "MAXDIST_AP": float(np.abs(ap).max())}
    out["MAXDIST"] = float(np.hypot(ml, ap).max())
    out["RANGE"], out["AREA_HULL"] = hull(ml, ap)
    out["RANGE_RATIO"] = out["RANGE_ML"] / out["RANGE_AP"] if out["RANGE_AP"] > 0 else math.nan
    return out


def hull(ml: Floats, ap: Floats) -> tuple[float, float]:
    """Diameter (mm) and area (mm²) of the convex hull; points on one line have no area."""
    points = np.column_stack([ml, ap])
    try:
        shape = ConvexHull(points)
    except QhullError:
        centred = points - points.mean(axis=0)
        axis = np.linalg.svd(centred, full_matrices=False)[2][0]
        return float(np.ptp(centred @ axis)), 0.0
    # In two dimensions qhull calls the area "volume".
    return float(pdist(points[shape.vertices]).max()), float(shape.volume)
