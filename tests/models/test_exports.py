"""Other formats do what the released model does, or are not kept.

Those that the converters make are read from models/build, which `make models` fills; tests of them are
skipped where it has not run, since the converters' environment is large.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.export import coreml, gate, graph, onnx_forms, pose, table
from models.export.__main__ import subject as subject_of
from models.export.build import BUILD, RECORD, Export, judge, open_form, weight
from models.export.ink import Ink
from models.export.subject import FORMS

BY_FILE = {form.file: form for form in FORMS}


@pytest.fixture(scope="module")
def built() -> list[Export]:
    """What `make models` recorded."""
    record = BUILD / RECORD
    if not record.exists():
        pytest.skip("models/build is empty: run `make models`")
    return table.read(record)


@pytest.fixture(scope="module")
def ink(built: list[Export]) -> Ink:
    """The segmenter that was built, judged on few photos here."""
    label = next(each.model for each in built if each.model.startswith("ink-seg@"))
    return Ink(label, scenes=range(3_000_000, 3_000_002))


def files(built: list[Export], label: str, ending: str = "") -> list[Path]:
    return [BUILD / e.file for e in built if e.passed and e.model == label and e.file.endswith(ending)]


def test_what_is_kept_is_what_was_recorded_and_nothing_else(built):
    for each in built:
        path = BUILD / each.file
        assert path.exists() == each.passed, each.file
        if each.passed:
            assert weight(path) == (each.size_bytes, each.sha256)
    kept = {BUILD / each.file for each in built if each.passed}
    folders = {(BUILD / each.file).parent for each in built}
    assert {path for folder in folders for path in folder.iterdir()} == kept


def test_onnx_and_litert_files_run_and_segment_like_the_released_model(built, ink):
    runnable = [path for path in files(built, ink.label) if path.suffix != ".mlpackage"]
    assert {path.suffix for path in runnable} == {".onnx", ".ort", ".tflite"}
    for path in runnable:
        parity = ink.parity(open_form(path, 1), BY_FILE[path.name])
        # Fewer photos than the gate itself looks at, so that a single one weighs more.
        assert parity.photos >= 2
        assert parity.mean_iou >= 0.98, path.name


def test_the_core_ml_program_is_the_released_network_in_half_precision(built, ink):
    (package,) = files(built, ink.label, ".mlpackage")
    program = coreml.read(package)
    assert program.version == 7
    assert program.inputs == {"features": tuple(ink.signatures.values())}
    assert (program.outputs, program.input_type, program.compute_types) == (
        ("logit",),
        "FLOAT16",
        {"FLOAT16"},
    )
    released = graph.simplify(graph.read(ink.file))
    ours = [n for n in released.nodes if n.kind in ("Conv", "ConvTranspose")]
    theirs = [each for each in program.operations if each.kind in ("conv", "conv_transpose")]
    assert len(ours) == len(theirs) > 40
    for node, operation in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(
            released.constants[node.inputs[1]].astype(np.float16), operation.constants["weight"]
        )


@pytest.mark.parametrize("name", ["model-fp16.onnx", "model-fp16.tflite", "model.mlpackage"])
def test_a_spoilt_file_does_not_pass_and_is_removed(built, ink, tmp_path, name):
    (path,) = files(built, ink.label, name)
    spoilt = tmp_path / name
    (shutil.copytree if path.is_dir() else shutil.copy)(path, spoilt)
    target = next(spoilt.rglob("weight.bin")) if spoilt.is_dir() else spoilt
    target.write_bytes(shifted(target.read_bytes(), ink.file))
    said, passed = judge(ink, BY_FILE[name], spoilt)
    assert not passed, said
    assert not spoilt.exists()


def shifted(data: bytes, released: Path) -> bytes:
    """A file with 2 added to the longest bias that is found in it once, in half or single precision."""
    biases = [
        numpy_helper.to_array(each)
        for each in onnx.load(released).graph.initializer
        if each.data_type == TensorProto.FLOAT16 and len(each.dims) == 1
    ]
    for bias in sorted(biases, key=lambda each: -each.size):
        for stored in (bias, bias.astype(np.float32)):
            if data.count(stored.tobytes()) == 1:
                return data.replace(stored.tobytes(), (stored + stored.dtype.type(2)).tobytes())
    raise AssertionError("no bias of the released file is in this one")


def test_pose_files_run_and_find_the_same_landmarks(built):
    labels = dict.fromkeys(each.model for each in built if not each.model.startswith("ink-seg@"))
    assert labels
    for label in labels:
        subject = subject_of(label)
        crops = pose.crops_of(pose.pictures()[:1], pose.region(), subject.signatures["crop"][1])
        released = subject.points(open_form(subject.file, 1), crops)
        runnable = [path for path in files(built, label) if path.suffix != ".mlpackage"]
        assert {path.suffix for path in runnable} >= {".onnx", ".ort", ".tflite"}
        for path in runnable:
            found = subject.points(open_form(path, 1), crops)
            # Distances in 256ths of the crop; the gate itself looks at more crops.
            assert np.linalg.norm(found - released, axis=-1).max() <= gate.MOST_PX, path
        (package,) = files(built, label, ".mlpackage")
        program = coreml.read(package)
        assert program.inputs == {"image": (subject.signatures["crop"],)}
        assert program.outputs == graph.read(subject.file).outputs
        assert (program.version, program.input_type) == (7, "FLOAT16")


def test_onnx_in_half_precision_computes_in_half_precision(tmp_path):
    ink = Ink("ink-seg@1.0.0", scenes=range(0))
    wide = onnx_forms.single(ink.file)
    onnx_forms.save(wide, tmp_path / "wide.onnx")
    onnx_forms.save(onnx_forms.half(wide), tmp_path / "half.onnx")
    inferred = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / "half.onnx")).graph
    kinds = {each.type.tensor_type.elem_type for each in inferred.value_info} - {TensorProto.INT64}
    assert TensorProto.FLOAT16 in kinds
    factors = {node.input[2] for node in inferred.node if node.op_type == "Resize"}
    single = {e.name for e in inferred.value_info if e.type.tensor_type.elem_type == TensorProto.FLOAT}
    assert single <= factors
    given = {"features": np.random.default_rng(3).normal(0, 1, (2, 7, 64, 96)).astype(np.float32)}
    (ours,) = open_form(ink.file, 1).run(None, given)
    (same,) = open_form(tmp_path / "wide.onnx", 1).run(None, given)
    (rounded,) = open_form(tmp_path / "half.onnx", 1, rounded=True).run(None, given)
    np.testing.assert_allclose(same, ours, atol=1e-4)
    assert 1e-4 < np.abs(rounded - ours).max() < 0.5


def test_folding_space_to_depth_and_back_changes_nothing(tmp_path):
    path = Ink("ink-seg@1.0.0", scenes=range(0)).file
    plain, simple = graph.read(path), graph.simplify(graph.read(path))
    kinds = [node.kind for node in simple.nodes]
    assert "ConvTranspose" in kinds
    assert not {"Reshape", "DepthToSpace"} & set(kinds)
    assert len(simple.nodes) < len(plain.nodes)
    given = np.random.default_rng(4).normal(0, 1, (1, 7, 64, 96)).astype(np.float32)
    ours, theirs = (computed(each, given) for each in (plain, simple))
    assert np.abs(ours).max() > 1
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def computed(part: graph.Graph, given: np.ndarray) -> np.ndarray:
    """What a graph gives, by ONNX Runtime."""
    nodes = [helper.make_node(n.kind, list(n.inputs), [n.output], **n.attributes) for n in part.nodes]
    used = {name for node in part.nodes for name in node.inputs}
    weights = [numpy_helper.from_array(v, k) for k, v in part.constants.items() if k in used]
    ins, outs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in names]
        for names in (part.inputs, part.outputs)
    )
    whole = helper.make_graph(nodes, "part", ins, outs, weights)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {part.inputs[0]: given})[0])


def test_masks_are_compared_photo_by_photo():
    ink, bare = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    half = ink.copy()
    half[:2] = False
    parity = gate.mask_parity([ink, bare, ink], [ink, bare, half])
    assert (parity.photos, parity.mean_iou, parity.least_iou, parity.passed) == (2, 0.75, 0.5, False)
    assert not gate.mask_parity([bare], [ink]).passed
    assert not gate.mask_parity([bare], [bare]).passed, "nothing was compared"


def test_landmarks_and_sway_both_have_to_agree():
    here = np.zeros((3, 33, 2))
    near, far, lost = here + 0.3, here.copy(), here.copy()
    far[1, 7] = (0.0, 0.51)
    lost[0, 0] = np.nan
    assert gate.landmark_parity(here, near, [(0.98, 0.97)]).passed
    assert not gate.landmark_parity(here, near, [(0.98, 0.97), (1.0, 1.021)]).passed
    assert not gate.landmark_parity(here, far, [(1.0, 1.0)]).passed
    assert not gate.landmark_parity(here, lost, [(1.0, 1.0)]).passed
    assert not gate.landmark_parity(here, near, [(1.0, float("nan"))]).passed


def test_the_table_says_what_is_not_shipped(tmp_path):
    lost = Export("m@1.0.0", "LiteRT int8", "int8", "m/x.tflite", 10, "ab", "IoU 0.9700", False, {})
    kept = Export("m@1.0.0", "ONNX fp32", "float32", "m/x.onnx", 10, "ab", "IoU 1.0000", True, {"1": 12.34})
    document = tmp_path / "exports.md"
    document.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write([kept, lost], tmp_path / "exports.json", document)
    text = document.read_text()
    assert "**not shipped**: IoU 0.9700 | - | - |" in text
    assert "| IoU 1.0000 | 12 | - |" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
