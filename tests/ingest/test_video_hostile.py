"""Video files made to hurt: lies, bombs, truncation, mutation; each ends in a typed error or a result."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.errors import InvalidInput
from svc_ingest.video.core import capture
from svc_ingest.video.limits import DEFAULT_LIMITS
from svc_ingest.video.problems import FIXES
from svc_ingest.video.result import Captured
from tests.ingest import clips
from tests.ingest.conftest import encode, scene
from tests.ingest.test_video import code_of, levels, taken

ONE_S = clips.times(1)
SMALL = (128, 96)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def late(folder: Path) -> Path:
    """MP4 with its description at the end, as phones write it."""
    return clips.write(folder / "late.mp4", clips.scene(ONE_S, SMALL), ONE_S)


@pytest.fixture(scope="module")
def early(folder: Path) -> Path:
    """MP4 with its description first, as servers send it."""
    options = {"movflags": "faststart"}
    return clips.write(folder / "early.mp4", clips.scene(ONE_S, SMALL), ONE_S, options=options)


@pytest.fixture(scope="module")
def webm(folder: Path) -> Path:
    return clips.write(folder / "clip.webm", clips.scene(ONE_S, SMALL), ONE_S)


def changed(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "changed"
    path.write_bytes(data)
    return path


def box_field(data: bytes, box: bytes, offset: int, value: int) -> bytes:
    """An MP4 with the 32-bit number at `offset` after a box's name changed."""
    at = data.index(box) + 4 + offset
    return data[:at] + struct.pack(">I", value) + data[at + 4 :]


def test_what_is_no_video(tmp_path: Path) -> None:
    files = {
        "IMAGE_SENT_AS_VIDEO": [encode(scene(), "JPEG"), encode(scene(), "GIF"), encode(scene(), "AVIF")],
        "VIDEO_MEDIA_TYPE": [b"I am text.", b"%PDF-1.7", b"PK\x03\x04", b"\0" * 99, b"RIFF\0\0\0\0AVI LIST"],
        "VIDEO_NO_PICTURE_TRACK": [b"ID3\x04", b"\0\0\0\x20ftypM4A \0\0\0\0M4A isom"],
        "VIDEO_TRUNCATED": [b"\0\0\0\x14ftypisom\0\0\0\0mp42", b"\0\0\0\x18ftypmp42\0\0"],
        "VIDEO_CORRUPT": [b"\x1aE\xdf\xa3" + bytes(60), b"\0\0\0\x14ftypisom\0\0\0\0mp42\0\0\0\x04mdat"],
    }
    for code, contents in files.items():
        for content in contents:
            assert code_of(changed(tmp_path, content)) == code, content[:20]


def test_a_sound_recording_in_a_video_container(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=48_000)
        clips.hum(out, stream, 1.0)
    assert code_of(tmp_path / "sound.mp4") == "VIDEO_NO_PICTURE_TRACK"


def test_codecs_that_are_not_read(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "clip.mp4", clips.scene(ONE_S, SMALL), ONE_S, codec="mpeg4",
                         tick=Fraction(1, 30_000))  # fmt: skip
    assert code_of(source) == "VIDEO_CODEC_UNSUPPORTED"


def test_a_single_picture_in_a_video_container(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "clip.mp4", clips.scene([0.0]), [0.0])
    assert code_of(source) == "VIDEO_TOO_FEW_FRAMES"


def test_sizes_out_of_bounds(tmp_path: Path) -> None:
    tiny = clips.write(tmp_path / "tiny.mp4", clips.scene(ONE_S[:3], (128, 48)), ONE_S[:3])
    assert code_of(tiny) == "VIDEO_PICTURE_TOO_SMALL"
    large = clips.write(tmp_path / "large.mp4", clips.scene(ONE_S[:2], (4112, 256)), ONE_S[:2])
    assert code_of(large) == "VIDEO_TOO_MANY_PIXELS"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_seconds": 0.5}, "VIDEO_TOO_LONG"),
        ({"max_frames": 20}, "VIDEO_TOO_LONG"),
        ({"max_fps": 25.0}, "VIDEO_FRAME_RATE"),
        ({"max_bytes": 100}, "VIDEO_TOO_LARGE"),
        ({"max_pixels": 10_000}, "VIDEO_TOO_MANY_PIXELS"),
    ],
)
@pytest.mark.parametrize("kind", ["late", "webm"])
def test_every_limit(
    kind: str, limits: dict, code: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(InvalidInput) as refused:
        capture(request.getfixturevalue(kind), tmp_path / "picture", replace(DEFAULT_LIMITS, **limits))
    assert (refused.value.code, refused.value.fix) == (code, FIXES[code])


def test_a_header_that_claims_four_hours(early: Path, tmp_path: Path) -> None:
    """Refused for what it claims, whether or not it is so."""
    data = early.read_bytes()
    ticks = int.from_bytes(data[data.index(b"mdhd") + 16 :][:4], "big")
    claimed = box_field(data, b"mdhd", 16, 4 * 3600 * ticks)
    claimed = box_field(claimed, b"elst", 8, 4 * 3600 * 1000)
    slow = box_field(claimed, b"stts", 12, ticks * 4 * 3600 // 30)  # and so do its frame times
    assert code_of(changed(tmp_path, slow)) == "VIDEO_TOO_LONG"


def test_a_header_that_claims_a_moment(tmp_path: Path) -> None:
    """A file that says nothing about its length, with more frames than are read."""
    time_s = clips.times(4)
    live = {"live": "1"}
    source = clips.write(tmp_path / "c.webm", clips.scene(time_s, SMALL), time_s, options=live)
    with av.open(str(source)) as container:
        assert not container.duration
    limits = replace(DEFAULT_LIMITS, max_seconds=2.0)
    with pytest.raises(InvalidInput) as refused:
        capture(source, tmp_path / "picture", limits)
    assert refused.value.code == "VIDEO_TOO_LONG"


def test_millions_of_samples_in_a_few_bytes(early: Path, tmp_path: Path) -> None:
    """`stsz` may give all samples one size, so that a million frames cost four bytes."""
    data = early.read_bytes()
    many = box_field(box_field(data, b"stsz", 4, 1), b"stsz", 8, 4_000_000)
    many = box_field(many, b"stts", 8, 4_000_000)
    assert code_of(changed(tmp_path, many)) in ("VIDEO_TOO_LONG", "VIDEO_CORRUPT", "VIDEO_TRUNCATED")


def test_a_picture_size_of_thousands_in_the_header_only(early: Path, tmp_path: Path) -> None:
    data = early.read_bytes()
    at = data.index(b"vp09") + 4 + 24
    big = data[:at] + struct.pack(">HH", 16_000, 16_000) + data[at + 4 :]
    assert outcome(changed(tmp_path, big)) in ("", "VIDEO_TOO_MANY_PIXELS")


def test_a_box_of_no_size_and_too_many_boxes(late: Path, tmp_path: Path) -> None:
    data = late.read_bytes()
    assert code_of(changed(tmp_path, data + b"\0\0\0\x07free")) == "VIDEO_CORRUPT"
    assert (
        code_of(changed(tmp_path, data[:28] + b"\0\0\0\x08free" * 70_000 + data[28:])) == "VIDEO_TOO_COMPLEX"
    )


def test_references_to_other_files_are_not_followed(tmp_path: Path) -> None:
    """What makes FFmpeg open other files or addresses is no video here."""
    for text in (b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n"):
        assert code_of(changed(tmp_path, text)) == "VIDEO_MEDIA_TYPE"


def test_without_its_end_an_mp4_cannot_be_read(late: Path, tmp_path: Path) -> None:
    data = late.read_bytes()
    for cut in (40, len(data) // 2, data.index(b"moov") + 20, len(data) - 1):
        assert code_of(changed(tmp_path, data[:cut])) == "VIDEO_TRUNCATED", cut


def test_what_is_there_of_a_cut_off_file_is_used_when_it_is_nearly_all(
    early: Path, webm: Path, tmp_path: Path
) -> None:
    """Nine tenths and more: a result and a flag. Less: an error."""
    for whole in (early, webm):
        data = whole.read_bytes()
        frames = taken(whole)[0].frames
        start = data.index(b"mdat") if whole is early else data.index(b"\x1f\x43\xb6\x75")
        for share in (0.1, 0.5, 0.97, 0.995):
            cut = changed(tmp_path, data[: start + int(share * (len(data) - start))])
            if share < 0.9:
                assert code_of(cut) == "VIDEO_TRUNCATED"
                continue
            done, _ = taken(cut)
            assert "VIDEO_ENDS_EARLY" in levels(done)
            assert 0.85 * frames <= done.frames <= frames


def sound(done: Captured) -> bool:
    """Whether a result makes sense, whatever the file was."""
    return bool(
        done.frames >= 2
        and 0 < done.duration_s <= DEFAULT_LIMITS.max_seconds
        and 0 < done.fps <= DEFAULT_LIMITS.max_fps
        and min(done.width, done.height) >= 64
        and done.rotation_deg in (0, 90, 180, 270)
        and all(m.value is None or np.isfinite(m.value) for m in done.measures)
        and all((m.value is None) == bool(m.not_measurable) for m in done.measures)
    )


def outcome(path: Path) -> str:
    """ "" for a sound result, else the code of the refusal."""
    try:
        done, target = taken(path)
    except InvalidInput as refused:
        return refused.code if refused.code in FIXES else "unknown " + refused.code
    assert sound(done)
    if "FRAMES_DAMAGED" not in levels(done):
        assert len(clips.decoded(target)) >= done.frames
    return ""


SLOW = settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)


@SLOW
@given(kind=st.sampled_from(["late", "early", "webm"]), share=st.floats(0, 1))
def test_truncated_anywhere(kind: str, share: float, request: pytest.FixtureRequest, folder: Path) -> None:
    data = request.getfixturevalue(kind).read_bytes()
    assert outcome(changed(folder, data[: int(share * (len(data) - 1))])) != "" or share > 0.7


@SLOW
@given(
    kind=st.sampled_from(["late", "early", "webm"]),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7)), min_size=1, max_size=12),
    header=st.booleans(),
)
def test_bits_flipped_anywhere(
    kind: str, flips: list[tuple[float, int]], header: bool, request: pytest.FixtureRequest, folder: Path
) -> None:
    """Anywhere, or within the description of an MP4 and the first 400 bytes of a WebM."""
    data = bytearray(request.getfixturevalue(kind).read_bytes())
    start = bytes(data).index(b"moov") if header and kind != "webm" else 0
    reach = 400 if header else len(data) - start
    for place, bit in flips:
        at = min(start + int(place * (reach - 1)), len(data) - 1)
        data[at] ^= 1 << bit
    outcome(changed(folder, bytes(data)))


def test_h264_and_hevc_with_bits_flipped(shared_data: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    for name in ("h264_10bits.mp4", "h265_video.mp4", "video_90.mov"):
        whole = (shared_data / "badinput" / "video" / name).read_bytes()
        for _ in range(12):
            data = bytearray(whole)
            for at in random.integers(0, len(data), 8):
                data[at] ^= 1 << int(random.integers(0, 8))
            outcome(changed(tmp_path, bytes(data)))


def test_a_few_damaged_frames_are_left_out_and_many_are_an_error(tmp_path: Path, shared_data: Path) -> None:
    time_s = clips.times(6)
    source = clips.write(tmp_path / "clip.mp4", clips.scene(time_s, SMALL), time_s, codec="libsvtav1")
    with av.open(str(source)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    few, many = bytearray(source.read_bytes()), bytearray(source.read_bytes())
    at, size = places[-2]
    few[at : at + size] = bytes(size)
    for at, size in places[20:]:
        many[at : at + size] = bytes(size)
    done, _ = taken(changed(tmp_path, bytes(few)))
    assert "FRAMES_DAMAGED" in levels(done) or done.frames == len(time_s) - 1
    assert code_of(changed(tmp_path, bytes(many))) == "VIDEO_CORRUPT"
