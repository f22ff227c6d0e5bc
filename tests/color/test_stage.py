"""The stage on a folder of objects, and the typed doors."""

import asyncio
import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import protovalidate
import pytest
import structlog
from assay.color.v1 import color_pb2
from assay.common.v1 import types_pb2
from assay.events.v1.analysis_pb2 import Analysis
from PIL import Image
from structlog.typing import FilteringBoundLogger

from mesh.errors import FailedPrecondition, InvalidInput, NotFound
from mesh.stage import StageContext
from svc_color.classifier import active
from svc_color.difference import delta_e_76, delta_e_94
from svc_color.service import difference
from svc_color.stage import STAGE, handle, measure
from tests.color.painting import Painting, paint
from tests.color.test_difference import FIRST, PUBLISHED, SECOND

T = TypeVar("T")


class Shelf:
    """A StageContext whose objects lie in memory: the storage is replaced, the stage is real."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.steps: list[float] = []

    @property
    def deadline(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=1)

    @property
    def log(self) -> FilteringBoundLogger:
        logger: FilteringBoundLogger = structlog.get_logger()
        return logger

    async def get(self, ref: types_pb2.ObjectRef) -> bytes:
        if ref.key not in self.objects:
            raise NotFound("OBJECT_NOT_FOUND", ref.key)
        return self.objects[ref.key]

    async def put(self, name: str, data: bytes, media_type: str) -> types_pb2.ObjectRef:
        digest = hashlib.sha256(data).hexdigest()
        self.objects[f"color/{name}/{digest}"] = data
        return types_pb2.ObjectRef(
            bucket="test", key=f"color/{name}/{digest}", sha256=digest, media_type=media_type, name=name
        )

    async def progress(self, percent: float, message: str) -> None:
        self.steps.append(percent)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.to_thread(function, *args)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def files(painting: Painting) -> tuple[bytes, bytes, bytes]:
    return png(painting.rgb), png(painting.mask.astype(np.uint8) * 255), png(painting.probability)


def document(shelf: StageContext, painting: Painting) -> Analysis:
    analysis = Analysis()
    refs = [asyncio.run(shelf.put(f"{i}.png", data, "image/png")) for i, data in enumerate(files(painting))]
    analysis.ingest.working.CopyFrom(refs[0])
    analysis.segment.mask.CopyFrom(refs[1])
    analysis.segment.probability.CopyFrom(refs[2])
    return analysis


PAINTING = paint([(0.10, 0.11, 0.13), (0.62, 0.12, 0.17)])


def test_writes_a_whole_page_and_the_map() -> None:
    shelf = Shelf()
    page = asyncio.run(handle(document(shelf, PAINTING), shelf))
    assert len(page.inks) == 2
    assert [ink.id for ink in page.inks] == [1, 2]
    for ink in page.inks:
        assert sum(entry.probability for entry in ink.posterior) == pytest.approx(1, abs=0.05)
        assert ink.delta_e_skin.low_95 < ink.delta_e_skin.value < ink.delta_e_skin.high_95
        assert len(ink.optical_density) == 3
    assert page.skin.ita.unit == "deg"
    assert page.skin.ita_class in page.skin.ita_classes
    assert (page.illuminant, page.observer, page.calibrated) == ("D65", "2", False)
    assert [flag.code for flag in page.flags] == ["COLOUR_UNCALIBRATED"]
    (model,) = [version for version in page.provenance.versions if version.kind == "model"]
    assert (f"{model.name}@{model.version}", model.sha256) == (active().label, active().sha256)
    assert {version.kind for version in page.provenance.versions} == {"code", "model"}
    labels = np.asarray(Image.open(io.BytesIO(shelf.objects[page.clusters.key])))
    assert labels.shape == PAINTING.mask.shape
    assert [np.count_nonzero(labels == ink.id) for ink in page.inks] == [ink.pixels for ink in page.inks]
    assert page.clusters.name == "ink_clusters.png"
    assert len(page.SerializeToString()) < 8_192
    protovalidate.validate(page)


def test_doing_it_twice_gives_the_same_bytes() -> None:
    shelf = Shelf()
    analysis = document(shelf, PAINTING)
    first, second = asyncio.run(handle(analysis, shelf)), asyncio.run(handle(analysis, shelf))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    assert sum(key.startswith("color/ink_clusters") for key in shelf.objects) == 1


def test_without_ink_the_page_says_so() -> None:
    shelf = Shelf()
    empty = Painting(PAINTING.rgb, np.zeros_like(PAINTING.mask), np.zeros_like(PAINTING.probability), ())
    page = asyncio.run(handle(document(shelf, empty), shelf))
    assert not page.inks
    assert not page.HasField("skin")
    assert not page.HasField("clusters")
    assert [flag.code for flag in page.flags] == ["NO_INK"]


def test_without_skin_the_reason_stands_where_the_value_would() -> None:
    rgb = np.where(PAINTING.mask[..., None], PAINTING.rgb, np.array([30, 80, 200], np.uint8))
    page = measure(*files(Painting(rgb, PAINTING.mask, PAINTING.probability, ()))).page
    assert not page.HasField("skin")
    assert page.inks
    for ink in page.inks:
        assert not ink.delta_e_skin.HasField("value")
        assert ink.delta_e_skin.not_measurable.startswith("SKIN_REFERENCE_NOT_MEASURABLE")
        assert not ink.HasField("lab_t")


def test_pages_that_are_missing_and_sizes_that_differ() -> None:
    with pytest.raises(FailedPrecondition, match="PAGE_MISSING"):
        asyncio.run(handle(Analysis(), Shelf()))
    working, mask, _ = files(PAINTING)
    with pytest.raises(InvalidInput, match="IMAGE_SIZES_DIFFER") as caught:
        measure(working, mask, png(PAINTING.probability[1:]))
    assert caught.value.field == "probability"


def test_the_stage_stands_where_it_should() -> None:
    assert (STAGE.name, STAGE.kind) == ("color", "tattoo")
    assert (STAGE.consumes, STAGE.publishes, STAGE.page) == ("segmented", "colored", "color")
    STAGE.prepare()


def lab(colour: np.ndarray) -> types_pb2.Lab:
    return types_pb2.Lab(l=colour[0], a=colour[1], b=colour[2])


def batch(**more: Any) -> color_pb2.DifferenceRequest:
    pairs = [
        color_pb2.LabPair(reference=lab(first), sample=lab(second))
        for first, second in zip(FIRST, SECOND, strict=True)
    ]
    return color_pb2.DifferenceRequest(pairs=pairs, **more)


def test_a_batch_of_published_pairs() -> None:
    answer = difference(batch())
    assert list(answer.differences) == pytest.approx(PUBLISHED, abs=1e-4)
    assert answer.formula == color_pb2.DIFFERENCE_FORMULA_CIEDE2000
    assert list(answer.parametric_factors) == [1, 1, 1]
    assert "assay" in {version.name for version in answer.provenance.versions}


def test_other_formulas_and_factors() -> None:
    answer = difference(batch(formula=color_pb2.DIFFERENCE_FORMULA_CIE76))
    assert list(answer.differences) == pytest.approx(delta_e_76(FIRST, SECOND))
    assert not answer.parametric_factors
    answer = difference(batch(formula=color_pb2.DIFFERENCE_FORMULA_CIE94, k_l=2))
    assert list(answer.differences) == pytest.approx(delta_e_94(FIRST, SECOND, k_l=2))
    assert list(answer.parametric_factors) == [2, 1, 1]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.1, 200.1])
def test_values_out_of_range_are_named(wrong: float) -> None:
    request = batch()
    request.pairs[7].sample.l = wrong
    with pytest.raises(InvalidInput) as caught:
        difference(request)
    assert caught.value.code == "LAB_OUT_OF_RANGE"
    assert caught.value.field == "pairs[7].sample.l"
    assert "0..200" in caught.value.fix


def test_cie76_has_no_factors() -> None:
    with pytest.raises(InvalidInput, match="FACTORS_NOT_APPLICABLE"):
        difference(batch(formula=color_pb2.DIFFERENCE_FORMULA_CIE76, k_c=1))


@pytest.mark.parametrize("wrong", [0.0, -1.0, 11.0, float("nan"), float("inf")])
def test_the_contract_refuses_impossible_factors(wrong: float) -> None:
    with pytest.raises(protovalidate.ValidationError, match="k_h"):
        protovalidate.validate(batch(k_h=wrong))


def test_the_contract_bounds_the_batch() -> None:
    for count in (0, 1001):
        pair = color_pb2.LabPair(reference=lab(FIRST[0]), sample=lab(SECOND[0]))
        with pytest.raises(protovalidate.ValidationError):
            protovalidate.validate(color_pb2.DifferenceRequest(pairs=[pair] * count))
