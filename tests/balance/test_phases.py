"""Which leg stands and when: synthetic people over a grid of noise, rates, sides and views."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.landmarks import INDEX
from models.synth.standing import Happening, Mode, StandingSpec, trial
from svc_balance.sway.events import spans
from svc_balance.sway.events.contact import contact
from svc_balance.sway.events.feet import feet
from svc_balance.sway.events.phases import PhaseSpan, phases
from svc_balance.sway.events.rules import RULES
from svc_balance.sway.posture.series import prepare
from tests.balance.trials import crossing_s, mirrored


def found(series, *, in_line: bool = False) -> list[PhaseSpan]:
    prepared = prepare(series)
    walked = feet(prepared)
    weight = (prepared.middle("hip")[:, 0] + prepared.middle("shoulder")[:, 0]) / 2
    return phases(walked, contact(walked, weight, RULES), in_line=in_line)


@pytest.mark.parametrize(
    ("fps", "side", "view", "noise_px"),
    [
        (30.0, "left", "front", 0.0),
        (30.0, "right", "front", 2.0),
        (60.0, "left", "front", 2.0),
        (30.0, "left", "back", 1.0),
        (60.0, "right", "back", 1.0),
        (30.0, "right", "right", 1.0),
        (60.0, "left", "left", 1.0),
        (120.0, "right", "front", 1.0),
    ],
)
def test_one_stance_between_two_on_both_feet(fps: float, side: str, view: str, noise_px: float) -> None:
    spec = StandingSpec(
        duration_s=12, fps=fps, stance_side=side, view=view, noise_px=noise_px, end_s=9.0, seed=4
    )
    series, truth = trial(spec)
    parts = found(series)
    assert [p.id for p in parts] == ["double", f"single_{side}", "double"]
    assert parts[1].start_s == pytest.approx(
        crossing_s(truth, 0.02, 2.0, up=True), abs=2 / min(fps, 60) + 0.01
    )
    assert parts[1].end_s == pytest.approx(
        crossing_s(truth, 0.02, 5.0, up=False), abs=2 / min(fps, 60) + 0.02
    )
    assert not parts[1].open_before
    assert not parts[1].open_after
    assert parts[2].last_of_recording


def test_phases_cover_the_recording_in_order_and_never_cross_a_cut() -> None:
    series, _ = trial(StandingSpec(duration_s=15, end_s=12.0))
    parts = found(replace(series, cuts_s=(6.01,)))
    assert [p.id for p in parts] == ["double", "single_left", "single_left", "double"]
    before, after = parts[1], parts[2]
    assert before.end_s <= 6.01 <= after.start_s
    assert before.cut_after
    assert before.open_after
    assert after.open_before
    for first, second in pairwise(parts):
        assert second.first == first.last + 1


def test_a_mirror_swaps_the_sides() -> None:
    series, _ = trial(StandingSpec(duration_s=10, noise_px=1.0, end_s=8.0))
    plain, turned = found(series), found(mirrored(series))
    swap = {"single_left": "single_right", "single_right": "single_left"}
    assert [swap.get(p.id, p.id) for p in plain] == [p.id for p in turned]
    assert [p.start_s for p in plain] == pytest.approx([p.start_s for p in turned])


def test_a_recording_that_starts_on_one_leg_says_so() -> None:
    series, _ = trial(StandingSpec(duration_s=12, foot_up_s=1.0, end_s=9.0))
    late = replace(
        series,
        time_s=series.time_s[90:] - series.time_s[90],
        image_px=series.image_px[90:],
        visibility=series.visibility[90:],
        presence=series.presence[90:],
        world_m=None,
    )
    parts = found(late)
    assert parts[0].id == "single_left"
    assert parts[0].open_before


def test_a_foot_that_stands_farther_from_the_camera_is_not_lifted() -> None:
    """A steep camera shows the far foot 0.2 leg lengths higher; it stands there, then it steps forward."""
    series, _ = trial(StandingSpec(duration_s=6, foot_up_s=None, modes=()))
    px = series.image_px.copy()
    leg_px = 859.0 / 1.5
    # Within a second of the start the far foot swings past the other one and comes to rest nearer.
    step = np.interp(series.time_s, [0.6, 0.9], [0.2, -0.2]) * leg_px
    for name in ("ankle", "heel", "foot_index"):
        px[:, INDEX[f"right_{name}"], 1] -= step
        px[:, INDEX[f"right_{name}"], 0] -= (step - step[0]) / 2
    parts = found(replace(series, image_px=px, world_m=None))
    assert parts[0].id == "double"
    assert parts[-1].id == "double"
    assert "single_left" in [p.id for p in parts]
    assert "single_right" not in [p.id for p in parts]


def test_a_hop_does_not_end_the_stance() -> None:
    series, _ = trial(StandingSpec(duration_s=12, happenings=(Happening("hop", 7.0, 0.4, 80.0),)))
    assert [p.id for p in found(series)] == ["double", "single_left"]


def test_feet_in_a_line_are_tandem_only_when_asked() -> None:
    series, _ = trial(StandingSpec(duration_s=6, foot_up_s=None))
    px = series.image_px.copy()
    middle = (px[:, INDEX["left_ankle"], 0] + px[:, INDEX["right_ankle"], 0]) / 2
    for side in ("left", "right"):
        offset = px[:, INDEX[f"{side}_ankle"], 0] - middle
        for name in ("ankle", "heel", "foot_index"):
            px[:, INDEX[f"{side}_{name}"], 0] -= offset
    line = replace(series, image_px=px)
    assert {p.id for p in found(line)} == {"double"}
    assert {p.id for p in found(line, in_line=True)} == {"tandem"}
    assert {p.id for p in found(series, in_line=True)} == {"double"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-1, 1), st.just(float("nan"))), max_size=60),
    st.floats(0.1, 0.5),
    st.floats(-0.5, 0.09),
    st.integers(1, 6),
)
def test_spans_hold_what_they_promise(values: list[float], on: float, off: float, shortest: int) -> None:
    signal = np.array(values, np.float64)
    last_end = -1
    for span in spans.spans(signal, on, off, shortest):
        inside = signal[span.first : span.last + 1]
        assert inside[0] > on
        assert (inside > off).all()
        assert span.samples >= shortest
        assert span.first > last_end
        assert span.first - 1 <= span.onset <= span.first
        after = signal[span.last + 1 : span.last + 2]
        assert not (after > off).any()
        last_end = span.last
    flipped = spans.spans(-signal, -on, -off, shortest)
    assert [(s.first, s.last) for s in flipped] == [
        (s.first, s.last) for s in spans.spans(signal, on, off, shortest)
    ]


def test_an_onset_lies_where_the_line_crosses_the_threshold() -> None:
    (span,) = spans.spans(np.array([0.0, 0.0, 1.0, 1.0, 0.0]), 0.25, 0.1, 1)
    assert span.onset == pytest.approx(1.25)
    (span,) = spans.spans(np.array([1.0, 1.0, 0.0, 0.0, 1.0]), 0.25, 0.5, 1)
    assert span.onset == pytest.approx(1.75)


@pytest.mark.parametrize("behind", [0.03, 0.06, 0.1, 0.15])
@pytest.mark.parametrize("beside", [0.0, 0.15])
def test_a_step_that_lands_farther_from_the_camera_ends_the_stance(behind: float, beside: float) -> None:
    """In the picture the foot stays up; that the weight moves between the feet gives the step away."""
    series, _ = trial(StandingSpec(duration_s=14, noise_px=1.0, end_s=9.0))
    leg_px = 859.0 / 1.5
    ramp = np.interp(series.time_s, [8.6, 9.0], [0.0, leg_px])
    px = series.image_px.copy()
    for name in ("ankle", "heel", "foot_index"):
        px[:, INDEX[f"right_{name}"], 1] -= behind * ramp
        px[:, INDEX[f"right_{name}"], 0] -= beside * ramp
    parts = found(replace(series, image_px=px, world_m=None))
    assert [p.id for p in parts] == ["double", "single_left", "double"]
    assert parts[1].end_s == pytest.approx(8.95, abs=0.2)


@pytest.mark.parametrize("view", ["front", "right"])
def test_sway_toward_the_lifted_foot_is_no_step(view: str) -> None:
    modes = (Mode("ml", 0.3, 1.0, 1.0), Mode("ap", 0.25, 1.5, 1.5, 1.0))
    series, _ = trial(StandingSpec(duration_s=20, view=view, stance_side="right", modes=modes, noise_px=1.0))
    assert [p.id for p in found(series)] == ["double", "single_right"]
