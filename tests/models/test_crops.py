"""Training examples can be made again, in any order, as the product would compute them; no PyTorch needed."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.synth.scene import compose
from models.train.ink.crops import batches, make
from models.train.ink.plan import Cycle, Phase, Plan, changed
from models.train.ink.truth import half_contrast, shrink_mask
from svc_segment.features import CHANNELS

Scenes = list[NDArray[np.uint8]]
PLAN = Plan(
    scenes=2,
    head=2,
    cycles=(Cycle(1e-3, (Phase(3, 64, 3, (200.0, 512.0)),)), Cycle(1e-3, (Phase(2, 96, 2, (300.0, 500.0)),))),
)


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    made = [compose(seed, 512) for seed in (3, 4)]
    return [np.dstack([s.rgb, s.mask, s.skin]) for s in made]


def test_a_run_that_goes_on_sees_the_batches_it_would_have_seen(scenes: Scenes) -> None:
    whole, rest = list(batches(PLAN, scenes, 0)), list(batches(PLAN, scenes, 2))
    assert (len(whole), len(rest)) == (5, 3)
    for one, two in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(one.inputs, two.inputs)
        np.testing.assert_array_equal(one.mask, two.mask)
    assert not np.array_equal(whole[0].inputs, whole[1].inputs)


def test_a_batch_has_the_shapes_and_values_of_the_product(scenes: Scenes) -> None:
    for step, shape in ((2, (3, 64, 64)), (3, (2, 96, 96))):
        batch = make(PLAN, scenes, step)
        assert batch.inputs.shape == (shape[0], CHANNELS, *shape[1:])
        assert batch.mask.shape == batch.skin.shape == shape
        assert set(np.unique(batch.mask)) <= {0, 128, 255}
        assert np.isfinite(batch.inputs).all()
        assert np.abs(batch.inputs[:, :3]).max() <= 2


def test_scenes_arrive_evenly_in_the_first_half_of_the_steps() -> None:
    plan = dataclasses.replace(
        PLAN, scenes=100, head=20, cycles=(Cycle(1.0, (Phase(40, 64, 1, (200.0, 300.0)),)),)
    )
    assert [plan.arrived(s) for s in (0, 10, 20, 39)] == [20, 60, 100, 100]


def test_a_plan_takes_named_changes_and_refuses_unknown_ones() -> None:
    plan = changed(Plan(), ["loss.dice=0", "net.widths=[8,8,8,8,8]", "cycles=[[0.001,[[5,64,2,[200,300]]]]]"])
    assert (plan.loss.dice, plan.net.widths, plan.steps) == (0, (8, 8, 8, 8, 8), 5)
    with pytest.raises(ValueError, match="no 'dyce'"):
        changed(Plan(), ["loss.dyce=0"])


def test_the_edge_of_a_blurred_line_lies_at_half_its_contrast() -> None:
    sharp = np.zeros((60, 60), np.float32)
    sharp[:, 28:32] = 1  # a line 4 px wide
    ink = cv2.GaussianBlur(sharp, (0, 0), 1.5)
    rgb = np.repeat((200 - 150 * ink)[:, :, None], 3, 2).astype(np.uint8)
    generous = np.where(ink > 0.05, 255, 0).astype(np.uint8)
    mask = half_contrast(rgb, generous)
    assert int((generous[30] == 255).sum()) == 8
    assert np.flatnonzero(mask[30] == 255).tolist() == [28, 29, 30, 31]
    assert set(mask[30, [27, 32]]) == {128}
    solid = np.full((60, 60), 255, np.uint8)
    np.testing.assert_array_equal(half_contrast(rgb, solid), solid)  # no skin near: nothing to judge by


def test_a_smaller_mask_leaves_open_what_is_less_than_half_ink() -> None:
    mask = np.zeros((60, 60), np.uint8)
    for columns, seventh in ((31, 0), (32, 128), (33, 255)):  # a fifth, two and three fifths of a pixel
        mask[:, :columns] = 255
        assert shrink_mask(mask, 12)[0].tolist() == [255] * 6 + [seventh] + [0] * 5
