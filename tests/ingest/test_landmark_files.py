"""Landmark files in the stage: what a phone sends instead of a video, good and bad."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from assay.balance.v1.balance_pb2 import POSE_MODE_UNSPECIFIED, PosePage
from assay.common.v1.types_pb2 import FlagLevel, QualityFlag
from assay.ingest.v1.ingest_pb2 import IngestPage
from hypothesis import given
from hypothesis import strategies as st

from mesh.door import validate
from mesh.errors import InvalidInput
from mesh.landmarks import MEDIA_TYPE, POINTS, decode
from mesh.stage import Outcome
from svc_ingest.landmarks import read
from svc_ingest.stage import handle
from tests.ingest.contexts import FolderContext, order

File = dict[str, Any]


def frame(time_s: float) -> File:
    """33 points of somebody who sways."""
    x = 540 + 8 * np.sin(np.pi * time_s)
    points = [{"x": x + 3 * i, "y": 200 + 45 * i, "visibility": 0.9, "presence": 0.95} for i in range(POINTS)]
    return {"t_s": time_s, "points": points}


def landmark_file(seconds: float = 6, fps: float = 30, **fields: Any) -> File:
    frames = [frame(i / fps) for i in range(round(seconds * fps))]
    return {
        "format": "assay-landmarks/1",
        "device": "iPhone16,2",
        "model": "blazepose-full@0.10.14",
        "width": 1080,
        "height": 1920,
        "frames": frames,
        **fields,
    }


@pytest.fixture
def ctx(tmp_path: Path) -> FolderContext:
    return FolderContext(tmp_path, datetime.now(UTC) + timedelta(minutes=2), structlog.get_logger())


async def posed(ctx: FolderContext, file: File | bytes) -> Outcome:
    data = file if isinstance(file, bytes) else json.dumps(file).encode()
    analysis = order(ctx, data, "application/json", kind="balance", purpose="landmarks")
    outcome = await handle(analysis, ctx)
    assert isinstance(outcome, Outcome)
    return outcome


def levels(flags: Any) -> dict[str, str]:
    seen: list[QualityFlag] = list(flags)
    return {flag.code: FlagLevel.Name(flag.level) for flag in seen}


async def test_a_landmark_file_becomes_both_pages_and_the_object(ctx: FolderContext) -> None:
    outcome = await posed(ctx, landmark_file())
    assert outcome.publishes == "posed"
    assert set(outcome.pages) == {"ingest", "pose"}
    page, pose = outcome.pages["ingest"], outcome.pages["pose"]
    assert isinstance(page, IngestPage)
    assert isinstance(pose, PosePage)
    said = page.device_landmarks
    assert (said.device, said.model, said.form) == (
        "iPhone16,2",
        "blazepose-full@0.10.14",
        "assay-landmarks/1",
    )
    assert (said.frames, page.width, page.height) == (180, 1080, 1920)
    assert page.source_media_type == "application/json"
    assert (pose.frames, pose.source, pose.mode) == (180, "device", POSE_MODE_UNSPECIFIED)
    assert (pose.regions, pose.execution_provider) == (0, "")
    assert pose.duration_s == pytest.approx(179 / 30)
    assert levels(pose.flags) == {}
    assert {m.id: round(m.value, 6) for m in pose.quality} == {
        "frame_rate": 30,
        "frame_interval_variation": 0,
        "dropped_frames": 0,
        "longest_frame_interval": round(1 / 30, 6),
        "person_share": 1,
        "longest_gap": 0,
        "mean_visibility": 0.9,
        "people_most": 1,
    }
    models = [v for v in pose.provenance.versions if v.kind == "model"]
    assert [(v.name, v.version) for v in models] == [("blazepose-full", "0.10.14")]
    stored = decode((ctx.folder / pose.landmarks.key).read_bytes())
    assert (pose.landmarks.name, pose.landmarks.media_type) == ("landmarks.pb", MEDIA_TYPE)
    assert (len(stored), stored.width, stored.model) == (180, 1080, "blazepose-full@0.10.14")
    assert stored.image_px[0, 2] == pytest.approx([546, 290])
    validate(page)
    validate(pose)


async def test_doing_it_twice_writes_the_same(ctx: FolderContext) -> None:
    first, second = [(await posed(ctx, landmark_file())).pages["pose"] for _ in range(2)]
    assert first == second


def with_frames(change: Callable[[list[File]], None]) -> File:
    file = landmark_file(1)
    change(file["frames"])
    return file


def set_value(value: Any) -> Callable[[list[File]], None]:
    def change(frames: list[File]) -> None:
        frames[3]["points"][5]["x"] = value

    return change


def shuffle(frames: list[File]) -> None:
    np.random.default_rng(0).shuffle(frames)


BAD: dict[str, tuple[Callable[[], File | bytes], str]] = {
    "NaN": (lambda: with_frames(set_value(float("nan"))), "LANDMARKS_NOT_FINITE"),
    "infinity": (lambda: with_frames(set_value(float("inf"))), "LANDMARKS_NOT_FINITE"),
    "shuffled times": (lambda: with_frames(shuffle), "LANDMARKS_TIME_ORDER"),
    "one time twice": (lambda: with_frames(lambda f: f[4].update(t_s=f[3]["t_s"])), "LANDMARKS_TIME_ORDER"),
    "32 points": (lambda: with_frames(lambda f: f[7]["points"].pop()), "LANDMARKS_POINT_COUNT"),
    "34 points": (lambda: with_frames(lambda f: f[7]["points"].append(f[0]["points"][0])),
                  "LANDMARKS_POINT_COUNT"),
    "no frames": (lambda: landmark_file(0), "LANDMARKS_EMPTY"),
    "one frame": (lambda: landmark_file(1 / 30), "LANDMARKS_EMPTY"),
    "nobody in any frame": (
        lambda: with_frames(lambda f: [x.update(points=None) for x in f]),
        "LANDMARKS_EMPTY",
    ),
    "a text for a number": (lambda: with_frames(set_value("12")), "LANDMARKS_UNREADABLE"),
    "far out of the picture": (lambda: with_frames(set_value(1e7)), "LANDMARKS_OUT_OF_RANGE"),
    "shares of the picture": (
        lambda: with_frames(lambda f: [p.update(x=0.5, y=0.5) for x in f for p in x["points"]]),
        "LANDMARKS_UNITS",
    ),
    "too many frames": (lambda: landmark_file(frames=[{}] * 18_001), "LANDMARKS_TOO_MANY"),
    "three and a half minutes": (lambda: landmark_file(210, 2), "LANDMARKS_TOO_LONG"),
    "an unknown form": (lambda: landmark_file(1, format="kinect"), "LANDMARKS_FORM_UNKNOWN"),
    "no JSON": (lambda: b"\x00\x01 not JSON", "LANDMARKS_UNREADABLE"),
    "JSON that ends early": (lambda: json.dumps(landmark_file(1)).encode()[:-20], "LANDMARKS_UNREADABLE"),
    "a list": (lambda: b"[1, 2, 3]", "LANDMARKS_UNREADABLE"),
    "no width": (lambda: landmark_file(1, width=None), "LANDMARKS_UNREADABLE"),
    "an impossible width": (lambda: landmark_file(1, width=10**9), "LANDMARKS_OUT_OF_RANGE"),
    "a video": (lambda: b"\0\0\0\x14ftypisom\0\0\0\0mp42", "LANDMARKS_UNREADABLE"),
    "brackets without end": (lambda: b"[" * 100_000, "LANDMARKS_UNREADABLE"),
    "ten million brackets": (lambda: b"[" * 10_000_000, "LANDMARKS_TOO_MANY"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_bad_files_have_a_code_a_place_and_a_fix(ctx: FolderContext, name: str) -> None:
    make, code = BAD[name]
    with pytest.raises(InvalidInput) as refused:
        await posed(ctx, make())
    assert refused.value.code == code
    assert refused.value.field.startswith("landmarks")
    assert refused.value.fix
    assert list(ctx.folder.iterdir()) == [ctx.folder / "upload"]


async def test_a_file_of_too_many_bytes_is_not_even_fetched(ctx: FolderContext) -> None:
    analysis = order(ctx, b"{}", size=10**9, kind="balance", purpose="landmarks")
    with pytest.raises(InvalidInput) as refused:
        await handle(analysis, ctx)
    assert refused.value.code == "LANDMARKS_TOO_MANY"
    assert ctx.reads == 0


async def test_what_a_recording_lacks_is_flagged(ctx: FolderContext) -> None:
    def flags_of(file: File) -> Any:
        return read(json.dumps(file).encode()).flags

    def codes(file: File) -> set[str]:
        return {flag.code for flag in flags_of(file)}

    assert codes(landmark_file(3)) == {"VIDEO_TOO_SHORT"}
    assert codes(landmark_file(6, 10)) == {"FPS_TOO_LOW"}
    hidden = landmark_file()
    for each in hidden["frames"][60:90]:
        each["points"] = None
    assert {(f.code, f.level.value) for f in flags_of(hidden)} == {("PERSON_LOST", "WARN")}
    gone = landmark_file()
    gone["frames"] = [f for i, f in enumerate(gone["frames"]) if i % 10]
    assert codes(gone) == {"FRAMES_DROPPED", "VARIABLE_FRAME_RATE"}
    unsure = landmark_file()
    for each in unsure["frames"]:
        for point in each["points"]:
            point["visibility"] = 0.3
    assert codes(unsure) == {"LOW_VISIBILITY"}


async def test_mediapipe_s_own_form(ctx: FolderContext) -> None:
    frames = [
        {
            "timestampMs": 1_764_000_000_000 + round(1000 * i / 30),
            "landmarks": [[{"x": 0.4, "y": 0.01 * k + 0.2, "visibility": 0.9} for k in range(POINTS)]],
        }
        for i in range(180)
    ]
    file = {"format": "mediapipe-pose", "width": 720, "height": 1280, "frames": frames, "model": "full"}
    outcome = await posed(ctx, file)
    pose = outcome.pages["pose"]
    assert levels(pose.flags) == {}
    stored = decode((ctx.folder / pose.landmarks.key).read_bytes())
    assert stored.image_px[0, 0] == pytest.approx([0.4 * 720, 0.2 * 1280], abs=1e-3)


def test_the_largest_file_costs_bounded_time_and_memory() -> None:
    """180 s at 30 Hz, with as few bytes to a point as there can be."""
    file = landmark_file(1, 60)
    compact = [
        {"t_s": i / 30, "points": [{"x": 1, "y": 2 + k, "visibility": 1} for k in range(POINTS)]}
        for i in range(5_400)
    ]
    data = json.dumps({**file, "frames": compact}, separators=(",", ":")).encode()
    assert len(data) < 16 * 2**20
    tracemalloc.start()
    started = time.process_time()
    assert len(read(data).series) == 5_400
    assert time.process_time() - started < 30
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6


ANY_JSON = st.recursive(st.none() | st.floats() | st.text(max_size=5), st.lists)


@given(
    st.binary(max_size=200) | ANY_JSON.map(lambda value: json.dumps(landmark_file(0, frames=value)).encode())
)
def test_anything_else_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(data)
    assert refused.value.code.startswith("LANDMARKS_")
