"""Hip-strategy index and coupling on double pendulums whose motion is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assay.balance.v1.balance_pb2 import BalanceTrial
from hypothesis import given, settings
from hypothesis import strategies as st

from models.synth import standing
from models.synth.standing import Mode
from svc_balance.sway.posture import coupling
from svc_balance.sway.posture.strategy import hip_strategy_index, read_strategy
from tests.balance.people import measure, mirrored, spec

PLANES = {"front": "ml", "back": "ml", "left": "ap", "right": "ap"}


def swaying(view: str, *modes: tuple[float, float, float], seconds: float = 36.0, **changes: object):
    """A person with (frequency, leg, trunk) modes in the view's plane, measured over all but the start."""
    made = tuple(Mode(PLANES[view], *mode) for mode in modes)
    landmarks, _ = standing.trial(
        spec(view=view, modes=made, duration_s=seconds, **{"noise_px": 0.3} | changes)
    )
    return measure(landmarks, window=(4.0, seconds - 1))


@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
def test_in_phase_sway_is_the_ankle_strategy(view: str):
    found = swaying(view, (0.3, 0.6, 0.6)).strategy
    assert found.plane == PLANES[view]
    assert found.label == "ankle"
    assert found.index.value < 0.15
    readings = {reading.id: reading for reading in found.readings}
    assert readings["COPHASE_LOW"].value == pytest.approx(0, abs=5)
    assert readings["COHERENCE_LOW"].value > 0.95
    assert readings["LEG_TRUNK_CORR_LOW"].value > 0.97
    assert readings["INPHASE_SHARE"].value > 0.95
    assert readings["PC1_SIGN"].value == 1
    assert readings["COHERENCE_HIGH"].reason == "BELOW_NOISE"


@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
def test_anti_phase_sway_is_the_hip_strategy(view: str):
    found = swaying(view, (1.2, 0.6, -0.9)).strategy
    assert found.label == "hip"
    assert found.index.value > 0.75
    assert found.index.high_95 <= 1
    readings = {reading.id: reading for reading in found.readings}
    assert readings["COPHASE_HIGH"].value == pytest.approx(180, abs=5)
    assert readings["ANTIPHASE_SHARE"].value > 0.95
    assert readings["PHASE_LOCKING"].value > 0.95
    assert readings["PC1_SIGN"].value == -1
    assert readings["PC1_SHARE"].value > 0.97


def test_a_mixture_is_in_phase_below_one_hertz_and_anti_phase_above():
    found = swaying("right", (0.3, 0.6, 0.5), (1.4, 0.3, -0.4)).strategy
    readings = {reading.id: reading for reading in found.readings}
    assert readings["COPHASE_LOW"].value == pytest.approx(0, abs=10)
    assert readings["COPHASE_HIGH"].value == pytest.approx(180, abs=10)
    assert 0.15 < found.index.value < 0.75
    assert found.index.low_95 < found.index.value < found.index.high_95


@pytest.mark.parametrize("view", ["front", "right"])
def test_the_index_grows_with_the_hips_amplitude(view: str):
    """The hip's angle runs against the leg, from a rigid pendulum to a trunk that swings twice as far."""
    values = [
        swaying(view, (0.5, 0.6, 0.6 * (1 - hip)), seconds=16).strategy.index.value
        for hip in np.arange(0, 3.2, 0.4)
    ]
    assert (np.diff(values) > -1e-3).all()
    assert values[0] < 0.15
    assert values[-1] > 0.75


@given(st.floats(0, 6), st.floats(0, 6), st.floats(0.2, 5), st.floats(0.2, 2.5))
@settings(max_examples=40, deadline=None)
def test_the_index_lies_in_its_range_and_is_free_of_scale(
    first: float, second: float, scale: float, frequency: float
):
    time_s = np.arange(90) / 30
    leg = 0.01 * np.sin(2 * np.pi * frequency * time_s)
    small, large = sorted((first, second))
    index = [hip_strategy_index(leg, (1 - hip) * leg, (0.0, 0.0))[0] for hip in (small, large)]
    assert 0 <= index[0] <= index[1] + 1e-9 <= 1 + 1e-9
    assert hip_strategy_index(scale * leg, scale * (1 - small) * leg, (0.0, 0.0))[0] == pytest.approx(
        index[0]
    )


def test_golden_indices():
    """Formula hsi@1 by hand: rigid 0; still trunk 0.5; equal and opposite 0.8."""
    time_s = np.arange(90) / 30
    leg = 0.01 * np.sin(2 * np.pi * time_s)
    for slope, expected in ((1, 0.0), (0, 0.5), (-1, 0.8), (-2, 0.85)):
        assert hip_strategy_index(leg, slope * leg, (0.0, 0.0))[0] == pytest.approx(expected, abs=1e-9)


def test_what_does_not_rise_above_noise_gets_no_label():
    found = swaying("front", (0.3, 0.02, 0.02), noise_px=2.0, happenings=()).strategy
    assert found.label == "indeterminate"
    assert found.index.reason == "BELOW_NOISE"
    assert {window.label for window in found.windows} == {"indeterminate"}


def test_a_step_in_the_window_is_stepping():
    landmarks, _ = standing.trial(spec(duration_s=20))
    whole = measure(landmarks)
    found = read_strategy(
        whole.prepared,
        "left",
        whole.view,
        (4.0, 19.5),
        com_px=whole.com.position_px,
        com_error_px=whole.com.standard_uncertainty_px,
        scale=whole.scale,
        steps_s=(12.0,),
    )
    assert found.label == "stepping"
    assert [window.label for window in found.windows if window.start_s <= 12 <= window.end_s] == [
        "stepping"
    ] * 2
    assert found.windows[0].label == "ankle"


def test_the_score_proxy_is_for_side_views_only_and_falls_with_shear():
    assert swaying("front", (0.3, 0.6, 0.6), seconds=16).strategy.score_proxy.reason == "NOT_IN_VIEW"
    calm = swaying("right", (0.3, 0.4, 0.4), seconds=16).strategy.score_proxy
    brisk = swaying("right", (1.0, 0.6, 0.6), seconds=16).strategy.score_proxy
    assert 90 < calm.value < 99
    assert brisk.value < calm.value - 3 * calm.standard_uncertainty


def test_the_score_proxy_is_the_shear_of_a_known_motion():
    """Peak-to-peak acceleration of amplitude A at f is 2 A (2 pi f)^2; 111.2 N at 70 kg is the full scale."""
    found = swaying("right", (0.5, 0.5, 0.5), seconds=24, noise_px=0.0)
    landmarks, truth = standing.trial(spec(view="right", modes=(Mode("ap", 0.5, 0.5, 0.5),), duration_s=24))
    sway_m = np.ptp(truth.com_mm[truth.time_s > 5, 1]) / 1000
    expected = 100 * (1 - sway_m * np.pi**2 * 70 / 111.2)
    assert found.strategy.score_proxy.value == pytest.approx(expected, abs=1)
    assert len(landmarks) == len(truth.time_s)


def test_a_mirror_image_has_the_same_strategy():
    landmarks, _ = standing.trial(
        spec(noise_px=0.3, modes=(Mode("ml", 0.4, 0.6, 0.2), Mode("ml", 1.3, 0.3, -0.3)))
    )
    one, other = measure(landmarks).strategy, measure(mirrored(landmarks), "right").strategy
    assert other.index.value == pytest.approx(one.index.value, abs=1e-9)
    assert np.allclose(other.leg_deg, -one.leg_deg, equal_nan=True)


def test_frame_rates_agree():
    modes = (Mode("ml", 0.4, 0.6, 0.2), Mode("ml", 1.3, 0.3, -0.3))
    values = [
        measure(standing.trial(spec(fps=fps, modes=modes))[0]).strategy.index.value for fps in (30, 60, 120)
    ]
    assert values == pytest.approx([values[0]] * 3, rel=0.02)


def test_short_or_missing_records_say_so():
    landmarks, _ = standing.trial(spec(duration_s=6))
    short = measure(landmarks, window=(4.0, 6.0), trial=BalanceTrial()).strategy
    assert short.index.reason == "TOO_SHORT"
    assert {reading.reason for reading in short.readings} == {"TOO_SHORT"}
    nothing = replace(landmarks, image_px=np.full_like(landmarks.image_px, np.nan))
    assert measure(nothing, window=(1.0, 6.0)).strategy.index.value is None
    trunkless = landmarks.image_px.copy()
    trunkless[:, 11:13] = np.nan
    missing = measure(replace(landmarks, image_px=trunkless), window=(1.0, 6.0)).strategy
    assert missing.index.reason == "LANDMARKS_MISSING"


def test_golden_coherence_threshold():
    """Domain review, section 3.2: six independent segments at 5 % need 0.451."""
    assert coupling.critical_coherence(6) == pytest.approx(0.451, abs=5e-4)
    assert coupling.critical_coherence(1) == 1.0


def test_independent_angles_are_not_coherent():
    rng = np.random.default_rng(11)
    found = {
        r.id: r for r in coupling.readings(rng.normal(0, 1, 1200), rng.normal(0, 1, 1200), 30, (1e-3, 1e-3))
    }
    assert found["COPHASE_LOW"].reason == "NOT_COHERENT"
    assert found["COHERENCE_LOW"].value < found["COHERENCE_CRITICAL"].value
    assert abs(found["LEG_TRUNK_CORR_HIGH"].value) < 0.3
    assert found["LEG_TRUNK_CORR_HIGH"].low_95 < 0 < found["LEG_TRUNK_CORR_HIGH"].high_95
    assert set(found) == set(coupling.UNITS)
