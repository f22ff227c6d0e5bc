"""Two visits laid over each other: drawn pairs with exact truth, and what is refused."""

import cv2
import numpy as np
import pytest

from svc_color.followup.register import NotRegistered, Registered, inside, lay_over, register
from svc_color.followup.warp import Warp, everywhere
from tests.color.visits import Body, Pose, Visit, body, photograph, registration_error

BODY = body()
FIRST = photograph(BODY)
INK = FIRST.labels > 0
SLANTED = Pose(-12, 0.8, (10, 20), tilt=0.25)
BENT = Pose(8, 0.7, (0, 0), tilt=0.1, bend=0.25)
UPSIDE_DOWN = Pose(170, 0.45, (60, 10))


def found(visit: Visit) -> Registered:
    answer = register(FIRST.rgb, INK, visit.rgb)
    assert isinstance(answer, Registered), answer.reason
    return answer


def errors(visit: Visit, answer: Registered, zoom: float) -> np.ndarray:
    """True errors in pixels of the new photo at a sample of the earlier ink."""
    rows, columns = np.nonzero(INK)
    at = np.stack([columns, rows], axis=1)[::150].astype(np.float64)
    places = answer.warp.forward(at)
    seen = inside(places, visit.rgb)
    return registration_error(FIRST, visit, places[seen], at[seen]) * zoom


@pytest.mark.parametrize("left", [1.0, 0.25, 0.1])
@pytest.mark.parametrize("pose", [SLANTED, BENT, UPSIDE_DOWN])
def test_is_laid_over_to_a_fraction_of_a_pixel(pose: Pose, left: float) -> None:
    visit = photograph(BODY, left, pose, light=(0.9, 1.0, 0.75), seed=3)
    answer = found(visit)
    true = float(np.sqrt(np.mean(errors(visit, answer, pose.zoom) ** 2)))
    assert true < 0.5
    assert true < answer.error_px < 1.0, "the stated error is no smaller than the true one"
    assert answer.overlap > 0.98


def test_ink_of_which_little_is_left_is_found_or_refused() -> None:
    """3 % of the ink: a contrast of 1.5."""
    visit = photograph(BODY, 0.03, SLANTED, seed=4)
    answer = found(visit)
    assert np.percentile(errors(visit, answer, SLANTED.zoom), 95) < 2
    assert answer.error_px > 0.5


def test_says_how_much_of_the_ink_is_in_the_photo() -> None:
    pose = Pose(5, 0.9, (230, 0))
    visit = photograph(BODY, 0.5, pose, seed=5)
    rows, columns = np.nonzero(INK)
    canvas = FIRST.places[rows, columns]
    corners = visit.places[[0, 0, -1, -1], [0, -1, -1, 0]].astype(np.float32)
    true = np.mean([cv2.pointPolygonTest(corners, (float(x), float(y)), False) > 0 for x, y in canvas[::50]])
    # Ink at the very edge has no agreeing place beside it.
    assert true - 0.1 < found(visit).overlap < true + 0.01
    assert 0.5 < true < 0.95


def refusal(earlier: np.ndarray, ink: np.ndarray, new: np.ndarray) -> str:
    answer = register(earlier, ink, new)
    assert isinstance(answer, NotRegistered)
    return answer.reason


def test_what_cannot_be_laid_over_is_refused() -> None:
    other = photograph(body(seed=99), pose=SLANTED)
    noise = np.random.default_rng(1).integers(0, 256, FIRST.rgb.shape, dtype=np.uint8)
    for new in (other.rgb, photograph(BODY, 0.0).rgb, noise, np.full_like(noise, 180)):
        assert "Too few places" in refusal(FIRST.rgb, INK, new)


def test_a_mirrored_photo_is_refused() -> None:
    assert refusal(FIRST.rgb, INK, np.ascontiguousarray(FIRST.rgb[:, ::-1]))


def test_a_lone_line_is_refused_since_it_might_have_slid_along_itself() -> None:
    line = Body(BODY.skin, np.zeros_like(BODY.density), np.zeros_like(BODY.labels))
    line.labels[545:556] = 1
    line.density[545:556] = 0.9
    visit = photograph(line, pose=Pose(zoom=0.5))
    moved = photograph(line, pose=Pose(zoom=0.5, shift=(40, 0)), seed=8)
    # Moles of the skin along the line may give the shift away; where they do, it has to be right.
    answer = register(visit.rgb, visit.labels > 0, moved.rgb)
    if isinstance(answer, Registered):
        middle = np.array([[450.0, 360.0]])
        assert answer.warp.forward(middle) == pytest.approx(np.array([[490.0, 360.0]]), abs=1.5)


@pytest.mark.parametrize("shape", [(1, 1), (2, 50), (40, 40)])
def test_tiny_photos_are_refused(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert refusal(rgb, np.ones(shape, np.bool_), FIRST.rgb)
    assert refusal(FIRST.rgb, INK, rgb)
    assert refusal(rgb, np.zeros(shape, np.bool_), rgb) == "There was no ink in the earlier photo."


def test_the_same_photos_give_the_same_answer() -> None:
    visit = photograph(BODY, 0.5, BENT, seed=6)
    first, second = found(visit), found(visit)
    assert np.array_equal(first.warp.homography, second.warp.homography)
    assert np.array_equal(first.warp.coefficients, second.warp.coefficients)
    assert first.error_px == second.error_px


def test_a_warp_and_its_inverse() -> None:
    rng = np.random.default_rng(3)
    homography = np.array([[0.9, 0.2, 30.0], [-0.15, 1.1, -12.0], [1e-4, -5e-5, 1.0]])
    warp = Warp(homography, rng.normal(0, 3, (10, 2)), (400.0, 300.0), 350.0)
    points = rng.uniform(100, 600, (500, 2))
    assert warp.inverse(warp.forward(points)) == pytest.approx(points, abs=1e-3)
    twice = warp.scaled(2.0, 3.0)
    assert twice.forward(points * 2 + 0.5) == pytest.approx(warp.forward(points) * 3 + 1.0, abs=1e-6)


def test_the_earlier_photo_is_drawn_in_the_new_frame() -> None:
    visit = photograph(BODY, 1.0, BENT, seed=7)
    laid = lay_over(FIRST.rgb, visit.rgb, found(visit).warp, 5000)
    assert laid.shape == visit.rgb.shape
    ink = visit.labels > 0
    assert np.abs(laid[ink].astype(int) - visit.rgb[ink]).mean() < 6
    small = lay_over(FIRST.rgb, visit.rgb, found(visit).warp, 300)
    assert max(small.shape) == 300


def test_a_map_of_a_whole_picture_is_the_map_of_its_pixels() -> None:
    homography = np.array([[0.9, 0.2, 30.0], [-0.15, 1.1, -12.0], [1e-4, -5e-5, 1.0]])
    warp = Warp(homography, np.random.default_rng(3).normal(0, 1, (10, 2)), (400.0, 300.0), 350.0)
    shape = (601, 803)
    rows, columns = np.indices(shape)
    for pixel in (1.0, 1.7):
        places = everywhere(warp.forward, shape, (pixel, pixel))
        points = (np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5) * pixel - 0.5
        exact = warp.forward(points).reshape(*shape, 2)
        assert np.abs(places - exact).max() < 0.05
