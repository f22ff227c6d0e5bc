"""The instruments that judge the pose stage, judged on known answers themselves."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cli.evaluate_pose import pose as command
from mesh.errors import FailedPrecondition, InvalidInput
from mesh.landmarks import INDEX, Landmarks
from models.convert.__main__ import make
from models.evaluate import pose, sway_injection
from models.evaluate.sway_injection import FRAMES, Response, Subject, moved, passes, sine
from svc_balance.pose.adapters import movenet
from svc_balance.pose.contract import DEFAULT, find
from svc_balance.pose.model import load

from .pose_videos import pictures, write
from .test_adapters import simcc

SAMPLE = Path(__file__).resolve().parents[2] / "models" / "sample" / "balance.mp4"


def test_the_picture_moves_by_what_is_asked() -> None:
    """The centroid of a bright spot follows to a tenth of a pixel, through noise and JPEG."""
    y, x = np.mgrid[0:160, 0:200] + 0.5
    spot = 20 + 200 * np.exp(-((x - 100) ** 2 + (y - 80) ** 2) / (2 * 15**2))
    picture = np.repeat(spot[..., None], 3, axis=2).astype(np.uint8)

    def centre(shot: np.ndarray) -> float:
        weight = np.where(np.hypot(x - 100, y - 80) < 50, shot.mean(axis=2) - 20, 0)
        return float((weight * x).sum() / weight.sum())

    seen = np.array([centre(shot) for shot in moved(picture, 2.5, seed=1)])
    assert len(seen) == FRAMES
    np.testing.assert_allclose(seen - 100, 2.5 * sine(), atol=0.1)


def test_what_passes() -> None:
    assert passes(Response("quality", 0.35, [0.95, 1.08], [0.5, 0.99]))
    assert not passes(Response("quality", 0.36, [1.0, 1.0], [1.0, 1.0]))
    assert not passes(Response("quality", 0.1, [1.0, 1.09], [1.0, 1.0]))
    assert not passes(Response("quality", 0.1, [1.0, 1.0], [1.0, 0.989]))


def test_a_folder_without_the_videos_is_refused(tmp_path: Path) -> None:
    for evaluate in (sway_injection.evaluate, pose.evaluate):
        with pytest.raises(InvalidInput) as error:
            evaluate(tmp_path)
        assert (error.value.code, error.value.field) == ("EVAL_DATA", "data")


def test_a_real_subject_is_seen_to_sway(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One frame, one amplitude, few frames: the whole instrument on real models."""
    monkeypatch.setattr(sway_injection, "AMPLITUDES_MM", (9.0,))
    monkeypatch.setattr(sway_injection, "FRAMES", 12)
    monkeypatch.setattr(sway_injection, "FREQUENCY_HZ", 2.5)
    yoga = Subject(
        "yoga", "man", "single_leg_videos/yogaanytime_balance_28s.mp4", 100, True, (0.25, 0, 0.75, 1)
    )
    found = sway_injection.evaluate(shared_data / "posevideo", subjects=[yoga])
    (quality,) = [response for response in found.trials[0].responses if response.mode == "quality"]
    assert [response.mode for response in found.medians] == list(sway_injection.MODES)
    assert 0.85 < quality.gains[0] < 1.15
    assert quality.correlations[0] > 0.99
    assert quality.static_sd_mm < 0.5


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """A trial in Pose2Sim's layout: a camera at 3 m that looks along the world's y axis, body 1.7 m."""
    for folder in ("calibration", "reference_3d", "videos", "openpose_2d"):
        (tmp_path / folder).mkdir()
    (tmp_path / "calibration" / "Calib.toml").write_text(
        "[cam_01]\nmatrix = [[1000.0, 0.0, 500.0], [0.0, 1000.0, 500.0], [0.0, 0.0, 1.0]]\n"
        f"distortions = [0.0, 0.0, 0.0, 0.0]\nrotation = [{np.pi / 2}, 0.0, 0.0]\n"
        "translation = [0.0, 1.0, 3.0]\n"
    )
    names = ["LHip", "RHip", "LKnee", "LHeel"]
    rows = [
        f"{n + 1}\t{n / 60}\t0.0 1.0 0.1\t0.0 1.0 -0.1\t0.0 0.5 {0.1 + 0.01 * n}\t0.0 0.0 0.1"
        for n in range(8)
    ]
    head = ["", "", "", "Frame#\tTime\t" + "\t\t\t".join(names), "X1"]
    text = "\n".join(head + [row.replace(" ", "\t") for row in rows])
    (tmp_path / "reference_3d" / "A_BalancingTrial_0-8_filt_butterworth.trc").write_text(text)
    (tmp_path / "Config.toml").write_text("# participant_height = 1.70 # m")
    (tmp_path / "videos" / "cam01.mp4").write_bytes(b"")
    (tmp_path / "openpose_2d" / "A_BalancingTrial_cam01.json").write_text(
        json.dumps({"frames": [None] + [detections(n - 1) for n in range(1, 8)]})
    )
    return tmp_path


def detections(frame: int) -> list[float]:
    """BODY_25B points that see the trial one frame late; the right hip is wrong by 100 px."""
    points = np.zeros((25, 3))
    points[11], points[12] = [500 + 100 / 3, 500, 0.9], [500 - 100 / 3 - 100, 500, 0.9]
    points[13] = [500 + (100 + 10 * frame) / 3, 500 + 500 / 3, 0.9]
    return points.ravel().tolist()


def test_the_reference_is_read_projected_and_compared(trial: Path) -> None:
    """Focal length 1000 px, everything at 3 m; landmarks 3 px off and one frame late."""
    reference, cameras = pose.read(trial)
    ((video, camera),) = cameras.items()
    assert reference.names == ["LHip", "RHip", "LKnee", "LHeel"]
    np.testing.assert_allclose(reference.places[0], [[0.1, 0, 1], [-0.1, 0, 1], [0.1, 0, 0.5], [0.1, 0, 0]])
    np.testing.assert_allclose(
        pose.project(reference.places[3, :3], camera),
        [[500 + 100 / 3, 500], [500 - 100 / 3, 500], [500 + 130 / 3, 500 + 500 / 3]],
        atol=1e-6,
    )
    px = np.full((8, 33, 2), np.nan)
    px[:, INDEX["left_hip"]], px[:, INDEX["right_hip"]] = [500 + 100 / 3, 503], [500 - 100 / 3, 503]
    late = np.maximum(np.arange(8) - 1, 0)
    px[:, INDEX["left_knee"]] = np.column_stack([500 + (100 + 10 * late) / 3, np.full(8, 503 + 500 / 3)])
    series = Landmarks(1000, 1000, np.arange(8) / 60, px, np.ones((8, 33)), np.ones((8, 33)))
    found = pose.score(series, reference, camera, video.name, "quality")
    assert found.offset_frames == 1
    assert found.body_height_px == pytest.approx(1000 * 1.7 / 3)
    assert found.supported_median_px == pytest.approx(3)
    assert found.supported_share == pytest.approx(2 / 3)
    assert found.supported_median_percent == pytest.approx(100 * 3 / (1000 * 1.7 / 3))
    assert found.median_px == pytest.approx(3, abs=0.5)
    assert found.reference_median_percent > 0
    assert [mark.landmark for mark in found.landmarks] == ["left_hip", "right_hip", "left_knee"], "no heel"
    assert found.frames_without_person == 0


@pytest.fixture
def filmed(trial: Path) -> Path:
    """The trial with eight frames of the sample's person."""
    write(trial / "videos" / "cam01.mp4", pictures(SAMPLE, 8))
    return trial


def test_a_users_rtmpose_takes_the_place_of_the_landmark_network(filmed: Path, tmp_path: Path) -> None:
    """A network without any knowledge of people: what is compared are the points that it has."""
    found = pose.evaluate(filmed, rtmpose_file=simcc(tmp_path / "pose.onnx", 17))
    assert found.model.startswith("rtmpose-17@")
    assert found.followed_with == DEFAULT
    (camera,) = found.cameras
    assert (camera.mode, camera.frames, camera.frames_without_person) == ("single_pass", 8, 0)
    assert [mark.landmark for mark in camera.landmarks] == ["left_hip", "right_hip", "left_knee"]
    assert camera.landmarks[0].median_px > 0
    assert not found.passed


def test_a_movenet_that_was_not_fetched_names_the_command(
    filmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movenet, "load", partial(load, store=tmp_path / "empty"))
    with pytest.raises(FailedPrecondition) as error:
        pose.evaluate(filmed, movenet.THUNDER)
    assert error.value.code == "MODEL_NOT_FETCHED"
    assert f"python -m models.convert {movenet.THUNDER}" in error.value.fix


@pytest.mark.proof
@pytest.mark.parametrize("name", [movenet.LIGHTNING, movenet.THUNDER])
def test_movenet_is_compared_at_its_own_points(name: str, shared_data: Path) -> None:
    make(find(name))
    found = pose.evaluate(shared_data / "posevideo" / "pose2sim_balancing", name)
    assert (found.model, found.followed_with) == (name, DEFAULT)
    for camera in found.cameras:
        assert {mark.landmark.split("_")[-1] for mark in camera.landmarks} == {
            *("nose", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
        }
    print(name, [round(camera.supported_median_percent, 2) for camera in found.cameras])
    assert found.supported_median_percent < 4


def test_the_command_takes_one_estimator(filmed: Path, tmp_path: Path) -> None:
    file = str(simcc(tmp_path / "pose.onnx", 17))
    done = CliRunner().invoke(command, ["--data", str(filmed), "--model", movenet.THUNDER, "--rtmpose", file])
    assert done.exit_code == 2
    assert "either --model or --rtmpose" in done.output
