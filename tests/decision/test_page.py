"""What came with rulesets of format 1.1, on the page that travels: origins, sources, test spots, language."""

from __future__ import annotations

import json
from typing import Any

from assay.common.v1.types_pb2 import ComponentVersion, Measurement
from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis

from mesh.facts import MAX_FACT_BYTES
from svc_color.clusters import MOST_CLUSTERS
from svc_decision.stage import decision_page
from svc_decision.wire import MAX_PAGE_BYTES, case_of_analysis
from tests.decision.test_stage import BLACK, RED, analysis, cluster, intake

GREY = cluster(1, {"grey": 0.8, "brown": 0.15})
BROWN = cluster(1, {"brown": 0.9})


def calibrated(*inks: Any, **changes: Any) -> Analysis:
    """A photo with a chart, skin of ITA 62, decided under 1.1.0."""
    document = analysis(*inks, calibrated=True, **changes)
    document.color.skin.ita.CopyFrom(Measurement(id="ita", value=62, standard_uncertainty=3))
    document.color.chart.loo_mean.CopyFrom(Measurement(id="loo", value=1.2))
    document.color.chart.loo_max.CopyFrom(Measurement(id="loo_max", value=3.0))
    document.color.provenance.versions.append(
        ComponentVersion(kind="model", name="ink-class", version="0.3.0", sha256="00")
    )
    document.job.ruleset = "tattoo@1.1.0"
    return document


def page_of(document: Analysis) -> pb.DecisionPage:
    return decision_page(document)[0]


def spot(outcome: str = "unchanged", weeks: float = 5) -> pb.TestSpot:
    return pb.TestSpot(
        ink_class="brown", wavelength_nm=1064, reviewed_after_weeks=weeks, outcome=outcome, name="Dr Example"
    )


def test_flags_and_options_say_what_is_learned():
    page = page_of(calibrated(GREY, RED))
    flags = {flag.id: flag for flag in page.flags}
    assert list(flags["R03"].raised_by) == ["model"]
    assert flags["R03"].evidence == "found"
    assert list(flags["R40"].raised_by) == ["always"]
    grey = page.inks[0]
    assert (grey.named_by, grey.class_probability, grey.classifier) == ("model", 0.8, "ink-class@0.3.0")
    (option,) = [o for o in grey.options if o.wavelength_nm == 1064]
    assert list(option.learned) == ["E.grey.1064", "L.1064.on_label", "R03"]


def test_every_rule_named_has_its_sources_and_they_are_spelt_out():
    page = page_of(calibrated(GREY, RED))
    cited = {source.rule: source for source in page.rule_sources}
    assert {flag.id for flag in page.flags} <= cited.keys()
    named = {rule for ink in page.inks for option in ink.options for rule in option.rules}
    assert named <= cited.keys()
    assert cited["E.red.532"].evidence == "B"
    assert all(source.sources for source in page.rule_sources)
    tags = {tag for source in page.rule_sources for tag in source.sources}
    assert tags == {reference.tag for reference in page.references}
    assert all(reference.text for reference in page.references)


def test_counterfactuals_travel():
    page = page_of(calibrated(RED, fitzpatrick_operator=pb.FITZPATRICK_IV))
    told = {(c.change, c.ink_class, c.wavelength_nm): c for c in page.counterfactuals}
    entry = told["fitzpatrick=III", "red", 532]
    assert (entry.status, entry.would_be) == (pb.OPTION_STATUS_BLOCKED, pb.OPTION_STATUS_CONSIDER)
    assert entry.text
    assert entry.rules
    assert page.counterfactual_note


def test_an_open_answer_has_no_state_yet():
    answers = intake()
    answers.ClearField("gold")
    (entry,) = page_of(calibrated(RED, intake=answers)).counterfactuals
    assert (entry.change, entry.status) == ("gold=no", pb.OPTION_STATUS_UNSPECIFIED)


def test_test_spots_travel():
    held = page_of(calibrated(BROWN))
    released = page_of(calibrated(BROWN, test_spots=[spot()]))
    states = [{o.wavelength_nm: o.status for o in page.inks[0].options} for page in (held, released)]
    assert states[0][1064] == pb.OPTION_STATUS_HOLD
    assert states[1][1064] == pb.OPTION_STATUS_CONSIDER
    assert states[1][532] == pb.OPTION_STATUS_HOLD
    stopped = page_of(calibrated(BROWN, test_spots=[spot("reaction")]))
    assert stopped.status == pb.DECISION_STATUS_STOPPED


def test_the_language_of_the_job_is_that_of_the_page():
    document = calibrated(RED)
    document.job.language = "de-AT"
    page = page_of(document)
    assert page.language == "de"
    assert next(f for f in page.flags if f.id == "R40").text != (
        next(f for f in page_of(calibrated(RED)).flags if f.id == "R40").text
    )
    document.job.language = "fr"
    page = page_of(document)
    assert page.language == "en"
    assert "LANGUAGE_FALLBACK" in [m.code for m in page.messages]


def test_the_error_of_the_chart_reaches_the_gate():
    document = calibrated(BLACK)
    document.color.chart.loo_mean.value = 3.4
    assert page_of(document).status == pb.DECISION_STATUS_NO_COLOUR
    assert case_of_analysis(document).image.chart_loo_max_de00 == 3.0


def test_pages_under_1_0_0_carry_none_of_it():
    document = calibrated(GREY, RED, fitzpatrick_operator=pb.FITZPATRICK_IV)
    document.job.ruleset, document.job.language = "tattoo@1.0.0", "de"
    page, stored = decision_page(document)
    assert not page.counterfactuals
    assert not page.rule_sources
    assert not page.references
    assert not page.language
    assert not any(flag.raised_by or flag.evidence for flag in page.flags)
    assert not any(ink.named_by for ink in page.inks)
    assert not {"counterfactuals", "language"} & json.loads(stored).keys()


def test_the_page_keeps_its_bound():
    """Eight inks, the most that the colour stage finds, keep everything; 32 of a typed call fit a fact."""
    classes = ("black", "red", "blue", "dark_green", "yellow", "purple", "orange", "brown")
    inks = [cluster(n, {classes[n % 8]: 0.8, "brown": 0.15}) for n in range(1, 33)]
    device = pb.Device(wavelengths_nm=[532, 585, 650, 670, 694, 730, 755, 785, 1064], pulse=pb.PULSE_PS)
    page = page_of(calibrated(*inks[:MOST_CLUSTERS], device=device))
    assert page.ByteSize() <= MAX_PAGE_BYTES
    assert all(option.reasons and option.learned for ink in page.inks for option in ink.options)
    assert page.rule_sources
    large, stored = decision_page(calibrated(*inks, device=device))
    assert large.ByteSize() < MAX_FACT_BYTES - 16 * 1024
    assert len(large.inks) == 32
    assert large.counterfactuals
    assert len(json.loads(stored)["trace"]) > 1000
