"""Protected skin in a photo of its own: measured by the chart in it, refused without; then R12 fires."""

import asyncio

import cv2
import numpy as np
import pytest
from assay.common.v1.types_pb2 import FlagLevel, Measurement, QualityFlag
from assay.events.v1.analysis_pb2 import Analysis

from svc_color.chart.layouts import known
from svc_color.difference import delta_e_2000
from svc_color.ita import angle
from svc_color.page import skin_page
from svc_color.protected import ProtectedSkin, protected_skin
from svc_color.skin import Image
from svc_color.space import xyz_to_lab
from svc_color.stage import handle
from svc_decision.stage import handle as decide
from tests.color.chart_photos import CAMERA, SKIN, Shot, shoot
from tests.color.test_stage import PAINTING, Shelf, document, png
from tests.decision.test_stage import BLACK, Folder, analysis

# The chart beside the skin, in a light that is dim and tinted.
SHOT = Shot(pitch=46, offset=(-230, -180), light=(1.0, 0.9, 0.75), exposure=0.8)
TRUTH = xyz_to_lab(np.linalg.inv(CAMERA) @ np.array(SKIN))


@pytest.fixture(scope="module")
def photo() -> Image:
    return shoot(SHOT)[0]


def measured(rgb: Image) -> ProtectedSkin:
    return protected_skin(rgb, known())


def codes(found: ProtectedSkin) -> list[str]:
    return [flag.code for flag in found.flags]


def test_skin_beside_a_chart_is_measured(photo: Image) -> None:
    found = measured(photo)
    assert found.skin is not None
    assert codes(found) == []
    assert float(delta_e_2000(found.skin.lab, TRUTH)) < 1.5
    assert found.skin.ita is not None
    assert found.skin.ita.degrees == pytest.approx(angle(TRUTH[0], TRUTH[2]), abs=4)
    assert found.skin.ita.sd < 10


def test_without_a_chart_it_is_not_compared() -> None:
    height, width = SHOT.size
    rng = np.random.default_rng(3)
    plain = (np.tile([190, 150, 130], (height, width, 1)) + rng.normal(0, 2, (height, width, 3))).astype(
        np.uint8
    )
    found = measured(plain)
    assert found.skin is None
    assert codes(found) == ["PROTECTED_SKIN_UNCALIBRATED"]


def test_ink_in_it_is_left_out_and_said(photo: Image) -> None:
    inked = photo.copy()
    cv2.circle(inked, (560, 430), 60, (40, 38, 42), -1)
    found = measured(inked)
    assert codes(found) == ["PROTECTED_SKIN_MARKED"]
    assert found.skin is not None
    assert float(delta_e_2000(found.skin.lab, TRUTH)) < 1.5


def test_cloth_is_no_skin(photo: Image) -> None:
    covered = photo.copy()
    covered[300:, :] = (40, 90, 170)
    covered[:, 450:] = (40, 90, 170)
    found = measured(covered)
    assert found.skin is None
    assert codes(found) == ["PROTECTED_SKIN_NOT_MEASURABLE"]


def with_second(shelf: Shelf, second: Image, *flags: QualityFlag) -> Analysis:
    ordered = document(shelf, PAINTING)
    ordered.ingest.protected_working.CopyFrom(
        asyncio.run(shelf.put("protected_working.png", png(second), "image/png"))
    )
    ordered.ingest.flags.extend(flags)
    return ordered


def test_the_page_has_it_beside_the_tattoo(photo: Image) -> None:
    shelf = Shelf()
    page = asyncio.run(handle(with_second(shelf, photo), shelf))
    assert page.protected_skin.ita.HasField("value")
    assert page.protected_skin.ita_class in page.protected_skin.ita_classes
    assert page.inks
    assert not page.calibrated, "the chart in the second photo says nothing about the first"


def test_a_photo_that_failed_its_own_check_is_not_measured(photo: Image) -> None:
    shelf = Shelf()
    failed = QualityFlag(code="PROTECTED_HDR_TRANSFER", level=FlagLevel.FLAG_LEVEL_FAIL, message="HDR")
    page = asyncio.run(handle(with_second(shelf, photo, failed), shelf))
    assert not page.HasField("protected_skin")
    assert "PROTECTED_SKIN_UNFIT" in [flag.code for flag in page.flags]


async def test_darker_skin_at_the_tattoo_raises_tan(photo: Image) -> None:
    """Row T26 by photos: margin 10 degrees below protected skin raises R12 and shifts the skin gate."""
    found = measured(photo)
    assert found.skin is not None
    assert found.skin.ita is not None
    ordered = analysis(BLACK, calibrated=True)
    ordered.color.protected_skin.CopyFrom(skin_page(found.skin))
    for below, fires in ((14.0, True), (4.0, False)):
        margin = found.skin.ita.degrees - below
        ordered.color.skin.ita.CopyFrom(Measurement(id="ita", value=margin, standard_uncertainty=3))
        flags = {flag.id for flag in (await decide(ordered, Folder())).flags}
        assert ("R12" in flags) == fires
    ordered.job.tattoo.ita_protected = margin
    assert "R12" not in {flag.id for flag in (await decide(ordered, Folder())).flags}, "what is stated counts"


async def test_a_poor_photo_of_protected_skin_does_not_stop_the_decision() -> None:
    ordered = analysis(BLACK, calibrated=True)
    for code, stops in (("PROTECTED_EXPOSURE", False), ("PROTECTED_BLURRED", False), ("EXPOSURE", True)):
        ordered.ingest.flags.add(code=code, level=FlagLevel.FLAG_LEVEL_FAIL, message="poor")
        assert ("R36" in {flag.id for flag in (await decide(ordered, Folder())).flags}) == stops
