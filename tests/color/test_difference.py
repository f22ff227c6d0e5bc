"""Colour differences: published pairs, and what must hold for every pair."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from svc_color.difference import Array, delta_e_76, delta_e_94, delta_e_2000

# Sharma, Wu and Dalal (2005), Color Research and Application 30(1):21-30, table 1: two colours and their
# CIEDE2000 to four decimals.
SHARMA = np.array(
    [
        (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
        (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
        (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
        (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
        (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
        (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
        (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
        (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
        (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
        (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
        (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
        (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
        (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
        (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
        (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
        (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
        (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
        (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
)
FIRST, SECOND, PUBLISHED = SHARMA[:, :3], SHARMA[:, 3:6], SHARMA[:, 6]

in_gamut = arrays(
    np.float64, (7, 3), elements=st.floats(-128, 128, allow_nan=False, width=64), fill=st.nothing()
).map(lambda a: np.column_stack([np.abs(a[:, 0]) * 100 / 128, a[:, 1:]]))


@pytest.mark.parametrize("fast", [False, True])
def test_m03_sharma_pairs_to_four_decimals(fast: bool) -> None:
    assert delta_e_2000(FIRST, SECOND, fast=fast) == pytest.approx(PUBLISHED, abs=1e-4)


def test_table_is_the_published_file(shared_data: Path) -> None:
    path = shared_data / "golden" / "ciede2000" / "sharma_wu_dalal_34_pairs.csv"
    assert np.array_equal(np.loadtxt(path, delimiter=",", skiprows=1)[:, 1:], SHARMA)


@pytest.mark.parametrize("fast", [False, True])
def test_jump_where_hues_are_opposite(fast: bool) -> None:
    """Rows 9 to 12: the second hue passes 180 degrees from the first, and the mean hue changes sides."""
    steps = delta_e_2000(FIRST[8:12], SECOND[8:12], fast=fast)
    assert steps[2] - steps[1] == pytest.approx(0.0403, abs=2e-4)
    assert steps[0] == pytest.approx(steps[1], abs=1e-4)


@settings(deadline=None)
@given(in_gamut, in_gamut)
def test_symmetric_and_never_negative(lab_1: Array, lab_2: Array) -> None:
    there, back = delta_e_2000(lab_1, lab_2), delta_e_2000(lab_2, lab_1)
    assert there == pytest.approx(back, rel=1e-9, abs=1e-9)
    assert np.all(there >= 0)


@settings(deadline=None)
@given(in_gamut)
def test_zero_for_equal_colours_only(lab: Array) -> None:
    for fast in (False, True):
        assert np.all(delta_e_2000(lab, lab, fast=fast) == 0)
        assert np.all(delta_e_2000(lab, lab + np.array([0.5, 0, 0]), fast=fast) > 0)


@settings(max_examples=200, deadline=None)
@given(in_gamut, in_gamut)
def test_float32_path_stays_within_1e_4(lab_1: Array, lab_2: Array) -> None:
    assert delta_e_2000(lab_1, lab_2, fast=True) == pytest.approx(delta_e_2000(lab_1, lab_2), abs=1e-4)


@pytest.mark.parametrize("jitter", [0.0, 1e-6, 1e-3, 0.1, 10.0])
@pytest.mark.parametrize("turn", [1.0, -1.0, 0.001, -0.001])
def test_float32_path_at_the_jumps(jitter: float, turn: float) -> None:
    """Near pairs, opposite hues, and greys, where float32 has the least to say."""
    rng = np.random.default_rng(7)
    lab_1 = rng.uniform([0, -128, -128], [100, 128, 128], (50_000, 3))
    lab_2 = lab_1 * [1, turn, turn] + rng.normal(0, 1, lab_1.shape) * jitter
    exact, single = delta_e_2000(lab_1, lab_2), delta_e_2000(lab_1, lab_2, fast=True)
    assert np.abs(exact - single).max() < 1e-4


def test_float32_path_beyond_real_colours() -> None:
    rng = np.random.default_rng(8)
    lab_1, lab_2 = rng.normal(0, 1e4, (2, 20_000, 3))
    assert delta_e_2000(lab_1, lab_2, fast=True) == pytest.approx(delta_e_2000(lab_1, lab_2), abs=1e-4)


@pytest.mark.parametrize("fast", [False, True])
def test_mean_hue_at_zero(fast: bool) -> None:
    """The rotation term counts hue from 0 to 360, so mean hues just under and just over 0 differ."""
    lab_1 = np.array([[50, 100, -17.5], [50, 100, -17.3]])
    lab_2 = np.array([50.0, 100, 17.4])
    exact = delta_e_2000(lab_1, lab_2)
    assert delta_e_2000(lab_1, lab_2, fast=fast) == pytest.approx(exact, abs=1e-5)


def test_broadcasts_and_keeps_the_pairing() -> None:
    rng = np.random.default_rng(3)
    rows, columns = rng.normal(0, 30, (150, 1, 3)), rng.normal(0, 30, (1, 170, 3))
    table = delta_e_2000(rows, columns)
    assert table.shape == (150, 170)
    assert table.dtype == np.float64
    assert table[31, 77] == delta_e_2000(rows[31, 0], columns[0, 77])
    assert table[149, 169] == delta_e_2000(rows[149, 0], columns[0, 169])
    assert delta_e_2000(FIRST[0], SECOND[0]).shape == ()
    assert delta_e_2000(np.empty((0, 3)), np.ones(3)).shape == (0,)
    backwards = delta_e_2000(FIRST[::-1], SECOND[::-1])
    assert np.array_equal(backwards[::-1], delta_e_2000(FIRST, SECOND))


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_colour_that_is_no_number_has_no_difference(fast: bool, bad: float, channel: int) -> None:
    lab = np.tile([50.0, 10.0, 10.0], (3, 1))
    lab[1, channel] = bad
    with np.errstate(all="raise", under="ignore"):
        out = delta_e_2000(lab, [50.0, 11.0, 12.0], fast=fast)
    assert np.isnan(out).tolist() == [False, True, False]


def test_parametric_factors() -> None:
    lightness_only = delta_e_2000([50, 0, 0], [60, 0, 0], k_l=2)
    assert lightness_only == pytest.approx(delta_e_2000([50, 0, 0], [60, 0, 0]) / 2)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_impossible_factors_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="k_l"):
        delta_e_2000([50, 0, 0], [60, 0, 0], k_l=wrong)
    with pytest.raises(ValueError, match="k_c"):
        delta_e_2000([50, 0, 0], [60, 0, 0], k_c=wrong)
    with pytest.raises(ValueError, match="k_h"):
        delta_e_94([50, 0, 0], [60, 0, 0], k_h=wrong)


@pytest.mark.parametrize("shape", [(), (2,), (4, 2)])
def test_refuses_what_holds_no_colours(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="last axis"):
        delta_e_2000(np.zeros(shape), np.zeros(3))
    with pytest.raises(ValueError, match="broadcast"):
        delta_e_2000(np.zeros((2, 3)), np.zeros((4, 3)))


def test_cie76_is_the_distance() -> None:
    assert delta_e_76([50, 0, 0], [53, 4, 12]) == pytest.approx(13.0)


def test_cie94_weighs_by_the_reference() -> None:
    """By hand: C1 = 40 gives S_C = 2.8 and S_H = 1.6; a pure chroma step, then a pure hue step."""
    assert delta_e_94([50, 40, 0], [50, 45.6, 0]) == pytest.approx(2.0)
    angle = np.radians(10)
    chord = 2 * 40 * np.sin(angle / 2)
    assert delta_e_94([50, 40, 0], [50, 40 * np.cos(angle), 40 * np.sin(angle)]) == pytest.approx(chord / 1.6)
    assert delta_e_94([50, 20, 0], [50, 60, 0]) != delta_e_94([50, 60, 0], [50, 20, 0])


def test_agrees_with_colour_science(colour: ModuleType) -> None:
    rng = np.random.default_rng(11)
    lab_1, lab_2 = rng.uniform([0, -128, -128], [100, 128, 128], (2, 100_000, 3))
    theirs = colour.delta_E(lab_1, lab_2, method="CIE 2000")
    assert np.abs(delta_e_2000(lab_1, lab_2) - theirs).max() < 1e-9
    theirs = colour.delta_E(lab_1, lab_2, method="CIE 1994", textiles=False)
    assert np.abs(delta_e_94(lab_1, lab_2) - theirs).max() < 1e-9
