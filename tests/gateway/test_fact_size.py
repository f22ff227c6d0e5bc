"""The largest document of a balance analysis fits into a fact at every stage, with eight comparisons."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from assay.balance.v1 import balance_pb2 as pb
from assay.balance.v1.balance_pb2 import BalanceTrial
from assay.common.v1.types_pb2 import (
    FLAG_LEVEL_FAIL,
    FLAG_LEVEL_WARN,
    FlagLevel,
    QualityFlag,
)
from assay.events.v1.analysis_pb2 import Analysis, Job

from gateway.api.earlier import MOST_BYTES, check_each_once, earlier_trial
from mesh import facts, landmarks
from mesh.errors import InvalidInput
from models.synth.standing import StandingSpec, trial
from svc_balance.sway import page as sway_page
from svc_balance.sway import stage as sway
from svc_balance.sway.flags import Flag
from svc_decision.balance.stage import decision_page
from svc_ingest.video.stage import MOST_CUTS
from tests.largest import made_by, stored

LANDMARKS = landmarks.encode(trial(StandingSpec(duration_s=46, end_s=44, noise_px=0.4))[0])
PROTOCOLS: dict[str, dict[str, Any]] = {
    "single": {"task": pb.TASK_SINGLE_LEG},
    "bess": {"task": pb.TASK_BESS, "stance": pb.STANCE_TANDEM, "eyes": pb.EYES_CLOSED},
    "ctsib": {"task": pb.TASK_CTSIB, "stance": pb.STANCE_DOUBLE, "surface": pb.SURFACE_FOAM},
    "y-balance": {"task": pb.TASK_Y_BALANCE, "reach": pb.REACH_ANTERIOR},
}


def remarks(stage: str, level: FlagLevel.ValueType) -> Iterable[QualityFlag]:
    return [QualityFlag(code=f"{stage}_FLAG_{n}", level=level, message="m" * 160) for n in range(8)]


def ran(analysis: Analysis, stage: str) -> None:
    run = analysis.runs.add(stage=stage, delivery=9, code_version="10.10.10")
    run.started_at.GetCurrentTime()
    run.finished_at.GetCurrentTime()


def ordered(protocol: str) -> Analysis:
    """A job with everything stated and every text at its longest."""
    stated = BalanceTrial(
        side=pb.STANCE_SIDE_RIGHT,
        eyes=pb.EYES_OPEN,
        height_cm=171.3,
        cap_s=44.5,
        view=pb.VIEW_FRONT,
        leg_length_cm=88.8,
        mass_kg=77.7,
        age_years=66,
        floor_marks=[
            pb.FloorMark(x_px=100.5 + n, y_px=900.3 + n % 4, right_cm=n + 0.5, ahead_cm=0.1 + n % 4)
            for n in range(32)
        ],
        intake=pb.BalanceIntake(falls_12_months=3, dizziness=True, pain=True, neurological=True),
    )
    stated.MergeFrom(BalanceTrial(**PROTOCOLS[protocol]))
    job = Job(
        job_id=str(uuid.uuid4()),
        tenant_id=str(uuid.uuid4()),
        region="local",
        kind="balance",
        epoch=1,
        upload=stored("x", "upload"),
        subject_id="s" * 64,
        model="blazepose-full@0.10.14",
        upload_purpose="video",
        balance=stated,
    )
    job.consent.text_version = "x" * 64
    job.created_at.GetCurrentTime()
    job.deadline.GetCurrentTime()
    return Analysis(job=job)


def measured(analysis: Analysis, level: FlagLevel.ValueType) -> None:
    """Fills in ingest, pose and the sway stage's real page, grown to the most its caps allow."""
    ingest, pose = analysis.ingest, analysis.pose
    ingest.video.object.CopyFrom(stored("ingest", "video.mkv"))
    ingest.video.cuts_s.extend(n * 1.1 for n in range(MOST_CUTS))
    ingest.provenance.CopyFrom(made_by(8))
    pose.landmarks.CopyFrom(stored("pose", "landmarks.pb"))
    pose.provenance.CopyFrom(made_by(3))
    ingest.flags.extend(remarks("INGEST", level))
    pose.flags.extend(remarks("POSE", level))
    told = tuple(Flag(f.code, f.level, f.message) for f in (*ingest.flags, *pose.flags))
    found, _ = sway.compute(LANDMARKS, analysis.job.balance.SerializeToString(), told, "10.10.10")
    page = pb.SwayPage.FromString(found)
    for n in range(sway_page.MAX_EVENTS - len(page.events)):
        event = page.events.add(id="hip_abduction_flexion", kind="compensation", unit="deg", confidence=0.77)
        event.onset_s, event.duration_s, event.peak, event.onset_uncertainty_s = n + 0.3, 0.3, 12.3, 0.03
    for n in range(sway_page.MAX_PHASES - len(page.phases)):
        page.phases.add(id="single_right", start_s=n + 0.1, end_s=n + 0.3)
    for _ in range(sway_page.MAX_COUNTED if page.HasField("bess_errors") else 0):
        page.bess_counted.append("stance_foot_moved@123.45")
    page.traces.CopyFrom(stored("sway", "traces.pb"))
    analysis.sway.CopyFrom(page)
    for stage in ("ingest", "pose", "sway"):
        ran(analysis, stage)


def decided(analysis: Analysis) -> None:
    page, _ = decision_page(analysis)
    page.decision_json.CopyFrom(stored("decision", "decision.json"))
    analysis.decision.CopyFrom(page)
    ran(analysis, "decision")


def reported(analysis: Analysis) -> None:
    analysis.report.pdf.CopyFrom(stored("report", "report.pdf"))
    analysis.report.json.CopyFrom(stored("report", "report.json"))
    analysis.report.provenance.CopyFrom(made_by(12))
    ran(analysis, "report")
    analysis.annotation.video.CopyFrom(stored("annotate", "annotated.webm"))
    analysis.annotation.provenance.CopyFrom(made_by(3))
    ran(analysis, "annotate")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("level", [FLAG_LEVEL_WARN, FLAG_LEVEL_FAIL])
def test_the_largest_document_fits_at_every_stage(protocol: str, level: FlagLevel.ValueType) -> None:
    before = ordered(protocol)
    measured(before, level)
    decided(before)
    one = earlier_trial(before)
    now = ordered(protocol)
    now.job.balance.compare_with.extend(str(uuid.uuid4()) for _ in range(8))
    for job_id in now.job.balance.compare_with:
        one.job_id = job_id
        now.job.earlier.append(one)
    carried = sum(each.ByteSize() for each in now.job.earlier)
    assert carried <= MOST_BYTES, "eight real trials are not refused"
    measured(now, level)
    decided(now)
    reported(now)
    assert now.ByteSize() + MOST_BYTES - carried <= facts.MAX_FACT_BYTES


def test_an_analysis_named_twice_is_refused_whatever_its_case() -> None:
    first, again = str(uuid.uuid4()), str(uuid.uuid4())
    check_each_once(Job(balance=BalanceTrial(compare_with=[first, again])))
    with pytest.raises(InvalidInput) as caught:
        check_each_once(Job(balance=BalanceTrial(compare_with=[again, first, first.upper()])))
    assert (caught.value.code, caught.value.field) == ("INVALID_FIELD", "balance.compare_with[2]")
