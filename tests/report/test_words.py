"""Labels: the same keys and placeholders in every language, and words for every code that stages send."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Formatter

import pytest
from assay.common.v1.types_pb2 import Measurement

from svc_color import quality
from svc_color.chart import remarks
from svc_color.followup import obstacles
from svc_decision.loader import DEFAULT_RULESET, load_ruleset
from svc_report import case, content, render
from svc_report.words import ENGLISH, LABELS, REGIONS, SECTIONS, Words, language_of, short, words
from tests.report import cases

SAME = ("limits.language", "model.linear")
OTHERS = [language for language in REGIONS if language != "en"]
SOURCES = sorted(Path(content.__file__).parent.glob("*.py"))


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_has_a_file_and_every_file_a_language() -> None:
    assert {path.stem for path in LABELS.glob("*.json")} == set(REGIONS)


@pytest.mark.parametrize("language", OTHERS)
def test_keys_and_placeholders_are_those_of_english(language: str) -> None:
    labels = words(language).labels
    assert list(labels) == list(ENGLISH.labels)
    wrong = [key for key in labels if placeholders(labels[key]) != placeholders(ENGLISH.labels[key])]
    assert wrong == []
    assert [key for key in labels if key != "patch.cyan" and not labels[key].strip()] == []


@pytest.mark.parametrize("language", REGIONS)
def test_a_key_stands_once_in_its_file(language: str) -> None:
    pairs = json.loads((LABELS / f"{language}.json").read_text(), object_pairs_hook=list)
    assert len({key for key, _ in pairs}) == len(pairs)


@pytest.mark.parametrize("language", OTHERS)
def test_sentences_are_translated(language: str) -> None:
    """What is longer than three words is not left in English; two are the same in all."""
    same = [
        key
        for key, text in words(language).labels.items()
        if text == ENGLISH.labels[key] and len(text.split()) > 3 and key not in SAME
    ]
    assert same == []


def test_every_key_that_the_code_names_exists() -> None:
    named = {
        key for source in SOURCES for key in re.findall(r'words\(\s*"([a-z_.0-9]+)"', source.read_text())
    }
    assert len(named) > 100
    assert named <= set(ENGLISH.labels)


def test_every_key_that_the_templates_name_exists() -> None:
    named = {
        key
        for name in render.PARTS[render.TATTOO]
        for key in re.findall(r"\bt\.([a-z_]+)|labels\.([a-z_]+)", (render.TEMPLATES / name).read_text())
    }
    flat = {first or second for first, second in named} - {"at"}
    assert len(flat) > 50
    assert flat <= set(ENGLISH.group("page"))


def test_the_sections_are_those_that_the_labels_name() -> None:
    assert set(ENGLISH.group("section")) == set(SECTIONS)
    assert f"Section {ENGLISH.section('sources')} spells out" in ENGLISH("page.option_legend")


@pytest.mark.parametrize("language", REGIONS)
def test_every_code_of_chart_and_follow_up_is_worded(language: str) -> None:
    told = words(language)
    assert set(obstacles.REASONS) <= set(told.group("not_comparable"))
    flags = {flag.code for flag in vars(obstacles).values() if hasattr(flag, "code")}
    assert flags | set(remarks._FIX) | {"CHART_REJECTED", "CHART_NOT_FOUND"} <= set(told.group("warning"))
    assert set(remarks._FIX) <= set(told.group("retake"))


@pytest.mark.parametrize("language", REGIONS)
def test_inks_and_states_are_called_as_the_ruleset_calls_them(language: str) -> None:
    texts, told = load_ruleset(DEFAULT_RULESET).in_language(language).texts, words(language)
    inks = {key.removeprefix("ink."): text for key, text in texts.items() if key.startswith("ink.")}
    assert len(inks) > 15
    assert {name: told.term("class", name) for name in inks if name != "unknown"} == {
        name: text for name, text in inks.items() if name != "unknown"
    }
    for name in ("recommend", "consider", "specialist", "deferred", "not_useful"):
        own, ruled = told(f"option.{name}").lower(), texts[f"status.{name}"].lower()
        assert own.startswith(ruled[:8]), name


def test_languages_are_chosen_by_primary_tag() -> None:
    assert [language_of(tag) for tag in ("", "en-US", "de-AT", "ES", "fr", "zh-Hant")] == [
        "en", "en", "de", "es", "en", "en",
    ]  # fmt: skip


def test_numbers_and_dates_follow_the_language() -> None:
    interval = Measurement(value=1.25, unit="%", low_95=-0.5, high_95=3.0)
    told: dict[str, Words] = {language: words(language) for language in REGIONS}
    assert [each.fixed(-1234.56, 1) for each in told.values()] == ["−1234.6", "−1234,6", "−1234,6"]
    ranges = [each.range(interval, 1) for each in told.values()]
    assert ranges == ["−0.5 to 3.0", "−0,5 bis 3,0", "−0,5 a 3,0"]
    assert told["de"].value(interval, 2) == "1,25\u00a0%"
    assert told["es"].value(Measurement(not_measurable="sin luz"), 1) == "no medible: sin luz"
    assert told["de"].fixed(float("nan"), 1) == "nicht messbar"
    assert [each.moment(cases.DECIDED_AT) for each in told.values()] == [
        "22 November 2026, 04:58 UTC",
        "22. November 2026, 04:58 UTC",
        "22 de noviembre de 2026, 04:58 UTC",
    ]
    assert [told["de"].count(n, "warning") for n in (0, 1, 2)] == ["0 Warnungen", "1 Warnung", "2 Warnungen"]


def test_data_is_never_taken_for_a_placeholder() -> None:
    analysis = cases.tattoo(inks=1)
    analysis.job.tattoo.override.name = "{nm} {0} {"
    analysis.job.tattoo.override.reason = "100 % {n}"
    told = case.statement(analysis.job.tattoo, ENGLISH)
    assert any("by {nm} {0} {. Reason: 100 % {n}" in fact.value for fact in told)


def test_a_short_text_ends_at_a_word() -> None:
    assert short("as it is") == "as it is"
    cut = short("eleven words, " * 40)
    assert len(cut) <= 242
    assert cut.endswith(("words …", "eleven …"))


@pytest.mark.parametrize("language", REGIONS)
def test_every_flag_of_the_colour_stage_is_worded(language: str) -> None:
    codes = {flag.code for flag in vars(quality).values() if isinstance(flag, quality.Flag)}
    assert len(codes) > 8
    assert codes <= set(words(language).group("warning"))


def test_a_flag_of_the_protected_photo_is_named_as_such() -> None:
    assert case.warning("PROTECTED_IMAGE_BLURRED", ENGLISH) == "Protected site: Blurred photo"
    assert case.warning("PROTECTED_SKIN_UNEVEN", ENGLISH) == "Uneven protected skin"
    assert case.warning("SOMETHING_NEW", ENGLISH) == "SOMETHING NEW"
