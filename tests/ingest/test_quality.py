"""Quality measures against pictures whose quality is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from svc_ingest.quality import assess, clipped_share, edge_rise, median_lightness, specular_share
from svc_ingest.result import Level


def edges(sigma: float, angle: float = 20.0, height: int = 600, width: int = 800) -> np.ndarray:
    """Straight edges at an angle, blurred by a Gaussian: (height, width) uint8. Drawn at twice the size."""
    y, x = np.mgrid[0 : 2 * height, 0 : 2 * width].astype(np.float32)
    along = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
    bars = np.where((along // 160) % 2 > 0, 190.0, 70.0).astype(np.float32)
    blurred = cv2.GaussianBlur(bars, (0, 0), 2 * sigma)
    small = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_AREA)
    small += np.random.default_rng(0).normal(0, 1, small.shape)
    return np.clip(small, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("sigma", [0.8, 1.2, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0])
def test_edge_rise_recovers_a_known_blur(sigma: float, angle: float) -> None:
    """10 to 90 % rise of a Gaussian edge is 2.563 sigma; within a quarter of it or half a pixel."""
    # The pixel itself averages over one unit, which adds 1/12 to the variance.
    true = 2.563 * np.hypot(sigma, np.sqrt(1 / 12))
    rise = edge_rise(edges(sigma, angle)).value
    assert rise is not None
    assert abs(rise - true) <= max(0.5, 0.25 * true)


def test_edge_rise_grows_with_blur_and_is_absent_without_edges() -> None:
    rises = [edge_rise(edges(s)).value or 0.0 for s in (0.5, 1.0, 2.0, 4.0)]
    assert rises == sorted(rises)
    flat = np.random.default_rng(0).normal(128, 2, (600, 800)).round().astype(np.uint8)
    assert edge_rise(flat).value is None
    assert "too few clear edges" in edge_rise(flat).not_measurable


def test_edges_steeper_than_a_lens_draws_them_are_not_measurable() -> None:
    """Never 0 px: sharpening overshoots and thin lines fade faster than edges, so neither tells the blur."""
    drawn = edges(0.6).astype(np.float32)
    sharpened = drawn + 2 * (drawn - cv2.GaussianBlur(drawn, (0, 0), 1.5))
    lines = np.full((600, 800), 200, np.uint8)
    for x in range(20, 780, 20):
        cv2.line(lines, (x, 20), (x + 15, 580), 40, 1, cv2.LINE_AA)
    for picture in (np.clip(sharpened, 0, 255).astype(np.uint8), lines):
        measure = edge_rise(picture)
        assert measure.value is None
        assert "sharpened" in measure.not_measurable
        assert flags(np.repeat(picture[..., None], 3, axis=-1))["FOCUS_NOT_MEASURABLE"] is Level.INFO


def test_edges_are_those_of_the_middle() -> None:
    """Crisp lettering along the frame says nothing about the lens."""
    labelled = edges(2.0)
    plain = assess_rise(labelled)
    labelled[-70:] = 255
    cv2.putText(labelled, "SAMPLE, NOT A PHOTOGRAPH", (20, 580), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 20, 2)
    assert assess_rise(labelled) == plain
    assert plain == pytest.approx(2.563 * 2.0, rel=0.12)


def assess_rise(grey: np.ndarray) -> float | None:
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    return next(m.value for m in assess(rgb, rgb, 0.0).measures if m.id == "edge_rise")


def test_clipping_counts_exactly() -> None:
    picture = np.full((100, 100, 3), 128, np.uint8)
    assert clipped_share(picture) == 0
    picture[0, :10, 1] = 252
    picture[1, :5, 2] = 3
    picture[2, :5] = (251, 4, 128)
    assert clipped_share(picture) == pytest.approx(15 / 10_000)


def test_glare_is_small_and_bright_but_a_white_wall_is_not() -> None:
    skin = np.full((400, 400, 3), (190, 140, 120), np.uint8)
    assert specular_share(skin) == 0
    spots = skin.copy()
    for x in range(40, 400, 80):
        cv2.circle(spots, (x, 200), 6, (250, 248, 245), -1)
    expected = np.count_nonzero(spots.min(axis=-1) > 240) / (400 * 400)
    assert specular_share(spots) == pytest.approx(expected, rel=0.05)
    wall = skin.copy()
    wall[:, 200:] = 250
    assert specular_share(wall) < 0.005


def test_lightness_of_grey() -> None:
    # CIE L* of sRGB 119 is 50.0 (IEC 61966-2-1 and CIE 15).
    assert median_lightness(np.full((64, 64, 3), 119, np.uint8)) == pytest.approx(50.0, abs=0.2)


def test_a_white_background_does_not_count_as_lightness() -> None:
    picture = np.full((64, 64, 3), 255, np.uint8)
    assert median_lightness(picture) is None
    picture[:16] = 119
    assert median_lightness(picture) == pytest.approx(50.0, abs=0.2)


def flags(picture: np.ndarray, gamut: float = 0.0) -> dict[str, Level]:
    return {flag.code: flag.level for flag in assess(picture, picture, gamut).flags}


def test_a_good_photo_has_no_flags() -> None:
    sharp = np.repeat(edges(0.6, 20, 1050, 1400)[..., None], 3, axis=-1)
    assert flags(sharp) == {}


def test_each_fault_has_its_flag() -> None:
    blurred = np.repeat(edges(4.0, 20, 1050, 1400)[..., None], 3, axis=-1)
    assert flags(blurred) == {"IMAGE_BLURRED": Level.FAIL}
    sharp = np.repeat(edges(0.6)[..., None], 3, axis=-1)
    assert flags(sharp) == {"LOW_RESOLUTION": Level.WARN}
    assert flags(sharp[:190]) == {"LOW_RESOLUTION": Level.FAIL}
    assert flags(sharp, 0.2) == {"LOW_RESOLUTION": Level.WARN, "GAMUT_CLIPPED": Level.WARN}
    dark = flags(sharp // 30)
    assert dark["EXPOSURE"] is Level.FAIL
    assert dark["CLIPPED_PIXELS"] is Level.WARN
    assert flags(np.full((1000, 1000, 3), 255, np.uint8))["EXPOSURE"] is Level.FAIL
    assert dark["FOCUS_NOT_MEASURABLE"] is Level.INFO


def test_what_cannot_be_measured_says_so() -> None:
    picture = np.full((600, 800, 3), 128, np.uint8)
    measures = {m.id: m for m in assess(picture, picture, 0.0).measures}
    for name in (
        "sampling_at_skin",
        "white_patch",
        "tilt",
        "skin_ring_area",
        "repeat_frame_de00",
        "edge_rise",
    ):
        assert measures[name].value is None
        assert measures[name].not_measurable
    for name in ("short_side", "megapixels", "clipped_share", "specular_share", "median_lightness"):
        assert measures[name].value is not None
        assert not measures[name].not_measurable
    assert len(measures) == len(assess(picture, picture, 0.0).measures)
