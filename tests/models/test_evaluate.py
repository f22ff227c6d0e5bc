"""Scores by hand, the shape of the document, and the floor on real photos."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mesh.errors import InvalidInput
from models.evaluate.evaluation import evaluate
from models.evaluate.segment import find_photos, score
from models.synth.scene import compose
from svc_segment.model import Model, load_model

FLOOR = 0.50
FEW = (
    "139_1.jpg",
    "128_1.JPG",
    "gabriela_arzabe135.jpg",
    "80613417_471892296805476_8718066785225471081_n.jpg",
)
"""A few small photos of different kinds: lines, a cover-up, dots, solid black."""


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(threads=1)


def truth(*ink: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((20, 20), np.uint8)
    for y, x in ink:
        mask[y, x] = 255
    return mask


def test_scores_of_a_small_case_by_hand() -> None:
    annotation = truth((5, 5), (5, 6), (5, 7), (5, 8))
    annotation[10:] = 128
    found = np.zeros((20, 20), bool)
    found[5, 7:10] = True  # two right, one beside
    found[15, :] = True  # on unknown ground: does not count
    got = score("a", found, annotation)
    assert (got.iou, got.precision, got.recall) == (2 / 5, 2 / 3, 2 / 4)
    assert got.f1_2px == 1.0  # all within two pixels


def test_two_pixels_are_near_and_three_are_not() -> None:
    for shift, f1 in ((2, 1.0), (3, 0.0)):
        found = np.zeros((20, 20), bool)
        found[5 + shift, 5] = True
        got = score("a", found, truth((5, 5)))
        assert (got.iou, got.f1_2px) == (0.0, f1)


def test_nothing_found_where_nothing_is_is_right_and_where_something_is_wrong() -> None:
    nothing = np.zeros((20, 20), bool)
    assert score("a", nothing, truth()).iou == 1.0
    assert score("a", nothing, truth((3, 3))).f1_2px == 0.0
    assert score("a", nothing, truth((3, 3))).precision == 0.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two composed photos in the layout of the annotated ones."""
    (tmp_path / "ink_masks" / "masks").mkdir(parents=True)
    (tmp_path / "deep" / "set_a").mkdir(parents=True)
    with (tmp_path / "ink_masks" / "annotations.csv").open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["file", "dataset", "skin", "colours", "mask"])
        for seed, skin, colours in ((3, "light", {"black": 1.0}), (5, "brown", {"black": 0.95, "red": 0.05})):
            scene = compose(seed, 256)
            cv2.imwrite(str(tmp_path / "deep" / "set_a" / f"{seed}.png"), scene.rgb[..., ::-1])
            cv2.imwrite(str(tmp_path / "ink_masks" / "masks" / f"{seed}.png"), scene.mask)
            table.writerow([f"{seed}.png", "set_a", skin, json.dumps(colours), f"masks/{seed}.png"])
    return tmp_path


def test_the_document_has_the_agreed_shape(folder: Path, model: Model) -> None:
    document = json.loads(json.dumps(evaluate(folder, model).as_json()))
    assert {"mean_iou", "mean_f1_2px", "photos", "by_skin"} <= set(document)
    assert [p["file"] for p in document["photos"]] == ["3.png", "5.png"]
    assert {"file", "iou", "f1_2px", "precision", "recall"} <= set(document["photos"][0])
    assert document["mean_iou"] == pytest.approx(np.mean([p["iou"] for p in document["photos"]]))
    low, high = document["iou_interval"]
    assert low <= document["mean_iou"] <= high
    assert list(document["by_skin"]) == ["light", "brown"]
    assert list(document["by_colour"]) == ["black"]  # 5 % red cannot be told by eye
    assert document["boxes"] is None
    assert document["bare_skin"] is None
    assert document["model"] == model.contract.label


def test_a_folder_that_cannot_be_measured_is_named(folder: Path, tmp_path: Path, model: Model) -> None:
    with pytest.raises(InvalidInput, match=r"annotations\.csv"):
        find_photos(tmp_path / "deep")
    with pytest.raises(InvalidInput):
        evaluate(folder, model, files=["other.png"])
    (folder / "deep" / "set_a" / "3.png").unlink()
    with pytest.raises(InvalidInput, match=r"3\.png"):
        find_photos(folder)


def test_a_few_real_photos_reach_the_floor(shared_data: Path, model: Model) -> None:
    assert evaluate(shared_data / "tattoo", model, files=FEW).mean_iou >= FLOOR


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_all_real_photos_reach_the_floor(shared_data: Path, model: Model) -> None:
    photos = [photo.file for photo in find_photos(shared_data / "tattoo")]
    assert evaluate(shared_data / "tattoo", model, files=photos).mean_iou >= FLOOR
