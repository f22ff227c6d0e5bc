"""Drawing charts as SVG: scales, axes, lines. Vector, small, and the same bytes for the same numbers.

Lengths are points (1/72 inch) at the size at which the page shows the chart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from svc_report import fonts

Floats = NDArray[np.float64]

INK, SOFT, HAIRLINE, WASH = "#16202e", "#475467", "#cfd6de", "#f5f7f9"
ACCENT, GREEN, RED, AMBER, VIOLET = "#12415c", "#14663a", "#9b1c22", "#7d4e00", "#5d3a8e"
FONT_PT = 6.6
MAX_POINTS = 3000
"""Points of one line; a longer one is drawn by the extremes of equal stretches, so that no peak is lost."""


@dataclass(frozen=True)
class Scale:
    """A linear axis from values low..high to points start..end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values within the axis, at steps of 1, 2 or 5 times a power of ten."""
        raw = (self.high - self.low) / max(about, 1)
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def around(values: Floats, start: float, end: float, *, least: float, margin: float = 0.08) -> Scale:
    """An axis that holds all finite values with a margin and spans at least `least`."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    middle = (low + high) / 2
    # Beside a very large value a small span is none: low and high would be the same number.
    span = max(high - low, least, abs(middle) * 1e-9)
    half = span * (0.5 + margin)
    return Scale(middle - half, middle + half, start, end)


def number(value: float) -> str:
    """A coordinate with two decimals, without trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def tick_label(value: float, step: float) -> str:
    """A tick's value, with as many decimals as its step needs and a true minus sign."""
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    text = f"{value:.{decimals}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", "\u2212")


def document(width: float, height: float, parts: Iterable[str]) -> bytes:
    """A whole SVG file."""
    body = "\n".join(part for part in parts if part)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}pt" height="{number(height)}pt" '
        f'viewBox="0 0 {number(width)} {number(height)}" font-family="IBM Plex Sans" '
        f'font-size="{FONT_PT}" fill="none">\n{body}\n</svg>\n'
    ).encode()


def text(
    x: float, y: float, content: str, *, anchor: str = "start", fill: str = SOFT, size: float = FONT_PT
) -> str:
    """A line of text whose baseline starts, centres or ends at x, y."""
    shown = escape(fonts.displayable(content[:120]))
    return (
        f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}" fill="{fill}" '
        f'font-size="{number(size)}">{shown}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 0.5, dash: str = "") -> str:
    """A straight line."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" '
        f'stroke="{colour}" stroke-width="{number(width)}"{dashes}/>'
    )


def box(x: float, y: float, width: float, height: float, fill: str, *, opacity: float = 1.0) -> str:
    """A filled rectangle; nothing when it has no area."""
    if width <= 0 or height <= 0:
        return ""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" '
        f'fill="{fill}" fill-opacity="{number(opacity)}"/>'
    )


def disc(x: float, y: float, radius: float, fill: str, *, stroke: str = "none") -> str:
    """A filled circle."""
    return (
        f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="0.8"/>'
    )


def path(xs: Floats, ys: Floats, colour: str, *, width: float = 0.8, opacity: float = 1.0) -> str:
    """A line through points, interrupted where either coordinate is not finite."""
    pieces = []
    finite = np.isfinite(xs) & np.isfinite(ys)
    for start, end in runs(finite):
        points = " ".join(
            f"{number(float(x))},{number(float(y))}"
            for x, y in zip(xs[start:end], ys[start:end], strict=True)
        )
        pieces.append(f"M{points}" if end - start > 1 else f"M{points} {points}")
    if not pieces:
        return ""
    return (
        f'<path d="{" ".join(pieces)}" stroke="{colour}" stroke-width="{number(width)}" '
        f'stroke-opacity="{number(opacity)}" stroke-linejoin="round" stroke-linecap="round"/>'
    )


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def thinned(time_s: Floats, values: Floats) -> tuple[Floats, Floats]:
    """At most MAX_POINTS of a trace: the lowest and highest of each stretch, in order of time."""
    if len(values) <= MAX_POINTS:
        return time_s, values
    kept: list[int] = []
    for stretch in np.array_split(np.arange(len(values)), MAX_POINTS // 2):
        inside = values[stretch]
        if np.isfinite(inside).all():
            kept += sorted({int(stretch[inside.argmin()]), int(stretch[inside.argmax()])})
        else:
            kept.append(
                int(stretch[0]) if not np.isfinite(inside[0]) else int(stretch[~np.isfinite(inside)][0])
            )
    return time_s[kept], values[kept]


def left_axis(scale: Scale, x: float, right: float, label: str, *, about: int = 4) -> list[str]:
    """Ticks with grid lines to `right`, and a label above the axis."""
    ticks = scale.ticks(about)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    parts = [line(x, scale(value), right, scale(value), HAIRLINE, 0.35) for value in ticks]
    parts += [text(x - 3, scale(value) + 2.2, tick_label(value, step), anchor="end") for value in ticks]
    return [*parts, heading(x - 24, min(scale.start, scale.end) - 4.5, label)] if label else parts


def heading(x: float, y: float, label: str) -> str:
    """A panel's label on white, so that lines behind it do not cross it."""
    return box(x - 1, y - FONT_PT, 0.45 * FONT_PT * len(label) + 4, FONT_PT + 2, "#ffffff") + text(
        x, y, label, fill=INK
    )


def bottom_axis(scale: Scale, y: float, label: str, *, about: int = 8) -> list[str]:
    """Ticks and a label below."""
    ticks = scale.ticks(about)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    parts = [line(scale.start, y, scale.end, y, SOFT, 0.6)]
    parts += [line(scale(value), y, scale(value), y + 2, SOFT, 0.5) for value in ticks]
    parts += [text(scale(value), y + 8.5, tick_label(value, step), anchor="middle") for value in ticks]
    parts.append(text((scale.start + scale.end) / 2, y + 17, label, anchor="middle"))
    return parts


def ellipse_points(centre: Floats, covariance: Floats, chi2: float) -> Floats:
    """Outline [73, 2] of the set with Mahalanobis distance squared equal to chi2."""
    values, vectors = np.linalg.eigh(covariance)
    angles = np.linspace(0, 2 * np.pi, 73)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    radii = np.sqrt(chi2 * np.clip(values, 0, None))
    outline = centre[:, None] + vectors @ (radii[:, None] * circle)
    return np.asarray(outline.T)
