"""What must hold for any sway: invariances, scaling, mirror image, frame rate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from svc_balance.sway import metrics
from svc_balance.sway.measures.compute import FEWEST_SAMPLES
from svc_balance.sway.measures.definitions import BY_ID

Floats = NDArray[np.float64]
FS_HZ = 30.0
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=15, deadline=None)
# Their 3 mm radius does not scale with the trace.
ABSOLUTE_RADIUS = ("SWAY_DENSITY_PEAK", "SWAY_DENSITY_DISTANCE")
FROM_THE_START = (*ABSOLUTE_RADIUS, "SAMPEN", "DFA", "MSE")
DIRECTIONS = (("POS", "NEG"), ("NEG", "POS"))
SIGNED_BY_MIRROR = ("SWAY_DIRECTION", "SWAY_DIRECTION_COEF")


def sway(seed: int, fs_hz: float = FS_HZ, seconds: float = 12.0) -> Floats:
    """Sway of 60 tones from 0.05 to 2.5 Hz with a falling spectrum, mm; the same at any rate."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * fs_hz)) / fs_hz
    f = np.linspace(0.05, 2.5, 60)
    amplitude = 5 / (1 + (f / 0.3) ** 2) * rng.standard_normal(60)
    return amplitude @ np.sin(2 * np.pi * f[:, None] * time + rng.uniform(0, 2 * np.pi, 60)[:, None])


def same(ours: dict[str, float], expected: dict[str, float], relative: float = 1e-6) -> None:
    assert set(ours) == set(expected)
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, rel=relative, abs=1e-9), name


@FEW
@given(SEEDS, st.floats(-500, 500), st.floats(-500, 500))
def test_translation_changes_nothing(seed: int, right: float, forward: float) -> None:
    ml, ap = sway(seed), sway(seed + 1)
    same(metrics(ml + right, ap + forward, FS_HZ), metrics(ml, ap, FS_HZ))


@FEW
@given(SEEDS, st.floats(0, 2 * math.pi))
def test_rotation_leaves_planar_metrics(seed: int, angle: float) -> None:
    ml, ap = sway(seed), sway(seed + 1)
    turned = (
        math.cos(angle) * ml - math.sin(angle) * ap,
        math.sin(angle) * ml + math.cos(angle) * ap,
    )
    before, after = metrics(ml, ap, FS_HZ), metrics(*turned, FS_HZ)
    directed = (*SIGNED_BY_MIRROR, "RANGE_RATIO")
    planar = [name for name in before if BY_ID[name].needs == "both" and name not in directed]
    assert len(planar) > 25
    same({name: after[name] for name in planar}, {name: before[name] for name in planar})
    turn = after["SWAY_DIRECTION"] - before["SWAY_DIRECTION"] - math.degrees(angle)
    assert math.isclose(math.cos(math.radians(2 * turn)), 1, abs_tol=1e-6)


@FEW
@given(SEEDS, st.floats(0.05, 20))
def test_scale_follows_the_definitions(seed: int, k: float) -> None:
    ml, ap = sway(seed), sway(seed + 1)
    before, after = metrics(ml, ap, FS_HZ), metrics(k * ml, k * ap, FS_HZ)
    for name in set(before) - set(ABSOLUTE_RADIUS):
        assert after[name] == pytest.approx(before[name] * k ** BY_ID[name].scale_power, rel=1e-6), name


@FEW
@given(SEEDS)
def test_time_reversal_swaps_directions_of_velocity_only(seed: int) -> None:
    # 15 s: both Welch segments lie alike from either end.
    ml, ap = sway(seed, seconds=15.0), sway(seed + 1, seconds=15.0)
    before, after = metrics(ml, ap, FS_HZ), metrics(ml[::-1], ap[::-1], FS_HZ)
    swap = {f"VPEAK_{a}_{axis}": f"VPEAK_{b}_{axis}" for a, b in DIRECTIONS for axis in ("ML", "AP")}
    for name, value in before.items():
        if name.startswith("FPEAK"):
            # Of two bins of nearly the same height either may win.
            continue
        if name.startswith(FROM_THE_START):
            # Windows and templates are laid from the first sample on.
            assert after[name] == pytest.approx(value, rel=0.3), name
        elif BY_ID[name].group == "frequency":
            # A periodic Hann window is one sample off its own mirror image.
            assert after[name] == pytest.approx(value, rel=0.05), name
        else:
            assert after[swap.get(name, name)] == pytest.approx(value, rel=1e-6, abs=1e-9), name


@FEW
@given(SEEDS)
def test_mirror_image_keeps_sizes_and_turns_directions(seed: int) -> None:
    ml, ap = sway(seed), sway(seed + 1)
    before, after = metrics(ml, ap, FS_HZ), metrics(-ml, ap, FS_HZ)
    for name, value in before.items():
        if name in SIGNED_BY_MIRROR:
            assert after[name] == pytest.approx(-value, rel=1e-6), name
        elif name in ("VPEAK_POS_ML", "VPEAK_NEG_ML"):
            other = "VPEAK_NEG_ML" if name == "VPEAK_POS_ML" else "VPEAK_POS_ML"
            assert after[other] == pytest.approx(value, rel=1e-6), name
        else:
            assert after[name] == pytest.approx(value, rel=1e-6), name


@FEW
@given(SEEDS)
def test_sides_swap_with_the_axes(seed: int) -> None:
    ml, ap = sway(seed), sway(seed + 1)
    before, after = metrics(ml, ap, FS_HZ), metrics(ap, ml, FS_HZ)
    for name in before:
        if name.endswith("_ML"):
            assert after[name.removesuffix("_ML") + "_AP"] == pytest.approx(before[name], rel=1e-9), name


@FEW
@given(SEEDS, st.integers(FEWEST_SAMPLES, 200))
def test_path_lies_between_its_axes(seed: int, samples: int) -> None:
    ml, ap = np.random.default_rng(seed).standard_normal((2, samples))
    ours = metrics(ml, ap, FS_HZ)
    room = 1 + 1e-12
    assert max(ours["TOTEX_ML"], ours["TOTEX_AP"]) <= ours["TOTEX"] * room
    assert ours["TOTEX"] <= (ours["TOTEX_ML"] + ours["TOTEX_AP"]) * room
    assert ours["RANGE_ML"] <= ours["RANGE"] * room <= 2 * ours["MAXDIST"] * room**2
    assert ours["MDIST"] <= ours["RDIST"] * room <= ours["MAXDIST"] * room**2
    assert ours["RDIST"] ** 2 == pytest.approx(ours["RDIST_ML"] ** 2 + ours["RDIST_AP"] ** 2)
    assert ours["AREA_PEA95"] < ours["AREA_PEA95_F"]


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_frame_rate_hardly_matters(seed: int) -> None:
    at = {fs: metrics(sway(seed, fs, 60), sway(seed + 1, fs, 60), fs) for fs in (30.0, 60.0, 120.0)}
    for name, value in at[30.0].items():
        # The long-term line is nearly flat: its slope is judged by the short-term one, its exponent on 0..1.
        absolute = 0.0
        if name.startswith("SDA_DL"):
            absolute = 0.02 * at[30.0][name.replace("DL", "DS")]
        elif name.startswith("SDA_HL"):
            absolute = 0.02
        elif name.startswith("SWAY_DIRECTION"):
            absolute = 0.01 if name == "SWAY_DIRECTION_COEF" else 1.0
        # Which small waves count as a peak or a crossing depends on samples.
        relative = 0.1 if name.startswith(("VZC", "VPEAK", "SWAY_DENSITY")) else 0.02
        # Where two nearly parallel lines meet, or which of two equal bins wins, is up to the last digit.
        if not name.startswith(("SDA_TC", "SDA_XC", "FPEAK")):
            for fs in (60.0, 120.0):
                assert at[fs][name] == pytest.approx(value, rel=relative, abs=absolute), (name, fs)


@pytest.mark.parametrize("samples", [FEWEST_SAMPLES, 6, 29, 300, 2000])
def test_a_constant_has_no_sway_and_no_frequency(samples: int) -> None:
    ours = metrics(np.full(samples, 3.0), np.full(samples, -7.0), FS_HZ)
    for name in ("MDIST", "RDIST", "TOTEX", "MVELO", "RANGE", "AREA_PEA95", "AREA_HULL", "AREA_SW"):
        assert ours[name] == 0
    for name in ("MFREQ", "LFS", "FD_CC", "SWAY_DIRECTION", "CFREQ", "SAMPEN_ML", "DFA_ML", "LDLJ", "OER"):
        assert name not in ours


@pytest.mark.parametrize("samples", range(FEWEST_SAMPLES, 40))
def test_shortest_records_give_finite_numbers(samples: int) -> None:
    ml, ap = np.random.default_rng(samples).standard_normal((2, samples))
    ours = metrics(ml, ap, FS_HZ)
    assert ours["TOTEX"] > 0
    assert all(math.isfinite(value) for value in ours.values())


def test_points_on_one_line_have_no_area() -> None:
    ml = sway(1)
    ours = metrics(ml, 2 * ml, FS_HZ)
    assert ours["AREA_HULL"] == pytest.approx(0, abs=1e-6)
    assert ours["AREA_PEA95"] == pytest.approx(0, abs=1e-4)
    assert ours["RANGE"] == pytest.approx(math.sqrt(5) * ours["RANGE_ML"], rel=1e-9)
    assert ours["SWAY_DIRECTION"] == pytest.approx(math.degrees(math.atan(2)), rel=1e-9)
