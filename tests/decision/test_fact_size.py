"""The largest document of a tattoo analysis fits into a fact at every stage: no job is lost to its size."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from assay.color.v1 import color_pb2 as color
from assay.common.v1.types_pb2 import (
    FLAG_LEVEL_WARN,
    Box,
    Lab,
    Measurement,
    Point,
    QualityFlag,
)
from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis
from assay.segment.v1.segment_pb2 import InkRegion

from gateway.api.baseline import MOST_BYTES, baseline
from mesh.facts import MAX_FACT_BYTES
from svc_color.chart.page import MOST_PATCHES, shorten
from svc_color.clusters import MOST_CLUSTERS
from svc_decision.loader import load_ruleset
from svc_decision.stage import decision_page
from svc_segment.regions import LISTED_REGIONS
from tests.decision.test_page import calibrated, spot
from tests.decision.test_stage import cluster
from tests.largest import made_by, stored

CLASSES = ("black", "red", "blue", "dark_green", "yellow", "purple", "orange", "brown")
EVERY = pb.Device(wavelengths_nm=[532, 585, 650, 670, 694, 730, 755, 785, 1064], pulse=pb.PULSE_PS)


def remarks(stage: str) -> Iterable[QualityFlag]:
    return [QualityFlag(code=f"{stage}_FLAG_{n}", level=FLAG_LEVEL_WARN, message="m" * 160) for n in range(4)]


def measured(name: str) -> Measurement:
    return Measurement(id=name, unit="mm-2", value=1.1, standard_uncertainty=0.1, low_95=0.9, high_95=1.3)


def ink(number: int) -> color.InkCluster:
    """A cluster with everything that the colour stage writes."""
    surest = CLASSES[number % len(CLASSES)]
    made = cluster(number, {name: 0.8 if name == surest else 0.02 for name in CLASSES})
    lab = Lab(l=50.1, a=10.1, b=10.1)
    for field in ("lab", "spread", "lab_t"):
        getattr(made, field).CopyFrom(lab)
    made.delta_e_skin.CopyFrom(measured("delta_e_2000"))
    made.optical_density[:] = [0.1, 0.2, 0.3]
    made.centroid.CopyFrom(Point(x=1.1, y=2.2))
    made.pixels, made.swatch, made.area_share = 10**6, "#102030", 0.1
    return made


def chart(patches: int) -> color.ColourChart:
    lab = Lab(l=50.1, a=10.1, b=10.1)
    one = {"name": "p" * 40, "measured": lab, "reference": lab, "before": 9.1}
    page = color.ColourChart(
        layout="l" * 32,
        edition="e" * 32,
        corners=[Point(x=1.1, y=2.2)] * 4,
        tried=["curve+root_polynomial_2/before_2014_11=2.22"] * 32,
        patches=[color.ChartPatch(**one, loo=n / 7, excluded="clipped") for n in range(patches)],
        patch_table=stored("color", "chart_patches.json"),
        grade="pass",
    )
    for field in page.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.name == "Measurement":
            getattr(page, field.name).CopyFrom(measured(field.name))
    return page


def largest() -> Analysis:
    """Everything that a caller may state and stages may find, up to the door of the decision."""
    document = calibrated(*(ink(n + 1) for n in range(MOST_CLUSTERS)), device=EVERY)
    case = document.job.tattoo
    case.test_spots.extend([spot()] * 16)
    case.override.CopyFrom(pb.Override(fitzpatrick=pb.FITZPATRICK_III, name="n" * 128, reason="r" * 1000))
    case.site, case.chart, case.compare_with = "forearm", "c" * 64, str(uuid.uuid4())
    document.job.language = "de"
    for field in ("original", "working", "protected_working"):
        getattr(document.ingest, field).CopyFrom(stored("ingest", field))
    document.ingest.quality.extend([measured("q" * 20)] * 12)
    document.ingest.camera = "c" * 64
    for field in ("mask", "probability", "overlay"):
        getattr(document.segment, field).CopyFrom(stored("segment", field))
    region = InkRegion(
        id=64,
        area_px=10**6,
        ink_share=0.1,
        mean_probability=0.9,
        box=Box(x=1000, y=1000, width=1000, height=1000),
        centroid=Point(x=1.1, y=2.2),
    )
    document.segment.regions.extend([region] * LISTED_REGIONS)
    document.color.chart.MergeFrom(chart(MOST_PATCHES))
    document.color.clusters.CopyFrom(stored("color", "ink_clusters.png"))
    for page in (document.ingest, document.segment, document.color):
        page.flags.extend(remarks("COLOUR"))
        page.provenance.MergeFrom(made_by(6))
    document.job.baseline.CopyFrom(baseline(document))
    change = color.InkChange(ink_class="dark_green", verdict="lighter")
    for field in change.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.name == "Measurement":
            getattr(change, field.name).CopyFrom(measured(field.name))
    follow_up = document.color.follow_up
    follow_up.inks.extend([change] * MOST_CLUSTERS)
    follow_up.registered.CopyFrom(stored("color", "earlier_registered.png"))
    follow_up.reasons.extend(["r" * 160] * 4)
    return document


def test_the_decision_of_the_largest_document_fits_beside_it() -> None:
    document = largest()
    assert document.job.baseline.ByteSize() <= MOST_BYTES
    before = document.ByteSize()
    page, whole = decision_page(document)
    document.decision.CopyFrom(page)
    document.decision.decision_json.CopyFrom(stored("decision", "decision.json"))
    document.report.pdf.CopyFrom(stored("report", "report.pdf"))
    document.report.provenance.CopyFrom(made_by(6))
    for stage in ("ingest", "segment", "color", "decision", "report"):
        run = document.runs.add(stage=stage, delivery=24, code_version="0.1.0+g0123456789")
        run.started_at.GetCurrentTime()
        run.finished_at.GetCurrentTime()
    assert before > MAX_FACT_BYTES // 3, "this is no large document"
    assert document.ByteSize() <= MAX_FACT_BYTES
    assert len(page.inks) == MOST_CLUSTERS
    assert all(len(shown.options) == len(EVERY.wavelengths_nm) for shown in page.inks)
    assert len(whole) > page.ByteSize()
    assert page.ruleset_sha256 == load_ruleset("tattoo@1.1.0").sha256


def test_a_chart_of_many_patches_leaves_its_worst_ones_in_the_page() -> None:
    page = chart(256)
    table = shorten(page)
    assert table is not None
    assert table.count(b'"reference"') == 256
    assert len(page.patches) == MOST_PATCHES
    left_out = [patch.loo for patch in page.patches]
    assert min(left_out) == (256 - MOST_PATCHES) / 7
    assert left_out == sorted(left_out), "in the order of the chart"
    assert shorten(chart(24)) is None
