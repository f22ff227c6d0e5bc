"""Finds a colour chart in a photo: candidates, lattices, identification by colour."""

from __future__ import annotations

from svc_color.chart.candidates import SIDES, Image, candidates
from svc_color.chart.identify import Placement, identify
from svc_color.chart.lattice import lattices
from svc_color.chart.layouts import Layout


def find(rgb: Image, layouts: tuple[Layout, ...]) -> Placement | None:
    """The chart in a photo, sRGB (H, W, 3); None where there is none.

    The work is bounded by the number of regions, seeds, lattices and placements, whatever the photo shows.
    """
    for side in SIDES:
        placements = [
            placement
            for lattice in lattices(candidates(rgb, side))
            if (placement := identify(rgb, lattice, layouts)) is not None
        ]
        if placements:
            return min(placements, key=lambda each: each.error)
    return None
