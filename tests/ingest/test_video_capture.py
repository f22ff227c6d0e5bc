"""Capture quality of videos: what is wrong with a recording is said, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc_ingest.result import Level
from svc_ingest.timing import pace_of
from svc_ingest.video import cuts
from svc_ingest.video.capture import blurred_share, flicker
from svc_ingest.video.motion import features, moved, shift
from tests.ingest import clips
from tests.ingest.clips import Picture
from tests.ingest.test_video import levels, taken, values

SIX_S = clips.times(6)
SIZE = (640, 480)
WALL = clips.room(*SIZE)


def film(tmp_path: Path, picture: Callable[[float], Picture], time_s: Sequence[float] = SIX_S) -> Path:
    return clips.write(tmp_path / "clip.mp4", (picture(t) for t in time_s), time_s)


def test_a_tripod_recording_of_somebody_standing_has_no_flag(tmp_path: Path) -> None:
    done, _ = taken(film(tmp_path, lambda t: clips.standing(WALL, t)))
    assert levels(done) == {}
    seen = values(done)
    assert seen["camera_speed"] < 0.2
    assert seen["camera_drift"] < 0.1
    assert seen["still_time"] == 0
    assert 20 < seen["mean_level"] < 80


def shake(t: float) -> Picture:
    wall = clips.shifted(WALL, 6 * np.sin(9 * t), 4 * np.sin(13 * t))
    return clips.standing(wall, t)


def creep(t: float) -> Picture:
    return clips.standing(clips.shifted(WALL, t), t)


def test_a_hand_held_camera_is_told(tmp_path: Path) -> None:
    done, _ = taken(film(tmp_path, shake))
    assert levels(done)["CAMERA_MOVED"] is Level.FAIL
    # Amplitudes 6 and 4 px at 9 and 13 rad/s: at most 54 and 52 px/s, 1.8 and 1.7 px a frame.
    assert 1.0 < values(done)["camera_speed"] < 2.6
    assert values(done)["camera_drift"] * 6.4 == pytest.approx(np.hypot(6, 4), rel=0.15)


def test_a_slowly_sinking_phone_is_told_by_its_drift(tmp_path: Path) -> None:
    done, _ = taken(film(tmp_path, creep))
    assert values(done)["camera_speed"] < 0.2
    assert values(done)["camera_drift"] * 6.4 == pytest.approx(6, abs=0.5)
    assert levels(done)["CAMERA_MOVED"] is Level.FAIL


def test_zooming_is_told(tmp_path: Path) -> None:
    def zoomed(t: float) -> Picture:
        matrix = cv2.getRotationMatrix2D((320, 240), 0, 1 + 0.01 * t)
        return np.asarray(cv2.warpAffine(WALL, matrix, SIZE, borderMode=cv2.BORDER_REFLECT), np.uint8)

    done, _ = taken(film(tmp_path, zoomed))
    assert values(done)["camera_zoom"] == pytest.approx(6, abs=0.7)
    assert "CAMERA_ZOOMED" in levels(done)


def test_a_plain_wall_tells_nothing_of_the_camera(tmp_path: Path) -> None:
    grey = np.full_like(WALL, 120)
    done, _ = taken(film(tmp_path, lambda t: clips.standing(grey, t)))
    assert values(done)["camera_speed"] is None
    assert levels(done)["CAMERA_MOTION_UNKNOWN"] is Level.INFO
    assert "CAMERA_MOVED" not in levels(done)


@given(st.integers(-48, 48), st.integers(-48, 48))
def test_the_background_s_motion_is_measured_to_a_twentieth_of_a_pixel(right: int, down: int) -> None:
    """Although somebody in front of it moves otherwise. In eighths of a pixel: OpenCV warps in 32nds."""
    dx, dy = right / 8, down / 8
    one = clips.standing(WALL, 0)
    other = clips.standing(clips.shifted(WALL, dx, dy), 0.5)
    found = moved(one, other, features(one))
    assert found is not None
    assert shift(found, one.shape) == pytest.approx(np.hypot(dx, dy), abs=0.05)


def test_a_still_picture_is_told(tmp_path: Path) -> None:
    still = clips.standing(WALL, 0)
    done, _ = taken(film(tmp_path, lambda t: still))
    assert levels(done)["FROZEN_PICTURE"] is Level.FAIL
    assert values(done)["still_time"] == 100


def test_a_recording_that_stops_moving_in_its_middle_is_told(tmp_path: Path) -> None:
    done, _ = taken(film(tmp_path, lambda t: clips.standing(WALL, min(t, 1.5))))
    assert levels(done)["FROZEN_PICTURE"] is Level.FAIL
    assert 50 < values(done)["still_time"] < 90


def test_repeated_frames_are_counted(tmp_path: Path) -> None:
    """25 frames/s played at 30: every sixth frame is the one before it again."""
    done, _ = taken(film(tmp_path, lambda t: clips.standing(WALL, int(t * 25 + 1e-6) / 25, sway_px=60)))
    # Of the sixth that repeat, the encoder still polishes some.
    assert 5 < values(done)["repeated_frames"] <= 100 / 6 + 1
    assert "REPEATED_FRAMES" in levels(done)


def test_a_cut_is_found_where_it_is(tmp_path: Path) -> None:
    other = clips.room(*SIZE, seed=7)
    done, _ = taken(film(tmp_path, lambda t: clips.standing(WALL if t < 2.49 else other, t)))
    assert done.cuts_s == pytest.approx((2.5,), abs=0.02)
    assert "VIDEO_CUT" in levels(done)
    assert "CAMERA_MOVED" not in levels(done)


def test_cuts_of_a_real_clip_and_none_in_another(shared_data: Path, tmp_path: Path) -> None:
    """Cuts at 2.3, 8.2 and 16.5 s (a title card, two captions and much arm swing are none)."""
    folder = shared_data / "posevideo"
    yoga, _ = taken_from(folder / "single_leg_videos" / "yogaanytime_balance_28s.mp4", tmp_path)
    assert yoga.cuts_s == pytest.approx((2.3, 8.2, 16.5), abs=0.1)
    for name in ("cam01", "cam03", "multiperson_cam01", "multiperson_cam03"):
        clip, _ = taken_from(folder / "pose2sim_balancing" / "videos" / f"{name}.mp4", tmp_path)
        assert clip.cuts_s == ()
        assert set(levels(clip)) == {"VIDEO_TOO_SHORT"}, name


def taken_from(source: Path, tmp_path: Path) -> tuple:
    link = tmp_path / source.name
    link.symlink_to(source)
    return taken(link)


def test_light_that_flickers_and_light_that_does_not(tmp_path: Path) -> None:
    def lit(t: float) -> Picture:
        return np.asarray(clips.standing(WALL, t) * (0.9 + 0.05 * np.sin(2 * np.pi * 10 * t + 0.4)), np.uint8)

    done, _ = taken(film(tmp_path, lit))
    assert values(done)["flicker"] > 2
    assert "EXPOSURE_FLICKER" in levels(done)


@pytest.mark.parametrize(("gain", "offset"), [(0.05, 0), (0.05, 240)])
def test_too_dark_and_too_bright(gain: float, offset: float, tmp_path: Path) -> None:
    done, _ = taken(film(tmp_path, lambda t: np.asarray(clips.standing(WALL, t) * gain + offset, np.uint8)))
    assert levels(done)["EXPOSURE"] in (Level.WARN, Level.FAIL)


def test_a_picture_out_of_focus(tmp_path: Path) -> None:
    def soft(t: float) -> Picture:
        return np.asarray(cv2.GaussianBlur(checked(t), (0, 0), 5), np.uint8)

    done, _ = taken(film(tmp_path, soft))
    assert values(done)["edge_rise"] == pytest.approx(2.563 * 5, rel=0.25)
    assert "VIDEO_BLURRED" in levels(done)


def checked(t: float) -> Picture:
    """Large squares of two greys, which move a little."""
    y, x = np.mgrid[0:480, 0:640]
    dark = ((x + int(20 * np.sin(t))) // 160 + y // 160) % 2
    return np.asarray(60 + 120 * dark, np.uint8)


def test_frames_blurred_by_motion_are_counted() -> None:
    detail = np.full(300, 80.0)
    detail[::10] = 20.0
    assert blurred_share(detail) == pytest.approx(0.1, abs=0.01)
    assert blurred_share(np.full(300, 5.0)) == 0


@given(st.lists(st.floats(50, 60), min_size=8, max_size=60))
def test_a_slow_change_of_light_is_no_flicker(levels: list[float]) -> None:
    assert flicker(np.sort(levels)) < 1e-9


@given(
    st.integers(2, 400),
    st.floats(1, 240),
    st.sampled_from([1 / 90_000, 1 / 30_000, 1 / 15_360, 1e-6]),
)
def test_the_pace_of_a_steady_rate(frames: int, fps: float, tick: float) -> None:
    time_s = np.round(np.arange(frames) / fps / tick) * tick
    pace = pace_of(time_s, tick)
    assert pace.fps == pytest.approx(fps, rel=2 * tick * fps + 1e-9)
    assert not pace.variable
    assert pace.dropped == 0


@given(st.integers(20, 200), st.sets(st.integers(1, 18), min_size=1, max_size=5))
def test_every_dropped_frame_is_counted(frames: int, gone: set[int]) -> None:
    kept = [i / 30 for i in range(frames + 20) if i not in gone or i + 1 in gone]
    gone = {i for i in range(frames + 20) if i / 30 not in kept}
    pace = pace_of(np.asarray(kept), 1e-6)
    assert pace.dropped == len(gone)
    assert pace.fps == pytest.approx(30)


def test_a_flash_is_no_cut_and_a_black_screen_is() -> None:
    time_s = np.arange(60) / 30

    def unlike(pictures: Iterator[Picture]) -> np.ndarray:
        thumbs = [cuts.thumb(p) for p in pictures]
        return np.array([0.0, *(cuts.unlikeness(a, b) for a, b in pairwise(thumbs))])

    lit = (cv2.add(clips.standing(WALL, t), 50.0 if i == 30 else 0.0) for i, t in enumerate(time_s))
    assert cuts.find(time_s, unlike(np.asarray(p, np.uint8) for p in lit)) == ()
    black = (clips.standing(WALL, t) if i < 30 else np.zeros_like(WALL) for i, t in enumerate(time_s))
    assert cuts.find(time_s, unlike(black)) == (1.0,)
