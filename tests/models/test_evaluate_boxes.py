"""Drawn boxes, bare skin, groups and intervals: known answers on tiny data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mesh.errors import InvalidInput
from models.evaluate import bootstrap, boxes, negatives, regions
from models.evaluate.conditions import NOT_MEASURABLE, Conditions, blur, conditions, noise
from models.evaluate.groups import Measured, by_colour, by_name, fairness, thirds
from models.evaluate.segment import Photo, PhotoScore
from svc_segment.core import Segmentation, conclude
from svc_segment.model import Contract, load_model


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_model(threads=1).contract


def segmented(contract: Contract, *squares: tuple[int, int, int, int]) -> Segmentation:
    """Ink exactly in squares x, y, width, height of a picture 100 wide and 80 high."""
    logit = np.full((80, 100), -50, np.float32)
    for x, y, width, height in squares:
        logit[y : y + height, x : x + width] = 50
    return conclude(logit, contract)


def test_boxes_are_matched_one_to_one_and_ink_outside_is_counted(contract: Contract) -> None:
    found = segmented(contract, (10, 10, 20, 20), (60, 10, 10, 10))
    drawn = [(10.0, 10.0, 30.0, 30.0), (10.0, 12.0, 30.0, 30.0), (80.0, 60.0, 90.0, 70.0)]
    got = boxes.score("a", found, drawn)
    assert (got.boxes, got.matched, got.regions) == (3, 1, 2)  # the second box's region is taken
    assert got.best_iou == pytest.approx((1.0, 0.9, 0.0))
    assert (got.ink_px, got.outside_px, got.outside_share) == (500, 100, 0.2)


def test_the_better_pair_is_taken_first() -> None:
    table = np.array([[0.9, 0.6], [0.8, 0.1]])
    assert boxes.matches(table) == 1  # greedy: 0.9 goes first and leaves 0.1
    assert boxes.matches(np.array([[0.6, 0.9], [0.8, 0.1]])) == 2
    assert boxes.matches(np.array([[0.5]])) == 1
    assert boxes.matches(np.array([[0.4999]])) == 0
    assert boxes.matches(np.zeros((2, 0))) == 0


def test_pooled_figures_and_means_differ_as_they_should(contract: Contract) -> None:
    box = [(0.0, 0.0, 50.0, 80.0)]
    half = boxes.score("a", segmented(contract, (10, 10, 10, 10), (60, 10, 10, 10)), box)
    inside = boxes.score("b", segmented(contract, (0, 0, 30, 80)), box)
    nothing = boxes.score("c", segmented(contract), box)
    got = boxes.summarize([half, inside, nothing])
    assert got.matched_share == pytest.approx(1 / 3)
    assert got.outside_share == pytest.approx(100 / 2600)
    assert got.outside_mean_per_photo == pytest.approx(0.25)  # of 0.5 and 0; the third has no ink
    assert got.photos_without_ink == 1


def test_photos_with_masks_are_left_out_and_bad_boxes_named(tmp_path: Path) -> None:
    for folder in ("images", "bounding_boxes"):
        (tmp_path / "set_a" / folder).mkdir(parents=True)
    for name in ("1_1", "2_1"):
        cv2.imwrite(str(tmp_path / "set_a" / "images" / f"{name}.png"), np.zeros((40, 40, 3), np.uint8))
        (tmp_path / "set_a" / "bounding_boxes" / f"{name}.txt").write_text("1 2 30 40\n\n")
    assert [p.boxes for p in boxes.find_photos(tmp_path)] == [((1, 2, 30, 40),)] * 2
    (tmp_path / "ink_masks").mkdir()
    (tmp_path / "ink_masks" / "annotations.csv").write_text("file,dataset\n1_1.png,set_a\n2_1.png,set_b\n")
    assert [p.file for p in boxes.find_photos(tmp_path)] == ["2_1.png"]
    for line in ("1 2 3", "a b c d", "5 5 5 9"):
        (tmp_path / "set_a" / "bounding_boxes" / "2_1.txt").write_text(line)
        with pytest.raises(InvalidInput, match=r"2_1\.txt"):
            boxes.find_photos(tmp_path)
    (tmp_path / "set_a" / "images" / "1_1.png").unlink()
    with pytest.raises(InvalidInput, match=r"1_1\.txt has no photo"):
        boxes.find_photos(tmp_path)


def test_false_ink_is_told_per_set() -> None:
    rows = [
        ("a", 0.0, ("NO_INK_FOUND",)),
        ("a", 0.04, ()),
        ("b", 0.01, ("INK_NOT_CERTAIN", "LOW_CONFIDENCE")),
    ]
    got = negatives.summarize([negatives.BareScore(str(k), s, v, f) for k, (s, v, f) in enumerate(rows)])
    assert got.all.mean == pytest.approx(0.05 / 3)
    assert got.all.median == 0.01
    assert (got.all.empty, got.all.refused, got.all.photos) == (1, 2, 3)
    assert got.sets["a"].mean == pytest.approx(0.02)
    assert got.sets["b"].mean_interval is None


def test_an_interval_is_the_same_each_time_and_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(1).normal(0.7, 0.1, 200).tolist()
    low, high = bootstrap.mean_interval(values) or (0, 0)
    assert bootstrap.mean_interval(values) == (low, high)
    assert high - low == pytest.approx(2 * 1.96 * np.std(values) / 200**0.5, rel=0.05)
    assert low < float(np.mean(values)) < high
    assert bootstrap.mean_interval([0.5]) is None
    assert bootstrap.ratio_interval([1, 1], [2, 2]) == (0.5, 0.5)


Row = tuple[str, float, dict[str, float], float]
"""Skin, IoU, colours, noise."""


def photos(*rows: Row) -> list[Measured]:
    base = Conditions(None, NOT_MEASURABLE, 480, 0.5, 50.0, 1.0)
    return [
        Measured(
            Photo(str(k), Path(), Path(), skin, colours),
            PhotoScore(str(k), iou, iou, iou, iou),
            replace(base, noise=grain),
            True,
        )
        for k, (skin, iou, colours, grain) in enumerate(rows)
    ]


def test_a_class_of_ten_photos_may_not_lie_far_below_the_mean() -> None:
    light: Row = ("light", 0.9, {}, 1.0)
    brown: Row = ("brown", 0.6, {}, 1.0)
    rows = [light] * 10 + [brown] * 9
    order = ("light", "brown", "dark")
    few = fairness(by_name(photos(*rows), lambda m: m.photo.skin, order), order)
    assert few.holds
    assert (few.too_few_photos, few.absent) == (("brown",), ("dark",))
    rows.append(brown)
    enough = fairness(by_name(photos(*rows), lambda m: m.photo.skin, order), order)
    assert (enough.holds, enough.worst_class) == (False, "brown")
    assert enough.largest_gap == pytest.approx(0.15)


def test_photos_count_for_each_of_their_colours_and_fall_into_thirds() -> None:
    rows: list[Row] = [
        ("light", k / 10, {"black": 0.9, "red": 0.1} if k > 6 else {"black": 1.0}, float(k)) for k in range(9)
    ]
    members = photos(*rows)
    assert {name: g.photos for name, g in by_colour(members).items()} == {"black": 9, "red": 2}
    groups = thirds(members, lambda m: m.conditions.noise)
    assert [g.mean_iou for g in groups.values()] == pytest.approx([0.1, 0.4, 0.7])
    assert [g.below_mean for g in groups.values()] == pytest.approx([0.3, 0.0, -0.3])
    assert list(thirds(members, lambda m: m.conditions.ita_degrees)) == [NOT_MEASURABLE]


def test_noise_and_blur_are_what_was_put_in() -> None:
    rng = np.random.default_rng(2)
    slope = np.tile(np.linspace(60, 180, 300, dtype=np.float32), (300, 1))
    grainy = (slope + rng.normal(0, 4, slope.shape)).round().clip(0, 255).astype(np.uint8)
    assert noise(grainy) == pytest.approx(4, rel=0.1)
    sharp = np.kron(rng.integers(40, 220, (15, 15)), np.ones((20, 20))).astype(np.uint8)
    blurred = [blur(np.asarray(cv2.GaussianBlur(sharp, (0, 0), s), np.uint8)) for s in (1.0, 2.0, 4.0)]
    assert [blur(sharp), *blurred] == sorted([blur(sharp), *blurred])
    assert blur(sharp) < 0.3 < blurred[1]
    assert blur(np.full((20, 20), 90, np.uint8)) == 1.0


def test_the_skin_around_the_ink_is_what_is_measured() -> None:
    rgb = np.full((200, 200, 3), (224, 187, 160), np.uint8)
    ink = np.zeros((200, 200), bool)
    ink[80:120, 80:120] = True
    rgb[ink] = (40, 40, 45)
    got = conditions(rgb, ink)
    assert got.ita_degrees == pytest.approx(56.6, abs=1.5)
    assert conditions(rgb, np.zeros_like(ink)).ita_class == NOT_MEASURABLE


def test_generated_designs_do_not_touch_and_are_the_same_for_the_same_seed() -> None:
    one, again = regions.compose(5), regions.compose(5)
    np.testing.assert_array_equal(one.ink, again.ink)
    assert one.boxes == again.boxes
    x1, y1, x2, y2 = np.array(one.boxes).T
    assert x1.min() >= 0
    assert y1.min() >= 0
    assert x2.max() <= one.ink.shape[1]
    assert y2.max() <= one.ink.shape[0]
    assert one.ink.any()


def test_joining_finds_the_word_and_loses_the_neighbours() -> None:
    word, apart = np.zeros((100, 200), bool), np.zeros((100, 200), bool)
    for k in range(4):
        word[40:60, 20 + 12 * k : 30 + 12 * k] = True  # gaps of 2 px: 1 % of the longer side
    apart[20:40, 20:60] = apart[20:40, 72:112] = True  # a gap of 12 px: 6 %
    letters = regions.Placed(word, ((20.0, 40.0, 66.0, 60.0),))
    two = regions.Placed(apart, ((20.0, 20.0, 60.0, 40.0), (72.0, 20.0, 112.0, 40.0)))
    assert [regions.matched_share([letters], near) for near in (0.0, 0.02, 0.1)] == [0.0, 1.0, 1.0]
    assert [regions.matched_share([two], near) for near in (0.0, 0.02, 0.1)] == [1.0, 1.0, 0.0]
