"""Pixels to millimetres: methods in their order, intervals that hold the truth, drift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assay.balance.v1.balance_pb2 import BalanceTrial

from models.synth import standing
from svc_balance.sway.posture.scale import CHAIN_OF_LEG_LENGTH, pixel_scale
from svc_balance.sway.posture.series import prepare
from tests.balance.people import mirrored, spec

WINDOW = (5.0, 9.5)


def scale_of(trial: BalanceTrial, *, world: bool = True, side: str = "left", **changes: object):
    landmarks, truth = standing.trial(spec(duration_s=10, **changes))
    if not world:
        landmarks = replace(landmarks, world_m=None)
    return pixel_scale(prepare(landmarks), trial, side, WINDOW), truth


@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
@pytest.mark.parametrize("mm_per_px", [1.2, 2.5])
def test_height_gives_the_scale_within_its_interval(view: str, mm_per_px: float):
    found, _ = scale_of(BalanceTrial(height_cm=175), view=view, mm_per_px=mm_per_px, noise_px=0.5)
    assert found.method == "height"
    # From the side the standing leg leans out of the picture's plane, by 7 degrees.
    assert found.mm_per_px.value == pytest.approx(mm_per_px, rel=0.005 if view in ("front", "back") else 0.01)
    assert found.mm_per_px.low_95 < mm_per_px < found.mm_per_px.high_95
    assert found.mm_per_px.standard_uncertainty == pytest.approx(0.042 * mm_per_px, rel=0.05)
    assert found.shoulder_ratio == pytest.approx(1, abs=0.02)
    assert found.percent_height_per_px.value == pytest.approx(100 * mm_per_px / 1750, rel=0.01)
    assert found.height_mm == 1750
    assert found.flags == ()


def test_a_measured_leg_comes_before_height_and_both_before_the_model():
    leg_cm = 0.491 * 175 / CHAIN_OF_LEG_LENGTH
    both, _ = scale_of(BalanceTrial(height_cm=190, leg_length_cm=leg_cm))
    assert both.method == "leg_length"
    assert both.mm_per_px.value == pytest.approx(1.5, rel=0.005)
    world, _ = scale_of(BalanceTrial())
    assert (world.method, world.flags) == ("world", ("SCALE_APPROXIMATE",))
    assert world.mm_per_px.value == pytest.approx(1.5, rel=0.005)
    assert world.mm_per_px.standard_uncertainty > 2 * both.mm_per_px.standard_uncertainty


def test_without_any_length_there_are_no_millimetres_but_shares_of_height():
    found, _ = scale_of(BalanceTrial(), world=False)
    assert (found.method, found.mm_per_px.value, found.mm_per_px.reason) == ("", None, "SCALE_UNKNOWN")
    assert found.percent_height_per_px.value == pytest.approx(100 * 1.5 / 1750, rel=0.005)


def test_without_a_leg_there_is_no_scale():
    landmarks, _ = standing.trial(spec(duration_s=10))
    nothing = replace(landmarks, image_px=np.full_like(landmarks.image_px, np.nan))
    found = pixel_scale(prepare(nothing), BalanceTrial(height_cm=175), "left", WINDOW)
    assert found.mm_per_px.reason == "LANDMARKS_MISSING"
    assert found.method == ""
    assert np.isnan(found.drift)


def test_walking_toward_the_camera_is_drift():
    landmarks, _ = standing.trial(spec(duration_s=10))
    grow = 1 + 0.01 * landmarks.time_s
    found = pixel_scale(
        prepare(replace(landmarks, image_px=landmarks.image_px * grow[:, None, None])),
        BalanceTrial(height_cm=175),
        "left",
        WINDOW,
    )
    assert found.drift == pytest.approx(0.045 * 0.8 / 1.07, rel=0.1)
    assert "SCALE_DRIFT" in found.flags


def test_a_wrong_picture_of_the_body_disagrees_with_itself():
    landmarks, _ = standing.trial(spec(duration_s=10))
    squeezed = landmarks.image_px.copy()
    squeezed[:, :23, 1] += 200  # shoulders and arms pressed down, legs as they are
    found = pixel_scale(
        prepare(replace(landmarks, image_px=squeezed)), BalanceTrial(height_cm=175), "left", WINDOW
    )
    assert "SCALE_DISAGREES" in found.flags


def test_a_mirror_image_has_the_same_scale_on_the_other_side():
    landmarks, _ = standing.trial(spec(duration_s=10, noise_px=0.4))
    trial = BalanceTrial(height_cm=175)
    left = pixel_scale(prepare(landmarks), trial, "left", WINDOW)
    right = pixel_scale(prepare(mirrored(landmarks)), trial, "right", WINDOW)
    assert right.mm_per_px.value == pytest.approx(left.mm_per_px.value, rel=1e-9)
    either = pixel_scale(prepare(landmarks), trial, "", WINDOW)
    assert either.leg_px >= left.leg_px
