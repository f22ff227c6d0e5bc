"""Designs: every style lays ink within bounds, the same for the same numbers; shapes are filled by rule."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.synth.designs import EMPTY, MAX_INKS, STYLES, Design, Sheet, draw, inkwell, raster, tones
from models.synth.inks import INK_CLASSES, Ink
from tests.models.content import library, square, star

LIBRARY = library()


def sound(design: Design, size: int) -> None:
    assert design.amounts.shape == (len(design.inks), size, size)
    assert design.amounts.dtype == np.float32
    assert np.isfinite(design.amounts).all()
    assert design.amounts.min() >= 0
    assert design.amounts.max() <= 1.5
    assert 1 <= len(design.inks) <= MAX_INKS


@pytest.mark.parametrize("stock", [EMPTY, LIBRARY], ids=["empty", "stocked"])
@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_every_style_lays_ink(style: object, stock: object) -> None:
    covered = []
    for seed in range(4):
        sheet = Sheet(96, 1.5)
        style(np.random.default_rng(seed), sheet, stock)
        made = sheet.design()
        sound(made, 96)
        covered.append((made.amounts.max(0) > 0.1).mean())
    assert max(covered) > 0.01


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(48, 160), st.floats(1, 6))
def test_a_seed_is_a_design(seed: int, size: int, line: float) -> None:
    one, two = (draw(np.random.default_rng(seed), size, line, LIBRARY) for _ in range(2))
    sound(one, size)
    np.testing.assert_array_equal(one.amounts, two.amounts)
    assert one.inks == two.inks


def test_seeds_give_many_inks_and_ages() -> None:
    inks = [ink for seed in range(160) for ink in draw(np.random.default_rng(seed), 48, 1.5, LIBRARY).inks]
    assert {ink.name for ink in inks} >= set(INK_CLASSES) - {"flesh"}
    amounts = np.array([ink.amount for ink in inks])
    assert amounts.min() < 0.35
    assert amounts.max() > 0.9
    assert all(0.002 <= ink.clear_cm <= 0.012 for ink in inks)


def test_one_tattoo_ages_alike() -> None:
    fresh = tuple(Ink(name, 1.0, 0.004) for name in ("black", "red", "white"))
    aged = inkwell.aged(np.random.default_rng(3), fresh)
    assert len({(ink.amount, ink.clear_cm) for ink in aged}) == 1


def test_a_later_ink_hides_and_a_wash_adds() -> None:
    black, red = Ink("black", 1, 0.004), Ink("red", 1, 0.004)
    sheet, half = Sheet(8, 1), np.zeros((8, 8), np.float32)
    half[:4] = 1
    sheet.lay(np.ones((8, 8), np.float32), black)
    sheet.lay(half, red)
    sheet.shade(np.full((8, 8), 0.5, np.float32), red)
    amounts = sheet.design().amounts
    np.testing.assert_allclose(amounts[0], 1 - half)
    np.testing.assert_allclose(amounts[1], np.maximum(half, 0.5))


def test_a_seventh_ink_goes_to_its_like() -> None:
    sheet = Sheet(4, 1)
    for name in ("black", "red", "blue", "teal", "pink", "grey"):
        sheet.shade(np.full((4, 4), 0.1, np.float32), Ink(name, 1, 0.004))
    sheet.shade(np.ones((4, 4), np.float32), Ink("blue", 0.5, 0.006))
    made = sheet.design()
    assert len(made.inks) == MAX_INKS
    assert made.amounts[2].max() == 1
    with pytest.raises(ValueError, match="nothing was drawn"):
        Sheet(4, 1).design()


@given(st.floats(4, 40), st.floats(4, 40), st.floats(0.3, 0.9))
def test_a_hole_turned_the_other_way_is_bare(left: float, top: float, share: float) -> None:
    """Area of a square less a square hole; a hole turned alike is filled (non-zero rule)."""
    outer, side = square(0, 60) + np.array([left, top]), 60 * share
    inner = square(0, side) + np.array([left, top]) + 30 - side / 2
    bare = raster.nonzero((110, 110), [outer, inner[::-1]])
    full = raster.nonzero((110, 110), [outer, inner])
    # Antialiased drawing reaches half a pixel beyond an outline.
    assert bare.sum() == pytest.approx(3600 - side * side, abs=2.5 * (60 + side) + 10)
    assert full.sum() == pytest.approx(3600, abs=200)


def test_a_single_contour_is_what_opencv_fills() -> None:
    contour = star(7) * 80 + 5
    expected = np.zeros((90, 90), np.uint8)
    cv2.fillPoly(expected, [np.round(contour * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    np.testing.assert_allclose(raster.nonzero((90, 90), [contour]), expected / 255, atol=1e-6)


def test_motifs_are_fills_and_strokes() -> None:
    _, ring, cross = LIBRARY.motifs
    box = (10.0, 10.0, 80.0)
    assert raster.picture((100, 100), ring, box)[50, 50] == 0
    assert raster.silhouette(raster.picture((100, 100), ring, box))[50, 50] == 1
    drawn = raster.picture((100, 100), cross, box)
    assert drawn[50, 20] == 1
    assert drawn[20, 20] == 0
    assert drawn[46:55, 30].mean() > 0.8  # a tenth of 80 pixels wide
    assert len(raster.outlines(ring, box)) == 2


def test_lines_thinner_than_a_pixel_are_fainter() -> None:
    line = [np.array([[5.0, 20.0], [35.0, 20.0]])]
    assert raster.stroke((40, 40), line, 0.5).max() == pytest.approx(
        0.5 * raster.stroke((40, 40), line, 1).max()
    )


def test_text_advances() -> None:
    (alphabet,) = LIBRARY.alphabets
    contours, width = raster.lettering(alphabet, "oio")
    assert width == pytest.approx(1.4)
    assert len(contours) == 5
    assert contours[-1].min(0)[0] == pytest.approx(0.9)  # after o (0.6), i (0.2), within the o


@pytest.mark.parametrize("tone", [*tones.TONES, tones.strands], ids=lambda tone: tone.__name__)
def test_tones_stay_within_their_shape(tone: object) -> None:
    shape = np.zeros((80, 80), np.float32)
    shape[20:60, 20:60] = 1
    for seed in range(3):
        laid = tone(np.random.default_rng(seed), shape, 2.0)
        assert laid.shape == shape.shape
        assert np.isfinite(laid).all()
        assert laid.min() >= 0
        assert laid.max() <= 1.5
        outside = laid.copy()
        outside[17:63, 17:63] = 0  # a dot may reach over the edge by its radius
        assert outside.max() == 0
