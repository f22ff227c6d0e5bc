"""Nearly equal input gives nearly equal inks."""

import time

import numpy as np
import pytest

from svc_color.analyze import analyze
from svc_color.classifier import active
from tests.color.painting import paint
from tests.color.stability import Scene, changes, run, sample

BLACK, RED, GREEN, GREY = (0.10, 0.11, 0.13), (0.62, 0.12, 0.17), (0.16, 0.42, 0.30), (0.45, 0.46, 0.50)


def painted(inks: list[tuple[float, float, float]], noise: float, seed: int) -> Scene:
    painting = paint(inks, noise=noise, seed=seed, size=(300, 400))
    return Scene(f"painted {seed}", painting.rgb, painting.mask, painting.probability)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("inks", [[BLACK], [BLACK, RED], [BLACK, RED, GREEN, GREY]])
@pytest.mark.parametrize("noise", [0.004, 0.02])
def test_painted_inks_stay(inks: list[tuple[float, float, float]], noise: float, seed: int) -> None:
    scene = painted(inks, noise, seed)
    assert len(run(scene).inks) == len(inks)
    for change in changes(scene):
        assert change.inks == 0, change.what
        assert max(change.shifts) < 1, change.what
        assert max(change.shares) < 0.03, change.what
        assert change.flips == (), change.what


def test_the_sample_photo_keeps_its_inks() -> None:
    """Black outlines and script, red petals, teal leaves; whatever happens to single pixels of the mask."""
    scene = sample()
    plain = run(scene)
    assert {ink.ink_class for ink in plain.inks} == {"black", "red", "teal"}
    assert all(dict(ink.posterior)[ink.ink_class] >= active().least_posterior for ink in plain.inks)
    for change in changes(scene):
        assert change.inks == 0, change.what
        assert np.median(change.shifts) < 1, change.what
        assert max(change.shifts) < 3, change.what
        assert change.flips == (), change.what


def test_the_order_of_pixels_does_not_matter() -> None:
    """A photo turned upside down has the same inks: nothing is drawn by place in the file."""
    scene = painted([BLACK, RED, GREEN], 0.02, 5)
    turned = analyze(
        scene.rgb[::-1, ::-1].copy(), scene.mask[::-1, ::-1].copy(), scene.probability[::-1, ::-1]
    )
    for ink, other in zip(run(scene).inks, turned.inks, strict=True):
        assert ink.lab == pytest.approx(other.lab, abs=0.01)
        assert ink.area_share == pytest.approx(other.area_share, abs=0.001)


def test_a_mask_on_bare_skin_of_one_colour_is_measured() -> None:
    rgb = np.full((200, 200, 3), (200, 150, 130), np.uint8)
    mask = np.zeros((200, 200), np.bool_)
    mask[80:120, 80:120] = True
    result = analyze(rgb, mask, mask.astype(np.uint8) * 255)
    assert [round(ink.lab_t[0]) for ink in result.inks if ink.lab_t] == [100]


def test_noise_of_all_colours_is_bounded_in_time() -> None:
    rng = np.random.default_rng(0)
    rgb = np.full((400, 400, 3), (200, 150, 130), np.uint8)
    mask = np.zeros((400, 400), np.bool_)
    mask[100:300, 100:300] = True
    blocks = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    rgb[100:300, 100:300] = np.kron(blocks, np.ones((5, 5, 1), np.uint8))
    start = time.process_time()
    analyze(rgb, mask, mask.astype(np.uint8) * 255)
    assert time.process_time() - start < 5
