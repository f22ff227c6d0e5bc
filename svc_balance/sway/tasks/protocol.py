"""What each test asks for, and how long it was held: time to failure with its uncertainty and censoring."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assay.balance.v1 import balance_pb2 as pb
from assay.balance.v1.balance_pb2 import BalanceTrial

from svc_balance.sway.events.happenings import Event
from svc_balance.sway.events.phases import SINGLE, PhaseSpan

CAP_S = {
    pb.TASK_SINGLE_LEG: 45.0,  # Springer 2007
    pb.TASK_BESS: 20.0,  # Riemann & Guskiewicz 2000
    pb.TASK_MBESS: 20.0,
    pb.TASK_CTSIB: 30.0,  # Shumway-Cook & Horak 1986
    pb.TASK_MCTSIB: 30.0,
    pb.TASK_Y_BALANCE: 45.0,
}
BESS = (pb.TASK_BESS, pb.TASK_MBESS)
CTSIB = (pb.TASK_CTSIB, pb.TASK_MCTSIB)
LEGS = {pb.STANCE_SIDE_LEFT: "left", pb.STANCE_SIDE_RIGHT: "right"}
ARMS = {pb.ARMS_CROSSED: "crossed", pb.ARMS_HIPS: "hips"}
# A stance shorter than this is a step, not an attempt, s.
ATTEMPT_S = 0.5


@dataclass(frozen=True)
class Plan:
    """A test as it is judged. What was not stated is filled in from the test itself, never from the subject.

    stance: "single", "double" or "tandem". side: "left", "right" or "" as declared. arms: "hips", "crossed"
    or "". terminal: ids of events that end it.
    """

    task: pb.Task.ValueType
    stance: str
    side: str
    arms: str
    cap_s: float
    terminal: tuple[str, ...]

    @property
    def wanted(self) -> tuple[str, ...]:
        """Phases in which the test may have taken place."""
        return {"single": SINGLE, "double": ("double", "tandem"), "tandem": ("tandem", "double")}[self.stance]

    def phase(self, side: str) -> tuple[str, ...]:
        """Phases of one standing leg."""
        return (f"single_{side}",) if self.stance == "single" and side else self.wanted


@dataclass(frozen=True)
class Held:
    """How long the position was held.

    start_s, end_s: from the first frame. seconds: None when it cannot be told, `why` then says so.
    uncertainty_s: standard uncertainty. censored: ended at the cap or the recording's end. ended_by: id of
    the event, "cap", "end_of_recording", "cut" or "lost".
    """

    start_s: float
    end_s: float
    seconds: float | None
    uncertainty_s: float
    censored: bool
    ended_by: str
    why: str = ""


def plan(trial: BalanceTrial) -> Plan:
    """What a trial's metadata ask for."""
    task = trial.task or pb.TASK_SINGLE_LEG
    stance = {pb.STANCE_SINGLE: "single", pb.STANCE_DOUBLE: "double", pb.STANCE_TANDEM: "tandem"}.get(
        trial.stance, "double" if task in CTSIB else "single"
    )
    # BESS goes on after an error; its hands are on the hips and the arms of CTSIB crossed by definition.
    stated = ARMS.get(trial.arms, "")
    default = "hips" if task in BESS else ""
    terminal = ["touchdown", "stance_foot_moved", "hop"]
    if task not in BESS and stated == "crossed":
        terminal.append("hands_off")
    return Plan(
        task=task,
        stance=stance,
        side=LEGS.get(trial.side, ""),
        arms=stated or default,
        cap_s=trial.cap_s if trial.HasField("cap_s") else CAP_S[task],
        terminal=tuple(terminal),
    )


def attempts(phases: Sequence[PhaseSpan], wanted: tuple[str, ...]) -> list[PhaseSpan]:
    """Stretches long enough to be an attempt, longest first."""
    long_enough = [p for p in phases if p.id in wanted and p.duration_s >= ATTEMPT_S]
    return sorted(long_enough, key=lambda p: (-p.duration_s, p.start_s))


def held(plan: Plan, phase: PhaseSpan, events: Sequence[Event], frame_s: float) -> Held:
    """Time from the start of the attempt to its first terminal event, the cap, or the recording's end.

    events: those of the attempt and the foot_up and touchdown around it. frame_s: time between frames of the
    recording, which limits every onset.
    """
    start = _start(plan, phase, events)
    ends = [e for e in events if e.id in plan.terminal and start.onset_s < e.onset_s <= phase.end_s + frame_s]
    end = min(ends, key=lambda e: e.onset_s, default=None)
    end_s, ended_by = (end.onset_s, end.id) if end else (phase.end_s, _open_end(phase))
    if end_s - start.onset_s >= plan.cap_s:
        end, end_s, ended_by = None, start.onset_s + plan.cap_s, "cap"
    why = ""
    if plan.stance == "single" and phase.open_before:
        why = "START_NOT_SEEN"
    elif ended_by in ("cut", "lost"):
        why = "CUT_IN_STANCE" if ended_by == "cut" else "PERSON_LOST"
    spread = [start.uncertainty_s, frame_s / math.sqrt(12)]
    spread += [end.uncertainty_s, frame_s / math.sqrt(12)] if end else []
    return Held(
        start_s=start.onset_s,
        end_s=end_s,
        seconds=None if why else end_s - start.onset_s,
        uncertainty_s=math.hypot(*spread),
        censored=ended_by in ("cap", "end_of_recording"),
        ended_by=ended_by,
        why=why,
    )


def _start(plan: Plan, phase: PhaseSpan, events: Sequence[Event]) -> Event:
    """The foot_up at the phase's start; the phase's own start where no foot is to be lifted."""
    if plan.stance == "single":
        near = [e for e in events if e.id == "foot_up" and abs(e.onset_s - phase.start_s) < 1.0]
        if near:
            return min(near, key=lambda e: abs(e.onset_s - phase.start_s))
    return Event("start", "start", phase.start_s, 0.0)


def _open_end(phase: PhaseSpan) -> str:
    if phase.cut_after:
        return "cut"
    return "end_of_recording" if phase.last_of_recording else "lost" if phase.open_after else "touchdown"
