"""The table of backbones: the same regions for everybody, and what it prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mesh.landmarks import INDEX, POINTS, Landmarks
from models.evaluate import backbones, sway_injection
from models.evaluate.backbone_rows import MODES, ROWS, Accuracy, Row, Steadiness, markdown
from models.evaluate.sway_injection import Subject
from svc_balance.pose.adapters.backend import Backend
from svc_balance.pose.adapters.points import Points
from svc_balance.pose.contract import DEFAULT, find

from .pose_videos import timed
from .test_pose_evaluation import SAMPLE, filmed, trial

__all__ = ["filmed", "trial"]


def spotter(crops: np.ndarray) -> Points:
    """All points at the centroid of what is bright."""
    found = []
    for crop in crops:
        y, x = np.nonzero(crop[..., 0] > 0.5)
        found.append([x.mean() + 0.5, y.mean() + 0.5])
    places = np.repeat(np.array(found)[:, None], POINTS, axis=1)
    return Points(places, np.ones(places.shape[:2]))


def test_every_estimator_sees_the_followed_regions_in_both_modes() -> None:
    shots = []
    for x in (200.0, 204.0):
        shot = np.zeros((300, 400, 3), np.uint8)
        cv2.circle(shot, (round(x), 150), 20, (255, 255, 255), -1)
        shots.append(shot)
    ones = np.ones((3, POINTS))
    roi = np.array([[210, 150, 160, 0.2], [210, 150, 160, 0.2], [np.nan] * 4])
    followed = Landmarks(400, 300, np.arange(3) / 30, np.zeros((3, POINTS, 2)), ones, ones, roi=roi)
    shots.append(shots[0])
    seen = backbones.look(timed(shots), followed, {"spot": Backend("spot", 64, 64, spotter)})["spot"]
    assert set(seen) == set(MODES)
    for mode in MODES:
        np.testing.assert_allclose(seen[mode][:2, 5], [[200.5, 150.5], [204.5, 150.5]], atol=0.8)
        assert np.isnan(seen[mode][2]).all(), "nobody was followed there"


def test_the_centre_of_mass_needs_only_what_all_have() -> None:
    weights = backbones.common_weights()
    assert weights.sum() == pytest.approx(1)
    assert {name for name, at in INDEX.items() if weights[at]} <= set(backbones.COMMON)


def test_a_small_table_is_measured(filmed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight frames of the sample's person against a reference of somebody else; six frames of sway."""
    data = filmed / "data"
    (data / "posevideo").mkdir(parents=True)
    for folder in ("calibration", "reference_3d", "videos", "openpose_2d"):
        (data / "posevideo" / "pose2sim_balancing").mkdir(exist_ok=True)
        (filmed / folder).rename(data / "posevideo" / "pose2sim_balancing" / folder)
    (filmed / "Config.toml").rename(data / "posevideo" / "pose2sim_balancing" / "Config.toml")
    monkeypatch.setattr(backbones, "AMPLITUDES_MM", (9.0,))
    monkeypatch.setattr(sway_injection, "AMPLITUDES_MM", (9.0,))
    monkeypatch.setattr(sway_injection, "FRAMES", 6)
    monkeypatch.setattr(sway_injection, "FREQUENCY_HZ", 5.0)
    (data / "posevideo" / "sample.mp4").write_bytes(SAMPLE.read_bytes())
    subjects = [Subject("sample", "drawn", "sample.mp4", 3, False), Subject("gone", "", "gone.mp4", 0, False)]
    rows = [row for row in ROWS if row.model == DEFAULT or row.name in ("openpose", "rtmpose")]
    full, rtmpose, openpose = backbones.table(data, rows, subjects)
    assert [(a.video, a.mode) for a in full.accuracy] == [("cam01.mp4", mode) for mode in MODES]
    assert all(a.all_percent > 0 and a.frames_without_person == 0 for a in full.accuracy)
    quality = full.steadiness[1]
    assert (quality.subjects, len(quality.gains)) == (1, 1)
    assert 0.8 < quality.gains[0] < 1.2
    assert set(full.latency_ms) == {1, 2}
    assert full.size_bytes == find(DEFAULT).size_bytes
    assert (rtmpose.accuracy, rtmpose.size_bytes) == ([], None)
    (detections,) = openpose.accuracy
    assert detections.supported_percent is None
    assert detections.all_percent > 0
    text = markdown([full, rtmpose, openpose])
    assert text.count("\n| ") >= 4
    assert "no package registry" in text


def test_the_table_says_what_was_not_measured() -> None:
    facts = {row.name: row for row in ROWS}
    measured = Row(
        facts["pose-student"],
        2_200_000,
        {1: 1.25, 2: 1.0},
        [Accuracy("cam01.mp4", "once", 1.5, 2.5, 0)],
        [Steadiness("once", 10, 0.3, [0.9, 1.0], [0.99, 0.999])],
    )
    empty = Row(replace(facts["ml kit"]), None, {}, [], [])
    lines = markdown([measured, empty]).splitlines()
    assert "| 1.50, 2.50 | 0.30 | 0.90, 1.00 | 0.990, 0.999 | 2.2 | 1.2, 1.0 |" in lines[2]
    assert lines[3].count(" - ") == 6
    assert lines[-1].startswith("- ml kit: ")
