"""What balance gets wrong on purpose: each its own code or flag, and no number that the input cannot carry.

Every case is a file that a caller could send, through the stages of the mesh in this process.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import structlog
from numpy.typing import NDArray

from cli import intake, local
from models.sample import video
from models.synth import figure
from models.synth.standing import StandingSpec, trial

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("pose")]

Json = dict[str, Any]
Pictures = Iterator[NDArray[np.uint8]]
SHORT = replace(video.SAMPLE, duration_s=6.0, foot_up_s=0.8, end_s=None, width=360, height=640, mm_per_px=3.5)


@pytest.fixture(autouse=True)
def ordinary_logs() -> Iterator[None]:
    """A local analysis quietens the log of its process, which here is that of other tests too."""
    yield
    structlog.reset_defaults()


def analyzed(path: Path, folder: Path, purpose: str = "video", **stated: Any) -> Json:
    """The result of a file in a single pass, its trial as the sample's but for what is stated."""
    statement = intake.read(intake.TRIAL, "balance")
    statement["balance"] = {**statement["balance"], "pose_mode": "POSE_MODE_SINGLE_PASS", **stated}
    view, _ = local.analyze(path, purpose, statement, folder / "out")
    return view


def error(view: Json) -> tuple[str, bool]:
    assert view["state"] == "STATE_FAILED"
    return view["error"]["code"], view["error"]["permanent"]


def flags(view: Json) -> dict[str, str]:
    """Every quality flag of every page with its level."""
    assert view["state"] == "STATE_SUCCEEDED", view["error"]
    pages = (view["result"][page] for page in ("ingest", "pose", "sway"))
    return {
        flag["code"]: flag["level"].removeprefix("FLAG_LEVEL_") for page in pages for flag in page["flags"]
    }


def numbers(view: Json) -> list[str]:
    """Ids of sway measurements that have a value."""
    metrics = view["result"]["sway"]["metrics"]
    groups = ("sway", "frequency", "stochastic", "strategy", "alignment")
    return [
        metric["measurement"]["id"]
        for metric in metrics
        if metric["group"] in groups and metric["measurement"].get("value") is not None
    ]


def scored(view: Json) -> bool:
    return view["result"]["decision"]["balance"].get("score", {}).get("value") is not None


def clip(path: Path, pictures: Pictures, fps: float = 30.0) -> Path:
    video.write(path, pictures, fps)
    return path


def empty_room(seconds: float) -> Pictures:
    room = figure.room(SHORT.width, SHORT.height, 0.9 * SHORT.height, figure.Look())
    rng = np.random.default_rng(4)
    for _ in range(round(30 * seconds)):
        yield np.clip(room + rng.normal(0, 4, room.shape), 0, 255).astype(np.uint8)


def two_people(seconds: float) -> Pictures:
    """One stands on one leg, another on two beside, as near to the camera."""
    both = replace(SHORT, width=640, mm_per_px=3.5)
    one, _ = trial(both)
    other, _ = trial(replace(both, foot_up_s=None, seed=2))
    look, apart = figure.Look(), np.array([150.0, 0.0])
    room = figure.room(both.width, both.height, 0.9 * both.height, look)
    for left, right in itertools.islice(zip(one.image_px, other.image_px, strict=True), round(30 * seconds)):
        picture = room.copy()
        figure.draw(picture, left - apart, 1 / both.mm_per_px, look)
        figure.draw(picture, right + apart, 1 / both.mm_per_px, figure.Look(shirt=(150, 60, 60)))
        yield np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def legs_cut_off(spec: StandingSpec) -> Pictures:
    for picture in video.frames(spec):
        yield np.ascontiguousarray(picture[: int(0.72 * spec.height) // 2 * 2])


def cut_in_the_middle() -> Pictures:
    yield from itertools.islice(video.frames(SHORT), 90)
    elsewhere = figure.Look(wall=(90, 130, 120), floor=(60, 60, 70))
    moved = replace(SHORT, mm_per_px=4.4, foot_up_s=0.0)
    yield from itertools.islice(video.frames(moved, elsewhere), 90, 180)


def still(seconds: float) -> Pictures:
    picture = next(itertools.islice(video.frames(SHORT), 90, 91))
    return itertools.repeat(picture, round(30 * seconds))


def test_nobody_in_view(tmp_path: Path):
    assert error(analyzed(clip(tmp_path / "room.mp4", empty_room(3)), tmp_path)) == ("NO_PERSON", True)


def test_two_people_where_one_is_asked(tmp_path: Path):
    view = analyzed(clip(tmp_path / "two.mp4", two_people(5)), tmp_path)
    assert flags(view)["SEVERAL_PEOPLE"] in ("WARN", "FAIL")


def test_feet_out_of_the_picture(tmp_path: Path):
    view = analyzed(clip(tmp_path / "legs.mp4", legs_cut_off(SHORT)), tmp_path)
    assert flags(view)["FEET_OUT_OF_FRAME"] == "FAIL"
    assert not numbers(view)
    assert not scored(view)


def test_a_cut_in_the_middle(tmp_path: Path):
    view = analyzed(clip(tmp_path / "cut.mp4", cut_in_the_middle()), tmp_path)
    assert "VIDEO_CUT" in flags(view)
    assert view["result"]["ingest"]["video"]["cuts_s"] == pytest.approx([3.0], abs=0.1)
    window = view["result"]["sway"].get("window")
    assert window is None or not window["start_s"] < 2.9 < 3.1 < window["end_s"]


def test_three_seconds_of_video(tmp_path: Path):
    pictures = itertools.islice(video.frames(SHORT), 90)
    view = analyzed(clip(tmp_path / "three.mp4", pictures), tmp_path)
    assert flags(view)["VIDEO_TOO_SHORT"] == "FAIL"
    assert "MVELO_ML" not in numbers(view)
    assert not scored(view)


def test_ten_frames_a_second(tmp_path: Path):
    view = analyzed(clip(tmp_path / "ten.mp4", video.frames(replace(SHORT, fps=10.0)), 10.0), tmp_path)
    assert flags(view)["FPS_TOO_LOW"] == "FAIL"
    assert not numbers(view)
    assert not scored(view)


def test_a_still_picture_as_a_video(tmp_path: Path):
    view = analyzed(clip(tmp_path / "still.mp4", still(6)), tmp_path)
    assert flags(view)["FROZEN_PICTURE"] == "FAIL"
    assert not numbers(view)
    assert not scored(view)


def test_the_wrong_leg_declared(tmp_path: Path):
    view = analyzed(clip(tmp_path / "ok.mp4", video.frames(SHORT)), tmp_path, side="STANCE_SIDE_LEFT")
    assert flags(view)["SIDE_MISMATCH"] in ("WARN", "FAIL")
    assert view["result"]["sway"]["side_found"] == "STANCE_SIDE_RIGHT"
    assert not scored(view)


def test_a_truncated_file(tmp_path: Path):
    whole = clip(tmp_path / "whole.mp4", itertools.islice(video.frames(SHORT), 90)).read_bytes()
    path = tmp_path / "truncated.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    code, permanent = error(analyzed(path, tmp_path))
    assert (code, permanent) == ("VIDEO_TRUNCATED", True)


def test_four_hours(tmp_path: Path):
    """A frame a minute: small to send, four hours long."""
    path = tmp_path / "long.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for minute in range(241):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), minute, np.uint8), format="rgb24")
            frame.pts = minute * 60 * 30
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert error(analyzed(path, tmp_path)) == ("VIDEO_TOO_LONG", True)


def device_file(folder: Path, spoil: Callable[[Json], None]) -> Path:
    """A landmark file of six seconds, spoilt."""
    landmarks, _ = trial(SHORT)
    frames = [
        {
            "t_s": t,
            "points": [{"x": float(x), "y": float(y), "visibility": 1.0, "presence": 1.0} for x, y in points],
        }
        for t, points in zip(landmarks.time_s.tolist(), landmarks.image_px, strict=True)
    ]
    document = {
        "format": "assay-landmarks/1",
        "device": "test",
        "model": "test@1",
        "width": SHORT.width,
        "height": SHORT.height,
        "frames": frames,
    }
    spoil(document)
    path = folder / "landmarks.json"
    path.write_text(json.dumps(document))
    return path


def not_a_number(document: Json) -> None:
    document["frames"][7]["points"][11]["x"] = float("nan")


def shuffled(document: Json) -> None:
    document["frames"][3], document["frames"][9] = document["frames"][9], document["frames"][3]


def one_point_short(document: Json) -> None:
    for frame in document["frames"]:
        frame["points"].pop()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (not_a_number, "LANDMARKS_NOT_FINITE"),
        (shuffled, "LANDMARKS_TIME_ORDER"),
        (one_point_short, "LANDMARKS_POINT_COUNT"),
    ],
)
def test_spoilt_landmarks(tmp_path: Path, spoil: Callable[[Json], None], code: str):
    assert error(analyzed(device_file(tmp_path, spoil), tmp_path, "landmarks")) == (code, True)
