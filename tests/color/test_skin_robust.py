"""The skin reference among hair, cast shadow, glare and inflammation: within a stated CIEDE2000 of the truth.

The skin is modelled layer by layer, so inflammation is more blood, and the plain skin is known exactly
(models/evaluate/ring_scenes.py; `assay eval color` prints the whole table).
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.evaluate.ring_scenes import MELANIN, Scene, Trouble, scene
from models.inkclass.camera import reference
from svc_color.difference import delta_e_2000
from svc_color.ita import angle
from svc_color.optics import SkinOptics, spectrum
from svc_color.plain import RAISED
from svc_color.skin import SkinReference, skin_reference

# What the reference may be off, CIEDE2000, wherever it is not flagged.
STATED = 1.0


def measured(photo: Scene) -> tuple[SkinReference, float, set[str]]:
    answer = skin_reference(photo.rgb, photo.mask, photo.probability)
    assert isinstance(answer, SkinReference)
    return answer, float(delta_e_2000(answer.lab, photo.truth)), {flag.code for flag in answer.flags}


@pytest.mark.parametrize("skin", MELANIN)
def test_plain_skin_is_found_and_not_flagged(skin: str) -> None:
    answer, error, flags = measured(scene(skin, Trouble(), 1))
    assert error < 0.2
    assert not flags
    assert answer.ita is not None
    truth = scene(skin, Trouble(), 1).truth
    assert answer.ita.degrees == pytest.approx(angle(float(truth[0]), float(truth[2])), abs=1)


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(hair=0.35),
        Trouble(shadow=0.3),
        Trouble(shadow=0.7),
        Trouble(glare=0.2),
        Trouble(blood=0.03, halo=0.05),
        Trouble(blood=0.03, halo=0.1),
        Trouble(blood=0.05, halo=0.1),
        Trouble(hair=0.15, shadow=0.4, glare=0.05, blood=0.025, halo=0.08),
    ],
    ids=str,
)
@pytest.mark.parametrize("skin", ["light", "brown"])
def test_each_trouble_alone_and_all_together(skin: str, trouble: Trouble) -> None:
    _, error, flags = measured(scene(skin, trouble, 2))
    assert error < STATED
    assert "SKIN_REFERENCE_REDDENED" not in flags


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    skin=st.sampled_from(sorted(MELANIN)),
    hair=st.floats(0, 0.3),
    shadow=st.floats(0, 0.7),
    glare=st.floats(0, 0.1),
    blood=st.floats(0.01, 0.05),
    halo=st.floats(0.02, 0.3),
    seed=st.integers(0, 1000),
)
# Redness behind the melanin of dark skin, with glare over it, was taken for another material.
@example(skin="dark", hair=0.0, shadow=0.0, glare=0.03125, blood=0.03125, halo=0.25, seed=657)
# Less than a quarter of the ring lay in the light.
@example(skin="light", hair=0.0124, shadow=0.456, glare=0.0413, blood=0.02, halo=0.0245, seed=164)
# Light and shadow with no dip of brightness between them.
@example(skin="intermediate", hair=0.0, shadow=0.286, glare=0.0536, blood=0.0388, halo=0.061, seed=907)
def test_off_by_little_within_its_spread_or_flagged(
    skin: str, hair: float, shadow: float, glare: float, blood: float, halo: float, seed: int
) -> None:
    """Whatever is wrong: the reference is near the truth, says how far off it may be, or a flag says why."""
    answer, error, flags = measured(scene(skin, Trouble(hair, shadow, 0.5, glare, blood, halo), seed))
    event = flags & {"SKIN_REFERENCE_REDDENED", "SKIN_REFERENCE_UNEVEN", "SKIN_REFERENCE_SPARSE"}
    assert error < max(STATED, 2.5 * answer.spread[0]) or event or mild(skin, blood)


def mild(skin: str, blood: float) -> bool:
    """So little more blood that it counts as the skin's own: the erythema index rises by less than RAISED,
    and a fifth more because glare dilutes it."""
    plain_light, redder = (spectrum(SkinOptics(MELANIN[skin], each)) @ reference() for each in (0.01, blood))
    rise = np.log10(redder[0] / redder[1]) - np.log10(plain_light[0] / plain_light[1])
    return bool(rise < 1.2 * RAISED)


@pytest.mark.parametrize("skin", ["light", "brown"])
@pytest.mark.parametrize("halo", [0.2, 0.3])
def test_redness_that_fills_the_ring_is_flagged(skin: str, halo: float) -> None:
    """No part of the ring is free of it, and skin beyond the ring lies in other light."""
    answer, _, flags = measured(scene(skin, Trouble(blood=0.03, halo=halo), 3))
    assert "SKIN_REFERENCE_REDDENED" in flags
    plain, _, _ = measured(scene(skin, Trouble(), 3))
    assert answer.ita is not None
    assert plain.ita is not None
    assert answer.ita.degrees < plain.ita.degrees - 8, "erythema darkens: the error is on the careful side"


@pytest.mark.parametrize("skin", ["light", "brown"])
def test_the_half_in_shadow_widens_the_interval(skin: str) -> None:
    lit, _, _ = measured(scene(skin, Trouble(), 4))
    shaded = [measured(scene(skin, Trouble(shadow=0.5), seed)) for seed in range(6)]
    assert max(error for _, error, _ in shaded) < STATED
    assert max(answer.spread[0] for answer, _, _ in shaded) > lit.spread[0] + 3


def test_tan_that_fades_outwards_is_no_redness() -> None:
    """Melanin moves green and blue, blood green alone: skin that is paler farther out is not called red."""
    photo, dark = scene("light", Trouble(), 5), scene("tan", Trouble(), 5)
    near = scene("light", Trouble(blood=1.0, halo=0.12), 5)
    mixed = photo.rgb.copy()
    redder = (near.rgb.astype(int) - photo.rgb).sum(axis=2) < -30
    mixed[redder] = dark.rgb[redder]
    _, _, flags = measured(Scene(mixed, photo.mask, photo.probability, dark.truth))
    assert "SKIN_REFERENCE_REDDENED" not in flags
