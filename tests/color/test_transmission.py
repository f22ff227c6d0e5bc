"""Ink transmission colour and optical density."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc_color.classifier import active, classify
from svc_color.prior import REFERENCE_MELANIN, inked, linear_rgb, reflectance, skin_lab, table
from svc_color.space import linear_to_lab
from svc_color.transmission import optical_density, transmission, transmission_lab

light = st.floats(0.02, 0.9)


@settings(deadline=None)
@given(st.tuples(light, light, light))
def test_m05_skin_against_itself(skin: tuple[float, float, float]) -> None:
    """Row M05: bare skin is (100, 0, 0)."""
    assert transmission_lab(transmission(skin, skin)) == pytest.approx([100, 0, 0], abs=0.01)


@settings(deadline=None)
@given(st.tuples(light, light, light), st.tuples(light, light, light), st.floats(0.3, 1.0))
def test_m06_exposure_divides_out(ink: tuple[float, ...], skin: tuple[float, ...], exposure: float) -> None:
    """Row M06, and other exposures: ink and skin darkened alike leave the ratio alone."""
    before = transmission_lab(transmission(ink, skin))
    after = transmission_lab(transmission(np.multiply(ink, exposure), np.multiply(skin, exposure)))
    assert after == pytest.approx(before, abs=0.05)


def test_white_balance_divides_out() -> None:
    gains = np.array([1.3, 1.0, 0.7])
    ink, skin = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.4, 0.3])
    assert transmission(ink * gains, skin * gains) == pytest.approx(transmission(ink, skin))


def test_density_adds_up() -> None:
    """Two layers of ink multiply their transmissions and add their densities."""
    once = transmission([0.25, 0.2, 0.15], [0.5, 0.5, 0.5])
    assert optical_density(once**2) == pytest.approx(2 * optical_density(once))
    assert optical_density([1.0, 0.1, 0.01]) == pytest.approx([0, 1, 2])


def test_bounds_and_refusal() -> None:
    assert transmission([0.0, 1.0, 0.5], [0.5, 0.5, 0.5]) == pytest.approx([1e-4, 1.5, 1.0])
    with pytest.raises(ValueError, match="skin"):
        transmission([0.1, 0.1, 0.1], [0.5, 0.0, 0.5])


def test_m07_red_is_red_on_light_and_on_brown_skin() -> None:
    """Row M07: on skins of ITA 48 and -10 the class holds, though the hue as seen moves by 10 degrees."""
    brown_melanin = 0.0751
    hues = []
    for melanin in (REFERENCE_MELANIN, brown_melanin):
        skin, ink = linear_rgb(reflectance(melanin)), inked("red", melanin, 1.0, 0.003)
        answer = classify(transmission_lab(transmission(ink, skin)), active())
        assert answer.posterior[0][0] == "red"
        lab = linear_to_lab(ink)
        hues.append(np.degrees(np.arctan2(lab[2], lab[1])))
    assert abs(hues[0] - hues[1]) >= 10


def test_modelled_skins_have_the_angles_they_stand_for() -> None:
    for melanin, degrees in ((REFERENCE_MELANIN, 48), (0.0382, 19), (0.0751, -10)):
        lab = skin_lab(melanin)
        assert np.degrees(np.arctan2(lab[0] - 50, lab[2])) == pytest.approx(degrees, abs=0.2)


def test_prototypes_match_the_dossier() -> None:
    """Section 2.2 of the domain dossier, dense column, printed without decimals."""
    dossier = {
        "black": (57, -3, -18), "grey": (77, -6, -13), "dark_blue": (62, -6, -28), "blue": (73, -9, -40),
        "light_blue": (94, -16, -26), "teal": (82, -23, -29), "dark_green": (72, -28, -4),
        "light_green": (96, -38, 26), "purple": (65, 11, -45), "pink": (92, 30, -19), "red": (69, 43, -4),
        "orange": (83, 30, 21), "yellow": (104, -10, 44), "brown": (69, 4, -11), "flesh": (105, -1, 4),
        "white": (115, -6, -2),
    }  # fmt: skip
    modelled = table()
    for name, expected in dossier.items():
        assert np.abs(np.array(modelled[name]) - expected).max(axis=1).min() < 1.0, name
