"""Fonts come from pinned packages, and only text that they can show reaches the page."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc_report import fonts


def test_the_book_holds_our_families_and_nothing_else() -> None:
    assert set(fonts.book().families()) == set(fonts.FAMILIES)


def test_every_font_file_is_named_with_version_and_hash() -> None:
    for file in fonts.files():
        assert file.version
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)


@pytest.mark.parametrize(
    "text",
    [
        "Łódź-0042",
        "Ελένη",
        "Дмитрий",
        "Nguyễn Thị Ánh",
        "مريم",
        "क्षितिज",
        "ΔE₀₀ 35.1 ± 2.4 ≈ − ≤ … →",
        "12\u00a0%",
    ],
)
def test_text_of_covered_scripts_is_unchanged(text: str) -> None:
    assert fonts.displayable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("李", "[U+674E]"),
        ("a\x00b", "a[U+0000]b"),
        ("abc\u202edef", "abc[U+202E]def"),
        ("line\nbreak\tand tab", "line break and tab"),
        ("\u0301x", "[U+0301]x"),
        ("\U0001f600", "[U+1F600]"),
        ("e\u0301", "é"),
    ],
)
def test_what_cannot_be_shown_is_spelt_out(text: str, shown: str) -> None:
    assert fonts.displayable(text) == shown


@given(st.text(max_size=80))
def test_displayable_is_idempotent_and_drops_nothing(text: str) -> None:
    shown = fonts.displayable(text)
    assert fonts.displayable(shown) == shown
    assert bool(shown) == bool(text)
    assert not re.search("[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", shown)
