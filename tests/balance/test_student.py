"""The adapter of our own pose network: what it opens, what it refuses, what its answers mean."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mesh import registry
from mesh.errors import AssayError
from mesh.landmarks import INDEX, POINTS
from svc_balance.pose.adapters import backend, student
from svc_balance.pose.networks import networks
from svc_balance.pose.roi import Roi

SIDE = 32
LABEL = "pose-student@9.0.0"


def released(folder: Path, *, side: int = SIDE, outputs: tuple[str, ...] = student.OUTPUTS) -> Path:
    """A registry with a network of the student's interface, which finds the brightest column and row."""
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["columns"], axes=[1, 3], keepdims=0),
        helper.make_node("ReduceMax", ["image"], ["rows"], axes=[2, 3], keepdims=0),
        helper.make_node("ArgMax", ["columns"], ["x"], axis=1),
        helper.make_node("ArgMax", ["rows"], ["y"], axis=1),
        helper.make_node("Concat", ["x", "y"], ["both"], axis=1),
        helper.make_node("Cast", ["both"], ["whole"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["whole", "half"], ["centre"]),
        helper.make_node("Unsqueeze", ["centre", "one"], ["single"]),
        helper.make_node("Tile", ["single", "points_33"], [outputs[0]]),
        helper.make_node("ReduceMax", ["image"], ["brightest"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["brightest", "one"], ["bright"]),
        helper.make_node("Tile", ["bright", "by_33"], [outputs[2]]),
        helper.make_node("Mul", [outputs[2], "two"], [outputs[1]]),
    ]
    constants = {
        "half": np.array([0.5], np.float32),
        "two": np.array([2.0], np.float32),
        "one": np.array([1], np.int64),
        "points_33": np.array([1, POINTS, 1], np.int64),
        "by_33": np.array([1, POINTS], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", side, side, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    place = folder / student.NAME / "9.0.0"
    place.mkdir(parents=True)
    onnx.save(model, place / student.FILE)
    document = {
        "name": student.NAME,
        "version": "9.0.0",
        "sha256": hashlib.sha256((place / student.FILE).read_bytes()).hexdigest(),
        "input": {"side": SIDE},
        "release": {"state": "candidate"},
    }
    (place / "model.json").write_text(json.dumps(document))
    return folder


def test_points_scores_and_expected_errors_come_back_in_the_canonical_order(tmp_path: Path) -> None:
    model = student.open_version(LABEL, threads=1, registry=released(tmp_path))
    crops = np.zeros((2, SIDE, SIDE, 3), np.float32)
    crops[0, 11, 7] = 0.5
    crops[1, 30, 20] = 0.25
    points = student.estimate(model, crops)
    np.testing.assert_allclose(points.crop_px[0], np.tile([7.5, 11.5], (POINTS, 1)))
    np.testing.assert_allclose(points.crop_px[1], np.tile([20.5, 30.5], (POINTS, 1)))
    np.testing.assert_allclose(points.score, [[0.5] * POINTS, [0.25] * POINTS])
    assert points.error_px is not None
    np.testing.assert_allclose(points.error_px, 2 * points.score)


def test_regions_are_seen_at_once_and_answered_in_the_picture(tmp_path: Path) -> None:
    model = student.open_version(LABEL, threads=1, registry=released(tmp_path))
    seen = backend.Backend(LABEL, SIDE, SIDE, partial(student.estimate, model))
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[124:137, 204:217] = 255
    regions = [Roi(205, 150, 160, 0.0), Roi(190, 140, 200, 0.3)]
    places, scores = backend.places(picture, regions, seen)
    assert (places.shape, scores.shape) == ((2, POINTS, 2), (2, POINTS))
    assert np.abs(places[:, INDEX["nose"]] - [210, 130]).max() < 13, "two px of a crop of 32"
    for at, region in enumerate(regions):
        alone, _ = backend.place(picture, region, seen)
        assert np.abs(alone - places[at]).max() < 13


def test_another_file_is_refused(tmp_path: Path) -> None:
    folder = released(tmp_path / "changed")
    with (folder / student.NAME / "9.0.0" / student.FILE).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(AssayError) as changed:
        student.open_version(LABEL, registry=folder)
    assert changed.value.code == "MODEL_HASH_MISMATCH"
    for name, options in {"side": {"side": 64}, "names": {"outputs": ("a", "b", "c")}}.items():
        with pytest.raises(AssayError) as other:
            student.open_version(LABEL, registry=released(tmp_path / name, **options))
        assert other.value.code == "MODEL_CONTRACT"
    with pytest.raises(AssayError) as absent:
        student.open_version("pose-student@9.9.9", registry=folder)
    assert absent.value.code == "MODEL_NOT_FOUND"


def test_a_student_that_was_not_released_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(AssayError) as error:
        registry.serve(LABEL, student.NAME, released(tmp_path))
    assert error.value.code == "MODEL_NOT_RELEASED"


VERSIONS = sorted((registry.REGISTRY / student.NAME).glob("*/model.json"))


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.parent.name)
def test_what_is_registered_opens_and_is_served_only_when_released(path: Path) -> None:
    label = f"{student.NAME}@{path.parent.name}"
    model = student.open_version(label, threads=1)
    points = student.estimate(model, np.full((2, model.side, model.side, 3), 0.5, np.float32))
    assert ((points.crop_px >= 0) & (points.crop_px <= model.side)).all()
    assert points.error_px is not None
    assert (points.error_px > 0).all()
    assert (path.parent / student.FILE).stat().st_size <= 8 * 2**20
    gates = model.entry.said["release"]["gates"]
    if model.entry.state == registry.RELEASED:
        assert all(gate["passed"] for gate in gates)
    else:
        assert not all(gate["passed"] for gate in gates), "the card says why it is not released"
        with pytest.raises(AssayError) as refused:
            networks(label)
        assert refused.value.code == "MODEL_NOT_RELEASED"
    card = (path.parent / "card.md").read_text()
    for needed in ("## Intended use", "Not to be used", "## Data", "## Results", "## Release", "## Limits"):
        assert needed in card
