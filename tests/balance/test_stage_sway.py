"""The sway stage and its service: real bytes in, one small page and its traces out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import grpc
import grpc.aio
import numpy as np
import protovalidate
import pytest
import structlog
from assay.balance.v1 import balance_pb2 as pb
from assay.balance.v1 import balance_pb2_grpc
from assay.common.v1.types_pb2 import FLAG_LEVEL_FAIL, ObjectRef, QualityFlag
from assay.events.v1.analysis_pb2 import Analysis
from structlog.typing import FilteringBoundLogger

from mesh import landmarks
from mesh.errors import FailedPrecondition, InvalidInput, Unmeasurable
from mesh.landmarks import MEDIA_TYPE, Landmarks
from mesh.settings import Settings
from models.synth.standing import StandingSpec, trial
from svc_balance.sway.events.rules import RULES
from svc_balance.sway.service import SwayService
from svc_balance.sway.stage import STAGE, TRACES_TYPE, handle

T = TypeVar("T")
SPEC = StandingSpec(duration_s=26, end_s=24.0, noise_px=0.4)


@dataclass
class Shelf:
    """A StageContext, and an object store, that keep objects in a dictionary."""

    objects: dict[str, bytes] = field(default_factory=dict)
    percents: list[float] = field(default_factory=list)
    deadline: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(seconds=60))
    log: FilteringBoundLogger = field(default_factory=structlog.get_logger)

    async def get(self, ref: ObjectRef, *, max_bytes: int = 2**30) -> bytes:
        data = self.objects[ref.key]
        assert len(data) <= max_bytes
        return data

    async def put(self, name: str, data: bytes, media_type: str) -> ObjectRef:
        digest = hashlib.sha256(data).hexdigest()
        self.objects[f"{name}/{digest}"] = data
        return ObjectRef(
            bucket="shelf",
            key=f"{name}/{digest}",
            sha256=digest,
            media_type=media_type,
            size_bytes=len(data),
            name=name,
        )

    async def progress(self, percent: float, message: str) -> None:
        assert message
        self.percents.append(percent)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)


async def analysis(shelf: Shelf, series: Landmarks, **stated: Any) -> Analysis:
    document = Analysis()
    document.job.kind = "balance"
    document.job.balance.CopyFrom(pb.BalanceTrial(height_cm=175, **stated))
    document.pose.landmarks.CopyFrom(await shelf.put("landmarks.pb", landmarks.encode(series), MEDIA_TYPE))
    return document


async def test_the_stage_writes_one_page_and_its_traces() -> None:
    shelf = Shelf()
    page = await handle(await analysis(shelf, trial(SPEC)[0]), shelf)
    assert page.side_found == pb.STANCE_SIDE_LEFT
    assert page.view == pb.VIEW_FRONT
    assert page.ended_by == "touchdown"
    assert page.strategy in ("ankle", "mixed", "hip", "indeterminate")
    assert page.scale_method == "height"
    assert page.mm_per_px.value == pytest.approx(SPEC.mm_per_px, rel=0.06)
    assert page.ByteSize() < 30 * 1024
    assert page.traces.name == "traces.pb"
    assert page.traces.media_type == TRACES_TYPE
    traces = pb.TraceSeries.FromString(shelf.objects[page.traces.key])
    names = {t.id for t in traces.traces}
    assert names == {
        "com_ml",
        "com_ml_raw",
        "com_ml_velocity",
        "com_x_px",
        "com_y_px",
        "foot_clearance_left",
        "foot_clearance_right",
        "fppa",
        "pelvic_obliquity",
        "trunk_lean",
        "ankle_angle",
        "hip_angle",
        "knee_flexion",
    }
    assert all(len(t.values) == len(traces.time_s) for t in traces.traces)
    assert shelf.percents == sorted(shelf.percents)
    protovalidate.validate(page)
    versions = {(v.kind, v.name): v for v in page.provenance.versions}
    assert versions[("rules", "rules")].version == "1.0.0"
    assert versions[("rules", "rules")].sha256 == RULES.sha256()
    assert versions[("rules", "compensations")].version == "1"
    assert versions[("code", "svc_balance.sway")].version == Settings().version


async def test_the_same_landmarks_give_the_same_bytes() -> None:
    pages = []
    for _ in range(2):
        shelf = Shelf()
        pages.append(await handle(await analysis(shelf, trial(SPEC)[0]), shelf))
    assert pages[0].SerializeToString(deterministic=True) == pages[1].SerializeToString(deterministic=True)


async def test_failures_of_earlier_pages_withhold_numbers() -> None:
    shelf = Shelf()
    document = await analysis(shelf, trial(SPEC)[0])
    document.ingest.flags.append(QualityFlag(code="CAMERA_MOVES", level=FLAG_LEVEL_FAIL, message="It moves."))
    page = await handle(document, shelf)
    assert "CAMERA_MOVES" in [f.code for f in page.flags]
    assert not page.time_to_failure.HasField("value")
    assert not [m for m in page.metrics if m.measurement.HasField("value")]


async def test_missing_and_broken_landmarks_are_typed_errors() -> None:
    shelf = Shelf()
    with pytest.raises(FailedPrecondition, match="NO_LANDMARKS"):
        await handle(Analysis(), shelf)
    document = await analysis(shelf, trial(SPEC)[0])
    shelf.objects[document.pose.landmarks.key] = b"\xff" * 64
    with pytest.raises(InvalidInput, match="LANDMARKS_UNREADABLE"):
        await handle(document, shelf)
    series, _ = trial(StandingSpec(duration_s=6))
    nobody = replace(series, image_px=np.full_like(series.image_px, np.nan))
    with pytest.raises(Unmeasurable, match="NO_PERSON"):
        await handle(await analysis(shelf, nobody), shelf)


def test_the_stage_stands_between_posed_and_swayed() -> None:
    assert (STAGE.kind, STAGE.consumes, STAGE.publishes, STAGE.page) == ("balance", "posed", "swayed", "sway")


@dataclass
class Room:
    """Resources as the servicer needs them."""

    objects: Shelf
    settings: Settings


async def test_the_service_answers_as_the_stage_does() -> None:
    shelf = Shelf()
    document = await analysis(shelf, trial(SPEC)[0])
    server = grpc.aio.server()
    room: Any = Room(shelf, Settings())
    balance_pb2_grpc.add_SwayServiceServicer_to_server(SwayService(room), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = balance_pb2_grpc.SwayServiceStub(channel)
            stored = pb.MeasureSwayRequest(trial=document.job.balance, object=document.pose.landmarks)
            inline = pb.MeasureSwayRequest(
                trial=document.job.balance,
                landmarks=pb.LandmarkSeries.FromString(shelf.objects[document.pose.landmarks.key]),
            )
            answers = [await stub.MeasureSway(request, timeout=30) for request in (stored, inline)]
    finally:
        await server.stop(None)
    page = await handle(document, shelf)
    written = pb.TraceSeries.FromString(shelf.objects[page.traces.key])
    page.ClearField("traces")
    for answer in answers:
        assert answer.page == page
        assert answer.traces.SerializeToString() == written.SerializeToString()
