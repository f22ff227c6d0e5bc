"""End to end against what is true: generated videos, seen by the pose stage (single pass), measured by sway.

The person is drawn, so the figures speak of this drawing and of video compression, not of people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from assay.balance.v1 import balance_pb2 as pb
from numpy.typing import NDArray

from mesh.landmarks import Landmarks
from models.sample.video import MODES, frames, write
from models.synth.standing import Happening, Mode, StandingSpec, Truth, trial
from svc_balance.sway.measures.measure import Metric
from svc_balance.sway.posture.filters import low_pass
from svc_balance.sway.trial import Result, assess
from tests.balance.trials import crossing_s, posed

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]

LEVEL_L = 0.02
"""Clearance at which the foot leaves and meets the floor, leg lengths (`rules@1.0.0`)."""
BASE = StandingSpec(
    duration_s=15.0,
    height_mm=1750.0,
    foot_up_s=1.2,
    end_s=14.2,
    arms="down",
    mm_per_px=2.3,
    width=540,
    height=960,
)


def swaying(share: float) -> tuple[Mode, ...]:
    """The sample's motion, larger or smaller."""
    return tuple(replace(m, leg_deg=share * m.leg_deg, trunk_deg=share * m.trunk_deg) for m in MODES)


SPECS = {
    "left, little sway": replace(BASE, stance_side="left", modes=swaying(0.6)),
    "right, usual sway": replace(BASE, stance_side="right", modes=swaying(1.0)),
    "left, much sway": replace(BASE, stance_side="left", modes=swaying(2.0)),
    "right, touch-down": replace(
        BASE,
        stance_side="right",
        modes=swaying(1.0),
        end_s=None,
        happenings=(Happening("touchdown", 13.2, 1.2, 1.0),),
    ),
    "left, hand off": replace(
        BASE,
        stance_side="left",
        modes=swaying(1.0),
        arms="hips",
        happenings=(Happening("hands_off", 7.0, 1.0, 60.0, "left"),),
    ),
}
MIRRORED = "right, usual sway"


@dataclass(frozen=True)
class Seen:
    """One video: what is true of it and what was found."""

    truth: Truth
    landmarks: Landmarks
    result: Result

    def metric(self, name: str) -> Metric:
        """One metric of sway."""
        assert self.result.sway is not None
        return next(m for m in self.result.sway.metrics if m.definition.id == name)

    def true_ml(self, cutoff_hz: float) -> NDArray[np.float64]:
        """True medio-lateral centre of mass in the measured window below a cutoff, mm."""
        assert self.result.sway is not None
        start_s, end_s = self.result.sway.window_s
        inside = (self.truth.time_s >= start_s) & (self.truth.time_s <= end_s)
        return low_pass(self.truth.com_mm[inside, 0], 30.0, cutoff_hz)


def see(path: Path, spec: StandingSpec, mirror: bool = False) -> Seen:
    """Draws, encodes, poses and measures one trial."""
    pictures: Iterator[NDArray[np.uint8]] = frames(spec)
    if mirror:
        pictures = (np.ascontiguousarray(picture[:, ::-1]) for picture in pictures)
    write(path, pictures, spec.fps, 1_500_000)
    landmarks = posed(path)
    arms = pb.ARMS_HIPS if spec.arms == "hips" else pb.ARMS_UNSPECIFIED
    return Seen(trial(spec)[1], landmarks, assess(landmarks, pb.BalanceTrial(height_cm=175, arms=arms)))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """All six, by name; the last is a mirror image."""
    folder = tmp_path_factory.mktemp("truth")
    found = {name: see(folder / f"{number}.webm", spec) for number, (name, spec) in enumerate(SPECS.items())}
    found["mirror image"] = see(folder / "mirror.webm", SPECS[MIRRORED], mirror=True)
    for name, one in found.items():
        print(f"\n{row(name, one)}", end="")
    return found


def true_side(name: str) -> str:
    """The leg that stands in the picture."""
    return "left" if name == "mirror image" else name.split(",")[0]


def true_time_s(truth: Truth) -> float:
    """From the foot's leaving the floor to its first coming down."""
    assert truth.foot_up_s is not None
    begin_s = crossing_s(truth, LEVEL_L, truth.foot_up_s - 0.1, up=True)
    return crossing_s(truth, LEVEL_L, begin_s + 1.0, up=False) - begin_s


def true_speed(one: Seen) -> float:
    """Mean speed of the true medio-lateral centre of mass below 3 Hz, mm/s."""
    return float(np.abs(np.diff(one.true_ml(3.0))).mean() * 30.0)


def row(name: str, one: Seen) -> str:
    """What was found beside what is true, as a line of a table."""
    rdist, speed = one.metric("RDIST_ML"), one.metric("MVELO_ML")
    assert one.result.held is not None
    held = f"{one.result.held.seconds:.2f} ({true_time_s(one.truth):.2f})"
    interval = f"{one.true_ml(5.0).std():.2f}; {rdist.low_95:.2f} to {rdist.high_95:.2f}"
    got = f"{speed.value:.2f}" if speed.value is not None else speed.not_measurable
    said = f"{got} ({true_speed(one):.2f}), {speed.snr:.1f}"
    return f"| {name} | {one.result.side} | {held} | {rdist.value:.2f} ({interval}) | {said} |"


def test_the_standing_leg_is_found(seen: dict[str, Seen]) -> None:
    assert {name: one.result.side for name, one in seen.items()} == {name: true_side(name) for name in seen}


def test_time_to_failure_is_within_half_a_second(seen: dict[str, Seen]) -> None:
    for name, one in seen.items():
        assert one.result.held is not None
        assert one.result.held.ended_by == "touchdown", name
        assert one.result.held.seconds == pytest.approx(true_time_s(one.truth), abs=0.5), name


def test_sway_is_within_a_quarter_and_inside_its_interval(seen: dict[str, Seen]) -> None:
    for name, one in seen.items():
        true, got = float(one.true_ml(5.0).std()), one.metric("RDIST_ML")
        assert got.low_95 is not None
        assert got.high_95 is not None
        assert got.value == pytest.approx(true, rel=0.25), name
        assert got.low_95 < true < got.high_95, name


def test_more_sway_measures_as_more(seen: dict[str, Seen]) -> None:
    little, usual, much = (seen[name].metric("RDIST_ML").value or 0.0 for name in list(SPECS)[:3])
    assert 0 < little < usual < much


def test_a_velocity_that_is_given_is_inside_its_interval(seen: dict[str, Seen]) -> None:
    given = {name: one for name, one in seen.items() if one.metric("MVELO_ML").value is not None}
    assert len(given) >= len(seen) / 2
    for name, one in given.items():
        got = one.metric("MVELO_ML")
        assert got.snr is not None
        assert got.low_95 is not None
        assert got.high_95 is not None
        assert got.snr >= 3.0, name
        assert got.low_95 < true_speed(one) < got.high_95, name


def test_a_mirror_image_changes_the_side_alone(seen: dict[str, Seen]) -> None:
    straight, mirrored = seen[MIRRORED], seen["mirror image"]
    assert (straight.result.side, mirrored.result.side) == ("right", "left")
    assert straight.result.held is not None
    assert mirrored.result.held is not None
    assert mirrored.result.held.seconds == pytest.approx(straight.result.held.seconds, rel=0.05)
    assert mirrored.metric("RDIST_ML").value == pytest.approx(straight.metric("RDIST_ML").value, rel=0.05)
