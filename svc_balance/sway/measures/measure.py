"""Sway metrics of one trial as results: value or reason, uncertainty, flags, filter, signal-to-noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput
from svc_balance.sway.measures import compute, interval, noise, sampling
from svc_balance.sway.measures.conventions import ASSAY
from svc_balance.sway.measures.definitions import (
    AMPLITUDE_S,
    COMFORTABLE_S,
    CUTOFF_HZ,
    DEFINITIONS,
    Definition,
)
from svc_balance.sway.posture.filters import low_pass

Floats = NDArray[np.float64]
Axis = Literal["ml", "ap"]

# Reasons why there is no value.
NOT_IN_VIEW = "NOT_IN_VIEW"
TOO_SHORT = "TOO_SHORT"
TOO_MANY_FILLED = "TOO_MANY_FILLED"
SNR_TOO_LOW = "SNR_TOO_LOW"
NOISE_UNKNOWN = "NOISE_UNKNOWN"
SCALE_UNKNOWN = "SCALE_UNKNOWN"
UNDEFINED = "UNDEFINED"
# Flags of a value.
SHORT_RECORD = "SHORT_RECORD"
GAPS_FILLED = "GAPS_FILLED"
LOW_SNR = "LOW_SNR"
LOW_CONFIDENCE = "LOW_CONFIDENCE"

LEAST_VELOCITY_SNR = 3.0
LEAST_RATE_HZ = 15.0
MOST_FILLED, NOTED_FILLED = 0.05, 0.02


@dataclass(frozen=True)
class Trace:
    """One axis of the centre of mass, unfiltered and evenly sampled.

    Attributes:
        position_mm: [N], finite. Without a scale: any unit, and only metrics free of scale are given.
        standard_uncertainty_mm: [N] of noise known to be white, each sample before filters, NaN where
            unknown; None when unknown. Used where nothing better tells the noise.
        filled_share: share of samples that were filled in, 0 to 1.
        still_mm: [M] of a still reference segment, 2 s or more; None when there is none.
        source_hz: frame rate behind the samples: noise is then read from the trace's own residual. None for a
            trace that says nothing of it (filtered, or simulated).
    """

    position_mm: Floats
    standard_uncertainty_mm: Floats | None = None
    filled_share: float = 0.0
    still_mm: Floats | None = None
    source_hz: float | None = None


@dataclass(frozen=True)
class Metric:
    """One metric of one trial.

    Attributes:
        definition: what it is.
        value: in the definition's unit; None when not measurable.
        not_measurable: reason code when there is no value, else empty.
        standard_uncertainty: in the definition's unit; None when unknown.
        low_95, high_95: 95 % interval; None when unknown.
        flags: codes that concern it.
        snr: signal-to-noise ratio of the trace behind it, amplitude; None when the noise is unknown.
    """

    definition: Definition
    value: float | None
    not_measurable: str = ""
    standard_uncertainty: float | None = None
    low_95: float | None = None
    high_95: float | None = None
    flags: tuple[str, ...] = ()
    snr: float | None = None


def measure(
    ml: Trace | None, ap: Trace | None, fs_hz: float, *, scale_relative_uncertainty: float | None
) -> tuple[Metric, ...]:
    """Measures every definition, in the order of `DEFINITIONS`.

    Args:
        ml: medio-lateral trace, + to the subject's right; None when the view does not show it.
        ap: antero-posterior trace, + forward, over the same samples; None likewise.
        fs_hz: sampling rate, at least 15 Hz (the 5 Hz low-pass needs a third of it).
        scale_relative_uncertainty: relative standard uncertainty of the scale; None without a scale.

    Raises:
        InvalidInput: SWAY_SIGNAL_INVALID, SWAY_SIGNAL_TOO_SHORT, SWAY_SIGNAL_TOO_LONG, SWAY_RATE_INVALID.
    """
    _check(ml, ap, fs_hz)
    values = _Values(ml, ap, fs_hz)
    return tuple(_metric(definition, values, scale_relative_uncertainty) for definition in DEFINITIONS)


def _check(ml: Trace | None, ap: Trace | None, fs_hz: float) -> None:
    compute.checked_rate(fs_hz)
    if fs_hz < LEAST_RATE_HZ:
        raise InvalidInput(
            "SWAY_RATE_INVALID",
            f"fs_hz is {fs_hz:g}",
            field="fs_hz",
            fix=f"give at least {LEAST_RATE_HZ:g} samples per second",
        )
    for name, trace in (("ml", ml), ("ap", ap)):
        if trace is not None:
            compute.checked_signal(name, trace.position_mm, fs_hz)
    if ml is not None and ap is not None and len(ml.position_mm) != len(ap.position_mm):
        raise InvalidInput(
            "SWAY_SIGNAL_INVALID", "ml and ap differ in length", field="ap", fix="give both over one window"
        )


class _Values:
    """All values of a trial and what is known about its traces, computed once."""

    def __init__(self, ml: Trace | None, ap: Trace | None, fs_hz: float) -> None:
        self.traces = {"ml": ml, "ap": ap}
        seen = [trace for trace in (ml, ap) if trace is not None]
        self.filled_share = max((trace.filled_share for trace in seen), default=0.0)
        self.duration_s = len(seen[0].position_mm) / fs_hz if seen else 0.0
        self.noise = {axis: _noise(trace, fs_hz) for axis, trace in self.traces.items() if trace is not None}
        self.value, self.spread = _compute(ml, ap, fs_hz)
        self.value |= _noise_values(self.noise)

    def seen(self, needs: str) -> bool:
        """Whether the view shows what a definition needs."""
        return all(self.traces[axis] is not None for axis in _axes(needs))

    def snr(self, definition: Definition) -> float | None:
        """Signal-to-noise of path (velocity class) or of distance behind a definition."""
        base = "MVELO" if definition.cutoff == "velocity" else "RDIST"
        suffix = "" if definition.needs == "both" else f"_{definition.needs.upper()}"
        measured, floor = self.value.get(base + suffix), self.value.get(f"{base}_NOISE{suffix}")
        if measured is None or floor is None:
            return None
        return noise.signal_to_noise(measured, floor)


def _compute(ml: Trace | None, ap: Trace | None, fs_hz: float) -> tuple[dict[str, float], dict[str, float]]:
    """Values and their spread by sampling."""
    if ml is None and ap is None:
        return {}, {}
    first = ml if ml is not None else ap
    assert first is not None
    second = ap if ml is not None else None
    x = first.position_mm
    y = None if second is None else second.position_mm
    position, velocity = CUTOFF_HZ["amplitude"], CUTOFF_HZ["velocity"]
    steady, moving = _filtered(x, y, fs_hz, position), _filtered(x, y, fs_hz, velocity)
    values = compute.static(steady.ml, steady.ap, ASSAY)
    values |= compute.dynamic(moving.ml, moving.ap, fs_hz, ASSAY)
    values |= compute.stochastic(moving.ml, moving.ap, fs_hz, ASSAY)
    values |= compute.spectral(x, y, fs_hz, ASSAY)
    values = {name: value for name, value in values.items() if math.isfinite(value)}
    enough = len(x) / fs_hz >= AMPLITUDE_S and values["RDIST_ML"] > 0
    spread = sampling.spreads(steady, moving, sampling.Filtered(x, y), fs_hz) if enough else {}
    if ml is None:
        return _as_ap(values), _as_ap(spread)
    return values, spread


def _as_ap(values: dict[str, float]) -> dict[str, float]:
    return {name.removesuffix("_ML") + "_AP": value for name, value in values.items()}


def _filtered(x: Floats, y: Floats | None, fs_hz: float, cutoff_hz: float) -> sampling.Filtered:
    x = compute.centred(low_pass(x, fs_hz, cutoff_hz))
    return sampling.Filtered(x, None if y is None else compute.centred(low_pass(y, fs_hz, cutoff_hz)))


def _noise(trace: Trace, fs_hz: float) -> noise.Noise | None:
    """The smaller of what still seconds and the residual say, else white noise of a known size."""
    position, velocity = CUTOFF_HZ["amplitude"], CUTOFF_HZ["velocity"]
    found = []
    if trace.still_mm is not None and len(trace.still_mm) >= noise.LEAST_STILL_S * fs_hz:
        found.append(noise.still(trace.still_mm, fs_hz, position, velocity))
    if trace.source_hz is not None and len(trace.position_mm) >= noise.LEAST_STILL_S * fs_hz:
        found.append(noise.residual(trace.position_mm, fs_hz, trace.source_hz, (position, velocity)))
    if found:
        return noise.Noise(min(n.position_mm for n in found), min(n.velocity_mm_s for n in found))
    sd = trace.standard_uncertainty_mm
    if sd is not None and np.isfinite(sd).any():
        return noise.white(sd, fs_hz, position, velocity)
    return None


def _noise_values(known: dict[str, noise.Noise | None]) -> dict[str, float]:
    out: dict[str, float] = {}
    for axis, floor in known.items():
        if floor is not None:
            out[f"RDIST_NOISE_{axis.upper()}"] = floor.position_mm
            out[f"MVELO_NOISE_{axis.upper()}"] = noise.MEAN_ABS_1D * floor.velocity_mm_s
    ml, ap = known.get("ml"), known.get("ap")
    if ml is not None and ap is not None:
        out["RDIST_NOISE"] = math.hypot(ml.position_mm, ap.position_mm)
        out["MVELO_NOISE"] = noise.planar_speed(ml, ap)
    return out


def _metric(definition: Definition, values: _Values, scale: float | None) -> Metric:
    snr = values.snr(definition)
    reason = _reason(definition, values, scale, snr)
    if reason:
        return Metric(definition, None, reason, snr=snr)
    value = values.value[definition.id]
    flags = _flags(definition, values, snr)
    spread = values.spread.get(definition.id)
    if spread is None:
        # Nothing says how far another such record would differ; the floor of noise is itself a bound.
        return Metric(definition, value, flags=flags, snr=snr)
    near = interval.combine(definition, value, scale=scale or 0.0, spread=spread, snr=snr)
    if not near.low < near.high:
        return Metric(definition, value, flags=flags, snr=snr)
    return Metric(definition, value, "", near.standard_uncertainty, near.low, near.high, flags=flags, snr=snr)


def _reason(definition: Definition, values: _Values, scale: float | None, snr: float | None) -> str:
    """Why there is no value; empty when there is one."""
    if not values.seen(definition.needs):
        return NOT_IN_VIEW
    if definition.scale_power != 0 and scale is None:
        return SCALE_UNKNOWN
    if definition.group == "noise":
        return "" if definition.id in values.value else NOISE_UNKNOWN
    if values.duration_s < definition.min_duration_s - 1e-9:
        return TOO_SHORT
    if values.filled_share > MOST_FILLED:
        return TOO_MANY_FILLED
    if definition.cutoff == "velocity" and snr is not None and snr < LEAST_VELOCITY_SNR:
        return SNR_TOO_LOW
    return "" if definition.id in values.value else UNDEFINED


def _flags(definition: Definition, values: _Values, snr: float | None) -> tuple[str, ...]:
    if definition.group == "noise":
        return ()
    tests = {
        SHORT_RECORD: values.duration_s < COMFORTABLE_S,
        GAPS_FILLED: values.filled_share > NOTED_FILLED,
        NOISE_UNKNOWN: snr is None,
        LOW_SNR: snr is not None and snr < LEAST_VELOCITY_SNR,
        LOW_CONFIDENCE: definition.indicative,
    }
    return tuple(code for code, holds in tests.items() if holds)


def _axes(needs: str) -> tuple[str, ...]:
    return ("ml", "ap") if needs == "both" else (needs,)
