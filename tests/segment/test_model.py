"""Loading released models: hash, version, contract, provider."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mesh import providers, registry
from mesh.errors import FailedPrecondition, Internal, NotFound
from svc_segment.features import CHANNELS
from svc_segment.model import NAME, Model, load_model

ACTIVE = registry.serve("", NAME).label


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(ACTIVE, threads=1)


def copy_registry(into: Path) -> Path:
    name, version = ACTIVE.split("@")
    shutil.copytree(registry.REGISTRY / name / version, into / name / version)
    return into / name / version


def test_the_released_model_loads_and_runs_on_the_cpu_here(model: Model) -> None:
    assert model.contract.label == ACTIVE
    assert model.provider in providers.choose()


def test_batch_height_and_width_are_free_and_batches_change_nothing(model: Model) -> None:
    rng = np.random.default_rng(1)
    tiles = rng.normal(0, 1, (3, CHANNELS, 64, 96)).astype(np.float32)
    together = model.logits(tiles)
    assert together.shape == (3, 64, 96)
    for k in range(3):
        np.testing.assert_allclose(together[k], model.logits(tiles[k : k + 1])[0], atol=1e-4)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    folder = copy_registry(tmp_path)
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)
    with pytest.raises(FailedPrecondition) as error:
        load_model(ACTIVE, tmp_path)
    assert error.value.code == "MODEL_HASH_MISMATCH"


def test_a_contract_without_a_needed_value_is_named(tmp_path: Path) -> None:
    folder = copy_registry(tmp_path)
    said = json.loads((folder / "model.json").read_text())
    del said["calibration"]["threshold"]
    (folder / "model.json").write_text(json.dumps(said))
    with pytest.raises(Internal, match="threshold"):
        load_model(ACTIVE, tmp_path)


@pytest.mark.parametrize("name", ["ink-seg@9.9.9", "../ink-seg@1.0.0", "ink-seg", "a" * 500 + "@1.0.0"])
def test_an_unknown_version_names_what_there_is(name: str) -> None:
    with pytest.raises(NotFound) as error:
        load_model(name)
    assert error.value.code == "MODEL_NOT_FOUND"
    assert ACTIVE in error.value.fix


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        (["CPUExecutionProvider"], ["CPUExecutionProvider"]),
        (["AzureExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]),
        (
            ["CPUExecutionProvider", "CUDAExecutionProvider"],
            ["CUDAExecutionProvider", "CPUExecutionProvider"],
        ),
        (
            ["CPUExecutionProvider", "TensorrtExecutionProvider", "CUDAExecutionProvider"],
            ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
        ),
    ],
)
def test_the_best_provider_comes_first(available: list[str], chosen: list[str]) -> None:
    assert providers.choose(available) == chosen
