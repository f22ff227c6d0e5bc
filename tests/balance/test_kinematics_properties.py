"""What holds for every series: no crash on holes, the picture's place and size do not matter."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from assay.balance.v1.balance_pb2 import BalanceTrial
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.landmarks import POINTS, Landmarks
from models.synth import standing
from models.synth.standing import Happening, Mode
from svc_balance.sway.posture.alignment import UNITS
from svc_balance.sway.posture.filters import low_pass
from tests.balance.people import Measured, measure, spec

BUSY = spec(
    duration_s=12,
    noise_px=0.4,
    modes=(Mode("ml", 0.5, 0.8, 0.3), Mode("ap", 0.6, 0.6, -0.3)),
    happenings=(Happening("hands_off", 6, 1, 60, "right"), Happening("trunk_lean", 8, 1.5, 13)),
)


def values(found: Measured) -> dict[str, float | None]:
    readings = [
        *found.alignment.readings,
        found.strategy.index,
        found.strategy.score_proxy,
        *found.strategy.readings,
        found.scale.mm_per_px,
    ]
    return {reading.id: reading.value for reading in readings}


@given(
    seed=st.integers(0, 2**32 - 1),
    gone=st.sampled_from([0.0, 0.02, 0.3, 0.9, 1.0]),
    lost_points=st.sets(st.integers(0, POINTS - 1), max_size=12),
    view=st.sampled_from(["front", "back", "left", "right"]),
    side=st.sampled_from(["left", "right", ""]),
    start=st.floats(-5, 15),
    length=st.floats(0, 15),
    world=st.booleans(),
    collapse=st.sampled_from([1.0, 1.0, 1e-3, 0.0]),
)
@settings(max_examples=30, deadline=None)
def test_any_holes_end_in_values_or_reasons(
    seed, gone, lost_points, view, side, start, length, world, collapse
):
    rng = np.random.default_rng(seed)
    landmarks, _ = standing.trial(replace(BUSY, view=view))
    px, visibility = landmarks.image_px * collapse, landmarks.visibility.copy()
    px[rng.random(px.shape[:2]) < gone] = np.nan
    px[:, sorted(lost_points)] = np.nan
    visibility[rng.random(visibility.shape) < gone / 2] = np.nan
    holed = replace(
        landmarks,
        image_px=px,
        visibility=visibility,
        world_m=landmarks.world_m * collapse if world else None,
        standard_error_px=None if seed % 2 else np.where(np.isnan(px[..., 0]), np.nan, 0.4),
    )
    found = measure(
        holed, side, (start, start + length), BalanceTrial(height_cm=175) if seed % 3 else BalanceTrial()
    )
    for reading in (
        *found.alignment.readings,
        *found.strategy.readings,
        found.strategy.index,
        found.scale.mm_per_px,
    ):
        assert (reading.value is None) == bool(reading.reason), reading
        if reading.value is not None:
            assert math.isfinite(reading.value), reading
            assert reading.low_95 is None or reading.low_95 <= reading.value <= reading.high_95
    assert {reading.id for reading in found.alignment.readings} == set(UNITS)
    for event in found.compensations.events:
        assert start <= event.onset_s + 1 / 30
        assert 0 <= event.confidence <= 1
        assert math.isfinite(event.peak)
    for flag in found.flags:
        assert flag.level in ("warn", "fail")
        assert math.isfinite(flag.value)


@pytest.mark.parametrize("view", ["front", "right"])
@pytest.mark.parametrize(
    ("factor", "dx", "dy"), [(1.0, 120.0, -60.0), (0.8, 50.0, 30.0), (1.6, -200.0, -500.0)]
)
def test_the_pictures_place_and_size_do_not_matter(view: str, factor: float, dx: float, dy: float):
    landmarks, _ = standing.trial(replace(BUSY, view=view))
    moved = replace(
        landmarks,
        image_px=landmarks.image_px * factor + [dx, dy],
        standard_error_px=np.full_like(landmarks.visibility, 0.4 * factor),
        height=round(landmarks.height * factor),
    )
    before, after = measure(landmarks, window=(4, 11.5)), measure(moved, window=(4, 11.5))
    expected = values(before)
    for id, value in values(after).items():
        if expected[id] is None:
            assert value is None, id
        elif id == "mm_per_px":
            assert value == pytest.approx(expected[id] / factor, rel=1e-6)
        else:
            assert value == pytest.approx(expected[id], rel=1e-3, abs=1e-3), id
    assert [(e.id, e.side) for e in after.compensations.events] == [
        (e.id, e.side) for e in before.compensations.events
    ]
    assert [e.peak for e in after.compensations.events] == pytest.approx(
        [e.peak for e in before.compensations.events], rel=1e-3
    )


@pytest.mark.parametrize(("view", "axis"), [("front", 0), ("back", 0), ("left", 1), ("right", 1)])
@pytest.mark.parametrize("fps", [30, 60, 120])
def test_sway_in_millimetres_is_the_truth_within_its_interval(view: str, axis: int, fps: float):
    """End to end: picture, gates, resampling, mass model, filter, scale; signs included."""
    modes = (Mode("ml", 0.35, 0.7, 0.6), Mode("ap", 0.3, 0.7, 0.6, 0.5), Mode("ml", 1.1, 0.1, -0.1))
    landmarks, truth = standing.trial(spec(view=view, fps=fps, modes=modes, noise_px=0.4))
    found = measure(landmarks)
    inside = found.prepared.between(5, 19)
    sway_px = low_pass(found.com.position_px[:, 0], found.prepared.fs_hz, 5)[inside] * found.view.sign
    true_mm = np.interp(found.prepared.time_s, truth.time_s, truth.com_mm[:, axis])[inside]
    assert np.corrcoef(sway_px, true_mm)[0, 1] > 0.999
    ratio = true_mm.std() / sway_px.std()
    assert found.scale.mm_per_px.low_95 < ratio < found.scale.mm_per_px.high_95
    assert sway_px.std() * found.scale.mm_per_px.value == pytest.approx(true_mm.std(), rel=0.02)


def test_sixty_seconds_at_sixty_frames_are_measured_in_seconds():
    """Bounded work: a long recording costs in proportion to its length."""
    landmarks, _ = standing.trial(spec(duration_s=60, fps=60, noise_px=0.5))
    found = measure(landmarks, window=(4, 59))
    assert len(found.prepared) == 3601
    assert found.strategy.index.value is not None


def test_no_frames_at_all_are_a_typed_error():
    empty = Landmarks(
        10, 10, np.empty(0), np.empty((0, POINTS, 2)), np.empty((0, POINTS)), np.empty((0, POINTS))
    )
    with pytest.raises(Exception, match="fewer than two frames"):
        measure(empty)
