"""sRGB, XYZ and CIELAB: published values, round trips and refusals."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from svc_color import space
from svc_color.space import Array

unit = arrays(np.float64, (5, 3), elements=st.floats(0, 1, width=64))

# Monk skin tone scale: the ten published swatches and their published CIELAB under D65.
MONK = [
    ("f6ede4", (94.21, 1.51, 5.43)),
    ("f3e7db", (92.27, 2.07, 7.29)),
    ("f7ead0", (93.09, 0.22, 14.22)),
    ("eadaba", (87.57, 0.47, 17.76)),
    ("d7bd96", (77.90, 3.48, 23.14)),
    ("a07e56", (55.14, 7.79, 26.75)),
    ("825c43", (42.47, 12.33, 20.53)),
    ("604134", (30.68, 11.67, 13.34)),
    ("3a312a", (21.07, 2.69, 5.97)),
    ("292420", (14.61, 1.48, 3.53)),
]


@pytest.mark.parametrize(("swatch", "lab"), MONK)
def test_monk_swatches(swatch: str, lab: tuple[float, float, float]) -> None:
    rgb = np.frombuffer(bytes.fromhex(swatch), np.uint8)
    assert space.srgb_to_lab(rgb) == pytest.approx(lab, abs=0.02)


def test_gamut_corners() -> None:
    """Lindbloom's published CIELAB of the sRGB primaries under D65, to the rounding of the matrices."""
    corners = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]], np.uint8)
    published = [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [0, 0, 0]]
    assert space.srgb_to_lab(corners) == pytest.approx(np.array(published), abs=0.03)


def test_greys_are_neutral_and_rise() -> None:
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    lab = space.srgb_to_lab(greys)
    assert np.abs(lab[:, 1:]).max() < 0.01
    assert np.all(np.diff(lab[:, 0]) > 0)
    assert lab[-1, 0] == pytest.approx(100, abs=1e-9)


def test_bytes_and_floats_agree() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert space.srgb_to_lab(rgb) == pytest.approx(space.srgb_to_lab(rgb / 255.0), abs=1e-11)


def test_large_images_equal_small_ones() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (170, 211, 3), dtype=np.uint8)
    lab = space.srgb_to_lab(rgb)
    assert lab.shape == rgb.shape
    assert lab.dtype == np.float64
    assert lab[169] == pytest.approx(space.srgb_to_lab(rgb[169]), abs=1e-12)
    assert np.array_equal(space.srgb_to_lab(rgb[:, ::-1]), lab[:, ::-1])


def test_p3_holds_srgb_and_more() -> None:
    """A colour of sRGB keeps its CIELAB in P3; the primaries of P3 lie outside sRGB, its white does not."""
    rgb = np.random.default_rng(5).random((500, 3))
    in_p3 = space.linear_to_xyz(space.srgb_to_linear(rgb)) @ np.linalg.inv(space.P3_TO_XYZ).T
    assert in_p3.min() > -1e-5
    encoded = np.clip(space.linear_to_srgb(in_p3), 0, 1)
    assert space.p3_to_lab(encoded) == pytest.approx(space.srgb_to_lab(rgb), abs=0.01)
    corners = space.lab_to_srgb(space.p3_to_lab(np.eye(3)))
    assert np.all(corners.max(axis=1) > 1.01)
    white = space.p3_to_lab(np.array([255, 255, 255], np.uint8))
    assert white == pytest.approx([100, 0, 0], abs=1e-9)
    assert space.linear_p3_to_xyz([1, 1, 1]) == pytest.approx(space.white_point("D65"), abs=1e-12)


@settings(deadline=None)
@given(unit, st.sampled_from(sorted(space.CHROMATICITY)))
def test_srgb_round_trip(rgb: Array, illuminant: str) -> None:
    lab = space.srgb_to_lab(rgb, illuminant=illuminant)
    assert space.lab_to_srgb(lab, illuminant=illuminant) == pytest.approx(rgb, abs=1e-7)
    assert np.all((lab[:, 0] >= -1e-9) & (lab[:, 0] <= 100.01))


@settings(deadline=None)
@given(arrays(np.float64, (5, 3), elements=st.floats(-1, 2, width=64)))
def test_every_step_has_its_inverse(values: Array) -> None:
    assert space.xyz_to_linear(space.linear_to_xyz(values)) == pytest.approx(values, abs=1e-12)
    assert space.lab_to_xyz(space.xyz_to_lab(values, white="D50"), white="D50") == pytest.approx(
        values, abs=1e-9
    )
    inside = np.abs(values) / 2
    assert space.srgb_to_linear(space.linear_to_srgb(inside)) == pytest.approx(inside, abs=1e-7)


def test_transfer_function_at_its_join() -> None:
    below, above = space.srgb_to_linear(np.array([0.04045, 0.04045 + 1e-9]))
    assert below == pytest.approx(0.0031308, abs=1e-7)
    assert above == pytest.approx(below, abs=1e-7)


@pytest.mark.parametrize("source", sorted(space.CHROMATICITY))
def test_adaptation_carries_white_to_white(source: str) -> None:
    moved = space.adaptation(source, "D50") @ space.white_point(source)
    assert moved == pytest.approx(space.white_point("D50"), abs=1e-12)
    there_and_back = space.adaptation("D50", source) @ space.adaptation(source, "D50")
    assert there_and_back == pytest.approx(np.eye(3), abs=1e-12)


def test_bradford_d65_to_d50_as_published() -> None:
    """Lindbloom's table of chromatic adaptation matrices, Bradford, D65 to D50 (ASTM whites, hence 1e-3)."""
    published = [
        [1.0478112, 0.0228866, -0.0501270],
        [0.0295424, 0.9904844, -0.0170491],
        [-0.0092345, 0.0150436, 0.7521316],
    ]
    assert space.adaptation("D65", "D50") == pytest.approx(np.array(published), abs=1e-3)


def test_not_a_number_stays_one() -> None:
    rgb = np.full((4, 3), 0.5)
    rgb[1, 0], rgb[2, 2] = np.nan, np.inf
    with np.errstate(all="raise"):
        lab = space.srgb_to_lab(rgb)
    assert np.isfinite(lab[[0, 3]]).all()
    assert np.isnan(lab[[1, 2]]).any(axis=1).all()


@pytest.mark.parametrize(
    ("rgb", "error", "text"),
    [
        (np.full((2, 3), 128.0), ValueError, "0..1"),
        (np.array([0.1, -0.2, 0.3]), ValueError, "0..1"),
        (np.full((2, 3), 7, np.int64), TypeError, "uint8"),
        (np.full((2, 3), 7, np.uint16), TypeError, "uint8"),
        (np.zeros((3, 2)), ValueError, "last axis"),
        (np.float64(0.3), ValueError, "last axis"),
    ],
)
def test_refusals(rgb: Array, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        space.srgb_to_lab(rgb)


def test_unknown_whites_are_refused() -> None:
    with pytest.raises(ValueError, match="D64"):
        space.srgb_to_lab(np.zeros(3), illuminant="D64")
    with pytest.raises(ValueError, match="positive"):
        space.xyz_to_lab(np.ones(3), white=[0.9, 0.0, 1.0])


def test_agrees_with_colour_science(colour: ModuleType) -> None:
    rgb = np.random.default_rng(4).random((50_000, 3))
    whites = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]
    ours = space.srgb_to_lab(rgb)
    assert np.abs(ours - colour.XYZ_to_Lab(colour.sRGB_to_XYZ(rgb), whites["D65"])).max() < 1e-9
    for name, chromaticity in space.CHROMATICITY.items():
        assert np.array_equal(whites[name], chromaticity)
        xyz = colour.RGB_to_XYZ(rgb, "sRGB", whites[name], "Bradford", apply_cctf_decoding=True)
        ours = space.srgb_to_lab(rgb, illuminant=name)
        assert np.abs(ours - colour.XYZ_to_Lab(xyz, whites[name])).max() < 1e-9
    p3 = colour.RGB_to_XYZ(rgb, "Display P3", apply_cctf_decoding=True)
    assert np.abs(space.p3_to_lab(rgb) - colour.XYZ_to_Lab(p3, whites["D65"])).max() < 1e-9
