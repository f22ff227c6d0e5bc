"""The skin-normalised features do what they are for: one ink looks alike on every skin and in every light."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.synth.camera import encode
from models.synth.inks import Ink
from models.synth.skin import skin_colour
from models.synth.spectra.bottle import ink_ratio, textbook
from models.synth.spectra.person import with_angle
from svc_color.optics import SkinOptics
from svc_segment.features import CHANNELS, features, surroundings


def patch(ita: float, light: float, ink: str = "") -> NDArray[np.uint8]:
    """A flat piece of skin (160, 160, 3) with a square of ink in the middle."""
    linear = np.ones((160, 160, 3), np.float32) * skin_colour(ita) * np.float32(light)
    if ink:
        person = with_angle(SkinOptics(0.01), ita)
        ratio = ink_ratio(textbook(Ink(ink, 1.0, 0.003)), np.array(1.0), person)
        linear[64:96, 64:96] *= ratio.astype(np.float32)
    return (encode(linear) * 255 + 0.5).astype(np.uint8)


def ratio(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(features(rgb, surroundings(rgb))[3:6, 72:88, 72:88].mean((1, 2)), np.float32)


@pytest.mark.parametrize("ita", [-40, -10, 15, 40, 58])
def test_bare_skin_has_no_ratio(ita: float) -> None:
    rgb = patch(ita, 0.8)
    assert np.abs(features(rgb, surroundings(rgb))[3:6]).max() < 0.06


@pytest.mark.parametrize("ink", ["black", "red", "blue", "dark_green"])
def test_an_ink_has_nearly_the_same_ratio_on_light_and_brown_skin(ink: str) -> None:
    light, brown = ratio(patch(50, 1.0, ink)), ratio(patch(-5, 1.0, ink))
    assert light.min() < -0.5
    assert np.abs(light - brown).max() < 0.25 * np.abs(light).max()


def test_light_divides_out() -> None:
    np.testing.assert_allclose(ratio(patch(30, 1.0, "red")), ratio(patch(30, 0.6, "red")), atol=0.1)


def test_shape_and_range() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    out = features(rgb, surroundings(rgb))
    assert out.shape == (CHANNELS, 50, 70)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert np.abs(out[:3]).max() <= 2.0
    assert out[3:].min() >= -2.6 / 0.75 - 1e-5
    assert out[3:6].max() <= 1.5 / 0.75 + 1e-5
    assert np.abs(out[6]).max() <= 1 + 1e-5


@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_frames_are_finite(value: int) -> None:
    rgb = np.full((40, 40, 3), value, np.uint8)
    assert np.isfinite(features(rgb, surroundings(rgb))).all()


def test_a_dark_thing_on_skin_is_enclosed_and_one_beside_the_limb_is_not() -> None:
    linear = np.full((192, 192, 3), 0.01, np.float32)
    linear[:, 60:150] = skin_colour(30)
    linear[80:110, 90:120] *= 0.05
    enclosure = surroundings((encode(linear) * 255 + 0.5).astype(np.uint8))[..., 3]
    inside, beside = enclosure[31, 35], enclosure[31, 8]
    assert inside > 0.9
    assert beside < 0.6
