"""Golden tables: Shrout & Fleiss 1979 table 2, Bland & Altman 1986 PEFR, and properties of ICC and MDC."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc_decision.balance.mdc import mdc95, sem_from_icc
from svc_decision.balance.reliability import (
    anova,
    bland_altman,
    detectable_change,
    icc,
    reliability_band,
    sem_agreement,
    sem_consistency,
)

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
# Kind: value, ends of the 95 % interval.
EXPECTED = {
    "1,1": (0.165742, -0.132932, 0.722560),
    "2,1": (0.289764, 0.018787, 0.761084),
    "3,1": (0.714841, 0.342465, 0.945858),
    "1,k": (0.442797, -0.884442, 0.912415),
    "2,k": (0.620051, 0.071137, 0.927232),
    "3,k": (0.909316, 0.675675, 0.985892),
}
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_mean_squares_of_shrout_and_fleiss():
    a = anova(SHROUT_FLEISS)
    assert (a.n, a.k) == (6, 4)
    assert (a.bms, a.wms, a.jms, a.ems) == pytest.approx((11.241667, 6.263889, 32.486111, 1.019444), abs=1e-6)


@pytest.mark.parametrize("kind", EXPECTED)
def test_icc_of_shrout_and_fleiss(kind):
    found = icc(SHROUT_FLEISS, kind)
    assert (found.value, found.low, found.high) == pytest.approx(EXPECTED[kind], abs=1e-6)
    one_way = kind[0] == "1"
    assert found.f == pytest.approx(1.794678 if one_way else 11.027248, abs=1e-6)
    assert found.p == pytest.approx(0.164769 if one_way else 0.000134567, abs=1e-6)


def test_sem_and_mdc_of_shrout_and_fleiss():
    a = anova(SHROUT_FLEISS)
    assert sem_agreement(a) == pytest.approx(2.502776, abs=1e-6)
    assert sem_consistency(a) == pytest.approx(1.009675, abs=1e-6)
    assert detectable_change(SHROUT_FLEISS) == pytest.approx(6.937342, abs=1e-6)
    assert detectable_change(SHROUT_FLEISS, agreement=False) == pytest.approx(2.798677, abs=1e-6)


def test_bands_speak_of_the_interval():
    assert icc(SHROUT_FLEISS, "3,1").band == ("poor", "excellent")
    words = [reliability_band(x) for x in (-0.2, 0.5, 0.51, 0.75, 0.76, 0.9, 0.91)]
    assert words == ["poor", "poor", "moderate", "moderate", "good", "good", "excellent"]


def test_peak_flow_of_bland_and_altman():
    with_196 = bland_altman(WRIGHT, MINI)
    assert with_196.mean == pytest.approx(-2.1176, abs=1e-4)
    assert with_196.sd == pytest.approx(38.7651, abs=1e-4)
    assert (with_196.lower, with_196.upper) == pytest.approx((-78.0973, 73.8620), abs=1e-4)
    with_two = bland_altman(WRIGHT, MINI, factor=2)
    assert (with_two.lower, with_two.upper) == pytest.approx((-79.65, 75.41), abs=0.01)
    # t(0.975, 16) = 2.119905; the limits' standard error by hand.
    half = 2.119905 * 38.765133 * math.sqrt(1 / 17 + 1.96**2 / 32)
    assert with_196.lower_95 == pytest.approx((-78.0973 - half, -78.0973 + half), abs=1e-3)
    assert with_196.mean_95 == pytest.approx((-22.049, 17.814), abs=1e-3)


def test_mdc_from_sem():
    assert mdc95(3.0) == pytest.approx(8.3156, abs=1e-4)
    assert sem_from_icc(10, 0.91) == pytest.approx(3.0)
    assert sem_from_icc(10, -0.2) == 10
    for sd, value in ((-1, 0.5), (1, 1.2)):
        with pytest.raises(ValueError, match="negative"):
            sem_from_icc(sd, value)


@pytest.mark.parametrize(
    "table", [[], [[1, 2]], [[1], [2]], [[1, 2], [3]], [[1, math.nan], [2, 3]], [[1, math.inf], [2, 3]]]
)
def test_a_table_with_gaps_is_refused(table):
    with pytest.raises(ValueError):
        anova(table)


def test_what_is_not_defined_is_refused():
    with pytest.raises(ValueError, match="not defined"):
        icc([[1, 1], [2, 2], [3, 3]])
    with pytest.raises(ValueError, match="not defined"):
        icc([[1, 2], [1, 2]], "3,1")
    with pytest.raises(ValueError, match="kind"):
        icc(SHROUT_FLEISS, "4,1")
    with pytest.raises(ValueError, match="confidence"):
        icc(SHROUT_FLEISS, "2,1", confidence=95)
    with pytest.raises(ValueError):
        bland_altman([1.0], [2.0])


tables = st.lists(st.lists(st.integers(0, 100), min_size=3, max_size=3), min_size=4, max_size=8)


@settings(deadline=None, max_examples=50)
@given(tables, st.integers(-50, 50), st.integers(1, 9))
def test_icc_does_not_change_with_origin_and_unit(table, shift, factor):
    moved = [[x * factor + shift for x in row] for row in table]
    for kind in EXPECTED:
        try:
            before = icc(table, kind)
        except ValueError:
            return
        if kind[0] == "2" and before.f < 1:
            continue
        after = icc(moved, kind)
        assert after.value == pytest.approx(before.value, abs=1e-8)
        assert (after.low, after.high) == pytest.approx((before.low, before.high), rel=1e-6, abs=1e-7)
        assert before.low <= before.value + 1e-9
        assert before.value <= before.high + 1e-9
        assert before.high <= 1 + 1e-9


@settings(deadline=None, max_examples=50)
@given(tables, st.integers(1, 40))
def test_a_rater_who_adds_a_constant_spoils_agreement_and_not_consistency(table, offset):
    shifted = [[*row[:2], row[2] + offset + 200] for row in table]
    try:
        before, after = (icc(t, "3,1").value for t in (table, shifted))
    except ValueError:
        return
    assert after == pytest.approx(before, abs=1e-8)
    assert sem_agreement(anova(shifted)) > sem_agreement(anova(table))
