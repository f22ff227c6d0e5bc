"""Events by the rules: found where they were made, timed, and silent where nothing happens or is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assay.balance.v1 import balance_pb2 as pb

from mesh.landmarks import INDEX
from models.synth.standing import Happening, StandingSpec, trial
from svc_balance.sway.events import rules
from svc_balance.sway.events.rules import RULES, Rule
from svc_balance.sway.trial import assess
from tests.balance.trials import HAPPENINGS, Score, crossing_s, match, onsets, result

FOUND_AS = {
    "touchdown": "touchdown",
    "hands_off": "hands_off",
    "hip_abduction": "hip_abd30",
    "heel_lift": "heel_lift",
    "stance_foot_moved": "stance_foot_moved",
}
BESS = {"task": pb.TASK_BESS, "cap_s": 25.0}


@pytest.mark.parametrize(
    ("fps", "noise_px", "side"),
    [
        (30.0, 0.5, "left"),
        (30.0, 2.0, "right"),
        (60.0, 0.5, "right"),
        (60.0, 2.0, "left"),
        (120.0, 1.0, "left"),
    ],
)
def test_every_error_is_found_within_a_quarter_second(fps: float, noise_px: float, side: str) -> None:
    """Event F1 at 0.25 s over rates and noise; no error more, none less."""
    happenings = tuple(replace(h, side=side) if h.kind == "hands_off" else h for h in HAPPENINGS)
    spec = StandingSpec(
        duration_s=24, fps=fps, stance_side=side, noise_px=noise_px, happenings=happenings, seed=7
    )
    got = result(spec, **BESS)
    total = Score(0, 0, 0)
    for happening in happenings:
        true = [h.at_s for h in happenings if h.kind == happening.kind]
        one = match(true, onsets(got, FOUND_AS[happening.kind]))
        total = Score(total.hits + one.hits, total.missed + one.missed, total.false + one.false)
    others = [e for e in got.events if e.kind in ("error", "failure") and e.id not in FOUND_AS.values()]
    assert not others
    assert total.f1 == 1.0, [(e.id, e.onset_s) for e in got.events]


@pytest.mark.parametrize(("fps", "noise_px"), [(30.0, 0.0), (30.0, 2.0), (60.0, 1.0), (120.0, 2.0)])
def test_onsets_of_foot_up_and_touchdown_are_within_their_uncertainty(fps: float, noise_px: float) -> None:
    spec = StandingSpec(duration_s=10, fps=fps, noise_px=noise_px, end_s=8.0, seed=11)
    _, truth = trial(spec)
    got = result(spec)
    for name, up, after_s in (("foot_up", True, 2.0), ("touchdown", False, 5.0)):
        (event,) = [e for e in got.events if e.id == name]
        frame_s = 1 / fps
        # The 6 Hz filter moves a fast crossing by a little less than half a frame at 30 Hz.
        allowed = 3 * np.hypot(event.uncertainty_s, frame_s / np.sqrt(12)) + 0.015
        assert event.onset_s == pytest.approx(crossing_s(truth, 0.02, after_s, up=up), abs=allowed)
        assert event.side == "right"
        assert 0.9 < event.confidence <= 1
        assert 0 < event.uncertainty_s < 0.1


def test_quiet_standing_has_no_errors() -> None:
    got = result(StandingSpec(duration_s=24, noise_px=2.0), **BESS)
    assert [e.id for e in got.events if e.kind in ("error", "failure")] == []


def test_a_hop_is_one_and_ends_the_trial() -> None:
    happenings = (Happening("hop", 8.0, 0.4, 80.0), Happening("stance_foot_moved", 8.1, 0.3, 80.0))
    got = result(StandingSpec(duration_s=14, happenings=happenings))
    assert got.held is not None
    assert got.held.ended_by in ("hop", "stance_foot_moved")
    assert got.held.end_s == pytest.approx(8.1, abs=0.15)
    assert onsets(got, "hop")


def test_small_movements_stay_below_the_rules() -> None:
    happenings = (
        Happening("hands_off", 8.0, 1.0, 4.0, "left"),
        Happening("hip_abduction", 10.0, 1.0, 5.0),
        Happening("heel_lift", 12.0, 1.0, 12.0),
        Happening("stance_foot_moved", 14.0, 0.3, 15.0),
    )
    got = result(StandingSpec(duration_s=24, happenings=happenings), **BESS)
    assert [e.id for e in got.events if e.kind in ("error", "failure")] == []


def test_what_cannot_be_seen_is_not_said_to_be_absent() -> None:
    side_view = result(StandingSpec(duration_s=8, view="right", stance_side="right"), arms=pb.ARMS_HIPS)
    from svc_balance.sway.events import happenings as events

    assert side_view.watch is not None
    blind = events.not_watched(side_view.watch, side_view.prepared)
    assert {"eyes_open", "hip_abd30", "leg_touch"} <= set(blind)
    front = result(StandingSpec(duration_s=8), arms=pb.ARMS_HIPS)
    assert front.watch is not None
    assert events.not_watched(front.watch, front.prepared) == ("eyes_open",)


def test_hands_that_are_hidden_or_elsewhere_are_flagged() -> None:
    series, _ = trial(StandingSpec(duration_s=10))
    stated = pb.BalanceTrial(height_cm=175, arms=pb.ARMS_HIPS)
    hidden = series.visibility.copy()
    hidden[:, [INDEX["left_wrist"], INDEX["left_index"], INDEX["left_pinky"], INDEX["left_thumb"]]] = 0.1
    found = {f.code for f in assess(replace(series, visibility=hidden), stated).flags}
    assert "HANDS_NOT_SEEN" in found
    down, _ = trial(StandingSpec(duration_s=10, arms="down"))
    assert "HANDS_NOT_IN_PLACE" in {f.code for f in assess(down, stated).flags}
    assert not {"HANDS_NOT_SEEN", "HANDS_NOT_IN_PLACE"} & {f.code for f in assess(series, stated).flags}


def test_crossed_arms_that_open_end_the_trial_and_free_arms_do_not() -> None:
    """Hands on the hips in the picture, stated as crossed: opening them takes the hand from the elbow."""
    spec = StandingSpec(duration_s=12, happenings=(Happening("hands_off", 8.0, 1.0, 70.0, "left"),))
    crossed, free = result(spec, arms=pb.ARMS_CROSSED), result(spec, arms=pb.ARMS_FREE)
    assert crossed.held is not None
    assert free.held is not None
    assert crossed.held.ended_by == "hands_off"
    assert free.held.ended_by == "end_of_recording"
    assert not onsets(free, "hands_off")


def test_rules_are_checked_data_with_one_hash() -> None:
    assert len(RULES.sha256()) == 64
    changed = replace(RULES, foot_up=replace(RULES.foot_up, on=0.07))
    assert changed.sha256() != RULES.sha256()
    assert {rule.id for rule in RULES.events()} >= set(FOUND_AS.values()) | {"foot_up", "hop", "leg_touch"}
    assert "eyes_open" in rules.NOT_OBSERVABLE
    for wrong in (
        {"id": "Foot up"},
        {"unit": "px"},
        {"on": -1.0},
        {"min_s": 0.0},
    ):
        with pytest.raises(ValueError):
            Rule(**{**RULES.foot_up.__dict__, **wrong})
