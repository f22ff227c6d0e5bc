"""Layered skin and ink: the colours are those of the model's table, of measured people, of colour-science."""

from __future__ import annotations

import csv
import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.synth.inks import INK_CLASSES, Ink
from models.synth.spectra import observer
from models.synth.spectra.bottle import MOST, Bottle, ink_ratio, ink_table, mixed, stain, textbook
from models.synth.spectra.person import (
    DARKEST,
    LIGHTEST,
    draw_person,
    skin_linear,
    skin_table,
    typology_angle,
    with_angle,
)
from svc_color.difference import delta_e_2000
from svc_color.optics import RECIPES, SkinOptics, spectrum
from svc_color.prior import linear_rgb as reference_rgb
from svc_color.space import SRGB_TO_XYZ, linear_to_lab

# CIELAB (D65) of dense ink in skin of ITA 48, 19 and -10, from our own four-layer model of 2026-11-22.
TABLE = {
    "black": ((36, -1, -3), (30, -1, 2), (23, 0, 5)),
    "grey": ((50, -1, 3), (42, 0, 9), (34, 2, 12)),
    "dark_blue": ((39, -5, -8), (33, -5, -2), (26, -4, 2)),
    "blue": ((46, -11, -16), (38, -10, -8), (30, -8, -2)),
    "light_blue": ((61, -12, -3), (51, -8, 4), (41, -5, 10)),
    "teal": ((52, -20, -8), (44, -17, -1), (35, -13, 4)),
    "dark_green": ((45, -20, 7), (38, -17, 11), (30, -13, 12)),
    "light_green": ((63, -22, 29), (53, -16, 29), (43, -10, 28)),
    "purple": ((41, 5, -19), (34, 4, -10), (27, 4, -4)),
    "pink": ((62, 28, 5), (53, 25, 11), (43, 22, 16)),
    "red": ((47, 38, 12), (40, 34, 16), (33, 31, 18)),
    "orange": ((57, 32, 29), (49, 29, 30), (40, 26, 30)),
    "yellow": ((70, 5, 43), (59, 6, 41), (48, 8, 39)),
    "brown": ((45, 7, 5), (38, 7, 9), (31, 8, 12)),
    "flesh": ((71, 7, 19), (60, 8, 22), (48, 9, 24)),
    "white": ((77, 3, 16), (65, 5, 21), (52, 7, 24)),
}


def test_the_classes_are_those_of_the_prototype_table() -> None:
    assert tuple(RECIPES) == INK_CLASSES
    with pytest.raises(ValueError, match="no class of ink"):
        Ink("mauve", 1.0, 0.003)


@pytest.mark.parametrize("name", INK_CLASSES)
@pytest.mark.parametrize(("column", "ita"), [(0, 48.0), (1, 19.0), (2, -10.0)])
def test_dense_ink_has_the_colour_of_the_table(name: str, column: int, ita: float) -> None:
    person = with_angle(SkinOptics(0.01), ita)
    lab = linear_to_lab(
        skin_linear(person.optics) * ink_ratio(textbook(Ink(name, 1.0, 0.003)), np.array(1.0), person)
    )
    # The table is rounded to whole numbers, and black lies where one of them is 1.5 dE00.
    assert float(delta_e_2000(lab, np.array(TABLE[name][column], float))) < 2.0


def test_the_committed_observer_is_what_its_command_makes() -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        observer.write()
    assert Path(observer.__file__).with_name("cie.csv").read_text() == out.getvalue()


@pytest.mark.parametrize("light", observer.LIGHTS)
def test_a_perfect_white_is_white_under_every_light(light: str) -> None:
    np.testing.assert_allclose(observer.linear_rgb(np.ones(77), light), 1.0, atol=1e-12)


def test_an_unknown_light_is_named() -> None:
    with pytest.raises(ValueError, match="light: 'neon' is unknown"):
        observer.weights("neon")


def test_daylight_colours_agree_with_colour_science() -> None:
    spectra = spectrum(SkinOptics(np.array([0.003, 0.01, 0.05, 0.15])))
    ours = linear_to_lab(observer.linear_rgb(spectra))
    theirs = linear_to_lab(np.stack([reference_rgb(s) for s in spectra]))
    assert float(np.max(delta_e_2000(ours, theirs))) < 0.25  # our white is exactly (1, 1, 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(DARKEST, LIGHTEST))
def test_a_person_has_the_angle_asked_for(seed: int, ita: float) -> None:
    optics = draw_person(np.random.default_rng(seed)).optics
    person = with_angle(optics, ita)
    assert person.ita == pytest.approx(ita, abs=0.3)
    assert float(typology_angle(skin_linear(person.optics))) == pytest.approx(person.ita, abs=1e-9)
    assert 0.0005 < person.melanin < 0.45


def test_the_people_cover_measured_skin(shared_data: Path) -> None:
    """NIST skin reflectance (doi 10.18434/M38597), 100 people: each has a modelled skin close by."""
    table = shared_data / "skin" / "nist_reflectance" / "derived_lab_ita_by_us_colour_science.csv"
    with table.open() as file:
        measured = np.array([[float(r[k]) for k in ("L_D65_2deg", "a", "b")] for r in csv.DictReader(file)])
    rng = np.random.default_rng(0)
    people = np.array([linear_to_lab(skin_linear(draw_person(rng).optics)) for _ in range(1500)])
    nearest = delta_e_2000(measured[:, None], people[None]).min(1)
    assert len(measured) == 100
    assert float(np.median(nearest)) < 1.0
    assert float(np.percentile(nearest, 95)) < 2.2
    assert float(nearest.max()) < 3.0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_the_skin_table_is_the_spectra(seed: int) -> None:
    rng = np.random.default_rng(seed)
    person = draw_person(rng)
    melanin, blood = np.exp(rng.uniform(np.log(0.002), np.log(0.4), 30)), rng.uniform(0.002, 0.08, 30)
    optics = person.optics
    exact = SkinOptics(melanin, blood, optics.oxygenation, optics.scattering, optics.slope, optics.gloss)
    found = skin_table(person, "LED-B4").colours(
        np.log(melanin).astype(np.float32)[None], np.log(blood).astype(np.float32)[None]
    )[0]
    for k, light in enumerate(("D65", "LED-B4")):
        difference = delta_e_2000(
            linear_to_lab(found[:, 3 * k : 3 * k + 3].astype(float)), linear_to_lab(skin_linear(exact, light))
        )
        assert float(np.max(difference)) < 0.6


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(INK_CLASSES))
def test_the_ink_table_is_the_spectra(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    person, bottle = draw_person(rng), mixed(rng, Ink(name, 1.0, 0.004), float(rng.uniform(0.1, 1)))
    amounts = rng.uniform(0, MOST, 20)
    found = np.exp(ink_table(bottle, person, "A").lookup(amounts.astype(np.float32)))
    np.testing.assert_allclose(found[:, :3], ink_ratio(bottle, amounts, person), rtol=0.02, atol=0.02)
    np.testing.assert_allclose(found[:, 3:], ink_ratio(bottle, amounts, person, "A"), rtol=0.02, atol=0.02)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(INK_CLASSES))
def test_no_ink_changes_nothing_and_more_carbon_is_darker(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    person, bottle = draw_person(rng), mixed(rng, Ink(name, 1.0, 0.004))
    np.testing.assert_allclose(ink_ratio(bottle, np.array(0.0), person), 1.0, atol=1e-6)
    more = Bottle(bottle.absorption + 10.0, bottle.titanium, bottle.clear_cm)
    luminance = skin_linear(person.optics) * SRGB_TO_XYZ[1]  # a single channel may leave sRGB and be cut
    ratios = [ink_ratio(each, np.array(1.0), person) for each in (more, bottle)]
    assert float(ratios[0] @ luminance) < float(ratios[1] @ luminance)


def test_deeper_black_is_paler_and_what_lies_above_veils_it_blue() -> None:
    person = with_angle(SkinOptics(0.01), 40.0)
    black = [ink_ratio(textbook(Ink("black", 1.0, cm)), np.array(1.0), person) for cm in (0.002, 0.012)]
    assert (black[1] > black[0] + 0.05).all()
    assert all(ratio[2] > 1.3 * ratio[0] for ratio in black)


def test_white_lightens_and_a_vein_is_less_red() -> None:
    person = with_angle(SkinOptics(0.01), 20.0)
    assert (ink_ratio(textbook(Ink("white", 1.0, 0.003)), np.array(1.0), person) > 1.1).all()
    red, _, blue = ink_ratio(stain(0.2, 0.4, 0.0, 0.05), np.array(1.0), person)
    assert red < blue < 1
