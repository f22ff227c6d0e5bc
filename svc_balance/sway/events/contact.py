"""Which foot is on the floor at every moment, told from both feet together.

A foot higher in the picture than the other one is either lifted or farther from the camera. So height alone
decides only where the feet stood level before; otherwise a foot has to move before it counts as lifted, and
one that rests while the other one swings carries the weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from svc_balance.sway.events.feet import Feet
from svc_balance.sway.events.rules import Rules
from svc_balance.sway.events.spans import hysteresis

Floats = NDArray[np.float64]

UNKNOWN, DOWN, UP = -1, 0, 1
# Time over which the place of a foot at rest is remembered, s.
_MEMORY_S = 0.5
# A foot out of sight keeps its state for this long, s.
_BLIND_S = 0.5
# A swing lasts at least this long, s.
_SWING_S = 0.15
# A foot that rises above the rule's height left the floor at most this long before, s.
_LEAVES_S = 0.5
# A foot that comes down has come to rest within this time, s.
_ARRIVAL_S = 0.3
# One foot cannot carry weight farther beside it than about its own half; this far is certain, leg lengths.
_BESIDE, _SLACK = 0.06, 0.02
# How long it has to be there; when, after the other foot left the floor, one foot carried it for sure, s.
_BESIDE_S, _OVER_S = 0.5, (0.5, 1.5)
# A foot that carries weight stepped there within this time, s.
_STEPS_S = 2.0


@dataclass(frozen=True)
class Change:
    """A foot leaves the floor or comes back to it.

    side: 0 left, 1 right. onset: sample, between two of them. spread: its standard uncertainty, samples.
    basis: "clearance" (height above the other foot), "movement" (how it moved and rested) or "start" (it was
    so when the stretch began).
    """

    side: int
    up: bool
    onset: float
    spread: float
    basis: str


@dataclass(frozen=True)
class Contact:
    """state: [M, 2] of -1 unknown, 0 on the floor, 1 lifted. clearance: [M, 2], leg lengths, level feet 0."""

    state: NDArray[np.int8]
    changes: tuple[Change, ...]
    clearance: Floats


def contact(feet: Feet, weight_x: Floats, rules: Rules) -> Contact:
    """State of both feet, each stretch between cuts on its own.

    weight_x: [M], image x of the body's middle, px.
    """
    state = np.full((len(feet.time_s), 2), UNKNOWN, np.int8)
    clearance = feet.clearance.copy()
    changes: list[Change] = []
    for number in np.unique(feet.segment):
        chosen = np.flatnonzero(feet.segment == number)
        part = slice(int(chosen[0]), int(chosen[-1]) + 1)
        if len(chosen) > 2 and np.isfinite(feet.leg_px[part.start]):
            walk = _Walk(feet, weight_x, part, rules)
            for sample in range(len(chosen)):
                walk.step(sample)
            walk.finish(len(chosen) - 1)
            state[part], clearance[part] = walk.state, walk.level_clearance
            changes += [replace(c, onset=c.onset + part.start) for c in walk.changes]
    return Contact(state, tuple(sorted(changes, key=lambda c: c.onset)), clearance)


class _Walk:
    """Goes through one stretch sample by sample; what a foot did later may correct what was thought of it."""

    def __init__(self, feet: Feet, weight_x: Floats, part: slice, rules: Rules) -> None:
        self.rules = rules
        self.fs_hz = feet.fs_hz
        self.noise = feet.noise if np.isfinite(feet.noise) else 0.0
        self.clearance = feet.clearance[part]
        self.speed = feet.speed[part]
        self.place = feet.place_px[part] / feet.leg_px[part.start]
        self.points = feet.points_px[part] / feet.leg_px[part.start]
        # Where the weight is beside each foot, and how far it may be while that foot alone carries it.
        self.beside = weight_x[part, None] / feet.leg_px[part.start] - self.place[:, :, 0]
        self.half_foot = np.abs(self.points[:, :, 1, 0] - self.points[:, :, 0, 0]) / 2 + _SLACK
        self.moving = np.stack(
            [hysteresis(self.speed[:, s], rules.moving, rules.resting) for s in (0, 1)], axis=1
        )
        self.state = np.full(self.clearance.shape, UNKNOWN, np.int8)
        self.level_clearance = self.clearance.copy()
        self.changes: list[Change] = []
        self.level = np.zeros(2)
        self.levelled = False
        self.now = [UNKNOWN, UNKNOWN]
        # Where each foot last stood, and how high it was in the picture there against the other one.
        self.anchor = np.full((2, 2), np.nan)
        self.anchor_height = np.full(2, np.nan)
        # First sample of what is going on with each foot, -1 when it is not.
        self.high_since = [-1, -1]
        self.low_since = [-1, -1]
        self.rest_since = [-1, -1]
        self.rested = [(-1, -1), (-1, -1)]  # first and last sample of the last rest long enough to carry
        self.beside_since = [-1, -1]
        # Whether a foot that swings has not yet been higher than the other one.
        self.lower = [False, False]
        self.moving_since = [-1, -1]
        self.unclear_since = [-1, -1]
        self.seen_at = [-1, -1]

    def step(self, i: int) -> None:
        """Takes sample i into account."""
        self._relevel(i)
        self.level_clearance[i] = self.clearance[i] - self.level
        for side in (0, 1):
            if not np.isfinite(self.level_clearance[i, side]):
                if i - self.seen_at[side] > _BLIND_S * self.fs_hz:
                    self.now[side] = UNKNOWN
                self._forget(side)
            else:
                self.seen_at[side] = i
                self._watch(i, side)
                (self._unknown, self._down, self._up)[self.now[side] + 1](i, side)
        self.state[i] = self.now

    def finish(self, i: int) -> None:
        """A foot that has risen and still moves when the stretch ends is lifted, however short it was."""
        for side in (0, 1):
            high = self.level_clearance[i, side] > 2 * self.rules.foot_up.on
            rising = high or self.speed[i, side] > self.rules.resting
            if self.now[side] == DOWN and self.high_since[side] >= 0 and rising:
                self._lift(i, side)

    def _relevel(self, i: int) -> None:
        """Follows the difference between two feet that stand side by side."""
        here = self.clearance[i]
        side_by_side = bool((np.abs(here) <= self.rules.foot_up.on).all())
        if self.now == [DOWN, DOWN] and not self.moving[i].any() and side_by_side:
            share = 1 / (_MEMORY_S * self.fs_hz) if self.levelled else 1.0
            self.level, self.levelled = self.level + share * (here - self.level), True

    def _watch(self, i: int, side: int) -> None:
        height, speed = self.level_clearance[i, side], self.speed[i, side]
        lift, touch = self.rules.foot_up, self.rules.touchdown
        slow = not speed >= self.rules.moving
        if height <= lift.off:
            self.high_since[side] = -1
        elif height > lift.on and self.high_since[side] < 0 and self._rises(i, side):
            self.high_since[side] = i
        if height > touch.off or not slow:
            self.low_since[side] = -1
        elif (height < touch.on or self._home(i, side)) and self.low_since[side] < 0:
            self.low_since[side] = i
        moving = bool(self.moving[i, side])
        beside = not moving and height < self.rules.ambiguous and self._leans(i, side)
        _note(self.moving_since, side, i, moving)
        _note(self.rest_since, side, i, not moving)
        if self._lasts(self.rest_since[side], i, self.rules.touchdown.min_s):
            self.rested[side] = (self.rest_since[side], i)
        _note(self.beside_since, side, i, bool(beside))

    def _leans(self, i: int, side: int) -> bool:
        """Whether the weight is farther toward a lifted foot than the other one alone could carry it."""
        last, other = self._last_change(side), 1 - side
        first, stop = (round(at * self.fs_hz) for at in _OVER_S)
        if last is None or not last.up or i < math.ceil(last.onset) + stop:
            return False
        since = math.ceil(last.onset)
        over = self.beside[since + first : since + stop, other]
        over = over[np.isfinite(over)]
        if not len(over):
            return False
        toward = np.sign(self.place[i, side, 0] - self.place[i, other, 0])
        shifted = (self.beside[i, other] - np.median(over)) * toward
        return bool(shifted > max(_BESIDE, self.half_foot[i, other]))

    def _rises(self, i: int, side: int) -> bool:
        """Whether a foot is high because it moved, and not because it stands farther from the camera."""
        crossed = i > 0 and self.level_clearance[i - 1, side] <= self.rules.foot_up.on
        return bool(crossed) or self._moved(i, side) > self.rules.foot_up.on

    def _moved(self, i: int, side: int) -> float:
        """How far the foot is from where it last stood, leg lengths."""
        return float(np.hypot(*(self.place[i, side] - self.anchor[side])))

    def _forget(self, side: int) -> None:
        for since in (self.high_since, self.low_since, self.rest_since, self.beside_since, self.moving_since):
            since[side] = -1
        self.unclear_since[side] = -1

    def _home(self, i: int, side: int) -> bool:
        return self._moved(i, side) < self.rules.touchdown.on

    def _lasts(self, since: int, i: int, seconds: float) -> bool:
        return since >= 0 and i - since + 1 >= seconds * self.fs_hz - 1e-6

    def _unknown(self, i: int, side: int) -> None:
        """Nothing is known yet: level or below is on the floor, far above is lifted, else wait."""
        height = self.level_clearance[i, side]
        if height > self.rules.ambiguous:
            self._set(i, side, UP, self._from_start(i, side), "start")
        elif height <= self.rules.foot_up.on or self.moving[i, side]:
            self._set(i, side, DOWN, self._from_start(i, side), "start")
        else:
            self.unclear_since[side] = self.unclear_since[side] if self.unclear_since[side] >= 0 else i
            if self._lasts(self.unclear_since[side], i, self.rules.settled_s):
                self._set(i, side, UP, float(self.unclear_since[side]), "start")

    def _from_start(self, i: int, side: int) -> float:
        return float(self.unclear_since[side]) if self.unclear_since[side] >= 0 else float(i)

    def _down(self, i: int, side: int) -> None:
        if not self.moving[i, side] and self.high_since[side] < 0:
            self._anchor(i, side, 1 / (_MEMORY_S * self.fs_hz))
        moved, lift = self._moved(i, side), self.rules.foot_up
        other = 1 - side
        if self.now[other] == UP and not self._carried(i, other, self.moving_since[side]):
            return
        risen = moved > lift.on and self._lasts(self.high_since[side], i, lift.min_s)
        swung = moved > self.rules.swing and self._lasts(self.moving_since[side], i, _SWING_S)
        if risen or swung:
            self._lift(i, side)

    def _lift(self, i: int, side: int) -> None:
        """The foot is up: since it left the floor where the feet stood level, else since it had swung."""
        self._plant(i, 1 - side)
        on, since = self.rules.foot_up.on, self.high_since[side]
        if since >= 0 and abs(self.anchor_height[side]) <= on:
            self._set(i, side, UP, self._left(since, side), "clearance")
            return
        # It may have moved first and been above the other foot later: the rule speaks of height.
        swung, rose = self._swung(i, side), self._rose(side)
        self.lower[side] = rose <= swung and bool(self.level_clearance[int(swung), side] <= on)
        self._set(i, side, UP, max(swung, rose), "movement")

    def _anchor(self, i: int, side: int, share: float) -> None:
        """Remembers where a foot stands, following it slowly."""
        if not np.isfinite(self.anchor[side]).all():
            share = 1.0
            self.anchor[side] = self.place[i, side]
        self.anchor[side] += share * (self.place[i, side] - self.anchor[side])
        if self.now[1 - side] == DOWN:
            height, before = self.level_clearance[i, side], self.anchor_height[side]
            self.anchor_height[side] = height if np.isnan(before) else before + share * (height - before)

    def _up(self, i: int, side: int) -> None:
        touch = self.rules.touchdown
        last = self._last_change(side)
        if last is not None and self.lower[side] and self.high_since[side] == i > last.onset:
            self.lower[side] = False
            onset = self._rose(side)
            self.state[math.ceil(last.onset) : math.ceil(onset), side] = DOWN
            self._replace(last, replace(last, onset=onset, spread=(onset - last.onset) / np.sqrt(12)))
        if self._lasts(self.low_since[side], i, touch.min_s):
            since = self.low_since[side]
            fell = since > 0 and self.level_clearance[since - 1, side] >= touch.on
            onset = self._crossed(since, side, touch.on) if fell else self._arrived(i, side)
            self._set(i, side, DOWN, onset, "clearance" if fell else "movement")
        elif self._lasts(self.beside_since[side], i, _BESIDE_S) and self.rested[side][0] >= 0:
            self._set(i, side, DOWN, max(self.rested[side][0], self._arrived(i, side, _STEPS_S)), "movement")

    def _carried(self, i: int, side: int, moved_at: int) -> bool:
        """Whether a foot thought to be lifted rested as the other one began to move: it carries then."""
        first, last = self.rested[side]
        near = bool(self.level_clearance[i, side] < self.rules.ambiguous)
        since = (moved_at if moved_at >= 0 else i) - self.rules.touchdown.min_s * self.fs_hz
        lifted = self._last_change(side)
        return near and lifted is not None and first >= lifted.onset and last >= since

    def _plant(self, i: int, side: int) -> None:
        """Puts a foot that rested on the floor since it came to rest."""
        if self.now[side] == UP:
            self._set(i, side, DOWN, float(self.rested[side][0]), "movement")

    def _set(self, i: int, side: int, state: int, onset: float, basis: str) -> None:
        self.now[side] = state
        self.state[math.ceil(onset) : i + 1, side] = state
        if state == DOWN:
            self._anchor(i, side, 1.0)
            self.high_since = [-1, -1]
        self.changes.append(Change(side, state == UP, onset, self._spread(onset, side), basis))

    def _left(self, since: int, side: int) -> float:
        """When a foot, above the rule's height at `since`, left the floor: its last moment below `off`."""
        off = self.rules.foot_up.off
        first = max(0, since - round(_LEAVES_S * self.fs_hz))
        below = np.flatnonzero(self.level_clearance[first:since, side] <= off)
        return self._crossed(first + int(below[-1]) + 1, side, off) if len(below) else float(since)

    def _rose(self, side: int) -> float:
        """When a foot passed the rule's height, where its place before does not tell when it left."""
        since = self.high_since[side]
        return self._crossed(since, side, self.rules.foot_up.on) if since >= 0 else -1.0

    def _crossed(self, since: int, side: int, level: float) -> float:
        """Where the clearance crosses a level just before sample `since`; that sample when it does not."""
        if since == 0:
            return 0.0
        before, after = self.level_clearance[since - 1, side], self.level_clearance[since, side]
        if not (np.isfinite(before) and before != after and 0 <= (level - before) / (after - before) <= 1):
            return float(since)
        return since - 1 + float((level - before) / (after - before))

    def _arrived(self, i: int, side: int, within_s: float = _ARRIVAL_S) -> float:
        """First sample from which on heel and toe stay within a touch-down's tolerance of their place."""
        since = max(0, i - round(within_s * self.fs_hz))
        gap = self.points[since : i + 1, side] - self.points[i, side]
        away = (np.hypot(gap[..., 0], gap[..., 1]) >= self.rules.touchdown.on).any(axis=1)
        return float(since + (int(np.flatnonzero(away)[-1]) + 1 if away.any() else 0))

    def _swung(self, i: int, side: int) -> float:
        """First sample of this movement at which the foot was a swing's length from its place."""
        since = max(self.moving_since[side], 0)
        moved = np.hypot(*(self.place[since : i + 1, side] - self.anchor[side]).T)
        return float(since + int(np.argmax(moved > self.rules.swing)))

    def _spread(self, onset: float, side: int) -> float:
        """Standard uncertainty of a crossing: half-sample rounding and noise over slope, samples."""
        if onset == 0:
            return 0.0
        i = int(np.clip(round(onset), 1, len(self.clearance) - 2)) if len(self.clearance) > 2 else 0
        slope = abs(self.clearance[i + 1, side] - self.clearance[i - 1, side]) / 2
        wander = self.noise / slope if slope > 0 else np.inf
        return float(np.hypot(np.sqrt(1 / 12), min(wander, self.fs_hz)))

    def _last_change(self, side: int) -> Change | None:
        return next((c for c in reversed(self.changes) if c.side == side), None)

    def _replace(self, old: Change, new: Change) -> None:
        self.changes[self.changes.index(old)] = new


def _note(since: list[int], side: int, i: int, holds: bool) -> None:
    """Keeps the first sample since which something holds; -1 when it does not."""
    since[side] = (since[side] if since[side] >= 0 else i) if holds else -1
