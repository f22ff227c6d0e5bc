"""sRGB, Display P3, CIE XYZ and CIELAB for the CIE 1931 2 degree observer. Imports numpy and our kernel only.

Sources of the formulas and constants:

* IEC 61966-2-1:1999 with Amendment 1:2003: the sRGB transfer function, and the four-digit matrix from
  linear sRGB to XYZ. Its inverse here is the exact inverse of that matrix, not the rounded one that the
  standard prints, so that round trips close.
* SMPTE EG 432-1:2010 and SMPTE RP 431-2:2011: the primaries of Display P3, with D65 as its white and the
  transfer function of sRGB, as in the ICC's registry of three-component encodings. The matrix is worked out
  from the chromaticities (SMPTE RP 177:1993), unrounded.
* ISO/CIE 11664-4:2019: CIELAB, with delta = 6/29.
* CIE 15:2018: chromaticities of the illuminants at the 2 degree observer.
* Lam (1985), "Metamerism and colour constancy" (thesis, University of Bradford): the Bradford cone matrix,
  used as a linear adaptation as in the ICC specification (ICC.1:2022, annex E).

White in the sense of this module is the XYZ of an illuminant, scaled to Y = 1. The rounded sRGB matrix puts
device white at a* = 0.008, b* = 0.004 of D65's own white; both numbers belong to the standards.

Not-a-number policy: a pixel that holds a NaN or an infinity comes out as NaN in the channels it reaches, in
every function, without a warning. Values that cannot be right (8-bit numbers passed as floats) raise.

`srgb_to_lab`, `p3_to_lab` and `linear_to_lab` run in the compiled kernel (docs/colour-kernel.md) where there
is one, to within 1e-11 of the same formulas in numpy. Images of more than 65,536 pixels are shared among
threads, which end with the call.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svc_color.kernel import library

Array: TypeAlias = NDArray[np.float64]
Single: TypeAlias = NDArray[np.float32]

KERNEL: Final[str] = library.ACTIVE
"""What converts to CIELAB: "avx512", "avx2", "sse2" or "neon", the compiled kernel; or "numpy"."""

# CIE 15:2018, 2 degree observer: chromaticity (x, y) of each illuminant this module knows.
CHROMATICITY: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "A": (0.44758, 0.40745),
        "C": (0.31006, 0.31616),
        "D50": (0.34570, 0.35850),
        "D55": (0.33243, 0.34744),
        "D65": (0.31270, 0.32900),
        "D75": (0.29903, 0.31488),
        "E": (1 / 3, 1 / 3),
    }
)

# IEC 61966-2-1: linear sRGB to XYZ relative to D65.
SRGB_TO_XYZ: Final[Array] = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
XYZ_TO_SRGB: Final[Array] = np.asarray(np.linalg.inv(SRGB_TO_XYZ), dtype=np.float64)

# SMPTE EG 432-1: chromaticities (x, y) of the primaries red, green and blue of P3.
P3_PRIMARIES: Final = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))

BRADFORD: Final[Array] = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)

# ISO/CIE 11664-4: below delta cubed the cube root gives way to a straight line.
_DELTA: Final = 6 / 29
_DELTA_CUBED: Final = _DELTA**3
_SLOPE: Final = 1 / (3 * _DELTA**2)
_OFFSET: Final = 4 / 29

# Round trips of colours on the gamut's faces leave 0..1 by rounding alone; more than this is a mistake.
_RANGE_TOLERANCE: Final = 1e-6

# Pixels per pass: three float64 blocks of it stay in a core's second-level cache.
_BLOCK: Final = 16_384


@cache
def _white(illuminant: str) -> Array:
    if illuminant not in CHROMATICITY:
        raise ValueError(f"illuminant {illuminant!r} is unknown: use one of {', '.join(CHROMATICITY)}")
    x, y = CHROMATICITY[illuminant]
    white = np.array([x / y, 1.0, (1.0 - x - y) / y])
    white.flags.writeable = False
    return white


def _from_primaries(primaries: tuple[tuple[float, float], ...], illuminant: str) -> Array:
    """Linear RGB to XYZ (3, 3) from chromaticities: the primaries add up to the white (SMPTE RP 177:1993)."""
    unscaled = np.array([[x / y, 1.0, (1.0 - x - y) / y] for x, y in primaries]).T
    return unscaled * np.linalg.solve(unscaled, _white(illuminant))


# Linear Display P3 to XYZ relative to D65.
P3_TO_XYZ: Final[Array] = _from_primaries(P3_PRIMARIES, "D65")


def white_point(illuminant: str) -> Array:
    """XYZ (3,) of an illuminant at the 2 degree observer, scaled to Y = 1; read-only.

    Raises:
        ValueError: the illuminant is not a key of `CHROMATICITY`.
    """
    return _white(illuminant)


def adaptation(source: str, target: str) -> Array:
    """Matrix (3, 3) of the linear Bradford adaptation: XYZ under `source` to XYZ under `target`.

    Lam (1985); ICC.1:2022 annex E. The source's white lands exactly on the target's.

    Raises:
        ValueError: one of the illuminants is unknown.
    """
    gains = (BRADFORD @ _white(target)) / (BRADFORD @ _white(source))
    return np.linalg.inv(BRADFORD) @ (gains[:, None] * BRADFORD)


def _decode(encoded: Array) -> Array:
    magnitude = np.abs(encoded)
    with np.errstate(invalid="ignore"):
        curve = ((magnitude + 0.055) / 1.055) ** 2.4
        return np.copysign(np.where(magnitude <= 0.04045, magnitude / 12.92, curve), encoded)


# Every 8-bit value decoded once, in float64: a look-up instead of a power per channel.
_DECODED_BYTE: Final[Array] = _decode(np.arange(256) / 255.0)


def srgb_to_linear(rgb: ArrayLike) -> Array:
    """Decode sRGB (...) to linear light in 0..1, float64, by the transfer function of IEC 61966-2-1.

    Display P3 has the same transfer function, so this decodes it too.

    Args:
        rgb: uint8 (decoded by table, exact), or float in 0..1.

    Raises:
        TypeError: an integer type other than uint8, or no number at all.
        ValueError: a float outside 0..1.
    """
    array = np.asarray(rgb)
    if array.dtype == np.uint8:
        return np.asarray(_DECODED_BYTE[array])
    _check_floating(array)
    encoded = array.astype(np.float64, copy=False)
    _check_range(encoded)
    return _decode(encoded)


def _check_floating(array: NDArray[Any]) -> None:
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"rgb holds {array.dtype}: pass uint8, or float in 0..1")


def _check_range(encoded: NDArray[Any]) -> None:
    if encoded.size == 0:
        return
    # fmin and fmax skip NaN, which is let through by policy.
    low, high = np.fmin.reduce(encoded, axis=None), np.fmax.reduce(encoded, axis=None)
    if low < -_RANGE_TOLERANCE or (high > 1.0 + _RANGE_TOLERANCE and np.isfinite(high)):
        raise ValueError(f"rgb holds {low:g}..{high:g}: floats lie in 0..1, or pass uint8")


def linear_to_srgb(linear: ArrayLike) -> Array:
    """Encode linear light (...) with the sRGB transfer function (IEC 61966-2-1), float64.

    Nothing is clipped: a colour outside the gamut keeps a value outside 0..1 (negative light by the odd
    extension of the curve), so that the caller decides what to do with it.
    """
    light = np.asarray(linear, dtype=np.float64)
    magnitude = np.abs(light)
    with np.errstate(invalid="ignore"):
        curve = 1.055 * magnitude ** (1 / 2.4) - 0.055
        return np.copysign(np.where(magnitude <= 0.0031308, 12.92 * magnitude, curve), light)


def linear_to_xyz(linear: ArrayLike) -> Array:
    """Linear sRGB (..., 3) to CIE XYZ (..., 3) under D65, Y = 1 for white (IEC 61966-2-1)."""
    return _triples(linear, "linear") @ SRGB_TO_XYZ.T


def linear_p3_to_xyz(linear: ArrayLike) -> Array:
    """Linear Display P3 (..., 3) to CIE XYZ (..., 3) under D65, Y = 1 for white (SMPTE EG 432-1)."""
    return _triples(linear, "linear") @ P3_TO_XYZ.T


def xyz_to_linear(xyz: ArrayLike) -> Array:
    """CIE XYZ (..., 3) under D65 to linear sRGB (..., 3), unclipped: the inverse of `linear_to_xyz`."""
    return _triples(xyz, "xyz") @ XYZ_TO_SRGB.T


def xyz_to_lab(xyz: ArrayLike, *, white: ArrayLike | str = "D65") -> Array:
    """CIE XYZ (..., 3) to CIELAB (..., 3) against a white (ISO/CIE 11664-4:2019), float64.

    Args:
        xyz: tristimulus values on the scale of the white (Y = 1 for white).
        white: an illuminant's name, or XYZ (3,) of the reference white, all positive.

    Raises:
        ValueError: wrong shape, an unknown illuminant, or a white that is not positive.
    """
    ratio = _triples(xyz, "xyz") / _white_xyz(white)
    _compress(ratio)
    return _opponent(ratio)


def lab_to_xyz(lab: ArrayLike, *, white: ArrayLike | str = "D65") -> Array:
    """CIELAB (..., 3) to CIE XYZ (..., 3) on the scale of the white: the inverse of `xyz_to_lab`.

    Raises:
        ValueError: wrong shape, an unknown illuminant, or a white that is not positive.
    """
    values = _triples(lab, "lab")
    f_y = (values[..., 0] + 16.0) / 116.0
    compressed = np.stack([f_y + values[..., 1] / 500.0, f_y, f_y - values[..., 2] / 200.0], axis=-1)
    linear = (compressed - _OFFSET) / _SLOPE
    return np.where(compressed > _DELTA, compressed**3, linear) * _white_xyz(white)


def srgb_to_lab(
    rgb: ArrayLike, *, illuminant: str = "D65", out: Array | None = None, threads: int | None = None
) -> Array:
    """sRGB (..., 3) to CIELAB (..., 3) for the 2 degree observer, float64.

    L* runs 0..100; a* and b* of the sRGB gamut lie within -108..99 under D65. Under another illuminant the
    colour is adapted from D65 by Bradford first, so device white stays at (100, 0, 0) within 0.01.

    Args:
        rgb: uint8, or float in 0..1, sRGB-encoded (IEC 61966-2-1).
        illuminant: a key of `CHROMATICITY`: the white that the answer refers to.
        out: C-contiguous float64 of the shape of `rgb`, written and returned: nothing is allocated.
        threads: at most so many; as many as this process has processors when None.

    Raises:
        TypeError: an integer type other than uint8.
        ValueError: last axis not 3, a float outside 0..1, an unknown illuminant, an `out` of another shape or
            type or one that overlaps `rgb`, or fewer than one thread.
    """
    return _to_lab(rgb, "rgb", SRGB_TO_XYZ, illuminant, np.float64, out, threads)


def srgb_to_lab_single(
    rgb: ArrayLike, *, illuminant: str = "D65", out: Single | None = None, threads: int | None = None
) -> Single:
    """`srgb_to_lab` in float32 and with a float32 answer: half the memory, within 2e-4 of float64."""
    return _to_lab(rgb, "rgb", SRGB_TO_XYZ, illuminant, np.float32, out, threads)


def p3_to_lab(
    rgb: ArrayLike, *, illuminant: str = "D65", out: Array | None = None, threads: int | None = None
) -> Array:
    """Display P3 (..., 3) to CIELAB (..., 3), float64; otherwise as `srgb_to_lab`.

    What sRGB can show has the same CIELAB whichever of the two encodes it, within 0.01: the matrix of sRGB
    has four digits.
    """
    return _to_lab(rgb, "rgb", P3_TO_XYZ, illuminant, np.float64, out, threads)


def linear_to_lab(
    linear: ArrayLike, *, illuminant: str = "D65", out: Array | None = None, threads: int | None = None
) -> Array:
    """Linear sRGB (..., 3) to CIELAB (..., 3); otherwise as `srgb_to_lab`. Light above 1 is allowed."""
    return _to_lab(linear, "linear", SRGB_TO_XYZ, illuminant, np.float64, out, threads)


def _to_lab(
    values: ArrayLike,
    name: str,
    to_xyz: Array,
    illuminant: str,
    kind: type[np.floating[Any]],
    given: NDArray[Any] | None,
    threads: int | None,
) -> NDArray[Any]:
    """CIELAB of "rgb", encoded by the curve of sRGB, or of "linear" light, in the type `kind`."""
    library.check_threads(threads)
    white = _white(illuminant)
    matrix = to_xyz if illuminant == "D65" else adaptation("D65", illuminant) @ to_xyz
    to_ratio = matrix / white[:, None]
    encoded = name == "rgb"
    array = np.asarray(values) if encoded else library.readable(values)
    _check_triples(array, name)
    if encoded and array.dtype != np.uint8:
        _check_floating(array)
    if KERNEL == library.NUMPY:
        return _by_blocks(array, to_ratio, encoded, library.answer(given, array.shape, kind, array))
    array = array if array.dtype == np.uint8 else library.readable(array)
    out = library.answer(given, array.shape, kind, array)
    decoded = _DECODED_BYTE if encoded else None
    limits = (-_RANGE_TOLERANCE, 1.0 + _RANGE_TOLERANCE)
    if not library.lab(array, out, to_ratio, decoded, limits, threads=threads, variant=KERNEL):
        _check_range(array)
    return out


def lab_to_srgb(lab: ArrayLike, *, illuminant: str = "D65") -> Array:
    """CIELAB (..., 3) to sRGB (..., 3), float64 and unclipped: the inverse of `srgb_to_lab`.

    A colour that sRGB cannot show has a channel outside 0..1.

    Raises:
        ValueError: last axis not 3, or an unknown illuminant.
    """
    xyz = lab_to_xyz(lab, white=illuminant)
    if illuminant != "D65":
        xyz = xyz @ adaptation(illuminant, "D65").T
    return linear_to_srgb(xyz_to_linear(xyz))


def _compress(ratio: Array) -> None:
    """CIELAB's f, in place: the cube root, and its tangent line near black."""
    with np.errstate(invalid="ignore"):
        dark = ratio <= _DELTA_CUBED
        line = ratio[dark] * _SLOPE + _OFFSET
        np.cbrt(ratio, out=ratio)
    ratio[dark] = line


def _opponent(compressed: Array) -> Array:
    f_x, f_y, f_z = compressed[..., 0], compressed[..., 1], compressed[..., 2]
    lab = np.empty_like(compressed)
    with np.errstate(invalid="ignore"):
        lab[..., 0] = 116.0 * f_y - 16.0
        lab[..., 1] = 500.0 * (f_x - f_y)
        lab[..., 2] = 200.0 * (f_y - f_z)
    # An infinity in one channel is no colour at all.
    lab[~np.isfinite(lab)] = np.nan
    return lab


def _by_blocks(array: NDArray[Any], to_ratio: Array, encoded: bool, out: NDArray[Any]) -> NDArray[Any]:
    """CIELAB over rows of three, a cache-sized block at a time: memory is bounded by the answer."""
    rows, answers = array.reshape(-1, 3), out.reshape(-1, 3)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        ratio = (srgb_to_linear(block) if encoded else block) @ to_ratio.T
        _compress(ratio)
        answers[start : start + _BLOCK] = _opponent(ratio)
    return out


def _white_xyz(white: ArrayLike | str) -> Array:
    if isinstance(white, str):
        return _white(white)
    xyz = np.asarray(white, dtype=np.float64)
    if xyz.shape != (3,) or not np.all(np.isfinite(xyz)) or not np.all(xyz > 0):
        raise ValueError("white must be three positive tristimulus values, or an illuminant's name")
    return xyz


def _triples(values: ArrayLike, name: str) -> Array:
    array = np.asarray(values, dtype=np.float64)
    _check_triples(array, name)
    return array


def _check_triples(array: NDArray[np.generic], name: str) -> None:
    if array.ndim == 0 or array.shape[-1] != 3:
        raise ValueError(f"{name} has shape {array.shape}: the last axis holds the three channels")
