"""Balance orders at the public API: uploads, the course, what follows the end, comparisons."""

from __future__ import annotations

import uuid
from typing import Any

import grpc.aio
import pytest
from assay.balance.v1.balance_pb2 import (
    EYES_OPEN,
    POSE_MODE_QUALITY,
    STANCE_SIDE_LEFT,
    BalanceEvent,
    BalanceMetric,
    BalanceTrial,
)
from assay.common.v1.types_pb2 import ComponentVersion, ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from assay.gateway.v1 import gateway_pb2 as pb

from tests.gateway.callers import Caller, Problem, order, problem_of

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]

VIDEO = {"purpose": pb.UPLOAD_PURPOSE_VIDEO, "media_type": "video/mp4"}
LANDMARKS = {"purpose": pb.UPLOAD_PURPOSE_LANDMARKS, "media_type": "application/json"}


async def refused(call: Any) -> Problem:
    """Awaits a call that must be refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return problem_of(caught.value)


def trial(**fields: Any) -> BalanceTrial:
    """A trial on the left leg."""
    return BalanceTrial(side=STANCE_SIDE_LEFT, eyes=EYES_OPEN, **fields)


def measured(document: Analysis) -> Analysis:
    """The document of a job that has run to its report."""
    done = Analysis()
    done.CopyFrom(document)
    done.pose.mode = POSE_MODE_QUALITY
    done.pose.provenance.versions.append(
        ComponentVersion(kind="model", name="blazepose-full", version="0.10.14")
    )
    metric = BalanceMetric(version="1", group="sway")
    metric.measurement.id, metric.measurement.value = "RDIST_ML", 7.5
    done.sway.metrics.append(metric)
    done.sway.events.append(BalanceEvent(id="foot_up"))
    done.sway.traces.CopyFrom(ObjectRef(bucket="assay-artifacts", key="t/traces", name="traces.pb"))
    done.decision.ruleset = "balance@1.0.0"
    done.decision.balance.score.value = 71
    done.report.pages = 3
    return done


async def finished(caller: Caller, subject_id: str = "p-1") -> str:
    """A balance analysis that has succeeded."""
    upload_id = await caller.upload(b"v" * 900, **VIDEO)
    view, _ = await caller.analyze(order(upload_id, subject_id=subject_id, balance=trial()))
    await caller.publish_document("reported", measured(await caller.document(view.job_id)))
    await caller.until(view.job_id, pb.STATE_SUCCEEDED)
    return view.job_id


async def test_the_course_of_a_video_and_what_follows_its_end(caller: Caller) -> None:
    upload_id = await caller.upload(b"v" * 900, **VIDEO)
    view, _ = await caller.analyze(order(upload_id, balance=trial(height_cm=171)))
    assert view.kind == "balance"
    assert [stage.name for stage in view.stages] == ["ingest", "pose", "sway", "decision", "report"]
    document = await caller.document(view.job_id)
    assert document.job.upload_purpose == "video"
    assert document.job.balance.height_cm == 171
    whole = measured(document)
    await caller.publish_document("reported", whole)
    done = await caller.until(view.job_id, pb.STATE_SUCCEEDED)
    assert (done.model_version, done.ruleset_version) == ("blazepose-full@0.10.14", "balance@1.0.0")
    assert not done.result.HasField("annotation")
    whole.annotation.video.CopyFrom(ObjectRef(bucket="assay-artifacts", key="t/a", name="annotated.webm"))
    await caller.publish_document("annotated", whole)
    for _ in range(200):
        later = await caller.get(view.job_id)
        if later.result.HasField("annotation"):
            break
    assert "annotated.webm" in {artifact.name for artifact in later.artifacts}
    assert later.state == pb.STATE_SUCCEEDED
    assert later.finished_at == done.finished_at


async def test_a_landmark_file_is_an_upload_for_balance(caller: Caller) -> None:
    upload_id = await caller.upload(b"{}", **LANDMARKS)
    view, _ = await caller.analyze(order(upload_id, balance=trial()))
    assert (await caller.document(view.job_id)).job.upload_purpose == "landmarks"


async def test_an_upload_for_the_other_kind_is_refused(caller: Caller) -> None:
    photo, video = await caller.upload(), await caller.upload(b"v" * 900, **VIDEO)
    for request in (order(photo, balance=trial()), order(video)):
        problem = await refused(caller.analyze(request))
        assert (problem.code, problem.field) == ("UPLOAD_WRONG_PURPOSE", "upload_id")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({**VIDEO, "media_type": "image/jpeg"}, "MEDIA_TYPE_NOT_ALLOWED", "media_type"),
        ({**LANDMARKS, "media_type": "text/plain"}, "MEDIA_TYPE_NOT_ALLOWED", "media_type"),
        ({**VIDEO, "size_bytes": 300 * 2**20 + 1}, "UPLOAD_TOO_LARGE", "size_bytes"),
        ({**LANDMARKS, "size_bytes": 16 * 2**20 + 1}, "UPLOAD_TOO_LARGE", "size_bytes"),
    ],
)
async def test_uploads_that_are_not_signed(
    caller: Caller, fields: dict[str, Any], code: str, field: str
) -> None:
    problem = await refused(caller.sign(**fields))
    assert (problem.code, problem.field) == (code, field)


async def test_versions_of_the_other_kind_are_not_served(caller: Caller) -> None:
    upload_id = await caller.upload(b"v" * 900, **VIDEO)
    model = order(upload_id, balance=trial(), model="ink-seg@1.0.0")
    ruleset = order(upload_id, balance=trial(), ruleset="tattoo@1.0.0")
    assert (await refused(caller.analyze(model))).code == "MODEL_NOT_FOUND"
    assert (await refused(caller.analyze(ruleset))).code == "RULESET_NOT_FOUND"


async def test_an_earlier_trial_travels_with_the_order(caller: Caller) -> None:
    earlier = await finished(caller)
    upload_id = await caller.upload(b"v" * 900, **VIDEO)
    request = order(upload_id, subject_id="p-1", balance=trial(compare_with=[earlier]))
    view, _ = await caller.analyze(request)
    (known,) = (await caller.document(view.job_id)).job.earlier
    assert known.job_id == earlier
    assert known.pose == "blazepose-full@0.10.14 quality"
    assert known.sway.metrics[0].measurement.value == 7.5
    assert known.score.value == 71
    assert not known.sway.events
    assert not known.sway.HasField("traces")


async def test_comparisons_that_are_refused(caller: Caller, gateway: Any) -> None:
    earlier = await finished(caller)
    stranger = Caller(gateway, str(uuid.uuid4()))
    running, _ = await caller.analyze(
        order(await caller.upload(b"v" * 900, **VIDEO), subject_id="p-1", balance=trial())
    )
    tattoo, _ = await caller.analyze(order(await caller.upload(), subject_id="p-1"))
    cases = [
        (caller, "p-1", str(uuid.uuid4()), "COMPARISON_NOT_FOUND"),
        (caller, "p-1", tattoo.job_id, "COMPARISON_NOT_FOUND"),
        (caller, "p-1", running.job_id, "COMPARISON_NOT_FINISHED"),
        (caller, "p-2", earlier, "COMPARISON_OF_ANOTHER_SUBJECT"),
        (caller, "", earlier, "COMPARISON_OF_ANOTHER_SUBJECT"),
        (stranger, "p-1", earlier, "COMPARISON_NOT_FOUND"),
        (caller, "p-1", "not-a-uuid", "INVALID_FIELD"),
    ]
    for who, subject_id, job_id, code in cases:
        upload_id = await who.upload(b"v" * 900, **VIDEO)
        request = order(upload_id, subject_id=subject_id, balance=trial(compare_with=[job_id]))
        problem = await refused(who.analyze(request))
        assert problem.code == code
        assert problem.field.startswith("balance.compare_with")
