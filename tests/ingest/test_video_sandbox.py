"""The video decoder process: memory, time, crashes. The heavy measurement is marked `proof`."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.errors import InvalidInput, Transient
from svc_ingest.video.core import capture
from svc_ingest.video.limits import DEFAULT_LIMITS
from svc_ingest.video.sandbox import VideoSandbox
from tests.ingest import clips

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds: work enough to be killed in the middle."""
    time_s = clips.times(4)
    return clips.write(tmp_path_factory.mktemp("c") / "c.mp4", clips.scene(time_s, (640, 480)), time_s)


@pytest.fixture
def pool() -> Iterator[VideoSandbox]:
    pool = VideoSandbox()
    yield pool
    pool.close()


def test_same_result_as_in_process(pool: VideoSandbox, clip: Path, tmp_path: Path) -> None:
    there = pool.capture(clip, tmp_path / "there")
    here = capture(clip, tmp_path / "here")
    assert replace(there, milliseconds={}, measures=()) == replace(here, milliseconds={}, measures=())
    for one, other in zip(there.measures, here.measures, strict=True):
        # Fitted by OpenCV, whose last digits depend on where arrays lie in memory.
        assert replace(one, value=None) == replace(other, value=None)
        assert (one.value or 0) == pytest.approx(other.value or 0, rel=0.01)
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    assert 0 < pool.peak_rss_bytes < 250 * MEBIBYTE


@pytest.mark.parametrize("limit", [{"memory_bytes": 8 * MEBIBYTE}, {"cpu_seconds": 0}])
def test_too_little_memory_or_time_is_a_typed_error(limit: dict, clip: Path, tmp_path: Path) -> None:
    long = clips.join([clip] * 8, tmp_path / "long.mkv", 1 / 30)
    pool = VideoSandbox(limits=replace(DEFAULT_LIMITS, **limit))
    try:
        with pytest.raises(InvalidInput) as refused:
            pool.capture(long, tmp_path / "picture")
        assert refused.value.code == "VIDEO_TOO_COMPLEX"
    finally:
        pool.close()


def test_the_written_file_is_bounded_too(clip: Path, tmp_path: Path) -> None:
    """A source of allowed size cannot make the decoder fill the disk."""
    size = clip.stat().st_size
    pool = VideoSandbox(limits=replace(DEFAULT_LIMITS, max_bytes=size))
    try:
        assert pool.capture(clip, tmp_path / "picture").frames == 120
        assert (tmp_path / "picture").stat().st_size < 1.1 * size
    finally:
        pool.close()


def test_a_wall_clock_limit_is_a_passing_error(pool: VideoSandbox, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(Transient) as late:
        pool.capture(clip, tmp_path / "picture", seconds=0.05)
    assert late.value.code == "DECODER_TIMEOUT"
    assert pool.capture(clip, tmp_path / "picture").frames == 120


def kill_worker(number: signal.Signals, worked: Path) -> None:
    """Signals the decoder of this process once it has written something."""
    end = time.monotonic() + 30
    while not worked.exists() and time.monotonic() < end:
        time.sleep(0.002)
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if b"svc_ingest.video.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(int(child), number)


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (signal.SIGKILL, Transient, "DECODER_LOST"),
        (signal.SIGSEGV, InvalidInput, "VIDEO_TOO_COMPLEX"),
    ],
)
def test_death_in_the_middle_of_a_video(
    number: signal.Signals, kind: type[Exception], code: str, pool: VideoSandbox, clip: Path, tmp_path: Path
) -> None:
    target = tmp_path / "picture"
    killer = threading.Thread(target=kill_worker, args=(number, target))
    killer.start()
    with pytest.raises((Transient, InvalidInput)) as lost:
        pool.capture(clip, target)
    killer.join()
    assert (type(lost.value), lost.value.code) == (kind, code)
    assert pool.capture(clip, target).frames == 120


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_a_minute_of_1080p60_stays_under_400_megabytes(pool: VideoSandbox, tmp_path: Path) -> None:
    """3,600 frames of VP9, made of twelve copies of five seconds; prints what it took."""
    time_s = clips.times(5, 60)
    part = clips.write(tmp_path / "part.mkv", clips.scene(time_s, (1920, 1080)), time_s)
    source = clips.join([part] * 12, tmp_path / "minute.mkv", 1 / 60)
    started = time.perf_counter()
    done = pool.capture(source, tmp_path / "picture")
    seconds = time.perf_counter() - started
    print(f"{done.frames} frames, {pool.peak_rss_bytes / 1e6:.0f} MB, {done.frames / seconds:.0f} frames/s")
    assert (done.frames, done.width, done.height) == (3600, 1920, 1080)
    assert done.fps == pytest.approx(60, abs=0.1)
    assert pool.peak_rss_bytes < 400e6
