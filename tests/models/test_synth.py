"""The generator: the same seed gives the same photo, its masks are right, its skin is the skin asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.synth import designs, skin
from models.synth.camera import encode
from models.synth.pigment import COLOURS, TRANSMISSION_LAB, absorbance, lab_to_linear
from models.synth.scene import BARE, IGNORE, INK, VISIBLE, apply_ink, compose, ink_mask
from svc_color.space import srgb_to_lab


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31))
def test_a_seed_is_a_photo(seed: int) -> None:
    one, two = compose(seed, 128), compose(seed, 128)
    np.testing.assert_array_equal(one.rgb, two.rgb)
    np.testing.assert_array_equal(one.mask, two.mask)
    assert one.rgb.shape == (128, 128, 3)
    assert set(np.unique(one.mask)) <= {BARE, IGNORE, INK}
    assert not ((one.mask == INK) & (one.skin == 0)).any()  # no ink where no skin is seen
    assert -50 <= one.ita <= 60


def test_most_scenes_hold_ink_and_they_differ() -> None:
    made = [compose(seed, 128) for seed in range(24)]
    with_ink = [s for s in made if (s.mask == INK).any()]
    assert 15 <= len(with_ink) <= 24
    assert len({s.rgb.tobytes() for s in made}) == 24
    assert min(s.ita for s in made) < -20
    assert max(s.ita for s in made) > 40


@pytest.mark.parametrize("ita", [-50, -30, -10, 0, 10, 19, 28, 41, 48, 55, 60])
def test_skin_has_the_individual_typology_angle_asked_for(ita: float) -> None:
    lab = np.asarray(srgb_to_lab(encode(skin.skin_colour(ita)[None, None, :])))[0, 0]
    assert np.degrees(np.arctan2(lab[0] - 50, lab[2])) == pytest.approx(ita, abs=2.5)


def test_dense_ink_on_skin_is_skin_times_its_transmission_colour() -> None:
    for name, lab in TRANSMISSION_LAB.items():
        ratio = np.exp(-absorbance(name))
        expected = np.clip(lab_to_linear(np.array(lab, np.float64)), 0.02, 1.0)
        np.testing.assert_allclose(ratio, expected, rtol=1e-4)


def test_ink_only_darkens_and_no_ink_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    linear = np.ones((40, 40, 3), np.float32) * skin.skin_colour(30)
    ink = np.zeros((40, 40, 3), np.float32)
    np.testing.assert_array_equal(apply_ink(rng, linear, ink), linear)
    ink[10:30, 10:30] = absorbance("red")
    assert (apply_ink(rng, linear, ink) <= linear + 1e-6).all()


def test_the_mask_says_ink_ignore_and_bare_by_visibility() -> None:
    ink = np.zeros((4, 4, 3), np.float32)
    ink[0, 0, 2], ink[0, 1, 1], ink[1, 1, 0] = VISIBLE + 0.01, 0.2, 2.0
    seen = np.ones((4, 4), bool)
    seen[1, 1] = False
    mask = ink_mask(ink, seen)
    assert (mask[0, 0], mask[0, 1], mask[1, 1], mask[3, 3]) == (INK, IGNORE, BARE, BARE)


@pytest.mark.parametrize("seed", range(12))
def test_every_design_lays_ink(seed: int) -> None:
    square = [np.array([[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]])]
    drawn = designs.draw(np.random.default_rng(seed), 128, 2.0, [square])
    assert drawn.shape == (128, 128, 3)
    assert np.isfinite(drawn).all()
    assert drawn.min() >= 0
    assert (drawn.max(-1) > VISIBLE).mean() > 0.002


def test_all_colours_are_told_apart_from_bare_skin() -> None:
    assert all(absorbance(name).max() > VISIBLE for name in COLOURS)
