"""What the pose student is shown: points that stay on what they mark, in both views."""

from __future__ import annotations

import numpy as np
import pytest

from mesh.landmarks import INDEX, NAMES, POINTS
from models.train.pose.pool import SIDE as WHOLE
from models.train.pose.pool import People
from models.train.pose.views import MIRRORED, SIDE, batches, held_out, region

MARKED = INDEX["left_wrist"]


@pytest.fixture
def people() -> People:
    """Two people who are a white spot at the left wrist in the dark, all else being where a body has it."""
    y, x = np.mgrid[0:WHOLE, 0:WHOLE] + 0.5
    rng = np.random.default_rng(3)
    pictures, points = [], []
    for _ in range(2):
        body = np.column_stack([rng.uniform(70, 120, POINTS), np.linspace(25, 160, POINTS)])
        spot = 255 * np.exp(-((x - body[MARKED, 0]) ** 2 + (y - body[MARKED, 1]) ** 2) / (2 * 4.0**2))
        pictures.append(np.repeat(spot[..., None], 3, axis=2).astype(np.uint8))
        points.append(body)
    seen = np.ones((2, POINTS), np.bool_)
    return People(np.stack(pictures), np.array(points, np.float32), seen, seen, "of two", "spots")


def brightest(picture: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    weight = np.clip(picture.mean(axis=2) - 0.25 * picture.mean(axis=2).max(), 0, None) ** 2
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def test_a_mirror_image_swaps_left_and_right() -> None:
    assert [NAMES[at] for at in np.array(MIRRORED)[list(MIRRORED)]] == list(NAMES)
    assert MIRRORED[INDEX["left_heel"]] == INDEX["right_heel"]
    assert MIRRORED[INDEX["mouth_left"]] == INDEX["mouth_right"]
    assert MIRRORED[INDEX["nose"]] == INDEX["nose"]


def test_the_region_is_the_bodys_circle_with_a_margin_upright() -> None:
    points = np.zeros((POINTS, 2))
    points[[INDEX["left_hip"], INDEX["right_hip"]]] = [[90, 100], [110, 100]]
    points[[INDEX["left_shoulder"], INDEX["right_shoulder"]]] = [[90, 40], [110, 40]]
    points[points[:, 0] == 0] = [100, 100]
    points[INDEX["left_heel"]] = [100, 190]
    centre, side, turn = region(points)
    assert centre.tolist() == [100, 100]
    assert side == pytest.approx(2 * 1.25 * 90)
    assert turn == pytest.approx(0)


def test_points_stay_on_what_they_mark_in_usual_regions(people: People) -> None:
    (batch,) = held_out(people, 2)
    assert batch.pictures.shape == (4, SIDE, SIDE, 3)
    for picture, points in zip(batch.pictures, batch.points, strict=True):
        np.testing.assert_allclose(brightest(picture), points[MARKED], atol=0.4)
    apart = batch.points[2:] - batch.points[:2]
    assert np.abs(apart).max() > 0.5, "the second view is of another region"
    np.testing.assert_allclose(
        np.diff(batch.points[0], axis=0) * batch.scale[2],
        np.diff(batch.points[2], axis=0),
        atol=1e-3,
        err_msg="of the same pose at another scale",
    )


def test_a_step_is_the_same_whenever_it_is_asked_for(people: People) -> None:
    straight = list(batches(people, 2, seed=1, steps=range(3), paired_from=2))
    resumed = list(batches(people, 2, seed=1, steps=range(2, 3), paired_from=2))
    np.testing.assert_array_equal(straight[2].pictures, resumed[0].pictures)
    assert [batch.paired for batch in straight] == [False, False, True]
    assert all(batch.pictures.shape == (4, SIDE, SIDE, 3) for batch in straight)
    assert not np.array_equal(straight[0].pictures, straight[1].pictures)
    other = next(batches(people, 2, seed=2, steps=range(2, 3), paired_from=2))
    assert not np.array_equal(other.points, resumed[0].points)
