"""Resampling, gates, outliers and gaps."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import InvalidInput, Unmeasurable
from mesh.landmarks import INDEX, POINTS
from models.synth import standing
from svc_balance.sway.posture.filters import derivative, low_pass
from svc_balance.sway.posture.series import Prepared, landmark_error, prepare
from tests.balance.people import plain, spec


def x_of(prepared: Prepared) -> np.ndarray:
    return prepared.point("nose")[:, 0]


def test_even_thirty_hertz_passes_unchanged():
    landmarks, _ = standing.trial(spec(duration_s=10))
    prepared = prepare(landmarks)
    assert prepared.fs_hz == 30
    assert prepared.time_s == pytest.approx(landmarks.time_s)
    assert np.abs(prepared.image_px - landmarks.image_px).max() < 1e-6
    assert not prepared.filled.any()
    assert prepared.share_missing.max() == 0


@pytest.mark.parametrize(
    ("fps", "target"),
    [(24, 30), (25, 30), (29.97, 30), (30, 30), (50, 30), (55, 60), (59.94, 60), (120, 60), (240, 60)],
)
def test_every_frame_rate_gives_the_same_motion(fps, target):
    time_s = np.arange(0, 12, 1 / fps)
    prepared = prepare(plain(time_s, 20 * np.sin(2 * np.pi * 2 * time_s)))
    assert prepared.fs_hz == target
    assert prepared.source_fps == pytest.approx(fps)
    inner = (prepared.time_s > 1) & (prepared.time_s < 11)
    true = 20 * np.sin(2 * np.pi * 2 * prepared.time_s)
    assert np.abs(x_of(prepared) - true)[inner].max() < 0.03 * 20 * 0.5
    speed = derivative(x_of(prepared), target)[inner]
    assert speed.std() == pytest.approx(20 * 4 * np.pi / np.sqrt(2), rel=0.01)


def test_variable_frame_times_leave_derivatives_unbiased():
    """Linear interpolation would flatten the same motion by several percent."""
    rng = np.random.default_rng(4)
    time_s = np.cumsum(rng.uniform(0.02, 0.047, 400))
    time_s -= time_s[0]
    signal = 20 * np.sin(2 * np.pi * 2 * time_s)
    prepared = prepare(plain(time_s, signal))
    inner = (prepared.time_s > 1) & (prepared.time_s < time_s[-1] - 1)
    true = 20 * 4 * np.pi * np.cos(2 * np.pi * 2 * prepared.time_s)
    ours = derivative(x_of(prepared), 30)
    linear = derivative(np.interp(prepared.time_s, time_s, signal), 30)
    assert ours[inner].std() == pytest.approx(true[inner].std(), rel=0.01)
    assert np.abs(linear - true)[inner].max() > 4 * np.abs(ours - true)[inner].max()


def test_fast_sources_do_not_alias():
    time_s = np.arange(0, 10, 1 / 120)
    prepared = prepare(plain(time_s, np.sin(2 * np.pi * 57 * time_s)))
    assert np.abs(x_of(prepared)[60:-60]).max() < 0.12


def test_gates_need_visibility_and_presence_and_do_not_take_nan_for_seen():
    time_s = np.arange(0, 4, 1 / 30)
    landmarks = plain(time_s, np.zeros(len(time_s)))
    visibility, presence = landmarks.visibility.copy(), landmarks.presence.copy()
    visibility[:, INDEX["nose"]] = 0.49
    presence[:, INDEX["left_eye"]] = 0.2
    visibility[:, INDEX["right_eye"]] = np.nan
    prepared = prepare(replace(landmarks, visibility=visibility, presence=presence))
    for name in ("nose", "left_eye", "right_eye"):
        assert np.isnan(prepared.point(name)).all()
        assert prepared.share_missing[INDEX[name]] == 1
    assert np.isfinite(prepared.point("left_ear")).all()


def test_outliers_go_and_plain_noise_stays():
    rng = np.random.default_rng(1)
    time_s = np.arange(0, 30, 1 / 30)
    clean = 300 + 10 * np.sin(2 * np.pi * 0.4 * time_s)
    noisy = clean + rng.normal(0, 1.5, len(time_s))
    assert prepare(plain(time_s, noisy)).share_outliers[0] < 0.01
    for glitch in (1, 2, 3):
        spoilt = noisy.copy()
        spoilt[400 : 400 + glitch] += 40
        prepared = prepare(plain(time_s, spoilt))
        assert prepared.filled[400 : 400 + glitch, 0].all()
        assert np.abs(x_of(prepared) - clean).max() < 8


def test_a_foot_that_leaves_the_floor_is_no_outlier():
    landmarks, truth = standing.trial(spec(duration_s=8, foot_up_s=4.0, noise_px=0.3, fps=60))
    prepared = prepare(landmarks)
    toe = INDEX["right_foot_index"]
    window = prepared.between(3.5, 5)
    assert prepared.filled[window, toe].mean() < 0.03
    rise = np.abs(prepared.image_px[:, toe, 1] - landmarks.image_px[:, toe, 1])
    assert rise[window].max() < 3
    assert truth.foot_up_s == 4.0


@pytest.mark.parametrize("how", ["hidden", "dropped"])
def test_short_gaps_are_filled_and_marked_longer_ones_stay(how):
    time_s = np.arange(0, 10, 1 / 30)
    x = 300 + 20 * np.sin(2 * np.pi * 0.5 * time_s)
    gaps = np.zeros(len(time_s), bool)
    gaps[60:66] = gaps[150:157] = True
    landmarks = plain(time_s, x)
    if how == "hidden":
        landmarks.image_px[gaps] = np.nan
    else:
        landmarks = plain(time_s[~gaps], x[~gaps])
    prepared = prepare(landmarks)
    assert prepared.filled[60:66, 0].all()
    assert prepared.filled[:, 0].sum() == 6
    assert np.abs(x_of(prepared) - x)[:150].max() < 0.5
    assert np.isnan(x_of(prepared)[150:157]).all()
    assert np.isfinite(x_of(prepared)[157:]).all()
    assert prepared.share_filled[0] == pytest.approx(6 / 300)


def test_nothing_crosses_a_cut():
    time_s = np.arange(0, 6, 1 / 30)
    x = np.where(time_s < 3, 100.0, 900.0)
    prepared = prepare(plain(time_s, x, cuts_s=(3.0,)))
    kept = x_of(prepared)
    assert np.nanmax(np.abs(kept[prepared.segment == 0] - 100)) < 1e-6
    assert np.nanmax(np.abs(kept[prepared.segment == 1] - 900)) < 1e-6
    assert set(prepared.segment.tolist()) == {0, 1}
    hidden = plain(time_s, x, cuts_s=(3.0,))
    hidden.image_px[88:92] = np.nan
    assert np.isnan(x_of(prepare(hidden))[88:92]).all()


def test_errors_travel_with_their_samples_or_are_told_from_the_residual():
    landmarks, _ = standing.trial(spec(duration_s=6, noise_px=0.8))
    error, source = landmark_error(prepare(landmarks))
    assert source == "regions"
    assert np.nanmedian(error) == pytest.approx(0.8)
    error, source = landmark_error(prepare(replace(landmarks, standard_error_px=None)))
    assert source == "residual"
    assert np.median(error) == pytest.approx(0.8, rel=0.1)


def test_hopeless_series_end_in_typed_errors_or_missing_samples():
    time_s = np.arange(0, 2, 1 / 30)
    nothing = plain(time_s, np.full(len(time_s), np.nan))
    assert np.isnan(prepare(nothing).image_px).all()
    assert landmark_error(prepare(nothing))[0].shape == (60, POINTS)
    for frames in (0, 1):
        with pytest.raises(Unmeasurable) as short:
            prepare(plain(time_s[:frames], np.zeros(frames)))
        assert short.value.code == "TOO_FEW_FRAMES"
    with pytest.raises(InvalidInput) as long:
        prepare(plain(np.array([0.0, 1e-3, 4e8]), np.zeros(3)))
    assert long.value.code == "LANDMARKS_TOO_LONG"


def test_hostile_times_take_bounded_time_and_memory():
    steps = np.full(500, 1e-6)
    steps[-1] = 299.0
    start = time.perf_counter()
    prepared = prepare(plain(np.cumsum(steps) - steps[0], np.zeros(500)))
    assert len(prepared) == 299 * 60 + 1
    assert time.perf_counter() - start < 20


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9), st.floats(-500, 500), st.floats(0.2, 5))
@settings(max_examples=25, deadline=None)
def test_any_pattern_of_gaps_moves_and_scales_with_the_picture(seed, share, shift, factor):
    rng = np.random.default_rng(seed)
    time_s = np.cumsum(rng.uniform(0.01, 0.1, 60))
    x = 300 + 50 * np.sin(time_s) + rng.normal(0, 1, 60)
    gaps = rng.random((60, POINTS)) < share
    landmarks = plain(time_s - time_s[0], x)
    landmarks.image_px[gaps] = np.nan
    moved = replace(
        landmarks, image_px=landmarks.image_px * factor + shift, height=round(1920 * factor * 1000)
    )
    before, after = prepare(replace(landmarks, height=1920000)), prepare(moved)
    assert not np.isinf(before.image_px).any()
    assert (before.filled == after.filled).all()
    assert np.allclose(after.image_px, before.image_px * factor + shift, atol=1e-6, equal_nan=True)


def test_frame_rates_agree_on_velocity_within_two_percent():
    found = []
    for fps in (30, 60, 120):
        landmarks, _ = standing.trial(spec(duration_s=20, fps=fps))
        prepared = prepare(landmarks)
        hip = low_pass(prepared.point("left_hip")[:, 0], prepared.fs_hz, 3)
        found.append(np.sqrt(np.mean(derivative(hip, prepared.fs_hz)[prepared.between(4, 19)] ** 2)))
    assert found == pytest.approx([found[0]] * 3, rel=0.02)
