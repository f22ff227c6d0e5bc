"""The pose of real people in a few frames: determinism, loss, cuts, several people, deadlines."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from mesh.errors import DeadlineExceeded, Unmeasurable
from mesh.landmarks import INDEX
from svc_balance.pose.batcher import Batcher
from svc_balance.pose.detector import Detection
from svc_balance.pose.estimate import BLOCK, Estimate, estimate
from svc_balance.pose.networks import Networks, networks
from svc_balance.pose.people import choose, count, near_others
from svc_balance.pose.roi import Picture, Roi
from tests.balance.pose_videos import ONE, TWO, pictures, plain, timed


@pytest.fixture(scope="module")
def loaded() -> Networks:
    return networks()


@pytest.fixture(scope="module")
def man(shared_data: Path) -> list[Picture]:
    """Six frames of a man on a beam, 1080 x 1920."""
    return pictures(shared_data / ONE, 6)


@pytest.fixture(scope="module")
def made(man: list[Picture], loaded: Networks) -> Estimate:
    return estimate(timed(man), loaded, regions=1)


def test_landmarks_lie_where_the_man_is(made: Estimate) -> None:
    """Places read off the first picture by eye, within a head's width."""
    series = made.landmarks
    assert (series.width, series.height, len(series)) == (1080, 1920, 6)
    for name, place in {"nose": (505, 440), "left_ankle": (414, 1088), "right_ankle": (325, 1010)}.items():
        assert np.linalg.norm(series.point(name)[0] - place) < 40, name
    assert (made.probability > 0.9).all()
    assert series.visibility[:, INDEX["nose"]].min() > 0.9
    assert series.world_m is not None
    shoulders, ankles = series.world_m[:, 11:13, 1].mean(), series.world_m[:, 27:29, 1].mean()
    assert shoulders < -0.3 < 0.5 < ankles
    assert series.people is not None
    assert series.people[0] == 1
    assert (series.people[1:] == -1).all()


def test_the_answer_does_not_depend_on_how_frames_are_spread(
    made: Estimate, man: list[Picture], loaded: Networks
) -> None:
    with ThreadPoolExecutor(1) as single, ThreadPoolExecutor(5) as many:
        for pool in (single, many):
            again = estimate(timed(man), dataclasses.replace(loaded, pool=pool), regions=1)
            np.testing.assert_array_equal(again.landmarks.image_px, made.landmarks.image_px)
        batched = dataclasses.replace(loaded, pool=many, landmark=Batcher(loaded.landmark, 32))
        together = estimate(timed(man), batched, regions=1).landmarks
    np.testing.assert_array_equal(together.image_px, made.landmarks.image_px)


def test_quality_mode_averages_and_says_how_far_regions_differ(
    made: Estimate, man: list[Picture], loaded: Networks
) -> None:
    several = estimate(timed(man[:BLOCK]), loaded, regions=4).landmarks
    assert several.standard_error_px is not None
    assert several.standard_error_px.shape == (BLOCK, 33)
    assert 0.1 < np.median(several.standard_error_px) < 10
    assert made.landmarks.standard_error_px is None
    apart = np.linalg.norm(several.image_px - made.landmarks.image_px[:BLOCK], axis=2)
    assert np.median(apart) < 15


def test_a_mirrored_picture_has_the_mirrored_pose(
    made: Estimate, man: list[Picture], loaded: Networks
) -> None:
    mirrored = estimate(timed([np.ascontiguousarray(man[0][:, ::-1])]), loaded, regions=1).landmarks
    for name in ("shoulder", "hip", "knee", "ankle"):
        left = made.landmarks.point(f"left_{name}")[0]
        right = mirrored.point(f"right_{name}")[0]
        assert np.linalg.norm([1080 - right[0] - left[0], right[1] - left[1]]) < 40, name


def test_a_lost_person_is_found_again_at_once(made: Estimate, man: list[Picture], loaded: Networks) -> None:
    """Two dark frames in the middle of a block: they are empty, and those around them are not."""
    dark = np.zeros_like(man[0])
    shots = [man[0], man[1], dark, dark, man[2], man[3]]
    found = estimate(timed(shots), loaded, regions=1)
    missing = np.isnan(found.landmarks.image_px).all(axis=(1, 2))
    assert missing.tolist() == [False, False, True, True, False, False]
    assert (found.probability[missing] == 0).all()
    assert found.changes == 0
    assert found.landmarks.roi is not None
    assert np.isnan(found.landmarks.roi[missing]).all()
    again = np.linalg.norm(found.landmarks.image_px[4] - made.landmarks.image_px[2], axis=1)
    assert np.median(again) < 15


def test_after_a_cut_the_person_is_looked_for_anew(man: list[Picture], loaded: Networks) -> None:
    """The second shot shows the man elsewhere; without the cut he counts as somebody else."""
    left, right = np.zeros((2, 1920, 1920, 3), np.uint8)
    left[:, :1080] = right[:, 840:] = man[0]
    shots = [left, left, right, right]
    cut = estimate(timed(shots), loaded, regions=1, cuts_s=[2 / 30])
    assert cut.changes == 0
    assert cut.landmarks.cuts_s == (2 / 30,)
    np.testing.assert_allclose(
        cut.landmarks.point("nose")[2] - cut.landmarks.point("nose")[1], [840, 0], atol=15
    )
    assert cut.landmarks.people is not None
    assert cut.landmarks.people[2] == 1
    uncut = estimate(timed(shots), loaded, regions=1)
    assert uncut.changes == 1


def test_a_small_person_is_searched_for(man: list[Picture], loaded: Networks) -> None:
    """Half size in the corner of a portrait picture: 19 % of its height, too small for the whole picture."""
    small = np.full_like(man[0], 110)
    small[900:1860, 530:1070] = man[0][::2, ::2]
    found = estimate(timed([small]), loaded, regions=1).landmarks
    assert np.linalg.norm(found.point("nose")[0] - (530 + 505 / 2, 900 + 440 / 2)) < 20
    assert np.linalg.norm(found.point("left_ankle")[0] - (530 + 414 / 2, 900 + 1088 / 2)) < 25


def test_two_people_are_counted_and_one_is_followed(shared_data: Path, loaded: Networks) -> None:
    shots = pictures(shared_data / TWO, 5)
    found = estimate(timed(shots), loaded, regions=1)
    assert found.landmarks.people is not None
    assert found.landmarks.people[0] == 2
    steps = np.linalg.norm(np.diff(found.landmarks.point("left_hip"), axis=0), axis=1)
    assert (steps < 60).all()
    assert found.changes == 0


def test_nobody_at_all_is_not_measurable(loaded: Networks) -> None:
    with pytest.raises(Unmeasurable) as error:
        estimate(timed(plain(3)), loaded)
    assert (error.value.code, error.value.field) == ("NO_PERSON", "video")


def test_no_frame_at_all_is_not_measurable(loaded: Networks) -> None:
    with pytest.raises(Unmeasurable):
        estimate([], loaded)


def test_work_ends_at_the_deadline(loaded: Networks) -> None:
    with pytest.raises(DeadlineExceeded):
        estimate(timed(plain(3)), loaded, deadline=datetime.now(UTC) - timedelta(seconds=1))


def person(x: float, y: float, radius: float, score: float = 0.9) -> Detection:
    """Somebody upright whose circle has this radius, px."""
    points = np.array([[x, y], [x, y - radius], [x, y], [x, y]])
    return Detection(score, np.array([x, y, x + 1, y + 1]), points)


def test_the_larger_and_more_central_person_is_chosen() -> None:
    centre, edge, far = person(500, 500, 200), person(50, 500, 200), person(500, 500, 60)
    assert choose([edge, far, centre], 1000, 1000, None) is centre
    assert choose([far, edge], 1000, 1000, None) is edge
    assert choose([], 1000, 1000, None) is None
    assert count([edge, far, centre]) == 3
    assert count([person(500, 500, 50), centre]) == 1


def test_who_was_followed_is_followed_on() -> None:
    centre, edge = person(500, 500, 200), person(150, 500, 150)
    last = Roi(170.0, 510.0, 380.0, 0.0)
    assert choose([centre, edge], 1000, 1000, last) is edge
    assert choose([centre], 1000, 1000, last) is centre


def test_somebody_close_by_is_told() -> None:
    subject = Roi(500.0, 500.0, 500.0, 0.0)
    assert not near_others(subject, [person(505, 500, 200)])
    assert near_others(subject, [person(505, 500, 200), person(650, 500, 180)])
    assert not near_others(subject, [person(505, 500, 200), person(900, 500, 180)])
