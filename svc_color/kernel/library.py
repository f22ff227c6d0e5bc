"""The compiled kernel as Python functions on arrays; imports numpy and nothing else.

`ACTIVE` names the instruction set in use, or is "numpy" where there is no kernel; then `REASON` says why, and
a warning goes to the log once. The structures mirror source/jobs.h.
"""

import ctypes
import logging
import os
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svc_color.kernel.sources import load

Rows: TypeAlias = NDArray[Any]

NUMPY: Final = "numpy"
_MOST_AXES: Final = 8
_FLOATS: Final = (np.float32, np.float64)
_NUMBERS: Final = {np.dtype(np.float32): 0, np.dtype(np.float64): 1, np.dtype(np.uint8): 2}
# A thread takes some ten microseconds to start, the rows here a few hundred to compute.
_ROWS_PER_THREAD: Final = 65_536


class _Rows(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("steps", ctypes.c_int64 * _MOST_AXES),
        ("channel_step", ctypes.c_int64),
        ("number", ctypes.c_int64),
    )


class _Shape(ctypes.Structure):
    _fields_ = (("axes", ctypes.c_int64), ("lengths", ctypes.c_int64 * _MOST_AXES))


class _Difference(ctypes.Structure):
    _fields_ = (
        ("shape", _Shape),
        ("first", _Rows),
        ("second", _Rows),
        ("k", ctypes.c_double * 3),
        ("single", ctypes.c_int64),
        ("out", ctypes.c_void_p),
    )


class _Lab(ctypes.Structure):
    _fields_ = (
        ("shape", _Shape),
        ("rgb", _Rows),
        ("curve", ctypes.c_int64),
        ("decoded", ctypes.c_double * 256),
        ("matrix", ctypes.c_double * 9),
        ("limits", ctypes.c_double * 2),
        ("out_number", ctypes.c_int64),
        ("out", ctypes.c_void_p),
    )


def _variants(library: ctypes.CDLL | None) -> dict[str, int]:
    found: dict[str, int] = {}
    index = 0
    while library is not None and (name := library.assay_variant(index)) is not None:
        if library.assay_usable(index):
            found[name.decode()] = index
        index += 1
    return found


_library, REASON = load()
_INDEX: Final = _variants(_library)
VARIANTS: Final = tuple(_INDEX)
"""Instruction sets of the library that this processor has, fastest first; empty without a library."""
ACTIVE: Final = next(iter(VARIANTS), NUMPY)
if REASON:
    logging.getLogger(__name__).warning("colour runs in numpy, about ten times slower: %s", REASON)


def default_threads() -> int:
    """As many as this process has asked for (ASSAY_CORES), else as there are processors for it."""
    if asked := int(os.environ.get("ASSAY_CORES") or 0):
        return asked
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def readable(values: ArrayLike) -> Rows:
    """An array that the kernel reads in place: itself where it is float32 or float64, else a float64 copy."""
    array = np.asarray(values)
    if array.dtype in _FLOATS and array.dtype.isnative and array.flags.aligned:
        return array
    return array.astype(np.float64)


def answer(given: Rows | None, shape: tuple[int, ...], kind: type[np.floating[Any]], *inputs: Rows) -> Rows:
    """`given` where it can take an answer of this shape and type, or a new array.

    Raises:
        ValueError: it cannot, or it may share memory with an input.
    """
    if given is None:
        return np.empty(shape, kind)
    fits = isinstance(given, np.ndarray) and given.shape == shape and given.dtype == kind
    if not (fits and given.flags.carray and given.dtype.isnative):
        raise ValueError(f"out must be a writeable C-contiguous {np.dtype(kind)} array of shape {shape}")
    if any(np.may_share_memory(given, each) for each in inputs):
        raise ValueError("out overlaps an input: rows would be overwritten before they are read")
    return given


def check_threads(wanted: int | None) -> None:
    """Raises ValueError for fewer than one."""
    if wanted is not None and wanted < 1:
        raise ValueError(f"threads is {wanted}: one at least")


def difference(
    first: Rows,
    second: Rows,
    out: NDArray[np.float64],
    factors: tuple[float, float, float],
    *,
    single: bool,
    threads: int | None,
    variant: str,
) -> None:
    """CIEDE2000 of rows (..., 3) that broadcast to (*out.shape, 3), into the contiguous `out`."""
    if out.size == 0:
        return
    job = _Difference()
    kept = _walk(job.shape, out.shape, [job.first, job.second], [first, second])
    job.k[:] = factors
    job.single = single
    job.out = out.ctypes.data
    assert _library is not None
    _library.assay_difference(ctypes.byref(job), _INDEX[variant], _threads(threads, out.size))
    del kept  # until here the addresses in the job had to hold


def lab(
    rgb: Rows,
    out: Rows,
    matrix: NDArray[np.float64],
    decoded: NDArray[np.float64] | None,
    limits: tuple[float, float],
    *,
    threads: int | None,
    variant: str,
) -> bool:
    """CIELAB of rows (..., 3) into the contiguous `out` of the same shape, in the type of `out`.

    `decoded` is the light of each byte where values are sRGB-encoded; None where they are light already. Says
    whether every encoded float lay within `limits`.
    """
    if out.size == 0:
        return True
    job = _Lab()
    kept = _walk(job.shape, out.shape[:-1], [job.rgb], [rgb])
    job.curve = decoded is not None
    if decoded is not None:
        ctypes.memmove(job.decoded, decoded.ctypes.data, ctypes.sizeof(job.decoded))
    job.matrix[:] = matrix.ravel().tolist()
    job.limits[:] = limits
    job.out_number = _NUMBERS[out.dtype]
    job.out = out.ctypes.data
    assert _library is not None
    inside = not _library.assay_lab(ctypes.byref(job), _INDEX[variant], _threads(threads, out.size // 3))
    del kept  # until here the addresses in the job had to hold
    return inside


def _threads(wanted: int | None, rows: int) -> int:
    return min(default_threads() if wanted is None else wanted, 1 + rows // _ROWS_PER_THREAD)


def _walk(place: _Shape, shape: tuple[int, ...], described: list[_Rows], arrays: list[Rows]) -> list[Rows]:
    """Describes arrays (..., 3) that broadcast to `shape`, with as few axes as their steps in memory allow.

    Returns the arrays whose memory was described, to be kept until the job is done.
    """
    steps = [_steps(array, len(shape)) for array in arrays]
    lengths: list[int] = []
    merged: list[list[int]] = []
    for length, *here in zip(shape, *steps, strict=True):
        if length == 1:
            continue
        if merged and all(outer == length * inner for outer, inner in zip(merged[-1], here, strict=True)):
            lengths[-1] *= length
            merged[-1] = here
        else:
            lengths.append(length)
            merged.append(here)
    if len(lengths) > _MOST_AXES:
        packed = [np.ascontiguousarray(np.broadcast_to(array, (*shape, 3))) for array in arrays]
        return _walk(place, shape, described, packed)
    place.axes = max(len(lengths), 1)
    place.lengths[: place.axes] = lengths or [1]
    for index, (rows, array) in enumerate(zip(described, arrays, strict=True)):
        rows.data = array.ctypes.data
        rows.steps[: place.axes] = [each[index] for each in merged] or [0]
        rows.channel_step = array.strides[-1]
        rows.number = _NUMBERS[array.dtype]
    return arrays


def _steps(array: Rows, axes: int) -> list[int]:
    """Bytes from row to row along each axis of the broadcast shape; 0 where the array repeats."""
    missing = axes - array.ndim + 1
    own = zip(array.shape[:-1], array.strides[:-1], strict=True)
    return [0] * missing + [0 if length == 1 else step for length, step in own]
