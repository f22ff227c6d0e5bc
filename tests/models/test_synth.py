"""The generator: the same seed gives the same photo, its truth is exact, its skin is the skin it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.synth import hand, skin
from models.synth.camera import encode, photograph
from models.synth.geometry import Surface, from_height
from models.synth.inks import INK_CLASSES
from models.synth.light import illuminate
from models.synth.scene import BARE, IGNORE, INK, INVISIBLE, VISIBLE, Scene, compose, ink_mask, metric
from models.synth.spectra.person import draw_person, skin_linear, typology_angle
from svc_color.difference import delta_e_2000
from svc_color.space import linear_to_lab, linear_to_srgb

FIELDS = ("rgb", "mask", "skin", "ink_class", "albedo")


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [compose(seed, 160) for seed in range(40)]


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**31))
def test_a_seed_is_a_photo(seed: int) -> None:
    one, two = compose(seed, 128), compose(seed, 128)
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
    assert (one.ita, one.melanin, one.kind, one.clutter, one.inks) == (
        two.ita,
        two.melanin,
        two.kind,
        two.clutter,
        two.inks,
    )


def test_the_truth_fits_together(scenes: list[Scene]) -> None:
    for s in scenes:
        assert s.rgb.shape == s.albedo.shape == (160, 160, 3)
        assert s.mask.shape == s.skin.shape == s.ink_class.shape == (160, 160)
        assert set(np.unique(s.mask)) <= {BARE, IGNORE, INK}
        assert not ((s.mask != BARE) & (s.skin == 0)).any()  # no ink where no skin is seen
        np.testing.assert_array_equal(s.ink_class > 0, s.mask != BARE)
        assert set(np.unique(s.ink_class)) <= {0, *(ink.number for ink in s.inks)}
        assert (s.kind == "tattoo") == bool(s.inks)
        if s.kind == "bare":
            assert not s.mask.any()
        assert np.isfinite(s.albedo).all()
        assert 0 < s.albedo.min() <= s.albedo.max() <= 1.05
        assert 0 < s.melanin < 0.45


def test_a_quarter_of_the_photos_is_bare_and_they_differ(scenes: list[Scene]) -> None:
    assert 4 <= sum(s.kind == "bare" for s in scenes) <= 18
    assert sum((s.mask == INK).any() for s in scenes) >= 18
    assert len({s.rgb.tobytes() for s in scenes}) == len(scenes)
    assert min(s.ita for s in scenes) < -20
    assert max(s.ita for s in scenes) > 40


def test_the_angle_is_that_of_the_bare_skin_seen(scenes: list[Scene]) -> None:
    checked = 0
    for s in scenes:
        bare = (s.mask == BARE) & (s.skin == 255)
        if bare.sum() > 2000:
            colour = np.median(s.albedo[bare].astype(np.float64), axis=0)
            assert s.ita == pytest.approx(float(typology_angle(colour)), abs=1.0)
            checked += 1
    assert checked >= 20


def test_ink_in_the_mask_is_not_the_colour_of_the_skin(scenes: list[Scene]) -> None:
    """The skin next to it varies too, so the mean over an ink is compared, and dark or flesh ink left out."""
    checked = 0
    for s in scenes:
        bare = (s.mask == BARE) & (s.skin == 255)
        dense = (s.mask == INK) & (s.ink_class == 1)
        if dense.sum() > 300 and bare.sum() > 2000:
            ink, skin_lab = (linear_to_lab(s.albedo[at].astype(np.float64)).mean(0) for at in (dense, bare))
            assert float(delta_e_2000(ink, skin_lab)) > VISIBLE
            assert ink[0] < skin_lab[0]
            checked += 1
    assert checked >= 5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_the_metric_is_ciede2000_for_small_changes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    person = draw_person(rng)
    way = rng.normal(size=3)
    length = rng.uniform(INVISIBLE, VISIBLE) / np.sqrt(way @ metric(person) @ way)
    skin_rgb = skin_linear(person.optics)
    exact = float(delta_e_2000(linear_to_lab(skin_rgb * np.exp(way * length)), linear_to_lab(skin_rgb)))
    assert exact == pytest.approx(length * np.sqrt(way @ metric(person) @ way), rel=0.35)


def test_the_mask_says_ink_ignore_and_bare_by_visibility() -> None:
    difference = np.array(
        [[VISIBLE + 0.01, 0.5 * (VISIBLE + INVISIBLE)], [INVISIBLE - 0.01, 50.0]], np.float32
    )
    seen = np.array([[True, True], [True, False]])
    np.testing.assert_array_equal(ink_mask(difference, seen), [[INK, IGNORE], [BARE, BARE]])


@pytest.mark.parametrize("ita", [-50, -30, -10, 0, 10, 19, 28, 41, 48, 55, 60])
def test_average_skin_has_the_angle_asked_for(ita: float) -> None:
    assert float(typology_angle(skin.skin_colour(ita).astype(float))) == pytest.approx(ita, abs=0.3)


def flat(size: int = 96) -> Surface:
    return from_height(np.zeros((size, size), np.float32), np.ones((size, size), bool), 0.05, "flat")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_skin_grows_within_what_skin_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    person = draw_person(rng)
    grown = skin.grow(rng, flat(), person)
    for field in (grown.log_melanin, grown.log_blood, grown.relief_cm):
        assert np.isfinite(field).all()
    assert float(np.abs(np.median(grown.log_blood) - np.log(person.blood))) < 4.0
    assert float(np.abs(grown.relief_cm).max()) < 0.6
    assert all(amount.min() >= 0 and amount.max() < 4 for amount, _ in grown.stains)
    light = illuminate(rng, flat(), grown.relief_cm)
    assert light.diffuse.min() > 0
    assert light.diffuse.max() < 4
    assert light.glare.min() >= 0


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_a_hand_is_whole_and_its_nails_lie_on_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    part = hand.extremity(rng, (128, 128))
    assert part.surface.where.any()
    np.testing.assert_allclose(np.linalg.norm(part.surface.normal, axis=2), 1, atol=1e-4)
    assert len(part.tips) == 5
    lit = np.full((128, 128, 3), 0.3, np.float32)
    hidden, names = hand.nails(rng, lit, part, np.ones_like(lit))
    assert hidden.any() <= bool(names)
    assert (lit >= 0).all()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.02, 0.6))
def test_the_camera_gives_a_photo_of_the_same_frame(seed: int, level: float) -> None:
    linear = np.full((64, 80, 3), level, np.float32)
    one, two = (photograph(np.random.default_rng(seed), linear, level) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == linear.shape
    assert one.dtype == np.uint8
    assert 10 < one.mean() < 250


def test_encoding_is_the_standards() -> None:
    linear = np.linspace(0, 1, 300).reshape(100, 1, 3).astype(np.float32)
    np.testing.assert_allclose(encode(linear), linear_to_srgb(linear.astype(float)), atol=3e-3)


def test_every_class_is_named_once() -> None:
    assert len(set(INK_CLASSES)) == 16
