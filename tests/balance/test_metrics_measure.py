"""Sway as a result: reasons, flags, intervals, noise."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from mesh.errors import InvalidInput
from svc_balance.sway import DEFINITIONS, Metric, Trace, measure, metrics
from svc_balance.sway.measures import noise
from svc_balance.sway.posture.filters import low_pass
from tests.balance.test_metrics_coverage import simulated

FS_HZ = 30.0
ML, AP = (simulated(65.0, np.random.default_rng(seed)) for seed in (1, 2))


def trace(
    x: NDArray[np.float64], seconds: float = 30.0, sd_mm: float | None = 0.02, filled_share: float = 0.0
) -> Trace:
    part = x[: round(seconds * FS_HZ)]
    return Trace(part, None if sd_mm is None else np.full(len(part), sd_mm), filled_share)


def measured(
    ml: Trace | None, ap: Trace | None, *, scale: float | None = 0.02, fs_hz: float = FS_HZ
) -> Mapping[str, Metric]:
    results = measure(ml, ap, fs_hz, scale_relative_uncertainty=scale)
    assert [result.definition for result in results] == list(DEFINITIONS)
    for result in results:
        assert (result.value is None) == bool(result.not_measurable)
        if result.value is not None and result.low_95 is not None and result.high_95 is not None:
            assert result.low_95 <= result.value <= result.high_95
            assert result.standard_uncertainty is not None
            assert math.isfinite(result.low_95 + result.high_95 + result.standard_uncertainty)
    return {result.definition.id: result for result in results}


def test_a_minute_gives_every_metric_with_an_interval() -> None:
    for result in measured(trace(ML, 65), trace(AP, 65)).values():
        # Where the lines of a diffusion plot do not meet there is no critical point.
        if not result.definition.id.startswith(("SDA_TC", "SDA_XC")):
            assert result.value is not None, result.definition.id
            # A floor of noise is a bound; nothing tells its own error.
            assert (result.low_95 is None) == (result.definition.group == "noise"), result.definition.id


def test_values_are_those_of_the_filtered_trace() -> None:
    results = measured(trace(ML), trace(AP))
    for cutoff, ids in ((5.0, ("RDIST", "RANGE_AP", "AREA_PEA95")), (3.0, ("MVELO", "TOTEX_ML", "SDA_DS"))):
        ml, ap = (low_pass(x[:900], FS_HZ, cutoff) for x in (ML, AP))
        expected = metrics(ml, ap, FS_HZ)
        for name in ids:
            assert results[name].value == pytest.approx(expected[name], rel=1e-9)
            assert results[name].definition.cutoff_hz == cutoff
    assert results["F50"].value == pytest.approx(metrics(ML[:900], AP[:900], FS_HZ)["F50"], rel=1e-9)
    assert results["F50"].definition.band_hz == (0.15, 3.0)


def test_front_view_has_no_antero_posterior_sway() -> None:
    results = measured(trace(ML), None)
    for name, result in results.items():
        if result.definition.needs == "ml":
            assert result.not_measurable != "NOT_IN_VIEW", name
        else:
            assert result.not_measurable == "NOT_IN_VIEW", name


def test_side_view_measures_the_other_axis_alike() -> None:
    front, side = measured(trace(ML), None), measured(None, trace(ML))
    for name, result in front.items():
        if name.endswith("_ML"):
            other = side[name.removesuffix("_ML") + "_AP"]
            assert (result.value, result.low_95, result.snr) == (other.value, other.low_95, other.snr)


@pytest.mark.parametrize(
    ("seconds", "there", "missing"),
    [
        (8.0, [], ["RDIST_ML", "MVELO", "F50", "SDA_DS"]),
        (12.0, ["RDIST_ML", "MVELO"], ["F50", "SDA_DS", "SAMPEN_ML", "MSE_ML"]),
        (25.0, ["RDIST_ML", "F50", "CFREQ_AP"], ["SDA_DS", "SAMPEN_ML", "MSE_ML"]),
        (40.0, ["SDA_DS", "SAMPEN_ML", "DFA_AP"], ["MSE_ML"]),
    ],
)
def test_short_records_say_so(seconds: float, there: list[str], missing: list[str]) -> None:
    results = measured(trace(ML, seconds), trace(AP, seconds))
    assert all(results[name].value is not None for name in there)
    assert {results[name].not_measurable for name in missing} == {"TOO_SHORT"}
    assert all(("SHORT_RECORD" in results[name].flags) == (seconds < 20) for name in there)


def test_without_a_scale_only_what_has_none() -> None:
    results = measured(trace(ML), trace(AP), scale=None)
    for name, result in results.items():
        if result.definition.scale_power:
            assert result.not_measurable == "SCALE_UNKNOWN", name
    assert results["MFREQ"].value is not None
    assert results["F50_ML"].value is not None


def test_scale_uncertainty_passes_through_by_its_power() -> None:
    loose, tight = measured(trace(ML), trace(AP), scale=0.2), measured(trace(ML), trace(AP), scale=0.0)
    for name, power in (("RDIST", 1), ("AREA_PEA95", 2), ("SDA_DS", 2), ("MFREQ", 0)):
        wide, narrow = loose[name], tight[name]
        assert wide.value is not None
        assert wide.standard_uncertainty is not None
        assert narrow.standard_uncertainty is not None
        expected = math.hypot(narrow.standard_uncertainty, 0.2 * power * wide.value)
        assert wide.standard_uncertainty == pytest.approx(expected, rel=1e-9), name


def coloured(fall: float, seconds: float, seed: int, fs_hz: float = FS_HZ) -> NDArray[np.float64]:
    """Gaussian noise of 1 mm² / Hz at 1 Hz, its power falling with f^-fall from 0.1 Hz on."""
    rng = np.random.default_rng(seed)
    size = round(seconds * fs_hz)
    f = np.fft.rfftfreq(size, 1 / fs_hz)
    power = np.where(f >= 0.1, np.maximum(f, 0.1) ** -fall, 0.0)
    draws = rng.normal(size=len(f)) + 1j * rng.normal(size=len(f))
    return np.asarray(np.fft.irfft(draws * np.sqrt(power * fs_hz * size / 4), size))


@pytest.mark.parametrize(("fall", "least", "most"), [(0.0, 1.0, 6.0), (1.0, 1.0, 4.0), (2.0, 0.6, 1.6)])
def test_the_residual_is_right_for_a_random_walk_and_an_upper_bound_else(
    fall: float, least: float, most: float
) -> None:
    ratios = []
    for seed in range(12):
        x = coloured(fall, 20.0, seed)
        told = noise.residual(x, FS_HZ, FS_HZ, (5.0, 3.0))
        ratios.append(told.velocity_mm_s / (np.diff(low_pass(x, FS_HZ, 3.0)).std() * FS_HZ))
    assert least < np.median(ratios) < most


def test_slow_sway_is_not_told_as_noise() -> None:
    time_s = np.arange(600) / FS_HZ
    slow = 5 * np.sin(2 * np.pi * 0.3 * time_s) + 1.5 * np.sin(2 * np.pi * 1.2 * time_s)
    x = slow + np.random.default_rng(5).normal(0, 0.1, 600)
    got = measured(Trace(x, source_hz=FS_HZ), None)
    alone = noise.residual(x - slow, FS_HZ, FS_HZ, (5.0, 3.0))
    assert got["RDIST_NOISE_ML"].value == pytest.approx(alone.position_mm, rel=0.1)
    assert got["MVELO_ML"].value is not None


def test_red_noise_that_white_would_miss_refuses_velocity() -> None:
    """Noise as of tracked landmarks, 1/f²: as large in velocity as the sway."""
    x = ML[:900] + 1.5 * coloured(2.0, 30.0, 6)
    assert measured(Trace(x, source_hz=FS_HZ), None)["MVELO_ML"].not_measurable == "SNR_TOO_LOW"


def test_still_seconds_are_an_upper_bound_and_the_smaller_floor_counts() -> None:
    x = ML[:900] + np.random.default_rng(7).normal(0, 0.1, 900)
    alone = measured(Trace(x, source_hz=FS_HZ), None)["MVELO_NOISE_ML"].value
    restless = measured(Trace(x, source_hz=FS_HZ, still_mm=5 * AP[:120]), None)["MVELO_NOISE_ML"].value
    calm = measured(Trace(x, source_hz=FS_HZ, still_mm=AP[:120] / 1e4), None)["MVELO_NOISE_ML"].value
    assert alone is not None
    assert calm is not None
    assert restless == alone
    assert calm < alone / 5


def test_an_interval_of_no_width_is_none() -> None:
    """A still picture of a perfect scale: no spread, so no interval, rather than one that says certain."""
    for result in measured(trace(np.zeros(900)), trace(np.zeros(900)), scale=0.0).values():
        if result.low_95 is not None and result.high_95 is not None:
            assert result.low_95 < result.high_95, result.definition.id


def test_noise_refuses_velocity_before_distance() -> None:
    rng = np.random.default_rng(4)
    noisy = [Trace(x + rng.normal(0, 2.0, len(x)), np.full(len(x), 2.0)) for x in (ML[:900], AP[:900])]
    results = measured(*noisy)
    assert results["MVELO"].not_measurable == "SNR_TOO_LOW"
    assert results["SAMPEN_ML"].not_measurable == "SNR_TOO_LOW"
    assert results["RDIST"].value is not None
    # What 2 mm of white noise reads as alone, and what the model of it predicts.
    alone = [low_pass(rng.normal(0, 2.0, 200_000), FS_HZ, 3.0) for _ in range(2)]
    speed = np.hypot(*(np.diff(x) * FS_HZ for x in alone)).mean()
    assert results["MVELO_NOISE"].value == pytest.approx(speed, rel=0.02)


def test_a_still_reference_is_the_noise_floor() -> None:
    still = np.random.default_rng(9).normal(0, 0.5, 90)
    results = measured(Trace(ML[:900], np.full(900, 0.01), still_mm=still), None)
    floor = results["MVELO_NOISE_ML"].value
    assert floor is not None
    expected = np.abs(np.diff(low_pass(still, FS_HZ, 3.0)) * FS_HZ).mean()
    assert floor == pytest.approx(expected, rel=0.15)
    assert results["MVELO_ML"].snr == pytest.approx(
        noise.signal_to_noise(metrics(low_pass(ML[:900], FS_HZ, 3.0), None, FS_HZ)["MVELO_ML"], floor),
        rel=1e-9,
    )


def test_unknown_noise_is_flagged_not_guessed() -> None:
    results = measured(trace(ML, sd_mm=None), trace(AP, sd_mm=None))
    assert "NOISE_UNKNOWN" in results["MVELO"].flags
    assert results["MVELO"].snr is None
    assert results["MVELO_NOISE"].not_measurable == "NOISE_UNKNOWN"


def test_filled_gaps_are_flagged_then_refused() -> None:
    assert "GAPS_FILLED" in measured(trace(ML, filled_share=0.04), None)["RDIST_ML"].flags
    assert measured(trace(ML, filled_share=0.06), None)["RDIST_ML"].not_measurable == "TOO_MANY_FILLED"


def test_no_movement_is_zero_sway_without_a_frequency() -> None:
    results = measured(Trace(np.zeros(900)), Trace(np.zeros(900)))
    assert results["RDIST"].value == 0
    assert results["MFREQ"].not_measurable == "UNDEFINED"
    assert results["F50"].not_measurable == "UNDEFINED"


def test_nothing_seen_is_nothing_measured() -> None:
    assert {result.not_measurable for result in measured(None, None).values()} == {"NOT_IN_VIEW"}


def test_results_repeat() -> None:
    assert measured(trace(ML), trace(AP)) == measured(trace(ML), trace(AP))


@pytest.mark.parametrize(
    ("ml", "ap", "fs_hz", "code", "field"),
    [
        (Trace(np.full(900, math.nan)), None, 30.0, "SWAY_SIGNAL_INVALID", "ml"),
        (Trace(np.zeros(900)), Trace(np.zeros(800)), 30.0, "SWAY_SIGNAL_INVALID", "ap"),
        (None, Trace(np.zeros(3)), 30.0, "SWAY_SIGNAL_TOO_SHORT", "ap"),
        (Trace(np.zeros(900)), None, 10.0, "SWAY_RATE_INVALID", "fs_hz"),
    ],
)
def test_bad_traces_are_refused(
    ml: Trace | None, ap: Trace | None, fs_hz: float, code: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        measure(ml, ap, fs_hz, scale_relative_uncertainty=0.02)
    assert (caught.value.code, caught.value.field) == (code, field)
