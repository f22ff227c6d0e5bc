"""Conditions and ratios of CTSIB, and the equilibrium score of a side view."""

from __future__ import annotations

import numpy as np
import pytest
from assay.balance.v1 import balance_pb2 as pb
from assay.balance.v1.balance_pb2 import BalanceTrial

from models.synth.standing import Mode, StandingSpec, trial
from svc_balance.sway import page
from svc_balance.sway.tasks.ctsib import Amount, condition, ratios
from tests.balance.trials import codes, result

OPEN, CLOSED, DOME = pb.EYES_OPEN, pb.EYES_CLOSED, pb.EYES_DOME
FIRM, FOAM = pb.SURFACE_FIRM, pb.SURFACE_FOAM


def test_conditions_by_number() -> None:
    full = [(OPEN, FIRM), (CLOSED, FIRM), (DOME, FIRM), (OPEN, FOAM), (CLOSED, FOAM), (DOME, FOAM)]
    for number, (eyes, surface) in enumerate(full, start=1):
        assert condition(BalanceTrial(task=pb.TASK_CTSIB, eyes=eyes, surface=surface)) == number
    modified = [(OPEN, FIRM), (CLOSED, FIRM), (OPEN, FOAM), (CLOSED, FOAM)]
    for number, (eyes, surface) in enumerate(modified, start=1):
        assert condition(BalanceTrial(task=pb.TASK_MCTSIB, eyes=eyes, surface=surface)) == number
    assert condition(BalanceTrial(task=pb.TASK_MCTSIB, eyes=DOME, surface=FIRM)) is None
    assert condition(BalanceTrial(task=pb.TASK_CTSIB, eyes=OPEN)) is None


def test_ratios_of_times_and_of_sway() -> None:
    times = {
        (OPEN, FIRM): Amount(30.0, 0.02, censored=True),
        (CLOSED, FIRM): Amount(24.0, 0.02),
        (OPEN, FOAM): Amount(15.0, 0.02),
        (CLOSED, FOAM): Amount(6.0, 0.06),
    }
    got = ratios(times, of_sway=False)
    assert {name: one.value for name, one in got.items()} == pytest.approx(
        {"somatosensory": 0.8, "visual": 0.5, "vestibular": 0.2}
    )
    assert all(one.censored for one in got.values())
    assert got["vestibular"].relative_uncertainty == pytest.approx(np.hypot(0.01, 0.02 / 30))
    sway = {(OPEN, FIRM): Amount(5.0), (CLOSED, FOAM): Amount(20.0)}
    assert {n: r.value for n, r in ratios(sway, of_sway=True).items()} == {"vestibular": 0.25}
    assert ratios({(OPEN, FIRM): Amount(0.0), (CLOSED, FIRM): Amount(3.0)}, of_sway=False) == {}


def test_a_condition_is_measured_on_both_feet() -> None:
    got = result(
        StandingSpec(duration_s=31, foot_up_s=None),
        task=pb.TASK_MCTSIB,
        eyes=CLOSED,
        surface=FOAM,
    )
    assert got.condition == 4
    assert got.held is not None
    assert (got.held.ended_by, got.held.censored) == ("cap", True)
    assert got.held.seconds == pytest.approx(30.0)
    found = {r.reading.id: r.reading for r in got.task_readings}
    assert found["CTSIB_CONDITION"].value == 4
    assert found["EQUILIBRIUM_SCORE"].reason == "NOT_IN_VIEW"
    assert "CONDITION_UNKNOWN" not in codes(got)


def test_a_step_ends_a_condition() -> None:
    spec = StandingSpec(duration_s=24, foot_up_s=12.0, end_s=14.0)
    got = result(spec, task=pb.TASK_CTSIB, eyes=OPEN, surface=FIRM)
    assert got.held is not None
    assert got.held.ended_by == "touchdown"
    assert got.held.seconds == pytest.approx(12.17, abs=0.1)


def test_the_equilibrium_score_follows_its_formula() -> None:
    """A pendulum of known fore-aft swing, seen from the side."""
    spec = StandingSpec(duration_s=31, foot_up_s=None, view="right", modes=(Mode("ap", 0.3, 1.0, 1.0),))
    _, truth = trial(spec)
    got = result(spec, task=pb.TASK_MCTSIB, eyes=OPEN, surface=FIRM)
    reading = next(r.reading for r in got.task_readings if r.reading.id == "EQUILIBRIUM_SCORE")
    ap_mm = truth.com_mm[:, 1] - truth.com_mm[:, 1].mean()
    swing = np.ptp(np.degrees(np.arctan(ap_mm / (0.5527 * 1750))))
    assert reading.value == pytest.approx(100 * (1 - swing / 12.5), abs=2.0)
    assert reading.standard_uncertainty is not None
    assert "CTSIB_CONDITION" in [m.measurement.id for m in page.build(got, "1").metrics]
