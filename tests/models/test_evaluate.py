"""Scores by hand, the shape of the document, and the floor on real photos."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mesh.errors import InvalidInput
from models.evaluate.segment import evaluate, find_photos, halves, score
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
    return load_model()


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
        table.writerow(["file", "dataset", "skin", "mask"])
        for seed, skin in ((3, "light"), (5, "brown")):
            scene = compose(seed, 256)
            cv2.imwrite(str(tmp_path / "deep" / "set_a" / f"{seed}.png"), scene.rgb[..., ::-1])
            cv2.imwrite(str(tmp_path / "ink_masks" / "masks" / f"{seed}.png"), scene.mask)
            table.writerow([f"{seed}.png", "set_a", skin, f"masks/{seed}.png"])
    return tmp_path


def test_the_document_has_the_agreed_shape(folder: Path, model: Model) -> None:
    document = json.loads(json.dumps(evaluate(folder, model).as_json()))
    assert set(document) == {"mean_iou", "mean_f1_2px", "photos", "by_skin"}
    assert [p["file"] for p in document["photos"]] == ["3.png", "5.png"]
    assert set(document["photos"][0]) == {"file", "iou", "f1_2px", "precision", "recall"}
    assert document["mean_iou"] == pytest.approx(np.mean([p["iou"] for p in document["photos"]]))
    assert set(document["by_skin"]) == {"brown", "light"}


def test_a_folder_that_cannot_be_measured_is_named(folder: Path, tmp_path: Path, model: Model) -> None:
    with pytest.raises(InvalidInput, match=r"annotations\.csv"):
        find_photos(tmp_path / "deep")
    with pytest.raises(InvalidInput):
        evaluate(folder, model, files=["other.png"])
    (folder / "deep" / "set_a" / "3.png").unlink()
    with pytest.raises(InvalidInput, match=r"3\.png"):
        find_photos(folder)


def test_the_halves_are_disjoint_and_whole(shared_data: Path) -> None:
    photos = find_photos(shared_data / "tattoo")
    tuning, held_out = halves(photos)
    assert (len(photos), len(tuning), len(held_out)) == (46, 23, 23)
    assert {p.file for p in tuning} | {p.file for p in held_out} == {p.file for p in photos}


def test_a_few_real_photos_reach_the_floor(shared_data: Path, model: Model) -> None:
    assert evaluate(shared_data / "tattoo", model, FEW).mean_iou >= FLOOR


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_all_real_photos_reach_the_floor_and_so_does_the_held_out_half(
    shared_data: Path, model: Model
) -> None:
    folder = shared_data / "tattoo"
    result = evaluate(folder, model)
    held_out = {p.file for p in halves(find_photos(folder))[1]}
    assert result.mean_iou >= FLOOR
    assert np.mean([s.iou for s in result.photos if s.file in held_out]) >= FLOOR
