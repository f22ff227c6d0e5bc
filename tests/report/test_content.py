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

from svc_report import case, content, inks, marks, render
from svc_report.sheet import Fact, Sheet
from svc_report.words import ENGLISH
from tests.report import cases, colour_cases

STATUSES = [
    status
    for status in DecisionStatus.values()
    if status
    not in (DecisionStatus.DECISION_STATUS_UNSPECIFIED, DecisionStatus.DECISION_STATUS_NOT_MEASURABLE)
]
"""Those of a tattoo."""


def sheet_of(analysis: Analysis) -> Sheet:
    shown = frozenset({content.OVERLAY_FILE, content.PHOTO_FILE})
    return content.build(analysis, render.provenance(render.TATTOO), shown)


def words_of(sheet: Sheet) -> str:
    return json.dumps(dataclasses.asdict(sheet), ensure_ascii=False)


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_own_word_headline_and_next_step(status: DecisionStatus.ValueType) -> None:
    sheet = sheet_of(cases.tattoo(status=status))
    key = marks.STATUSES[status].key
    assert sheet.status == marks.STATUSES[status].mark(ENGLISH)
    assert sheet.headline == ENGLISH(f"{key}.headline")
    assert sheet.summary.steps[0] == ENGLISH(f"next.{key.removeprefix('status.')}")


def test_an_ink_carries_what_was_measured_and_decided() -> None:
    black = sheet_of(cases.tattoo()).inks[0]
    assert (black.name, black.area, black.difference) == ("black", "55\u00a0%", "35.1")
    assert black.difference_interval == "32.7 to 37.5"
    assert [(c.name, c.value, c.spread) for c in black.lab] == [
        ("L*", "36.1", "±\u00a02.1"),
        ("a*", "\u22121.0", "±\u00a01.3"),
        ("b*", "\u22123.2", "±\u00a01.6"),
    ]
    assert [(a.mark.word, a.wavelengths) for a in black.advised.open] == [
        ("Recommend", "1064\u00a0nm"),
        ("Specialist only", "785, 730\u00a0nm"),
        ("Specialist only", "532\u00a0nm"),
    ]
    assert black.advised.open[0].reason == "first line, on label, skin gate open"


def test_every_option_status_is_worded_with_its_reason() -> None:
    analysis = cases.tattoo(inks=1)
    options = analysis.decision.inks[0].options
    del options[:]
    for status in OptionStatus.values():
        options.append(cases.option(500 + status, status, 3, rules=("P9", "R01")))
    ink = sheet_of(analysis).inks[0]
    assert len(ink.advised.options) == len(OptionStatus.values())
    told = ink.advised.open + ink.advised.barred
    assert len(told) == len(OptionStatus.values())
    assert all(line.mark.word and line.reason for line in told)
    blocked = next(line for line in told if line.mark.symbol == "slash")
    assert blocked.reason == "not an option for skin type III, because of R01"


def test_a_deferred_option_says_what_it_returns_to() -> None:
    analysis = cases.tattoo(inks=1)
    del analysis.decision.inks[0].options[1:]
    first = analysis.decision.inks[0].options[0]
    first.status = OptionStatus.OPTION_STATUS_DEFERRED
    first.would_be = OptionStatus.OPTION_STATUS_CONSIDER
    assert sheet_of(analysis).inks[0].advised.barred[0].reason == "Consider once released"


def test_without_a_chart_no_colour_is_given_as_a_number() -> None:
    sheet = sheet_of(cases.tattoo(calibrated=False, status=DecisionStatus.DECISION_STATUS_QUALITATIVE))
    assert not sheet.summary.measured
    assert ENGLISH("limits.uncalibrated") in sheet.limits
    assert sheet.chart.mark.word == "Qualitative only"
    assert all(ink.lab == ink.transmission == () for ink in sheet.inks)
    assert {ink.difference for ink in sheet.inks} == {"not given: no chart"}
    assert {ink.difference_interval + ink.optical_density for ink in sheet.inks} == {""}
    assert "°" not in " ".join(fact.value for fact in sheet.summary.found)
    assert [(skin.lab, skin.ita_degrees) for skin in sheet.skins] == [((), None)]
    assert sheet.summary.unknowable[0] == ENGLISH("cannot.no_chart")


def test_a_chart_that_fails_its_gate_calibrates_nothing() -> None:
    analysis = cases.tattoo(calibrated=False, status=DecisionStatus.DECISION_STATUS_QUALITATIVE)
    analysis.color.chart.CopyFrom(colour_cases.chart(grade="fail"))
    sheet = sheet_of(analysis)
    assert (sheet.chart.mark.word, sheet.chart.mark.symbol) == ("Fails its gate", "cross")
    assert "does not calibrate" in sheet.chart.sentence
    assert len(sheet.chart.patches) == 24
    colour = next(fact.value for fact in sheet.summary.found if fact.label == "Colour")
    assert colour == "qualitative: a chart was found but failed its gate (leave-one-out ΔE₀₀ 4.1)"
    assert sheet.summary.reasons[0].text == ENGLISH("why.chart_refused")


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
    assert sheet_of(analysis).inks[0].advised.candidates == (
        "May be blue (0.45): 730, 785\u00a0nm reach it and are not blocked for this skin.",
        "May be skin tone (0.40): no wavelength of this device reaches it on this skin.",
    )


def test_missing_answers_become_questions() -> None:
    sheet = sheet_of(cases.tattoo(status=DecisionStatus.DECISION_STATUS_INCOMPLETE))
    gold, naevus = ENGLISH("question.gold"), ENGLISH("question.naevus_checked")
    assert sheet.summary.steps[1] == f"Answer: {gold}; {naevus}."
    assert sheet.summary.reasons[0].text == f"2 mandatory without an answer: {gold}, {naevus}."
    assert case.question("intake.something_new", ENGLISH) == "something new"


def test_every_intake_question_is_worded() -> None:
    fields = [*Intake.DESCRIPTOR.fields_by_name, *TattooCase.DESCRIPTOR.fields_by_name]
    told_apart = {"intake", "override", "compare_with", "test_spots"}
    assert set(fields) - told_apart <= set(ENGLISH.group("question"))


def test_unanswered_is_not_no() -> None:
    intake = Intake(gold=False, smoker=True, age=0)
    answers = {fact.label: fact.value for fact in case.answers(intake, ENGLISH)}
    wanted = {"gold": "no", "smoker": "yes", "age": "0", "keloid": "unanswered", "scarring": "unanswered"}
    assert {name: answers[ENGLISH(f"question.{name}")] for name in wanted} == wanted


def test_an_override_is_told_with_name_and_reason() -> None:
    override = Override(fitzpatrick=Fitzpatrick.FITZPATRICK_III, name="Dr Ngô", reason="tan, seen in person")
    facts = case.statement(TattooCase(override=override), ENGLISH)
    assert facts[-1].value == "to III by Dr Ngô. Reason: tan, seen in person"


def test_hard_stops_are_never_cut_from_the_first_page() -> None:
    analysis = cases.tattoo(inks=12, status=DecisionStatus.DECISION_STATUS_STOPPED)
    grave = analysis.decision.flags[0]
    for number in range(20):
        copy = analysis.decision.flags.add()
        copy.CopyFrom(grave)
        copy.id = f"X{number:02d}"
    sheet = sheet_of(analysis)
    least = sheet.summary.reasons_least
    assert [reason.mark.word for reason in sheet.summary.reasons[:least]] == ["Refer"] * 6
    told = {reason.rule for reason in sheet.summary.reasons[:least]}
    rest = {"R04", *(f"X{number:02d}" for number in range(20))} - told
    assert all(f"{name} (Refer)" in sheet.summary.reasons_more[least] for name in rest)
    assert [flag.mark.word for flag in sheet.flags][:21] == ["Refer"] * 21


def test_what_the_first_page_leaves_out_is_announced() -> None:
    summary = sheet_of(cases.tattoo(inks=12)).summary
    assert len(summary.inks_more) == len(summary.inks) + 1
    assert summary.inks_more[3] == "9 smaller ink colours more: see section 2, 3."
    assert len(summary.steps_more) == len(summary.steps) + 1
    assert summary.steps_more[-1] == ""
    told = {reason.rule for reason in summary.reasons}
    assert all(
        f"{flag.id} ({flag.mark.word})" in summary.reasons_more[-1]
        for flag in sheet_of(cases.tattoo(inks=12)).flags
        if flag.id not in told
    )


def test_a_document_with_a_job_only_says_what_is_missing() -> None:
    sheet = content.build(Analysis(job=cases.job()), render.provenance(render.TATTOO), frozenset())
    assert sheet.status == marks.UNDECIDED.mark(ENGLISH)
    no_page = "Colour was not measured: this analysis has no colour page."
    assert (sheet.no_inks, sheet.no_skin, sheet.chart.sentence) == (no_page, no_page, no_page)
    assert sheet.no_flags == "Flags were not judged: this analysis has no decision page."
    assert sheet.skins == sheet.origins == sheet.alternatives == ()
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
    assert sheet.skins[0].ita_degrees is None
    assert sheet.skins[0].facts[0].value == "not measurable: b* is not positive"
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
    analysis.job.language = "fr-CA"
    assert any("Language fr-CA was asked for" in limit for limit in sheet_of(analysis).limits)


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
    assert sheet.inks[0].advised.messages == (message.text,)
    assert analysis.decision.messages[0].text in sheet.summary.steps
    assert message.text in [barred.reason for barred in sheet.summary.barred]


def test_the_first_page_names_the_approval_and_a_doubtful_mask() -> None:
    analysis = cases.tattoo()
    analysis.decision.ruleset, analysis.decision.ruleset_approval = "tattoo@9.9.9", "Nobody signed this."
    sheet = sheet_of(analysis)
    assert sheet.approval == Fact("Ruleset tattoo@9.9.9:", "Nobody signed this.")
    assert ENGLISH("next.doubtful_mask") not in sheet.summary.steps
    analysis.segment.flags.add(code="LOW_CONFIDENCE", level=FlagLevel.FLAG_LEVEL_WARN)
    doubtful = sheet_of(analysis).summary
    assert doubtful.steps[1] == ENGLISH("next.doubtful_mask")
    analysis.segment.ink_share.low_95 = 0.0
    assert sheet_of(analysis).summary.steps[1] == ENGLISH("next.maybe_no_ink")
    quality = next(fact.value for fact in doubtful.found if fact.label == "Photo quality")
    assert "Ink mask uncertain" in quality


def test_a_lighter_skin_type_is_no_step_and_what_can_be_done_comes_first() -> None:
    analysis = cases.tattoo()
    page = analysis.decision
    page.counterfactuals[0].change = "fitzpatrick=I"
    assert sheet_of(analysis).alternatives[0].change == "Operator's skin type: I"
    assert not [step for step in sheet_of(analysis).summary.steps if step.startswith("What would change")]
    page.counterfactuals.add(change="fitzpatrick=IV", text="darker", ink_class="red", wavelength_nm=532)
    page.counterfactuals.add(change="test_spot=blue@1064", text="tested", ink_class="blue")
    assert sheet_of(analysis).summary.steps[-1] == "What would change it: tested (section 5)"


def test_each_output_says_whether_it_was_learned_measured_or_ruled() -> None:
    rows = {row.output: row.made_by for row in sheet_of(cases.tattoo()).origins}
    assert rows["Ink mask"] == "learned model ink-seg@0.1.0"
    assert rows["Class of ink 1"] == "learned model ink-class@1.0.0"
    assert rows["Colour values"] == "measurement, no learned part"
    assert rows["State of every option"] == "rules tattoo@1.0.0"
    raised = {row.output: row.certainty for row in sheet_of(cases.tattoo()).origins}
    assert raised["Flags R01, R05"] == "raised by the learned ink class, ink-class@1.0.0"


def test_two_visits_that_cannot_be_compared_say_why_and_show_no_numbers() -> None:
    progress = sheet_of(cases.returning(comparable=False)).progress
    assert progress.note == "The two visits cannot be compared."
    assert len(progress.reasons) == 2
    assert "Another camera took the earlier photo." in progress.reasons[1]
    assert progress.changes == ()


def test_a_change_within_the_detectable_one_is_no_measurable_change() -> None:
    changes = {change.name: change for change in sheet_of(cases.returning()).progress.changes}
    assert (changes["red"].mark.word, changes["red"].detectable) == ("No measurable change", "3.2")
    assert changes["black"].by_contrast == "25\u00a0% (17 to 33); band of 0 to 25\u00a0%"
    assert changes["blue"].by_contrast == "\u221214\u00a0% (\u221222 to \u22126)"
    assert changes["blue"].mark.symbol == "triangle"


def test_a_visit_that_was_named_and_not_compared_is_said_to_be() -> None:
    analysis = cases.returning()
    analysis.color.ClearField("follow_up")
    sheet = sheet_of(analysis)
    assert sheet.progress.note == "An earlier visit was named, but no comparison was made."
    assert sheet.progress.note in [fact.value for fact in sheet.summary.found]
    assert sheet_of(cases.tattoo()).progress.note == "No earlier visit was named for comparison."


def test_an_option_that_no_decision_has_yet_shows_the_state_of_the_case() -> None:
    analysis = cases.tattoo(status=DecisionStatus.DECISION_STATUS_INCOMPLETE)
    analysis.decision.counterfactuals[0].ClearField("status")
    assert sheet_of(analysis).alternatives[0].before.word == "Incomplete"


def test_a_replay_names_the_job_that_it_repeats() -> None:
    analysis = cases.tattoo()
    assert "Repeats job" not in [fact.label for fact in sheet_of(analysis).header]
    analysis.job.replay_of = colour_cases.EARLIER_ID
    assert sheet_of(analysis).header[-1] == Fact("Repeats job", colour_cases.EARLIER_ID)
