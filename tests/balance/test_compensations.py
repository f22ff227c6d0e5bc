"""Compensations as events: found where and when they were made, and not where they cannot be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.synth import standing
from models.synth.standing import Happening
from svc_balance.sway.posture.compensation_rules import THRESHOLDS, sha256
from svc_balance.sway.posture.compensations import Compensation
from svc_balance.sway.posture.reading import REASONS
from tests.balance.people import OTHER, measure, mirrored, spec

AT_S, FOR_S = 9.0, 1.5
# Event, happening, its amount, its peak, unit's tolerance, side relative to the standing leg, views.
CASES = [
    ("trunk_lean", "trunk_lean", 14.0, 14.4, "same", ("front", "back")),
    ("trunk_pitch", "trunk_forward", 20.0, 20.0, "", ("left", "right")),
    ("pelvic_drop", "pelvic_drop", 9.0, 9.0, "other", ("front", "back")),
    ("lifted_leg_swing", "hip_abduction", 30.0, 30.0, "other", ("front", "back")),
    ("lifted_leg_swing", "lifted_leg_swing", 30.0, 30.0, "other", ("left", "right")),
    ("heel_lift", "heel_lift", 60.0, 0.07, "same", ("back", "left", "right")),
    ("forefoot_lift", "forefoot_lift", 60.0, 0.07, "same", ("front", "left", "right")),
    ("head_tilt", "head_tilt", 18.0, 18.0, "same", ("front", "back")),
    ("stance_knee_flexion", "knee_flexion", 35.0, 35.0, "same", ("left", "right")),
]


def found_in(landmarks, side: str = "left") -> tuple[Compensation, ...]:
    return measure(landmarks, side, (4.0, 14.0)).compensations.events


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("event", "kind", "amount", "peak", "whose", "views"), CASES)
def test_each_is_found_with_its_time_peak_and_side(event, kind, amount, peak, whose, views, side):
    expected_side = {"same": side, "other": OTHER[side], "": ""}[whose]
    view = views[0] if side == "left" else views[-1]
    made = spec(
        duration_s=15,
        view=view,
        stance_side=side,
        noise_px=0.3,
        happenings=(Happening(kind, AT_S, FOR_S, amount),),
    )
    events = [each for each in found_in(standing.trial(made)[0], side) if each.id == event]
    assert len(events) == 1, events
    assert AT_S <= events[0].onset_s < AT_S + 0.15
    assert events[0].duration_s == pytest.approx(FOR_S - 0.2, abs=0.15)
    assert events[0].peak == pytest.approx(peak, rel=0.06, abs=0.01)
    assert events[0].side == expected_side
    assert 0.3 < events[0].confidence <= 1


@pytest.mark.parametrize("arm", ["left", "right"])
@pytest.mark.parametrize("view", ["front", "back"])
def test_an_arm_that_flies_is_found_on_its_side(arm: str, view: str):
    made = spec(
        duration_s=15, view=view, noise_px=0.3, happenings=(Happening("hands_off", AT_S, FOR_S, 60, arm),)
    )
    events = found_in(standing.trial(made)[0])
    assert [(each.id, each.side) for each in events] == [("arm_excursion", arm)]
    assert events[0].unit == "L"
    # The wrist goes from the hip to a straight arm at 93 deg: 0.9 leg lengths.
    assert events[0].peak == pytest.approx(0.89, abs=0.05)


@pytest.mark.parametrize("view", ["front", "back"])
@pytest.mark.parametrize("degrees", [30.0, -30.0])
def test_a_turned_trunk_is_found_with_the_doubt_that_depth_deserves(view: str, degrees: float):
    made = spec(duration_s=15, view=view, happenings=(Happening("trunk_rotation", AT_S, FOR_S, degrees),))
    landmarks, _ = standing.trial(made)
    events = [each for each in found_in(landmarks) if each.id == "trunk_rotation"]
    assert [each.side for each in events] == ["left" if degrees > 0 else "right"]
    assert events[0].peak == pytest.approx(30, abs=1)
    assert events[0].confidence <= 0.5
    flat = measure(replace(landmarks, world_m=None), window=(4.0, 14.0)).compensations
    assert ("trunk_rotation", "LANDMARKS_MISSING") in {(each.id, each.reason) for each in flat.hidden}


@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
def test_quiet_standing_has_none(view: str):
    assert found_in(standing.trial(spec(duration_s=15, view=view, noise_px=1.0))[0]) == ()


@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
def test_every_compensation_is_looked_for_or_named_as_hidden(view: str):
    found = measure(standing.trial(spec(view=view))[0]).compensations
    hidden = {each.id: each.reason for each in found.hidden}
    for threshold in THRESHOLDS:
        assert (threshold.id in hidden) == (view not in threshold.views)
    assert set(hidden.values()) == {"NOT_IN_VIEW"} <= set(REASONS)


def test_a_front_view_hides_depth():
    made = spec(
        duration_s=15,
        happenings=(
            Happening("trunk_forward", 6, 2, 25),
            Happening("knee_flexion", 9, 2, 30),
            Happening("heel_lift", 12, 1, 60),
        ),
    )
    found = measure(standing.trial(made)[0], window=(4.0, 14.0)).compensations
    assert {each.id for each in found.events}.isdisjoint({"trunk_pitch", "stance_knee_flexion", "heel_lift"})
    assert {each.id for each in found.hidden} == {"trunk_pitch", "stance_knee_flexion", "heel_lift"}


def test_an_oblique_view_shows_limbs_with_less_confidence():
    happenings = (Happening("hands_off", AT_S, FOR_S, 60, "right"), Happening("trunk_lean", 12, 1, 20))
    straight = found_in(standing.trial(spec(duration_s=15, happenings=happenings))[0])
    oblique = found_in(standing.trial(spec(duration_s=15, azimuth_deg=45, happenings=happenings))[0])
    assert {each.id for each in oblique} == {"arm_excursion"}
    assert oblique[0].peak < straight[0].peak
    assert oblique[0].confidence < straight[0].confidence


def test_what_was_not_seen_is_hidden_and_nothing_crashes():
    landmarks, _ = standing.trial(spec(duration_s=8))
    nothing = replace(landmarks, image_px=np.full_like(landmarks.image_px, np.nan))
    found = measure(nothing, window=(4.0, 7.0)).compensations
    assert found.events == ()
    assert {each.reason for each in found.hidden} == {"VIEW_UNKNOWN"}
    assert {each.reason for each in measure(landmarks, "").compensations.hidden} == {"SIDE_UNKNOWN"}


@pytest.mark.parametrize("view", ["front", "right"])
def test_a_mirror_image_swaps_their_sides(view: str):
    happenings = (
        Happening("hands_off", 6, 1, 60, "right"),
        Happening("trunk_lean", 8, 1, 15),
        Happening("lifted_leg_swing", 10, 1, 35),
        Happening("trunk_rotation", 12, 1, 30),
    )
    landmarks, _ = standing.trial(spec(duration_s=15, view=view, happenings=happenings, noise_px=0.2))
    one, other = found_in(landmarks), found_in(mirrored(landmarks), "right")
    assert len(one) >= 2
    assert [(e.id, e.onset_s, e.side) for e in one] == [
        (e.id, pytest.approx(e.onset_s), OTHER.get(e.side, "")) for e in other
    ]


def test_thresholds_are_data_with_hysteresis_and_a_hash():
    assert len({threshold.id for threshold in THRESHOLDS}) == len(THRESHOLDS)
    for threshold in THRESHOLDS:
        assert 0 < threshold.off < threshold.on < threshold.certain
    assert len(sha256()) == 64


def test_a_thigh_that_points_at_the_camera_has_no_swing_to_show():
    """From the front a raised knee comes at the camera: its picture shrinks and its angle means nothing."""
    made = spec(duration_s=15, noise_px=1.0, happenings=(Happening("lifted_leg_swing", AT_S, FOR_S, 52),))
    assert "lifted_leg_swing" not in {each.id for each in found_in(standing.trial(made)[0])}
