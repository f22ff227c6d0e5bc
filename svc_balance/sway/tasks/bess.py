"""Errors of the Balance Error Scoring System, counted from events (Riemann & Guskiewicz 2000).

One error each: hands off the iliac crests; opening the eyes; step, stumble or fall; hip abduction beyond 30
degrees; lifting forefoot or heel; out of the test position for more than 5 s. Errors at the same time are
one; at most 10 a condition; 10 when the position is not held for 5 s at a stretch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from svc_balance.sway.events.happenings import Event
from svc_balance.sway.events.rules import Rules

KINDS = {
    "hands_off": "hands_off",
    "eyes_open": "eyes_open",
    "touchdown": "step_stumble_fall",
    "stance_foot_moved": "step_stumble_fall",
    "hop": "step_stumble_fall",
    "hip_abd30": "hip_abduction",
    "heel_lift": "forefoot_or_heel_lift",
    "forefoot_lift": "forefoot_or_heel_lift",
    "out_of_position": "out_of_position",
}
"""Which of the six error types an event is."""


@dataclass(frozen=True)
class Score:
    """errors: 0 to the most of a condition. counted: one event for each error, in order. held_s: longest
    time in position at a stretch."""

    errors: int
    counted: tuple[Event, ...]
    held_s: float


def out_of_position(events: Sequence[Event], start_s: float, end_s: float, rules: Rules) -> list[Event]:
    """An additional error for every stretch out of position that lasts more than 5 s, at the fifth second."""
    out = []
    for first_s, last_s in _stretches(events, start_s, end_s):
        if last_s - first_s > rules.out_of_position.on:
            onset_s = first_s + rules.out_of_position.on
            out.append(
                Event(
                    id="out_of_position",
                    kind="error",
                    onset_s=onset_s,
                    duration_s=last_s - onset_s,
                    peak=last_s - first_s,
                    unit="s",
                    confidence=min(
                        e.confidence for e in events if e.onset_s <= onset_s and e.end_s >= first_s
                    ),
                )
            )
    return out


def score(events: Sequence[Event], start_s: float, end_s: float, rules: Rules) -> Score:
    """Counts the errors between start and end; events outside, and of other ids, are ignored."""
    errors = sorted((e for e in _inside(events, start_s, end_s)), key=lambda e: e.onset_s)
    late = out_of_position(errors, start_s, end_s, rules)
    counted: list[Event] = []
    until_s = -float("inf")
    for event in errors:
        # Of one moment when it begins during the errors before it, or within 0.3 s of the last one's start.
        if counted and (event.onset_s <= until_s or event.onset_s - counted[-1].onset_s <= rules.merge_s):
            until_s = max(until_s, event.end_s)
        else:
            counted.append(event)
            until_s = event.end_s
    held_s = _longest_hold(errors, start_s, end_s)
    counted = sorted([*counted, *late], key=lambda e: e.onset_s)
    number = len(counted) if held_s >= rules.bess_hold_s else rules.bess_max
    return Score(min(number, rules.bess_max), tuple(counted), held_s)


def _inside(events: Sequence[Event], start_s: float, end_s: float) -> list[Event]:
    return [e for e in events if e.id in KINDS and e.id != "out_of_position" and start_s <= e.onset_s < end_s]


def _stretches(events: Sequence[Event], start_s: float, end_s: float) -> list[tuple[float, float]]:
    """Time out of position as separate stretches in order."""
    out: list[tuple[float, float]] = []
    for event in sorted(_inside(events, start_s, end_s), key=lambda e: e.onset_s):
        last_s = min(event.end_s, end_s)
        if out and event.onset_s <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], last_s))
        else:
            out.append((event.onset_s, last_s))
    return out


def _longest_hold(events: Sequence[Event], start_s: float, end_s: float) -> float:
    longest, since_s = 0.0, start_s
    for first_s, last_s in [*_stretches(events, start_s, end_s), (end_s, end_s)]:
        longest = max(longest, first_s - since_s)
        since_s = last_s
    return longest
