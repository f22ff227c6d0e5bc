"""Phases of a recording: on the left leg, on the right leg, on both, heel to toe, or not told.

A phase never goes across a cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from svc_balance.sway.events.contact import DOWN, UP, Contact
from svc_balance.sway.events.feet import Feet
from svc_balance.sway.events.spans import edges

Floats = NDArray[np.float64]

SINGLE = ("single_left", "single_right")
"""Standing on the left, on the right leg."""
# Shorter phases are passages between two others, s.
_PASSAGE_S = 0.1
# Feet in a line, one ahead of the other: their middles are this close sideways, leg lengths.
_IN_LINE = 0.10
# Flight is short: both feet off the floor for longer is a fault of the landmarks, s.
_FLIGHT_S = 0.5


@dataclass(frozen=True)
class PhaseSpan:
    """Samples first to last, both included, of one phase. start_s, end_s: from the first frame.

    open_before, open_after: whether it may have begun earlier or gone on: the recording begins or ends
    there, or a cut or a stretch that could not be told lies there. cut_after, last_of_recording: which.
    """

    id: str
    first: int
    last: int
    start_s: float
    end_s: float
    open_before: bool
    open_after: bool
    cut_after: bool
    last_of_recording: bool

    @property
    def duration_s(self) -> float:
        """Length in s."""
        return self.end_s - self.start_s


def phases(feet: Feet, contact: Contact, *, in_line: bool) -> list[PhaseSpan]:
    """Phases in order, without gaps; in_line: whether the subject was asked to stand heel to toe."""
    labels = _labels(feet, contact, in_line)
    labels = _without_passages(labels, feet)
    borders = np.flatnonzero((labels[1:] != labels[:-1]) | (feet.segment[1:] != feet.segment[:-1])) + 1
    starts = [0, *borders.tolist(), len(labels)]
    return [_span(feet, labels, first, stop - 1) for first, stop in pairwise(starts)]


def _labels(feet: Feet, contact: Contact, in_line: bool) -> NDArray[np.str_]:
    left, right = contact.state[:, 0], contact.state[:, 1]
    apart = np.abs(feet.place_px[:, 0, 0] - feet.place_px[:, 1, 0]) / feet.leg_px
    both = np.where(in_line & (apart < _IN_LINE), "tandem", "double")
    single = [
        (left == DOWN) & (right == UP),
        (left == UP) & (right == DOWN),
        (left == DOWN) & (right == DOWN),
    ]
    labels = np.select(single, [SINGLE[0], SINGLE[1], both], "unknown")
    # Both feet off the floor: a hop of whoever stood on one leg, if it is short.
    for first, last in edges((left == UP) & (right == UP)):
        before = labels[first - 1] if first else "unknown"
        if last - first < _FLIGHT_S * feet.fs_hz and before in SINGLE:
            labels[first : last + 1] = before
    return np.asarray(labels)


def _without_passages(labels: NDArray[np.str_], feet: Feet) -> NDArray[np.str_]:
    """Gives passages inside a stretch to the phase before them; what a stretch ends with stays."""
    out = labels.copy()
    borders = np.flatnonzero((labels[1:] != labels[:-1]) | (feet.segment[1:] != feet.segment[:-1])) + 1
    starts = [0, *borders.tolist(), len(labels)]
    for first, stop in pairwise(starts):
        inside = first > 0 and stop < len(labels)
        if not inside or stop - first >= _PASSAGE_S * feet.fs_hz:
            continue
        if feet.segment[first - 1] == feet.segment[first] == feet.segment[stop]:
            out[first:stop] = out[first - 1]
    return out


def _span(feet: Feet, labels: NDArray[np.str_], first: int, last: int) -> PhaseSpan:
    size = len(labels)
    cut_before = first > 0 and bool(feet.segment[first] != feet.segment[first - 1])
    cut_after = last < size - 1 and bool(feet.segment[last] != feet.segment[last + 1])
    return PhaseSpan(
        id=str(labels[first]),
        first=first,
        last=last,
        start_s=float(feet.time_s[first]),
        end_s=float(feet.time_s[min(last + 1, size - 1)]) if not cut_after else float(feet.time_s[last]),
        open_before=first == 0 or cut_before or labels[first - 1] == "unknown",
        open_after=last == size - 1 or cut_after or labels[last + 1] == "unknown",
        cut_after=cut_after,
        last_of_recording=last == size - 1,
    )
