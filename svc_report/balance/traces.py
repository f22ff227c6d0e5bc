"""The traces of a trial as arrays, and what the charts compute from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from assay.balance.v1.balance_pb2 import SwayPage, TraceSeries
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from mesh.errors import InvalidInput

Floats = NDArray[np.float64]

CHI2_95 = 5.991464547
"""95 % point of the chi-square distribution with two degrees of freedom."""
SEGMENT_S = 10.0
"""Length of a segment of Welch's method, s."""


@dataclass(frozen=True)
class Traces:
    """Named traces over one time base.

    time_s: [N], s from the first frame. values: by id, [N], NaN where not measured. units: by id.
    """

    time_s: Floats
    values: Mapping[str, Floats]
    units: Mapping[str, str]

    def get(self, name: str) -> Floats | None:
        """A trace that has any value, else None."""
        found = self.values.get(name)
        return found if found is not None and np.isfinite(found).any() else None

    def within(self, start_s: float, end_s: float) -> NDArray[np.bool_]:
        """[N], true inside the stretch, ends included."""
        return np.asarray((self.time_s >= start_s) & (self.time_s <= end_s))


NONE = Traces(np.zeros(0), {}, {})


def decode(data: bytes) -> Traces:
    """Reads a serialised TraceSeries; raises InvalidInput (TRACES_UNREADABLE)."""
    try:
        message = TraceSeries.FromString(data)
    except DecodeError as error:
        raise _unreadable("The object is no TraceSeries.") from error
    time_s = np.asarray(message.time_s, np.float64)
    if len(time_s) and not (np.isfinite(time_s).all() and (np.diff(time_s) > 0).all()):
        raise _unreadable("Times must be finite and strictly increasing.")
    values = {}
    for trace in message.traces:
        if len(trace.values) != len(time_s):
            raise _unreadable(f"{trace.id} has {len(trace.values)} values for {len(time_s)} times.")
        found = np.asarray(trace.values, np.float64)
        values[trace.id] = np.where(np.isfinite(found), found, np.nan)
    return Traces(time_s, values, {trace.id: trace.unit for trace in message.traces})


def _unreadable(why: str) -> InvalidInput:
    return InvalidInput(
        "TRACES_UNREADABLE", why, field="analysis.sway.traces", fix="Run the analysis again from its upload."
    )


def window_of(page: SwayPage, traces: Traces) -> tuple[float, float]:
    """The stretch that was measured, s; the whole recording when no phase was found."""
    if page.HasField("window") and page.window.end_s > page.window.start_s:
        return page.window.start_s, page.window.end_s
    return (float(traces.time_s[0]), float(traces.time_s[-1])) if len(traces.time_s) else (0.0, 0.0)


def longest_run(values: Floats) -> Floats:
    """The longest stretch [M] without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], np.isfinite(values), [False])).astype(np.int8)))
    if not len(edges):
        return np.zeros(0)
    starts, ends = edges[::2], edges[1::2]
    best = int(np.argmax(ends - starts))
    return values[starts[best] : ends[best]]


def spectrum(time_s: Floats, values: Floats) -> tuple[Floats, Floats, int]:
    """Welch's power spectral density of the longest stretch without a gap.

    time_s, values: [N], evenly spaced. Returns frequencies (Hz), density (unit²/Hz, one-sided) and the number
    of segments; empty arrays and 0 below one segment of 10 s. Hann window, linear detrend, half overlap
    (Welch, IEEE Trans Audio Electroacoust 1967;15:70-73), as docs/balance.md defines its spectral metrics.
    """
    run = longest_run(values)
    rate = 1 / float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    length = round(SEGMENT_S * rate)
    if not length or len(run) < length:
        return np.zeros(0), np.zeros(0), 0
    starts = range(0, len(run) - length + 1, length - length // 2)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    ramp = np.arange(length) - (length - 1) / 2
    segments = np.stack([run[start : start + length] for start in starts])
    segments = segments - segments.mean(axis=1, keepdims=True)
    segments = segments - np.outer(segments @ ramp / (ramp @ ramp), ramp)
    power = (np.abs(np.fft.rfft(segments * hann)) ** 2).mean(axis=0) * 2 / (rate * (hann @ hann))
    power[0] /= 2
    if length % 2 == 0:
        power[-1] /= 2
    return np.asarray(np.fft.rfftfreq(length, 1 / rate)), np.asarray(power), len(segments)


def ellipse(ml: Floats, ap: Floats) -> tuple[Floats, Floats]:
    """Centre [2] and covariance [2, 2] (1/(N-1)) of the samples where both are known."""
    both = np.isfinite(ml) & np.isfinite(ap)
    points = np.stack([ml[both], ap[both]])
    return points.mean(axis=1), np.cov(points)
