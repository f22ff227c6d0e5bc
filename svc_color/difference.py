"""Colour differences in CIELAB: CIEDE2000, CIE94 and CIE76. Imports numpy and our kernel, nothing else.

Sources of the formulas:

* CIEDE2000: ISO/CIE 11664-6:2022 (CIE 142-2001), worked out as in Sharma, Wu and Dalal (2005), "The
  CIEDE2000 color-difference formula: implementation notes, supplementary test data, and mathematical
  observations", Color Research and Application 30(1):21-30, doi:10.1002/col.20070.
* CIE94: CIE 116-1995, constants of the graphic arts. CIE76: ISO/CIE 11664-4:2019.

The formulas were fitted to small differences, up to about 5; above that they order, but do not measure.

CIEDE2000 jumps in two places: where the hues lie 180 degrees apart (Sharma et al., section on mathematical
observations), and, by 1e-4 at most, where the mean hue passes 0. The angles of the printed formula leave it
to rounding on which side a pair lies there. Here the signs of a1 b2 - a2 b1 and a1 b2 + a2 b1 in float64 say
so, in numpy, in C, in float64 and in float32 alike: every path jumps at the same place, on every machine.
Hues exactly opposite keep their plain mean, in [90, 270) degrees, as the standard has it.

Not-a-number policy: a pair with a NaN or an infinity in it has the difference NaN, without a warning; so
has a pair beyond about 1e40, where the seventh power of the chroma overflows.

CIEDE2000 runs in the compiled kernel (docs/colour-kernel.md) where there is one; `KERNEL` names the
instruction set, or is "numpy". Arrays of more than 65,536 pairs are shared among threads, which end with the
call.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svc_color.kernel import library

Array: TypeAlias = NDArray[np.float64]
# One formula on channels: L*, a*, b* of the first colour, then of the second, all of one shape.
Formula: TypeAlias = Callable[[list[NDArray[Any]]], NDArray[Any]]

KERNEL: Final[str] = library.ACTIVE
"""What computes CIEDE2000: "avx512", "avx2", "sse2" or "neon", the compiled kernel; or "numpy"."""

_25_TO_7: Final = 25.0**7

# Pairs per pass: about thirty live rows of it stay in a core's second-level cache.
_BLOCK: Final = 8_192

# Mean hues this close to 0 (sine of the angle) have the side they lie on settled by a product of the inputs.
_NEAR_ZERO: Final = 1e-4
# Below this the hue of a grey is lost to rounding, and does not matter.
_TINY: Final = 1e-290


def delta_e_2000(
    lab_1: ArrayLike,
    lab_2: ArrayLike,
    *,
    k_l: float = 1.0,
    k_c: float = 1.0,
    k_h: float = 1.0,
    fast: bool = False,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """CIEDE2000 between CIELAB colours, float64, shape of the two inputs broadcast, less the last axis.

    ISO/CIE 11664-6:2022 in the form of Sharma, Wu and Dalal (2005); their 34 pairs come out to 1e-4.
    Symmetric in its arguments and zero only for equal colours.

    Args:
        lab_1: CIELAB, (..., 3). float64 and float32 of any strides are read in place, other types copied.
        lab_2: CIELAB, (..., 3), broadcast against `lab_1`; both against the same white.
        k_l: parametric factor of lightness; 1 under reference conditions, 2 in textile acceptability.
        k_c: parametric factor of chroma.
        k_h: parametric factor of hue. Values made with different factors must not be compared.
        fast: work in float32: within 1e-4 of the float64 answer (with factors of 1 or more), and about twice
            as fast. Without the kernel it is the float64 answer.
        out: C-contiguous float64 of the answer's shape, written and returned: nothing is allocated.
        threads: at most so many; as many as this process has processors when None.

    Raises:
        ValueError: last axis not 3, shapes that do not broadcast, a factor that is not positive, an `out` of
            another shape or type or one that overlaps an input, or fewer than one thread.
    """
    _check_factors(k_l=k_l, k_c=k_c, k_h=k_h)
    library.check_threads(threads)
    if KERNEL == library.NUMPY:
        return _over_pairs(lab_1, lab_2, lambda c: _ciede2000(c, k_l, k_c, k_h), out)
    first, second = library.readable(lab_1), library.readable(lab_2)
    out = library.answer(out, _pairs_shape(first, second), np.float64, first, second)
    factors = (float(k_l), float(k_c), float(k_h))
    library.difference(first, second, out, factors, single=fast, threads=threads, variant=KERNEL)
    return out


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


def _ciede2000(c: list[Array], k_l: float, k_c: float, k_h: float) -> Array:
    """Equations 2 to 22 of Sharma et al. with hues as vectors; kernel/source/formulas.h is the same in C.

    The mean hue is the bisector of the two hues, and T takes its multiples without an angle. Chord and
    bisector come from sums where the hues are near and from differences where they are far apart: the other
    of the two cancels. The bisector of far hues is the chord turned by 90 degrees.
    """
    l_1, a_1, b_1, l_2, a_2, b_2 = c
    there, back = a_1 * b_2, a_2 * b_1
    stretch = 1.5 - 0.5 * _chroma_step((_chroma(a_1, b_1) + _chroma(a_2, b_2)) / 2.0)
    x_1, x_2 = a_1 * stretch, a_2 * stretch
    c_1, c_2 = _chroma(x_1, b_1), _chroma(x_2, b_2)
    dot, cross = x_1 * x_2 + b_1 * b_2, there - back
    exactly = np.where((b_1 > 0) | ((b_1 == 0) & (a_1 > 0)), 1.0, -1.0)
    side = np.where(cross != 0, np.sign(cross), exactly)
    near = dot >= 0
    root = np.sqrt(2.0 * (c_1 * c_2 + np.abs(dot)))
    d_h = np.where(near, 2.0 * stretch * cross / np.where(root > _TINY, root, np.inf), side * root)
    u_1, v_1, u_2, v_2 = x_1 * c_2, b_1 * c_2, x_2 * c_1, b_2 * c_1
    x = np.where(near, u_1 + u_2, side * (v_2 - v_1))
    y = np.where(near, v_1 + v_2, side * (u_1 - u_2))
    square = x * x + y * y
    length = np.where(square > _TINY, np.sqrt(square), np.inf)
    t, turn = _hue_terms(x / length, y / length, there + back)

    off, mean = (l_1 + l_2) / 2.0 - 50.0, (c_1 + c_2) / 2.0
    light = (l_2 - l_1) / (k_l * (1.0 + 0.015 * off * off / np.sqrt(20.0 + off * off)))
    colour = (c_2 - c_1) / (k_c * (1.0 + 0.045 * mean))
    hue = d_h / (k_h * (1.0 + 0.015 * mean * t))
    # colour^2 + hue^2 + R_T colour hue along its own axes: no term is negative, so nothing cancels.
    half = np.sin(turn) * _chroma_step(mean)
    same, opposed = (colour + hue) ** 2 / 2.0, (colour - hue) ** 2 / 2.0
    return np.asarray(np.sqrt(light * light + same * (1.0 - half) + opposed * (1.0 + half)))


def _chroma(a: Array, b: Array) -> Array:
    return np.asarray(np.sqrt(a * a + b * b))


def _chroma_step(chroma: Array) -> Array:
    """sqrt(C^7 / (C^7 + 25^7)): 0 for greys, 1 for vivid colours."""
    seventh = chroma**3 * chroma**3 * chroma
    return np.asarray(np.sqrt(seventh / (seventh + _25_TO_7)))


def _hue_terms(x: Array, y: Array, mirror: Array) -> tuple[Array, Array]:
    """T (equation 15) and 2 Delta theta (equation 16, radians) of the unit hue vector (x, y)."""
    x_2, y_2 = x * x - y * y, 2.0 * x * y
    x_3, y_3 = x_2 * x - y_2 * y, y_2 * x + x_2 * y
    x_4, y_4 = x_2 * x_2 - y_2 * y_2, 2.0 * x_2 * y_2
    t = np.ones_like(x)
    for weight, degrees, cos_n, sin_n in (
        (-0.17, 30.0, x, y),
        (0.24, 0.0, x_2, y_2),
        (0.32, -6.0, x_3, y_3),
        (-0.20, 63.0, x_4, y_4),
    ):
        phase = np.radians(degrees)
        t += weight * np.cos(phase) * cos_n + weight * np.sin(phase) * sin_n
    # Not the shorter way round: the standard counts from hue 0, where the term jumps by 1e-5.
    hue = np.arctan2(np.abs(y), x)
    below = np.where((x > 0) & (np.abs(y) < _NEAR_ZERO), mirror, y) < 0
    away = np.where(below, 360.0 - np.degrees(hue), np.degrees(hue)) / 25.0 - 11.0
    return t, np.radians(60.0) * np.exp(-away * away)


def _pairs_shape(first: NDArray[Any], second: NDArray[Any]) -> tuple[int, ...]:
    for name, array in (("lab_1", first), ("lab_2", second)):
        if array.ndim == 0 or array.shape[-1] != 3:
            raise ValueError(f"{name} has shape {array.shape}: the last axis holds L*, a*, b*")
    try:
        return np.broadcast_shapes(first.shape, second.shape)[:-1]
    except ValueError as error:
        raise ValueError(f"shapes {first.shape} and {second.shape} do not broadcast") from error


def _over_pairs(lab_1: ArrayLike, lab_2: ArrayLike, formula: Formula, given: Array | None = None) -> Array:
    """Broadcast, cut into cache-sized blocks and apply the formula: memory is bounded by the answer."""
    first, second = np.asarray(lab_1, dtype=np.float64), np.asarray(lab_2, dtype=np.float64)
    out = library.answer(given, _pairs_shape(first, second), np.float64, first, second)
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
