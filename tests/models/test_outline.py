"""SVG path data become the polygons that SVG says."""

from __future__ import annotations

import numpy as np
import pytest

from models.synth.outline import polygons


def area(contour: np.ndarray) -> float:
    x, y = contour.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


@pytest.mark.parametrize(
    "path",
    [
        "M0 0H10V10H0Z",
        "m0 0h10v10h-10z",
        "M0,0 10,0 10,10 0,10z",
        "M0 0L10 0L10 10L0 10Z",
        "m0 0 10 0 0 10-10 0z",
    ],
)
def test_one_square_however_it_is_written(path: str) -> None:
    (contour,) = polygons(path)
    assert area(contour) == pytest.approx(100)


def test_a_circle_of_four_cubics_has_nearly_its_area() -> None:
    k = 5.5228
    path = f"M10 0C10 {k} {k} 10 0 10S-10 {k} -10 0 {-k} -10 0 -10 10 {-k} 10 0Z"
    (contour,) = polygons(path)
    assert area(contour) == pytest.approx(np.pi * 100, rel=0.02)


def test_quadratics_reflect_their_control_point() -> None:
    (contour,) = polygons("M0 0Q5 10 10 0T20 0L20 -20L0 -20Z")
    assert contour[:, 1].max() == pytest.approx(5)  # half the height of the control point
    assert contour[8 + 4, 1] == pytest.approx(-5)


def test_two_subpaths_are_two_contours_and_a_relative_move_starts_at_the_last_start() -> None:
    first, second = polygons("M1 1h2v2h-2zm10 0h1v1z")
    assert area(first) == pytest.approx(4)
    np.testing.assert_allclose(second[0], (11, 1))


def test_numbers_may_touch_and_data_without_a_move_are_refused() -> None:
    (contour,) = polygons("M0 0l.5.5-1-1e0 0 2z")
    assert len(contour) == 4
    with pytest.raises(ValueError, match="move"):
        polygons("L1 1 2 2")
