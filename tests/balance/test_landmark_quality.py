"""Flags on landmarks: raised by what they name, absent from a clean trial."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mesh.landmarks import INDEX, Landmarks
from models.synth import standing
from svc_balance.sway.posture.series import prepare
from svc_balance.sway.posture.view import read_view
from tests.balance.people import measure, spec


def clean(**changes: object) -> Landmarks:
    return standing.trial(spec(duration_s=14, noise_px=0.5, **changes))[0]


def flags_of(landmarks: Landmarks, side: str = "left") -> dict[str, str]:
    return {flag.code: flag.level for flag in measure(landmarks, side, (4.0, 13.5)).flags}


def changed(
    landmarks: Landmarks, field: str, names: tuple[str, ...], frames: slice, value: object
) -> Landmarks:
    """The same with some values of some landmarks set."""
    array = getattr(landmarks, field).copy()
    array[frames, [INDEX[name] for name in names]] = value
    return replace(landmarks, **{field: array})


@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
@pytest.mark.parametrize("fps", [30, 60])
def test_a_clean_trial_has_no_flag(view: str, fps: float):
    assert flags_of(clean(view=view, fps=fps)) == {}


def test_slow_dropped_and_uneven_frames():
    assert flags_of(clean(fps=10))["FPS_TOO_LOW"] == "fail"
    landmarks = clean()
    kept = np.ones(len(landmarks), bool)
    kept[150::12] = False
    dropped = replace(
        landmarks,
        **{
            field: getattr(landmarks, field)[kept]
            for field in ("time_s", "image_px", "visibility", "presence", "world_m", "standard_error_px")
        },
    )
    found = flags_of(dropped)
    assert found["FRAMES_DROPPED"] == "fail"
    assert found["FRAME_TIMES_UNEVEN"] == "warn"


def test_legs_that_change_places():
    landmarks = clean()
    px = landmarks.image_px.copy()
    left, right = (
        [INDEX[f"{side}_{name}"] for name in ("knee", "ankle", "heel", "foot_index")]
        for side in ("left", "right")
    )
    px[200:260, left], px[200:260, right] = (
        landmarks.image_px[200:260, right],
        landmarks.image_px[200:260, left],
    )
    assert flags_of(replace(landmarks, image_px=px))["SIDES_SWAPPED"] == "fail"


def test_bones_that_change_length():
    landmarks = clean()
    wobble = landmarks.image_px.copy()
    wobble[:, INDEX["left_knee"], 1] += 60 * np.sin(2 * np.pi * 0.3 * landmarks.time_s)
    assert flags_of(replace(landmarks, image_px=wobble))["BONE_LENGTH_UNSTABLE"] == "fail"


def test_a_person_who_is_lost():
    landmarks = clean()
    px = landmarks.image_px.copy()
    px[200:225] = np.nan
    found = flags_of(replace(landmarks, image_px=px))
    assert found["PERSON_LOST"] == "fail"
    assert found["GAPS_LEFT"] == "warn"


def test_samples_that_were_filled():
    landmarks = clean()
    px = landmarks.image_px.copy()
    for start in range(130, 400, 40):
        px[start : start + 3] = np.nan
    assert flags_of(replace(landmarks, image_px=px))["GAPS_FILLED"] == "fail"
    px = landmarks.image_px.copy()
    for start in range(130, 400, 40):
        px[start] = np.nan
    assert flags_of(replace(landmarks, image_px=px))["GAPS_FILLED"] == "warn"


def test_a_standing_foot_that_is_hidden_or_out_of_the_picture():
    hidden = changed(clean(), "visibility", ("left_heel",), slice(200, 260), 0.2)
    assert flags_of(hidden)["STANCE_FOOT_HIDDEN"] == "fail"
    assert "STANCE_FOOT_HIDDEN" not in flags_of(
        changed(clean(), "visibility", ("right_heel",), slice(200, 260), 0.2)
    )
    low = replace(clean(), height=1700)
    assert flags_of(low)["FEET_OUT_OF_FRAME"] == "fail"


def test_a_body_that_is_small():
    assert flags_of(clean(mm_per_px=2.0))["BODY_SMALL"] == "warn"
    assert flags_of(clean(mm_per_px=3.0))["BODY_SMALL"] == "fail"


def test_low_visibility_several_people_and_cuts():
    landmarks = clean()
    found = flags_of(
        replace(
            landmarks,
            visibility=np.full_like(landmarks.visibility, 0.6),
            people=np.full(len(landmarks), 2),
            cuts_s=(7.0,),
        )
    )
    assert found["VISIBILITY_LOW"] == "warn"
    assert found["SEVERAL_PEOPLE"] == "warn"
    assert found["CUT_IN_WINDOW"] == "fail"
    assert "CUT_IN_WINDOW" not in flags_of(replace(landmarks, cuts_s=(2.0,)))


def test_a_turned_body():
    assert flags_of(clean(azimuth_deg=26))["BODY_TURNED"] == "warn"


def test_a_body_that_turns_while_it_is_filmed():
    front, right = clean(), clean(azimuth_deg=80)
    turning = replace(
        front,
        image_px=np.where(front.time_s[:, None, None] < 8, front.image_px, right.image_px),
        world_m=np.where(front.time_s[:, None, None] < 8, front.world_m, right.world_m),
    )
    assert flags_of(turning)["VIEW_UNSTEADY"] == "warn"
    prepared = prepare(turning)
    assert read_view(prepared, inside=prepared.between(0, 7.5)).view == "front"
    assert read_view(prepared, inside=prepared.between(8.5, 14)).view == "right"


def test_bones_that_turn_before_an_oblique_camera_are_no_fault_of_the_landmarks():
    landmarks = clean(azimuth_deg=45)
    wobble = landmarks.image_px.copy()
    wobble[:, INDEX["left_knee"], 1] += 60 * np.sin(2 * np.pi * 0.3 * landmarks.time_s)
    assert flags_of(replace(landmarks, image_px=wobble))["BONE_LENGTH_UNSTABLE"] == "warn"


def test_a_still_picture_as_video():
    landmarks = clean()
    frozen = replace(landmarks, image_px=np.repeat(landmarks.image_px[150:151], len(landmarks), axis=0))
    assert flags_of(frozen)["REPEATED_FRAMES"] == "fail"
    doubled = landmarks.image_px.copy()
    doubled[201::5] = doubled[200:-1:5]
    assert flags_of(replace(landmarks, image_px=doubled))["REPEATED_FRAMES"] == "warn"


def test_flags_say_what_was_seen_and_what_to_do_gravest_first():
    found = measure(clean(mm_per_px=3.0, azimuth_deg=26), window=(4.0, 13.5)).flags
    assert [flag.level for flag in found] == sorted(
        (flag.level for flag in found), key=["fail", "warn", "info"].index
    )
    small = found[0]
    assert (small.code, small.threshold) == ("BODY_SMALL", 40.0)
    assert small.value < 40
    assert "Go closer" in small.message
    assert all(len(flag.message) > 20 and flag.message.endswith(".") for flag in found)


def test_nothing_at_all_is_flagged_and_an_empty_window_is_not():
    landmarks = clean()
    nothing = replace(
        landmarks,
        image_px=np.full_like(landmarks.image_px, np.nan),
        visibility=np.zeros_like(landmarks.visibility),
    )
    found = flags_of(nothing)
    assert found["PERSON_LOST"] == found["STANCE_FOOT_HIDDEN"] == "fail"
    assert found["VISIBILITY_LOW"] == "warn"
    assert measure(landmarks, window=(100.0, 110.0)).flags == ()
