"""The summary is one page and nothing leaves the page, whatever the analysis holds."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable

import numpy as np
import pytest
from assay.decision.v1.decision_pb2 import DecisionStatus
from assay.events.v1.analysis_pb2 import Analysis
from PIL import Image

from svc_report import compose, content, pictures, render
from svc_report.words import REGIONS, SECTIONS
from tests.report import cases

STATUSES = [
    status
    for status in DecisionStatus.values()
    if status
    not in (DecisionStatus.DECISION_STATUS_UNSPECIFIED, DecisionStatus.DECISION_STATUS_NOT_MEASURABLE)
]
PPI = 40.0
MM = PPI / 25.4
LONG = "a sentence that goes on and on about what the ruleset says " * 20
WORD = "unbrechbareslangeswort" * 9


def printed(analysis: Analysis, *, shown: bool = True) -> tuple[list[np.ndarray], int]:
    """Every page as grey pixels, and the page on which the first section stands, from 1."""
    fetched = cases.pictures(analysis, small=True) if shown else {}
    files = {name: pictures.to_jpeg(pictures.opened(data, name)) for name, data in fetched.items()}
    if "photo.jpg" in files:
        files |= {"now.jpg": files["photo.jpg"], "chart.jpg": files["photo.jpg"]}
    sheet = content.build(analysis, render.provenance(render.TATTOO), frozenset(files))
    with render.staged(sheet, files) as template:
        compiler = render.compiler_of(template)
        made = compiler.compile(format="png", ppi=PPI)
        found = json.loads(compiler.query("<first-section>", field="value", one=True))
    pages = made if isinstance(made, list) else [made]
    return [np.asarray(Image.open(io.BytesIO(page)).convert("L")) for page in pages], int(found)


def stays_on(pages: Iterable[np.ndarray]) -> bool:
    """Whether the margins of every page are blank: 18 mm at the sides, 8 mm below the footer."""
    side, foot = int(16.5 * MM), int(287 * MM)
    return all(
        (page[:, :side] > 250).all() and (page[:, -side:] > 250).all() and (page[foot:] > 250).all()
        for page in pages
    )


@pytest.mark.parametrize("inks", [1, 12])
@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("status", STATUSES)
def test_the_summary_is_one_page(inks: int, calibrated: bool, status: DecisionStatus.ValueType) -> None:
    pages, section = printed(cases.tattoo(inks=inks, calibrated=calibrated, status=status))
    assert section == 2
    assert stays_on(pages)


@pytest.mark.parametrize("language", REGIONS)
def test_a_full_report_stays_on_its_pages_in_every_language(language: str) -> None:
    analysis = cases.returning(inks=12)
    analysis.job.language = language
    pages, section = printed(analysis)
    assert section == 2
    assert stays_on(pages)


def crowded() -> Analysis:
    """Every list at its length and every text at its own."""
    analysis = cases.returning(inks=12)
    analysis.decision.status = DecisionStatus.DECISION_STATUS_STOPPED
    for number in range(40):
        ink = analysis.color.inks.add()
        ink.CopyFrom(analysis.color.inks[number % 12])
        ink.id = 100 + number
    for flag in analysis.decision.flags:
        flag.text = LONG
    for number in range(12):
        flag = analysis.decision.flags.add()
        flag.CopyFrom(analysis.decision.flags[0])
        flag.id, flag.severity = f"R{number + 50}", "refer"
    for ink in analysis.decision.inks:
        ink.messages.add(code="NO_LOW_RISK_OPTION", text=LONG)
        for option in ink.options:
            option.rules.extend(f"X.{WORD}.{number}" for number in range(6))
    analysis.decision.missing.extend(f"intake.{name}" for name in ("gold", "pmu", "age", "keloid") * 5)
    analysis.decision.unanswered.extend(f"R{number}" for number in range(40))
    analysis.decision.messages.add(code="LONG", text=LONG)
    analysis.decision.counterfactuals[0].text = LONG
    for ink in analysis.color.follow_up.inks:
        ink.ink_class = WORD
    analysis.job.subject_id = WORD
    analysis.job.tattoo.device.model = WORD
    analysis.job.tattoo.site = WORD
    analysis.segment.flags.add(code=WORD.upper(), level=3, message=LONG)
    return analysis


@pytest.mark.parametrize("language", ["en", "de"])
def test_extremes_never_break_the_layout(language: str) -> None:
    analysis = crowded()
    analysis.job.language = language
    pages, section = printed(analysis)
    assert section == 2
    assert stays_on(pages)
    assert len(pages) < 40


@pytest.mark.parametrize("page", ["ingest", "segment", "color", "decision"])
def test_a_missing_page_never_breaks_the_layout(page: str) -> None:
    analysis = cases.returning()
    analysis.ClearField(page)  # type: ignore[arg-type] # a name of the list above
    pages, section = printed(analysis)
    assert section == 2
    assert stays_on(pages)


def test_a_job_alone_makes_a_report() -> None:
    pages, section = printed(Analysis(job=cases.job()), shown=False)
    assert section == 2
    assert stays_on(pages)


def test_values_that_are_no_numbers_make_a_report() -> None:
    analysis = cases.returning()
    nan = float("nan")
    analysis.color.skin.ita.value = analysis.color.skin.ita.standard_uncertainty = nan
    analysis.color.protected_skin.ita.standard_uncertainty = nan
    analysis.color.inks[0].posterior[0].probability = nan
    analysis.color.inks[0].area_share = nan
    analysis.color.chart.loo_mean.value = nan
    analysis.color.chart.patches[0].measured.l = nan
    analysis.color.chart.corners[0].x = nan
    change = analysis.color.follow_up.inks[0]
    change.contrast_then.value = change.contrast_now.low_95 = change.mdc95 = change.compared_share = nan
    analysis.color.follow_up.days = nan
    report = compose.typeset(analysis, cases.pictures(analysis, small=True))
    assert report.pages > 3


def test_the_sections_stand_in_the_order_of_their_numbers() -> None:
    source = (render.TEMPLATES / render.TATTOO).read_text()
    places = [source.index(f'#section("{name}")') for name in SECTIONS]
    assert places == sorted(places)
