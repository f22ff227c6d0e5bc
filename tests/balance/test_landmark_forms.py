"""Landmark files: every form, and each way a file can be wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh import landmark_forms
from mesh.errors import InvalidInput
from mesh.landmark_forms import FORMS, read
from mesh.landmarks import INDEX, POINTS, decode, encode
from mesh.point_sets import BODY_25, BODY_25B, COCO_17, HALPE_26, canonical

WIDTH, HEIGHT = 720, 1280
DOCS = Path(__file__).resolve().parents[2] / "docs" / "pose-models.md"


def place(frame: int, point: int) -> tuple[float, float]:
    """Where each point of the made-up body is, px; all differ."""
    return 100.0 + 10 * point + frame, 50.0 + 30 * point - frame


def assay(frames: int = 5, fps: float = 30.0) -> dict[str, Any]:
    def row(frame: int) -> dict[str, Any]:
        points = [
            {"x": place(frame, k)[0], "y": place(frame, k)[1], "visibility": 0.9, "presence": 0.8}
            for k in range(POINTS)
        ]
        world = [{"x": k / 100, "y": -k / 100, "z": 0.1} for k in range(POINTS)]
        return {"t_s": 2 + frame / fps, "points": points, "world": world}

    return {
        "format": "assay-landmarks/1",
        "device": "phone",
        "model": "blazepose-full@0.10.14",
        "width": WIDTH,
        "height": HEIGHT,
        "frames": [row(frame) for frame in range(frames)],
    }


def mediapipe(key: str, world: str, *, many: bool, pixels: bool = False) -> dict[str, Any]:
    document = assay()
    document["format"] = "mediapipe-pose"
    if pixels:
        document["coordinates"] = "pixels"
    for frame in document["frames"]:
        frame["timestampMs"] = 1e3 * frame.pop("t_s") + 1.7e12
        points, placed = frame.pop("points"), frame.pop("world")
        for each in points:
            each.pop("presence")
            if not pixels:
                each["x"] /= WIDTH
                each["y"] /= HEIGHT
        frame[key] = [points] if many else points
        frame[world] = [placed] if many else placed
    return document


def ml_kit(*, nested: bool, named: bool) -> dict[str, Any]:
    document = assay()
    document["format"] = "mlkit-pose"
    names = {place: name.upper() for name, place in INDEX.items()}
    for frame in document["frames"]:
        points = frame.pop("points")
        frame.pop("world")
        frame["landmarks"] = [
            {
                "type": names[k] if named else k,
                "inFrameLikelihood": 0.7,
                **({"position3D": {"x": each["x"], "y": each["y"], "z": 1.0}} if nested else each),
            }
            for k, each in enumerate(points)
        ][::-1]
    return document


def open_pose(form: str, names: tuple[str, ...]) -> dict[str, Any]:
    document = assay()
    document["format"], document["fps"] = form, 30
    for frame in document["frames"]:
        points = frame.pop("points")
        del frame["t_s"], frame["world"]
        flat: list[float] = []
        for name in names:
            each = points[INDEX[name]] if name in INDEX else {"x": 1.0, "y": 1.0}
            flat += [each["x"], each["y"], 0.6]
        frame["people"] = [{"person_id": [-1], "pose_keypoints_2d": flat}]
    return document


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


def refused(document: Any, declared: str = "") -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        read(document if isinstance(document, bytes) else dumped(document), declared_form=declared)
    assert error.value.fix
    assert error.value.field.startswith("landmarks")
    return error.value


def test_our_own_form_gives_what_was_written() -> None:
    series, source = read(dumped(assay()))
    assert (source.form, source.device, source.model) == (
        "assay-landmarks/1",
        "phone",
        "blazepose-full@0.10.14",
    )
    assert (series.width, series.height, series.model) == (WIDTH, HEIGHT, source.model)
    np.testing.assert_allclose(series.time_s, np.arange(5) / 30)
    for frame in range(5):
        for point in range(POINTS):
            assert tuple(series.image_px[frame, point]) == place(frame, point)
    assert np.unique(series.visibility).tolist() == [0.9]
    assert np.unique(series.presence).tolist() == [0.8]
    assert series.world_m is not None
    np.testing.assert_allclose(series.world_m[2, 20], [0.2, -0.2, 0.1])
    assert series.people is not None
    assert series.people.tolist() == [1] * 5
    back = decode(encode(series))
    np.testing.assert_allclose(back.image_px, series.image_px, rtol=1e-6)


@pytest.mark.parametrize(
    "document",
    [
        mediapipe("landmarks", "worldLandmarks", many=True),
        mediapipe("poseLandmarks", "poseWorldLandmarks", many=False),
        mediapipe("pose_landmarks", "pose_world_landmarks", many=True),
        mediapipe("landmarks", "worldLandmarks", many=True, pixels=True),
        ml_kit(nested=True, named=False),
        ml_kit(nested=False, named=True),
    ],
)
def test_33_points_of_others_land_on_the_same_pixels(document: dict[str, Any]) -> None:
    series, source = read(dumped(document))
    ours, _ = read(dumped(assay()))
    assert source.form == document["format"]
    np.testing.assert_allclose(series.image_px, ours.image_px, atol=1e-9)
    np.testing.assert_allclose(series.time_s, ours.time_s, atol=1e-3)
    np.testing.assert_array_equal(series.presence, series.visibility)
    if source.form == "mediapipe-pose":
        assert series.world_m is not None
        np.testing.assert_allclose(series.world_m, ours.world_m)  # type: ignore[arg-type]  # ours has it


@pytest.mark.parametrize(("form", "names"), [("openpose-body25", BODY_25), ("openpose-body25b", BODY_25B)])
def test_openpose_points_land_by_name_and_what_it_lacks_is_missing(form: str, names: tuple[str, ...]) -> None:
    series, _ = read(dumped(open_pose(form, names)))
    ours, _ = read(dumped(assay()))
    has = np.array([name in names for name in INDEX])
    assert has.sum() == 21
    np.testing.assert_allclose(series.image_px[:, has], ours.image_px[:, has])
    assert np.isnan(series.image_px[:, ~has]).all()
    assert (series.visibility[:, ~has] == 0).all()
    np.testing.assert_allclose(series.time_s, np.arange(5) / 30)


def test_an_openpose_point_of_zero_confidence_is_missing() -> None:
    document = open_pose("openpose-body25", BODY_25)
    flat = document["frames"][1]["people"][0]["pose_keypoints_2d"]
    at = 3 * BODY_25.index("left_heel")
    flat[at : at + 3] = [0, 0, 0]
    series, _ = read(dumped(document))
    assert np.isnan(series.point("left_heel")[1]).all()
    assert np.isfinite(series.point("left_heel")[0]).all()


def test_point_sets_have_the_sizes_of_their_names() -> None:
    assert [len(set(each)) for each in (COCO_17, BODY_25, BODY_25B, HALPE_26)] == [17, 25, 25, 26]
    values = np.arange(17 * 2, dtype=np.float64).reshape(17, 2)
    placed = canonical(values, COCO_17)
    assert placed.shape == (33, 2)
    np.testing.assert_array_equal(placed[INDEX["right_ankle"]], values[16])
    assert np.isfinite(placed[:, 0]).sum() == 17


def test_one_of_two_people_is_followed_and_both_are_counted() -> None:
    document = open_pose("openpose-body25", BODY_25)
    for at, frame in enumerate(document["frames"]):
        other = [v + 300 if k % 3 == 0 else v for k, v in enumerate(frame["people"][0]["pose_keypoints_2d"])]
        other[2::3] = [0.3 if at == 0 else 0.9] * 25
        frame["people"].append({"pose_keypoints_2d": other})
        if at % 2:
            frame["people"].reverse()
    document["frames"][3]["people"] = []
    series, _ = read(dumped(document))
    assert series.people is not None
    assert series.people.tolist() == [2, 2, 2, 0, 2]
    ours, _ = read(dumped(assay()))
    for frame in (0, 1, 2, 4):
        np.testing.assert_allclose(series.point("nose")[frame], ours.point("nose")[frame])
    assert np.isnan(series.image_px[3]).all()


def test_a_missing_point_or_person_is_null_and_nothing_is_filled_in() -> None:
    document = assay()
    document["frames"][1]["points"][7] = None
    document["frames"][2]["points"] = None
    del document["frames"][2]["world"]
    series, _ = read(dumped(document))
    assert np.isnan(series.image_px[1, 7]).all()
    assert series.visibility[1, 7] == 0
    assert np.isnan(series.image_px[2]).all()
    assert series.world_m is not None
    assert np.isnan(series.world_m[2]).all()
    assert series.people is not None
    assert series.people.tolist() == [1, 1, 0, 1, 1]


def changed(path: str, value: Any) -> dict[str, Any]:
    document = assay()
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    at: Any = document
    for part in way:
        at = at[part]
    at[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("frames.1.points.4.x", float("nan"), "LANDMARKS_NOT_FINITE"),
        ("frames.1.points.4.y", float("inf"), "LANDMARKS_NOT_FINITE"),
        ("frames.1.points.4.x", 10**400, "LANDMARKS_NOT_FINITE"),
        ("frames.1.world.4.z", float("-inf"), "LANDMARKS_NOT_FINITE"),
        ("frames.2.points", [None] * 32, "LANDMARKS_POINT_COUNT"),
        ("frames.2.points", [None] * 34, "LANDMARKS_POINT_COUNT"),
        ("frames.2.world", [], "LANDMARKS_POINT_COUNT"),
        ("frames.3.t_s", 1.9, "LANDMARKS_TIME_ORDER"),
        ("frames.3.t_s", 2 + 2 / 30, "LANDMARKS_TIME_ORDER"),
        ("frames.0.t_s", 1e12, "LANDMARKS_OUT_OF_RANGE"),
        ("frames.3.t_s", "2.1", "LANDMARKS_UNREADABLE"),
        ("frames.0.points.0.visibility", 1.5, "LANDMARKS_OUT_OF_RANGE"),
        ("frames.0.points.0.presence", -0.1, "LANDMARKS_OUT_OF_RANGE"),
        ("frames.0.points.0.x", 1e6, "LANDMARKS_OUT_OF_RANGE"),
        ("frames.0.world.0.x", 99, "LANDMARKS_OUT_OF_RANGE"),
        ("frames.0.points.0.x", True, "LANDMARKS_UNREADABLE"),
        ("frames.0.points.0", [1, 2, 3], "LANDMARKS_UNREADABLE"),
        ("frames.0.points", {}, "LANDMARKS_UNREADABLE"),
        ("frames.0", None, "LANDMARKS_UNREADABLE"),
        ("frames", {}, "LANDMARKS_UNREADABLE"),
        ("frames", [], "LANDMARKS_EMPTY"),
        ("frames", [{"t_s": 0, "points": None}], "LANDMARKS_EMPTY"),
        ("width", 0, "LANDMARKS_OUT_OF_RANGE"),
        ("height", 1280.5, "LANDMARKS_OUT_OF_RANGE"),
        ("height", None, "LANDMARKS_UNREADABLE"),
        ("device", "x" * 200, "LANDMARKS_UNREADABLE"),
        ("model", "two\nlines", "LANDMARKS_UNREADABLE"),
        ("format", "assay-landmarks/2", "LANDMARKS_FORM_UNKNOWN"),
        ("format", ["x"], "LANDMARKS_FORM_UNKNOWN"),
        ("coordinates", "normalised", "LANDMARKS_UNREADABLE"),
    ],
)
def test_each_fault_has_its_code(path: str, value: Any, code: str) -> None:
    error = refused(changed(path, value))
    assert error.code == code
    if code == "LANDMARKS_POINT_COUNT":
        assert "33" in error.message


def test_shuffled_frames_are_refused_at_the_first_that_is_out_of_order() -> None:
    document = assay(6)
    document["frames"][3], document["frames"][4] = document["frames"][4], document["frames"][3]
    error = refused(document)
    assert (error.code, error.field) == ("LANDMARKS_TIME_ORDER", "landmarks.frames[4].t_s")


def test_more_frames_a_second_than_a_camera_takes_are_refused() -> None:
    document = assay(6)
    for at, frame in enumerate(document["frames"]):
        frame["t_s"] = at * 1e-6
    error = refused(document)
    assert (error.code, error.field) == ("LANDMARKS_OUT_OF_RANGE", "landmarks.frames.t_s")


def test_units_that_cannot_be_are_refused() -> None:
    normalised = mediapipe("landmarks", "worldLandmarks", many=True)
    assert refused({**normalised, "coordinates": "pixels"}).code == "LANDMARKS_UNITS"
    pixels = mediapipe("landmarks", "worldLandmarks", many=True, pixels=True)
    assert refused({**pixels, "coordinates": "normalised"}).code == "LANDMARKS_UNITS"


def test_a_declared_form_stands_in_for_a_missing_one_and_must_agree_with_a_stated_one() -> None:
    document = open_pose("openpose-body25b", BODY_25B)
    assert refused(document, declared="openpose-body25").code == "LANDMARKS_FORM_UNKNOWN"
    del document["format"]
    assert refused(document).code == "LANDMARKS_FORM_UNKNOWN"
    assert read(dumped(document), declared_form="openpose-body25b")[1].form == "openpose-body25b"
    assert refused(document, declared="openpose").code == "LANDMARKS_FORM_UNKNOWN"


def test_ml_kit_types_come_once_each() -> None:
    document = ml_kit(nested=True, named=False)
    document["frames"][0]["landmarks"][0]["type"] = 0
    assert refused(document).code == "LANDMARKS_UNREADABLE"
    document["frames"][0]["landmarks"][0]["type"] = 33
    assert refused(document).code == "LANDMARKS_UNREADABLE"


def test_openpose_wants_25_points() -> None:
    document = open_pose("openpose-body25", BODY_25)
    document["frames"][1]["people"][0]["pose_keypoints_2d"] = [0.5] * 18 * 3
    error = refused(document)
    assert error.code == "LANDMARKS_POINT_COUNT"
    assert "18 points; 25" in error.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe{}",
        b"[]",
        b"{",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"PK\x03\x04",
        b"1" * 10_000,
    ],
)
def test_what_is_no_landmark_file_is_refused(data: bytes) -> None:
    assert refused(data).code in ("LANDMARKS_UNREADABLE", "LANDMARKS_FORM_UNKNOWN")


def test_sizes_are_bounded_before_parsing() -> None:
    assert refused(b" " * (landmark_forms.MAX_BYTES + 1)).code == "LANDMARKS_TOO_MANY"
    assert refused(b"[" + b"{}," * 1_400_000 + b"{}]").code == "LANDMARKS_TOO_MANY"
    many = changed("frames", [{"t_s": k, "points": None} for k in range(landmark_forms.MAX_FRAMES + 1)])
    assert refused(many).code == "LANDMARKS_TOO_MANY"
    crowd = open_pose("openpose-body25", BODY_25)
    crowd["frames"][0]["people"] *= 21
    assert refused(crowd).code == "LANDMARKS_TOO_MANY"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(FORMS),
    junk=_JSON,
    where=st.sampled_from(["frames", "frame", "key", "point", "side"]),
)
def test_junk_anywhere_ends_in_a_typed_error_or_a_sound_series(form: str, junk: Any, where: str) -> None:
    document = {
        "assay-landmarks/1": assay(2),
        "mediapipe-pose": mediapipe("landmarks", "worldLandmarks", many=True),
        "mlkit-pose": ml_kit(nested=True, named=False),
        "openpose-body25": open_pose("openpose-body25", BODY_25),
        "openpose-body25b": open_pose("openpose-body25b", BODY_25B),
    }[form]
    frame = document["frames"][0]
    key = next(name for name in ("points", "landmarks", "people") if name in frame)
    if where == "frames":
        document["frames"] = junk
    elif where == "frame":
        document["frames"][0] = junk
    elif where == "key":
        frame[key] = junk
    elif where == "point":
        frame[key][0] = junk
    else:
        document["width"] = junk
    try:
        series, _ = read(json.dumps(document).encode())
    except InvalidInput as error:
        assert error.code.startswith("LANDMARKS_")  # noqa: PT017 - either end is right
        return
    assert series.image_px.shape == (len(series), POINTS, 2)
    assert not np.isinf(series.image_px).any()
    assert (np.diff(series.time_s) > 0).all()


def expanded(said: Any) -> Any:
    """A list that ends in "N in all" becomes what stands before, repeated to N."""
    if isinstance(said, dict):
        return {key: expanded(value) for key, value in said.items()}
    if isinstance(said, list) and said and isinstance(said[-1], str) and said[-1].endswith(" in all"):
        return [expanded(value) for value in (said[:-1] * 99)[: int(said[-1].split()[0])]]
    return [expanded(value) for value in said] if isinstance(said, list) else said


def test_every_example_in_the_document_is_read() -> None:
    examples = [
        json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    ]
    files = [expanded(each) for each in examples if "frames" in each]
    for each in files:
        for point, said in enumerate(each["frames"][0].get("landmarks", [])):
            if "type" in said:
                said["type"] = point
    assert {read(dumped(each))[1].form for each in files} == set(FORMS) - {"openpose-body25b"}
