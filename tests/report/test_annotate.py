"""The annotated video: every frame, at its time, with the face hidden, in bounded memory."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from assay.balance.v1.balance_pb2 import SwayPage
from assay.ingest.v1.ingest_pb2 import Video
from numpy.typing import NDArray

from mesh.errors import InvalidInput, NotFound, Unmeasurable
from mesh.landmarks import Landmarks
from svc_report import faces, film, skeleton
from svc_report.annotate import core, scene, stage, veil
from svc_report.balance import traces
from svc_report.balance.traces import Traces
from tests.report import balance_cases as cases
from tests.report.test_balance_pictures import detail, encode
from tests.report.test_stage import Folder

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cases.video(tmp_path_factory.mktemp("video"))


def found() -> Traces:
    return traces.decode(cases.recording().traces.SerializeToString())


def drawn(video: Path, target: Path, series: Landmarks | None, traces_: Traces) -> list[film.Frame]:
    page = cases.sway_page("front")
    shares = list(core.from_video(video, cases.balance().ingest.video, series, traces_, page, target))
    assert shares == sorted(shares)
    assert all(0 < share <= 1 for share in shares)
    with film.opened(target, 0) as opened:
        return list(opened.frames())


@pytest.fixture(scope="module")
def usual(video: Path, tmp_path_factory: pytest.TempPathFactory) -> list[film.Frame]:
    return drawn(video, tmp_path_factory.mktemp("annotated") / "a.webm", cases.recording().series, found())


def source_frames(video: Path) -> Iterator[film.Frame]:
    with film.opened(video, 0) as opened:
        yield from opened.frames()


def test_it_has_every_frame_at_its_time_and_size(usual: list[film.Frame], video: Path) -> None:
    source = list(source_frames(video))
    assert len(usual) == len(source)
    for ours, theirs in zip(usual, source, strict=True):
        assert ours.time_s == pytest.approx(theirs.time_s, abs=0.002)
        assert ours.picture.shape == theirs.picture.shape


def test_it_is_vp9_in_webm_without_sound_or_random_bytes(video: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.webm", tmp_path / "2.webm"
    for target in (first, second):
        drawn(video, target, cases.recording().series, found())
    assert first.read_bytes() == second.read_bytes()
    with av.open(str(first)) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["vp9"]
        assert "webm" in container.format.name


def test_the_face_is_hidden_in_every_frame(usual: list[film.Frame], video: Path) -> None:
    series = cases.recording().series
    for ours, theirs in zip(usual[::7], list(source_frames(video))[::7], strict=True):
        points = skeleton.pose_at(series, theirs.time_s, 1.0)[: faces.FACE_POINTS]
        (left, top), (right, bottom) = points.min(axis=0).astype(int), points.max(axis=0).astype(int) + 1
        part = (slice(top - 1, bottom + 1), slice(left - 1, right + 1))
        assert detail(ours.picture[part]) < 0.6 * detail(theirs.picture[part])


def test_skeleton_centre_of_mass_and_captions_are_drawn(usual: list[film.Frame], video: Path) -> None:
    made = cases.recording()
    frame = usual[130]
    x, y = made.truth.com_px[130].astype(int)
    around = frame.picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).astype(int)
    assert np.abs(around - skeleton.COM).max(axis=1).min() < 60
    bare = list(source_frames(video))[130].picture
    strip = slice(frame.picture.shape[0] - 30, None)
    assert np.abs(frame.picture[strip, :60].astype(int) - bare[strip, :60]).mean() > 20


def test_without_landmarks_no_frame_can_be_recognised(video: Path, tmp_path: Path) -> None:
    frames = drawn(video, tmp_path / "a.webm", None, traces.NONE)
    source = list(source_frames(video))
    assert len(frames) == len(source)
    assert all(
        detail(ours.picture) < 0.5 * detail(theirs.picture)
        for ours, theirs in zip(frames[::20], source[::20], strict=True)
    )


def noise() -> Picture:
    return np.random.default_rng(5).integers(0, 255, (200, 120, 3), np.uint8)


def head(x: float, y: float) -> NDArray[np.float64]:
    points = np.full((33, 2), np.nan)
    points[: faces.FACE_POINTS] = [x, y]
    points[: faces.FACE_POINTS] += np.linspace(-4, 4, faces.FACE_POINTS)[:, None]
    return points


def changed(before: Picture, after: Picture) -> float:
    return float((before != after).any(axis=2).mean())


def test_a_lost_face_stays_hidden_where_it_was_and_then_everything_is() -> None:
    cover = veil.Veil(30.0, crowd=False)
    lost = np.full((33, 2), np.nan)
    picture = noise()
    assert cover.cover(picture, head(60, 50), 1.0)
    seen = changed(noise(), picture)
    held = noise()
    assert cover.cover(held, lost, 1.5)
    assert seen < changed(noise(), held) < 1
    assert (held[45:55, 55:65] != noise()[45:55, 55:65]).any()
    late = noise()
    assert not cover.cover(late, lost, 2.5)
    assert changed(noise(), late) > 0.95


def test_nothing_is_remembered_across_a_cut_or_before_the_first_face() -> None:
    lost = np.full((33, 2), np.nan)
    cover = veil.Veil(30.0, crowd=False, cuts_s=(1.2,))
    first = noise()
    assert not cover.cover(first, lost, 0.0)
    assert changed(noise(), first) > 0.95
    assert cover.cover(noise(), head(60, 50), 1.0)
    assert not cover.cover(noise(), lost, 1.3)


def test_bystanders_are_hidden_when_several_people_were_seen() -> None:
    picture = noise()
    assert veil.Veil(30.0, crowd=True).cover(picture, head(60, 50), 0.0)
    assert changed(noise(), picture) > 0.9
    assert not veil.Veil(30.0, crowd=True).cover(noise(), np.full((33, 2), np.nan), 0.1)


def test_captions_say_kind_and_event_and_bear_any_text() -> None:
    page = cases.sway_page("front")
    texts = [caption.text for caption in scene.captions(page.events)]
    assert texts == [
        "Start: Foot up", "Compensation: Trunk lean (left)", "Error: Arms left their position (right)",
        "Failure: Foot down",
    ]  # fmt: skip
    page.events.add(id="\x00李" * 500, kind="\u202e", onset_s=0.0)
    painted = scene.Scene(found(), scene.captions(page.events), 1.0)
    picture = noise()
    painted.draw(picture, cases.recording().series.image_px[0] / 3, 0.1)
    assert changed(noise(), picture) > 0.01


def test_an_animation_of_landmarks_keeps_their_times(tmp_path: Path) -> None:
    series = cases.recording("left").series
    target = tmp_path / "a.webm"
    list(core.from_landmarks(series, traces.NONE, SwayPage(), target))
    with film.opened(target, 0) as opened:
        frames = list(opened.frames())
    assert [frame.time_s for frame in frames] == pytest.approx(list(series.time_s), abs=0.002)
    assert np.abs(np.median(frames[0].picture, axis=(0, 1)) - core.GROUND).max() < 4


def test_fast_landmarks_are_thinned_to_thirty_a_second(tmp_path: Path) -> None:
    slow = cases.recording("left").series
    fast = replace(slow, time_s=slow.time_s / 16)
    times = core._thinned(fast)
    assert len(times) <= 1 + 34 * fast.time_s[-1]
    assert np.diff(times).min() >= 0.9 / 30


async def test_the_stage_writes_the_page_and_cleans_up(video: Path) -> None:
    analysis = cases.balance()
    folder = Folder(cases.objects(analysis, video=video.read_bytes()))
    before = set(Path(tempfile.gettempdir()).glob("assay-annotate-*"))
    page = await stage.handle(analysis, folder)
    assert (page.video.name, page.video.media_type) == ("annotated.webm", "video/webm")
    assert folder.objects[page.video.key].startswith(b"\x1aE\xdf\xa3")
    assert {part.kind for part in page.provenance.versions} == {"code", "encoder"}
    assert len(folder.told) > 5
    assert set(Path(tempfile.gettempdir()).glob("assay-annotate-*")) <= before
    assert await stage.handle(analysis, folder) == page


async def test_device_landmarks_become_an_animation() -> None:
    analysis = cases.balance("left", source="device")
    page = await stage.handle(analysis, Folder(cases.objects(analysis, "left")))
    assert page.video.size_bytes > 1000


async def test_what_cannot_be_annotated_says_so() -> None:
    analysis = cases.balance("front", source="device")
    analysis.pose.landmarks.key = analysis.sway.traces.key = ""
    with pytest.raises(Unmeasurable) as caught:
        await stage.handle(analysis, Folder())
    assert caught.value.code == "NOTHING_TO_ANNOTATE"
    with pytest.raises(NotFound):
        await stage.handle(cases.balance(), Folder())
    broken = cases.balance()
    with pytest.raises(InvalidInput) as refused:
        await stage.handle(broken, Folder(cases.objects(broken, video=b"no video")))
    assert refused.value.code == "REPORT_VIDEO_UNREADABLE"


def test_the_stage_stands_where_the_design_puts_it() -> None:
    named = stage.STAGE
    assert (named.name, named.kind, named.page) == ("annotate", "balance", "annotation")
    assert (named.consumes, named.publishes) == ("reported", "annotated")
    named.prepare()


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    source = tmp_path / "long.webm"
    encode(source, [cases.picture_of(cases.recording().series.image_px[0] * 2, 540, 960)] * 150)
    asked = Video(rotation_deg=0, fps=25, duration_s=6)
    series = cases.recording().series
    work = core.from_video(source, asked, series, found(), SwayPage(), tmp_path / "a.webm")
    process = psutil.Process()
    held = [process.memory_info().rss for _ in work]
    assert len(held) == 5
    # The 120 frames of 540 x 960 RGB after the first batch would be 187 MB.
    assert max(held) - held[0] < 60 * 2**20


def test_the_heap_gives_back_what_a_video_took() -> None:
    """Freed blocks below one that is kept stay with the process until it gives them back."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    # Less than what glibc maps by itself, and touched, so that the pages are there.
    size, process = 100_000, psutil.Process()
    blocks = [libc.malloc(size) for _ in range(2000)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    for block in blocks[:-1]:
        libc.free(block)
    held = process.memory_info().rss
    stage.give_back()
    given = held - process.memory_info().rss
    libc.free(blocks[-1])
    assert given > 0.9 * 1999 * size
