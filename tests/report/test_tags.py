"""What Typst's PDF/UA-1 export holds, read from the file: tags, order, descriptions, sizes, colours."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import pytest
from pypdf import PdfReader

from svc_report import compose, palette
from svc_report.words import REGIONS, SECTIONS, words
from tests.report import cases, tags

SMALLEST_PT = 7.0


@pytest.fixture(scope="module", params=list(REGIONS))
def made(request: pytest.FixtureRequest) -> tuple[str, PdfReader, tags.Tag]:
    """A full report in each language."""
    analysis = cases.returning()
    analysis.job.language = request.param
    reader = PdfReader(io.BytesIO(compose.typeset(analysis, cases.pictures(analysis, small=True)).pdf))
    return request.param, reader, tags.tree(reader)


Made = tuple[str, PdfReader, tags.Tag]


@pytest.fixture(scope="module")
def shown(made: Made) -> list[tags.Shown]:
    """Every piece of text of the report."""
    return list(tags.texts(made[1]))


def test_language_title_and_declaration(made: Made) -> None:
    language, reader, _ = made
    root: Any = reader.trailer["/Root"]
    told = words(language)
    assert str(root["/Lang"]) == f"{language}-{REGIONS[language]}"
    assert reader.metadata is not None
    assert reader.metadata.title == f"{told('title')} – {told('page.job')} {cases.JOB_ID}"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"] == True  # noqa: E712 - a pypdf BooleanObject
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()


def test_headings_step_by_one_and_number_every_section(made: Made) -> None:
    _, _, tree = made
    levels = [int(tag.kind[1]) for tag in tree.all_of("H1", "H2", "H3")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert levels.count(1) == len(SECTIONS) + 4


def test_bookmarks_name_the_summary_and_every_section(made: Made) -> None:
    language, reader, _ = made
    told = words(language)
    titles = [str(item["/Title"]) for item in reader.outline if not isinstance(item, list)]
    front = [told(f"page.{name}") for name in ("found", "why", "what_not", "next")]
    assert titles[:4] == front
    assert titles[4:] == [f"{n} {told(f'section.{name}')}" for n, name in enumerate(SECTIONS, start=1)]


def test_every_table_has_a_header_row_with_scopes(made: Made) -> None:
    _, _, tree = made
    tables = tree.all_of("Table")
    assert len(tables) >= 14
    for table in tables:
        assert [part.kind for part in table.children][:2] == ["THead", "TBody"]
        headers = table.all_of("TH")
        assert headers
        assert {tag.scope for tag in headers} == {"/Column"}


def test_every_picture_is_described(made: Made) -> None:
    _, _, tree = made
    figures = tree.all_of("Figure")
    assert len(figures) >= 9
    assert all(len(tag.alt) > 30 for tag in figures)
    assert len(tree.all_of("Caption")) >= 9


def test_all_text_is_tagged_or_an_artifact(shown: list[tags.Shown]) -> None:
    assert len(shown) > 500
    assert all(text.marked for text in shown)


def test_no_text_is_smaller_than_seven_points_or_of_a_colour_of_its_own(shown: list[tags.Shown]) -> None:
    legible = {pair.colour for pair in palette.pairs() if pair.least == palette.TEXT}
    assert min(text.size for text in shown) >= SMALLEST_PT
    assert {text.colour for text in shown} <= legible


def test_the_first_page_reads_found_why_not_next(made: Made) -> None:
    language, reader, _ = made
    text = reader.pages[0].extract_text()
    told = words(language)
    places = [text.index(told(f"page.{name}")) for name in ("found", "why", "what_not", "next")]
    assert places == sorted(places)
    assert text.index(cases.JOB_ID) < places[0]
