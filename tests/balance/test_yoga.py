"""A yoga lesson, cut at 2.3, 8.2 and 16.5 s: the right leg stands in four shots, the left at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from assay.balance.v1 import balance_pb2 as pb

from svc_balance.sway import page
from svc_balance.sway.trial import Result, assess
from tests.balance.trials import codes, posed

CUTS_S = (2.3, 8.2, 16.5)


CLIP = "posevideo/single_leg_videos/yogaanytime_balance_28s.mp4"


@pytest.fixture(scope="module")
def clip(shared_data: Path) -> Result:
    """The whole clip, single pass."""
    return assess(posed(shared_data / CLIP, CUTS_S), pb.BalanceTrial())


def test_a_foot_leaves_the_floor_and_a_cut_comes(shared_data: Path) -> None:
    """Four seconds of it: on both feet, the left foot goes up, then another shot of the same stance."""
    got = assess(posed(shared_data / CLIP, CUTS_S, between_s=(5.5, 9.5)), pb.BalanceTrial())
    assert [p.id for p in got.phases if p.id != "unknown"] == ["double", "single_right", "single_right"]
    stances = [p for p in got.phases if p.id == "single_right"]
    assert stances[0].start_s == pytest.approx(7.0 - 5.5, abs=0.3)
    assert stances[0].cut_after
    assert stances[0].end_s <= 8.2 - 5.5 <= stances[1].start_s
    assert stances[1].open_before


def seconds_of(clip: Result, name: str) -> list[tuple[float, float]]:
    return [(p.start_s, p.end_s) for p in clip.phases if p.id == name]


@pytest.mark.proof
def test_left_and_right_stances_are_found(clip: Result) -> None:
    right, left = seconds_of(clip, "single_right"), seconds_of(clip, "single_left")
    spoken = [(0.0, 2.3), (7.1, 8.2), (8.2, 16.5), (16.5, 26.2)]
    assert len(right) == len(spoken)
    for got, said in zip(right, spoken, strict=True):
        assert got == pytest.approx(said, abs=0.35)
    # "Second side: draw the right leg up" begins in the last half second.
    ((start_s, end_s),) = left
    assert 27.3 < start_s < 28.0
    assert end_s == pytest.approx(28.0, abs=0.1)


@pytest.mark.proof
def test_no_phase_goes_across_a_cut(clip: Result) -> None:
    for part in clip.phases:
        assert not [cut for cut in CUTS_S if part.start_s < cut < part.end_s]


@pytest.mark.proof
def test_a_stance_that_a_cut_begins_or_ends_has_no_time(clip: Result) -> None:
    assert {"START_NOT_SEEN", "SEVERAL_ATTEMPTS"} <= codes(clip)
    written = page.build(clip, "1")
    assert written.side_found == pb.STANCE_SIDE_RIGHT
    assert not written.time_to_failure.HasField("value")
    assert written.view == pb.VIEW_FRONT
