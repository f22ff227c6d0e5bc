"""Regions of interest: geometry, crops, jitter, and the region that keeps still."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc_balance.pose.quality_mode import offsets
from svc_balance.pose.roi import MARGIN, Roi, apply, around, cut, jittered, reduced, to_picture, wrapped
from svc_balance.pose.track import DRIFT, LEASH_SHIFT, LEASH_SIDE, LEASH_TURN, follow, pull

places = st.floats(-2000, 2000)
angles = st.floats(-math.pi, math.pi)
regions = st.builds(Roi, places, places, st.floats(50, 3000), angles)


@given(places, places, st.floats(1, 1000), angles)
def test_centre_and_rim_come_to_the_middle_and_straight_above(
    x: float, y: float, radius: float, turn: float
) -> None:
    rim = np.array([x + radius * math.sin(turn), y - radius * math.cos(turn)])
    roi = around(np.array([x, y]), rim)
    assert roi.side == pytest.approx(2 * MARGIN * radius, rel=1e-6)
    matrix = to_picture(roi, 256)
    np.testing.assert_allclose(apply(matrix, np.array([128.0, 128.0])), [x, y], atol=1e-6)
    np.testing.assert_allclose(apply(matrix, np.array([128.0, 128.0 - 128 / MARGIN])), rim, atol=1e-5)


@given(regions, angles)
def test_turning_the_picture_turns_the_region(roi: Roi, turn: float) -> None:
    """A picture rotated about its origin: the region's centre goes along and its rotation grows."""
    spin = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    corners = np.array([[0.0, 0], [256, 0], [0, 256], [256, 256]])
    x, y = spin @ [roi.x, roi.y]
    turned = Roi(x, y, roi.side, wrapped(roi.rotation + turn))
    np.testing.assert_allclose(
        apply(to_picture(turned, 256), corners), apply(to_picture(roi, 256), corners) @ spin.T, atol=1e-6
    )


@given(regions)
def test_a_mirrored_picture_has_the_mirrored_region(roi: Roi) -> None:
    corners = np.array([[0.0, 0], [256, 0], [0, 256], [256, 256]])
    mirrored = Roi(-roi.x, roi.y, roi.side, -roi.rotation)
    expected = apply(to_picture(roi, 256), corners) * [-1, 1]
    flipped = np.column_stack([256 - corners[:, 0], corners[:, 1]])
    np.testing.assert_allclose(apply(to_picture(mirrored, 256), flipped), expected, atol=1e-6)


def dotted() -> np.ndarray:
    """A picture with one soft dot at (300.5, 200.5), continuous pixels."""
    picture = np.zeros((480, 640, 3), np.float32)
    picture[200, 300] = 1
    blurred = cv2.GaussianBlur(picture, (0, 0), 8)
    return np.asarray(255 * blurred / blurred.max(), np.uint8)


def dot(crop: np.ndarray) -> np.ndarray:
    """Its centre in continuous pixels."""
    weight = crop[..., 0].astype(np.float64)
    y, x = np.mgrid[0 : crop.shape[0], 0 : crop.shape[1]] + 0.5
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("side", [256.0, 400.0, 700.0])
@pytest.mark.parametrize("rotation", [0.0, 0.4, -2.0])
def test_what_is_seen_in_a_crop_is_where_the_affine_says(side: float, rotation: float) -> None:
    picture, roi = dotted(), Roi(290.3, 215.8, side, rotation)
    part, (moved,) = reduced(picture, [roi], 256)
    for source, region in ((picture, roi), (part, moved)):
        found = apply(to_picture(roi, 256), dot(cut(source, region, 256)))
        np.testing.assert_allclose(found, [300.5, 200.5], atol=0.1)


def test_beyond_the_picture_is_black() -> None:
    white = np.full((100, 100, 3), 255, np.uint8)
    crop = cut(white, Roi(100.0, 50.0, 100.0, 0.0), 64)
    assert (crop[:, :30] == 255).all()
    assert (crop[:, 34:] == 0).all()
    part, moved = reduced(white, [Roi(5000.0, 5000.0, 600.0, 0.3)], 64)
    assert (cut(part, moved[0], 64) == 0).all()


@pytest.mark.parametrize("count", [1, 2, 4, 5, 8])
def test_jitter_is_spread_evenly_around_the_region(count: int) -> None:
    rows = offsets(count)
    assert rows.shape == (count, 3)
    assert (abs(rows) <= 0.04 + 1e-12).all()
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
    assert len(np.unique(rows.round(9), axis=0)) == count
    np.testing.assert_array_equal(rows, offsets(count))


@given(regions)
def test_jitter_goes_along_the_regions_own_axes(roi: Roi) -> None:
    moved = jittered(roi, np.array([[0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]]))
    unit = to_picture(roi, 256)[:, :2] / np.linalg.norm(to_picture(roi, 256)[:, 0])
    for region, axis in zip(moved[:2], unit.T, strict=True):
        np.testing.assert_allclose(
            [region.x - roi.x, region.y - roi.y], 0.1 * roi.side * axis, atol=1e-6 * roi.side
        )
        assert region.side == roi.side
    assert moved[2].side == pytest.approx(1.1 * roi.side)


@given(regions, st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-0.3, 0.3), angles)
def test_the_region_ends_within_the_leash(roi: Roi, dx: float, dy: float, grow: float, turn: float) -> None:
    wanted = Roi(
        roi.x + dx * roi.side, roi.y + dy * roi.side, roi.side * (1 + grow), wrapped(roi.rotation + turn)
    )
    after = follow(roi, [wanted])
    slack = 1 + 1e-6
    assert math.hypot(wanted.x - after.x, wanted.y - after.y) <= LEASH_SHIFT * roi.side * slack + 1e-6
    assert abs(wanted.side - after.side) <= LEASH_SIDE * roi.side * slack
    assert abs(wrapped(wanted.rotation - after.rotation)) <= LEASH_TURN * slack + 1e-6
    assert after.side > 0


def test_noise_hardly_moves_the_region() -> None:
    """Suggestions that scatter by 0.8 % of the side, as a standing person's do."""
    rng = np.random.default_rng(1)
    roi = Roi(500.0, 900.0, 1000.0, 0.1)
    path = []
    for _ in range(300):
        dx, dy, grow = rng.normal(0, 8, 3)
        roi = follow(roi, [Roi(500 + dx, 900 + dy, 1000 + grow, 0.1 + rng.normal(0, 0.02))])
        path.append(roi.as_row())
    assert np.std(path, axis=0)[:3].max() < 8 / 5
    assert np.std(path, axis=0)[3] < 0.02 / 5


def test_pull_is_the_drift_near_and_the_leash_far() -> None:
    assert pull(0.0, 10) == 0
    assert pull(5.0, 10) == DRIFT
    assert pull(40.0, 10) == pytest.approx(0.75)
