"""The charts of a balance trial, as SVG with a description in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from assay.balance.v1.balance_pb2 import BalanceEvent
from numpy.typing import NDArray

from svc_report import numbers
from svc_report.balance import marks, svg, traces, wording
from svc_report.balance.traces import Traces

Floats = NDArray[np.float64]

WIDTH = 493.0
"""Text width of the page, pt."""
LEFT = 30.0
MAX_EVENTS = 40
LANE_PT = 9.5
LEAST = {"mm": 10.0, "px": 5.0, "deg": 4.0}
"""Smallest span of an axis, so that noise does not fill the chart."""


SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Drawing:
    """A chart: its SVG, its height in points, what it shows in words, and its caption."""

    svg: bytes
    height: float
    alt: str
    caption: str


@dataclass(frozen=True)
class Panel:
    """One trace of a chart over time: trace id, heading, colour."""

    trace: str
    label: str
    colour: str = svg.ACCENT


def over_time(
    found: Traces,
    panels: Sequence[Panel],
    *,
    events: Sequence[BalanceEvent],
    window: tuple[float, float],
    height: float,
    title: str,
) -> Drawing | None:
    """Traces one below the other with the events marked; None when no trace has a value.

    The axes fit what was measured; before and after it a line may leave its panel.
    """
    shown = [panel for panel in panels if found.get(panel.trace) is not None]
    if not shown or len(found.time_s) < 2:
        return None
    lanes = _lanes(events[:MAX_EVENTS], found)
    top = 4 + LANE_PT * (max(lanes, default=-1) + 1)
    right = WIDTH - 4
    across = svg.Scale(float(found.time_s[0]), float(found.time_s[-1]), LEFT, right)
    bottom = top + (height + 16) * len(shown)
    parts = [
        svg.box(
            across(window[0]), top + 12, across(window[1]) - across(window[0]), bottom - top - 12, svg.WASH
        )
    ]
    tops = [top + 16 + index * (height + 16) for index in range(len(shown))]
    for panel, at in zip(shown, tops, strict=True):
        parts += _panel(found, panel, across, window, (at, at + height))
    parts += _events(events[:MAX_EVENTS], lanes, across, bottom)
    # After the events, whose lines would cross them.
    parts += [
        svg.heading(LEFT - 24, at - 4.5, _label(found, panel)) for panel, at in zip(shown, tops, strict=True)
    ]
    parts += svg.bottom_axis(across, bottom, "Time from the first frame, s")
    alt = " ".join(
        [
            f"{title}, from {across.low:.1f} to {across.high:.1f} s.",
            *(_spoken(found, panel, window) for panel in shown),
        ]
    )
    caption = "Grey ground: the stretch that was measured."
    if events:
        caption += " Numbers: events, as listed in section 5."
    return Drawing(svg.document(WIDTH, bottom + 20, parts), bottom + 20, alt, caption)


def _panel(
    found: Traces, panel: Panel, across: svg.Scale, window: tuple[float, float], rows: tuple[float, float]
) -> list[str]:
    values, unit = found.values[panel.trace], found.units.get(panel.trace, "")
    inside = values[found.within(*window)]
    fitted = inside if np.isfinite(inside).any() else values
    up = svg.around(fitted, rows[1], rows[0], least=LEAST.get(unit, 1.0))
    times, thin = svg.thinned(
        found.time_s, np.where((values >= up.low) & (values <= up.high), values, np.nan)
    )
    points = np.array([across(float(time)) for time in times]), np.array([up(float(value)) for value in thin])
    zero = [svg.line(across.start, up(0), across.end, up(0), svg.SOFT, 0.5)] if up.low < 0 < up.high else []
    return [
        *svg.left_axis(up, across.start, across.end, "", about=5),
        *zero,
        svg.path(*points, panel.colour),
    ]


def _label(found: Traces, panel: Panel) -> str:
    unit = numbers.unit(found.units.get(panel.trace, "")).strip()
    return f"{panel.label}, {unit}" if unit else panel.label


def _spoken(found: Traces, panel: Panel, window: tuple[float, float]) -> str:
    values = found.values[panel.trace][found.within(*window)]
    values = values[np.isfinite(values)]
    if not len(values):
        return f"{panel.label}: no value in the measured stretch."
    unit = numbers.unit(found.units.get(panel.trace, "")).strip()
    low, high = numbers.fixed(float(values.min()), 1), numbers.fixed(float(values.max()), 1)
    return f"{panel.label}: between {low} and {high} {unit}."


def _lanes(events: Sequence[BalanceEvent], found: Traces) -> list[int]:
    """A row per event, so that the numbers of events close in time do not overlap."""
    span = max(float(found.time_s[-1] - found.time_s[0]), 1e-3)
    least_s = 11.0 / (WIDTH - LEFT) * span
    free_at: list[float] = []
    lanes = []
    for event in events:
        lane = next((row for row, free in enumerate(free_at) if event.onset_s >= free), len(free_at))
        if lane == len(free_at):
            free_at.append(0.0)
        free_at[lane] = event.onset_s + least_s
        lanes.append(lane)
    return lanes


def _events(
    events: Sequence[BalanceEvent], lanes: Sequence[int], across: svg.Scale, bottom: float
) -> list[str]:
    parts = []
    for index, (event, lane) in enumerate(zip(events, lanes, strict=True), start=1):
        if not across.low <= event.onset_s <= across.high:
            continue
        colour = marks.event(event.kind).colour
        x, y = across(event.onset_s), 6 + LANE_PT * lane
        end = across(min(event.onset_s + max(event.duration_s, 0), across.high))
        if event.kind in ("error", "compensation"):
            parts.append(svg.box(x, y + 4.5, end - x, bottom - y - 4.5, colour, opacity=0.08))
        dash = "" if event.kind in ("start", "failure") else "2 1.5"
        parts.append(svg.line(x, y + 4, x, bottom, colour, 0.7, dash))
        parts.append(svg.disc(x, y, 4.4, colour))
        parts.append(svg.text(x, y + 2.1, str(index), anchor="middle", fill="#ffffff", size=5.8))
    return parts


def stabilogram(
    found: Traces, window: tuple[float, float], carried: Sequence[str], *, unit: str
) -> Drawing | None:
    """The path of the centre of mass seen from above with its 95 % prediction ellipse.

    carried: the axes whose sway was measured, "ML", "AP". With one of them, its distribution; None without.
    """
    inside = found.within(*window)
    ml, ap = (_measured(found, axis, inside) if axis in carried else None for axis in ("ML", "AP"))
    if ml is not None and ap is not None and (np.isfinite(ml) & np.isfinite(ap)).sum() >= 3:
        return _plane(ml, ap, unit)
    if ml is not None:
        return _one_axis(ml, unit, wording.SIDEWAYS, wording.FORE_AFT)
    return _one_axis(ap, unit, wording.FORE_AFT, wording.SIDEWAYS) if ap is not None else None


def _measured(found: Traces, axis: str, inside: NDArray[np.bool_]) -> Floats | None:
    values = found.get(f"com_{axis.lower()}")
    return None if values is None or np.isfinite(values[inside]).sum() < 3 else values[inside]


def _plane(ml: Floats, ap: Floats, unit: str) -> Drawing:
    centre, covariance = traces.ellipse(ml, ap)
    x_values, y_values = ml - centre[0], ap - centre[1]
    outline = svg.ellipse_points(np.zeros(2), covariance, traces.CHI2_95)
    reach = float(np.nanmax(np.abs(np.concatenate([x_values, y_values, outline.ravel()]))))
    half = 1.08 * max(reach, LEAST.get(unit, 1.0) / 2)
    side = 210.0
    x, y = svg.Scale(-half, half, LEFT, LEFT + side), svg.Scale(-half, half, side + 12, 12)
    ticks = x.ticks(6)
    parts = [svg.line(x(tick), 12, x(tick), side + 12, svg.HAIRLINE, 0.35) for tick in ticks]
    parts += svg.left_axis(y, LEFT, LEFT + side, "", about=6)
    parts += svg.bottom_axis(x, side + 12, f"left  ←  {wording.SIDEWAYS.label}, {unit}  →  right", about=6)
    parts.append(svg.text(LEFT - 24, 8, f"{wording.FORE_AFT.label}, {unit} (up: forward)", fill=svg.INK))
    parts.append(svg.path(_placed(x, x_values), _placed(y, y_values), svg.ACCENT, width=0.6, opacity=0.85))
    parts.append(svg.path(_placed(x, outline[:, 0]), _placed(y, outline[:, 1]), svg.RED, width=1.1))
    area = np.pi * traces.CHI2_95 * np.sqrt(max(float(np.linalg.det(covariance)), 0.0))
    alt = (
        f"Path of the centre of mass seen from above, with the ellipse that holds 95 % of positions; "
        f"its area is {numbers.significant(float(area))} {unit}²."
    )
    caption = "Path of the centre of mass about its mean, and its 95 % prediction ellipse (red)."
    return Drawing(svg.document(LEFT + side + 12, side + 34, parts), side + 34, alt, caption)


def _placed(scale: svg.Scale, values: Floats) -> Floats:
    return np.array([scale(float(value)) for value in values])


def _one_axis(values: Floats, unit: str, seen: wording.Axis, unseen: wording.Axis) -> Drawing:
    """How often the centre of mass was where, on the one axis that this view shows."""
    finite = values[np.isfinite(values)] - float(np.nanmean(values))
    deviation = float(finite.std(ddof=1))
    width, height = 300.0, 96.0
    x = svg.around(
        np.append(finite, [-2.2 * deviation, 2.2 * deviation]), LEFT, width - 4, least=LEAST.get(unit, 1.0)
    )
    counts, edges = np.histogram(finite, bins=np.linspace(x.low, x.high, 41))
    share = 100 * counts / len(finite)
    up = svg.Scale(0, max(float(share.max()) * 1.1, 1.0), height, 18)
    parts = svg.left_axis(up, LEFT, width - 4, "Time, %", about=3)
    low, high = x(-1.96 * deviation), x(1.96 * deviation)
    parts += [
        svg.box(
            x(float(left)),
            up(float(value)),
            x(float(right)) - x(float(left)) - 0.6,
            height - up(float(value)),
            svg.ACCENT,
        )
        for left, right, value in zip(edges[:-1], edges[1:], share, strict=True)
    ]
    parts += [
        svg.line(low, 10, high, 10, svg.RED, 1.1),
        svg.line(low, 7, low, 13, svg.RED, 1.1),
        svg.line(high, 7, high, 13, svg.RED, 1.1),
        svg.text(high + 3, 12.2, "95 %", fill=svg.RED),
    ]
    parts += svg.bottom_axis(x, height, f"{seen.low}  ←  {seen.label}, {unit}  →  {seen.high}", about=7)
    span = numbers.significant(2 * 1.96 * deviation)
    alt = (
        f"How much of the time the centre of mass was how far from its mean, {seen.label.lower()}; 95 % "
        f"of it within {span} {unit}. {unseen.label} is not measurable from this view."
    )
    caption = (
        f"Red: mean ± 1.96 SD, {span} {unit} wide. {unseen.label} movement is not measurable from this view: "
        "there is no ellipse."
    )
    return Drawing(svg.document(width, height + 22, parts), height + 22, alt, caption)


def spectra(
    found: Traces, window: tuple[float, float], band: tuple[float, float], *, unit: str
) -> Drawing | None:
    """Power spectral density of the centre of mass; None when there is no stretch of 10 s."""
    inside = found.within(*window)
    curves = []
    for trace, axis, colour in (
        ("com_ml", wording.SIDEWAYS, svg.ACCENT),
        ("com_ap", wording.FORE_AFT, svg.VIOLET),
    ):
        values = found.get(trace)
        if values is None:
            continue
        frequencies, power, segments = traces.spectrum(found.time_s[inside], values[inside])
        shown = (frequencies > 0) & (frequencies <= 5.0)
        if segments and (power[shown] > 0).any():
            curves.append((axis.label, colour, frequencies[shown], power[shown], segments))
    if not curves:
        return None
    return _spectra(curves, band, unit)


def _spectra(
    curves: Sequence[tuple[str, str, Floats, Floats, int]], band: tuple[float, float], unit: str
) -> Drawing:
    width, height, top = WIDTH, 118.0, 16.0
    most = max(float(power.max()) for *_, power, _ in curves)
    x = svg.Scale(0, 5.0, LEFT, width - 4)
    y = svg.Scale(np.log10(most) - 5, np.log10(most) + 0.3, top + height, top)
    decades = range(int(np.ceil(y.low)), int(np.floor(y.high)) + 1)
    parts = (
        [svg.box(x(band[0]), top, x(min(band[1], 5.0)) - x(band[0]), height, svg.WASH)]
        if band[1] > band[0]
        else []
    )
    parts += [svg.line(LEFT, y(value), width - 4, y(value), svg.HAIRLINE, 0.35) for value in decades]
    parts += [
        svg.text(LEFT - 3, y(value) + 2.2, f"10{str(value).translate(SUPERSCRIPT)}", anchor="end")
        for value in decades
    ]
    parts.append(svg.text(LEFT - 24, top - 6, f"Power spectral density, {unit}²/Hz", fill=svg.INK))
    for index, (label, colour, frequencies, power, _) in enumerate(curves):
        floor = np.maximum(power, 10**y.low)
        parts.append(svg.path(_placed(x, frequencies), _placed(y, np.log10(floor)), colour, width=0.9))
        parts.append(
            svg.line(width - 108, top + 8 + 10 * index, width - 94, top + 8 + 10 * index, colour, 1.4)
        )
        parts.append(svg.text(width - 90, top + 10.2 + 10 * index, label, fill=svg.INK))
    parts += svg.bottom_axis(x, top + height, "Frequency, Hz", about=10)
    segments = curves[0][4]
    peaks = "; ".join(
        f"{label.lower()} highest at {frequencies[int(power.argmax())]:.1f} Hz"
        for label, _, frequencies, power, _ in curves
    )
    alt = f"Power spectral density of the centre of mass from 0 to 5 Hz: {peaks}."
    parts_of = f"Welch, Hann window, 10 s segments, {segments} of them"
    ground = (
        f" Grey ground: the band of the metrics, {band[0]:g} to {band[1]:g} Hz." if band[1] > band[0] else ""
    )
    whole = top + height + 20
    return Drawing(svg.document(width, whole, parts), whole, alt, f"{parts_of}.{ground}")
