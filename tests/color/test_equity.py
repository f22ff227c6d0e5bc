"""Ink classes on modelled skins from very light to dark: accuracy by skin, published and held.

The inks are the recipes that the classifier was trained around, without glare, tone or fine lines: narrower
than what it was taught to allow for. What counts is the gap between skins, and that hazards stay visible on
all of them. The last test draws from physics that the classifier was not trained on: other pigments, tissue,
optical model and cameras at once.
"""

from collections.abc import Mapping

import numpy as np
import pytest

from models.inkclass.evaluate import SkinScore, score
from models.inkclass.samples import draw
from models.inkclass.train import predict
from models.inkclass.worlds import HELD_OUT
from svc_color.classifier import UNKNOWN, active, classify
from svc_color.difference import delta_e_2000
from svc_color.optics import RECIPES
from svc_color.prior import linear_rgb, reflectance
from svc_color.space import Array, lab_to_xyz, linear_to_lab, xyz_to_linear
from svc_color.transmission import transmission, transmission_lab

# Melanosome fraction of modelled skins with ITA 55, 48, 35, 19; and -10, -40 degrees.
LIGHTER, DARKER = (0.00282, 0.00973, 0.0223, 0.0382), (0.0751, 0.1466)
HAZARDS = ("white", "flesh", "pink", "brown")
EACH = 24


def measured(spectrum: Array, noise: float, rng: np.random.Generator) -> Array:
    """Linear sRGB of a spectrum, with noise (standard deviation per CIELAB channel)."""
    lab = linear_to_lab(linear_rgb(spectrum)) + noise * rng.standard_normal(3)
    return np.maximum(xyz_to_linear(lab_to_xyz(lab)), 1e-5)


def rates(skins: tuple[float, ...], noise: float) -> tuple[float, float, float]:
    """Share of inks whose top class is right, that stay unknown, and of hazards with at least 0.15."""
    rng = np.random.default_rng(5)
    right, unknown, raised = [], [], []
    for name, (pigments, titanium) in RECIPES.items():
        for _ in range(EACH):
            melanin, amount = rng.choice(skins), np.exp(rng.uniform(np.log(0.2), np.log(1.2)))
            blood, depth = rng.uniform(0.006, 0.014), rng.uniform(0.002, 0.008)
            inks = {p: c * amount * np.exp(0.15 * rng.standard_normal()) for p, c in pigments.items()}
            skin = measured(reflectance(melanin, blood=blood), noise / 2, rng)
            spectrum = reflectance(
                melanin, blood=blood, inks=inks, titanium=titanium * amount, clear_cm=depth
            )
            seen = transmission(measured(spectrum, noise, rng), skin)
            answer = classify(transmission_lab(seen), active())
            right.append(answer.posterior[0][0] == name)
            unknown.append(answer.name == UNKNOWN)
            if name in HAZARDS:
                raised.append(dict(answer.posterior)[name] >= 0.15)
    return float(np.mean(right)), float(np.mean(unknown)), float(np.mean(raised))


@pytest.mark.parametrize(
    ("group", "skins", "noise", "least_right", "least_raised"),
    [
        ("ITA 19 and above", LIGHTER, 0.7, 0.87, 0.95),
        ("ITA 19 and above", LIGHTER, 1.5, 0.83, 0.94),
        ("ITA below 19", DARKER, 0.7, 0.75, 0.93),
        ("ITA below 19", DARKER, 1.5, 0.68, 0.88),
    ],
)
def test_accuracy_by_skin(
    group: str, skins: tuple[float, ...], noise: float, least_right: float, least_raised: float
) -> None:
    right, unknown, raised = rates(skins, noise)
    print(f"{group}, noise {noise}: right {right:.2f}, unknown {unknown:.2f}, hazard raised {raised:.2f}")
    assert right > least_right
    assert raised > least_raised


def test_dividing_by_the_skin_is_what_makes_dark_skin_work() -> None:
    """One ink on light and on dark skin: far apart as seen, near in skin-normalised colour."""
    seen, normalised = [], []
    for name in ("blue", "dark_green", "red", "orange"):
        pigments, titanium = RECIPES[name]
        colours = []
        for melanin in (LIGHTER[1], DARKER[0]):
            skin = linear_rgb(reflectance(melanin))
            ink = linear_rgb(reflectance(melanin, inks=pigments, titanium=titanium, clear_cm=0.003))
            colours.append((linear_to_lab(ink), transmission_lab(transmission(ink, skin))))
        seen.append(float(delta_e_2000(colours[0][0], colours[1][0])))
        normalised.append(float(delta_e_2000(colours[0][1], colours[1][1])))
    assert np.mean(normalised) < 0.6 * np.mean(seen)


def test_held_out_physics_treats_skins_alike() -> None:
    """Nothing here was used to train, tune or choose the classifier, its seed included."""
    samples = draw(7_000_003, HELD_OUT["all of these"], 16_000)
    by_skin = score(predict(active(), transmission_lab(samples.ratio)), samples).by_skin
    assert len(by_skin) == 6
    for name, each in by_skin.items():
        print(
            f"{name}: right {each.accuracy:.2f}, of named {each.named_right:.2f}, raised {each.hazards:.2f}"
        )
    assert min(each.accuracy for each in by_skin.values()) > 0.47
    assert min(each.hazards for each in by_skin.values()) > 0.68
    assert gap(by_skin, "accuracy") < 0.10
    assert gap(by_skin, "hazards") < 0.13


def gap(by_skin: Mapping[str, SkinScore], figure: str) -> float:
    """Between the class of skin that is served best and the one that is served worst."""
    found = [getattr(each, figure) for each in by_skin.values()]
    return float(max(found) - min(found))
