"""Every colour on its ground meets WCAG 2.2 AA, and no state rests on colour alone."""

from __future__ import annotations

import re

import pytest

from svc_report import marks, palette, render
from svc_report.balance import marks as looks
from svc_report.marks import Look
from svc_report.sheet import Mark
from svc_report.words import REGIONS, words

TABLES = (
    marks.OPTIONS, marks.STATUSES, marks.SEVERITIES, marks.LEVELS, marks.GRADES, marks.VERDICTS,
)  # fmt: skip
BALANCE = (looks.STATUSES, looks.EVENTS, looks.VERDICTS)
LOOKS: list[Look] = [look for table in TABLES for look in table.values()]  # type: ignore[attr-defined] # mixed keys
MARKS: list[Mark] = [mark for table in BALANCE for mark in table.values()]  # type: ignore[attr-defined] # mixed keys

OWN_COLOURS = re.compile(r'rgb\("|luma\(|cmyk\(|oklab\(|\b(?:white|black|red|green|blue|gray)\b')


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of WCAG 2.2, 1 to 21."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_formula_gives_the_published_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#ffffff", "#ffffff") == 1.0


@pytest.mark.parametrize("pair", palette.pairs(), ids=lambda pair: f"{pair.colour} on {pair.ground}")
def test_every_pair_of_the_palette_is_legible(pair: palette.Pair) -> None:
    assert contrast(pair.colour, pair.ground) >= pair.least


@pytest.mark.parametrize("mark", [*LOOKS, *MARKS, marks.UNKNOWN_OPTION, marks.UNDECIDED])
def test_every_mark_stands_in_the_palette(mark: Look | Mark) -> None:
    assert palette.Pair(mark.colour, mark.tint, palette.TEXT) in palette.pairs()


def test_the_templates_invent_no_colours() -> None:
    for source in render.TEMPLATES.glob("*.typ"):
        assert not OWN_COLOURS.findall(source.read_text()), source.name


@pytest.mark.parametrize("language", REGIONS)
def test_word_and_symbol_tell_states_apart_without_colour(language: str) -> None:
    for table in TABLES:
        used = [look.mark(words(language)) for look in table.values()]  # type: ignore[attr-defined] # mixed keys
        assert len({mark.word for mark in used}) == len(used)
        assert len({mark.symbol for mark in used}) == len(used)
    for table in BALANCE:
        told = list(table.values())  # type: ignore[attr-defined] # mixed keys
        assert len({mark.word for mark in told}) == len(told)
        assert len({mark.symbol for mark in told}) == len(told)
