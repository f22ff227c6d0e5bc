"""Cutting a photo into tiles and blending the answers loses and shifts nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc_segment.model import Contract
from svc_segment.tiles import blend, passes

CONTRACT = Contract(
    name="test",
    version="0.0.0",
    sha256="",
    multiple=32,
    tile=128,
    overlap=32,
    fine_side=400,
    coarse_side=96,
    coarse_weight=0.0,
    temperature=1.0,
    bias=0.0,
    threshold=0.5,
    area_low=0.8,
    area_high=0.2,
)


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(st.integers(32, 400), st.integers(32, 400), st.integers(0, 99))
def test_blending_a_plane_of_the_features_gives_that_plane_back(height: int, width: int, seed: int) -> None:
    (look,) = passes(photo(height, width, seed), CONTRACT)
    answers = [tile[1] for tile in look.tiles()]
    joined = blend([look], [answers], (height, width))
    assert joined.shape == (height, width)
    np.testing.assert_allclose(joined, look.padded[1, :height, :width], atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(32, 400), st.integers(32, 400))
def test_tiles_cover_the_photo_and_overlap_enough(height: int, width: int) -> None:
    (look,) = passes(photo(height, width), CONTRACT)
    for starts, tile, length in ((look.rows, look.tile[0], height), (look.columns, look.tile[1], width)):
        assert tile % CONTRACT.multiple == 0
        assert tile <= CONTRACT.tile
        assert starts[0] == 0
        assert starts[-1] + tile >= length
        steps = np.diff(starts)
        assert all(tile - step >= CONTRACT.overlap for step in steps)


def test_a_big_photo_is_seen_at_the_fine_side_only() -> None:
    (look,) = passes(photo(300, 1200), CONTRACT)
    assert look.size == (100, 400)
    assert look.weight == 1


def test_two_passes_share_the_weight_and_a_small_photo_gets_one() -> None:
    contract = dataclasses.replace(CONTRACT, coarse_weight=0.3)
    fine, coarse = passes(photo(200, 300), contract)
    assert (fine.size, coarse.size) == ((200, 300), (64, 96))
    assert fine.weight + coarse.weight == pytest.approx(1)
    assert len(passes(photo(80, 96), contract)) == 1


def test_blend_averages_constant_answers_by_weight() -> None:
    contract = dataclasses.replace(CONTRACT, coarse_weight=0.25)
    looks = passes(photo(200, 300), contract)
    values = (2.0, -2.0)
    logits = [
        [np.full(look.tile, v, np.float32) for _ in look.tiles()]
        for look, v in zip(looks, values, strict=True)
    ]
    np.testing.assert_allclose(blend(looks, logits, (200, 300)), 0.75 * 2 - 0.25 * 2, atol=1e-5)
