"""The sheet says what the analysis says, in words that hold."""

from __future__ import annotations

import dataclasses
import json

import pytest
from assay.common.v1.types_pb2 import FlagLevel, Measurement
from assay.decision.v1.decision_pb2 import (
    DecisionMessage,
    DecisionStatus,
    Fitzpatrick,
    InkCandidate,
    Intake,
    OptionStatus,
    Override,
    TattooCase,
)
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import case, content, inks, marks, render, wording
from svc_report.balance import marks as looks
from svc_report.sheet import Mark, Sheet
from tests.report import cases

STATUSES = [
    status
    for status in DecisionStatus.values()
    if status
    not in (DecisionStatus.DECISION_STATUS_UNSPECIFIED, DecisionStatus.DECISION_STATUS_NOT_MEASURABLE)
]
"""Those of a tattoo."""


def sheet_of(analysis: Analysis) -> Sheet:
    return content.build(analysis, render.provenance(render.TATTOO), has_overlay=True, has_photo=True)


def words_of(sheet: Sheet) -> str:
    return json.dumps(dataclasses.asdict(sheet), ensure_ascii=False)


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_own_word_headline_and_next_step(status: DecisionStatus.ValueType) -> None:
    sheet = sheet_of(cases.tattoo(status=status))
    assert sheet.status == marks.STATUSES[status]
    assert sheet.headline == wording.STATUS_TEXT[status][0]
    assert sheet.summary.next_steps[0] == wording.NEXT_STEP[status]


def test_words_and_symbols_tell_states_apart_without_colour() -> None:
    tables = (marks.OPTIONS, marks.STATUSES, marks.SEVERITIES, marks.LEVELS)
    for table in (*tables, looks.STATUSES, looks.EVENTS, looks.VERDICTS):
        used = list(table.values())
        assert len({mark.word for mark in used}) == len(used)
        assert len({mark.symbol for mark in used}) == len(used)


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of WCAG 2.2, 1 to 21."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    "mark",
    [*marks.OPTIONS.values(), *marks.STATUSES.values(), *marks.SEVERITIES.values(), *marks.LEVELS.values(),
     *looks.STATUSES.values(), *looks.EVENTS.values(), *looks.VERDICTS.values(), marks.UNKNOWN_OPTION,
     marks.UNDECIDED],
    ids=lambda mark: mark.word,
)  # fmt: skip
def test_marks_are_legible(mark: Mark) -> None:
    assert contrast(mark.colour, "#ffffff") >= 4.5
    assert contrast(mark.colour, mark.tint) >= 4.5


def test_grey_text_of_the_template_is_legible() -> None:
    assert contrast("#475467", "#ffffff") >= 4.5
    assert contrast("#475467", "#f5f7f9") >= 4.5
    parts = (render.TEMPLATES / "parts.typ").read_text()
    assert '#let soft = rgb("#475467")' in parts
    assert '#let wash = rgb("#f5f7f9")' in parts


def test_an_ink_carries_what_was_measured_and_decided() -> None:
    black = sheet_of(cases.tattoo()).inks[0]
    assert (black.name, black.area, black.difference) == ("black", "55\u00a0%", "35.1")
    assert black.difference_interval == "32.7 to 37.5"
    assert [(c.name, c.value, c.spread) for c in black.lab] == [
        ("L*", "36.1", "±\u00a02.1"),
        ("a*", "\u22121.0", "±\u00a01.3"),
        ("b*", "\u22123.2", "±\u00a01.6"),
    ]
    assert [(a.mark.word, a.wavelengths) for a in black.advice] == [
        ("Recommend", "1064\u00a0nm"),
        ("Specialist only", "785, 730\u00a0nm"),
        ("Specialist only", "532\u00a0nm"),
    ]
    assert black.advice[0].reason == "first line, on label, ok for skin type III"


def test_every_option_status_is_worded_with_its_reason() -> None:
    analysis = cases.tattoo(inks=1)
    options = analysis.decision.inks[0].options
    del options[:]
    for status in OptionStatus.values():
        options.append(cases.option(500 + status, status, 3, rules=("P9", "R01")))
    ink = sheet_of(analysis).inks[0]
    assert len(ink.options) == len(OptionStatus.values())
    assert all(advice.mark.word and advice.reason for advice in ink.advice)
    blocked = next(advice for advice in ink.advice if advice.mark.symbol == "slash")
    assert blocked.reason == "not an option for skin type III, because of R01"


def test_a_deferred_option_says_what_it_returns_to() -> None:
    analysis = cases.tattoo(inks=1)
    del analysis.decision.inks[0].options[1:]
    first = analysis.decision.inks[0].options[0]
    first.status = OptionStatus.OPTION_STATUS_DEFERRED
    first.would_be = OptionStatus.OPTION_STATUS_CONSIDER
    assert sheet_of(analysis).inks[0].advice[0].reason == "consider once released"


def test_without_a_chart_the_first_page_gives_no_numbers_and_the_rest_marks_them() -> None:
    sheet = sheet_of(cases.tattoo(calibrated=False, status=DecisionStatus.DECISION_STATUS_QUALITATIVE))
    assert not sheet.summary.measured
    assert sheet.summary.caveat == wording.UNCALIBRATED
    assert wording.UNCALIBRATED in sheet.limits
    assert all(ink.difference.startswith("≈") for ink in sheet.inks)
    assert all(channel.value.startswith("≈") for ink in sheet.inks for channel in ink.lab + ink.transmission)
    assert "°" not in " ".join(fact.value for fact in sheet.summary.found)
    assert sheet.skin is not None
    assert sheet.skin.facts[0].value.startswith("≈")


def test_a_hue_family_is_named_as_one() -> None:
    analysis = cases.tattoo(inks=4, calibrated=False, status=DecisionStatus.DECISION_STATUS_QUALITATIVE)
    analysis.decision.inks[3].ink_class = "green"
    analysis.decision.inks[3].basis = inks.HUE_FAMILY
    green = sheet_of(analysis).inks[3]
    assert (green.name, green.certainty) == ("green", "hue family; most like dark green (0.87)")


def test_candidates_of_an_uncertain_ink_are_listed() -> None:
    analysis = cases.tattoo(inks=1)
    candidates = [
        InkCandidate(ink_class="blue", probability=0.45, wavelengths_nm=[730, 785]),
        InkCandidate(ink_class="flesh", probability=0.4),
    ]
    analysis.decision.inks[0].candidates.extend(candidates)
    assert sheet_of(analysis).inks[0].candidates == (
        "May be blue (0.45): 730, 785\u00a0nm reach it and are not blocked for this skin.",
        "May be flesh (0.40): no wavelength of this device reaches it on this skin.",
    )


def test_missing_answers_become_questions() -> None:
    sheet = sheet_of(cases.tattoo(status=DecisionStatus.DECISION_STATUS_INCOMPLETE))
    assert sheet.missing == (wording.QUESTIONS["gold"], wording.QUESTIONS["naevus_checked"])
    assert case.question("intake.something_new") == "intake.something new"


def test_every_intake_question_is_worded() -> None:
    fields = [*Intake.DESCRIPTOR.fields_by_name, *TattooCase.DESCRIPTOR.fields_by_name]
    assert set(fields) - {"intake", "override"} <= set(wording.QUESTIONS)


def test_unanswered_is_not_no() -> None:
    answers = {fact.label: fact.value for fact in case.answers(Intake(gold=False, smoker=True, age=0))}
    assert answers[wording.QUESTIONS["gold"]] == "no"
    assert answers[wording.QUESTIONS["smoker"]] == "yes"
    assert answers[wording.QUESTIONS["age"]] == "0"
    assert answers[wording.QUESTIONS["keloid"]] == "unanswered"
    assert answers[wording.QUESTIONS["scarring"]] == "unanswered"


def test_an_override_is_told_with_name_and_reason() -> None:
    override = Override(fitzpatrick=Fitzpatrick.FITZPATRICK_III, name="Dr Ngô", reason="tan, seen in person")
    facts = case.statement(TattooCase(override=override))
    assert facts[-1].value == "to III by Dr Ngô. Reason: tan, seen in person"


def test_hard_stops_are_never_cut_from_the_first_page() -> None:
    analysis = cases.tattoo(inks=12, status=DecisionStatus.DECISION_STATUS_STOPPED)
    grave = analysis.decision.flags[0]
    for number in range(20):
        copy = analysis.decision.flags.add()
        copy.CopyFrom(grave)
        copy.id = f"X{number:02d}"
    sheet = sheet_of(analysis)
    shown = {flag.id for flag in sheet.summary.flags}
    assert {"R04", *(f"X{number:02d}" for number in range(20))} <= shown
    assert [flag.mark.word for flag in sheet.flags][:21] == ["Refer"] * 21


def test_what_the_first_page_leaves_out_is_announced() -> None:
    sheet = sheet_of(cases.tattoo(inks=12))
    left_out = len(sheet.inks) - len(sheet.summary.inks)
    assert left_out > 0
    assert sheet.summary.inks_more.startswith(f"{left_out} smaller ink colours")
    missing = {flag.id for flag in sheet.flags} - {flag.id for flag in sheet.summary.flags}
    assert all(flag_id in sheet.summary.flags_more for flag_id in missing)


def test_a_document_with_a_job_only_says_what_is_missing() -> None:
    sheet = content.build(
        Analysis(job=cases.job()), render.provenance(render.TATTOO), has_overlay=False, has_photo=False
    )
    assert sheet.status == marks.UNDECIDED
    assert sheet.no_inks == "Colour was not measured: this analysis has no colour page."
    assert sheet.no_skin == "Not measured: this analysis has no colour page."
    assert sheet.no_flags == "Flags were not judged: this analysis has no decision page."
    assert sheet.skin is None
    assert sheet.sessions is None
    assert sheet.overlay.file == ""


def test_measures_without_a_value_are_listed_by_reason() -> None:
    sheet = sheet_of(cases.tattoo())
    assert "Resolution" not in [reading.name for reading in sheet.quality]
    assert [(fact.label, fact.value) for fact in sheet.unmeasured] == [
        ("Resolution", "no scale in the photo")
    ]


def test_sessions_without_an_estimate_name_no_scale() -> None:
    analysis = cases.tattoo()
    measured = Measurement(id="sessions", unit="1", not_measurable="the body site is not stated")
    analysis.decision.sessions.sessions.CopyFrom(measured)
    sheet = sheet_of(analysis)
    assert sheet.sessions is not None
    assert sheet.sessions.estimate == "Not estimable: the body site is not stated"
    assert sheet.sessions.scale == ""


def test_unmeasurable_skin_and_difference_keep_their_reason() -> None:
    analysis = cases.tattoo(inks=1)
    analysis.color.skin.ita.CopyFrom(Measurement(id="ita", unit="deg", not_measurable="b* is not positive"))
    analysis.color.inks[0].delta_e_skin.CopyFrom(
        Measurement(unit="1", not_measurable="no skin beside the ink")
    )
    sheet = sheet_of(analysis)
    assert sheet.skin is not None
    assert sheet.skin.ita_degrees is None
    assert sheet.skin.facts[0].value == "not measurable: b* is not positive"
    assert sheet.inks[0].difference == "not measurable: no skin beside the ink"
    assert sheet.inks[0].difference_interval == ""


def test_time_comes_from_the_document() -> None:
    assert case.unix_time(cases.tattoo()) == cases.DECIDED_AT
    assert case.unix_time(Analysis()) is None
    wrong = Analysis()
    wrong.job.created_at.seconds = 10**17
    assert case.unix_time(wrong) is None


def test_another_language_is_refused_in_words() -> None:
    analysis = cases.tattoo()
    analysis.job.language = "de-AT"
    assert any("Language de-AT was asked for" in limit for limit in sheet_of(analysis).limits)


@pytest.mark.parametrize("status", STATUSES)
def test_no_device_settings_in_our_own_words(status: DecisionStatus.ValueType) -> None:
    text = words_of(sheet_of(cases.tattoo(inks=12, status=status))).lower()
    for word in ("fluence", "j/cm", "spot size", "pulse count", "joule"):
        assert word not in text


def test_messages_of_the_decision_reach_ink_and_case() -> None:
    analysis = cases.tattoo(inks=1)
    message = DecisionMessage(code="NO_LOW_RISK_OPTION", text="No wavelength ranks as consider or better.")
    analysis.decision.inks[0].messages.append(message)
    sheet = sheet_of(analysis)
    assert sheet.inks[0].messages == (message.text,)
    assert analysis.decision.messages[0].text in sheet.summary.next_steps


def test_the_first_page_names_the_approval_and_a_doubtful_mask() -> None:
    analysis = cases.tattoo()
    analysis.decision.ruleset, analysis.decision.ruleset_approval = "tattoo@9.9.9", "Nobody signed this."
    sheet = sheet_of(analysis)
    assert sheet.approval == "Ruleset tattoo@9.9.9: Nobody signed this."
    assert wording.DOUBTFUL_MASK not in sheet.summary.next_steps
    analysis.segment.flags.add(code="LOW_CONFIDENCE", level=FlagLevel.FLAG_LEVEL_WARN)
    doubtful = sheet_of(analysis).summary
    assert doubtful.next_steps[1] == wording.DOUBTFUL_MASK
    analysis.segment.ink_share.low_95 = 0.0
    assert sheet_of(analysis).summary.next_steps[1] == wording.MAYBE_NO_INK
    quality = next(fact.value for fact in doubtful.found if fact.label == "Photo quality")
    assert "ink mask uncertain" in quality
