"""The PDF itself: tagged, self-contained, the same every time, and deaf to markup in its data."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assay.events.v1.analysis_pb2 import Analysis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from mesh.errors import InvalidInput
from svc_report import compose, pictures
from tests.report import cases

HOSTILE = (
    '#import "@preview/x:0.1.0": *',
    "#panic(1)",
    "]",
    "*bold* _it_ `raw` $x$ <pages> @ref \\ //",
    '"; #read("/etc/passwd")',
    "= Heading",
)


def typeset(analysis: Analysis) -> tuple[PdfReader, compose.Report]:
    report = compose.typeset(analysis, {})
    return PdfReader(io.BytesIO(report.pdf)), report


def text_of(reader: PdfReader) -> str:
    """All text in reading order, white space and zero-width spaces folded."""
    joined = " ".join(page.extract_text() for page in reader.pages)
    return re.sub(r"\s+", " ", joined.replace("\u200b", "").replace("\u00a0", " "))


@pytest.fixture(scope="module")
def usual() -> tuple[PdfReader, compose.Report]:
    report = compose.typeset(cases.returning(), cases.pictures(cases.returning()))
    return PdfReader(io.BytesIO(report.pdf)), report


def test_it_shows_what_a_clinician_looks_for(usual: tuple[PdfReader, compose.Report]) -> None:
    text = text_of(usual[0])
    for wanted in (
        "Tattoo colour assessment", "Not a diagnosis. Not device settings.", cases.JOB_ID, "Łódź-0042",
        "22 November 2026, 04:58 UTC", "eu-central-1", "PicoWay", "Options ranked", "55 % of the ink", "36.1",
        "32.7 to 37.5", "Recommend 1064 nm", "first line, on label", "Blocked for this skin", "R01",
        "F18, F20, F23, F51", "ITA 48° ± 4°", "11 sessions (8.5 to 13.5)", "tattoo@1.0.0", "ink-seg",
        "clinical sign-off is pending", "metamerism", "Did not fire", "unanswered", "ink-class@1.0.0",
        "found in a source", "our proposal, no evidence claimed", "raised by the learned ink class",
        "root polynomial of degree 2", "5140 K", "No measurable change", "MDC₉₅", "PT 0.8 and AT 1.8",
        "If the skin type were II, 532 nm would not be blocked for blue.",
        "Skin where the sun does not reach",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_pages_are_numbered_with_the_job(usual: tuple[PdfReader, compose.Report]) -> None:
    reader, report = usual
    assert len(reader.pages) == report.pages
    for number, page in enumerate(reader.pages, start=1):
        text = page.extract_text().replace("\u00a0", " ")
        assert f"Page {number} of {report.pages}" in text
        assert f"job {cases.JOB_ID}" in text


def test_metadata_language_and_tags(usual: tuple[PdfReader, compose.Report]) -> None:
    reader = usual[0]
    root: Any = reader.trailer["/Root"]
    assert reader.metadata is not None
    assert reader.metadata.title == f"Tattoo colour assessment – job {cases.JOB_ID}"
    assert str(root["/Lang"]) == "en-GB"
    assert root["/MarkInfo"]["/Marked"] == True  # noqa: E712 - a pypdf BooleanObject, equal to but not True
    assert "/StructTreeRoot" in root
    assert b"pdfuaid:part" in root["/Metadata"].get_data()
    headings = [str(item["/Title"]) for item in reader.outline if not isinstance(item, list)]
    assert any(heading.endswith("Limits of use") for heading in headings)


def figures(node: Any) -> Iterator[Any]:
    """Structure elements of type Figure, depth first."""
    node = node.get_object()
    if isinstance(node, list):
        for child in node:
            yield from figures(child)
    elif isinstance(node, dict):
        if node.get("/S") == "/Figure":
            yield node
        if "/K" in node:
            yield from figures(node["/K"])


def test_every_picture_has_a_description(usual: tuple[PdfReader, compose.Report]) -> None:
    root: Any = usual[0].trailer["/Root"]
    found = list(figures(root["/StructTreeRoot"]))
    assert len(found) >= 3
    assert all(len(str(figure.get("/Alt", ""))) > 30 for figure in found)


def fonts_of(reader: PdfReader) -> Iterator[Any]:
    for page in reader.pages:
        resources: Any = page["/Resources"]
        for font in resources.get("/Font", {}).values():
            yield font.get_object()


def test_every_font_is_embedded(usual: tuple[PdfReader, compose.Report]) -> None:
    names = set()
    for font in fonts_of(usual[0]):
        inner = font["/DescendantFonts"][0].get_object()
        names.add(str(inner["/BaseFont"]))
        assert {"/FontFile2", "/FontFile3"} & set(inner["/FontDescriptor"].get_object())
        assert "/ToUnicode" in font
    assert names
    assert all("IBMPlexSans" in name or "NotoSans" in name for name in names)


def test_size_stays_small_with_full_pictures(usual: tuple[PdfReader, compose.Report]) -> None:
    assert len(usual[1].pdf) < 2_000_000


def test_a_warm_report_takes_less_than_a_second_of_processor_time(
    usual: tuple[PdfReader, compose.Report],
) -> None:
    analysis = cases.returning()
    analysis.job.subject_id = "not seen before"
    fetched = cases.pictures(analysis)
    started = time.process_time()
    compose.typeset(analysis, fetched)
    assert time.process_time() - started < 1.0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell resident memory")
def test_a_process_does_not_keep_the_layouts_of_its_reports() -> None:
    """Six further reports of other subjects grow the process by less than two of them would."""
    resident = []
    for number in range(8):
        analysis = cases.returning()
        analysis.job.subject_id = f"subject {number}"
        compose.typeset(analysis, cases.pictures(analysis, small=True))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        resident.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
    assert resident[-1] - resident[1] < 50


def test_the_same_input_gives_the_same_bytes(usual: tuple[PdfReader, compose.Report]) -> None:
    again = compose.typeset(cases.returning(), cases.pictures(cases.returning()))
    assert again == usual[1]


def test_another_subject_gives_other_bytes(usual: tuple[PdfReader, compose.Report]) -> None:
    analysis = cases.returning()
    analysis.job.subject_id = "somebody else"
    assert compose.typeset(analysis, cases.pictures(analysis)).pdf != usual[1].pdf


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_the_data_is_text(text: str) -> None:
    analysis = cases.tattoo(inks=1)
    analysis.job.subject_id = text
    analysis.decision.flags[0].text = text
    analysis.decision.inks[0].options[0].reasons[:] = [text]
    analysis.job.tattoo.device.model = text
    reader, _ = typeset(analysis)
    # Extraction guesses spaces from kerning; they are not the point here.
    assert text_of(reader).replace(" ", "").count(text.replace(" ", "")) >= 3


def test_strange_and_endless_texts_are_harmless() -> None:
    analysis = cases.tattoo(inks=1)
    analysis.job.subject_id = "\x00\u202eevil\u2066 李"
    analysis.decision.flags[0].text = "x" * 20_000
    analysis.decision.flags[1].text = "مرحبا بالعالم " * 20
    analysis.decision.messages[0].text = "word " * 4_000
    text = text_of(typeset(analysis)[0])
    assert "[U+0000][U+202E]evil[U+2066] [U+674E]" in text
    assert "18500 more characters in report.json" in text


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(min_size=1, max_size=40), min_size=6, max_size=6))
def test_any_text_can_be_typeset(texts: list[str]) -> None:
    analysis = cases.tattoo(inks=1)
    flag, ink = analysis.decision.flags[0], analysis.decision.inks[0]
    analysis.job.subject_id, flag.text, flag.severity, ink.ink_class, ink.options[0].label = texts[:5]
    analysis.decision.missing.append(texts[5])
    assert typeset(analysis)[1].pages >= 3


def test_a_document_at_its_limits_is_bounded() -> None:
    analysis = cases.tattoo(inks=12)
    for number in range(400):
        analysis.decision.trace.add(rule=f"T{number}", effect="nothing " * 5)
        analysis.decision.flags.add(id=f"F{number}", severity="info", text="text " * 30)
        ink = analysis.color.inks.add()
        ink.CopyFrom(analysis.color.inks[0])
        ink.id = 100 + number
    reader, _ = typeset(analysis)
    assert len(reader.pages) < 60
    assert "smaller ink colours more: see section 2, 3." in text_of(reader)


@pytest.mark.parametrize(
    "data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, cases.photo()[:4000]]
)
def test_an_unreadable_picture_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        pictures.opened(data, "analysis.segment.overlay")
    assert caught.value.code == "REPORT_PICTURE_UNREADABLE"
    assert caught.value.field == "analysis.segment.overlay"


def test_a_picture_is_scaled_and_stripped() -> None:
    small = Image.open(io.BytesIO(pictures.to_jpeg(pictures.opened(cases.photo(3000, 1000), "x"))))
    assert small.size == (1400, 467)
    assert not small.getexif()
    assert "icc_profile" not in small.info


def test_a_picture_with_too_many_pixels_is_refused_before_decoding() -> None:
    buffer = io.BytesIO()
    Image.new("1", (6000, 6000)).save(buffer, "PNG")
    with pytest.raises(InvalidInput) as caught:
        pictures.opened(buffer.getvalue(), "analysis.ingest.working")
    assert caught.value.code == "REPORT_PICTURE_TOO_LARGE"
