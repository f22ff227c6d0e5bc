"""A trace as a picture: one bar a span over a common clock, in SVG."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from cli.trace_tree import JOB, Row, roots, rows
from dev.otlp import Span

LABELS, BARS, RIGHT = 430, 860, 90
ROW, TOP, BOTTOM = 18, 84, 16
WIDTH = LABELS + BARS + RIGHT
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000)
# Eight hues that stay apart for colour-blind readers (Okabe and Ito 2008), and two greys.
COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#b8a800", "#666666", "#999999",
    "#333333",
)  # fmt: skip


def svg(spans: Sequence[Span]) -> str:
    """The picture of one trace; raises ValueError when there is no span."""
    if not spans:
        raise ValueError("a trace without spans has no picture")
    lines = rows(spans)
    begin, end = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
    services = list(dict.fromkeys(row.span.service for row in lines))
    colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(services)}
    height = TOP + ROW * len(lines) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="Helvetica, Arial, sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _heading(spans, (end - begin) / 1e6),
        _legend(colours),
        *_clock(begin, end, height),
        *(_bar(row, place, begin, end, colours) for place, row in enumerate(lines)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _heading(spans: Sequence[Span], milliseconds: float) -> str:
    job = next((span.attributes[JOB] for span in spans if JOB in span.attributes), "")
    joined = len(roots(spans))
    state = "unbroken: one root" if joined == 1 else f"broken into {joined} parts"
    told = f"trace {spans[0].trace_id}" + (f" · job {job}" if job else "")
    return (
        f'<text x="12" y="22" font-size="14" font-weight="bold">{escape(told)}</text>'
        f'<text x="12" y="40">{len(spans)} spans, {milliseconds:.0f} ms, {state}</text>'
    )


def _legend(colours: dict[str, str]) -> str:
    parts, x = [], 12
    for name, colour in colours.items():
        parts.append(f'<rect x="{x}" y="50" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="59">{escape(name)}</text>')
        x += 30 + round(6.2 * len(name))
    return "".join(parts)


def _clock(begin: int, end: int, height: int) -> list[str]:
    total = max((end - begin) / 1e6, 1e-3)
    step = next((tick for tick in TICKS if total / tick <= 12), TICKS[-1])
    parts, at = [], 0
    while at <= total:
        x = LABELS + BARS * at / total
        parts.append(
            f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - BOTTOM}" stroke="#dddddd"/>'
            f'<text x="{x:.1f}" y="{TOP - 9}" text-anchor="middle" fill="#555555">{at} ms</text>'
        )
        at += step
    return parts


def _bar(row: Row, place: int, begin: int, end: int, colours: dict[str, str]) -> str:
    span, total = row.span, max(end - begin, 1)
    y = TOP + ROW * place
    x = LABELS + BARS * (span.start_ns - begin) / total
    width = max(BARS * (span.end_ns - span.start_ns) / total, 1.5)
    told = f"{(span.end_ns - span.start_ns) / 1e6:.1f} ms"
    edge = ' stroke="#c00000" stroke-width="2"' if span.failed else ""
    name = span.name if len(span.name) <= 58 - 2 * row.depth else span.name[: 57 - 2 * row.depth] + "…"
    title = f"{span.service}: {span.name}, {span.kind}, {told}"
    return (
        f'<g role="img" aria-label={quoteattr(title)}><title>{escape(title)}</title>'
        f'<text x="{12 + 11 * row.depth}" y="{y + 12}">{escape(name)}</text>'
        f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 6}"'
        f' fill="{colours[span.service]}"{edge}/>'
        f'<text x="{x + width + 4:.1f}" y="{y + 12}" fill="#333333">{told}</text></g>'
    )
