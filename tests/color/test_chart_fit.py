"""Fitting a photo's colours to a chart, its error by leaving one out, editions (M08), gates and the light."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mesh.errors import InvalidInput
from svc_color.chart import gates
from svc_color.chart.fit import FORMS, Fit, Form, correct, fit_all, straighten, terms
from svc_color.chart.geometry import area, tilt
from svc_color.chart.identify import Placement
from svc_color.chart.illuminant import light_of, planck_uv
from svc_color.chart.light import light_by, reading_by
from svc_color.chart.measured import MeasuredChart, measure_chart
from svc_color.chart.page import chart_page
from svc_color.chart.remarks import remarks
from svc_color.difference import delta_e_2000
from svc_color.reading import UNCALIBRATED
from svc_color.space import Array, lab_to_xyz, linear_to_srgb, srgb_to_linear, xyz_to_lab, xyz_to_linear
from tests.color.chart_photos import AFTER, BEFORE, CAMERA, CLASSIC, Shot, pose, shoot

ALL = np.ones(24, bool)
RGB = AFTER.xyz @ CAMERA.T


def measured(shot: Shot, declared: str = "") -> MeasuredChart:
    edition = shot.edition if isinstance(shot, OfEdition) else AFTER
    chart = measure_chart(shoot(shot, CLASSIC, edition)[0], (CLASSIC,), declared)
    assert chart is not None
    return chart


class OfEdition(Shot):
    """A shot of a chart made before November 2014."""

    edition = BEFORE


def named(fits: tuple[Fit, ...], name: str, edition: str = "after_2014_11") -> Fit:
    return next(each for each in fits if (each.correction.name, each.edition.name) == (name, edition))


@pytest.mark.parametrize("name", [*FORMS, *(f"curve+{form}" for form in FORMS)])
def test_a_linear_camera_is_fitted_exactly(name: str) -> None:
    found = named(fit_all(RGB * (0.8, 0.5, 0.3), CLASSIC.editions, CLASSIC.neutral, ALL), name)
    # The ridge and the greys' own tint leave the curve a little beside the straight line.
    assert found.loo_max < (0.5 if "curve" in name else 1e-6)
    assert found.loo_mean <= found.loo_max


@settings(max_examples=60, deadline=None)
@given(
    linear=arrays(np.float64, (7, 3), elements=st.floats(0, 1)),
    gain=st.floats(0.05, 8),
    form=st.sampled_from(FORMS),
)
def test_both_forms_scale_with_exposure(linear: Array, gain: float, form: Form) -> None:
    np.testing.assert_allclose(terms(gain * linear, form), gain * terms(linear, form), atol=1e-9)


def test_terms_are_those_of_finlayson() -> None:
    red, green, blue = 0.2, 0.5, 0.8
    roots = [np.sqrt(red * green), np.sqrt(red * blue), np.sqrt(green * blue)]
    np.testing.assert_allclose(
        terms(np.array([red, green, blue]), "root_polynomial_2"), [red, green, blue, *roots]
    )


def test_leaving_one_out_is_what_it_says() -> None:
    rng = np.random.default_rng(3)
    colours = np.clip(RGB * (1 + 0.05 * rng.standard_normal(RGB.shape)), 1e-4, 1)
    found = named(fit_all(colours, (AFTER,), CLASSIC.neutral, ALL), "curve+root_polynomial_2")
    for index in (0, 13, 20):
        others = ALL.copy()
        others[index] = False
        curve = straighten(colours, AFTER, CLASSIC.neutral, others)
        without = correct(colours, AFTER, others, "root_polynomial_2", curve)
        lab = xyz_to_lab(without.xyz(colours[index]))
        assert found.left_out[index] == pytest.approx(delta_e_2000(lab, AFTER.lab[index]), abs=1e-9)
    assert found.loo_mean > found.fitted.mean()


def test_a_patch_that_takes_no_part_bends_nothing() -> None:
    spoilt = RGB.copy()
    spoilt[7] = (0.9, 0.1, 0.4)
    used = ALL.copy()
    used[7] = False
    best = fit_all(spoilt, CLASSIC.editions, CLASSIC.neutral, used)[0]
    assert best.loo_mean < 1e-6
    assert best.left_out[7] > 10


def test_a_tone_curve_is_undone_by_the_greys() -> None:
    curved = np.maximum(RGB, 1e-4) ** 1.35 * (0.9, 0.6, 0.4)
    best, *others = fit_all(curved, (AFTER,), CLASSIC.neutral, ALL)
    assert best.correction.name.startswith("curve+")
    plain = min(each.loo_mean for each in others if each.correction.curve is None)
    assert best.loo_mean < 0.4 * plain


def test_greys_that_carry_no_curve_give_none() -> None:
    used = ALL.copy()
    used[18:21] = False
    assert straighten(RGB, AFTER, CLASSIC.neutral, used) is None
    falling = RGB.copy()
    falling[18:] = falling[18:][::-1]
    assert straighten(falling, AFTER, CLASSIC.neutral, ALL) is None
    assert {each.correction.curve for each in fit_all(falling, (AFTER,), CLASSIC.neutral, ALL)} == {None}


@settings(max_examples=40, deadline=None)
@given(gamma=st.floats(0.7, 1.6), red=st.floats(0.3, 1), blue=st.floats(0.2, 1))
def test_a_curve_rises_and_finds_the_cameras_exponent(gamma: float, red: float, blue: float) -> None:
    curve = straighten((RGB * (red, 0.8, blue)) ** gamma, AFTER, CLASSIC.neutral, ALL)
    assert curve is not None
    light = np.geomspace(1e-5, 1, 200)[:, None] * np.ones(3)
    straight = curve(light)
    assert np.all(np.diff(straight, axis=0) > 0)
    grown = np.log(curve(light * 2**gamma) / straight) / np.log(2)
    np.testing.assert_allclose(grown, 1.0, atol=0.1)


def test_m08_an_edition_that_clearly_loses_is_replaced_and_said() -> None:
    chart = measured(OfEdition(), "classic24@after_2014_11")
    assert chart.chosen is not None
    assert chart.chosen.edition.name == "before_2014_11"
    assert chart.lost == "after_2014_11"
    codes = [flag.code for flag in remarks(chart, "classic24@after_2014_11", 0)]
    assert "CHART_EDITION_DIFFERS" in codes


def test_m08_a_declared_edition_that_does_not_clearly_lose_stays() -> None:
    declared = measured(OfEdition(), "classic24@before_2014_11")
    assert declared.chosen is not None
    assert (declared.chosen.edition.name, declared.lost) == ("before_2014_11", "")
    found = measured(OfEdition())
    assert found.chosen is not None
    assert (found.chosen.edition.name, found.lost) == ("before_2014_11", "")


@pytest.mark.parametrize("declared", ["skincheck", "classic24@2014", "classic24@", "Classic24"])
def test_a_chart_that_nobody_knows_is_refused(declared: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        measure_chart(np.zeros((50, 50, 3), np.uint8), (CLASSIC,), declared)
    assert (refused.value.code, refused.value.field) == ("CHART_UNKNOWN", "tattoo.chart")
    assert "classic24@after_2014_11" in refused.value.fix


def test_a_good_photo_passes_and_its_pixels_are_read_by_the_chart() -> None:
    shot = Shot(light=(1.0, 0.75, 0.5), turn=12)
    chart = measured(shot)
    assert (chart.grade, chart.findings) == ("pass", ())
    reading = reading_by(chart)
    assert reading.calibrated
    assert chart.chosen is not None
    assert reading.sd == chart.chosen.loo_mean < 1.5
    # Skin that the fit never saw.
    skin = np.array([[60.0, 14, 18], [35.0, 12, 16]])
    seen = linear_to_srgb(lab_to_xyz(skin) @ CAMERA.T * shot.light * shot.exposure)
    light = reading.light(np.round(seen * 255).astype(np.uint8))
    assert delta_e_2000(xyz_to_lab(lab_to_xyz(skin)), xyz_to_lab(light_xyz(light))).max() < 1.2


def light_xyz(linear: Array) -> Array:
    return np.linalg.solve(np.linalg.inv(_srgb_to_xyz()), linear.T).T


def _srgb_to_xyz() -> Array:
    return np.linalg.inv(np.array([xyz_to_linear(row) for row in np.eye(3)]).T)


def test_bytes_are_read_as_the_model_says() -> None:
    colours = np.maximum(RGB, 1e-4) ** 1.2
    correction = fit_all(colours, (AFTER,), CLASSIC.neutral, ALL)[0].correction
    rgb = np.random.default_rng(1).integers(0, 256, (41, 53, 3), dtype=np.uint8)
    expected = xyz_to_linear(correction.xyz(srgb_to_linear(rgb)))
    np.testing.assert_allclose(light_by(correction)(rgb), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("shot", "code"),
    [
        (Shot(tilt=35), "CHART_TILTED"),
        (Shot(pitch=18), "CHART_TOO_SMALL"),
        (Shot(uneven=0.35), "CHART_LIGHT_UNEVEN"),
        (Shot(quality=5, noise=0.03), "CHART_FIT_POOR"),
        (Shot(glare=(18, 19, 20, 21)), "CHART_PATCHES_MISSING"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_chart_beyond_a_gate_calibrates_nothing(shot: Shot, code: str) -> None:
    chart = measure_chart(shoot(shot)[0], (CLASSIC,))
    assert chart is not None
    assert chart.grade == "fail"
    assert code in [each.code for each in chart.findings if each.grade == "fail"]
    assert reading_by(chart) is UNCALIBRATED
    flags = remarks(chart, "", 0)
    assert [flag.code for flag in flags[:2]] == ["COLOUR_UNCALIBRATED", "CHART_REJECTED"]
    said = next(each.said for each in chart.findings if each.code == code)
    assert said in flags[1].message
    assert chart_page(chart).grade == "fail"


@pytest.mark.parametrize(
    ("gate", "best", "warned", "failed"),
    [
        (gates.LOO_MEAN, 2.0, 3.0, 3.01),
        (gates.LOO_MAX, 5.0, 8.0, 8.01),
        (gates.NEUTRAL_CHROMA, 2.0, 4.0, 4.01),
        (gates.NON_UNIFORMITY, 5.0, 10.0, 10.01),
        (gates.TILT, 10.0, 20.0, 20.01),
        (gates.PATCH_PX, 40.0, 20.0, 19.9),
    ],
)
def test_gates_are_the_dossiers(gate: gates.Gate, best: float, warned: float, failed: float) -> None:
    assert [gate.judge(value) for value in (best, warned, failed)] == ["pass", "warn", "fail"]
    assert gate.judge(float("nan")) == "fail"


def test_clipped_glared_and_covered_patches_take_no_part() -> None:
    chart = measured(Shot(glare=(12, 18), hidden=(0, 5)))
    excluded = {index: why for index, why in enumerate(chart.samples.excluded) if why}
    assert set(excluded) == {0, 5, 12, 18}
    assert {excluded[0], excluded[5]} == {"hidden"}
    assert {excluded[12], excluded[18]} <= {"glare", "clipped"}
    assert chart.grade == "pass"
    assert chart_page(chart).patches_used == 20


@pytest.mark.parametrize("degrees", [0, 8, 15, 25, 40])
def test_the_tilt_is_the_cameras(degrees: int) -> None:
    shot = Shot(tilt=degrees, towards=70, turn=30, pitch=45)
    found = tilt(Placement(CLASSIC, pose(shot, CLASSIC), 0.0), (*shot.size, 3))
    assert found.degrees == pytest.approx(degrees, abs=1e-3)
    assert found.sd > 0
    seen = measured(shot).tilt
    assert abs(seen.degrees - degrees) < 2 * seen.sd


def test_uneven_light_is_measured() -> None:
    chart = measured(Shot(uneven=0.2, noise=0.002))
    assert chart.unevenness is not None
    # From one end of the frame to the other; the patches cover 6 of its 7.4 pitches.
    across = 100 * (1 / (1 - 0.2 * 5 / 7.4) - 1)
    assert chart.unevenness.percent == pytest.approx(across, abs=3.5)


def test_the_charts_area_covers_its_frame_and_little_else() -> None:
    shot = Shot(turn=30)
    covered = area(Placement(CLASSIC, pose(shot, CLASSIC), 0.0), shot.size)
    frame = (6 + 1.4) * (4 + 1.4) * shot.pitch**2
    assert 1.0 < np.count_nonzero(covered) / frame < 1.12


@pytest.mark.parametrize("kelvin", [1500, 2856, 4000, 5003, 6504, 10000, 14000])
@pytest.mark.parametrize("duv", [-0.01, 0.0, 0.015])
def test_temperature_and_duv_against_colour_science(kelvin: float, duv: float, colour: ModuleType) -> None:
    u, v = colour.temperature.CCT_to_uv_Ohno2013([kelvin, duv])
    xyz = np.array([1.5 * u / v, 1.0, (4 - u - 10 * v) / (2 * v)])
    found = light_of(xyz)
    assert found.cct == pytest.approx(kelvin, rel=0.015)
    assert found.duv == pytest.approx(duv, abs=2.5e-4)


def test_a_light_far_from_the_locus_has_no_temperature() -> None:
    assert light_of(lab_to_xyz(np.array([60.0, -60, 50]))).cct is None
    blue = light_of(np.array([0.5, 0.5, 2.5]))
    assert blue.cct is None


def test_krysteks_locus_at_a_known_point() -> None:
    # CIE illuminant A is a full radiator of 2856 K: u = 0.2560, v = 0.3495.
    np.testing.assert_allclose(planck_uv(np.array(2856.0)), [0.2560, 0.3495], atol=2e-4)


@settings(max_examples=12, deadline=None)
@given(
    tilt_by=st.floats(0, 70),
    turn=st.floats(0, 360),
    left=st.integers(0, 400),
    top=st.integers(0, 300),
    height=st.integers(3, 500),
    width=st.integers(3, 600),
    exposure=st.floats(0.02, 4),
)
def test_whatever_part_of_a_chart_is_seen_nothing_breaks(
    tilt_by: float, turn: float, left: int, top: int, height: int, width: int, exposure: float
) -> None:
    rgb, _ = shoot(Shot(tilt=tilt_by, turn=turn, exposure=exposure))
    part = np.ascontiguousarray(rgb[top : top + height, left : left + width])
    chart = measure_chart(part, (CLASSIC,))
    if chart is not None:
        page = chart_page(chart)
        assert page.grade in ("pass", "warn", "fail")
        assert len(page.patches) == 24
        assert reading_by(chart).calibrated == (page.grade != "fail")
        assert remarks(chart, "", 0) or page.grade == "pass"
        assert np.count_nonzero(chart.samples.used) == page.patches_used
