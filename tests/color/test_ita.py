"""Individual typology angle: published classes, its error, and the classes it may be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc_color.ita import CLASSES, angle, angle_sd, ita, skin_class
from svc_color.space import srgb_to_lab


def test_m01_angles_and_classes_of_three_colours() -> None:
    """Row M01 of the domain dossier; the third lies exactly on the boundary of light and very light."""
    assert angle(70, 15) == pytest.approx(53.13, abs=0.01)
    assert skin_class(angle(70, 15)) == "light"
    assert angle(50, 15) == pytest.approx(0, abs=0.01)
    assert skin_class(angle(50, 15)) == "brown"
    boundary = angle(50 + 15 * math.tan(math.radians(55)), 15)
    assert boundary == pytest.approx(55, abs=0.01)
    assert skin_class(boundary) == "light"


@pytest.mark.parametrize(
    ("swatch", "degrees"),
    [
        ("f6ede4", 83.0),
        ("f3e7db", 80.2),
        ("f7ead0", 71.7),
        ("eadaba", 64.7),
        ("d7bd96", 50.3),
        ("a07e56", 10.9),
        ("825c43", -20.1),
        ("604134", -55.4),
        ("3a312a", -78.3),
        ("292420", -84.3),
    ],
)
def test_m02_monk_swatches(swatch: str, degrees: float) -> None:
    """Row M02: ITA of the ten published Monk swatches."""
    lab = srgb_to_lab(np.frombuffer(bytes.fromhex(swatch), np.uint8))
    assert angle(float(lab[0]), float(lab[2])) == pytest.approx(degrees, abs=0.1)


@pytest.mark.parametrize(
    ("degrees", "name"),
    [
        (55.1, "very light"),
        (55, "light"),
        (41, "intermediate"),
        (28, "tan"),
        (10, "brown"),
        (-30, "dark"),
        (-90, "dark"),
    ],
)
def test_a_boundary_belongs_to_the_darker_class(degrees: float, name: str) -> None:
    assert skin_class(degrees) == name


@pytest.mark.parametrize(("lab_sd", "low", "high"), [(1, 2.2, 3.2), (2, 4.4, 6.4), (3, 6.6, 10), (5, 11, 17)])
@pytest.mark.parametrize(("lightness", "b"), [(67.2, 15.5), (56.8, 19.7), (46.1, 22.1)])
def test_first_order_error_agrees_with_sampling(
    lab_sd: float, low: float, high: float, lightness: float, b: float
) -> None:
    """The ranges are the dossier's (section 3.1), from sampling; first order agrees within 12 %."""
    sd = angle_sd(lightness, b, lab_sd, lab_sd)
    rng = np.random.default_rng(5)
    drawn = rng.normal([lightness, b], lab_sd, (200_000, 2))
    sampled = np.degrees(np.arctan2(drawn[:, 0] - 50, np.maximum(drawn[:, 1], 0.1))).std()
    assert sd == pytest.approx(sampled, rel=0.12)
    assert 0.85 * low <= sd <= 1.1 * high


@settings(deadline=None)
@given(st.floats(0, 100), st.floats(-5, 50), st.floats(0, 30))
def test_the_class_itself_is_always_possible(lightness: float, b: float, sd: float) -> None:
    answer = ita((lightness, 10.0, b), (sd, sd, sd))
    if b <= 0:
        assert answer is None
        return
    assert answer is not None
    assert answer.skin_class in answer.possible
    names = [name for _, name in CLASSES]
    first = names.index(answer.possible[0])
    assert answer.possible == tuple(names[first : first + len(answer.possible)])
    assert 0 <= answer.sd <= 90


def test_what_cannot_be_skin_has_no_angle() -> None:
    assert ita((60, 1, -4), (1, 1, 1)) is None
    assert ita((60, 1, 1), (1, 1, 1)) is None
