"""Zero-lag filters: gain at the cutoff, no lag, no leak over gaps; derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import butter, sosfiltfilt

from svc_balance.sway.posture.filters import band_pass, derivative, low_pass, runs


def gain(fs_hz: float, cutoff_hz: float, frequency_hz: float) -> float:
    """Amplitude that the middle of a long sine keeps."""
    time_s = np.arange(round(fs_hz * max(20, 20 / frequency_hz))) / fs_hz
    reference = np.exp(2j * np.pi * frequency_hz * time_s)
    out = low_pass(np.stack([reference.real, reference.imag], axis=1), fs_hz, cutoff_hz)
    middle = slice(len(time_s) // 4, -len(time_s) // 4)
    return abs(np.mean((out[middle, 0] + 1j * out[middle, 1]) / reference[middle]))


@pytest.mark.parametrize(
    ("fs_hz", "cutoff_hz"), [(30, 3), (30, 5), (30, 6), (60, 6), (100, 10), (120, 3), (30, 14)]
)
def test_the_gain_is_minus_three_decibels_at_the_stated_cutoff(fs_hz, cutoff_hz):
    assert gain(fs_hz, cutoff_hz, cutoff_hz) == pytest.approx(10 ** (-3 / 20), abs=0.002)


def test_an_uncorrected_double_pass_would_cut_lower():
    """Golden: butter(2) run twice at 6 Hz, uncorrected, is -3 dB at 5.04 Hz (domain review, section 4)."""
    time_s = np.arange(0, 80, 1 / 30)
    sine = np.sin(2 * np.pi * 5.04 * time_s)
    uncorrected = sosfiltfilt(butter(2, 6, fs=30, output="sos"), sine)
    assert np.sqrt(2) * uncorrected[600:1800].std() == pytest.approx(10 ** (-3 / 20), abs=0.002)
    assert np.sqrt(2) * low_pass(sine, 30, 6)[600:1800].std() > 0.84


def test_the_analogue_gain_is_that_of_a_corrected_fourth_order_filter():
    for frequency_hz in (0.5, 1, 2, 4, 8):
        expected = 1 / (1 + (np.sqrt(2) - 1) * (frequency_hz / 3) ** 4)
        assert gain(200, 3, frequency_hz) == pytest.approx(expected, abs=0.01)


def test_nothing_lags():
    time_s = np.arange(0, 20, 1 / 30)
    pulse = np.exp(-((time_s - 10) ** 2) / 0.5)
    assert time_s[np.argmax(low_pass(pulse, 30, 3))] == pytest.approx(10, abs=1e-9)
    assert low_pass(pulse[::-1], 30, 3)[::-1] == pytest.approx(low_pass(pulse, 30, 3), abs=1e-6)


def test_level_and_slope_survive_to_the_ends():
    line = 5 + 0.3 * np.arange(200.0)
    assert low_pass(line, 30, 5) == pytest.approx(line, abs=1e-9)


def test_nothing_leaks_over_a_gap():
    x = np.concatenate([np.zeros(60), [np.nan] * 3, np.full(60, 100.0), [np.nan], [1.0, 2.0], [np.nan]])
    out = low_pass(np.stack([x, np.sin(np.arange(len(x)))], axis=1), 30, 5)
    assert out[:60, 0] == pytest.approx(0, abs=1e-9)
    assert out[63:123, 0] == pytest.approx(100, abs=1e-9)
    assert np.isnan(out[60:63, 0]).all()
    assert np.isnan(out[123:, 0]).all()
    assert np.isfinite(out[:, 1]).all()


@given(
    arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
    st.floats(-1e3, 1e3),
)
@settings(max_examples=60, deadline=None)
def test_any_series_filters_linearly_and_stays_finite(x, offset):
    out = low_pass(x, 30, 5)
    assert out.shape == x.shape
    assert not np.isinf(out).any()
    assert np.isnan(out[np.isnan(x)]).all()
    shifted = low_pass(3 * x + offset, 30, 5)
    assert np.nan_to_num(shifted) == pytest.approx(np.nan_to_num(3 * out + offset), rel=1e-6, abs=1e-4)


def test_a_band_keeps_its_middle_and_drops_its_outside():
    time_s = np.arange(0, 60, 1 / 30)
    for frequency_hz, expected, within in ((0.3, 1, 0.02), (0.02, 0, 0.02), (5, 0, 0.02), (0.1, 0.707, 0.03)):
        out = band_pass(np.sin(2 * np.pi * frequency_hz * time_s), 30, 0.1, 1.0)
        assert np.abs(out[600:1200]).max() == pytest.approx(expected, abs=within)


@pytest.mark.parametrize("fs_hz", [30, 60, 120])
def test_velocity_does_not_depend_on_the_frame_rate(fs_hz):
    time_s = np.arange(0, 10, 1 / fs_hz)
    velocity = derivative(np.sin(2 * np.pi * 3 * time_s), fs_hz)
    assert velocity == pytest.approx(6 * np.pi * np.cos(6 * np.pi * time_s), abs=0.13 * 6 * np.pi)
    assert velocity[2:-2].max() == pytest.approx(6 * np.pi, rel=0.006)


def test_derivatives_next_to_gaps_and_of_short_series():
    x = np.arange(12.0)
    x[6] = np.nan
    out = derivative(x, 10)
    assert np.isnan(out[5:8]).tolist() == [True, False, True]
    assert out[[0, 1, 2, 3, 4, 8, 9, 10, 11]] == pytest.approx(10)
    assert np.isnan(derivative(np.array([1.0, 2.0]), 10)).all()
    assert derivative(np.empty(0), 10).shape == (0,)


def test_impossible_rates_are_refused():
    for fs_hz, cutoff_hz in ((30, 15), (30, 0), (30, -1), (0, 1), (30, np.nan)):
        with pytest.raises(ValueError, match="cutoff"):
            low_pass(np.zeros(50), fs_hz, cutoff_hz)
    with pytest.raises(ValueError, match="not below"):
        band_pass(np.zeros(50), 30, 3, 1)


def test_runs_are_stretches_of_true():
    assert list(runs(np.array([True, False, True, True]))) == [slice(0, 1), slice(2, 4)]
    assert list(runs(np.zeros(0, bool))) == []
