"""The earlier visit in a tattoo order: found, checked, carried; and the facts that carry it stay small."""

from __future__ import annotations

import uuid
from typing import Any

import grpc.aio
import pytest
from assay.color.v1.color_pb2 import Baseline
from assay.decision.v1.decision_pb2 import TattooCase
from assay.events.v1.analysis_pb2 import Analysis
from assay.gateway.v1 import gateway_pb2 as pb

from gateway.api.baseline import MOST_BYTES, baseline
from tests.gateway.callers import Caller, Problem, order, problem_of
from tests.largest import stored


def largest(document: Analysis) -> Analysis:
    """The document with the fullest colour page that the stage writes."""
    done = Analysis.FromString(document.SerializeToString())
    done.ingest.working.CopyFrom(stored("ingest", "working.png"))
    done.ingest.camera = "m" * 128
    done.segment.mask.CopyFrom(stored("segment", "mask.png"))
    done.segment.provenance.versions.add(kind="model", name="ink-seg", version="1.0.0", sha256="a" * 64)
    color = done.color
    color.calibrated, color.illuminant, color.observer, color.colour_sd = True, "D65", "2", 1.234567
    color.difference_metric = "CIEDE2000(1:1:1)"
    color.clusters.CopyFrom(stored("color", "ink_clusters.png"))
    color.skin.linear_rgb.extend([0.123456] * 3)
    color.skin.ita_classes.extend(["intermediate"] * 6)
    for number in range(1, 9):
        ink = color.inks.add(id=number, ink_class="permanent_makeup", swatch="#123456", pixels=3_000_000)
        ink.lab.l = ink.lab.a = ink.lab.b = ink.lab_t.l = ink.lab_t.a = ink.lab_t.b = 12.34567
        ink.spread.CopyFrom(ink.lab)
        ink.delta_e_skin.id, ink.delta_e_skin.unit, ink.delta_e_skin.value = "delta_e_2000", "1", 33.3333
        ink.delta_e_skin.standard_uncertainty = ink.delta_e_skin.low_95 = ink.delta_e_skin.high_95 = 3.3333
        ink.optical_density.extend([0.987654] * 3)
        for other in range(16):
            ink.posterior.add(ink_class=f"permanent_make_{other}", probability=0.0625)
    color.chart.layout, color.chart.edition, color.chart.grade = "l" * 64, "before_2014_11", "pass"
    color.chart.tried.extend(["curve+root_polynomial_2/before_2014_11=1.23"] * 8)
    for number in range(140):
        patch = color.chart.patches.add(name=f"patch {number}", before=12.34567, loo=1.2345)
        patch.measured.CopyFrom(ink.lab)
        patch.reference.CopyFrom(ink.lab)
    for number in range(12):
        color.flags.add(code=f"COLOUR_FLAG_{number}", message="m" * 160)
        color.provenance.versions.add(kind="code", name="n" * 24, version="10.10.10", sha256="a" * 64)
    color.follow_up.baseline_job_id = str(uuid.uuid4())
    color.follow_up.reasons.extend(["r" * 160] * 4)
    done.report.pages = 3
    return done


def test_what_an_order_carries_of_the_fullest_visit_is_small() -> None:
    document = largest(Analysis())
    carried = baseline(document)
    assert carried.ByteSize() < MOST_BYTES
    assert len(carried.color.inks) == 8
    assert carried.color.chart.grade == "pass"
    assert not carried.color.HasField("follow_up"), "visits are not chained"
    assert document.color.chart.patches
    assert document.color.HasField("follow_up")


def test_a_visit_without_a_chart_carries_none() -> None:
    document = largest(Analysis())
    document.color.ClearField("chart")
    assert not baseline(document).color.HasField("chart")
    document.color.ClearField("clusters")
    assert not baseline(document).HasField("clusters")


async def finished(caller: Caller, subject_id: str = "p-1") -> str:
    """A tattoo analysis that has succeeded."""
    view, _ = await caller.analyze(order(await caller.upload(), subject_id=subject_id))
    await caller.publish_document("reported", largest(await caller.document(view.job_id)))
    await caller.until(view.job_id, pb.STATE_SUCCEEDED)
    return view.job_id


async def refused(call: Any) -> Problem:
    """Awaits a call that must be refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return problem_of(caught.value)


def against(upload_id: str, job_id: str, subject_id: str = "p-1") -> pb.AnalyzeRequest:
    """An order that names an earlier visit."""
    return order(upload_id, subject_id=subject_id, tattoo=TattooCase(compare_with=job_id))


@pytest.mark.mesh
@pytest.mark.xdist_group("gateway")
async def test_the_earlier_visit_travels_with_the_order(caller: Caller) -> None:
    earlier = await finished(caller)
    view, _ = await caller.analyze(against(await caller.upload(), earlier.upper()))
    document, before = await caller.document(view.job_id), await caller.document(earlier)
    carried: Baseline = document.job.baseline
    assert carried == baseline(before)
    assert carried.job_id == earlier
    assert carried.created_at == before.job.created_at
    assert (carried.working, carried.mask) == (before.ingest.working, before.segment.mask)
    assert carried.segmenter == "ink-seg@1.0.0"


@pytest.mark.mesh
@pytest.mark.xdist_group("gateway")
async def test_without_a_name_there_is_no_earlier_visit(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload(), subject_id="p-1"))
    assert not (await caller.document(view.job_id)).job.HasField("baseline")


@pytest.mark.mesh
@pytest.mark.xdist_group("gateway")
async def test_earlier_visits_that_are_refused(caller: Caller, gateway: Any) -> None:
    earlier = await finished(caller)
    stranger = Caller(gateway, str(uuid.uuid4()))
    running, _ = await caller.analyze(order(await caller.upload(), subject_id="p-1"))
    cases = [
        (caller, "p-1", str(uuid.uuid4()), "COMPARISON_NOT_FOUND"),
        (stranger, "p-1", earlier, "COMPARISON_NOT_FOUND"),
        (caller, "p-1", running.job_id, "COMPARISON_NOT_FINISHED"),
        (caller, "p-2", earlier, "COMPARISON_OF_ANOTHER_SUBJECT"),
        (caller, "", earlier, "COMPARISON_OF_ANOTHER_SUBJECT"),
        (caller, "p-1", "not-a-uuid", "INVALID_FIELD"),
    ]
    for who, subject_id, job_id, code in cases:
        problem = await refused(who.analyze(against(await who.upload(), job_id, subject_id)))
        assert problem.code == code
        assert problem.field == "tattoo.compare_with"
        assert problem.fix or code == "INVALID_FIELD"
