"""One trial: landmarks and how the test was done in, everything measured out. Pure; no server, no file.

Order: even sampling, feet, phases, the attempt that is measured, its events, time to failure, the window,
scale and view, then sway, strategy, alignment. What the recording cannot carry is withheld with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from assay.balance.v1 import balance_pb2 as pb
from assay.balance.v1.balance_pb2 import BalanceTrial
from numpy.typing import NDArray

from mesh.errors import Unmeasurable
from mesh.landmarks import Landmarks
from svc_balance.sway import flags
from svc_balance.sway.events import happenings as events
from svc_balance.sway.events.contact import Contact, contact
from svc_balance.sway.events.feet import SIDES, Feet, feet
from svc_balance.sway.events.happenings import Event, Watch
from svc_balance.sway.events.phases import PhaseSpan, phases
from svc_balance.sway.events.rules import RULES
from svc_balance.sway.flags import Flag
from svc_balance.sway.measures.measure import Metric, Trace, measure
from svc_balance.sway.posture import compensations, quality
from svc_balance.sway.posture.alignment import Alignment, align
from svc_balance.sway.posture.body import CentreOfMass, centre_of_mass, landmark_weights
from svc_balance.sway.posture.scale import Scale, pixel_scale
from svc_balance.sway.posture.series import Prepared, prepare
from svc_balance.sway.posture.strategy import StrategyReading, read_strategy
from svc_balance.sway.posture.view import ViewReading, camera_roll, read_view
from svc_balance.sway.tasks import bess, ctsib
from svc_balance.sway.tasks import protocol as tasks
from svc_balance.sway.tasks.protocol import Held, Plan
from svc_balance.sway.tasks.readings import TaskReading, task_readings

Floats = NDArray[np.float64]

# Left out of the window: settling after the foot is up, and the fall itself, s.
SETTLE_S, FALL_S = 1.0, 0.5
# A shorter window carries no sway, s.
LEAST_WINDOW_S = 2.0
# The weight goes over to one leg before the other is up; of the still stance before it the last seconds, s.
SHIFT_S, STILL_S = 1.0, 5.0
# Relative standard uncertainty of the amplitude that a pose model gives a movement (docs/pose.md, sway that
# is put in): spread over ten frames at 4 mm with regions averaged; without, also the mean excess of 14 %.
# Landmarks of a device count as the latter, since nothing says how they were made.
GAIN_AVERAGED, GAIN_SINGLE = 0.07, 0.15
VIEWS = {
    pb.VIEW_FRONT: "front",
    pb.VIEW_BACK: "back",
    pb.VIEW_LEFT: "left",
    pb.VIEW_RIGHT: "right",
    pb.VIEW_OBLIQUE: "oblique",
}
SEXES = {pb.SEX_FEMALE: "female", pb.SEX_MALE: "male"}


@dataclass(frozen=True)
class Sway:
    """What the window carries: metrics, strategy, alignment, scale and the centre of mass behind them."""

    window_s: tuple[float, float]
    metrics: tuple[Metric, ...]
    strategy: StrategyReading
    alignment: Alignment
    scale: Scale


@dataclass(frozen=True)
class Result:
    """Everything found in one trial. attempt, held, sway: None when no standing of the wanted kind was found.

    side: standing leg found, "" when none or both. watch: what was looked at for events.
    """

    plan: Plan
    prepared: Prepared
    feet: Feet
    contact: Contact
    com: CentreOfMass
    view: ViewReading
    phases: tuple[PhaseSpan, ...]
    events: tuple[Event, ...]
    side: str
    attempt: PhaseSpan | None
    held: Held | None
    sway: Sway | None
    watch: Watch | None
    bess: bess.Score | None
    condition: int | None
    task_readings: tuple[TaskReading, ...]
    flags: tuple[Flag, ...]

    @property
    def withheld(self) -> tuple[str, ...]:
        """Codes of the flags under which no number is given."""
        return tuple(flag.code for flag in self.flags if flag.level == flags.FAIL)

    @property
    def warned(self) -> tuple[str, ...]:
        """Codes of the flags that mark every number."""
        return tuple(flag.code for flag in self.flags if flag.level == flags.WARN and flag.marks)


def assess(landmarks: Landmarks, trial: BalanceTrial, upstream: Sequence[Flag] = ()) -> Result:
    """Measures one trial.

    upstream: what earlier stages remarked; a FAIL of theirs withholds numbers here as well.

    Raises:
        Unmeasurable: TOO_FEW_FRAMES; NO_PERSON when no frame shows a trunk.
        InvalidInput: LANDMARKS_TOO_LONG.
    """
    prepared = prepare(landmarks)
    com = centre_of_mass(prepared, SEXES.get(trial.sex, ""))
    trunk_x = (prepared.middle("hip")[:, 0] + prepared.middle("shoulder")[:, 0]) / 2
    if not np.isfinite(trunk_x).any():
        raise Unmeasurable("NO_PERSON", "No frame shows a person.", field="landmarks", fix=_WHOLE_BODY)
    plan = tasks.plan(trial)
    stated_view = VIEWS.get(trial.view, "")
    view = read_view(prepared, stated_view)
    walked = feet(prepared)
    weight_x = np.where(np.isfinite(com.position_px[:, 0]), com.position_px[:, 0], trunk_x)
    touching = contact(walked, weight_x, RULES)
    parts = phases(walked, touching, in_line=plan.stance == "tandem")
    attempt, side = _attempt(plan, parts)
    if attempt is not None:
        # Shots and turns outside the attempt do not matter.
        view = read_view(prepared, stated_view, prepared.between(attempt.start_s, attempt.end_s))
    result = Result(
        plan=plan,
        prepared=prepared,
        feet=walked,
        contact=touching,
        com=com,
        view=view,
        phases=tuple(parts),
        events=tuple(events.foot_events(touching, walked, prepared)),
        side=side,
        attempt=attempt,
        held=None,
        sway=None,
        watch=None,
        bess=None,
        condition=ctsib.condition(trial) if plan.task in tasks.CTSIB else None,
        task_readings=(),
        flags=(),
    )
    if attempt is not None:
        result = _judge(result, attempt, trial)
    raised = [*flags.raised(result, landmarks, trial), *_quality(result, landmarks, trial)]
    return replace(
        result, task_readings=task_readings(result, trial), flags=flags.gravest_first(raised, upstream)
    )


_WHOLE_BODY = "Film the whole body, feet included, in good light."


def _attempt(plan: Plan, parts: Sequence[PhaseSpan]) -> tuple[PhaseSpan | None, str]:
    """The stretch to measure: the longest on the declared leg, else the longest on either.

    BESS goes on after a step, so that its first stretch is the one that starts it.
    """
    declared = tasks.attempts(parts, plan.phase(plan.side))
    found = declared or tasks.attempts(parts, plan.wanted)
    if not found:
        return None, ""
    chosen = min(found, key=lambda p: p.start_s) if plan.task in tasks.BESS else found[0]
    return chosen, chosen.id.removeprefix("single_") if chosen.id.startswith("single_") else ""


def _judge(result: Result, attempt: PhaseSpan, trial: BalanceTrial) -> Result:
    """Events, time and sway of the attempt."""
    plan, prepared = result.plan, result.prepared
    watch = _watch(result, attempt)
    happened = events.found(watch, prepared, result.feet, result.contact, RULES)
    everything = sorted([*result.events, *happened], key=lambda event: event.onset_s)
    held = tasks.held(plan, attempt, everything, 1 / prepared.source_fps)
    counted = None
    if plan.task in tasks.BESS:
        counted = bess.score(everything, held.start_s, held.start_s + plan.cap_s, RULES)
    window = _window(held, plan)
    result = replace(result, events=tuple(everything), held=held, watch=watch, bess=counted)
    if window is None:
        return result
    sway = _sway(result, trial, window)
    return replace(result, sway=sway, events=_with_compensations(result, sway, attempt))


def _with_compensations(result: Result, sway: Sway, attempt: PhaseSpan) -> tuple[Event, ...]:
    """Events with the compensations of the time held; what the rules found is not said twice."""
    held = result.held
    assert held is not None
    still = (attempt.start_s, attempt.start_s + SETTLE_S)
    found = compensations.find(
        result.prepared, result.side, result.view, (held.start_s, held.end_s), sway.scale, still
    )
    ruled = {event.id for event in result.events}
    added = [
        Event(c.id, "compensation", c.onset_s, c.duration_s, c.peak, c.unit, c.side, c.confidence)
        for c in found.events
        if c.id not in ruled
    ]
    return tuple(sorted([*result.events, *added], key=lambda event: event.onset_s))


def _quality(result: Result, landmarks: Landmarks, trial: BalanceTrial) -> list[Flag]:
    """Flags of the landmarks over the window, else over the attempt, else over the whole recording."""
    prepared, com, view, side = result.prepared, result.com, result.view, result.side
    if result.sway is not None:
        window, scale = result.sway.window_s, result.sway.scale
    else:
        whole = (float(prepared.time_s[0]), float(prepared.time_s[-1]))
        attempt = result.attempt
        window = (attempt.start_s, attempt.end_s) if attempt is not None else whole
        scale = pixel_scale(prepared, trial, side, window)
    roll = camera_roll(com, prepared, side, prepared.between(*window), view.view)
    found = quality.flags(landmarks, prepared, side, window, view=view, com=com, scale=scale, roll=roll)
    return [Flag(f.code, flags.LEVELS[f.level], f.message, marks=True) for f in found]


def _watch(result: Result, attempt: PhaseSpan) -> Watch:
    """What is looked at: the attempt; with BESS, which goes on after errors, the whole 20 s."""
    plan, last = result.plan, attempt.last
    if plan.task in tasks.BESS:
        segment = result.feet.segment
        end = attempt.first + round(plan.cap_s * result.prepared.fs_hz)
        same = np.flatnonzero(segment == segment[attempt.first])
        last = min(max(last, end), int(same[-1]))
    return Watch(
        first=attempt.first,
        last=last,
        standing=(result.side,) if result.side else SIDES,
        lifted=SIDES[1 - SIDES.index(result.side)] if result.side else "",
        arms=plan.arms,
        frontal=result.view.frontal,
    )


def _window(held: Held, plan: Plan) -> tuple[float, float] | None:
    """The stretch that sway is measured in; None when too little is left."""
    start_s = held.start_s + (SETTLE_S if plan.stance == "single" else 0.0)
    end_s = held.end_s - (0.0 if held.censored else FALL_S)
    return (start_s, end_s) if end_s - start_s >= LEAST_WINDOW_S else None


def _sway(result: Result, trial: BalanceTrial, window: tuple[float, float]) -> Sway:
    prepared, view, com, side = result.prepared, result.view, result.com, result.side
    scale = pixel_scale(prepared, trial, side, window)
    strategy = read_strategy(
        prepared,
        side,
        view,
        window,
        com_px=com.position_px,
        com_error_px=com.standard_uncertainty_px,
        scale=scale,
        mass_kg=trial.mass_kg if trial.HasField("mass_kg") else None,
        steps_s=[e.onset_s for e in result.events if e.id in ("touchdown", "stance_foot_moved", "hop")],
    )
    return Sway(
        window_s=window,
        metrics=_metrics(result, scale, window),
        strategy=strategy,
        alignment=align(prepared, side, view, window, scale),
        scale=scale,
    )


def _metrics(result: Result, scale: Scale, window: tuple[float, float]) -> tuple[Metric, ...]:
    prepared, view, com = result.prepared, result.view, result.com
    run = longest_run(np.isfinite(com.position_px[:, 0]) & prepared.between(*window))
    mm = scale.mm_per_px.value
    ml = _trace(result, run, view.right_px, mm) if view.frontal else None
    ap = _trace(result, run, view.forward_px, mm) if view.sagittal else None
    relative = None
    if mm is not None:
        gain = GAIN_SINGLE if prepared.standard_error_px is None else GAIN_AVERAGED
        relative = math.hypot((scale.mm_per_px.standard_uncertainty or 0.0) / mm, gain)
    return measure(ml, ap, prepared.fs_hz, scale_relative_uncertainty=relative)


def _trace(result: Result, run: slice, sign: float | None, mm_per_px: float | None) -> Trace | None:
    position = result.com.position_px[run, 0]
    if sign is None or len(position) / result.prepared.fs_hz < LEAST_WINDOW_S:
        return None
    scale = mm_per_px if mm_per_px is not None else 1.0
    return Trace(
        position_mm=sign * scale * (position - position.mean()),
        still_mm=_still(result, sign * scale),
        source_hz=result.prepared.source_fps,
        filled_share=float((result.prepared.filled[run] @ landmark_weights(result.com.sex)).mean()),
    )


def _still(result: Result, mm_per_px: float) -> Floats | None:
    """The stance on both feet before the foot goes up, less the shift of weight; None when there is none."""
    attempt = result.attempt
    if attempt is None or result.plan.stance != "single":
        return None
    before = next((p for p in result.phases if p.last == attempt.first - 1 and p.id == "double"), None)
    if before is None or before.cut_after:
        return None
    end_s = before.end_s - SHIFT_S
    inside = result.prepared.between(max(before.start_s, end_s - STILL_S), end_s)
    position = result.com.position_px[longest_run(inside & np.isfinite(result.com.position_px[:, 0])), 0]
    return mm_per_px * (position - position.mean()) if len(position) else None


def longest_run(present: NDArray[np.bool_]) -> slice:
    """The longest stretch of True; an empty slice when there is none."""
    padded = np.concatenate(([False], present, [False])).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1)
    if not len(starts):
        return slice(0, 0)
    best = int(np.argmax(ends - starts))
    return slice(int(starts[best]), int(ends[best]))
