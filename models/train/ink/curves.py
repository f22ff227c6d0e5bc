"""The curves of a run as a small SVG picture."""

from __future__ import annotations

from collections.abc import Sequence

Curve = Sequence[tuple[int, float]]
_WIDTH, _HEIGHT, _LEFT, _TOP = 560, 220, 44, 14
_INNER_WIDTH, _INNER_HEIGHT = _WIDTH - 2 * _LEFT, _HEIGHT - 50
_LOSS, _IOU = "#b4472f", "#2f6fb4"


def draw(losses: Curve, validations: Curve, right: str = "validation IoU", highest: float = 1.0) -> str:
    """Loss (left scale, from 0) and what `right` names (right scale, 0 to `highest`) over steps."""
    last = max([step for step, _ in (*losses, *validations)], default=1)
    top = max([value for _, value in losses], default=1.0) * 1.05
    lines = [_line(losses, last, top, _LOSS), _line(validations, last, highest, _IOU)]
    ticks = []
    for part in range(5):
        y = _TOP + _INNER_HEIGHT * (1 - part / 4)
        ticks.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        ticks.append(_text(_LEFT - 4, y + 4, f"{top * part / 4:.2f}", "end", _LOSS))
        ticks.append(_text(_WIDTH - _LEFT + 4, y + 4, f"{highest * part / 4:.2f}", "start", _IOU))
        x = _LEFT + _INNER_WIDTH * part / 4
        ticks.append(_text(x, _TOP + _INNER_HEIGHT + 16, f"{last * part / 4:.0f}", "middle", "#555"))
    names = [
        _text(_LEFT, _HEIGHT - 4, "loss", "start", _LOSS),
        _text(_WIDTH / 2, _HEIGHT - 4, "step", "middle", "#555"),
        _text(_WIDTH - _LEFT, _HEIGHT - 4, right, "end", _IOU),
    ]
    body = "\n".join([*ticks, *lines, *names])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        f' font-size="11">\n<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _line(curve: Curve, last: int, top: float, colour: str) -> str:
    points = " ".join(
        f"{_LEFT + _INNER_WIDTH * step / last:.1f},{_TOP + _INNER_HEIGHT * (1 - min(value, top) / top):.1f}"
        for step, value in curve
    )
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
