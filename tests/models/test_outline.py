"""SVG path data become the polygons that SVG says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.synth.outline import arc, polygons, subpaths


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


def test_a_circle_of_two_arcs_has_its_area_and_its_radius() -> None:
    (contour,) = polygons("M-10 0a10 10 0 1 0 20 0a10 10 0 1 0-20 0z")
    np.testing.assert_allclose(np.hypot(*contour.T), 10, atol=1e-9)
    assert area(contour) == pytest.approx(np.pi * 100, rel=0.012)  # 15 degrees a segment


def test_flags_of_an_arc_may_touch_what_follows() -> None:
    (apart,) = polygons("M0 0a5 5 0 0 1 10 0l0 9z")
    (packed,) = polygons("M0 0a5 5 0 0110 0l0 9z")
    np.testing.assert_allclose(apart, packed)


@pytest.mark.parametrize(
    ("large", "sweep", "lowest", "highest"),
    [(0, 0, -0.01, 1.35), (0, 1, -1.35, 0.01), (1, 0, -0.01, 18.7), (1, 1, -18.7, 0.01)],
)
def test_flags_choose_one_of_four_arcs(large: int, sweep: int, lowest: float, highest: float) -> None:
    """Two points 10 apart on a circle of radius 10: sagitta 10 - sqrt(75) = 1.34, or 18.66 the long way."""
    ((points, closed),) = subpaths(f"M0 0A10 10 0 {large} {sweep} 10 0")
    assert not closed
    assert lowest <= points[:, 1].min()
    assert points[:, 1].max() <= highest
    assert np.abs(points[:, 1]).max() == pytest.approx(18.66 if large else 1.34, abs=0.1)


@given(
    st.tuples(*[st.floats(0.5, 30)] * 2),
    st.floats(-180, 180),
    st.booleans(),
    st.booleans(),
    st.tuples(*[st.floats(-20, 20)] * 2),
)
def test_an_arc_lies_on_its_ellipse_and_ends_where_it_should(
    radii: tuple[float, float], rotation: float, large: bool, sweep: bool, end: tuple[float, float]
) -> None:
    """All points have one distance from one centre once the ellipse is turned back and made a circle."""
    rx, ry = radii
    points = np.array([0j, *arc(0j, [rx, ry, rotation, large, sweep], complex(*end))])
    assert points[-1] == complex(*end)
    if abs(points[-1]) < 1e-3 or len(points) < 6:
        return
    turned = points / np.exp(1j * np.radians(rotation))
    round_ = np.stack([turned.real / rx, turned.imag / ry], 1)
    system = np.column_stack([2 * round_, np.ones(len(round_))])
    (x, y, rest), *_ = np.linalg.lstsq(system, (round_**2).sum(1), rcond=None)
    radius = np.sqrt(max(rest + x * x + y * y, 0.0))
    np.testing.assert_allclose(np.hypot(round_[:, 0] - x, round_[:, 1] - y), radius, rtol=1e-4)
    # Radii that cannot reach are scaled up, never down (SVG 1.1 F.6.6).
    assert radius >= 1 - 1e-4


@pytest.mark.parametrize("path", ["M0 0L1", "M0 0A1 1 0 2 0 3 3", "M0 0Z1 1", "M0 0X"])
def test_data_that_break_off_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path data"):
        polygons(path)


def test_open_and_closed_subpaths_are_told_apart() -> None:
    first, second = subpaths("M0 0h5v5zM9 9h4")
    assert first[1]
    assert not second[1]
    np.testing.assert_allclose(second[0], [[9, 9], [13, 9]])
