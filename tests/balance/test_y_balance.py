"""Reach from floor marks: exact in a known camera, honest about marks, view and what was not stated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assay.balance.v1 import balance_pb2 as pb
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.landmarks import INDEX
from models.synth.standing import StandingSpec, trial
from svc_balance.sway import page
from svc_balance.sway.tasks import y_balance
from svc_balance.sway.trial import assess

GRID = [(-60.0, -20.0), (60.0, -20.0), (-60.0, 100.0), (60.0, 100.0), (0.0, 40.0), (0.0, -10.0)]


def camera(right_cm, ahead_cm, height_cm: float = 120.0, far_cm: float = 350.0) -> np.ndarray:
    """Pixels of floor points for a camera on the subject's right, level, looking to the left."""
    depth = far_cm - np.asarray(right_cm, float)
    x = 540 + 1000 * (np.asarray(ahead_cm, float) - 40.0) / depth
    y = 800 + 1000 * height_cm / depth
    return np.stack([x, y], axis=-1)


def marks(points=GRID, wobble_px: float = 0.0, seed: int = 0) -> list[pb.FloorMark]:
    rng = np.random.default_rng(seed)
    px = camera(*np.transpose(points)) + rng.normal(0, wobble_px, (len(points), 2)) * (wobble_px > 0)
    return [
        pb.FloorMark(x_px=x, y_px=y, right_cm=right, ahead_cm=ahead)
        for (x, y), (right, ahead) in zip(px, points, strict=True)
    ]


def reached(at, marked=None, along=None) -> y_balance.Reached:
    """A toe that goes from the stance foot to a place, stays for half a second and comes back."""
    share = np.clip(np.interp(np.arange(90), [20, 40, 55, 75], [0, 1, 1, 0]), 0, 1)[:, None]
    toe = camera(*(share * np.asarray(at)).T)
    floor = y_balance.homography(marks() if marked is None else marked)
    return y_balance.reach(floor, toe, 0.5, np.arange(90) / 30, along)


AHEAD = np.array([0.0, 1.0])


def test_an_exact_camera_gives_the_exact_reach() -> None:
    got = reached((0.0, 62.5), along=AHEAD)
    assert got.cm == pytest.approx(62.5, abs=1e-6)
    assert got.at_s == pytest.approx(45 / 30, abs=0.3)
    assert got.uncertainty_cm is not None
    assert 1.0 < got.uncertainty_cm < 3.0


def test_posterior_lines_point_backwards_to_either_side() -> None:
    right = y_balance.direction(pb.REACH_POSTEROMEDIAL, "right")
    assert right == pytest.approx([-np.sqrt(0.5), -np.sqrt(0.5)])
    assert y_balance.direction(pb.REACH_POSTEROLATERAL, "right") == pytest.approx(-right * [1, -1])
    assert y_balance.direction(pb.REACH_POSTEROMEDIAL, "left") == pytest.approx(right * [-1, 1])
    assert y_balance.direction(pb.REACH_UNSPECIFIED, "left") is None
    behind = [*GRID, (-70.0, -70.0), (70.0, -70.0)]
    assert reached(80 * right, marks(behind), right).cm == pytest.approx(80.0, abs=1e-6)
    # Far outside the marks the floor is guessed: no number.
    assert reached(80 * right, along=right).why == "REACH_UNCERTAIN"


@settings(max_examples=25, deadline=None)
@given(st.floats(20, 110), st.integers(0, 10_000))
def test_marks_set_by_hand_stay_within_the_uncertainty(reach_cm: float, seed: int) -> None:
    got = reached((0.0, reach_cm), marks(wobble_px=1.5, seed=seed), along=AHEAD)
    assert got.cm is not None
    assert got.uncertainty_cm is not None
    assert abs(got.cm - reach_cm) < 4 * got.uncertainty_cm


def test_a_short_jerk_is_no_reach() -> None:
    toe = camera(np.zeros(60), np.r_[np.full(30, 50.0), 90.0, np.full(29, 50.0)])
    got = y_balance.reach(y_balance.homography(marks()), toe, 0.5, np.arange(60) / 30, AHEAD)
    assert got.cm == pytest.approx(50.0, abs=1e-6)


def test_what_is_missing_is_named() -> None:
    assert y_balance.homography(marks(GRID[:3])) == "FLOOR_MARKS_MISSING"
    assert (
        y_balance.homography(marks([(0.0, a) for a in (0.0, 20.0, 40.0, 80.0)])) == "FLOOR_MARKS_DEGENERATE"
    )
    assert y_balance.homography([marks()[0]] * 5) == "FLOOR_MARKS_DEGENERATE"
    assert reached((0.0, 50.0)).why == "REACH_NOT_STATED"
    floor = y_balance.homography(marks())
    assert (
        y_balance.reach(floor, np.full((9, 2), np.nan), 1.0, np.arange(9) / 30, AHEAD).why
        == "LANDMARKS_MISSING"
    )


def test_a_foreshortened_reach_is_withheld() -> None:
    """Reaching away from a camera near the floor: a pixel is many centimetres."""
    points = [(r, a) for r, a in GRID]
    px = camera(*np.transpose(points), height_cm=12.0)
    low = [
        pb.FloorMark(x_px=x, y_px=y, right_cm=r, ahead_cm=a)
        for (x, y), (r, a) in zip(px, points, strict=True)
    ]
    toe = camera(np.full(30, -80.0), np.zeros(30), height_cm=12.0)
    got = y_balance.reach(y_balance.homography(low), toe, 1.0, np.arange(30) / 30, np.array([-1.0, 0.0]))
    assert got.cm is None
    assert got.why == "REACH_UNCERTAIN"
    assert got.uncertainty_cm > 3


def test_shares_composite_and_asymmetry() -> None:
    assert y_balance.percent_leg_length(63.0, 90.0) == pytest.approx(70.0)
    three = {pb.REACH_ANTERIOR: 60.0, pb.REACH_POSTEROMEDIAL: 100.0, pb.REACH_POSTEROLATERAL: 95.0}
    assert y_balance.composite(three, 90.0) == pytest.approx(100 * 255 / 270)
    assert y_balance.composite({pb.REACH_ANTERIOR: 60.0}, 90.0) is None
    assert y_balance.asymmetry(61.0, 65.5) == pytest.approx(4.5)


def test_a_reach_is_on_the_page_with_its_share_of_leg_length() -> None:
    """The lifted toe of a synthetic person, moved on the floor as the marks' camera would see it."""
    series, _ = trial(StandingSpec(duration_s=10, stance_side="right", view="right"))
    px = series.image_px.copy()
    ahead = np.interp(series.time_s, [4.0, 5.0, 6.0, 7.0], [0.0, 58.0, 58.0, 10.0])
    px[:, INDEX["left_foot_index"]] = camera(np.zeros(len(ahead)), ahead)
    stated = pb.BalanceTrial(
        task=pb.TASK_Y_BALANCE,
        height_cm=175,
        leg_length_cm=90,
        reach=pb.REACH_ANTERIOR,
        floor_marks=marks(),
        view=pb.VIEW_RIGHT,
    )
    # Clearance is told from heel and ankle; the toe's own track is what is read on the floor.
    got = assess(replace(series, image_px=px), stated)
    found = {m.measurement.id: m.measurement for m in page.build(got, "1").metrics if m.group == "task"}
    assert found["REACH"].value == pytest.approx(58.0, abs=1.0)
    assert found["REACH_PCT"].value == pytest.approx(100 * 58 / 90, abs=1.2)
    assert found["REACH"].standard_uncertainty > 1
