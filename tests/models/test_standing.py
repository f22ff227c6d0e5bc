"""The synthetic standing person: the same every time, rigid where bodies are, and balanced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mesh.landmarks import INDEX, decode, encode
from models.synth import standing
from models.synth.standing import Happening, StandingSpec
from models.synth.standing.spec import KINDS

BONES = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("ankle", "heel"),
        ("heel", "foot_index"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
    )
] + [("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")]


def joint(truth: standing.Truth, name: str) -> np.ndarray:
    return truth.joints_mm[:, INDEX[name]]


def test_the_same_specification_gives_the_same_arrays():
    spec = StandingSpec(duration_s=3, noise_px=1.0, seed=5)
    one, other = standing.trial(spec)[0], standing.trial(spec)[0]
    assert encode(one) == encode(other)
    assert encode(standing.trial(replace(spec, seed=6))[0]) != encode(one)
    assert np.allclose(decode(encode(one)).image_px, one.image_px, atol=1e-3)


@pytest.mark.parametrize("side", ["left", "right"])
def test_bones_keep_their_length_while_everything_happens(side: str):
    rigid = [kind for kind in KINDS if kind not in ("knee_valgus", "heel_lift", "forefoot_lift")]
    happenings = tuple(
        Happening(kind, 4 + 2 * i, 1.5, 0.7 if kind == "touchdown" else 20) for i, kind in enumerate(rigid)
    )
    _, truth = standing.trial(StandingSpec(duration_s=30, stance_side=side, happenings=happenings, end_s=29))
    for a, b in BONES:
        length = np.linalg.norm(joint(truth, a) - joint(truth, b), axis=1)
        assert np.ptp(length) < 1e-6, (a, b)


@pytest.mark.parametrize("side", ["left", "right"])
def test_feet_stand_until_the_foot_goes_up_and_after_it_comes_down(side: str):
    other = "right" if side == "left" else "left"
    _, truth = standing.trial(StandingSpec(duration_s=14, stance_side=side, foot_up_s=4.0, end_s=10.0))
    low = np.min([joint(truth, f"{other}_{name}")[:, 2] for name in ("heel", "foot_index", "ankle")], axis=0)
    down = (truth.time_s <= 4.0) | (truth.time_s >= 10.0)
    assert np.abs(joint(truth, f"{other}_heel")[down] - joint(truth, f"{other}_heel")[0]).max() < 1e-6
    assert low[(truth.time_s > 4.5) & (truth.time_s < 9.5)].min() > 0.06 * 0.491 * 1750
    assert np.ptp(joint(truth, f"{side}_ankle"), axis=0).max() < 1e-9
    assert [(event.kind, event.onset_s) for event in truth.events] == [("foot_up", 4.0), ("foot_down", 10.0)]


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_centre_of_mass_is_over_the_foot_that_carries_it(side: str):
    _, truth = standing.trial(StandingSpec(stance_side=side, modes=()))
    alone = truth.time_s > 5
    assert np.abs(truth.com_mm[alone, 0] - joint(truth, f"{side}_ankle")[alone, 0]).max() < 15
    both = truth.time_s < 1
    assert np.abs(truth.com_mm[both, 0]).max() < 1e-6
    assert 0.53 < truth.com_mm[0, 2] / 1750 < 0.60


def test_pictures_follow_the_views():
    for view, right, forward in (("front", -1, 0), ("back", 1, 0), ("left", 0, -1), ("right", 0, 1)):
        landmarks, truth = standing.trial(StandingSpec(duration_s=2, view=view))
        assert (truth.right_px, truth.forward_px) == pytest.approx((right, forward), abs=1e-9)
        moved = landmarks.image_px[:, INDEX["nose"], 0] - 540
        expected = (
            right * joint(truth, "nose")[:, 0] + forward * joint(truth, "nose")[:, 1]
        ) / truth.mm_per_px
        assert moved == pytest.approx(expected, abs=1e-6)


def test_happenings_start_when_they_are_said_to():
    spec = StandingSpec(duration_s=10, fps=60, happenings=(Happening("hop", 6.0, 0.5, 60),))
    _, truth = standing.trial(spec)
    heel = joint(truth, "left_heel")[:, 2]
    assert np.ptp(heel[truth.time_s <= 6.0]) < 1e-9
    assert heel.max() == pytest.approx(60, abs=1e-6)
    assert truth.time_s[heel > 1][0] == pytest.approx(6.05, abs=0.05)


def test_what_there_is_not_is_refused():
    for wrong in (
        StandingSpec(view="above"),
        StandingSpec(stance_side="both"),
        StandingSpec(happenings=(Happening("sneeze", 1, 1, 1),)),
    ):
        with pytest.raises(ValueError, match=r"say|unknown"):
            standing.trial(wrong)
