"""Quality mode: several jittered regions a frame, averaged.

At a usual region one input pixel of the network is about 10 mm of body, so that sway is sub-pixel for it: one
region answers with an error that depends on where the body lies in the crop. Regions shifted and scaled a
little see the body at other places of the network's grid; their mean has a gain near 1 and less noise
(docs/pose.md has the measurements). The offsets are the same in every frame, so that what is left of the
error is constant and drops out of sway.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from svc_balance.pose.landmarker import Body
from svc_balance.pose.roi import Floats

REGIONS = 8
SPREAD = 0.04
"""Largest shift and change of size, as a share of the region's side."""
_PLASTIC = 1.2207440846057596
"""Root of x^4 = x + 1: the base of the three-dimensional R sequence (Roberts 2018), evenly spread points."""


def offsets(regions: int, spread: float = SPREAD) -> Floats:
    """Rows (shift x, shift y, scale) as shares of the side, (regions, 3); zero for a single region.

    Every row comes with its opposite, so that errors that are linear in the offset cancel.
    """
    if regions == 1:
        return np.zeros((1, 3))
    half = np.arange(1, regions // 2 + 1)[:, None] / _PLASTIC ** np.arange(1, 4)
    rows = ((0.5 + half) % 1 * 2 - 1) * spread
    both = np.concatenate([rows, -rows])
    return both if regions % 2 == 0 else np.concatenate([both, np.zeros((1, 3))])


def mean(bodies: Sequence[Body]) -> tuple[Body, Floats | None]:
    """The mean of one frame's regions, and its standard error in px, (33,); None for a single region.

    The standard error is that of a mean of independent regions, the root of the variances in x and y added.
    The regions see the same pixels, so that it says how far the answer depends on the region, and not how far
    it is from the truth.
    """
    if len(bodies) == 1:
        return bodies[0], None
    places = np.stack([body.image_px for body in bodies])
    error = np.sqrt(places.var(axis=0, ddof=1).sum(axis=1) / len(bodies))
    merged = Body(
        probability=float(np.mean([body.probability for body in bodies])),
        image_px=places.mean(axis=0),
        visibility=np.mean([body.visibility for body in bodies], axis=0),
        presence=np.mean([body.presence for body in bodies], axis=0),
        world_m=np.mean([body.world_m for body in bodies], axis=0),
        circle=np.mean([body.circle for body in bodies], axis=0),
    )
    return merged, np.asarray(error, np.float64)
