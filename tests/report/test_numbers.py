"""How the report writes numbers."""

from __future__ import annotations

import math

import pytest
from assay.common.v1.types_pb2 import Measurement
from hypothesis import given
from hypothesis import strategies as st

from svc_report import numbers


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (36.14, 1, "36.1"),
        (-3.25, 1, "\u22123.2"),
        (-0.04, 1, "0.0"),
        (7.5, 0, "8"),
        (math.nan, 1, "not measurable"),
    ],
)
def test_fixed(value: float, digits: int, text: str) -> None:
    assert numbers.fixed(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.183, "0.183"), (0.04, "0.04"), (0.9, "0.9"), (11.0, "11"), (8.5, "8.5"), (1500.0, "1500"), (0.0, "0"),
     (100.0, "100"), (-12.345, "\u221212.3"), (1e-9, "0"), (math.inf, "not measurable")],
)  # fmt: skip
def test_significant(value: float, text: str) -> None:
    assert numbers.significant(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0\u00a0%"),
        (0.004, "<1\u00a0%"),
        (0.625, "62\u00a0%"),
        (0.996, ">99\u00a0%"),
        (1.0, "100\u00a0%"),
    ],
)
def test_percent_hides_neither_a_little_nor_a_rest(share: float, text: str) -> None:
    assert numbers.percent(share) == text


@given(st.floats(-1e6, 1e6))
def test_written_numbers_read_back(value: float) -> None:
    read = float(numbers.fixed(value, 2).replace("\u2212", "-"))
    assert read == pytest.approx(value, abs=0.0051)


def test_uncertainty_prefers_the_interval_and_admits_when_there_is_none() -> None:
    both = Measurement(value=1, unit="deg", standard_uncertainty=2, low_95=-3, high_95=5)
    assert numbers.uncertainty_of(both, 0) == "\u22123 to 5°"
    assert (
        numbers.uncertainty_of(Measurement(value=1, unit="px", standard_uncertainty=0.5))
        == "±\u00a00.5\u00a0px (1 SD)"
    )
    assert numbers.uncertainty_of(Measurement(value=1)) == "not stated"


def test_absent_and_infinite_values_are_not_values() -> None:
    assert numbers.value_of(Measurement(unit="1")) is None
    assert numbers.value_of(Measurement(value=math.inf)) is None
    assert numbers.value_of(Measurement(value=0.0)) == 0.0


def test_moment_is_utc_in_words() -> None:
    assert numbers.moment(1_795_323_480) == "22 November 2026, 04:58 UTC"


def test_swatch_follows_the_srgb_transfer_function() -> None:
    # 0.21586 is linear light of sRGB code 128 (IEC 61966-2-1).
    assert numbers.swatch_of_linear([0.0, 0.21586, 1.0]) == "#0080ff"
    assert numbers.swatch_of_linear([-0.2, 0.5, 7.0]) == "#00bcff"
    assert numbers.swatch_of_linear([0.5, 0.5]) == ""
    assert numbers.swatch_of_linear([0.5, math.nan, 0.5]) == ""
