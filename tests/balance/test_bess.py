"""BESS errors from events: six types, simultaneous ones, the most of a condition, too short a hold."""

from __future__ import annotations

import pytest
from assay.balance.v1 import balance_pb2 as pb
from hypothesis import given, settings
from hypothesis import strategies as st

from models.synth.standing import Happening, StandingSpec
from svc_balance.sway import page
from svc_balance.sway.events.happenings import Event
from svc_balance.sway.events.rules import RULES
from svc_balance.sway.tasks import bess
from tests.balance.trials import HAPPENINGS, codes, result


def error(name: str, onset_s: float, duration_s: float = 0.2) -> Event:
    return Event(name, "error", onset_s, duration_s, confidence=0.9)


def count(*events: Event) -> bess.Score:
    return bess.score(events, 0.0, 20.0, RULES)


def test_each_type_counts_once() -> None:
    names = ["hands_off", "touchdown", "hop", "stance_foot_moved", "hip_abd30", "heel_lift", "forefoot_lift"]
    got = count(*(error(name, 6.0 + 2 * at) for at, name in enumerate(names)))
    assert got.errors == 7
    assert [e.id for e in got.counted] == names
    assert got.held_s == pytest.approx(6.0)


def test_simultaneous_errors_are_one() -> None:
    assert count(error("hands_off", 6.0, 1.0), error("heel_lift", 6.9)).errors == 1
    assert count(error("hands_off", 6.0), error("heel_lift", 6.3)).errors == 1
    assert count(error("hands_off", 6.0), error("heel_lift", 6.31)).errors == 2
    # The third overlaps the second, which overlaps the first.
    chain = (error("hands_off", 6.0, 1.0), error("touchdown", 6.8, 1.0), error("hip_abd30", 7.6, 0.5))
    assert count(*chain).errors == 1


def test_out_of_position_for_more_than_five_seconds_is_an_error_more() -> None:
    got = count(error("touchdown", 8.0, 6.0))
    assert got.errors == 2
    assert [e.id for e in got.counted] == ["touchdown", "out_of_position"]
    assert got.counted[1].onset_s == pytest.approx(13.0)
    assert count(error("touchdown", 8.0, 5.0)).errors == 1


def test_ten_at_most_and_ten_without_five_seconds_in_position() -> None:
    many = [error("hands_off", 5.5 + 0.8 * at) for at in range(15)]
    assert count(*many).errors == 10
    assert len(count(*many).counted) == 15
    restless = [
        error("hands_off", 4.0),
        error("hands_off", 8.5),
        error("hands_off", 13.0),
        error("hop", 17.5),
    ]
    got = count(*restless)
    assert got.held_s < 5
    assert got.errors == 10


def test_only_errors_of_the_twenty_seconds_count() -> None:
    outside = (error("hands_off", 20.0), error("hands_off", 25.0), error("leg_touch", 6.0))
    assert count(*outside).errors == 0
    assert count().errors == 0
    assert count().held_s == 20.0


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(bess.KINDS)), st.floats(0, 25), st.floats(0, 8)), max_size=25)
)
def test_counting_is_bounded_and_ignores_order(drawn: list[tuple[str, float, float]]) -> None:
    events = [error(*one) for one in drawn]
    got, turned = count(*events), count(*reversed(events))
    assert 0 <= got.errors <= RULES.bess_max
    assert got.errors == turned.errors
    assert 0 <= got.held_s <= 20
    assert got.errors in (RULES.bess_max, len(got.counted))
    assert len(got.counted) <= 2 * len(events)


def test_a_condition_of_bess_is_counted_end_to_end() -> None:
    got = result(StandingSpec(duration_s=24, happenings=HAPPENINGS, noise_px=0.5), task=pb.TASK_BESS)
    assert got.bess is not None
    assert got.held is not None
    assert [e.id for e in got.bess.counted][:4] == ["touchdown", "hands_off", "hip_abd30", "heel_lift"]
    assert "EYES_NOT_OBSERVED" in codes(got)
    written = page.build(got, "1")
    assert written.bess_errors == got.bess.errors
    assert written.bess_counted[0].startswith("touchdown@8.")
    assert not got.withheld


def test_a_recording_that_ends_before_twenty_seconds_has_no_count() -> None:
    got = result(StandingSpec(duration_s=15), task=pb.TASK_MBESS)
    assert "BESS_INCOMPLETE" in codes(got)
    assert not page.build(got, "1").HasField("bess_errors")


def test_a_step_back_into_position_goes_on() -> None:
    happenings = (Happening("touchdown", 12.0, 1.0, 1.0), Happening("touchdown", 16.0, 1.0, 1.0))
    got = result(StandingSpec(duration_s=24, happenings=happenings), task=pb.TASK_BESS)
    assert got.bess is not None
    assert got.bess.errors == 2
    assert got.held is not None
    assert got.held.ended_by == "touchdown"
    assert got.held.seconds == pytest.approx(12.1 - 3.17, abs=0.2)
