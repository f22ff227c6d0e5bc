"""Our ONNX files against LiteRT on the original files; reading TFLite and sparse weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import InvalidInput
from models.convert import blazepose, fetch, sparse, tflite
from models.convert.__main__ import make
from svc_balance.pose.contract import DEFAULT, DETECTOR, STORE, Contract, find, known
from svc_balance.pose.model import load

from .reference import Floats, people, reference, smooth

BY_SET_UP = (DETECTOR, DEFAULT)
ON_DEMAND = tuple(name for name in known() if name.startswith("blazepose-") and name not in BY_SET_UP)
CLIP = "posevideo/pose2sim_balancing/videos/cam01.mp4"
# What an output may differ by: boxes and points in px of the input, scores as logits, world points in m.
CLOSE = {"boxes": 0.01, "scores": 0.01, "landmarks": 0.02, "presence": 1e-3, "world": 2e-4, "heatmap": 0.01}


def outputs(contract: Contract, images: Floats) -> dict[str, Floats]:
    """What our file gives, before any refinement."""
    session = load(contract.label, threads=1).session
    return dict(zip(contract.outputs, session.run(list(contract.outputs), {"image": images}), strict=True))


def differences(contract: Contract, images: Floats) -> dict[str, float]:
    """Greatest difference of each output from LiteRT's, over a whole batch."""
    ours, theirs = outputs(contract, images), reference(contract)
    worst = dict.fromkeys(ours, 0.0)
    for at, image in enumerate(images):
        for name, wanted in zip(ours, theirs.run(image), strict=True):
            got = ours[name][at]
            wanted = wanted.transpose(2, 0, 1) if name == "heatmap" else wanted
            assert got.shape == wanted.shape
            worst[name] = max(worst[name], float(np.abs(got - wanted).max()))
    return worst


def check(contract: Contract, images: Floats) -> None:
    worst = differences(contract, images)
    print(contract.label, {name: f"{value:.2g}" for name, value in worst.items()})
    assert all(value <= CLOSE[name] for name, value in worst.items()), worst


@pytest.mark.parametrize("name", BY_SET_UP)
def test_what_set_up_makes_agrees_with_litert_on_random_pictures(name: str) -> None:
    contract = find(name)
    check(contract, smooth(contract, 4))


@pytest.mark.parametrize("name", BY_SET_UP)
def test_what_set_up_makes_agrees_with_litert_on_a_person(name: str, shared_data: Path) -> None:
    contract = find(name)
    images = people(contract, shared_data / CLIP, 5)
    check(contract, images)
    made = outputs(contract, images)
    if name == DEFAULT:
        assert (made["presence"] > 0.5).all()
    else:
        assert (made["scores"].max(axis=1) > 0).all()


@pytest.mark.proof
@pytest.mark.parametrize("name", ON_DEMAND)
def test_what_is_made_on_demand_agrees_with_litert(name: str, shared_data: Path) -> None:
    contract = find(name)
    make(contract)
    check(contract, smooth(contract, 6))
    check(contract, people(contract, shared_data / CLIP, 10))


@pytest.mark.parametrize("name", BY_SET_UP)
def test_a_batch_gives_what_its_pictures_give_alone(name: str) -> None:
    contract = find(name)
    images = smooth(contract, 3, seed=1)
    together = outputs(contract, images)
    for at in range(3):
        alone = outputs(contract, images[at : at + 1])
        for output, values in together.items():
            np.testing.assert_allclose(values[at], alone[output][0], atol=CLOSE[output] / 10)


def test_the_same_file_is_converted_to_the_same_bytes() -> None:
    contract = find(DEFAULT)
    files = fetch.obtain(contract.source, STORE)
    assert blazepose.convert(files, contract.outputs) == contract.file().read_bytes()


def test_files_stay_below_30_megabytes_with_the_detector() -> None:
    detector = find(DETECTOR).size_bytes
    for name in ("blazepose-lite", "blazepose-full"):
        (label,) = [each for each in known() if each.startswith(name)]
        assert find(label).size_bytes + detector < 30e6


def test_sparse_weights_are_made_dense() -> None:
    """Blocks of 2 x 2 in a 4 x 4 matrix, rows of blocks compressed (the case TFLite's schema explains)."""
    none = np.zeros(0, np.int64)
    levels = (
        sparse.Level(2, none, none),
        sparse.Level(0, np.array([0, 1, 2]), np.array([0, 1])),
        sparse.Level(2, none, none),
        sparse.Level(2, none, none),
    )
    said = sparse.Sparsity((0, 1, 2, 3), (0, 1), levels)
    got = sparse.densify(np.arange(1, 9, dtype=np.float32), said, (4, 4))
    want = [[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 5, 6], [0, 0, 7, 8]]
    np.testing.assert_array_equal(got, want)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 7), st.booleans())
def test_compressed_rows_come_back_as_they_were(seed: int, rows: int, columns: int, turned: bool) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.integers(0, 3, (rows, columns)).astype(np.float32)
    walked = dense.T if turned else dense
    segments = np.concatenate([[0], np.cumsum((walked != 0).sum(axis=1))])
    indices = np.concatenate([np.flatnonzero(row) for row in walked]).astype(np.int64)
    none = np.zeros(0, np.int64)
    levels = (sparse.Level(len(walked), none, none), sparse.Level(0, segments, indices))
    said = sparse.Sparsity((1, 0) if turned else (0, 1), (), levels)
    got = sparse.densify(walked[walked != 0], said, dense.shape)
    np.testing.assert_array_equal(got, dense)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_sparse_weights_that_do_not_fit_are_refused(count: int) -> None:
    none = np.zeros(0, np.int64)
    levels = (sparse.Level(1, none, none), sparse.Level(0, np.array([0, 3]), np.array([0, 1, 9])))
    with pytest.raises(InvalidInput, match=r"stored weights|outside"):
        sparse.densify(np.ones(count, np.float32), sparse.Sparsity((0, 1), (), levels), (1, 4))


@pytest.fixture(scope="module")
def original() -> bytes:
    return fetch.obtain(find(DEFAULT).source, STORE)[0]


def test_a_graph_is_read_with_its_shapes_and_weights(original: bytes) -> None:
    model = tflite.read(original)
    assert [model.shapes[number] for number in model.inputs] == [(1, 256, 256, 3)]
    assert [model.shapes[number] for number in model.outputs][:2] == [(1, 195), (1, 1)]
    assert not [each for each in model.operators if each.kind == "DEQUANTIZE"]
    first = next(each for each in model.operators if each.kind == "CONV_2D")
    assert model.constants[first.inputs[1]].shape == (24, 3, 3, 3)
    assert model.constants[first.inputs[1]].dtype == np.float16
    assert (first.options["stride_h"], first.activation) == (2, "RELU6")


def test_a_file_that_ends_early_is_refused(original: bytes) -> None:
    for length in (0, 3, 8, 40, 1_000, len(original) // 2):
        with pytest.raises(InvalidInput) as error:
            tflite.read(original[:length])
        assert error.value.code == "MODEL_FILE_DAMAGED"


def test_an_operator_that_is_not_known_is_named(original: bytes) -> None:
    table = tflite.root(original, b"TFL3").tables(1)[0]
    back = int.from_bytes(original[table.position : table.position + 4], "little", signed=True)
    first_field = table.position - back + 4
    place = table.position + int.from_bytes(original[first_field : first_field + 2], "little")
    changed = bytearray(original)
    changed[place] = 99
    with pytest.raises(InvalidInput, match="operator 99"):
        tflite.read(bytes(changed))
