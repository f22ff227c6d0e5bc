"""Knee, pelvis and trunk: signs, sizes, and when they are not measurable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mesh.landmarks import INDEX
from models.synth import standing
from models.synth.standing import Happening, Mode
from svc_balance.sway.posture.alignment import UNITS, trendelenburg
from tests.balance.people import OTHER, measure, mirrored, spec

WHOLE = (5.0, 11.0)


def held(kind: str, amount: float, **changes: object):
    """Standing with something held during the whole window."""
    side = str(changes.get("stance_side", "left"))
    made = spec(
        **{"duration_s": 13.0, "noise_px": 0.3} | changes, happenings=(Happening(kind, 4.2, 8.4, amount),)
    )
    return measure(standing.trial(made)[0], side, WHOLE).alignment


@pytest.mark.parametrize("view", ["front", "back"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_knee_toward_the_midline_is_positive_valgus(view: str, side: str):
    """Golden by hand: 40 mm off a straight leg of 429 + 430 mm bends it by 10.6 deg, 4.6 % of its length."""
    expected = np.degrees(np.arctan(40 / 430.5) + np.arctan(40 / 428.75))
    found = held("knee_valgus", 40.0, view=view, stance_side=side)
    # The knee moves level while the leg leans by 7 degrees, so a little less shows across it.
    assert found.reading("FPPA_MEAN").value == pytest.approx(expected, rel=0.03)
    assert found.reading("KMD_MEAN").value == pytest.approx(100 * 40 / 859.25, rel=0.03)
    assert held("knee_valgus", -40.0, view=view, stance_side=side).reading(
        "FPPA_MEAN"
    ).value == pytest.approx(-expected, rel=0.03)
    assert found.reading("FPPA_MEAN").low_95 < expected < found.reading("FPPA_MEAN").high_95


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_drop_of_the_lifted_side_is_positive(side: str):
    found = held("pelvic_drop", 8.0, stance_side=side)
    assert found.reading("PELVIC_OBLIQUITY_MEAN").value == pytest.approx(8, abs=0.3)
    assert (found.uncompensated, found.compensated) == ("yes", "no")
    hike = held("pelvic_drop", -8.0, stance_side=side)
    assert hike.reading("PELVIC_OBLIQUITY_MEAN").value == pytest.approx(-8, abs=0.3)
    assert hike.uncompensated == "no"


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_lean_toward_the_standing_leg_is_positive(side: str):
    found = held("trunk_lean", 12.0, stance_side=side)
    assert found.reading("TRUNK_LEAN_MEAN").value == pytest.approx(12, abs=0.5)
    assert found.reading("TRUNK_LEAN_MAX").value == pytest.approx(12.4, abs=0.5)
    assert (found.uncompensated, found.compensated) == ("no", "yes")
    away = held("trunk_lean", -12.0, stance_side=side)
    assert away.reading("TRUNK_LEAN_MAX").value == pytest.approx(-12.4, abs=0.5)
    assert away.compensated == "no"


def test_bands_of_trendelenburg():
    assert trendelenburg(1.9, 0.0) == ("no", "no")
    assert trendelenburg(3.0, 7.0) == ("watch", "watch")
    assert trendelenburg(5.1, 12.0) == ("yes", "no")
    assert trendelenburg(1.0, 11.0) == ("no", "yes")
    assert trendelenburg(None, 3.0) == ("", "")
    assert trendelenburg(1.0, None) == ("no", "")


def test_knee_velocity_is_that_of_the_knee_without_the_noises():
    sway = (Mode("ml", 0.8, 1.2, 1.2),)
    quiet = measure(standing.trial(spec(modes=sway))[0]).alignment.reading("KNEE_ML_VELOCITY_RMS")
    # The knee is 430.5 mm above the ankle: amplitude 430.5 tan(1.2 deg).
    expected = 430.5 * np.tan(np.radians(1.2)) * 2 * np.pi * 0.8 / np.sqrt(2)
    assert quiet.value == pytest.approx(expected, rel=0.03)
    noisy = measure(standing.trial(spec(modes=sway, noise_px=1.0))[0]).alignment
    assert noisy.reading("KNEE_ML_VELOCITY_RMS").value == pytest.approx(expected, rel=0.08)
    drowned = measure(standing.trial(spec(modes=(Mode("ml", 0.3, 0.1, 0.1),), noise_px=2.0))[0]).alignment
    assert drowned.reading("KNEE_ML_VELOCITY_RMS").reason == "BELOW_NOISE"


def test_spread_is_less_the_noises():
    sway = (Mode("ml", 0.5, 0.0, 2.0),)
    found = measure(standing.trial(spec(modes=sway, noise_px=1.5))[0]).alignment
    assert found.reading("TRUNK_LEAN_SD").value == pytest.approx(2 / np.sqrt(2), rel=0.05)
    still = measure(standing.trial(spec(modes=(), noise_px=1.5))[0]).alignment
    assert still.reading("FPPA_SD").value < 3 * still.reading("FPPA_SD").standard_uncertainty


@pytest.mark.parametrize("view", ["left", "right"])
def test_a_side_view_hides_all_of_it(view: str):
    found = measure(standing.trial(spec(view=view))[0]).alignment
    assert {reading.reason for reading in found.readings} == {"NOT_IN_VIEW"}
    assert {reading.id for reading in found.readings} == set(UNITS)
    assert (found.uncompensated, found.compensated) == ("", "")
    assert all(reading.why for reading in found.readings)


def test_a_turned_body_or_a_bent_knee_hides_valgus_and_keeps_the_rest():
    turned = measure(standing.trial(spec(azimuth_deg=27))[0]).alignment
    assert turned.reading("FPPA_MEAN").reason == "BODY_TURNED"
    assert turned.reading("TRUNK_LEAN_MEAN").value is not None
    assert held("knee_flexion", 50.0).reading("FPPA_MEAN").reason == "KNEE_TOO_BENT"
    landmarks, _ = standing.trial(spec())
    flat = measure(replace(landmarks, world_m=None)).alignment
    assert flat.reading("FPPA_MEAN").reason == "KNEE_FLEXION_UNKNOWN"
    assert flat.reading("PELVIC_OBLIQUITY_MEAN").value is not None


def test_unknown_side_and_missing_landmarks_are_reasons():
    landmarks, _ = standing.trial(spec())
    assert measure(landmarks, "").alignment.reading("FPPA_MEAN").reason == "SIDE_UNKNOWN"
    hipless = landmarks.image_px.copy()
    hipless[:, INDEX["right_hip"]] = np.nan
    found = measure(replace(landmarks, image_px=hipless)).alignment
    assert found.reading("PELVIC_OBLIQUITY_MEAN").reason == "LANDMARKS_MISSING"
    assert found.reading("FPPA_MEAN").value is not None
    with pytest.raises(KeyError):
        found.reading("NOTHING")


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_mirror_image_swaps_sides_and_keeps_values(side: str):
    happenings = (
        Happening("knee_valgus", 6, 4, 25),
        Happening("pelvic_drop", 10, 3, 6),
        Happening("trunk_lean", 13, 3, 9),
    )
    landmarks, _ = standing.trial(spec(stance_side=side, happenings=happenings, noise_px=0.3))
    one, other = measure(landmarks, side).alignment, measure(mirrored(landmarks), OTHER[side]).alignment
    for reading in one.readings:
        assert other.reading(reading.id).value == pytest.approx(reading.value, rel=1e-6, abs=1e-6), reading.id


def test_frame_rates_agree():
    sway = (Mode("ml", 0.6, 1.0, 1.5),)
    found = [measure(standing.trial(spec(fps=fps, modes=sway))[0]).alignment for fps in (30, 60, 120)]
    for id in ("KNEE_ML_VELOCITY_RMS", "TRUNK_LEAN_SD"):
        values = [each.reading(id).value for each in found]
        assert values == pytest.approx([values[0]] * 3, rel=0.02)
