"""Events of one stretch of standing, found by the rules; times in s from the first frame.

Everything is seen in the camera's plane. What lies out of it is not looked for: `watched` says which rules
could be followed at all.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX
from svc_balance.sway.events.contact import Change, Contact
from svc_balance.sway.events.feet import SIDES, Feet, smooth
from svc_balance.sway.events.rules import Rule, Rules
from svc_balance.sway.events.spans import Span, spans
from svc_balance.sway.posture.series import Prepared

Floats = NDArray[np.float64]

_FOOT = ("heel", "foot_index")
# Places are remembered from this much of the stretch's start, s.
_BASELINE_S = 1.0
# A foot that rests this long somewhere stands there, s.
_SETTLES_S = 0.3
# A hop lands elsewhere within this time, s.
_LANDS_S = 0.5
# Seen from its end a thigh shows no direction: it has to show this share of its length.
_SHOWN = 0.5
# A foot known to be up or down only from how it moved, the camera's view being steep.
_BY_MOVEMENT = 0.6
# A hand this far from its hip (or opposite elbow) is not on it, leg lengths.
_IN_PLACE = 0.35
# An arm straighter than this hangs.
_STRAIGHT_DEG = 150.0


@dataclass(frozen=True)
class Event:
    """Something that happened. onset_s, duration_s: s. peak in `unit`, None when it has none.

    side: "left", "right" or "". confidence: 0 to 1. uncertainty_s: standard uncertainty of the onset.
    """

    id: str
    kind: str
    onset_s: float
    duration_s: float
    peak: float | None = None
    unit: str = ""
    side: str = ""
    confidence: float = 1.0
    uncertainty_s: float = 0.0

    @property
    def end_s(self) -> float:
        """End in s."""
        return self.onset_s + self.duration_s


@dataclass(frozen=True)
class Watch:
    """What is watched: samples first to last, the feet that stand and the one held up ("" when none).

    arms: "hips", "crossed" or "" (free or not stated). frontal: the camera looks from the front or back.
    """

    first: int
    last: int
    standing: tuple[str, ...]
    lifted: str
    arms: str
    frontal: bool


def foot_events(contact: Contact, feet: Feet, prepared: Prepared) -> list[Event]:
    """foot_up and touchdown of the whole recording; a stretch that starts on one leg has no foot_up."""
    out = []
    for change in contact.changes:
        if change.basis != "start":
            out.append(_foot_event(change, contact, feet, prepared))
    return out


def found(watch: Watch, prepared: Prepared, feet: Feet, contact: Contact, rules: Rules) -> list[Event]:
    """Events within the watched samples other than foot_up and touchdown, in order of onset."""
    signals = _Signals(watch, prepared, feet, rules)
    out = [*signals.moved(), *signals.lifts(), *signals.hands(), *signals.abduction(), *signals.touches()]
    return sorted(out, key=lambda event: event.onset_s)


def not_watched(watch: Watch, prepared: Prepared) -> tuple[str, ...]:
    """Ids of rules that cannot be followed here, so that silence is not taken for absence."""
    out = ["eyes_open"]
    if not watch.frontal or not watch.lifted:
        out += ["hip_abd30", "leg_touch"]
    if not watch.arms or any(_hand(prepared, watch, side) is None for side in SIDES):
        out.append("hands_off")
    return tuple(out)


def hands_in_place(watch: Watch, prepared: Prepared, feet: Feet) -> bool:
    """Whether both hands are where the arms' instruction has them at the start; True when not seen.

    A hanging hand is near the hip as well: with hands on the hips the elbow is bent.
    """
    for side in SIDES:
        distance = _hand(prepared, watch, side) if watch.arms else None
        if distance is not None:
            start = _baseline(distance / feet.leg_px, watch, feet.fs_hz)
            bend = _baseline(_elbow_deg(prepared, side), watch, feet.fs_hz)
            if start > _IN_PLACE or (watch.arms == "hips" and bend > _STRAIGHT_DEG):
                return False
    return True


class _Signals:
    """The signals of one stretch, each compared with its rule."""

    def __init__(self, watch: Watch, prepared: Prepared, feet: Feet, rules: Rules) -> None:
        self.watch, self.prepared, self.feet, self.rules = watch, prepared, feet, rules
        self.part = slice(watch.first, watch.last + 1)
        self.leg = feet.leg_px[self.part]

    def moved(self) -> Iterable[Event]:
        """stance_foot_moved and hop."""
        for side in self.watch.standing:
            moves = list(self._events(self.rules.stance_foot_moved, self._away(side), side, _FOOT))
            yield from moves
            heel, toe = self._rise(side, "heel"), self._rise(side, "foot_index")
            for hop in self._events(self.rules.hop, np.minimum(heel, toe), side, _FOOT):
                if any(
                    -_LANDS_S <= move.onset_s - hop.onset_s <= hop.duration_s + _LANDS_S for move in moves
                ):
                    yield hop

    def lifts(self) -> Iterable[Event]:
        """heel_lift and forefoot_lift: one end of the foot rises, the other stays."""
        for side in self.watch.standing:
            heel, toe = self._rise(side, "heel"), self._rise(side, "foot_index")
            for rule, rise, other in (
                (self.rules.heel_lift, heel, toe),
                (self.rules.forefoot_lift, toe, heel),
            ):
                alone = np.where(other < rule.on, rise, 0.0)
                yield from self._events(rule, alone, side, _FOOT)

    def hands(self) -> Iterable[Event]:
        """hands_off, each hand on its own."""
        for side in SIDES if self.watch.arms else ():
            distance = _hand(self.prepared, self.watch, side)
            if distance is not None:
                share = distance[self.part] / self.leg
                start = _baseline(share, self._inside, self.feet.fs_hz)
                yield from self._events(self.rules.hands_off, share - start, side, ("wrist",))

    def abduction(self) -> Iterable[Event]:
        """hip_abd30 of the lifted leg, in the frontal plane."""
        side = self.watch.lifted
        if side and self.watch.frontal:
            angle = self._abduction(side)
            yield from self._events(self.rules.hip_abd30, angle, side, ("hip", "knee"))

    def touches(self) -> Iterable[Event]:
        """leg_touch: the lifted ankle before, behind or at the stance shank; depth is not seen."""
        side = self.watch.lifted
        if side and self.watch.frontal:
            other = self.watch.standing[0]
            points = smooth(self.prepared, f"{side}_ankle", f"{other}_knee", f"{other}_ankle")[self.part]
            distance = _to_segment(points[:, 0], points[:, 1], points[:, 2]) / self.leg
            for event in self._events(self.rules.leg_touch, distance, side, ("ankle",)):
                yield replace(event, confidence=event.confidence / 2)

    @property
    def _inside(self) -> Watch:
        watch = self.watch
        return Watch(0, watch.last - watch.first, watch.standing, watch.lifted, watch.arms, watch.frontal)

    def _away(self, side: str) -> Floats:
        """Distance of the mid-foot from its place, leg lengths; where it settles is its new place."""
        rule = self.rules.stance_foot_moved
        place = self.feet.place_px[self.part, SIDES.index(side)] / self.leg[:, None]
        home = np.array([_baseline(place[:, axis], self._inside, self.feet.fs_hz) for axis in (0, 1)])
        out: Floats = np.hypot(*(place - home).T)
        pause = max(2, round(_SETTLES_S * self.feet.fs_hz))
        if len(place) <= pause:
            return out
        windows = np.lib.stride_tricks.sliding_window_view(place, pause, axis=0)
        steady = np.ptp(windows, axis=2).max(axis=1) < rule.off
        since = 0
        while (out[since:] > rule.on).any():
            left = since + int(np.argmax(out[since:] > rule.on))
            settled = np.flatnonzero(steady[left:])
            if not len(settled):
                break
            since = left + int(settled[0]) + pause
            home = np.median(place[since - pause : since], axis=0)
            out[since:] = np.hypot(*(place[since:] - home).T)
        return out

    def _rise(self, side: str, name: str) -> Floats:
        y = smooth(self.prepared, f"{side}_{name}")[self.part, 0, 1]
        return (_baseline(y, self._inside, self.feet.fs_hz) - y) / self.leg

    def _abduction(self, side: str) -> Floats:
        points = smooth(self.prepared, "left_hip", "right_hip", f"{side}_knee")[self.part]
        hip = points[:, SIDES.index(side)]
        thigh = points[:, 2] - hip
        across = hip - points[:, 1 - SIDES.index(side)]  # from the other hip outwards
        # The pelvis normal points down the picture, whichever side the subject shows.
        normal = np.stack([-across[:, 1], across[:, 0]], axis=1)
        normal *= np.sign(normal[:, 1:])
        out = np.sum(thigh * across, axis=1) / np.hypot(*across.T)
        down = np.sum(thigh * normal, axis=1) / np.hypot(*normal.T)
        angle = np.degrees(np.arctan2(out, down))
        length = np.hypot(*thigh.T)
        usual = np.nanpercentile(length, 90) if np.isfinite(length).any() else math.nan
        return np.where(length > _SHOWN * usual, angle, np.nan)

    def _events(self, rule: Rule, signal: Floats, side: str, names: tuple[str, ...]) -> Iterable[Event]:
        fs_hz = self.feet.fs_hz
        shortest = max(1, math.ceil(rule.min_s * fs_hz - 1e-6))
        for span in spans(signal, rule.on, rule.off, shortest):
            columns = [INDEX[f"{side}_{name}"] for name in names]
            visible = self.prepared.visibility[self.part][span.first : span.last + 1, columns]
            worst = np.nanmax if rule.above else np.nanmin
            peak = float(worst(signal[span.first : span.last + 1]))
            yield Event(
                id=rule.id,
                kind=rule.kind,
                onset_s=float(self.prepared.time_s[0]) + (self.watch.first + span.onset) / fs_hz,
                duration_s=(span.last - span.onset) / fs_hz,
                peak=peak,
                unit=rule.unit,
                side=side,
                confidence=float(np.mean(visible)) * _surety(rule, peak, self._noise(rule)),
                uncertainty_s=self._spread(signal, span, rule) / fs_hz,
            )

    def _noise(self, rule: Rule) -> float:
        """Standard deviation of a signal that the landmarks' noise leaves, in the rule's unit."""
        share = self.feet.noise if math.isfinite(self.feet.noise) else 0.0
        # A thigh is about half the leg: noise at its end turns it by twice the share, in rad.
        return share if rule.unit == "L" else math.degrees(2 * share)

    def _spread(self, signal: Floats, span: Span, rule: Rule) -> float:
        before, after = max(span.first - 1, 0), min(span.first + 1, len(signal) - 1)
        slope = abs(signal[after] - signal[before]) / max(after - before, 1)
        wander = self._noise(rule) / slope if slope > 0 else 0.0
        return math.hypot(math.sqrt(1 / 12), min(wander, self.feet.fs_hz))


def _foot_event(change: Change, contact: Contact, feet: Feet, prepared: Prepared) -> Event:
    side = SIDES[change.side]
    sample = min(math.ceil(change.onset), len(contact.state) - 1)
    state = contact.state[sample:, change.side]
    lasts = int(np.argmax(state != state[0])) if (state != state[0]).any() else len(state)
    heights = contact.clearance[sample : sample + lasts, change.side]
    seen = prepared.visibility[sample, [INDEX[f"{side}_{name}"] for name in ("heel", "foot_index", "ankle")]]
    basis = _BY_MOVEMENT if change.basis == "movement" else 1.0
    peak = float(np.nanmax(heights)) if np.isfinite(heights).any() and change.up else None
    return Event(
        id="foot_up" if change.up else "touchdown",
        kind="start" if change.up else "failure",
        onset_s=float(feet.time_s[0]) + change.onset / feet.fs_hz,
        duration_s=lasts / feet.fs_hz,
        peak=peak,
        unit="L" if change.up else "",
        side=side,
        confidence=float(np.max(seen)) * basis,
        uncertainty_s=change.spread / feet.fs_hz,
    )


def _surety(rule: Rule, peak: float, noise: float) -> float:
    """Probability that the peak is past the threshold, its noise being normal."""
    past = peak - rule.on if rule.above else rule.on - peak
    return 0.5 * (1 + math.erf(past / noise / math.sqrt(2))) if noise > 0 else 1.0


def _hand(prepared: Prepared, watch: Watch, side: str) -> Floats | None:
    """Distance of a wrist from where it is to be, [M] px; None when it is hardly seen in the stretch."""
    other = SIDES[1 - SIDES.index(side)]
    target = f"{side}_hip" if watch.arms == "hips" else f"{other}_elbow"
    points = smooth(prepared, f"{side}_wrist", target)
    distance = np.hypot(*(points[:, 0] - points[:, 1]).T)
    return distance if np.isfinite(distance[watch.first : watch.last + 1]).mean() > _SHOWN else None


def _elbow_deg(prepared: Prepared, side: str) -> Floats:
    """Angle at the elbow in the picture, [M] deg, 180 for a straight arm."""
    points = smooth(prepared, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
    upper, lower = points[:, 0] - points[:, 1], points[:, 2] - points[:, 1]
    cross = upper[:, 0] * lower[:, 1] - upper[:, 1] * lower[:, 0]
    return np.asarray(np.degrees(np.arctan2(np.abs(cross), np.sum(upper * lower, axis=1))))


def _baseline(signal: Floats, watch: Watch, fs_hz: float) -> float:
    """Median over the first second of a stretch; NaN when nothing is seen."""
    start = signal[watch.first : min(watch.last, watch.first + round(_BASELINE_S * fs_hz)) + 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmedian(start))


def _to_segment(point: Floats, start: Floats, end: Floats) -> Floats:
    """Distance of points [N, 2] from segments."""
    along = end - start
    size = np.sum(along**2, axis=1)
    share = np.clip(np.sum((point - start) * along, axis=1) / np.where(size > 0, size, np.nan), 0, 1)
    return np.asarray(np.hypot(*(point - start - share[:, None] * along).T))
