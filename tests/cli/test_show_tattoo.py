"""The terminal's summary: the report's first page in the same words and order."""

import io

import pytest
from assay.decision.v1.decision_pb2 import DecisionStatus
from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.json_format import MessageToDict
from rich.console import Console

from cli import show
from cli.show_tattoo import SYMBOLS
from svc_report import marks
from svc_report.words import REGIONS, words
from tests.report import cases


def printed(analysis: Analysis) -> str:
    document = MessageToDict(
        analysis, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    out = Console(file=io.StringIO(), width=160)
    show.result({"job_id": cases.JOB_ID, "kind": "tattoo", "result": document}, {"PDF": "report.pdf"}, out)
    written = out.file
    assert isinstance(written, io.StringIO)
    return " ".join(written.getvalue().split())


@pytest.mark.parametrize("language", REGIONS)
def test_found_why_what_not_and_next_stand_in_this_order(language):
    analysis = cases.returning()
    analysis.job.language = language
    text, told = printed(analysis), words(language)
    places = [text.index(told(f"page.{name}")) for name in ("found", "why", "what_not", "next")]
    assert places == sorted(places)
    assert told("status.ok.headline") in text


def test_chart_follow_up_and_protected_skin_have_their_lines():
    text = printed(cases.returning())
    assert (
        "calibrated: ColorChecker Classic, 24 patches, edition after November 2014; leave-one-out ΔE₀₀ 1.4"
        in text
    )
    assert "after 56 days: black: Lighter, red: No measurable change, blue: Darker" in text
    assert "protected site ITA 56° ± 3°" in text
    assert "The two visits cannot be compared." in printed(cases.returning(comparable=False))


def test_a_rule_is_told_with_its_evidence_and_what_raised_it():
    text = printed(cases.returning())
    assert "[found in a source: F18, F20, F23, F51; raised by the learned ink class, ink-class@1.0.0]" in text


def test_without_a_chart_no_colour_stands_as_a_number():
    status = DecisionStatus.DECISION_STATUS_QUALITATIVE
    text = printed(cases.tattoo(calibrated=False, status=status))
    assert "qualitative: no colour chart, hue families only" in text
    assert "ΔE₀₀" not in text
    assert "35.1" not in text


def test_a_job_alone_is_shown():
    assert "No decision was made." in printed(Analysis(job=cases.job()))


def test_every_symbol_of_the_report_has_a_character():
    tables = (marks.OPTIONS, marks.STATUSES, marks.SEVERITIES, marks.LEVELS, marks.GRADES, marks.VERDICTS)
    used = {look.symbol for table in tables for look in table.values()} | {marks.UNDECIDED.symbol}
    assert used <= set(SYMBOLS)
    assert len(set(SYMBOLS.values())) == len(SYMBOLS)
