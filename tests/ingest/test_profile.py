"""ICC conversion against the formulas of the colour spaces."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from svc_color.difference import delta_e_2000
from svc_color.space import srgb_to_lab
from svc_ingest.core import ingest
from svc_ingest.limits import DEFAULT_LIMITS, Limits
from svc_ingest.profile import Converted, to_srgb
from svc_ingest.raster import Raster
from tests.ingest.conftest import encode, scene

D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
Curve = Callable[[np.ndarray], np.ndarray]


def srgb_curve(v: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def bt2020_curve(v: np.ndarray) -> np.ndarray:
    """Inverse of ITU-R BT.2020-2, table 4."""
    return np.where(v < 0.0812429, v / 4.5, ((v + 0.0992968) / 1.0992968) ** (1 / 0.45))


def romm_curve(v: np.ndarray) -> np.ndarray:
    """ISO 22028-2 (ROMM RGB)."""
    return np.where(v < 16 / 512, v / 16, v**1.8)


def gamma(exponent: float) -> Curve:
    return lambda v: v**exponent


# Chromaticities of the primaries and the white, and the transfer curve, from each space's own standard.
SPACES: dict[str, tuple[list[tuple[float, float]], tuple[float, float], Curve]] = {
    "DisplayP3-v2-magic": ([(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)], D65, srgb_curve),
    "DisplayP3-v4": ([(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)], D65, srgb_curve),
    "AdobeCompat-v2": ([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)], D65, gamma(563 / 256)),
    "Rec2020-v2-micro": ([(0.708, 0.292), (0.17, 0.797), (0.131, 0.046)], D65, bt2020_curve),
    "ProPhoto-v2-magic": (
        [(0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105)], D50, romm_curve,
    ),
    "AppleCompat-v2": ([(0.625, 0.34), (0.28, 0.595), (0.155, 0.07)], D65, gamma(1.8)),
    "WideGamutCompat-v2": ([(0.735, 0.265), (0.115, 0.826), (0.157, 0.018)], D50, gamma(563 / 256)),
}  # fmt: skip


def xyz(xy: tuple[float, float]) -> np.ndarray:
    x, y = xy
    return np.array([x / y, 1, (1 - x - y) / y])


def to_xyz(primaries: list[tuple[float, float]], white: tuple[float, float]) -> np.ndarray:
    columns = np.stack([xyz(p) for p in primaries], axis=1)
    return columns * np.linalg.solve(columns, xyz(white))


def adapt(source: tuple[float, float], target: tuple[float, float]) -> np.ndarray:
    ratio = (BRADFORD @ xyz(target)) / (BRADFORD @ xyz(source))
    return np.linalg.inv(BRADFORD) @ np.diag(ratio) @ BRADFORD


def profile(shared_data: Path, name: str) -> bytes:
    return (shared_data / "golden" / "icc_profiles" / f"{name}.icc").read_bytes()


def convert(
    pixels: np.ndarray, icc: bytes | None, mode: str = "RGB", limits: Limits = DEFAULT_LIMITS
) -> Converted:
    return to_srgb(Raster(pixels, mode, 8, False, icc=icc), limits)


@pytest.mark.parametrize("name", SPACES)
def test_matrix_profiles_follow_their_formulas(shared_data: Path, name: str) -> None:
    """Inside the sRGB gamut: mean dE00 at most 0.14, 99 % at most 0.45, none above 0.9.

    Rounding the exact result to 8 bits alone gives 0.13, 0.41 and up to 0.84.
    """
    primaries, white, curve = SPACES[name]
    source = np.random.default_rng(1).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    srgb = to_xyz([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)], D65)
    light = curve(source / 255) @ (np.linalg.inv(srgb) @ adapt(white, D65) @ to_xyz(primaries, white)).T
    inside = ((light >= 0) & (light <= 1)).all(axis=-1)
    exact = light[inside]
    exact = np.where(exact <= 0.0031308, exact * 12.92, 1.055 * exact ** (1 / 2.4) - 0.055)
    got = convert(source, profile(shared_data, name))
    difference = delta_e_2000(srgb_to_lab(exact), srgb_to_lab(got.rgb[inside]))
    assert inside.mean() > 0.2
    assert difference.mean() <= 0.14
    assert np.percentile(difference, 99) <= 0.45
    assert difference.max() <= 0.9
    assert got.flags == ()
    # Random colours of a wider space fall outside sRGB often, and that is counted.
    assert 0.3 * (1 - inside.mean()) < got.clipped_share <= 1 - inside.mean() + 0.02


@pytest.mark.parametrize("name", ["sRGB-v2-magic", "sRGB-v2-nano", "sRGB-v4"])
def test_srgb_profiles_change_nothing(shared_data: Path, name: str) -> None:
    got = convert(scene(), profile(shared_data, name))
    assert np.array_equal(got.rgb, scene())
    assert got.name


def test_grey_profile(shared_data: Path) -> None:
    grey = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    got = convert(grey, profile(shared_data, "sGrey-v2-nano"), "L")
    assert np.abs(got.rgb.astype(int) - grey[..., None]).max() <= 1


def test_cmyk_profile(shared_data: Path) -> None:
    """Paper is white; the three inks have the hues of cyan, magenta and yellow; black ink is dark."""
    inks = np.array(
        [[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 0, 0, 255]]], np.uint8
    )
    got = convert(inks, profile(shared_data, "CGATS001Compat-v2-micro"), "CMYK")
    lab = srgb_to_lab(got.rgb[0])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    assert (got.rgb[0, 0] >= 254).all()
    assert 200 < hue[1] < 260
    assert hue[2] > 340 or hue[2] < 20
    assert 85 < hue[3] < 105
    assert lab[4, 0] < 25
    assert got.flags == ()


@pytest.mark.parametrize(
    "damage",
    [
        lambda icc: icc[:100],
        lambda icc: b"\0" * len(icc),
        lambda icc: icc[:128] + bytes(len(icc) - 128),
        lambda icc: icc[:16] + b"CMYK" + icc[20:],
        lambda icc: icc[:16] + b"GRAY" + icc[20:],
        lambda icc: icc[: len(icc) // 2],
    ],
)
def test_unusable_profiles_are_flagged_and_taken_for_srgb(
    shared_data: Path, damage: Callable[[bytes], bytes]
) -> None:
    got = convert(scene(), damage(profile(shared_data, "DisplayP3-v4")))
    assert np.array_equal(got.rgb, scene())
    assert [flag.code for flag in got.flags] == ["ICC_PROFILE_UNREADABLE"]


def test_an_oversized_profile_is_not_read() -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    got = convert(scene(), icc + bytes(2000), limits=Limits(max_profile_bytes=2000))
    assert [flag.code for flag in got.flags] == ["ICC_PROFILE_UNREADABLE"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_every_format_carries_its_profile(shared_data: Path, kind: str) -> None:
    icc = profile(shared_data, "DisplayP3-v4")
    options = {"quality": 98} if kind in ("JPEG", "AVIF") else {"lossless": True} if kind == "WEBP" else {}
    result = ingest(encode(scene(), kind, icc_profile=icc, **options))
    expected = convert(scene(), icc).rgb
    pixels = np.asarray(Image.open(io.BytesIO(result.working.data)))
    assert result.icc_profile == "sP3"
    assert np.abs(expected.astype(int) - scene()).max() > 12
    assert np.abs(pixels.astype(int) - expected).mean() < 2
