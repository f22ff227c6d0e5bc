"""The balance report's PDF: honest, one summary page, tagged, the same every time, deaf to markup."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assay.balance.v1.balance_pb2 import StanceSide, Task, View
from assay.common.v1.types_pb2 import FlagLevel, Measurement
from assay.decision.v1.decision_pb2 import DecisionStatus
from assay.events.v1.analysis_pb2 import Analysis
from pypdf import PdfReader

from mesh.landmarks import Landmarks
from svc_report import render
from svc_report.balance import compose, traces
from svc_report.balance.traces import Traces
from tests.report import balance_cases as cases

STATUSES = (
    DecisionStatus.DECISION_STATUS_OK,
    DecisionStatus.DECISION_STATUS_INCOMPLETE,
    DecisionStatus.DECISION_STATUS_STOPPED,
    DecisionStatus.DECISION_STATUS_NOT_MEASURABLE,
)
HOSTILE = ('#import "@preview/x:0.1.0": *', "#panic(1)", "]", "</text><script>x</script>", "$x$ <pages> @ref")


def found(view: str = "front") -> Traces:
    return traces.decode(cases.recording(view).traces.SerializeToString())


def typeset(
    analysis: Analysis, view: str = "front", video: Path | None = None, series: Landmarks | None = None
) -> render.Rendered:
    return compose.typeset(analysis, series or cases.recording(view).series, found(view), video)


def text_of(pdf: bytes, page: int | None = None) -> str:
    reader = PdfReader(io.BytesIO(pdf))
    pages = reader.pages if page is None else [reader.pages[page]]
    joined = " ".join(item.extract_text() for item in pages)
    return re.sub(r"\s+", " ", joined.replace("\u200b", "").replace("\u00a0", " "))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cases.video(tmp_path_factory.mktemp("video"))


@pytest.fixture(scope="module")
def usual(video: Path) -> render.Rendered:
    return typeset(cases.balance(), video=video)


def test_the_first_page_says_what_was_tested_and_what_came_out(usual: render.Rendered) -> None:
    text = text_of(usual.pdf, 0)
    for wanted in (
        "Balance assessment", "Not a diagnosis", "Łódź-0042", "single-leg stance", "left, as stated", "open",
        "hands on hips", "firm, barefoot", "from the front: sideways movement only", "20.0 s",
        "the lifted foot came down", "73 ± 5", "not given", "Reasons to refer", "B01", "balance@1.0.0",
        "clinical sign-off is pending", "1 warning", "Sway against time", "Range, sideways", "Limits of use",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_the_pages_behind_hold_everything(usual: render.Rendered) -> None:
    text = text_of(usual.pdf)
    for wanted in (
        "Spectrum", "Knee, pelvis and trunk", "Key moments", "Trunk lean", "9.1°", "Events and phases",
        "on the left leg", "Median frequency, sideways F50_ML", "0.15–3 Hz", "AP is not measurable from this",
        "26.9 s ≠, below", "Springer 2007", "arms: crossed there", "Provisional, not a norm", "28 mm †",
        "Beyond the minimal detectable change", "another pose model", "quality (several regions",
        "blazepose-full", "LOW_FRAME_RATE", "unanswered", "Did not fire", "force plate", "balance.typ",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_a_trial_that_did_not_fail_is_censored() -> None:
    analysis = cases.balance()
    analysis.sway.censored, analysis.sway.ended_by = True, "cap"
    analysis.sway.time_to_failure.value = 45.0
    text = text_of(typeset(analysis).pdf, 0)
    assert "≥ 45.0 s" in text
    assert "censored: no failure before the time limit of the test" in text


def test_a_wrong_side_is_spelt_out() -> None:
    analysis = cases.balance()
    analysis.job.balance.side = StanceSide.STANCE_SIDE_RIGHT
    assert "stated right, but the recording shows left" in text_of(typeset(analysis).pdf, 0)


def test_a_front_view_has_no_ellipse_and_a_side_view_no_sideways_number(usual: render.Rendered) -> None:
    assert "Fore-aft (AP) movement is not measurable from this view: there is no ellipse" in text_of(
        usual.pdf
    )
    side = text_of(typeset(cases.balance("left", source="device"), "left").pdf)
    assert "Sideways (ML) movement is not measurable from this view: there is no ellipse" in side
    assert "Range, fore-aft" in side
    assert "Range, sideways RANGE_ML" not in side


def test_what_the_quality_withholds_is_not_read_off_a_chart() -> None:
    analysis = cases.balance()
    for metric in analysis.sway.metrics:
        metric.measurement.ClearField("value")
        metric.measurement.not_measurable = "withheld because of CAMERA_MOVED"
    text = text_of(typeset(analysis).pdf)
    assert "mean ± 1.96 SD" not in text
    assert "Welch" not in text
    assert "No spectrum: withheld because of CAMERA_MOVED" in text
    assert "from the mean" not in text.split("Key moments")[1]


def test_nothing_measurable_is_a_report_of_its_own() -> None:
    report = compose.typeset(cases.unmeasurable(), cases.recording().series, traces.NONE, None)
    first, text = text_of(report.pdf, 0), text_of(report.pdf)
    for wanted in (
        "Not measurable", "This recording carries no score", "no score", "nobody stands on one leg",
        "NO_SINGLE_LEG_PHASE", "lift one foot for at least ten seconds", "LOW_FRAME_RATE",
    ):  # fmt: skip
        assert wanted in first, wanted
    assert "there is no chart" in text
    assert "No event was found" in text
    assert "Middle of the recording" in text


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("decision", "this analysis has no decision page"),
        ("sway", "this analysis has no page of measurements"),
        ("pose", "this analysis has no page of landmarks"),
    ],
)
def test_a_missing_page_is_said_to_be_missing(missing: Any, said: str) -> None:
    analysis = cases.balance()
    analysis.ClearField(missing)
    assert said in text_of(typeset(analysis).pdf)


def test_landmarks_alone_are_drawn_and_said_to_be_alone() -> None:
    text = text_of(typeset(cases.balance("left", source="device"), "left").pdf)
    assert "No video was sent" in text
    assert "(Pixel 8, mlkit" in text
    assert "Foot up" in text


def extreme() -> Iterator[Analysis]:
    """Cases that press the first page: many flags, questions, notes, long texts."""
    for status in STATUSES:
        for many in (0, 1, 3, 6):
            analysis = cases.balance()
            analysis.decision.status = status
            for number in range(many):
                text = f"Flag {number} with a reason that runs over more than a single line of the page. " * 2
                analysis.decision.flags.add(id=f"X{number}", severity="caution", scope="case", text=text)
                analysis.decision.messages.add(code=f"M{number}", text=f"Message {number}. " + "word " * 40)
                analysis.sway.flags.add(
                    code=f"BROKEN_{number}", level=FlagLevel.FLAG_LEVEL_FAIL, message="Something failed. " * 8
                )
            if many > 1:
                analysis.decision.missing.extend(("intake.pain", "intake.dizziness", "age_years"))
                analysis.decision.flags.add(id="H1", severity="refer", scope="case", text="Refer. " * 30)
                analysis.sway.view = View.VIEW_FRONT
                analysis.sway.bess_errors = 4
            yield analysis
    crowded = cases.balance("front", source="device")
    crowded.job.balance.task = Task.TASK_BESS
    for number in range(12):
        crowded.sway.events.add(id="heel_lift", kind="error", onset_s=5 + 0.01 * number)
    yield crowded


def test_the_summary_is_one_page_and_never_drops_a_reason_to_refer() -> None:
    for analysis in extreme():
        pdf = compose.typeset(analysis, None, found(), None).pdf
        reader = PdfReader(io.BytesIO(pdf))
        assert reader.pages[1].extract_text().lstrip().startswith("1"), analysis.decision.status
        first = text_of(pdf, 0)
        for flag in analysis.decision.flags:
            assert flag.severity != "refer" or flag.id in first


def figures(node: Any) -> Iterator[Any]:
    node = node.get_object()
    if isinstance(node, list):
        for child in node:
            yield from figures(child)
    elif isinstance(node, dict):
        if node.get("/S") == "/Figure":
            yield node
        if "/K" in node:
            yield from figures(node["/K"])


def test_it_is_tagged_and_every_picture_has_a_description(usual: render.Rendered) -> None:
    reader = PdfReader(io.BytesIO(usual.pdf))
    root: Any = reader.trailer["/Root"]
    assert b"pdfuaid:part" in root["/Metadata"].get_data()
    assert str(root["/Lang"]) == "en-GB"
    found_ = list(figures(root["/StructTreeRoot"]))
    # Chart of the first page, distribution, sway, spectrum, angles, and the key moments.
    assert len(found_) >= 8
    assert all(len(str(figure.get("/Alt", ""))) > 30 for figure in found_)


def test_the_same_input_gives_the_same_bytes(usual: render.Rendered, video: Path) -> None:
    assert typeset(cases.balance(), video=video) == usual


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_the_data_is_text(text: str) -> None:
    analysis = cases.balance()
    analysis.job.subject_id = text
    analysis.decision.flags[0].text = text
    analysis.sway.events[1].id = text
    analysis.sway.metrics[0].measurement.id = text
    pdf = typeset(analysis).pdf
    assert text_of(pdf).replace(" ", "").lower().count(text.replace(" ", "").lower()) >= 3


def test_endless_and_strange_data_is_bounded() -> None:
    analysis = cases.balance()
    analysis.job.subject_id = "\x00\u202eevil 李"
    for number in range(300):
        analysis.sway.events.add(
            id=f"e{number}", kind="weird", onset_s=1e9 if number % 2 else -5.0, confidence=9
        )
        analysis.sway.metrics.add().measurement.CopyFrom(Measurement(id=f"M{number}", value=float("inf")))
        analysis.decision.balance.norms.add(metric="x" * 400, mean=float("nan"))
    report = typeset(analysis)
    assert report.pages < 40
    assert "[U+0000][U+202E]evil [U+674E]" in text_of(report.pdf)


def test_a_warm_report_keeps_to_its_time(video: Path, usual: render.Rendered) -> None:
    analysis = cases.balance()
    analysis.job.subject_id = "not seen before"
    started = time.process_time()
    typeset(analysis, video=video)
    assert time.process_time() - started < 1.5
    assert len(usual.pdf) < 1_500_000
