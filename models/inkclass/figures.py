"""Pictures of a run as SVG: reliability diagram, confusion matrix, loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from models.inkclass.evaluate import Bin
from models.inkclass.samples import CLASSES

_SIDE = 300
_LEFT, _TOP, _FOOT = 60, 30, 50
_COLOURS = ("#bb3e03", "#ca9b00", "#005f73")
_GREY = "#8a959b"


def reliability(curves: Mapping[str, Sequence[Bin]]) -> str:
    """Share that is right against the posterior said, one line for each classifier; a dot's area is its
    share."""
    parts = [
        _frame("posterior of the top class", "share that is right"),
        _line([(0, 0), (1, 1)], _GREY, "4 4"),
    ]
    for row, ((name, bins), colour) in enumerate(zip(curves.items(), _COLOURS, strict=False)):
        points = [(each.said, each.right) for each in bins]
        parts.append(_line(points, colour))
        for (x, y), each in zip(points, bins, strict=True):
            radius = 1.5 + 14 * each.share**0.5
            parts.append(
                f'<circle cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="{radius:.1f}" fill="{colour}" opacity="0.45"/>'
            )
        parts.append(_text(_LEFT + 8, _TOP + 16 + 16 * row, name, colour=colour))
    return _svg(_LEFT + _SIDE + 20, _TOP + _SIDE + _FOOT, "Reliability diagram", parts)


def loss(values: Sequence[float]) -> str:
    """Cross-entropy of the training samples over epochs."""
    most = max(values)
    points = [(k / max(1, len(values) - 1), value / most) for k, value in enumerate(values)]
    parts = [
        _frame(f"epoch 1 to {len(values)}", f"cross-entropy, 0 to {most:.2f} nats"),
        _line(points, _COLOURS[2]),
    ]
    return _svg(_LEFT + _SIDE + 20, _TOP + _SIDE + _FOOT, "Training loss", parts)


def confusion(shares: Sequence[Sequence[float]]) -> str:
    """Rows: the true class. Columns: the top class. Dark: share of the row."""
    cell, left, top = 24, 90, 90
    parts = []
    for row, line in enumerate(shares):
        y = top + cell * row
        parts.append(_text(left - 6, y + 16, CLASSES[row], anchor="end"))
        turned = f'transform="rotate(-90 {left + cell * row + 16} {top - 6})"'
        parts.append(_text(left + cell * row + 16, top - 6, CLASSES[row], more=turned))
        for column, share in enumerate(line):
            place = f'x="{left + cell * column}" y="{y}" width="{cell - 1}" height="{cell - 1}"'
            parts.append(f'<rect {place} fill="#005f73" fill-opacity="{share:.3f}" stroke="#d7dde0"/>')
            if share >= 0.05:
                ink = "#fff" if share > 0.5 else "#222"
                number = _text(left + cell * column + 11, y + 15, f"{100 * share:.0f}", "middle", ink, 10)
                parts.append(number)
    return _svg(left + cell * 16 + 10, top + cell * 16 + 10, "Confusion in percent of the true class", parts)


def _x(value: float) -> float:
    return _LEFT + _SIDE * value


def _y(value: float) -> float:
    return _TOP + _SIDE * (1.0 - value)


def _frame(below: str, beside: str) -> str:
    parts = [f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="{_GREY}"/>']
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_text(_x(tick), _TOP + _SIDE + 16, f"{tick:g}", "middle"))
        parts.append(_text(_LEFT - 6, _y(tick) + 4, f"{tick:g}", "end"))
    middle = _TOP + _SIDE / 2
    parts.append(_text(_LEFT + _SIDE / 2, _TOP + _SIDE + 36, below, "middle"))
    parts.append(_text(16, middle, beside, "middle", more=f'transform="rotate(-90 16 {middle})"'))
    return "".join(parts)


def _line(points: Sequence[tuple[float, float]], colour: str, dash: str = "") -> str:
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    look = f'fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dash}"'
    return f'<polyline points="{path}" {look}/>'


def _text(
    x: float, y: float, text: str, anchor: str = "start", colour: str = "#222", size: int = 12, more: str = ""
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" {more}'
    return f"<text {place}>{escape(text)}</text>"


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    body = "\n".join(part for part in parts if part)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif"><title>{escape(title)}</title>\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n{body}\n</svg>\n'
    )
