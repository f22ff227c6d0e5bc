"""Colour differences in CIELAB: CIEDE2000, CIE94 and CIE76. Imports numpy and nothing else.

Sources of the formulas:

* CIEDE2000: ISO/CIE 11664-6:2022 (CIE 142-2001), worked out as in Sharma, Wu and Dalal (2005), "The
  CIEDE2000 color-difference formula: implementation notes, supplementary test data, and mathematical
  observations", Color Research and Application 30(1):21-30, doi:10.1002/col.20070.
* CIE94: CIE 116-1995, constants of the graphic arts. CIE76: ISO/CIE 11664-4:2019.

The formulas were fitted to small differences, up to about 5; above that they order, but do not measure.

CIEDE2000 is not continuous where the two hues lie 180 degrees apart (Sharma et al., section on mathematical
observations). Both paths here decide that case in float64, so they jump at the same place.

Not-a-number policy: a pair with a NaN or an infinity in it has the difference NaN, without a warning.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]
Single: TypeAlias = NDArray[np.float32]
# One formula on channels: L*, a*, b* of the first colour, then of the second, all of one shape.
Formula: TypeAlias = Callable[[list[NDArray[Any]]], NDArray[Any]]

_25_TO_7: Final = 25.0**7

# Pairs per pass: about thirty live rows of it stay in a core's second-level cache.
_BLOCK: Final = 8_192

# Hues this close (sine of the angle) to where the formula jumps are settled in float64; rounding to float32
# turns a hue by a hundredth of it.
_NEAR_JUMP: Final = 1e-4
# Below this chroma, float32 no longer knows the hue well enough to say which side of 180 degrees it is on.
_HUELESS: Final = 1e-1
# Above this, a seven-digit number no longer holds a difference to 1e-4. No real surface colour is up there.
_LARGE: Final = 180.0


def delta_e_2000(
    lab_1: ArrayLike,
    lab_2: ArrayLike,
    *,
    k_l: float = 1.0,
    k_c: float = 1.0,
    k_h: float = 1.0,
    fast: bool = False,
) -> Array:
    """CIEDE2000 between CIELAB colours, float64, shape of the two inputs broadcast, less the last axis.

    ISO/CIE 11664-6:2022 in the form of Sharma, Wu and Dalal (2005); their 34 pairs come out to 1e-4.
    Symmetric in its arguments and zero only for equal colours.

    Args:
        lab_1: CIELAB, (..., 3).
        lab_2: CIELAB, (..., 3), broadcast against `lab_1`; both against the same white.
        k_l: parametric factor of lightness; 1 under reference conditions, 2 in textile acceptability.
        k_c: parametric factor of chroma.
        k_h: parametric factor of hue. Values made with different factors must not be compared.
        fast: work in float32: within 1e-4 of the float64 answer (with factors of 1 or more), and faster.

    Raises:
        ValueError: last axis not 3, shapes that do not broadcast, or a factor that is not positive.
    """
    _check_factors(k_l=k_l, k_c=k_c, k_h=k_h)
    if not fast:
        return _over_pairs(lab_1, lab_2, lambda c: _ciede2000(c, k_l, k_c, k_h))
    return _over_pairs(lab_1, lab_2, lambda c: _ciede2000_single(c, k_l, k_c, k_h))


def delta_e_76(lab_1: ArrayLike, lab_2: ArrayLike) -> Array:
    """CIE 1976 difference: the Euclidean distance in CIELAB (ISO/CIE 11664-4). Shapes as `delta_e_2000`."""

    def formula(c: list[NDArray[Any]]) -> NDArray[Any]:
        return np.asarray(np.sqrt((c[0] - c[3]) ** 2 + (c[1] - c[4]) ** 2 + (c[2] - c[5]) ** 2))

    return _over_pairs(lab_1, lab_2, formula)


def delta_e_94(
    lab_reference: ArrayLike, lab_sample: ArrayLike, *, k_l: float = 1.0, k_c: float = 1.0, k_h: float = 1.0
) -> Array:
    """CIE94 with the constants of the graphic arts, K1 = 0.045 and K2 = 0.015 (CIE 116-1995).

    Not symmetric: the weights come from the chroma of the first colour, the reference. Shapes and errors as
    `delta_e_2000`.
    """
    _check_factors(k_l=k_l, k_c=k_c, k_h=k_h)

    def formula(c: list[NDArray[Any]]) -> NDArray[Any]:
        chroma_1, chroma_2 = np.hypot(c[1], c[2]), np.hypot(c[4], c[5])
        d_l, d_c = c[0] - c[3], chroma_1 - chroma_2
        d_h = _hue_chord(c, chroma_1, chroma_2)
        s_c, s_h = 1.0 + 0.045 * chroma_1, 1.0 + 0.015 * chroma_1
        return np.asarray(np.sqrt((d_l / k_l) ** 2 + (d_c / (k_c * s_c)) ** 2 + (d_h / (k_h * s_h)) ** 2))

    return _over_pairs(lab_reference, lab_sample, formula)


def _hue_chord(c: list[NDArray[Any]], chroma_1: NDArray[Any], chroma_2: NDArray[Any]) -> NDArray[Any]:
    """|Delta H| = 2 sqrt(C1 C2) sin(half the hue angle), from the angle: differences of squares cancel."""
    angle = np.arctan2(c[1] * c[5] - c[4] * c[2], c[1] * c[4] + c[2] * c[5])
    return np.asarray(2.0 * np.sqrt(chroma_1 * chroma_2) * np.abs(np.sin(angle / 2.0)))


def _ciede2000(c: list[NDArray[Any]], k_l: float, k_c: float, k_h: float) -> Array:
    """The formula as printed, equations 2 to 22 of Sharma et al., in degrees where they use degrees."""
    l_1, a_1, b_1, l_2, a_2, b_2 = c
    chroma_7 = ((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2.0) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(chroma_7 / (chroma_7 + _25_TO_7))
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    c_1, c_2 = np.hypot(a_1, b_1), np.hypot(a_2, b_2)
    hue_1, hue_2 = np.degrees(np.arctan2(b_1, a_1)) % 360.0, np.degrees(np.arctan2(b_2, a_2)) % 360.0

    coloured = c_1 * c_2 != 0.0
    turn = hue_2 - hue_1
    apart = np.abs(turn) > 180.0
    d_hue = np.where(coloured, turn - np.where(apart, np.copysign(360.0, turn), 0.0), 0.0)
    # Without a hue in one of the colours the sum is the hue of the other (equation 14).
    total = hue_1 + hue_2
    shift = np.where(total < 360.0, 360.0, -360.0)
    hue = np.where(coloured, (total + np.where(apart, shift, 0.0)) / 2.0, total)
    d_h = 2.0 * np.sqrt(c_1 * c_2) * np.sin(np.radians(d_hue / 2.0))

    cosines = [
        np.cos(np.radians(n * hue - phase)) for n, phase in ((1, 30.0), (2, 0.0), (3, -6.0), (4, 63.0))
    ]
    t = 1.0 - 0.17 * cosines[0] + 0.24 * cosines[1] + 0.32 * cosines[2] - 0.20 * cosines[3]
    rotation = np.radians(30.0 * np.exp(-(((hue - 275.0) / 25.0) ** 2)))
    return _weigh((l_1, l_2), (c_1, c_2), d_h, t, rotation, (k_l, k_c, k_h))


def _weigh(
    lightness: tuple[NDArray[Any], NDArray[Any]],
    chroma: tuple[NDArray[Any], NDArray[Any]],
    d_h: NDArray[Any],
    t: NDArray[Any],
    rotation: NDArray[Any],
    factors: tuple[float, float, float],
) -> NDArray[Any]:
    """Equations 15 to 22: the weights S_L, S_C, S_H and R_T, and the sum. Works in the type it is given."""
    k_l, k_c, k_h = factors
    mean_l = (lightness[0] + lightness[1]) / 2.0 - 50.0
    mean_c = (chroma[0] + chroma[1]) / 2.0
    s_l = 1.0 + 0.015 * mean_l**2 / np.sqrt(20.0 + mean_l**2)
    # Written with the quotient inside, so that float32 does not overflow at high chroma.
    with np.errstate(divide="ignore"):
        r_c = 2.0 / np.sqrt(1.0 + (25.0 / mean_c) ** 7)
    light = (lightness[1] - lightness[0]) / (k_l * s_l)
    colour = (chroma[1] - chroma[0]) / (k_c * (1.0 + 0.045 * mean_c))
    hue = d_h / (k_h * (1.0 + 0.015 * mean_c * t))
    # colour^2 + hue^2 + R_T colour hue along its own axes: no term is negative, so nothing cancels.
    half_r_t = np.sin(2.0 * rotation) * r_c / -2.0
    same, opposed = (colour + hue) ** 2 / 2.0, (colour - hue) ** 2 / 2.0
    return np.asarray(np.sqrt(light**2 + same * (1.0 + half_r_t) + opposed * (1.0 - half_r_t)))


def _ciede2000_single(c: list[NDArray[Any]], k_l: float, k_c: float, k_h: float) -> Array:
    """The same in float32, hues as vectors: the mean hue is the bisector, and its multiples need no angle.

    Pairs so near to a jump (hues opposite, mean hue at 0, no hue) that float32 could take its other side,
    and absurdly large values, are computed again in float64.
    """
    l_1, a_1, b_1, l_2, a_2, b_2 = (channel.astype(np.float32) for channel in c)
    mean_c = (np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) * np.float32(0.5)
    with np.errstate(divide="ignore", over="ignore"):
        stretch = np.float32(1.5) - np.float32(0.5) / np.sqrt(1 + (np.float32(25) / mean_c) ** 7)
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    c_1, c_2 = np.hypot(a_1, b_1), np.hypot(a_2, b_2)
    product = c_1 * c_2
    dot, cross = a_1 * a_2 + b_1 * b_2, a_1 * b_2 - a_2 * b_1
    doubtful = (dot < 0) & (np.abs(cross) <= _NEAR_JUMP * product) | (np.minimum(c_1, c_2) < _HUELESS)
    doubtful |= np.maximum(np.maximum(np.abs(l_1), np.abs(l_2)), mean_c) > _LARGE

    # Chord and bisector from sums where the hues are near, from differences where they are far: the other
    # of the two cancels. The bisector of far hues is the chord turned by 90 degrees.
    with np.errstate(divide="ignore", invalid="ignore"):
        u_1, v_1, u_2, v_2 = a_1 / c_1, b_1 / c_1, a_2 / c_2, b_2 / c_2
        near = dot >= 0
        side = np.copysign(np.float32(1), cross)
        d_h = np.where(near, cross * np.sqrt(2 / (product + dot)), side * np.sqrt(2 * (product - dot)))
        x = np.where(near, u_1 + u_2, side * (v_2 - v_1))
        y = np.where(near, v_1 + v_2, side * (u_1 - u_2))
        length = np.hypot(x, y)
        x, y = x / length, y / length
        doubtful |= (x > 0) & (np.abs(y) < _NEAR_JUMP)
    t, rotation = _hue_terms(x, y)
    out = _weigh((l_1, l_2), (c_1, c_2), d_h, t, rotation, (k_l, k_c, k_h)).astype(np.float64)
    if doubtful.any():
        out[doubtful] = _ciede2000([channel[doubtful] for channel in c], k_l, k_c, k_h)
    return out


def _hue_terms(x: Single, y: Single) -> tuple[Single, Single]:
    """T (equation 15) and the rotation angle (equation 16, radians) of the unit hue vector (x, y)."""
    x_2, y_2 = x * x - y * y, 2 * x * y
    x_3, y_3 = x_2 * x - y_2 * y, y_2 * x + x_2 * y
    x_4, y_4 = x_2 * x_2 - y_2 * y_2, 2 * x_2 * y_2
    t = np.ones_like(x)
    for weight, degrees, cos_n, sin_n in (
        (-0.17, 30.0, x, y),
        (0.24, 0.0, x_2, y_2),
        (0.32, -6.0, x_3, y_3),
        (-0.20, 63.0, x_4, y_4),
    ):
        phase = np.radians(degrees)
        t += np.float32(weight * np.cos(phase)) * cos_n + np.float32(weight * np.sin(phase)) * sin_n
    # Not the shorter way round: the standard counts from hue 0, where the term jumps by 1e-5.
    angle = np.degrees(np.arctan2(y, x))
    away = (np.where(angle < 0, angle + np.float32(360), angle) - np.float32(275)) / np.float32(25)
    rotation: Single = np.float32(np.radians(30.0)) * np.exp(-away * away)
    return t, rotation


def _over_pairs(lab_1: ArrayLike, lab_2: ArrayLike, formula: Formula) -> Array:
    """Broadcast, cut into cache-sized blocks and apply the formula: memory is bounded by the answer."""
    first, second = np.asarray(lab_1, dtype=np.float64), np.asarray(lab_2, dtype=np.float64)
    for name, array in (("lab_1", first), ("lab_2", second)):
        if array.ndim == 0 or array.shape[-1] != 3:
            raise ValueError(f"{name} has shape {array.shape}: the last axis holds L*, a*, b*")
    try:
        shape = np.broadcast_shapes(first.shape, second.shape)[:-1]
    except ValueError as error:
        raise ValueError(f"shapes {first.shape} and {second.shape} do not broadcast") from error
    out = np.empty(shape)
    if out.size == 0:
        return out
    channels = [array[..., i] for array in (first, second) for i in range(3)]
    reads: list[Literal["readonly"]] = ["readonly"]
    writes: list[Literal["writeonly", "no_broadcast"]] = ["writeonly", "no_broadcast"]
    blocks = np.nditer(
        [*channels, out],
        flags=["external_loop", "buffered", "delay_bufalloc"],
        op_flags=[*[reads] * len(channels), writes],
        order="C",
        buffersize=_BLOCK,
    )
    with blocks, np.errstate(invalid="ignore", over="ignore"):
        blocks.reset()
        for *block, answer in blocks:
            values = formula(block)
            answer[...] = np.where(np.isfinite(values), values, np.nan)
    return out


def _check_factors(**factors: float) -> None:
    for name, value in factors.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: parametric factors are positive and finite")
