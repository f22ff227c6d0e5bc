"""Regions and uncertainty of probability maps that were built by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc_segment.core import conclude, measure
from svc_segment.model import Contract
from svc_segment.regions import LISTED_REGIONS, find_regions

CONTRACT = Contract(
    name="test",
    version="0.0.0",
    sha256="",
    multiple=32,
    tile=128,
    overlap=32,
    fine_side=400,
    coarse_side=400,
    coarse_weight=0.0,
    temperature=1.0,
    bias=0.0,
    threshold=0.5,
    area_low=0.8,
    area_high=0.2,
)


def logit(p: np.ndarray) -> np.ndarray:
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(q / (1 - q)).astype(np.float32)


def test_two_squares_are_two_regions_largest_first() -> None:
    p = np.full((100, 200), 0.01, np.float32)
    p[10:20, 10:30] = 0.9
    p[50:90, 100:150] = 0.7
    found = conclude(logit(p), CONTRACT)
    large, small = found.regions
    assert (large.id, large.area_px, large.box) == (1, 2000, (100, 50, 50, 40))
    assert large.centroid == (pytest.approx(124.5), pytest.approx(69.5))
    assert large.mean_probability == pytest.approx(0.7, abs=1e-3)
    assert large.ink_share == pytest.approx(2000 / 2200)
    assert (small.id, small.area_px, small.box) == (2, 200, (10, 10, 20, 10))
    assert found.uncertainty.ink_share == pytest.approx(2200 / 20000)
    assert found.uncertainty.ink_share_low == pytest.approx(200 / 20000)  # only the square at 0.9 is sure
    assert found.border_share == 0
    assert set(np.unique(found.mask)) == {0, 255}
    assert found.probability[70, 120] == round(0.7 * 255)


def test_diagonal_neighbours_are_one_region() -> None:
    p = np.zeros((40, 40), np.float32)
    p[5:10, 5:10] = p[10:15, 10:15] = 0.9
    _, regions, _ = find_regions(p, 0.5)
    assert [r.area_px for r in regions] == [50]


def test_specks_are_dropped_and_a_clean_photo_has_no_ink() -> None:
    p = np.full((100, 100), 0.02, np.float32)
    p[50, 50:54] = 0.99
    found = conclude(logit(p), CONTRACT)
    assert found.regions == ()
    assert not found.mask.any()
    assert found.uncertainty.ink_share == 0
    assert found.mean_probability == 0


def test_many_regions_are_counted_when_not_listed() -> None:
    p = np.zeros((320, 320), np.float32)
    for y in range(10):
        for x in range(10):
            p[y * 32 + 4 : y * 32 + 12, x * 32 + 4 : x * 32 + 12 + y] = 0.9
    _, regions, omitted = find_regions(p, 0.5)
    assert len(regions) == LISTED_REGIONS
    assert omitted == 100 - LISTED_REGIONS
    assert [r.area_px for r in regions] == sorted((r.area_px for r in regions), reverse=True)


def test_ink_at_the_edge_is_seen() -> None:
    p = np.zeros((50, 50), np.float32)
    p[:, :10] = 0.95
    assert conclude(logit(p), CONTRACT).border_share == pytest.approx((50 + 9 + 9) / 196)


def test_entropy_of_a_coin_is_one_bit_and_of_certainty_none() -> None:
    coin = np.full((40, 40), 0.5, np.float32)
    assert measure(coin, coin > 0.4, CONTRACT).mean_entropy_bits == pytest.approx(1)
    sure = np.ones((40, 40), np.float32)
    assert measure(sure, sure > 0.5, CONTRACT).mean_entropy_bits == pytest.approx(0, abs=1e-4)
    bare = np.zeros((40, 40), np.float32)
    assert measure(bare, bare > 0.5, CONTRACT).mean_entropy_bits == 0


def test_temperature_softens_probabilities_but_keeps_the_mask() -> None:
    values = np.random.default_rng(3).normal(0, 3, (64, 64)).astype(np.float32)
    cold = conclude(values, CONTRACT)
    warm = conclude(values, dataclasses.replace(CONTRACT, temperature=3.0))
    np.testing.assert_array_equal(cold.mask, warm.mask)
    assert warm.uncertainty.mean_entropy_bits > cold.uncertainty.mean_entropy_bits
    assert warm.mean_probability < cold.mean_probability


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 5.0), st.integers(8, 60), st.integers(8, 60))
def test_the_interval_holds_the_share_and_shares_add_up(
    seed: int, spread: float, height: int, width: int
) -> None:
    values = np.random.default_rng(seed).normal(-0.5, spread, (height, width)).astype(np.float32)
    found = conclude(values, CONTRACT)
    u = found.uncertainty
    assert 0 <= u.ink_share_low <= u.ink_share <= u.ink_share_high <= 1
    assert u.boundary_share >= 0
    assert 0 <= u.mean_entropy_bits <= 1
    assert int((found.mask > 0).sum()) == round(u.ink_share * height * width)
    if found.regions and not found.regions_omitted:
        assert sum(r.ink_share for r in found.regions) == pytest.approx(1)
        assert sum(r.area_px for r in found.regions) == (found.mask > 0).sum()


def test_bias_moves_the_edge() -> None:
    values = np.linspace(-5, 5, 64 * 64).reshape(64, 64).astype(np.float32)
    found = conclude(values, dataclasses.replace(CONTRACT, bias=2.0))
    np.testing.assert_array_equal(found.mask > 0, values > 2)


def test_strokes_with_little_skin_between_them_are_one_region() -> None:
    p = np.zeros((200, 300), np.float32)
    for k in range(6):  # a word of six letters, 6 px apart
        p[50:70, 40 + 16 * k : 50 + 16 * k] = 0.9
    p[150:190, 200:260] = 0.9
    _, regions, _ = find_regions(p, 0.5)
    assert [r.box for r in regions] == [(200, 150, 60, 40), (40, 50, 90, 20)]
    assert regions[1].area_px == 6 * 200
    assert regions[1].centroid == (pytest.approx(84.5), pytest.approx(59.5))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_regions_hold_all_the_ink_of_the_mask_once(seed: int, blots: int) -> None:
    rng = np.random.default_rng(seed)
    p = np.zeros((90, 130), np.float32)
    for _ in range(blots):
        y, x, tall, wide = rng.integers(0, 80), rng.integers(0, 120), rng.integers(1, 20), rng.integers(1, 30)
        p[y : y + tall, x : x + wide] = rng.uniform(0.4, 1)
    mask, regions, omitted = find_regions(p, 0.5)
    assert omitted == 0
    assert sum(r.area_px for r in regions) == int((mask > 0).sum())
    assert sum(r.ink_share for r in regions) == pytest.approx(1.0 if regions else 0.0)
    covered = np.zeros(mask.shape, bool)
    for r in regions:
        x, y, wide, tall = r.box
        covered[y : y + tall, x : x + wide] = True
        assert x <= r.centroid[0] < x + wide
        assert y <= r.centroid[1] < y + tall
    assert not (mask > 0)[~covered].any()
