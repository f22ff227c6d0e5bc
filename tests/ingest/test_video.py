"""Videos: containers, codecs, rotation, times, and what is left of a file."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import pytest

from mesh.errors import InvalidInput
from svc_ingest.result import Level
from svc_ingest.video.core import capture
from svc_ingest.video.result import Captured
from tests.ingest import clips

SIX_S = clips.times(6)


def levels(done: Captured) -> dict[str, Level]:
    return {flag.code: flag.level for flag in done.flags}


def values(done: Captured) -> dict[str, float | None]:
    return {measure.id: measure.value for measure in done.measures}


def taken(source: Path) -> tuple[Captured, Path]:
    """What becomes of a file: what is said and the written picture track."""
    target = source.parent / "picture"
    return capture(source, target), target


def code_of(source: Path) -> str:
    with pytest.raises(InvalidInput) as refused:
        capture(source, source.parent / "picture")
    assert refused.value.fix
    return refused.value.code


@pytest.fixture(scope="module")
def vp9(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of somebody standing, VP9 in MP4 with sound and a place."""
    path = tmp_path_factory.mktemp("vp9") / "clip.mp4"
    place = {"location": "+48.2082+016.3738/", "title": "Jane Doe", "comment": "left leg"}
    tags = {"movflags": "use_metadata_tags"}  # as phones write them
    return clips.write(path, clips.scene(SIX_S), SIX_S, sound="aac", metadata=place, options=tags)


@dataclass(frozen=True)
class Kind:
    """A container and a codec, and how the page names them."""

    suffix: str
    format: str
    encoder: str
    sound: str
    media_type: str
    container: str
    codec: str


KINDS = (
    Kind("mp4", "mp4", "libvpx-vp9", "aac", "video/mp4", "mp4", "vp9"),
    Kind("mp4", "mp4", "libsvtav1", "aac", "video/mp4", "mp4", "av1"),
    Kind("webm", "webm", "libvpx-vp9", "libopus", "video/webm", "webm", "vp9"),
    Kind("webm", "webm", "libsvtav1", "libopus", "video/webm", "webm", "av1"),
    Kind("mkv", "matroska", "libvpx-vp9", "aac", "video/x-matroska", "mkv", "vp9"),
    Kind("mkv", "matroska", "libsvtav1", "", "video/x-matroska", "mkv", "av1"),
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.container}-{kind.codec}")
def test_containers_and_codecs(kind: Kind, tmp_path: Path) -> None:
    source = clips.write(
        tmp_path / "no-name-that-tells",
        clips.scene(SIX_S[:45]),
        SIX_S[:45],
        codec=kind.encoder,
        format=kind.format,
        sound=kind.sound,
    )
    done, target = taken(source)
    assert (done.source_media_type, done.media_type) == (kind.media_type, kind.media_type)
    assert (done.container, done.codec) == (kind.container, kind.codec)
    assert (done.width, done.height, done.rotation_deg, done.bits) == (320, 240, 0, 8)
    assert (done.frames, done.audio_dropped, done.cuts_s) == (45, bool(kind.sound), ())
    assert done.fps == pytest.approx(30, abs=0.02)
    assert done.duration_s == pytest.approx(44 / 30, abs=1e-3)
    assert not done.variable_frame_rate
    assert clips.decoded(target) == clips.decoded(source)
    assert [code for code, level in levels(done).items() if level is Level.FAIL] == ["VIDEO_TOO_SHORT"]


def test_h264_and_hevc_in_mp4_and_mov(shared_data: Path, tmp_path: Path) -> None:
    """Files of real encoders keep every frame and every time; ten bits and full range are read."""
    folder = shared_data / "badinput" / "video"
    expected = {
        "bt709_full_range.mp4": ("mp4", "h264", 8, 30),
        "h264_10bits.mp4": ("mp4", "h264", 10, 30),
        "h265_10bits.mp4": ("mp4", "hevc", 10, 30),
        "h265_video.mp4": ("mp4", "hevc", 8, 10),
        "flipping_a_pancake.mkv": ("mkv", "h264", 8, 310),
        "video_0.mov": ("mov", "h264", 8, 3),
    }
    for name, (container, codec, bits, frames) in expected.items():
        done = capture(folder / name, tmp_path / name)
        assert (done.container, done.codec, done.bits, done.frames) == (container, codec, bits, frames), name
        assert clips.decoded(tmp_path / name) == clips.decoded(folder / name), name


def test_h264_in_what_calls_itself_webm_is_kept_as_matroska(shared_data: Path, tmp_path: Path) -> None:
    data = (shared_data / "badinput" / "video" / "flipping_a_pancake.mkv").read_bytes()
    assert data.count(b"\x42\x82\x88matroska") == 1
    source = tmp_path / "clip.webm"
    source.write_bytes(data.replace(b"\x42\x82\x88matroska", b"\x42\x82\x84webm\xec\x82\0\0"))
    done, target = taken(source)
    assert (done.source_media_type, done.container) == ("video/webm", "webm")
    assert (done.media_type, done.codec, done.frames) == ("video/x-matroska", "h264", 310)
    assert clips.decoded(target) == clips.decoded(source)


def test_only_the_picture_track_is_left(vp9: Path) -> None:
    """No sound, no place, no name; the same bytes every time."""
    done, target = taken(vp9)
    assert done.audio_dropped
    before, after = vp9.read_bytes(), target.read_bytes()
    for secret in (b"+48.2082", b"Jane Doe", b"left leg"):
        assert secret in before
        assert secret not in after
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert not container.chapters()
        assert not {"location", "title", "comment", "creation_time"} & set(container.metadata)
    assert clips.decoded(target) == clips.decoded(vp9)
    taken(vp9)
    assert target.read_bytes() == after


def test_the_largest_of_several_picture_tracks_is_used(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "badinput" / "video" / "nasa_13013.mp4"
    done = capture(source, tmp_path / "picture")
    assert (done.width, done.height, done.frames) == (480, 270, 390)
    assert levels(done)["SEVERAL_PICTURE_TRACKS"] is Level.INFO
    assert clips.decoded(tmp_path / "picture") == clips.decoded(source)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_is_reported_and_kept(rotation: int, tmp_path: Path) -> None:
    source = clips.write(tmp_path / "clip.mp4", clips.scene(SIX_S[:10]), SIX_S[:10], rotation=rotation)
    done, target = taken(source)
    assert done.rotation_deg == rotation
    assert (done.width, done.height) == ((240, 320) if rotation % 180 else (320, 240))
    with av.open(str(target)) as container:
        frame = next(container.decode(video=0))
    assert -frame.rotation % 360 == rotation
    assert (frame.width, frame.height) == (320, 240)


def test_rotation_of_phone_files(shared_data: Path, tmp_path: Path) -> None:
    """Turned clockwise by the stated angle, a phone's frame is that of the upright recording."""
    folder = shared_data / "badinput" / "video"
    for name, angle in {"video_0.mov": 0, "video_90.mov": 90, "video_270.mov": 270}.items():
        done = capture(folder / name, tmp_path / "picture")
        assert done.rotation_deg == angle
        assert (done.width, done.height) == ((568, 320) if angle == 0 else (320, 568))


def test_a_mirrored_or_skewed_picture_is_flagged(tmp_path: Path) -> None:
    def mirror(out: av.container.OutputContainer) -> None:
        out.streams.video[0].set_display_rotation(0, hflip=True)

    def skew(out: av.container.OutputContainer) -> None:
        out.streams.video[0].set_display_rotation(-80)

    for prepare, code in ((mirror, "PICTURE_MIRRORED"), (skew, "ROTATION_ROUNDED")):
        source = clips.write(tmp_path / "clip.mp4", clips.scene(SIX_S[:9]), SIX_S[:9], prepare=prepare)
        assert code in levels(taken(source)[0])
    assert taken(source)[0].rotation_deg == 90


def test_times_are_those_of_the_frames(tmp_path: Path) -> None:
    """A rate that changes half way: neither the header's rate nor a frame number tells the times."""
    changing = [i / 60 for i in range(180)] + [3 + i / 30 for i in range(90)]
    done, target = taken(clips.write(tmp_path / "clip.mp4", clips.scene(changing), changing))
    assert done.variable_frame_rate
    assert done.duration_s == pytest.approx(changing[-1], abs=1e-4)
    assert [float(t) for t, _ in clips.decoded(target)] == pytest.approx(changing, abs=1e-4)
    assert levels(done) == {"VARIABLE_FRAME_RATE": Level.WARN}


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60, 120])
def test_millisecond_times_of_a_steady_rate_are_steady(fps: int, tmp_path: Path) -> None:
    time_s = clips.times(1.5, fps)
    milli = Fraction(1, 1000)
    done, _ = taken(clips.write(tmp_path / "c.mkv", clips.scene(time_s, (128, 96)), time_s, tick=milli))
    assert not done.variable_frame_rate
    assert done.fps == pytest.approx(fps, rel=5e-3)


def test_dropped_frames_are_counted(tmp_path: Path) -> None:
    kept = [t for i, t in enumerate(SIX_S) if i % 10 != 7]
    done, _ = taken(clips.write(tmp_path / "clip.mp4", clips.scene(kept), kept))
    assert done.fps == pytest.approx(30, abs=0.05)
    assert values(done)["dropped_frames"] == pytest.approx(10, abs=0.2)
    assert values(done)["longest_frame_interval"] == pytest.approx(2 / 30, abs=1e-3)
    assert levels(done)["FRAMES_DROPPED"] is Level.FAIL


def test_ten_frames_a_second_are_too_few(tmp_path: Path) -> None:
    slow = clips.times(6, 10)
    done, _ = taken(clips.write(tmp_path / "clip.mp4", clips.scene(slow), slow))
    assert done.fps == pytest.approx(10, abs=0.01)
    assert levels(done)["FPS_TOO_LOW"] is Level.FAIL


def test_three_seconds_are_too_short_and_six_are_not(vp9: Path, tmp_path: Path) -> None:
    short = clips.write(tmp_path / "clip.mp4", clips.scene(SIX_S[:90]), SIX_S[:90])
    assert levels(taken(short)[0])["VIDEO_TOO_SHORT"] is Level.FAIL
    assert levels(taken(vp9)[0]) == {}


def test_a_late_start_counts_from_the_first_frame(tmp_path: Path) -> None:
    late = [t + 7.5 for t in SIX_S[:30]]
    done, target = taken(clips.write(tmp_path / "clip.mkv", clips.scene(late), late))
    assert done.duration_s == pytest.approx(29 / 30, abs=2e-3)
    assert float(clips.decoded(target)[0][0]) == pytest.approx(7.5, abs=2e-3)


def edit(data: bytes, media_time: int) -> bytes:
    """Moves the start of the (only) edit of an MP4: what lies before it is not shown."""
    at = data.index(b"elst") + 4 + 4 + 4 + 4
    return data[:at] + media_time.to_bytes(4, "big", signed=True) + data[at + 4 :]


def test_an_edit_list_is_obeyed_before_and_after(shared_data: Path, tmp_path: Path) -> None:
    """A trimmed recording: the frames before the edit's start are not shown, then or later."""
    whole = shared_data / "badinput" / "video" / "bt709_full_range.mp4"
    source = tmp_path / "trimmed.mp4"
    source.write_bytes(edit(whole.read_bytes(), 15 * 512))
    done, target = taken(source)
    assert done.frames < 30
    assert clips.decoded(target) == clips.decoded(source)
    assert len(clips.decoded(target)) == done.frames


@pytest.mark.parametrize(
    ("format", "options"),
    [("mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}), ("webm", {"live": "1"})],
)
def test_what_browsers_record(format: str, options: dict[str, str], tmp_path: Path) -> None:
    """Fragmented MP4 and WebM without length or index: the whole of it, and what is left of a cut one."""
    source = clips.write(
        tmp_path / "clip", clips.scene(SIX_S), SIX_S, format=format, options=options, sound="libopus"
    )
    done, target = taken(source)
    assert (done.frames, done.audio_dropped) == (180, True)
    assert done.fps == pytest.approx(30, abs=0.05)  # the sound delays the second frame a little
    assert clips.decoded(target) == clips.decoded(source)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    if format == "mp4":
        assert code_of(source) == "VIDEO_TRUNCATED"
    else:  # a WebM without lengths may end anywhere
        assert 30 < taken(source)[0].frames < 150


def test_two_frames_at_one_time_are_refused(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "clip.mkv", clips.scene(SIX_S[:20]), SIX_S[:20])
    doubled = tmp_path / "doubled.mkv"
    with av.open(str(source)) as read, av.open(str(doubled), "w", format="matroska") as out:
        stream = out.add_stream_from_template(read.streams.video[0], opaque=True)
        for i, packet in enumerate(p for p in read.demux(video=0) if p.size):
            packet.pts = packet.dts = 40 * (i // 2)
            packet.stream = stream
            out.mux_one(packet)
    assert code_of(doubled) == "VIDEO_TIMESTAMPS"


def test_grown_frames_are_refused(tmp_path: Path) -> None:
    """A track whose pictures change size half way."""
    parts = []
    for i, size in enumerate([(320, 240), (640, 480)]):
        path = tmp_path / f"{i}.mkv"
        parts.append(clips.write(path, clips.scene(SIX_S[:15], size), SIX_S[:15]))
    assert code_of(clips.join(parts, tmp_path / "grown.mkv", 1 / 30)) == "VIDEO_SIZE_CHANGES"


def test_non_square_pixels_are_flagged(tmp_path: Path) -> None:
    def squeeze(out: av.container.OutputContainer) -> None:
        out.streams.video[0].codec_context.sample_aspect_ratio = Fraction(4, 3)

    source = clips.write(tmp_path / "clip.mp4", clips.scene(SIX_S[:9]), SIX_S[:9], prepare=squeeze)
    assert levels(taken(source)[0])["NON_SQUARE_PIXELS"] is Level.FAIL
