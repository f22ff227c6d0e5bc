"""Golden values of the sway metrics, and what the seam refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from mesh.errors import InvalidInput
from svc_balance.sway import DEFINITIONS, metrics
from svc_balance.sway.measures.diffusion import diffusion_values, fit_regions, lag_samples
from svc_balance.sway.measures.entropy import fluctuation_exponent, sample_entropy

Floats = NDArray[np.float64]
FS_HZ = 30.0
TIME = np.arange(1800) / FS_HZ
CIRCLE = (10 * np.cos(np.pi * TIME), 10 * np.sin(np.pi * TIME))
ELLIPSE = (5 * np.cos(np.pi / 2 * TIME), 10 * np.sin(np.pi / 2 * TIME))
CIRCLE_VALUES = {
    "MDIST": 10.0,
    "RDIST": 10.0,
    "RDIST_ML": 7.071068,
    "MDIST_ML": 6.360379,
    "TOTEX": 1883.047706,
    "MVELO": 31.401574,
    "RANGE_ML": 20.0,
    "RANGE_AP": 20.0,
    "RANGE": 20.0,
    "MAXDIST": 10.0,
    "AREA_PEA95": 941.660195,
    "AREA_PEA95_F": 944.279792,
    "AREA_CE": 942.477796,
    "AREA_CC": 314.159265,
    "AREA_SW": 156.792695,
    "MFREQ": 0.499772,
    "MFREQ_ML": 0.556152,
}
ELLIPSE_VALUES = {
    "MDIST": 7.709822,
    "RDIST": 7.905694,
    "TOTEX": 726.027210,
    "MVELO": 12.107180,
    "AREA_PEA95": 470.830097,
    "AREA_PEA95_F": 472.139896,
    "AREA_SW": 39.251967,
    "MFREQ": 0.249930,
    "SWAY_DIRECTION": 90.0,
    "RANGE_RATIO": 0.5,
}


@pytest.mark.parametrize(("signal", "expected"), [(CIRCLE, CIRCLE_VALUES), (ELLIPSE, ELLIPSE_VALUES)])
def test_circle_and_ellipse(signal: tuple[Floats, Floats], expected: dict[str, float]) -> None:
    ours = metrics(*signal, FS_HZ)
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize("phase", [0.0, 0.7, math.pi / 2])
def test_two_tones_have_their_analytic_moments(phase: float) -> None:
    x = np.sin(0.6 * np.pi * TIME + phase) + np.sin(1.8 * np.pi * TIME + 2 * phase)
    ours = metrics(x, x, FS_HZ)
    for suffix in ("", "_ML", "_AP"):
        assert ours["CFREQ" + suffix] == pytest.approx(math.sqrt(0.45), abs=1e-6)
        assert ours["FREQD" + suffix] == pytest.approx(math.sqrt(0.2), abs=1e-6)
        assert ours["MEANF_PSD" + suffix] == pytest.approx(0.6, abs=1e-6)
    # Two tones of amplitude 1 hold 1/2 each.
    assert ours["POWER_ML"] == pytest.approx(1.0, abs=1e-6)
    assert ours["POWER_LOW_ML"] == pytest.approx(0.5, abs=1e-6)
    assert ours["POWER_MID_ML"] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("fs_hz", [30.0, 60.0, 100.0])
def test_a_pure_tone_has_no_dispersion(fs_hz: float) -> None:
    tone = 3 * np.sin(2 * np.pi * 0.5 * np.arange(round(40 * fs_hz)) / fs_hz)
    ours = metrics(tone, None, fs_hz)
    assert ours["FREQD_ML"] == pytest.approx(0, abs=1e-6)
    for name in ("F50_ML", "FPEAK_ML", "CFREQ_ML"):
        assert ours[name] == pytest.approx(0.5, abs=1e-6)
    assert ours["POWER_ML"] == pytest.approx(4.5, abs=1e-6)


def test_a_drift_hardly_reaches_the_band() -> None:
    """20 mm in a minute; ordinary sway has 5 mm² there."""
    ours = metrics(20 * TIME / 60, None, FS_HZ)
    assert 0 < ours["POWER_ML"] < 0.015


def test_diffusion_of_a_random_walk() -> None:
    """Steps of sd s per axis at fs: MSD(n / fs) = n s², so D = s² fs / 2 on either axis and in the plane."""
    s = 0.3
    lags = lag_samples(3600, 60.0)
    exact = (lags * s**2).astype(np.float64)
    for curve, axes in ((exact, 1), (2 * exact, 2)):
        fit = fit_regions(lags / 60.0, curve, axes)
        for name, expected in (("DS", 2.7), ("DL", 2.7), ("HS", 0.5), ("HL", 0.5)):
            assert float(fit[name]) == pytest.approx(expected, abs=1e-6)


def test_diffusion_of_a_long_simulated_walk() -> None:
    ml, ap = np.cumsum(0.3 * np.random.default_rng(5).standard_normal((2, 36_000)), axis=1)
    ours = diffusion_values(ml, ap, 60.0, logarithmic=False)
    # 600 s hold 36 000 steps: the short-term fit is good to a few percent.
    assert ours["SDA_DS"] == pytest.approx(2.7, rel=0.05)
    assert ours["SDA_HS"] == pytest.approx(0.5, abs=0.02)


def test_entropy_and_fluctuation_reference_values() -> None:
    """Sample entropy and DFA agree with antropy 0.2.3 on the same numbers (numpy default_rng(42))."""
    white = np.random.default_rng(42).standard_normal(1800)
    sine = np.sin(2 * np.pi * 0.5 * TIME)
    for x, entropy, alpha in (
        (white, 2.2225, 0.526),
        (np.cumsum(white), 0.1396, 1.451),
        (sine, 0.2292, 1.511),
    ):
        assert sample_entropy(x) == pytest.approx(entropy, abs=5e-5)
        assert fluctuation_exponent(x) == pytest.approx(alpha, abs=5e-4)
        ours = metrics(x, None, FS_HZ)
        assert ours["SAMPEN_ML"] == pytest.approx(entropy, abs=5e-5)
        assert ours["DFA_ML"] == pytest.approx(alpha, abs=5e-4)


def test_sample_entropy_counts_as_defined() -> None:
    """Against the definition, written as two loops."""
    x = np.random.default_rng(3).standard_normal(60)
    r = 0.2 * float(x.std())

    def matches(length: int) -> int:
        templates = [x[i : i + length] for i in range(len(x) - 2)]
        pairs = ((a, b) for i, a in enumerate(templates) for j, b in enumerate(templates) if i != j)
        return sum(bool(np.abs(a - b).max() <= r) for a, b in pairs)

    assert sample_entropy(x) == pytest.approx(-math.log(matches(3) / matches(2)), abs=1e-12)


def test_multiscale_entropy_needs_a_minute() -> None:
    x = np.random.default_rng(1).standard_normal(3000)
    assert "MSE_ML" not in metrics(x[:1700], None, FS_HZ)
    assert metrics(x, None, FS_HZ)["MSE_ML"] > 6


def test_front_view_gives_medio_lateral_metrics_only() -> None:
    both, front = metrics(*CIRCLE, FS_HZ), metrics(CIRCLE[0], None, FS_HZ)
    assert set(front) == {name for name in both if name.endswith("_ML")}
    assert all(front[name] == both[name] for name in front)


def test_every_id_is_defined() -> None:
    ml, ap = np.cumsum(np.random.default_rng(2).standard_normal((2, 4000)), axis=1)
    known = {definition.id for definition in DEFINITIONS}
    assert len(known) == len(DEFINITIONS)
    assert set(metrics(ml, ap, FS_HZ)) <= known


def test_velocity_divides_by_the_conventions_time() -> None:
    ours, theirs = metrics(*ELLIPSE, FS_HZ), metrics(*ELLIPSE, FS_HZ, conventions="bds")
    assert ours["MVELO"] == pytest.approx(ours["TOTEX"] / (1799 / 30), rel=1e-12)
    assert theirs["MVELO"] == pytest.approx(theirs["TOTEX"] / 60, rel=1e-12)
    assert theirs["AREA_PEA95"] == theirs["AREA_PEA95_F"] == ours["AREA_PEA95_F"]


@pytest.mark.parametrize(
    ("ml", "ap", "fs_hz", "code", "field"),
    [
        ([0.0, 1.0, math.nan, 2.0, 1.0, 0.0], None, 30.0, "SWAY_SIGNAL_INVALID", "ml_mm"),
        ([0.0, 1.0, 0.0, 2.0, 1.0], [0.0, math.inf, 1.0, 1.0, 1.0], 30.0, "SWAY_SIGNAL_INVALID", "ap_mm"),
        ([0.0, 1.0, 0.0, 2.0, 1.0], [0.0] * 6, 30.0, "SWAY_SIGNAL_INVALID", "ap_mm"),
        ([[0.0, 1.0], [2.0, 3.0]], None, 30.0, "SWAY_SIGNAL_INVALID", "ml_mm"),
        (["a", "b"], None, 30.0, "SWAY_SIGNAL_INVALID", "ml_mm"),
        ([], None, 30.0, "SWAY_SIGNAL_TOO_SHORT", "ml_mm"),
        ([0.0, 1.0, 2.0, 1.0], None, 30.0, "SWAY_SIGNAL_TOO_SHORT", "ml_mm"),
        (np.zeros(30 * 601), None, 30.0, "SWAY_SIGNAL_TOO_LONG", "ml_mm"),
        ([0.0] * 9, None, 0.0, "SWAY_RATE_INVALID", "fs_hz"),
        ([0.0] * 9, None, math.nan, "SWAY_RATE_INVALID", "fs_hz"),
        ([0.0] * 9, None, 1e9, "SWAY_RATE_INVALID", "fs_hz"),
        ([0.0] * 9, None, "30", "SWAY_RATE_INVALID", "fs_hz"),
    ],
)
def test_bad_input_names_the_field(ml: object, ap: object, fs_hz: object, code: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        metrics(ml, ap, fs_hz)  # type: ignore[arg-type]  # wrong types are the point
    assert (caught.value.code, caught.value.field) == (code, field)
    assert caught.value.fix


def test_unknown_conventions_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        metrics(*CIRCLE, FS_HZ, conventions="prieto")
    assert (caught.value.code, caught.value.field) == ("SWAY_CONVENTIONS_UNKNOWN", "conventions")
