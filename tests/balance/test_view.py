"""The camera against the body: which view, what it hides, roll."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mesh.landmarks import INDEX, POINTS, Landmarks
from models.synth import standing
from svc_balance.sway.posture.body import centre_of_mass
from svc_balance.sway.posture.reading import REASONS
from svc_balance.sway.posture.series import prepare
from svc_balance.sway.posture.view import camera_roll, read_view
from tests.balance.people import measure, mirrored, spec

SIGNS = {"front": (-1, None), "back": (1, None), "left": (None, -1), "right": (None, 1)}
# Body parts in the order of BODY_25B; "-" has no BlazePose counterpart.
BODY_25 = [
    "nose",
    *(
        f"{side}_{name}"
        for name in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
    *("-", "-", "left_foot_index", "-", "left_heel", "right_foot_index", "-", "right_heel"),
]


@pytest.mark.parametrize("world", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
def test_the_view_is_told_and_its_signs_are_right(view: str, side: str, world: bool):
    landmarks, truth = standing.trial(spec(view=view, stance_side=side, duration_s=8, noise_px=1.0))
    found = read_view(prepare(landmarks if world else replace(landmarks, world_m=None)))
    assert (found.view, found.seen) == (view, view)
    assert found.confidence > 0.95
    assert found.turned_deg < 8
    assert (found.right_px, found.forward_px) == SIGNS[view]
    visible = truth.right_px if found.frontal else truth.forward_px
    assert found.sign == pytest.approx(visible)
    assert found.hidden("ml") == ("" if found.frontal else "NOT_IN_VIEW")
    assert found.hidden("ap") == ("" if found.sagittal else "NOT_IN_VIEW")


@pytest.mark.parametrize("azimuth_deg", [40, 45, 50])
@pytest.mark.parametrize("view", ["front", "right", "back", "left"])
def test_between_two_views_neither_is_claimed(view: str, azimuth_deg: float):
    landmarks, _ = standing.trial(spec(view=view, azimuth_deg=azimuth_deg, duration_s=5))
    found = read_view(prepare(landmarks))
    assert found.view == "oblique"
    assert found.sign is None
    assert found.hidden("ml") == found.hidden("ap") == "NOT_IN_VIEW"
    assert found.turned_deg == pytest.approx(45 - abs(45 - azimuth_deg), abs=0.5)


def test_a_slightly_turned_body_is_said_to_be_turned():
    landmarks, _ = standing.trial(spec(azimuth_deg=26, duration_s=5))
    found = read_view(prepare(landmarks))
    assert found.view == "front"
    assert found.azimuth_deg == pytest.approx(26, abs=0.1)
    assert found.turned_beyond(15)
    # From the picture alone a few degrees cannot be told from narrow shoulders.
    assert not read_view(
        prepare(replace(standing.trial(spec(azimuth_deg=26, duration_s=5))[0], world_m=None))
    ).turned_beyond(15)
    assert not read_view(prepare(standing.trial(spec(azimuth_deg=12, duration_s=5))[0])).turned_beyond(15)


def test_a_statement_holds_unless_the_picture_clearly_shows_another_view():
    front = prepare(standing.trial(spec(duration_s=5))[0])
    assert read_view(front, "front").view == "front"
    assert not read_view(front, "front").disagrees
    wrong = read_view(front, "left")
    assert (wrong.view, wrong.seen, wrong.disagrees) == ("front", "front", True)
    nothing = replace(front, image_px=np.full_like(front.image_px, np.nan), world_m=None)
    blind = read_view(nothing, "left")
    assert (blind.view, blind.seen, blind.confidence, blind.forward_px) == ("left", "", 0.0, -1.0)
    unknown = read_view(nothing)
    assert (unknown.view, unknown.sign, unknown.hidden("ml")) == ("", None, "VIEW_UNKNOWN")
    assert {"VIEW_UNKNOWN", "NOT_IN_VIEW"} <= set(REASONS)


def test_a_mirror_image_swaps_the_side_views_and_keeps_the_others():
    for view, expected in (("front", "front"), ("back", "back"), ("left", "right"), ("right", "left")):
        landmarks, _ = standing.trial(spec(view=view, duration_s=4))
        assert read_view(prepare(mirrored(landmarks))).view == expected


@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
@pytest.mark.parametrize("roll_deg", [-5.0, 0.0, 5.0])
def test_a_rolled_camera_is_found_within_its_interval(view: str, roll_deg: float):
    landmarks, _ = standing.trial(spec(view=view, roll_deg=roll_deg, duration_s=12, noise_px=0.5))
    prepared = prepare(landmarks)
    found = camera_roll(centre_of_mass(prepared), prepared, "left", prepared.between(5, 12), view)
    assert found.low_95 < roll_deg < found.high_95
    if view in ("front", "back"):
        flags = {flag.code for flag in measure(landmarks, window=(5, 11.5)).flags}
        assert ("CAMERA_ROLLED" in flags) == (roll_deg != 0)


def test_roll_needs_a_view_and_time():
    prepared = prepare(standing.trial(spec(duration_s=6))[0])
    com = centre_of_mass(prepared)
    everything = prepared.between(0, 6)
    assert camera_roll(com, prepared, "left", everything, "oblique").reason == "NOT_IN_VIEW"
    assert camera_roll(com, prepared, "left", everything, "").reason == "VIEW_UNKNOWN"
    assert camera_roll(com, prepared, "left", prepared.between(0, 0.5), "front").reason == "TOO_SHORT"


def body_25(path: Path) -> Landmarks:
    """OpenPose BODY_25B keypoints as landmarks; below 0.3 counts as not seen."""
    data = json.loads(path.read_text())
    frames = [frame if frame is not None else [0.0] * 75 for frame in data["frames"]]
    raw = np.array([frame[:75] for frame in frames], float).reshape(len(frames), 25, 3)
    px, seen = np.full((len(raw), POINTS, 2), np.nan), np.zeros((len(raw), POINTS))
    for index, name in enumerate(BODY_25):
        if name != "-":
            found = raw[:, index, 2] > 0
            px[found, INDEX[name]] = raw[found, index, :2]
            seen[:, INDEX[name]] = np.where(raw[:, index, 2] > 0.3, 1.0, 0.0)
    return Landmarks(1088, 1920, np.arange(len(raw)) / data["fps"], px, seen, seen)


@pytest.mark.parametrize("camera", ["cam01", "cam03"])
def test_real_oblique_cameras_are_told_as_such_and_hide_both_planes(shared_data: Path, camera: str):
    """Pose2Sim's beam walk: by its 3D reference the cameras stand at 62 and -129 deg about the body."""
    folder = shared_data / "posevideo" / "pose2sim_balancing" / "openpose_2d"
    found = measure(body_25(folder / f"S00_P00_T01_BalancingTrial_{camera}.json"), "left", (25 / 60, 80 / 60))
    assert found.view.view == "oblique"
    assert found.strategy.index.reason == "NOT_IN_VIEW"
    assert {reading.reason for reading in found.alignment.readings} == {"NOT_IN_VIEW"}
    swings = [event for event in found.compensations.events if event.id == "lifted_leg_swing"]
    assert {event.side for event in swings} == {"right"}
    assert max(event.peak for event in swings) > 30
    assert "trunk_lean" in {hidden.id for hidden in found.compensations.hidden}
