"""Following one person: a region of interest that keeps still while the person does.

Every frame suggests a region of its own, but following it makes landmarks three times noisier than leaving
the region where it is (docs/pose.md). So the region rests while the suggestions stay near it, apart from a
slow drift to their mean, and is drawn along as on a leash when they leave it.
"""

from __future__ import annotations

from collections.abc import Sequence

from svc_balance.pose.roi import Roi, wrapped

DRIFT = 0.02
"""Share of the way to a frame's suggestion that the region goes in any case."""
LEASH_SHIFT = 0.04
"""Share of its side that the region may lie off a suggestion."""
LEASH_SIDE = 0.06
"""Share of its side that it may differ in size."""
LEASH_TURN = 0.10
"""Angle that it may differ, rad."""


def follow(region: Roi, suggestions: Sequence[Roi]) -> Roi:
    """The region after these frames' suggestions, oldest first."""
    for wanted in suggestions:
        region = _step(region, wanted)
    return region


def _step(region: Roi, wanted: Roi) -> Roi:
    dx, dy = wanted.x - region.x, wanted.y - region.y
    shift = pull((dx * dx + dy * dy) ** 0.5, LEASH_SHIFT * region.side)
    grown = wanted.side - region.side
    turned = wrapped(wanted.rotation - region.rotation)
    return Roi(
        region.x + shift * dx,
        region.y + shift * dy,
        region.side + pull(abs(grown), LEASH_SIDE * region.side) * grown,
        wrapped(region.rotation + pull(abs(turned), LEASH_TURN) * turned),
    )


def pull(distance: float, leash: float) -> float:
    """Share of a distance to go: the drift, or as much more as brings what is left within the leash."""
    return max(DRIFT, 1 - leash / distance) if distance > 0 else 0.0
