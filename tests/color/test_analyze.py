"""Skin and inks of painted photos: what was painted is what is measured."""

import numpy as np
import pytest

from svc_color import clusters, quality
from svc_color.analyze import ColorResult, analyze
from svc_color.contrast import contrast
from svc_color.difference import delta_e_2000
from svc_color.skin import SkinNotMeasurable, SkinReference
from svc_color.space import linear_to_lab
from svc_color.transmission import transmission_lab
from tests.color.painting import BROWN_SKIN, LIGHT_SKIN, Painting, linear_of, paint

BLACK = (0.10, 0.11, 0.13)
RED = (0.62, 0.12, 0.17)
GREEN = (0.16, 0.42, 0.30)
BLUE = (0.14, 0.28, 0.62)
GREY = (0.45, 0.46, 0.50)


def run(painting: Painting) -> ColorResult:
    return analyze(painting.rgb, painting.mask, painting.probability)


@pytest.mark.parametrize("skin", [LIGHT_SKIN, BROWN_SKIN])
def test_recovers_what_was_painted(skin: tuple[float, float, float]) -> None:
    inks = [BLACK, RED, GREEN, BLUE]
    painting = paint(inks, skin=skin)
    result = run(painting)
    assert len(result.inks) == len(inks)
    for transmission, patch in zip(inks, painting.patches, strict=True):
        label = np.bincount(result.labels[patch]).argmax()
        found = result.inks[label - 1]
        truth = linear_to_lab(linear_of(skin) * transmission)
        assert float(delta_e_2000(found.lab, truth)) < 0.5
        assert found.lab_t is not None
        assert float(delta_e_2000(found.lab_t, transmission_lab(np.array(transmission)))) < 0.5
        assert found.optical_density == pytest.approx(-np.log10(transmission), abs=0.02)
        assert found.area_share == pytest.approx(0.25, abs=0.01)
        assert np.mean(result.labels[patch] == label) > 0.97
        assert found.contrast is not None
        assert found.contrast.low < float(delta_e_2000(truth, skin)) < found.contrast.high
        rows, columns = np.nonzero(patch)
        assert found.centroid == pytest.approx((columns.mean(), rows.mean()), abs=1)


def test_labels_areas_and_order_agree() -> None:
    result = run(paint([BLACK, RED, GREY]))
    shares = [ink.area_share for ink in result.inks]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    assert [ink.id for ink in result.inks] == list(range(1, len(result.inks) + 1))
    for ink in result.inks:
        assert np.count_nonzero(result.labels == ink.id) == ink.pixels
    assert result.labels.max() == len(result.inks)


@pytest.mark.parametrize("noise", [0.002, 0.01, 0.03])
def test_one_ink_is_one_cluster(noise: float) -> None:
    assert len(run(paint([RED], noise=noise)).inks) == 1


def test_the_same_ink_twice_is_one_cluster() -> None:
    assert len(run(paint([BLUE, BLUE, BLUE], noise=0.01)).inks) == 1


def test_a_gradient_is_one_ink() -> None:
    """One black shaded from dense to half: no dip in its colours, so no second ink."""
    painting = paint([BLACK], noise=0.006)
    rows, columns = np.nonzero(painting.mask)
    fade = 1.0 + 0.5 * (columns - columns.min()) / np.ptp(columns)
    rgb = painting.rgb.copy()
    rgb[rows, columns] = np.clip(rgb[rows, columns] * fade[:, None], 0, 255).astype(np.uint8)
    assert len(run(Painting(rgb, painting.mask, painting.probability, ())).inks) == 1


def test_never_more_inks_than_the_bound() -> None:
    rng = np.random.default_rng(6)
    wheel = [tuple(rng.uniform(0.05, 1.2, 3).tolist()) for _ in range(14)]
    result = run(paint(wheel))
    assert 2 <= len(result.inks) <= clusters.MOST_CLUSTERS


def test_equal_input_gives_equal_output() -> None:
    painting = paint([BLACK, RED, GREEN], noise=0.02)
    first, second = run(painting), run(painting)
    assert first.inks == second.inks
    assert np.array_equal(first.labels, second.labels)


def test_m06_exposure_leaves_the_transmission_colour_alone() -> None:
    """Row M06 through the whole analysis, 8-bit rounding included."""
    full, dark = run(paint([RED])), run(paint([RED], exposure=0.7))
    assert full.inks[0].lab_t == pytest.approx(dark.inks[0].lab_t, abs=0.05)
    assert full.inks[0].lab != pytest.approx(dark.inks[0].lab, abs=2)


def test_no_chart_means_estimates_only() -> None:
    result = run(paint([BLACK]))
    assert not result.calibrated
    assert result.flags[0].code == "COLOUR_UNCALIBRATED"
    assert result.inks[0].contrast is not None
    assert result.inks[0].contrast.sd > 3


def test_without_ink() -> None:
    painting = paint([BLACK])
    result = analyze(painting.rgb, np.zeros_like(painting.mask), np.zeros_like(painting.probability))
    assert result.inks == ()
    assert not result.labels.any()
    assert [flag.code for flag in result.flags] == ["NO_INK"]


def test_without_skin_there_is_colour_but_no_contrast() -> None:
    painting = paint([BLACK, RED])
    rgb = painting.rgb.copy()
    rgb[~painting.mask] = (30, 80, 200)
    result = run(Painting(rgb, painting.mask, painting.probability, ()))
    assert isinstance(result.skin, SkinNotMeasurable)
    assert len(result.inks) == 2
    for ink in result.inks:
        assert (ink.contrast, ink.lab_t, ink.optical_density, ink.posterior) == (None, None, None, ())
        assert ink.ink_class == "unknown"
    assert "SKIN_REFERENCE_NOT_MEASURABLE" in [flag.code for flag in result.flags]


def test_glare_on_ink_is_flagged_and_not_taken_for_white_ink() -> None:
    painting = paint([BLACK])
    rgb = painting.rgb.copy()
    rows, columns = np.nonzero(painting.mask)
    spot = (np.hypot(rows - rows.mean(), columns - columns.mean()) < 20).nonzero()[0]
    rgb[rows[spot], columns[spot]] = 255
    result = run(Painting(rgb, painting.mask, painting.probability, ()))
    assert "INK_CLIPPED" in [flag.code for flag in result.flags]
    assert len(result.inks) == 1
    assert result.inks[0].lab[0] < 40


def test_thin_lines_are_measured() -> None:
    painting = paint([BLACK])
    lines = painting.mask & (np.arange(painting.mask.shape[1]) % 12 < 2)
    rgb = np.where(lines[..., None], painting.rgb, paint([(1.0, 1.0, 1.0)], seed=2).rgb)
    result = analyze(rgb, lines, (lines * 255).astype(np.uint8))
    assert isinstance(result.skin, SkinReference)
    assert sum(ink.pixels for ink in result.inks) == np.count_nonzero(lines)
    assert result.inks[0].lab[0] < 40


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3), (20, 20)])
def test_tiny_images(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    result = analyze(rgb, np.ones(shape, np.bool_), np.full(shape, 255, np.uint8))
    assert isinstance(result.skin, SkinNotMeasurable)
    assert result.labels.shape == shape


def test_refuses_arrays_that_do_not_fit() -> None:
    painting = paint([BLACK])
    with pytest.raises(ValueError, match="mask"):
        analyze(painting.rgb, painting.mask[1:], painting.probability)
    with pytest.raises(ValueError, match="rgb"):
        analyze(painting.rgb / 255, painting.mask, painting.probability)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match="probability"):
        analyze(painting.rgb, painting.mask, painting.probability / 255)  # type: ignore[arg-type]  # on purpose


def test_interval_covers_the_truth() -> None:
    """Drawn again and again with the stated errors, the contrast lies in its interval 95 times of 100."""
    rng = np.random.default_rng(9)
    ink, skin, spread = (36.0, -1.0, -3.0), (67.0, 7.0, 15.5), (2.0, 1.0, 1.0)
    answer = contrast(ink, spread, 6_400, skin, spread, calibration_sd=quality.UNCALIBRATED_SD)
    ink_sd = np.hypot(quality.UNCALIBRATED_SD, np.array(spread) / 10)
    skin_sd = np.hypot(quality.UNCALIBRATED_SD, spread)
    drawn = delta_e_2000(rng.normal(ink, ink_sd, (20_000, 3)), rng.normal(skin, skin_sd, (20_000, 3)))
    covered = np.mean((drawn > answer.low) & (drawn < answer.high))
    assert 0.92 < covered < 0.97
    assert answer.sd == pytest.approx(drawn.std(), rel=0.1)
