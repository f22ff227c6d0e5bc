"""The skin reference: found where there is skin, robust to what is not, refused where there is too little."""

import cv2
import numpy as np
import pytest

from svc_color.difference import delta_e_2000
from svc_color.skin import SkinNotMeasurable, SkinReference, skin_reference
from svc_color.space import lab_to_srgb, srgb_to_linear
from tests.color.painting import BROWN_SKIN, LIGHT_SKIN, Image, Painting, paint

BLACK = (0.08, 0.08, 0.08)


def measured(painting: Painting) -> SkinReference:
    answer = skin_reference(painting.rgb, painting.mask, painting.probability)
    assert isinstance(answer, SkinReference)
    return answer


def spoil(painting: Painting, share: float, colour: tuple[int, int, int], seed: int = 4) -> Painting:
    """The painting with short strokes of a colour over about this share of it, ink left alone."""
    rng = np.random.default_rng(seed)
    spoilt, covered = painting.rgb.copy(), np.zeros(painting.mask.shape, np.uint8)
    height, width = painting.mask.shape
    while np.count_nonzero(covered) < share * covered.size:
        x, y = int(rng.integers(width)), int(rng.integers(height))
        reach_x, reach_y = rng.integers(-40, 41, 2).tolist()
        cv2.line(covered, (x, y), (x + reach_x, y + reach_y), 1, 3)
    spoilt[(covered == 1) & ~painting.mask] = colour
    return Painting(spoilt, painting.mask, painting.probability, painting.patches)


def byte_colour(lab: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = np.clip(lab_to_srgb(np.array(lab)), 0, 1) * 255
    return round(red), round(green), round(blue)


@pytest.mark.parametrize("skin", [LIGHT_SKIN, BROWN_SKIN])
def test_finds_the_painted_skin(skin: tuple[float, float, float]) -> None:
    answer = measured(paint([BLACK], skin=skin))
    assert answer.lab == pytest.approx(skin, abs=0.2)
    assert max(answer.spread) < 2
    assert answer.flags == ()
    assert answer.ita is not None
    assert answer.ita.degrees == pytest.approx({LIGHT_SKIN: 48.0, BROWN_SKIN: -10.0}[skin], abs=1)
    # Without a chart the error is that of 5 per channel, whatever the pixels' own noise.
    assert 8 < answer.ita.sd < 20


@pytest.mark.parametrize(
    ("what", "lab"),
    [("hair", (15, 2, 4)), ("glare", (97, 0, 3)), ("redness", (55, 32, 22)), ("shadow", (38, 6, 12))],
)
def test_a_quarter_of_the_ring_may_be_something_else(what: str, lab: tuple[float, float, float]) -> None:
    clean = paint([BLACK])
    answer = measured(spoil(clean, 0.25, byte_colour(lab)))
    assert float(delta_e_2000(answer.lab, LIGHT_SKIN)) < 1.0, what


@pytest.mark.parametrize(
    "background", [(40, 90, 160), (30, 120, 40), (128, 128, 128), (5, 5, 5), (255, 255, 255)]
)
def test_background_is_not_skin(background: tuple[int, int, int]) -> None:
    """Cloth or wall beyond a band of skin, most of the ring included."""
    painting = paint([BLACK], size=(600, 800))
    near = cv2.dilate(painting.mask.astype(np.uint8), np.ones((61, 61), np.uint8)).astype(np.bool_)
    rgb = painting.rgb.copy()
    rgb[~near] = background
    answer = measured(Painting(rgb, painting.mask, painting.probability, ()))
    assert float(delta_e_2000(answer.lab, LIGHT_SKIN)) < 1.0


def test_ink_that_the_mask_missed_is_kept_out() -> None:
    painting = paint([(0.5, 0.45, 0.4), (0.5, 0.45, 0.4)])
    first, second = painting.patches
    with_probability = skin_reference(painting.rgb, first, np.where(second, 120, 0).astype(np.uint8))
    assert isinstance(with_probability, SkinReference)
    assert with_probability.lab == pytest.approx(LIGHT_SKIN, abs=0.3)


@pytest.mark.parametrize("surround", [(40, 90, 160), (0, 0, 0), (255, 255, 255), (128, 128, 128)])
def test_no_skin_is_an_answer_and_not_a_guess(surround: tuple[int, int, int]) -> None:
    painting = paint([BLACK])
    rgb = np.full_like(painting.rgb, surround)
    answer = skin_reference(rgb, painting.mask, painting.probability)
    assert isinstance(answer, SkinNotMeasurable)
    assert answer.pixels < answer.needed
    assert [flag.code for flag in answer.flags] == ["SKIN_REFERENCE_NOT_MEASURABLE"]
    assert answer.flags[0].level == "fail"


def test_ink_everywhere_leaves_no_skin() -> None:
    rgb: Image = np.full((200, 200, 3), 90, np.uint8)
    answer = skin_reference(rgb, np.ones((200, 200), np.bool_), np.full((200, 200), 255, np.uint8))
    assert isinstance(answer, SkinNotMeasurable)
    assert answer.pixels == 0


def test_uneven_light_is_flagged_and_widens_the_spread() -> None:
    painting = paint([BLACK])
    ramp = np.linspace(0.3, 1.0, painting.rgb.shape[1])[None, :, None]
    shaded = Painting((painting.rgb * ramp).astype(np.uint8), painting.mask, painting.probability, ())
    answer = measured(shaded)
    assert answer.spread[0] > measured(painting).spread[0] + 2
    assert "SKIN_REFERENCE_UNEVEN" in [flag.code for flag in answer.flags]


def test_ink_that_goes_round_a_limb_is_compared_with_the_skin_between_its_lines() -> None:
    """Beside the limb there is only wall; the ring at the usual distance holds no skin."""
    rgb = np.full((600, 800, 3), (40, 90, 190), np.uint8)
    rgb[:, 250:550] = (200, 150, 125)
    ink = np.zeros((600, 800), np.bool_)
    for row in range(0, 600, 40):
        ink[row : row + 20, 250:550] = True
    rgb[ink] = (40, 36, 38)
    found = skin_reference(rgb, ink, ink.astype(np.uint8) * 255)
    assert isinstance(found, SkinReference)
    assert found.linear_rgb == pytest.approx(
        tuple(srgb_to_linear(np.array([200, 150, 125], np.uint8))), abs=0.01
    )
    assert "SKIN_REFERENCE_SPARSE" in [flag.code for flag in found.flags]
    rgb[~ink] = (40, 90, 190)
    assert isinstance(skin_reference(rgb, ink, ink.astype(np.uint8) * 255), SkinNotMeasurable)
