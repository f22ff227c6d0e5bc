"""Adapters of other estimators to the canonical 33 landmarks."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from mesh.errors import InvalidInput, Unmeasurable
from mesh.landmark_forms import read
from mesh.landmarks import INDEX, Landmarks
from mesh.point_sets import COCO_17, HALPE_26
from models.convert import movenet as converter
from models.convert.__main__ import make
from svc_balance.pose.adapters import backend, movenet, rtmpose
from svc_balance.pose.contract import find
from svc_balance.pose.model import load

from .pose_videos import timed
from .reference import people

CLIP = "posevideo/pose2sim_balancing"
HEIGHT, WIDTH = 32, 24


def simcc(path: Path, joints: int, *, height: Any = HEIGHT, bins: int = 2) -> Path:
    """A network with SimCC's interface that finds the brightest column and row of the picture."""
    nodes = [
        helper.make_node("ReduceMax", ["input"], ["columns"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMax", ["input"], ["rows"], axes=[1, 3], keepdims=0),
    ]
    for side, name in (("columns", "simcc_x"), ("rows", "simcc_y")):
        nodes += [
            helper.make_node("Unsqueeze", [side, "one"], [f"{side}_1"]),
            helper.make_node("Tile", [f"{side}_1", "joints"], [f"{side}_k"]),
            helper.make_node(
                "Resize",
                [f"{side}_k", "", "fine"],
                [name],
                mode="nearest",
                nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            ),
        ]
    constants = {
        "one": np.array([1], np.int64),
        "joints": np.array([1, joints, 1], np.int64),
        "fine": np.array([1, 1, bins], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "simcc",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, height, WIDTH])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("simcc_x", "simcc_y")],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(("joints", "names"), [(17, COCO_17), (26, HALPE_26)])
def test_rtmpose_points_land_on_the_brightest_pixel(
    tmp_path: Path, joints: int, names: tuple[str, ...]
) -> None:
    model = rtmpose.open_file(simcc(tmp_path / "pose.onnx", joints), threads=1)
    assert (model.height, model.width, model.joints) == (HEIGHT, WIDTH, joints)
    assert model.label.startswith(f"rtmpose-{joints}@")
    crops = np.zeros((2, HEIGHT, WIDTH, 3), np.float32)
    crops[0, 11, 7] = 1
    crops[1, 30, 20] = 1
    points = rtmpose.estimate(model, crops)
    has = np.array([name in names for name in INDEX])
    np.testing.assert_allclose(points.crop_px[0, has], np.tile([7, 11], (has.sum(), 1)))
    np.testing.assert_allclose(points.crop_px[1, has], np.tile([20, 30], (has.sum(), 1)))
    assert np.isnan(points.crop_px[:, ~has]).all()
    assert (points.score[:, has] == 1).all(), "white is 2.2 to 2.6 deviations above the mean, more than 1"
    assert (points.score[:, ~has] == 0).all()


def test_rtmpose_without_support_finds_nothing(tmp_path: Path) -> None:
    model = rtmpose.open_file(simcc(tmp_path / "pose.onnx", 17), threads=1)
    points = rtmpose.estimate(model, np.zeros((1, HEIGHT, WIDTH, 3), np.float32))
    assert np.isnan(points.crop_px).all()
    assert (points.score == 0).all()


def test_simcc_maxima_are_in_pixels_and_the_weaker_one_is_the_score() -> None:
    columns, rows = np.zeros((1, 2, 48)), np.zeros((1, 2, 64))
    columns[0, 0, 31], rows[0, 0, 9] = 0.9, 0.4
    got = rtmpose.decode(columns, rows, HEIGHT, WIDTH)
    np.testing.assert_allclose(got[0, 0], [15.5, 4.5, 0.4])
    assert np.isnan(got[0, 1]).all()


def followed(regions: list[list[float]]) -> Landmarks:
    """BlazePose's answer as far as a backend reads it: where it looked."""
    count = len(regions)
    shares = np.ones((count, 33))
    return Landmarks(
        400, 300, np.arange(count) / 30, np.zeros((count, 33, 2)), shares, shares, roi=np.array(regions)
    )


def test_a_backend_sees_the_followed_regions_and_answers_in_the_picture(tmp_path: Path) -> None:
    """A bright spot in a region that is shifted, scaled and turned, its crop narrower than high."""
    model = rtmpose.backend(simcc(tmp_path / "pose.onnx", 17))
    spots = [(210, 130), (190, 171)]
    shots = [np.zeros((300, 400, 3), np.uint8) for _ in range(3)]
    for shot, (x, y) in zip(shots, spots, strict=False):
        shot[y - 6 : y + 7, x - 6 : x + 7] = 255
    series = followed([[205, 150, 160, 0.0], [205, 150, 192, 0.3], [np.nan] * 4])
    got = backend.estimate(timed(shots), series, model)
    assert got.model == model.label
    for frame, spot in enumerate(spots):
        apart = got.point("left_knee")[frame] - spot
        assert np.abs(apart).max() < 12, "two pixels of a crop that is 32 pixels high"
    assert np.isnan(got.image_px[2]).all(), "nobody was followed there"
    assert np.isnan(got.point("left_heel")).all(), "COCO has no heels"
    assert (got.visibility[:2, INDEX["left_knee"]] == 1).all()
    assert got.world_m is None


def test_a_backend_that_finds_nothing_says_so(tmp_path: Path) -> None:
    model = rtmpose.backend(simcc(tmp_path / "pose.onnx", 17))
    with pytest.raises(Unmeasurable, match="NO_PERSON"):
        backend.estimate(timed([np.zeros((300, 400, 3), np.uint8)]), followed([[205, 150, 160, 0.0]]), model)


def test_files_that_are_no_rtmpose_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a network")
    files = {
        "cannot be read": tmp_path / "absent.onnx",
        "does not open it": tmp_path / "text.onnx",
        "not 17 or 26": simcc(tmp_path / "33.onnx", 33),
        "fixed height": simcc(tmp_path / "free.onnx", 17, height="H"),
        "not one picture": find("").file(),
    }
    for why, path in files.items():
        with pytest.raises(InvalidInput, match=why) as error:
            rtmpose.open_file(path, threads=1)
        assert error.value.code == "MODEL_FILE_UNUSABLE"


def test_movenet_maps_decode_to_the_person_in_the_middle() -> None:
    """Of two equal centres the one nearer to the middle counts, and of each joint's peaks the one near it."""
    side = 48
    centre = np.full((1, side, side), -20, np.float32)
    centre[0, 20, 22] = centre[0, 2, 3] = 3
    regress = np.zeros((34, side, side), np.float32)
    heatmap = np.full((17, side, side), -20, np.float32)
    offset = np.zeros((34, side, side), np.float32)
    for joint in range(17):
        row, column = 5 + 2 * joint, 10 + joint
        regress[2 * joint : 2 * joint + 2, 20, 22] = row + 0.6 - 20, column - 0.7 - 22
        heatmap[joint, row, column] = 2
        heatmap[joint, 47, 0] = 2.2
        offset[2 * joint, row, column], offset[2 * joint + 1, row, column] = 0.25, 0.5
    got = movenet.decode(centre, heatmap, regress, offset)
    for joint in range(17):
        np.testing.assert_allclose(got[joint, :2], [(10 + joint + 0.5) / side, (5 + 2 * joint + 0.25) / side])
    np.testing.assert_allclose(got[:, 2], 1 / (1 + np.exp(-2.0)))


def graph_model() -> tuple[bytes, bytes, dict[str, np.ndarray]]:
    """A tiny TensorFlow.js graph with MoveNet's four outputs and every operator that MoveNet has."""
    rng = np.random.default_rng(3)
    weights = {
        "first": rng.normal(0, 0.5, (3, 3, 3, 4)).astype(np.float16),
        "first_bias": rng.normal(0, 0.5, 4).astype(np.float16),
        "deep": rng.normal(0, 0.5, (3, 3, 4, 1)).astype(np.float32),
        "size": np.array([8, 8], np.int32),
        **{f"head{k}": rng.normal(0, 0.5, (1, 1, 4, 2)).astype(np.float16) for k in range(4)},
        **{f"bias{k}": rng.normal(0, 0.5, 2).astype(np.float16) for k in range(4)},
    }

    def text(value: str) -> str:
        return base64.b64encode(value.encode()).decode()

    def node(name: str, op: str, inputs: list[str], stride: int = 1, fused: str = "") -> dict[str, Any]:
        attr: dict[str, Any] = {
            "strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}},
            "dilations": {"list": {"i": ["1", "1", "1", "1"]}},
            "padding": {"s": text("SAME")},
            "align_corners": {"b": False},
            "half_pixel_centers": {"b": True},
        }
        if fused:
            attr["fused_ops"] = {"list": {"s": [text(each) for each in fused.split()]}}
        return {"name": name, "op": op, "input": inputs, "attr": attr}

    picture = "StatefulPartitionedCall/sub_1"
    heads = ("center_0/conv2d_4", "kpt_heatmap_0/conv2d_5", "kpt_regress_0/conv2d_6", "kpt_offset_0/conv2d_7")
    nodes = [
        node("a", "_FusedConv2D", [picture, "first", "first_bias"], 2, "BiasAdd Relu6"),
        node("b", "DepthwiseConv2dNative", ["a", "deep"], 2),
        node("c", "ResizeBilinear", ["b", "size"]),
        node("d", "AddV2", ["c", "a"]),
        *(
            node(
                f"StatefulPartitionedCall/{name}/BiasAdd",
                "_FusedConv2D",
                ["d", f"head{k}", f"bias{k}"],
                1,
                "BiasAdd",
            )
            for k, name in enumerate(heads)
        ),
    ]
    manifest = [
        {"name": name, "shape": list(values.shape), "dtype": values.dtype.name}
        for name, values in weights.items()
    ]
    sides = [{"size": str(side)} for side in (1, 16, 16, 3)]
    document = {
        "signature": {"inputs": {"input:0": {"tensorShape": {"dim": sides}}}},
        "modelTopology": {"node": nodes},
        "weightsManifest": [{"weights": manifest}],
    }
    return json.dumps(document).encode(), b"".join(values.tobytes() for values in weights.values()), weights


def same(picture: np.ndarray, filters: np.ndarray, stride: int, *, depthwise: bool) -> np.ndarray:
    """Convolution as TensorFlow defines it, SAME padding, by plain loops: [H, W, C], [h, w, C, out or 1]."""
    size, side = len(filters), -(-len(picture) // stride)
    total = max((side - 1) * stride + size - len(picture), 0)
    padded = np.pad(picture, [(total // 2, total - total // 2)] * 2 + [(0, 0)])
    rows = []
    for y in range(side):
        for x in range(side):
            window = padded[y * stride : y * stride + size, x * stride : x * stride + size]
            rows.append(
                (window * filters[..., 0]).sum((0, 1)) if depthwise else np.tensordot(window, filters, 3)
            )
    return np.array(rows).reshape(side, side, -1)


def test_a_tensorflow_js_graph_gives_what_plain_loops_give() -> None:
    topology, data, weights = graph_model()
    outputs = {"centre": 0, "heatmap": 1, "regress": 2, "offset": 3}
    session = ort.InferenceSession(converter.convert([topology, data], outputs))
    picture = np.random.default_rng(5).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    got = session.run(list(outputs), {"image": picture})
    place = np.clip((np.arange(8) + 0.5) / 2 - 0.5, 0, 3)
    enlarge = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(4)))
    for n in range(2):
        first = (
            same(picture[n], weights["first"].astype(np.float64), 2, depthwise=False) + weights["first_bias"]
        )
        first = np.clip(first, 0, 6)
        deep = same(first, weights["deep"], 2, depthwise=True)
        both = np.einsum("yi,xj,ijc->yxc", enlarge, enlarge, deep) + first
        for k in range(4):
            want = both @ weights[f"head{k}"][0, 0].astype(np.float64) + weights[f"bias{k}"]
            np.testing.assert_allclose(got[k][n], want.transpose(2, 0, 1), atol=1e-5)


def test_a_graph_that_is_not_movenet_is_refused() -> None:
    topology, data, _ = graph_model()
    outputs = {"centre": 0}
    with pytest.raises(InvalidInput, match="end early"):
        converter.convert([topology, data[:-9]], outputs)
    with pytest.raises(InvalidInput, match="Softmax"):
        converter.convert([topology.replace(b'"AddV2"', b'"Softmax"'), data], outputs)
    with pytest.raises(InvalidInput, match="lacks"):
        converter.convert([topology.replace(b"kpt_offset_0", b"kpt_other"), data], outputs)


@pytest.mark.proof
@pytest.mark.parametrize("name", [movenet.LIGHTNING, movenet.THUNDER])
def test_movenet_finds_the_joints_that_openpose_found(name: str, shared_data: Path) -> None:
    """Pose2Sim's clip: the person is 745 px tall, the crop 980 px wide; 2 % of the height is 15 px."""
    make(find(name))
    model = load(name, threads=1)
    crops = people(model.contract, shared_data / CLIP / "videos" / "cam01.mp4", 100)[:25] / 2 + 0.5
    points = movenet.estimate(model, crops)
    said = json.loads(
        (shared_data / CLIP / "openpose_2d" / "S00_P00_T01_BalancingTrial_cam01.json").read_text()
    )
    frames = [{"people": [{"pose_keypoints_2d": flat}]} for flat in said["frames"][:25]]
    document = {"width": 1088, "height": 1920, "fps": 60, "frames": frames}
    theirs, _ = read(json.dumps(document).encode(), declared_form="openpose-body25b")
    body = [INDEX[joint] for joint in COCO_17[5:]]
    ours = points.crop_px[:, body] * (980 / model.contract.side) + [10, 310]
    apart = np.linalg.norm(ours - theirs.image_px[:, body], axis=2)
    print(name, "median distance to OpenPose, px:", np.round(np.nanmedian(apart), 1))
    assert np.nanmedian(apart) < 20
    assert (points.score[:, body].mean(axis=0) > 0.5).all()
