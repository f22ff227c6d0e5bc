"""Loading pose models: names, hashes, contracts; refining landmarks by heatmaps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import catalogue
from mesh import providers
from mesh.errors import FailedPrecondition, Internal, NotFound
from mesh.registry import REGISTRY
from svc_balance.pose import heatmap
from svc_balance.pose.contract import DEFAULT, DETECTOR, STORE, find, known
from svc_balance.pose.model import load


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A copy of the default model's entry and file, to be spoilt."""
    contract = find()
    shutil.copytree(REGISTRY / contract.name, tmp_path / "registry" / contract.name)
    (tmp_path / "store").mkdir()
    shutil.copy(contract.file(), contract.file(tmp_path / "store"))
    return tmp_path / "registry"


def test_set_up_has_brought_the_detector_and_the_default_model() -> None:
    for name in (DETECTOR, DEFAULT, ""):
        contract = find(name)
        assert contract.file().stat().st_size == contract.size_bytes
    model = load("", threads=1)
    assert model.label == DEFAULT
    assert model.provider in providers.choose()
    assert len(model.sha256) == 64


def test_outputs_have_the_shapes_that_the_contract_promises() -> None:
    model, finder = load(threads=1), load(DETECTOR, threads=1)
    grey = np.full((2, model.contract.side, model.contract.side, 3), 0.5, np.float32)
    assert [each.shape for each in model.run(grey)] == [(2, 195), (2, 1), (2, 117)]
    black = np.full((1, finder.contract.side, finder.contract.side, 3), finder.contract.low, np.float32)
    assert [each.shape for each in finder.run(black)] == [(1, 2254, 12), (1, 2254, 1)]


@pytest.mark.parametrize("name", ["blazepose-full@9.9.9", "../x@1.0.0", "ink-seg@1.0.0", "full", "a" * 500])
def test_an_unknown_model_names_what_there_is(name: str) -> None:
    with pytest.raises(NotFound) as error:
        load(name)
    assert error.value.code == "MODEL_NOT_FOUND"
    assert all(each in error.value.fix for each in known())


def test_a_model_that_is_not_fetched_says_how_to_fetch_it(registry: Path, tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition) as error:
        load(folder=registry, store=tmp_path / "empty")
    assert error.value.code == "MODEL_NOT_FETCHED"
    assert f"python -m models.convert {DEFAULT}" in error.value.fix


def test_a_changed_file_is_refused(registry: Path, tmp_path: Path) -> None:
    file = find().file(tmp_path / "store")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(FailedPrecondition) as error:
        load(folder=registry, store=tmp_path / "store")
    assert error.value.code == "MODEL_HASH_MISMATCH"
    assert "--again" in error.value.fix


@pytest.mark.parametrize(
    ("key", "value"), [("source", {"registry": "npm"}), ("input", {"side": 256}), ("size_bytes", None)]
)
def test_an_entry_that_does_not_fit_the_code_is_named(registry: Path, key: str, value: object) -> None:
    (path,) = registry.glob("blazepose-full/*/model.json")
    said = json.loads(path.read_text())
    said[key] = value
    if value is None:
        del said[key]
    path.write_text(json.dumps(said))
    with pytest.raises(Internal, match=r"blazepose-full.*model\.json"):
        find(folder=registry)


def test_a_file_of_another_shape_is_refused(registry: Path, tmp_path: Path) -> None:
    (path,) = registry.glob("blazepose-full/*/model.json")
    said = json.loads(path.read_text())
    said["outputs"]["mask"] = 2
    path.write_text(json.dumps(said))
    with pytest.raises(Internal) as error:
        load(folder=registry, store=tmp_path / "store")
    assert error.value.code == "MODEL_CONTRACT"


def test_callers_may_name_the_models_of_33_landmarks() -> None:
    whole = frozenset(name for name in known() if "landmarks" in find(name).outputs)
    assert catalogue.load().models["balance"] == whole
    assert DEFAULT in whole
    assert DETECTOR not in whole


def test_every_entry_is_pinned_and_carries_its_licence() -> None:
    for name in known():
        contract = find(name)
        assert contract.label == name
        digests = [contract.sha256, contract.source.sha256, *contract.source.members.values()]
        assert all(len(each) == 64 for each in digests)
        folder = REGISTRY / contract.name / contract.version
        assert json.loads((folder / "model.json").read_text())["licence"] == "Apache-2.0"
        assert not list(folder.glob("*.onnx")), "third-party weights stay out of the repository"
        assert "Apache-2.0" in (folder / "card.md").read_text()
        assert contract.file().parent == STORE


def flat(points: np.ndarray) -> np.ndarray:
    return points.reshape(1, 195).astype(np.float32)


def test_a_landmark_moves_to_the_centroid_of_its_heatmap() -> None:
    points = np.zeros((39, 5))
    points[:, :2] = 128
    maps = np.full((1, 39, 64, 64), -40, np.float32)
    maps[0, 0, 33, 34] = 40
    maps[0, 1, 33, 34] = maps[0, 1, 31, 34] = 40
    got = heatmap.refine(flat(points), maps, 256).reshape(39, 5)
    np.testing.assert_allclose(got[0, :2], [34 * 4, 33 * 4], atol=1e-4)
    np.testing.assert_allclose(got[1, :2], [34 * 4, 32 * 4], atol=1e-4)
    np.testing.assert_array_equal(got[2:], points[2:])


def test_a_weak_or_distant_peak_and_a_landmark_outside_move_nothing() -> None:
    points = np.zeros((39, 5))
    points[:, :2] = 128
    points[2, :2] = 300, -50
    maps = np.full((1, 39, 64, 64), -40, np.float32)
    maps[0, 0, 33, 34] = -0.1
    maps[0, 1, 40, 32] = 40
    maps[0, 2] = 40
    got = heatmap.refine(flat(points), maps, 256).reshape(39, 5)
    np.testing.assert_array_equal(got, points)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_refining_equals_a_plain_loop_over_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = (rng.random((3, 39, 5)) * 320 - 30).astype(np.float32)
    maps = rng.normal(-1, 2, (3, 39, 64, 64)).astype(np.float32)
    got = heatmap.refine(points.reshape(3, 195), maps, 256).reshape(3, 39, 5)
    for n in range(3):
        for k in range(39):
            column, row = int(points[n, k, 0] / 4), int(points[n, k, 1] / 4)
            want = points[n, k, :2]
            if 0 <= column < 64 and 0 <= row < 64:
                rows = np.arange(max(row - 3, 0), min(row + 4, 64))
                columns = np.arange(max(column - 3, 0), min(column + 4, 64))
                weights = 1 / (1 + np.exp(-maps[n, k][np.ix_(rows, columns)].astype(np.float64)))
                if weights.max() >= 0.5:
                    want = 4 * np.array([weights.sum(0) @ columns, weights.sum(1) @ rows]) / weights.sum()
            np.testing.assert_allclose(got[n, k, :2], want, atol=1e-3)
            np.testing.assert_array_equal(got[n, k, 2:], points[n, k, 2:])


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        (["AzureExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]),
        (
            ["CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"],
            ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
        ),
    ],
)
def test_the_best_provider_comes_first(available: list[str], chosen: list[str]) -> None:
    assert providers.choose(available) == chosen
