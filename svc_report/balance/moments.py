"""Which moments of a trial are shown as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from assay.balance.v1.balance_pb2 import BalanceEvent, SwayPage

from svc_report import numbers
from svc_report.balance import metrics, results
from svc_report.balance.traces import Traces, window_of

MAX_MOMENTS = 6
SAME_S = 0.2
"""Moments nearer to each other than this share a picture."""


@dataclass(frozen=True)
class Moment:
    """A time in s from the first frame, and why it is shown."""

    time_s: float
    reason: str


def choose(page: SwayPage, found: Traces, duration_s: float) -> tuple[Moment, ...]:
    """At most six moments in order of time: start, end, largest sway, failures, errors, compensations."""
    chosen: list[Moment] = []
    for moment in _wanted(page, found, duration_s):
        near = next(
            (index for index, other in enumerate(chosen) if abs(other.time_s - moment.time_s) < SAME_S), None
        )
        if near is None:
            if len(chosen) < MAX_MOMENTS:
                chosen.append(moment)
        elif moment.reason not in chosen[near].reason:
            chosen[near] = Moment(chosen[near].time_s, f"{chosen[near].reason}; {moment.reason}")
    return tuple(sorted(chosen, key=lambda moment: moment.time_s))


def _wanted(page: SwayPage, found: Traces, duration_s: float) -> Iterator[Moment]:
    """Moments, most important first."""
    by_kind = {
        kind: [event for event in page.events if event.kind == kind]
        for kind in ("start", "failure", "error", "compensation")
    }
    yield from (_of(event) for event in by_kind["start"][:1])
    yield from (_of(event) for event in by_kind["failure"][:1])
    yield from _largest_sway(page, found)
    yield from (_of(event) for event in by_kind["failure"][1:3])
    yield from (_of(event) for event in by_kind["error"][:MAX_MOMENTS])
    surest = sorted(by_kind["compensation"], key=lambda event: (-event.confidence, event.onset_s))
    yield from (_of(event, middle=True) for event in surest[:MAX_MOMENTS])
    if page.HasField("window"):
        yield Moment(page.window.end_s, "End of the measured stretch")
    else:
        # Where nothing was found, one look at what the camera saw.
        yield Moment(duration_s / 2, "Middle of the recording")


def _of(event: BalanceEvent, *, middle: bool = False) -> Moment:
    """An event's onset, or the middle of its duration, where a compensation shows."""
    time_s = event.onset_s + (event.duration_s / 2 if middle else 0.0)
    return Moment(max(time_s, 0.0), results.event_name(event.id))


def _largest_sway(page: SwayPage, found: Traces) -> Iterator[Moment]:
    start, end = window_of(page, found)
    inside = found.within(start, end)
    squares = np.zeros(int(inside.sum()))
    names = [name for name in ("com_ml", "com_ap") if found.get(name) is not None]
    for name in names:
        values = found.values[name][inside]
        if not np.isfinite(values).any():
            return
        squares = squares + np.nan_to_num(values - np.nanmean(values)) ** 2
    if names and len(squares) and squares.max() > 0:
        peak = int(squares.argmax())
        carried = any(metrics.measurable(page, name[-2:].upper()) for name in names)
        distance = numbers.significant(float(np.sqrt(squares[peak])), 2)
        amount = f": {distance} {found.units.get(names[0], '')} from the mean" if carried else ""
        yield Moment(float(found.time_s[inside][peak]), f"Largest sway{amount}")
