"""Key moments and hidden faces: the right frame, no recognisable face, nothing without one to hide."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from mesh.errors import InvalidInput
from mesh.landmarks import Landmarks
from svc_report import faces, film, skeleton
from svc_report.balance import stills, traces
from svc_report.balance.moments import Moment
from tests.report import balance_cases as cases

Picture = NDArray[np.uint8]
QUICK = {"deadline": "realtime", "cpu-used": "8"}
MOMENTS = tuple(Moment(time_s, f"at {time_s}") for time_s in (2.0, 9.3, 14.7, 21.0))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cases.video(tmp_path_factory.mktemp("video"))


def taken(video: Path, series: Landmarks | None = None) -> list[stills.Still]:
    chosen = series or cases.recording().series
    return stills.of_video(video, cases.balance().ingest.video, chosen, traces.NONE, MOMENTS)


def test_every_frame_is_found_by_seeking(video: Path) -> None:
    wanted = [0.0, 0.4, 5.0, 5.05, 13.99, 23.9, 99.0]
    with film.opened(video, 0) as opened:
        everything = list(opened.frames())
    with film.opened(video, 0) as opened:
        sought = opened.at(wanted)
    for time_s, frame in zip(wanted, sought, strict=True):
        assert frame is not None
        nearest = min(everything, key=lambda other: abs(other.time_s - time_s))
        assert frame.time_s == nearest.time_s
        assert np.array_equal(frame.picture, nearest.picture)


def test_seeking_is_bounded(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film, "MAX_DECODED", 40)
    with film.opened(video, 0) as opened:
        sought = opened.at([0.5, 1.9, 7.8, 15.8, 19.8])
    assert [frame is None for frame in sought] == [False, False, True, True, True]


@pytest.mark.parametrize(("rotation", "corner"), [(0, (0, 0)), (90, (0, 1)), (180, (1, 1)), (270, (1, 0))])
def test_rotation_is_clockwise(tmp_path: Path, rotation: int, corner: tuple[int, int]) -> None:
    path = tmp_path / "marked.webm"
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:24, :24] = 255
    encode(path, [picture] * 3)
    with film.opened(path, rotation) as opened:
        upright = next(opened.frames()).picture
    assert upright.shape[:2] == ((64, 96) if rotation % 180 == 0 else (96, 64))
    rows, columns = upright.shape[0] - 12, upright.shape[1] - 12
    bright = upright[12 + corner[0] * (rows - 12), 12 + corner[1] * (columns - 12)]
    assert bright.min() > 200
    assert upright.mean() < 80


def encode(path: Path, pictures: list[Picture], rate: int = 25) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=rate, options=QUICK)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("data", [b"", b"no video", b"\x1aE\xdf\xa3" + bytes(200)])
def test_what_is_no_video_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "broken"
    path.write_bytes(data)
    with pytest.raises(InvalidInput) as caught, film.opened(path, 0) as opened:
        list(opened.frames())
    assert caught.value.code == "REPORT_VIDEO_UNREADABLE"


def test_a_truncated_video_gives_what_it_holds(tmp_path: Path, video: Path) -> None:
    path = tmp_path / "half.webm"
    path.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with film.opened(path, 0) as opened:
        frames = opened.at([1.0, 23.0])
    assert frames[0] is not None
    assert frames[0].time_s == pytest.approx(1.0, abs=0.04)


def face_of(picture: Picture, series: Landmarks, time_s: float, crop: stills.Crop) -> Picture:
    """The part of a still that holds the face's landmarks."""
    points = skeleton.pose_at(series, time_s, 1.0)[: faces.FACE_POINTS]
    scale = np.array([stills.WIDTH / crop.width, stills.HEIGHT / crop.height])
    placed = (points - [crop.left, crop.top]) * scale
    (left, top), (right, bottom) = placed.min(axis=0) - 4, placed.max(axis=0) + 4
    return picture[int(top) : int(bottom), int(left) : int(right)]


def detail(picture: Picture) -> float:
    """Mean difference of neighbouring pixels: eyes and mouth make it, blocks do not."""
    grey = picture.mean(axis=2)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def test_the_face_is_hidden_on_every_still(video: Path) -> None:
    series = cases.recording().series
    crop = stills.crop_of(series, MOMENTS)
    assert crop is not None
    pictures = taken(video)
    assert [still.time_s for still in pictures] == pytest.approx([m.time_s for m in MOMENTS], abs=0.04)
    with film.opened(video, 0) as opened:
        frames = opened.at([moment.time_s for moment in MOMENTS])
    for still, frame in zip(pictures, frames, strict=True):
        assert frame is not None
        shown = np.array(Image.open(io.BytesIO(still.jpeg)))
        assert shown.shape == (stills.HEIGHT, stills.WIDTH, 3)
        bare = stills._cut(frame.picture, crop, 1.0)
        before, after = (detail(face_of(p, series, still.time_s, crop)) for p in (bare, shown))
        assert after < 0.5 * before


def test_a_moment_without_a_face_to_hide_is_left_out(video: Path) -> None:
    series = cases.recording().series
    points = series.image_px.copy()
    gone = np.abs(series.time_s - 14.7) < 0.3
    points[np.ix_(gone, np.arange(faces.FACE_POINTS - 2))] = np.nan
    shown = taken(video, replace(series, image_px=points))
    assert [still.moment for still in shown] == [m for m in MOMENTS if m.time_s != 14.7]


def test_with_several_people_in_view_everything_around_the_subject_is_hidden(video: Path) -> None:
    series = cases.recording().series
    crowd = replace(series, people=np.full(len(series), 2))
    alone, among = taken(video)[0], taken(video, crowd)[0]
    corner = (slice(0, 60), slice(0, 60))
    before, after = (detail(np.array(Image.open(io.BytesIO(s.jpeg)))[corner]) for s in (alone, among))
    assert after < 0.6 * before


def test_stills_of_landmarks_hold_a_skeleton_and_no_picture() -> None:
    series = cases.recording("left").series
    shown = stills.of_landmarks(series, traces.NONE, MOMENTS)
    assert len(shown) == len(MOMENTS)
    colours = np.array(Image.open(io.BytesIO(shown[0].jpeg))).reshape(-1, 3)
    assert (np.abs(colours.astype(int) - stills.GROUND).max(axis=1) < 12).mean() > 0.9
    lost = replace(series, image_px=np.full_like(series.image_px, np.nan))
    assert stills.of_landmarks(lost, traces.NONE, MOMENTS) == []


def test_a_face_box_holds_the_head() -> None:
    series = cases.recording().series
    points = series.image_px[30]
    box = faces.find(points, faces.trunk_px(series))
    assert box is not None
    face = points[: faces.FACE_POINTS]
    assert (np.abs(face - [box.x, box.y]).max(axis=0) < box.half).all()
    body_px = np.nanmax(points[:, 1]) - np.nanmin(points[:, 1])
    assert 2 * box.half > 0.13 * body_px


@given(
    x=st.floats(-300, 600), y=st.floats(-300, 600), half=st.floats(1, 400), width=st.integers(2, 200),
    height=st.integers(2, 200),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_any_box_can_be_hidden(x: float, y: float, half: float, width: int, height: int) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    before = picture.copy()
    box = faces.Box(x, y, half)
    faces.pixelate(picture, box)
    left, top, right, bottom = box.inside(width, height)
    mask = np.ones((height, width), bool)
    mask[top:bottom, left:right] = False
    assert np.array_equal(picture[mask], before[mask])
    if right - left > 12 and bottom - top > 12 and half > 10:
        assert detail(picture[top:bottom, left:right]) < detail(before[top:bottom, left:right])


def test_wild_landmarks_are_drawn_without_harm() -> None:
    picture = np.zeros((120, 80, 3), np.uint8)
    points = np.full((33, 2), 1e12)
    points[::2] = -1e12
    skeleton.draw(picture, points, head=5)
    skeleton.trail(picture, np.array([[np.nan, 1.0], [5.0, 5.0], [50.0, 90.0]]))
    skeleton.com(picture, np.array([np.inf, 3.0]))
    assert picture.any()


def test_between_frames_landmarks_are_interpolated_and_across_gaps_not() -> None:
    series = cases.recording().series
    middle = (series.time_s[40] + series.time_s[41]) / 2
    expected = (series.image_px[40] + series.image_px[41]) / 2
    np.testing.assert_allclose(skeleton.pose_at(series, float(middle), 2.0), 2 * expected)
    few = replace(
        series,
        time_s=series.time_s[[0, 60]],
        image_px=series.image_px[[0, 60]],
        visibility=series.visibility[[0, 60]],
    )
    assert np.isnan(skeleton.pose_at(few, 2.0, 1.0)).all()
    np.testing.assert_allclose(skeleton.pose_at(few, 0.1, 1.0), series.image_px[0])
