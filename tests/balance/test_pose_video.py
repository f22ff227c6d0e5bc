"""Reading videos: order, times, rotation, bounded memory, faults."""

from __future__ import annotations

import threading
from pathlib import Path

import av
import numpy as np
import pytest

from mesh.errors import InvalidInput
from svc_balance.pose.video import AHEAD, Ahead, Frame, decode
from svc_ingest.video.decode import Decoding
from svc_ingest.video.limits import DEFAULT_LIMITS
from svc_ingest.video.remux import Remuxed
from tests.balance.pose_videos import plain, write
from tests.ingest import clips


def test_frames_come_in_order_with_their_own_times(tmp_path: Path) -> None:
    times = [0, 40, 60, 140, 150]
    path = write(tmp_path / "v.webm", plain(5), times)
    frames = list(decode(path))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([frame.time_s for frame in frames], np.array(times) / 1000)
    means = [float(frame.rgb.mean()) for frame in frames]
    np.testing.assert_allclose(np.diff(means), 10, atol=2)
    assert frames[0].rgb.shape == (96, 128, 3)


@pytest.mark.parametrize(
    ("rotation", "dark"),
    [(0, np.s_[:, :20]), (90, np.s_[:20, :]), (180, np.s_[:, -20:]), (270, np.s_[-20:, :])],
)
def test_rotation_is_clockwise(tmp_path: Path, rotation: int, dark: tuple[slice, slice]) -> None:
    """The dark left edge comes to the top after a quarter turn clockwise."""
    (frame,) = decode(write(tmp_path / "v.webm", plain(1)), rotation)
    assert frame.rgb.shape == ((96, 128, 3) if rotation % 180 == 0 else (128, 96, 3))
    assert frame.rgb[dark].mean() < 60


def test_decoding_ahead_gives_the_same_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "v.webm", plain(3 * AHEAD, 32, 32))
    with Ahead(path) as ahead:
        got = list(ahead)
    for frame, expected in zip(got, decode(path), strict=True):
        assert frame.time_s == expected.time_s
        np.testing.assert_array_equal(frame.rgb, expected.rgb)


def test_few_frames_wait_and_leaving_early_ends_the_thread(tmp_path: Path) -> None:
    path = write(tmp_path / "v.webm", plain(6 * AHEAD, 32, 32))
    with Ahead(path) as ahead:
        first: Frame = next(iter(ahead))
        assert first.index == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "decode"]
    assert ahead._ready.qsize() <= AHEAD


@pytest.mark.parametrize("content", [b"", b"not a video at all", bytes(5000)])
def test_a_file_that_is_no_video_is_refused_where_frames_are_used(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with Ahead(path) as ahead, pytest.raises(InvalidInput) as error:
        list(ahead)
    assert (error.value.code, error.value.field) == ("VIDEO_UNREADABLE", "video")


def test_a_video_that_ends_early_gives_the_frames_it_has(tmp_path: Path) -> None:
    path = write(tmp_path / "v.webm", plain(30))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert 0 < len(list(decode(path))) < 30


@pytest.mark.parametrize("codec", ["libsvtav1", "libvpx-vp9"])
@pytest.mark.parametrize("places", [(60,), (30, 90)])
def test_damaged_packets_are_left_out_and_the_rest_is_what_ingest_counted(
    tmp_path: Path, codec: str, places: tuple[int, ...]
) -> None:
    time_s = clips.times(4)
    path = clips.write(tmp_path / "v.mp4", clips.scene(time_s, (128, 96)), time_s, codec=codec)
    with av.open(str(path)) as container:
        packets = [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]
    data, noise = bytearray(path.read_bytes()), np.random.default_rng(1)
    for at, size in (packets[place] for place in places):
        data[at + size // 2 : at + size] = noise.bytes(size - size // 2)
    path.write_bytes(data)
    counted = Decoding(Remuxed(path, "mov", "video/mp4", len(packets), False), DEFAULT_LIMITS)
    expected = [frame.time_s for frame in counted]
    frames = list(decode(path))
    assert 0 < counted.damaged <= 0.05 * len(packets), "ingest admits it, and flags FRAMES_DAMAGED"
    assert [frame.time_s for frame in frames] == expected
    assert frames[-1].time_s > 3.5
    assert [frame.index for frame in frames] == list(range(len(frames)))
