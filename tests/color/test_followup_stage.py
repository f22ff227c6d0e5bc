"""Two visits with a colour chart through the stage, as the gateway and the decision hand them on."""

import asyncio
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import protovalidate
import pytest
from assay.color.v1.color_pb2 import ColorPage
from assay.events.v1.analysis_pb2 import Analysis

from gateway.api.baseline import MOST_BYTES, baseline
from mesh.errors import InvalidInput
from svc_color.followup.visit import PICTURE
from svc_color.images import read_label_map, read_png, write_label_map
from svc_color.space import linear_to_xyz
from svc_color.stage import handle
from svc_decision.wire import case_of_analysis
from tests.color.chart_photos import Shot, shoot
from tests.color.painting import Painting
from tests.color.test_stage import Shelf, document
from tests.color.visits import INKS, Body, Pose, body, contrast, scene

THEN = datetime(2026, 1, 12, 10, tzinfo=UTC)
SIZE = (620, 900)
BODY = body(INKS)
CORNER = {"size": SIZE, "pitch": 34.0}


def visit(shelf: Shelf, of: Body, left: float, pose: Pose, shot: Shot, at: datetime) -> Analysis:
    """An analysis as it comes to the colour stage: photo with a chart, true mask."""
    seen, labels, _ = scene(of, left, pose, SIZE)
    rgb, _ = shoot(shot, scene=linear_to_xyz(seen))
    ink = labels > 0
    probability = np.asarray(cv2.GaussianBlur(ink.astype(np.uint8) * 255, (0, 0), 1.5), np.uint8)
    analysis = document(shelf, Painting(rgb, ink, probability, ()))
    analysis.job.job_id, analysis.job.kind, analysis.job.subject_id = f"job-{at:%Y%m%d}", "tattoo", "s"
    analysis.job.created_at.FromDatetime(at)
    analysis.ingest.camera = "maker model"
    analysis.segment.provenance.versions.add(kind="model", name="ink-seg", version="1.0.0")
    return analysis


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="module")
def first(shelf: Shelf) -> Analysis:
    shot = Shot(**CORNER, offset=(300, -210))
    analysis = visit(shelf, BODY, 1.0, Pose(zoom=0.5, shift=(-110, 20)), shot, THEN)
    analysis.color.CopyFrom(asyncio.run(handle(analysis, shelf)))
    assert analysis.color.calibrated, analysis.color.flags
    return analysis


@pytest.fixture(scope="module")
def second(shelf: Shelf, first: Analysis) -> Analysis:
    """Half of the ink is left; another pose and light, and the chart lies elsewhere."""
    shot = Shot(**CORNER, offset=(310, 190), turn=12, light=(0.9, 1.0, 0.7), exposure=0.8, seed=5)
    pose = Pose(8, 0.56, (-120, -15), tilt=0.08, bend=0.08)
    return visit(shelf, BODY, 0.5, pose, shot, THEN + timedelta(days=60))


def compared(shelf: Shelf, first: Analysis, second: Analysis) -> ColorPage:
    analysis = Analysis.FromString(second.SerializeToString())
    analysis.job.baseline.CopyFrom(baseline(first))
    return asyncio.run(handle(analysis, shelf))


@pytest.fixture(scope="module")
def page(shelf: Shelf, first: Analysis, second: Analysis) -> ColorPage:
    return compared(shelf, first, second)


def test_clearance_of_two_photos_with_a_chart(page: ColorPage) -> None:
    found = page.follow_up
    assert not found.not_comparable, found.reasons
    assert not found.cautions
    assert found.days == pytest.approx(60)
    assert found.overlap.value > 0.95
    assert found.registration_error.value < 1
    by_contrast = [100 * (1 - contrast(np.array(ink), 0.5) / contrast(np.array(ink), 1)) for ink in INKS]
    assert len(found.inks) == len(INKS)
    for change in found.inks:
        assert change.verdict == "lighter"
        assert change.clearance_density.low_95 < 50 < change.clearance_density.high_95
        low, high = change.clearance_contrast.low_95, change.clearance_contrast.high_95
        assert any(low < true < high for true in by_contrast)
    assert found.skin_change.value < max(3, found.skin_mdc95)
    protovalidate.validate(page)


def test_the_earlier_photo_is_stored_in_the_frame_of_this_one(
    shelf: Shelf, second: Analysis, page: ColorPage
) -> None:
    assert page.follow_up.registered.name == PICTURE
    laid = read_png(shelf.objects[page.follow_up.registered.key], "registered", "rgb")
    labels = read_label_map(shelf.objects[page.clusters.key], "clusters")
    assert laid.shape[:2] == labels.shape == SIZE
    # Where ink lies now, ink lay then: the earlier photo is darker there than beside.
    around = cv2.dilate((labels > 0).astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    assert laid[labels > 0].mean() < laid[around & (labels == 0)].mean() - 30


def test_the_order_carries_little_of_the_earlier_visit(first: Analysis) -> None:
    carried = baseline(first)
    assert carried.ByteSize() < 3_000 < MOST_BYTES
    assert carried.camera == "maker model"
    assert carried.segmenter == "ink-seg@1.0.0"
    assert carried.color.chart.layout == first.color.chart.layout
    assert not carried.color.chart.patches
    assert not carried.color.HasField("clusters")
    assert carried.clusters == first.color.clusters
    assert first.color.chart.patches, "the earlier document itself is left alone"


def test_the_decision_learns_of_the_change(second: Analysis, page: ColorPage) -> None:
    decided = Analysis.FromString(second.SerializeToString())
    decided.color.CopyFrom(page)
    case = case_of_analysis(decided)
    assert case.skin_change_de00 == pytest.approx(page.follow_up.skin_change.value)
    assert case.mdc95 == pytest.approx(page.follow_up.skin_mdc95)
    assert all(ink.delta_l_t is not None and ink.delta_l_t > 0 for ink in case.inks)


@pytest.mark.parametrize("name", ["working", "mask", "clusters"])
def test_an_earlier_visit_that_is_gone_is_a_reason_and_no_failure(
    shelf: Shelf, first: Analysis, second: Analysis, name: str
) -> None:
    gone = Analysis.FromString(first.SerializeToString())
    owner = {"working": gone.ingest, "mask": gone.segment, "clusters": gone.color}[name]
    getattr(owner, name).key = "erased"
    found = compared(shelf, gone, second).follow_up
    assert list(found.not_comparable) == ["BASELINE_GONE"]
    assert found.reasons
    assert all(change.clearance_contrast.not_measurable == "BASELINE_GONE" for change in found.inks)
    assert found.days == pytest.approx(60)
    assert not found.HasField("registered")


def test_an_earlier_visit_that_cannot_be_read(shelf: Shelf, first: Analysis, second: Analysis) -> None:
    spoilt = Analysis.FromString(first.SerializeToString())
    for data in (b"no PNG", write_label_map(np.zeros((9, 9), np.uint8), ["#000000"])):
        shelf.objects["spoilt"] = data
        spoilt.color.clusters.key = "spoilt"
        found = compared(shelf, spoilt, second).follow_up
        assert list(found.not_comparable) == ["BASELINE_UNREADABLE"]


def test_an_earlier_visit_without_ink(shelf: Shelf, first: Analysis, second: Analysis) -> None:
    bare = Analysis.FromString(first.SerializeToString())
    del bare.color.inks[:]
    bare.color.ClearField("clusters")
    found = compared(shelf, bare, second).follow_up
    assert list(found.not_comparable) == ["NO_INK_THEN"]
    assert not found.inks


def test_a_label_map_is_read_as_it_was_written() -> None:
    labels = np.random.default_rng(1).integers(0, 9, (37, 53), dtype=np.uint8)
    data = write_label_map(labels, ["#102030"] * 8)
    assert np.array_equal(read_label_map(data, "clusters"), labels)
    for spoilt in (data[:60], data.replace(b"IDAT", b"IDAX"), b"", data[:16] + b"\xff" * 8 + data[24:]):
        with pytest.raises(InvalidInput) as caught:
            read_label_map(spoilt, "clusters")
        assert caught.value.field == "clusters"
