"""The pose page: quality and flags of landmarks with known faults."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from assay.common.v1.types_pb2 import FLAG_LEVEL_FAIL, FLAG_LEVEL_WARN

from mesh.landmarks import INDEX, Landmarks
from svc_balance.pose import page
from svc_balance.pose.estimate import Estimate
from svc_balance.pose.networks import networks

FRAMES = 60


def standing() -> Landmarks:
    """A person of 700 px in a picture of 1000 x 1000, upright and still."""
    heights = {"eye": 0.936, "ear": 0.93, "shoulder": 0.82, "elbow": 0.63, "wrist": 0.48, "hip": 0.53}
    heights |= {"knee": 0.28, "ankle": 0.04, "heel": 0.0, "foot_index": 0.0}
    one = np.zeros((33, 2))
    for name, place in INDEX.items():
        side = 1 if "left" in name else -1 if "right" in name else 0
        part = next((key for key in heights if name.endswith(key) or f"_{key}_" in name), "ear")
        one[place] = [500 + 60 * side, 900 - 700 * heights[part]]
    return Landmarks(
        width=1000,
        height=1000,
        time_s=np.arange(FRAMES) / 30,
        image_px=np.repeat(one[None], FRAMES, axis=0),
        visibility=np.full((FRAMES, 33), 0.95),
        presence=np.full((FRAMES, 33), 0.99),
        people=np.where(np.arange(FRAMES) % 15 == 0, 1, -1),
    )


def estimate(series: Landmarks, *, regions: int = 8, crowded: int = 0, changes: int = 0) -> Estimate:
    return Estimate(series, regions, np.ones(len(series)), crowded, changes)


def flags(made: Estimate, frames_expected: int = FRAMES) -> dict[str, int]:
    told = page.flags(page.quality(made.landmarks), made, frames_expected)
    assert all(flag.message for flag in told)
    return {flag.code: flag.level for flag in told}


def with_(**arrays: np.ndarray) -> Landmarks:
    return dataclasses.replace(standing(), **arrays)


def test_a_good_recording_raises_no_flag() -> None:
    judged = page.quality(standing())
    assert flags(estimate(standing())) == {}
    assert judged.height_px == pytest.approx(700, rel=1e-6)
    assert judged.height_share == pytest.approx(0.7, rel=1e-6)
    assert judged.person_share == 1
    assert max(judged.variation.values()) < 1e-9


@pytest.mark.parametrize(
    ("gone", "gap_s", "level"), [((20, 22), 0.1, FLAG_LEVEL_WARN), ((20, 50), 31 / 30, FLAG_LEVEL_WARN)]
)
def test_a_lost_person_is_told_with_the_longest_gap(gone: tuple[int, int], gap_s: float, level: int) -> None:
    px = standing().image_px.copy()
    px[slice(*gone)] = np.nan
    series = with_(image_px=px)
    assert page.quality(series).longest_gap_s == pytest.approx(gap_s)
    assert flags(estimate(series))["PERSON_LOST"] == level


def test_gaps_at_the_ends_count() -> None:
    time = np.arange(10) / 10
    found = np.array([False] * 4 + [True] * 3 + [False] * 3)
    assert page.longest_gap(time, found) == pytest.approx(0.4)


def test_feet_beyond_the_picture_are_told() -> None:
    px = standing().image_px.copy()
    px[:10, INDEX["left_heel"], 1] = 1003
    assert flags(estimate(with_(image_px=px)))["FEET_OUT_OF_FRAME"] == FLAG_LEVEL_WARN
    there = standing().presence.copy()
    there[:10, INDEX["right_ankle"]] = 0.2
    assert flags(estimate(with_(presence=there)))["FEET_OUT_OF_FRAME"] == FLAG_LEVEL_WARN
    px = standing().image_px.copy()
    px[:2, INDEX["left_heel"], 1] = 1003
    assert "FEET_OUT_OF_FRAME" not in flags(estimate(with_(image_px=px)))


@pytest.mark.parametrize(("scale", "level"), [(0.3, FLAG_LEVEL_FAIL), (0.5, FLAG_LEVEL_WARN)])
def test_a_small_body_is_told(scale: float, level: int) -> None:
    px = 500 + scale * (standing().image_px - 500)
    assert flags(estimate(with_(image_px=px)))["BODY_TOO_SMALL"] == level


def test_hidden_parts_are_told() -> None:
    seen = standing().visibility.copy()
    seen[:, INDEX["left_ankle"] :] = 0.3
    told = flags(estimate(with_(visibility=seen)))
    assert told == {"FEET_HIDDEN": FLAG_LEVEL_WARN}
    told = flags(estimate(with_(visibility=np.full((FRAMES, 33), 0.6))))
    assert told == {"LOW_VISIBILITY": FLAG_LEVEL_WARN}


def test_swapped_sides_and_unsteady_lengths_are_told() -> None:
    px = standing().image_px.copy()
    left, right = INDEX["left_hip"], INDEX["right_hip"]
    px[10:14, [left, right]] = px[10:14, [right, left]]
    assert flags(estimate(with_(image_px=px)))["SIDES_SWAPPED"] == FLAG_LEVEL_WARN
    px = standing().image_px.copy()
    px[:, 11:13, 1] += 100 * np.sin(np.arange(FRAMES))[:, None]
    assert flags(estimate(with_(image_px=px)))["SEGMENT_LENGTH_UNSTEADY"] == FLAG_LEVEL_WARN


def test_other_people_are_told() -> None:
    two = np.where(np.arange(FRAMES) % 15 == 0, 2, -1)
    assert flags(estimate(with_(people=two)))["SEVERAL_PEOPLE"] == FLAG_LEVEL_WARN
    assert flags(estimate(with_(people=two), crowded=1))["SEVERAL_PEOPLE"] == FLAG_LEVEL_FAIL
    often = np.where(np.arange(FRAMES) % 3 == 0, 2, -1)
    assert flags(estimate(with_(people=often), crowded=2))["SEVERAL_PEOPLE"] == FLAG_LEVEL_WARN
    assert flags(estimate(standing(), changes=1))["PERSON_CHANGED"] == FLAG_LEVEL_FAIL


def test_missing_frames_and_a_single_pass_are_told() -> None:
    assert flags(estimate(standing()), FRAMES + 5) == {"FRAMES_MISSING": FLAG_LEVEL_WARN}
    assert set(flags(estimate(standing(), regions=1))) == {"SINGLE_PASS"}


def test_the_page_names_models_mode_and_provider() -> None:
    loaded = networks()
    written = page.build(estimate(standing()), loaded, "1.2.3", FRAMES)
    versions = {entry.name: entry for entry in written.provenance.versions}
    assert versions["blazepose-full"].sha256 == loaded.pose.sha256
    assert versions["blazepose-detector"].sha256 == loaded.finder.sha256
    assert versions["svc_balance.pose"].version == "1.2.3"
    assert (written.frames, written.regions, written.source) == (FRAMES, 8, "video")
    assert written.duration_s == pytest.approx((FRAMES - 1) / 30)
    assert written.execution_provider == loaded.pose.provider
    assert {m.id: m.value for m in written.quality}["body_height"] == pytest.approx(700)
    missing = next(m for m in written.quality if m.id == "region_error")
    assert missing.not_measurable
    assert not missing.HasField("value")
