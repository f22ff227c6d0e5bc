"""The comparison of pose estimators on synthetic people measures errors that are put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mesh.errors import FailedPrecondition
from mesh.landmarks import INDEX
from models.evaluate import people_stills
from models.evaluate.people import STAGE, TRUTH, lines, score, summarise, worst_landmarks
from models.evaluate.people_cases import EVENT_TIMES_S, SHOTS, cases
from models.synth.people import ClipTruth, clip, person
from svc_balance.pose import landmarker
from svc_balance.pose.networks import networks
from svc_balance.pose.roi import Roi
from tests.models.people_cases import people

__all__ = ["people"]

pytestmark = [pytest.mark.xdist_group("people"), pytest.mark.usefixtures("people")]
FRONT, SIDE = 1, 3


@pytest.fixture(scope="module")
def truths() -> dict[int, ClipTruth]:
    return {number: clip(case.spec)[1] for number, case in enumerate(cases()) if number in (FRONT, SIDE)}


def test_cases_hold_every_view_and_mixture() -> None:
    found = cases(2 * len(SHOTS))
    assert {case.view for case in found} == {"front", "back", "side"}
    assert len({case.hip_share for case in found}) >= 4
    assert len({case.spec.seed for case in found}) == len(found)
    assert cases(1, first=5) == [found[5]]


@pytest.mark.parametrize("number", [FRONT, SIDE])
def test_the_truth_has_no_error(truths: dict[int, ClipTruth], number: int) -> None:
    truth = truths[number]
    found = score(TRUTH, truth.landmarks(), truth, cases()[number])
    assert found.landmark_px == 0
    assert found.seen == 1
    assert np.abs(found.com_bias_mm).max() < 5  # A picture of a mean is not quite the mean of pictures.
    assert found.sway_error_mm < 0.1
    assert found.sway_true_mm > 1
    # What is nearer to the camera moves farther in the picture: about 1 % at three metres.
    assert found.gain == pytest.approx(1, abs=0.02)
    assert found.r > 0.9999
    for name, at_s in EVENT_TIMES_S.items():
        assert found.event_error_s[name] == pytest.approx(0, abs=0.25), (name, at_s)
    assert found.hsi is not None


def test_errors_that_are_put_in_are_found(truths: dict[int, ClipTruth]) -> None:
    truth, case = truths[FRONT], cases()[FRONT]
    mm = float(np.median(truth.mm_per_px))
    moved = truth.landmarks()
    off = replace(moved, image_px=moved.image_px + np.array([10 / mm, -20 / mm]))
    found, exact = (score(STAGE, series, truth, case) for series in (off, moved))
    assert found.com_bias_mm[0] - exact.com_bias_mm[0] == pytest.approx(10, abs=0.01)
    assert found.com_bias_mm[1] - exact.com_bias_mm[1] == pytest.approx(20, abs=0.01)
    assert found.landmark_px == pytest.approx(np.hypot(10, 20) / mm)
    assert found.landmark_percent == pytest.approx(100 * np.hypot(10, 20) / truth.stature_mm, rel=0.01)
    assert found.steady_percent == pytest.approx(0, abs=1e-9)
    louder = moved.image_px + 0.2 * (truth.com_px - truth.com_px.mean(axis=0))[:, None]
    assert score(STAGE, replace(moved, image_px=louder), truth, case).gain == pytest.approx(1.2, abs=0.02)


def test_late_landmarks_make_late_events(truths: dict[int, ClipTruth]) -> None:
    truth, case = truths[SIDE], cases()[SIDE]
    moved = truth.landmarks()
    late = np.concatenate([np.repeat(moved.image_px[:1], 3, axis=0), moved.image_px[:-3]])
    found, exact = (score(STAGE, replace(moved, image_px=px), truth, case) for px in (late, moved.image_px))
    for name in EVENT_TIMES_S:
        one, two = found.event_error_s[name], exact.event_error_s[name]
        assert one is not None
        assert two is not None
        assert one - two == pytest.approx(3 / case.spec.standing.fps, abs=0.02)


@pytest.mark.parametrize("view", ["front", "back", "side", "oblique"])
def test_the_centre_of_mass_of_a_still(view: str) -> None:
    """The truth has next to no error; a shift shows in the subject's axes."""
    _, truth = people_stills.posed(view, 701)
    exact = truth.landmarks()
    mm = float(truth.mm_per_px[0])
    moved = replace(exact, image_px=exact.image_px + np.array([10 / mm, -20 / mm]))
    found, shifted = (people_stills.score(STAGE, view, 701, series, truth) for series in (exact, moved))
    assert np.abs(found.com_mm).max() < 8
    across = shifted.com_mm[0] - found.com_mm[0]
    assert abs(across) == pytest.approx(10)
    assert shifted.com_mm[1] - found.com_mm[1] == pytest.approx(20)
    if view in ("front", "back"):
        assert np.sign(across) == (-1 if view == "front" else 1)
    [summary] = people_stills.summarise([shifted])
    assert (summary.people, summary.found) == (1, 1)
    assert len(people_stills.lines([summary])) == 3


def test_missing_points_are_missing_and_the_table_is_whole(truths: dict[int, ClipTruth]) -> None:
    truth, case = truths[FRONT], cases()[FRONT]
    moved = truth.landmarks()
    lost = moved.image_px.copy()
    lost[:, INDEX["left_heel"]] = np.nan
    scores = [score(TRUTH, moved, truth, case), score(STAGE, replace(moved, image_px=lost), truth, case)]
    assert scores[1].offset_percent[INDEX["left_heel"]] is None
    summaries = summarise(scores)
    assert [(s.model, s.view) for s in summaries] == [
        (TRUTH, "back"),
        (TRUTH, "all"),
        (STAGE, "back"),
        (STAGE, "all"),
    ]
    table = lines(summaries)
    assert {row.count("|") for row in table} == {13}
    assert len(worst_landmarks(scores, STAGE)) == 8


def test_blazepose_finds_generated_people_where_they_are() -> None:
    """Realism: a network trained on photos agrees with the truth to a few percent of the body's height."""
    try:
        loaded = networks()
    except FailedPrecondition as error:
        pytest.skip(f"{error.message} {error.fix}")
    region, errors, present = Roi(128.0, 128.0, 256.0, 0.0), [], 0
    for seed in range(500, 512):
        shown = person(seed, 256)
        answer = loaded.landmark(landmarker.crops(shown.rgb, [region]))
        found = landmarker.bodies(answer, [region])[0]
        present += found.present
        away = np.linalg.norm(found.image_px - shown.points_px, axis=1)[shown.visible]
        errors.append(100 * np.median(away) / (shown.box[3] - shown.box[1]))
    assert present >= 11
    assert np.median(errors) < 3.5
