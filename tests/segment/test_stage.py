"""The stage handler against a context in memory: real model, real files, one page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import cv2
import numpy as np
import pytest
import structlog
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from structlog.typing import FilteringBoundLogger

from mesh import registry
from mesh.errors import DeadlineExceeded, FailedPrecondition, InvalidInput, NotFound
from svc_segment.model import NAME
from svc_segment.stage import STAGE, handle

T = TypeVar("T")


@dataclass
class Shelf:
    """A StageContext that keeps objects in a dictionary."""

    objects: dict[str, bytes] = field(default_factory=dict)
    deadline: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(seconds=60))
    log: FilteringBoundLogger = field(default_factory=structlog.get_logger)

    async def get(self, ref: ObjectRef) -> bytes:
        return self.objects[ref.key]

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
        assert 0 <= percent <= 100
        assert message

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)


async def analysis(shelf: Shelf, data: bytes, model: str = "") -> Analysis:
    document = Analysis()
    document.job.model = model
    document.ingest.working.CopyFrom(await shelf.put("working.png", data, "image/png"))
    return document


def picture(shelf: Shelf, ref: ObjectRef) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(shelf.objects[ref.key], np.uint8), cv2.IMREAD_UNCHANGED)


async def test_the_sample_photo_gives_a_full_page(sample_jpeg: bytes) -> None:
    shelf = Shelf()
    page = await handle(await analysis(shelf, sample_jpeg), shelf)
    mask, probability = picture(shelf, page.mask), picture(shelf, page.probability)
    assert mask.shape == probability.shape == (1200, 1600)
    assert set(np.unique(mask)) == {0, 255}
    assert page.overlay.media_type == "image/jpeg"
    assert picture(shelf, page.overlay).shape == (960, 1280, 3)
    assert page.ink_share.value == pytest.approx((mask > 0).mean())
    assert page.ink_share.low_95 <= page.ink_share.value <= page.ink_share.high_95
    assert page.regions[0].area_px == max(r.area_px for r in page.regions)
    assert {m.id for m in page.uncertainty} == {"boundary_share", "mean_entropy", "mean_ink_probability"}
    versions = {v.kind: v for v in page.provenance.versions}
    assert f"{versions['model'].name}@{versions['model'].version}" == registry.serve("", NAME).label
    assert len(versions["model"].sha256) == 64
    assert page.execution_provider.endswith("ExecutionProvider")
    assert page.ByteSize() < 16_000


async def test_twice_the_same_work_is_the_same_page(scene_png: bytes) -> None:
    shelf = Shelf()
    document = await analysis(shelf, scene_png)
    first, second = await handle(document, shelf), await handle(document, shelf)
    assert first == second


async def test_bare_skin_has_no_ink_and_that_is_an_answer() -> None:
    shelf = Shelf()
    rng = np.random.default_rng(2)
    skin = np.array([120, 150, 200]) + rng.normal(0, 2, (256, 256, 3))  # BGR
    page = await handle(
        await analysis(shelf, cv2.imencode(".png", skin.astype(np.uint8))[1].tobytes()), shelf
    )
    assert [f.code for f in page.flags] == ["NO_INK_FOUND"]
    assert page.ink_share.value == 0
    assert not page.regions
    measured = {m.id: m for m in page.uncertainty}
    assert measured["mean_ink_probability"].not_measurable
    assert not measured["mean_ink_probability"].HasField("value")


async def test_what_is_wrong_is_named(scene_png: bytes) -> None:
    shelf = Shelf()
    with pytest.raises(FailedPrecondition):
        await handle(Analysis(), shelf)
    with pytest.raises(NotFound):
        await handle(await analysis(shelf, scene_png, model="ink-seg@7.0.0"), shelf)
    with pytest.raises(InvalidInput) as error:
        await handle(await analysis(shelf, b"no image"), shelf)
    assert error.value.field == "ingest.working"
    late = Shelf(deadline=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(DeadlineExceeded):
        await handle(await analysis(late, scene_png), late)


def test_the_stage_is_wired_as_the_design_says() -> None:
    assert (STAGE.name, STAGE.kind, STAGE.page) == ("segment", "tattoo", "segment")
    assert (STAGE.consumes, STAGE.publishes) == ("ingested", "segmented")
    STAGE.prepare()


async def test_a_shadow_is_compared_and_changes_nothing(scene_png: bytes, monkeypatch) -> None:
    shelf = Shelf()
    document = await analysis(shelf, scene_png)
    alone = await handle(document, shelf)
    oldest = registry.entries(NAME)[0].label
    # The active version beside itself would be no comparison: it answers for another one here.
    monkeypatch.setenv("ASSAY_SHADOW_MODEL", oldest)
    document.job.model = registry.entries(NAME)[-1].label
    page = await handle(document, shelf)
    if oldest == document.job.model:
        assert not page.HasField("shadow")
    else:
        assert f"{page.shadow.model.name}@{page.shadow.model.version}" == oldest
        assert 0 <= page.shadow.mask_iou.value <= 1
        assert page.shadow.ink_share.low_95 <= page.shadow.ink_share.high_95
    page.ClearField("shadow")
    assert page == alone


async def test_a_shadow_that_fails_leaves_the_answer(scene_png: bytes, monkeypatch) -> None:
    monkeypatch.setenv("ASSAY_SHADOW_MODEL", "ink-seg@99.0.0")
    shelf = Shelf()
    page = await handle(await analysis(shelf, scene_png), shelf)
    assert page.shadow.failure == "MODEL_NOT_FOUND"
    assert page.mask.key
    assert not page.shadow.HasField("mask_iou")


async def test_a_recalled_model_ends_the_job_with_the_reason(scene_png: bytes, monkeypatch) -> None:
    label = registry.serve("", NAME).label
    monkeypatch.setenv("ASSAY_RECALLED_MODELS", label)
    shelf = Shelf()
    document = await analysis(shelf, scene_png)
    document.job.model = label
    with pytest.raises(FailedPrecondition) as error:
        await handle(document, shelf)
    assert error.value.code == "MODEL_RECALLED"
