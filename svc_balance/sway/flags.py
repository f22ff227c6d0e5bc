"""Quality flags of a trial: what was seen, how grave it is, what to do.

FAIL withholds every number of the trial; WARN marks what it concerns; INFO changes nothing. The causes that
lie in the landmarks alone are in `quality`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from assay.balance.v1 import balance_pb2 as pb
from assay.balance.v1.balance_pb2 import BalanceTrial
from assay.common.v1.types_pb2 import FLAG_LEVEL_FAIL, FLAG_LEVEL_INFO, FLAG_LEVEL_WARN, FlagLevel

from mesh.landmarks import Landmarks
from svc_balance.sway.events import happenings as events
from svc_balance.sway.posture.filters import low_pass
from svc_balance.sway.tasks import protocol as tasks

if TYPE_CHECKING:
    from svc_balance.sway.trial import Result

INFO, WARN, FAIL = FLAG_LEVEL_INFO, FLAG_LEVEL_WARN, FLAG_LEVEL_FAIL
LEVELS: dict[str, FlagLevel.ValueType] = {"info": INFO, "warn": WARN, "fail": FAIL}
# A recording shorter than this holds no test, s.
SHORTEST_S = 5.0
# A living body sways by more than this, leg lengths; quiet two-legged stance has about ten times as much.
FROZEN_L = 0.0004
FROZEN_HZ = 5.0
# Feet seen less than in this share of a recording do not say what they did.
_FEET_SEEN = 0.5
# A test that ends this much before its cap is as good as complete, s.
_NEARLY_S = 0.5


@dataclass(frozen=True)
class Flag:
    """code: stable, UPPER_SNAKE. level: `assay.common.v1.FlagLevel`. message: one or two sentences.

    marks: whether it concerns every number of the trial.
    """

    code: str
    level: FlagLevel.ValueType
    message: str
    marks: bool = False


def raised(result: Result, landmarks: Landmarks, trial: BalanceTrial) -> Iterator[Flag]:
    """Flags of a trial, gravest concerns first within each group."""
    yield from _recording(result, landmarks)
    yield from _view(result)
    if result.attempt is None:
        wanted = {"single": "standing on one leg", "double": "standing still on both feet"}
        what = wanted.get(result.plan.stance, "standing heel to toe")
        yield Flag(
            "NO_STANCE_FOUND",
            FAIL,
            f"No {what} of {tasks.ATTEMPT_S:g} s or more was found. Film the whole test from a tripod.",
        )
        return
    yield from _attempt(result)
    yield from _time(result)
    yield from _watched(result, trial)


def _recording(result: Result, landmarks: Landmarks) -> Iterator[Flag]:
    duration_s = float(landmarks.time_s[-1] - landmarks.time_s[0])
    if duration_s < SHORTEST_S:
        message = (
            f"The recording is {duration_s:.1f} s long; a test needs {SHORTEST_S:g} s. Record all of it."
        )
        yield Flag("TRIAL_TOO_SHORT", FAIL, message)
    seen = np.isfinite(result.feet.clearance).any(axis=1).mean()
    if seen < _FEET_SEEN:
        message = f"The feet are seen in {100 * seen:.0f} % of the recording. Keep the whole body in view."
        yield Flag("FEET_NOT_SEEN", FAIL, message)
    if frozen(result):
        yield Flag("FROZEN_PICTURE", FAIL, "Nothing moves: this is a still picture. Record a live person.")


def frozen(result: Result) -> bool:
    """Whether the centre of mass moves less, over any stretch of 2 s or more, than a living body does."""
    prepared = result.prepared
    smooth = low_pass(result.com.position_px, prepared.fs_hz, FROZEN_HZ)
    seen = np.isfinite(smooth).all(axis=1) & np.isfinite(result.feet.leg_px)
    spreads = []
    for number in np.unique(prepared.segment[seen]):
        chosen = seen & (prepared.segment == number)
        if chosen.sum() >= 2 * prepared.fs_hz:
            spread = float(np.hypot(*smooth[chosen].std(axis=0)))
            spreads.append(spread / float(result.feet.leg_px[chosen][0]))
    return bool(spreads) and max(spreads) < FROZEN_L


def _view(result: Result) -> Iterator[Flag]:
    view = result.view
    if not view.view:
        yield Flag("VIEW_UNKNOWN", WARN, "The camera's view could not be told: state it.")
    elif view.view == "oblique":
        message = "The camera looks obliquely: neither plane is seen. Film from the front or from the side."
        yield Flag("VIEW_OBLIQUE", WARN, message)


def _attempt(result: Result) -> Iterator[Flag]:
    plan, attempt = result.plan, result.attempt
    assert attempt is not None
    if plan.stance == "single" and plan.side and result.side != plan.side:
        message = (
            f"The {plan.side} leg was declared, but the subject stands on the {result.side} one. "
            "Correct the side, or repeat the test on the declared leg."
        )
        yield Flag("SIDE_MISMATCH", FAIL, message)
    if plan.stance == "tandem" and attempt.id != "tandem":
        yield Flag("TANDEM_NOT_SEEN", WARN, "The feet were not seen in a line, heel to toe.")
    same = tasks.attempts(result.phases, (attempt.id,))
    if plan.stance == "single" and plan.task not in tasks.BESS and len(same) > 1:
        message = f"{len(same)} attempts on this leg are in the recording; the longest was measured."
        yield Flag("SEVERAL_ATTEMPTS", WARN, message)


def _time(result: Result) -> Iterator[Flag]:
    plan, held = result.plan, result.held
    assert held is not None
    if held.ended_by == "cut":
        message = "A cut lies in the test: its end is not in the recording. Record it in one piece."
        yield Flag("CUT_IN_STANCE", FAIL, message)
    if held.ended_by == "lost":
        yield Flag(
            "PERSON_LOST", FAIL, "The feet went out of sight during the test. Keep the whole body in view."
        )
    if held.why == "START_NOT_SEEN":
        message = "The recording starts on one leg: time to failure is not known. Start with both feet down."
        yield Flag("START_NOT_SEEN", WARN, message)
    seconds = held.end_s - held.start_s
    if held.ended_by == "end_of_recording" and seconds < plan.cap_s - _NEARLY_S:
        message = f"The recording ends after {seconds:.1f} s, before a failure and before {plan.cap_s:g} s."
        yield Flag("ENDED_EARLY", WARN, message)
        if plan.task in tasks.BESS:
            message = f"BESS counts errors over {plan.cap_s:g} s; {seconds:.1f} s are there."
            yield Flag("BESS_INCOMPLETE", FAIL, message)


def _watched(result: Result, trial: BalanceTrial) -> Iterator[Flag]:
    plan = result.plan
    if trial.eyes == pb.EYES_CLOSED or plan.task in tasks.BESS:
        yield Flag("EYES_NOT_OBSERVED", INFO, "Whether the eyes stay closed cannot be seen in landmarks.")
    watch = result.watch
    if watch is None:
        return
    blind = events.not_watched(watch, result.prepared)
    if plan.arms and "hands_off" in blind:
        yield Flag(
            "HANDS_NOT_SEEN", WARN, "The hands are hidden: whether they leave their place is not known."
        )
    elif plan.arms and not events.hands_in_place(watch, result.prepared, result.feet):
        yield Flag("HANDS_NOT_IN_PLACE", WARN, f"The hands are not as asked ({plan.arms}) at the start.")
    touches = [event for event in result.events if event.id == "leg_touch"]
    if touches:
        message = (
            f"The lifted foot may have touched the standing leg at {touches[0].onset_s:.1f} s; depth is not "
            "seen. Look at the recording: a touch ends the test."
        )
        yield Flag("LEG_TOUCH_POSSIBLE", WARN, message)
    if plan.task in tasks.CTSIB and result.condition is None:
        yield Flag("CONDITION_UNKNOWN", WARN, "Eyes and surface say which condition this is: state both.")


def gravest_first(raised: Iterable[Flag], upstream: Sequence[Flag]) -> tuple[Flag, ...]:
    """One flag a code, the gravest; an earlier stage's FAIL withholds and is named, not repeated in full."""
    out = {flag.code: flag for flag in sorted(raised, key=lambda flag: flag.level)}
    for flag in upstream:
        if flag.level == FAIL:
            out.setdefault(flag.code, flag)
    return tuple(sorted(out.values(), key=lambda flag: -flag.level))
