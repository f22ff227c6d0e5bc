"""Whose pose it is when several people are in view."""

from __future__ import annotations

import math
from collections.abc import Sequence

from svc_balance.pose.detector import Detection
from svc_balance.pose.roi import Roi

NEAR = 0.5
"""A person found within this share of the last region's side, and of like size, is the same person."""
_LIKE_SIZE = 1.5
_SMALLEST = 0.3
"""A figure smaller than this share of the largest is part of the background."""


def count(people: Sequence[Detection]) -> int:
    """People to be reckoned with: those not much smaller than the largest."""
    if not people:
        return 0
    largest = max(person.roi.side for person in people)
    return sum(person.roi.side >= _SMALLEST * largest for person in people)


def choose(people: Sequence[Detection], width: int, height: int, last: Roi | None) -> Detection | None:
    """The subject: who was followed last if still there, else the largest and most central person."""
    if last is not None:
        near = [person for person in people if same(person.roi, last)]
        if near:
            return min(near, key=lambda person: distance(person.roi, last))
    return max(people, key=lambda person: prominence(person, width, height), default=None)


def prominence(person: Detection, width: int, height: int) -> float:
    """Size in the picture, up to halved towards its edge, times the detector's score."""
    roi = person.roi
    off = math.hypot(roi.x / width - 0.5, roi.y / height - 0.5) / math.hypot(0.5, 0.5)
    return person.score * roi.side / max(width, height) * (1 - 0.5 * min(off, 1.0))


def same(roi: Roi, last: Roi) -> bool:
    """Whether two regions may be those of one person a moment apart."""
    ratio = roi.side / last.side
    return distance(roi, last) < NEAR * last.side and 1 / _LIKE_SIZE < ratio < _LIKE_SIZE


def distance(roi: Roi, other: Roi) -> float:
    """Between the centres, px."""
    return math.hypot(roi.x - other.x, roi.y - other.y)


def near_others(subject: Roi, people: Sequence[Detection]) -> bool:
    """Whether anybody else stands within half the subject's body height (side / MARGIN, roughly)."""
    others = [person.roi for person in people if distance(person.roi, subject) > 0.15 * subject.side]
    return any(distance(roi, subject) < 0.5 * subject.side / 1.25 for roi in others)
