"""The report's colours, and which of them stand on which.

The template takes its colours from here, so that one test can hold every pair to WCAG 2.2 AA: 4.5:1 for text
(success criterion 1.4.3), 3:1 for a drawing that carries meaning (1.4.11).
"""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "#ffffff"
INK = "#16202e"
SOFT = "#475467"
ACCENT = "#12415c"
EDGE = "#7a8797"
"""Outline of what must be seen as a shape: swatches, bars, marks of a scale."""
HAIRLINE = "#cfd6de"
"""Rules of tables. They decorate: every table can be read without them."""
WASH = "#f5f7f9"

GREEN, GREEN_TINT = "#14663a", "#e6f3ea"
BLUE, BLUE_TINT = "#1a5490", "#e8f0f9"
VIOLET, VIOLET_TINT = "#5d3a8e", "#f0ebf7"
AMBER, AMBER_TINT = "#7d4e00", "#fdf3de"
RED, RED_TINT = "#9b1c22", "#fcebea"
SLATE, SLATE_TINT = "#475467", "#eff2f5"

TINTS = (GREEN_TINT, BLUE_TINT, VIOLET_TINT, AMBER_TINT, RED_TINT, SLATE_TINT)
STRONG = (GREEN, BLUE, VIOLET, AMBER, RED, SLATE)
TEXT, GRAPHIC = 4.5, 3.0


@dataclass(frozen=True)
class Pair:
    """A colour on a ground, sRGB "#rrggbb", and the least contrast ratio that it needs."""

    colour: str
    ground: str
    least: float


def template() -> dict[str, str]:
    """The colours by the names that the template calls them."""
    return {
        "paper": PAPER,
        "ink": INK,
        "soft": SOFT,
        "accent": ACCENT,
        "edge": EDGE,
        "hairline": HAIRLINE,
        "wash": WASH,
    }


def pairs() -> tuple[Pair, ...]:
    """Every pair that the report sets: text on its grounds, symbols on theirs, outlines on paper."""
    grounds = (PAPER, WASH, *TINTS)
    texts = [Pair(colour, ground, TEXT) for colour in (INK, SOFT, ACCENT, *STRONG) for ground in grounds]
    drawn = [Pair(PAPER, colour, GRAPHIC) for colour in STRONG]  # the stroke inside a filled symbol
    outlines = [Pair(EDGE, ground, GRAPHIC) for ground in (PAPER, WASH)]
    return (*texts, *drawn, *outlines)
