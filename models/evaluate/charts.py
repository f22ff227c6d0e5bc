"""Charts of the report page as inline SVG: intervals of groups, values of photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from models.evaluate.groups import Group

_LEFT, _WIDTH, _ROW, _TOP, _FOOT = 230, 470, 26, 8, 28
_MARK, _LINE, _RULE, _TEXT = "#005f73", "#7a8a90", "#bb3e03", "#222"


def intervals(groups: Mapping[str, Group], mean: float, floor: float | None = None) -> str:
    """Mean IoU of each group with its 95 % interval; dashed: the mean of all, red: `floor`."""
    height = _TOP + _ROW * len(groups) + _FOOT
    parts = [_axis(height - _FOOT, 0.0, 1.0, 5, "mean IoU, 95 % interval")]
    parts.append(_upright(_x(mean), height - _FOOT, _LINE, "4 3"))
    if floor is not None:
        parts.append(_upright(_x(floor), height - _FOOT, _RULE, "2 2"))
    for row, (name, group) in enumerate(groups.items()):
        y = _TOP + _ROW * row + _ROW / 2
        if group.iou_interval:
            low, high = (_x(v) for v in group.iou_interval)
            parts.append(
                f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{_MARK}" stroke-width="2"/>'
            )
        parts.append(f'<circle cx="{_x(group.mean_iou):.1f}" cy="{y}" r="4.5" fill="{_MARK}"/>')
        parts.append(_label(_LEFT - 10, y + 4, f"{name} ({group.photos})", "end"))
    return _svg(height, f"Mean IoU of {len(groups)} groups with intervals", parts)


def histogram(values: Sequence[float], most: float, axis: str, bound: float) -> str:
    """How many photos have which value, 0 to `most` (what is above counts in the last bar); red: `bound`."""
    counts, _ = np.histogram(np.clip(values, 0, most), bins=20, range=(0, most))
    plot, height = 120, _TOP + 120 + _FOOT
    bar = _WIDTH / len(counts)
    parts = [_axis(_TOP + plot, 0.0, most, 5, axis)]
    for k, count in enumerate(counts):
        tall = plot * count / max(1, int(counts.max()))
        parts.append(
            f'<rect x="{_LEFT + k * bar + 1:.1f}" y="{_TOP + plot - tall:.1f}" width="{bar - 2:.1f}" '
            f'height="{tall:.1f}" fill="{_MARK}"><title>{count} photos</title></rect>'
        )
    parts.append(_upright(_LEFT + _WIDTH * bound / most, _TOP + plot, _RULE, "2 2"))
    parts.append(_label(_LEFT - 10, _TOP + 12, f"{int(counts.max())} photos", "end"))
    return _svg(height, f"Histogram: {axis}", parts)


def _x(value: float) -> float:
    return _LEFT + _WIDTH * value


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    width = _LEFT + _WIDTH + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )


def _axis(y: float, low: float, high: float, steps: int, name: str) -> str:
    parts = [f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y}" y2="{y}" stroke="{_LINE}"/>']
    for k in range(steps + 1):
        x = _LEFT + _WIDTH * k / steps
        parts.append(_label(x, y + 13, f"{low + (high - low) * k / steps:.3g}", "middle"))
    parts.append(_label(_LEFT + _WIDTH / 2, y + 26, name, "middle"))
    return "".join(parts)


def _upright(x: float, foot: float, colour: str, dash: str) -> str:
    ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{foot}"'
    return f'<line {ends} stroke="{colour}" stroke-dasharray="{dash}"/>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="12" fill="{_TEXT}">{escape(text)}</text>'
