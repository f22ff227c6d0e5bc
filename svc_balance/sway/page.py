"""A result as the page that travels, and as traces. What a page says is small; what is long is an object."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from assay.balance.v1 import balance_pb2 as pb
from assay.common.v1.types_pb2 import ComponentVersion, Measurement, Provenance, QualityFlag
from numpy.typing import NDArray

from svc_balance.sway.events.happenings import Event
from svc_balance.sway.events.phases import PhaseSpan
from svc_balance.sway.events.rules import NAME as RULES_NAME
from svc_balance.sway.events.rules import RULES
from svc_balance.sway.events.rules import VERSION as RULES_VERSION
from svc_balance.sway.measures import definitions
from svc_balance.sway.measures.measure import Metric
from svc_balance.sway.posture import (
    alignment,
    body,
    compensation_rules,
    quality,
    scale,
    series,
    strategy,
    view,
)
from svc_balance.sway.posture.alignment import knee_flexion_deg
from svc_balance.sway.posture.filters import derivative, low_pass
from svc_balance.sway.posture.reading import REASONS, Reading
from svc_balance.sway.tasks import readings as task_readings
from svc_balance.sway.trial import VIEWS, Result

Floats = NDArray[np.float64]

# A page travels inside every later fact, which is limited to 64 KiB.
MAX_EVENTS, MAX_PHASES, MAX_COUNTED = 80, 60, 20
SIDE = {"left": pb.STANCE_SIDE_LEFT, "right": pb.STANCE_SIDE_RIGHT, "": pb.STANCE_SIDE_UNSPECIFIED}
# Reasons of metrics and of time, beside those of readings.
WHY = {
    **REASONS,
    "TOO_MANY_FILLED": "more than 5 % of the window had to be filled in",
    "SNR_TOO_LOW": "the signal does not rise three times above the noise",
    "NOISE_UNKNOWN": "the noise of the landmarks is not known",
    "UNDEFINED": "the quantity is not defined for this signal",
    "START_NOT_SEEN": "the recording starts on one leg",
    "CUT_IN_STANCE": "a cut lies in the test",
    "PERSON_LOST": "the feet went out of sight during the test",
    "NO_STANCE_FOUND": "no stance of the wanted kind was found",
    "FLOOR_MARKS_MISSING": "at least four floor marks are needed",
    "FLOOR_MARKS_DEGENERATE": "the floor marks lie on a line or do not fit one floor",
    "REACH_NOT_STATED": "the direction of the reach was not stated",
    "REACH_UNCERTAIN": "view or floor marks leave the reach uncertain by more than 3 cm",
    "LEG_LENGTH_UNKNOWN": "no leg length was stated",
}
_DRAWN_HZ, _VELOCITY_HZ = 5.0, 3.0


def build(result: Result, code_version: str) -> pb.SwayPage:
    """The page of a result, without its stored traces."""
    page = pb.SwayPage(
        metrics=list(_metrics(result)),
        flags=[QualityFlag(code=f.code, level=f.level, message=f.message) for f in result.flags],
        provenance=provenance(code_version),
        task=result.plan.task,
        side_found=SIDE[result.side],
        view={word: number for number, word in VIEWS.items()}.get(result.view.view, pb.VIEW_UNSPECIFIED),
        phases=[_phase(p) for p in result.phases[:MAX_PHASES]],
        events=[_event(e) for e in _most_telling(result.events)],
        time_to_failure=time_to_failure(result),
    )
    if result.held is not None:
        page.censored, page.ended_by = result.held.censored, result.held.ended_by
    if result.sway is not None:
        start_s, end_s = result.sway.window_s
        attempt = result.attempt
        page.window.CopyFrom(pb.Phase(id=attempt.id if attempt else "", start_s=start_s, end_s=end_s))
        page.strategy = "indeterminate" if result.withheld else result.sway.strategy.label
        page.mm_per_px.CopyFrom(_measurement(result.sway.scale.mm_per_px))
        page.scale_method = result.sway.scale.method
    if result.bess is not None and not result.withheld:
        page.bess_errors = result.bess.errors
        page.bess_counted.extend(f"{e.id}@{e.onset_s:.2f}" for e in result.bess.counted[:MAX_COUNTED])
    return page


def provenance(code_version: str) -> Provenance:
    """Versions of code, definitions and rules."""
    named = {
        "series": series.VERSION,
        "centre-of-mass": body.VERSION,
        "view": view.VERSION,
        "scale": scale.VERSION,
        "alignment": alignment.VERSION,
        "strategy": strategy.VERSION,
        "quality": quality.VERSION,
    }
    versions = [
        ComponentVersion(kind="code", name="svc_balance.sway", version=code_version),
        ComponentVersion(kind="metric", name="sway", version=definitions.VERSION),
        ComponentVersion(kind="rules", name=RULES_NAME, version=RULES_VERSION, sha256=RULES.sha256()),
    ]
    _, _, number = compensation_rules.VERSION.partition("@")
    versions.append(ComponentVersion(kind="rules", name="compensations", version=number))
    versions += [
        ComponentVersion(kind="metric", name=name, version=version.partition("@")[2])
        for name, version in named.items()
    ]
    return Provenance(versions=versions)


def time_to_failure(result: Result) -> Measurement:
    """Time held, s; the observed time is a lower bound when censored."""
    held = result.held
    why = "NO_STANCE_FOUND" if held is None else held.why or next(iter(result.withheld), "")
    if held is None or held.seconds is None or why:
        return Measurement(id="TIME_TO_FAILURE", unit="s", not_measurable=_words(why))
    half = 1.96 * held.uncertainty_s
    return Measurement(
        id="TIME_TO_FAILURE",
        unit="s",
        value=held.seconds,
        standard_uncertainty=held.uncertainty_s,
        low_95=max(0.0, held.seconds - half),
        high_95=held.seconds + half,
    )


def traces(result: Result) -> pb.TraceSeries:
    """Traces over the whole recording on the even grid; NaN where not measured."""
    prepared = result.prepared
    message = pb.TraceSeries(time_s=prepared.time_s.tolist())

    def add(id: str, unit: str, values: Floats) -> None:
        message.traces.append(pb.Trace(id=id, unit=unit, values=np.asarray(values, np.float32).tolist()))

    for id, unit, values in _sway_traces(result):
        add(id, unit, values)
    for column, axis in enumerate("xy"):
        # In the picture, for those who draw it.
        add(f"com_{axis}_px", "px", _within(result, result.com.position_px[:, column], _DRAWN_HZ))
    for column, side in enumerate(("left", "right")):
        add(f"foot_clearance_{side}", "L", result.contact.clearance[:, column])
    if result.sway is not None:
        aligned, strategy_ = result.sway.alignment, result.sway.strategy
        add("fppa", "deg", aligned.fppa_deg)
        add("pelvic_obliquity", "deg", aligned.obliquity_deg)
        add("trunk_lean", "deg", aligned.lean_deg)
        add("ankle_angle", "deg", strategy_.leg_deg)
        add("hip_angle", "deg", strategy_.hip_deg)
        if result.side:
            add("knee_flexion", "deg", knee_flexion_deg(prepared, result.side))
    return message


def _sway_traces(result: Result) -> Iterable[tuple[str, str, Floats]]:
    """Centre of mass about its mean in the window: drawn below 5 Hz, raw, and its velocity below 3 Hz."""
    sway, view_, fs_hz = result.sway, result.view, result.prepared.fs_hz
    mm = sway.scale.mm_per_px.value if sway is not None else None
    unit, factor = ("mm", mm) if mm is not None else ("px", 1.0)
    window = (
        result.prepared.between(*sway.window_s) if sway is not None else np.ones(len(result.prepared), bool)
    )
    for axis, sign in (("ml", view_.right_px), ("ap", view_.forward_px)):
        if sign is None:
            continue
        raw = sign * factor * result.com.position_px[:, 0]
        centre = raw[window & np.isfinite(raw)]
        raw = raw - (centre.mean() if len(centre) else 0.0)
        yield f"com_{axis}", unit, _within(result, raw, _DRAWN_HZ)
        yield f"com_{axis}_raw", unit, raw
        yield f"com_{axis}_velocity", f"{unit}/s", derivative(_within(result, raw, _VELOCITY_HZ), fs_hz)


def _within(result: Result, values: Floats, cutoff_hz: float) -> Floats:
    out = np.full_like(values, np.nan)
    segment = result.prepared.segment
    for number in np.unique(segment):
        out[segment == number] = low_pass(values[segment == number], result.prepared.fs_hz, cutoff_hz)
    return out


def _metrics(result: Result) -> Iterable[pb.BalanceMetric]:
    withheld, warned = result.withheld, result.warned
    for own in result.task_readings:
        yield _from_reading(own.reading, own.group, task_readings.VERSION, withheld, warned)
    if result.sway is None:
        for definition in definitions.DEFINITIONS if result.attempt is not None else ():
            yield _from_metric(Metric(definition, None, "TOO_SHORT"), withheld, warned)
        return
    for metric in result.sway.metrics:
        yield _from_metric(metric, withheld, warned)
    strategy_ = result.sway.strategy
    for reading in (strategy_.index, strategy_.score_proxy, *strategy_.readings):
        yield _from_reading(reading, "strategy", strategy.VERSION, withheld, warned)
    for reading in result.sway.alignment.readings:
        yield _from_reading(reading, "alignment", alignment.VERSION, withheld, warned)


def _from_metric(metric: Metric, withheld: tuple[str, ...], warned: tuple[str, ...]) -> pb.BalanceMetric:
    what = metric.definition
    reason = metric.not_measurable or next(iter(withheld), "")
    low, high = what.band_hz
    out = pb.BalanceMetric(
        measurement=Measurement(id=what.id, unit=what.unit),
        version=what.version,
        group=what.group,
        cutoff_hz=what.cutoff_hz,
        band_low_hz=low,
        band_high_hz=high,
        flags=[reason] if reason else dict.fromkeys([*metric.flags, *warned]),
    )
    if reason or metric.value is None:
        out.measurement.not_measurable = _words(reason)
    else:
        _fill(out.measurement, metric.value, metric.standard_uncertainty, metric.low_95, metric.high_95)
        if metric.snr is not None and math.isfinite(metric.snr):
            out.snr = metric.snr
    return out


def _from_reading(
    reading: Reading, group: str, version: str, withheld: tuple[str, ...], warned: tuple[str, ...]
) -> pb.BalanceMetric:
    reason = reading.reason or next(iter(withheld), "")
    out = pb.BalanceMetric(
        measurement=Measurement(id=reading.id, unit=reading.unit),
        version=version.rpartition("@")[2],
        group=group,
        flags=[reason] if reason else warned,
    )
    if reason or reading.value is None:
        out.measurement.not_measurable = _words(reason)
    else:
        _fill(out.measurement, reading.value, reading.standard_uncertainty, reading.low_95, reading.high_95)
    return out


def _measurement(reading: Reading) -> Measurement:
    out = Measurement(id=reading.id, unit=reading.unit)
    if reading.value is None:
        out.not_measurable = _words(reading.reason)
    else:
        _fill(out, reading.value, reading.standard_uncertainty, reading.low_95, reading.high_95)
    return out


def _fill(
    out: Measurement, value: float, spread: float | None, low: float | None, high: float | None
) -> None:
    out.value = value
    if spread is not None and 0 < spread < math.inf:
        out.standard_uncertainty = spread
    # An interval without width would say that the value is certain.
    if low is not None and high is not None and -math.inf < low < high < math.inf:
        out.low_95, out.high_95 = low, high


def _words(reason: str) -> str:
    """What a reason says to people; a flag's code that withholds names the flag."""
    return WHY.get(reason) or f"withheld because of {reason}"


def _phase(span: PhaseSpan) -> pb.Phase:
    return pb.Phase(id=span.id, start_s=span.start_s, end_s=span.end_s)


def _most_telling(events: Iterable[Event]) -> list[Event]:
    """At most MAX_EVENTS, in order of onset: starts and failures first, then the most certain."""
    order = {"start": 0, "failure": 0, "error": 1, "compensation": 2}
    chosen = sorted(events, key=lambda e: (order[e.kind], -e.confidence))[:MAX_EVENTS]
    return sorted(chosen, key=lambda e: e.onset_s)


def _event(event: Event) -> pb.BalanceEvent:
    return pb.BalanceEvent(
        id=event.id,
        kind=event.kind,
        onset_s=event.onset_s,
        duration_s=event.duration_s,
        peak=event.peak,
        unit=event.unit,
        side=SIDE[event.side],
        confidence=min(1.0, max(0.0, event.confidence)),
        onset_uncertainty_s=event.uncertainty_s,
    )
