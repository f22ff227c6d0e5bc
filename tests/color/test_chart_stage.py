"""A chart through the whole stage: true colours, the chart neither ink nor skin, and what decision hears."""

from __future__ import annotations

import asyncio
from functools import cache

import cv2
import numpy as np
import protovalidate
import pytest
from assay.color.v1.color_pb2 import ColorPage
from assay.events.v1.analysis_pb2 import Analysis

from mesh.errors import InvalidInput
from svc_color.analyze import ColorResult, analyze
from svc_color.chart.geometry import area
from svc_color.chart.identify import Placement
from svc_color.chart.measured import measure_chart
from svc_color.difference import delta_e_2000
from svc_color.ita import angle
from svc_color.skin import SkinReference
from svc_color.space import Array, lab_to_xyz
from svc_color.stage import charts, handle
from svc_decision.wire import case_of_analysis
from tests.color.chart_photos import CLASSIC, Image, Shot, pose, shoot
from tests.color.painting import Mask, Painting
from tests.color.test_stage import Shelf, document

SKIN, INK = (60.0, 12.0, 17.0), (38.0, -18.0, -4.0)
# Warm, with a phone's tone curve: far from what sRGB alone would make of it.
LAMP = Shot(
    size=(700, 1100),
    offset=(-310, 0),
    pitch=52,
    light=(1.0, 0.8, 0.6),
    exposure=0.7,
    gamma=1.2,
    turn=4,
    quality=96,
)


@cache
def photo(shot: Shot) -> tuple[Image, Mask]:
    """A square of ink on skin, with a chart to its left."""
    scene = np.tile(lab_to_xyz(np.array(SKIN)), (*shot.size, 1))
    ink = np.zeros(shot.size, np.bool_)
    ink[250:450, 750:950] = True
    scene[ink] = lab_to_xyz(np.array(INK))
    return shoot(shot, scene=scene)[0], ink


class Lamp(Shot):
    """A shot that can be a key: its camera is the standard one."""

    def __hash__(self) -> int:
        return hash((self.tilt, self.exposure, self.offset))


def of(**changes: float) -> Lamp:
    return Lamp(**{**LAMP.__dict__, **changes})


def measured(shot: Shot, extra: Mask | None = None, with_chart: bool = True) -> ColorResult:
    rgb, ink = photo(shot)
    mask = ink if extra is None else ink | extra
    chart = measure_chart(rgb, charts()) if with_chart else None
    return analyze(rgb, mask, mask.astype(np.uint8) * 255, chart)


def away(lab: tuple[float, float, float] | Array, truth: tuple[float, float, float]) -> float:
    return float(delta_e_2000(np.array(lab), np.array(truth)))


def test_colours_are_true_within_their_uncertainty() -> None:
    result = measured(of())
    plain = measured(of(), with_chart=False)
    assert isinstance(result.skin, SkinReference)
    assert isinstance(plain.skin, SkinReference)
    assert result.calibrated
    assert not plain.calibrated
    (ink,) = result.inks
    # JPEG rounds the chroma of an even surface as a whole: a* by up to 1.5.
    assert away(result.skin.lab, SKIN) < 1.6 < 8 < away(plain.skin.lab, SKIN)
    assert away(ink.lab, INK) < 1.5
    assert result.reading.sd < 2
    truth = away(INK, SKIN)
    assert ink.contrast is not None
    assert ink.contrast.low < truth < ink.contrast.high
    assert result.skin.ita is not None
    assert abs(result.skin.ita.degrees - angle(SKIN[0], SKIN[2])) < 2 * result.skin.ita.sd
    assert plain.skin.ita is None or result.skin.ita.sd < plain.skin.ita.sd


def test_exposure_divides_out() -> None:
    bright, dim = measured(of()), measured(of(exposure=0.7 * LAMP.exposure))
    assert bright.inks[0].lab_t is not None
    assert dim.inks[0].lab_t is not None
    # What is left is the JPEG's rounding; the quotient of dark ink and skin magnifies it.
    assert away(bright.inks[0].lab, dim.inks[0].lab) < 1.2
    assert away(bright.inks[0].lab_t, dim.inks[0].lab_t) < 2.5


def test_the_chart_is_neither_ink_nor_skin() -> None:
    clean = measured(of())
    on_chart = area(Placement(CLASSIC, pose(LAMP, CLASSIC), 0.0), LAMP.size)
    on_chart = cv2.erode(on_chart.astype(np.uint8), np.ones((5, 5))).astype(bool)
    fooled = measured(of(), extra=on_chart)
    assert len(fooled.inks) == len(clean.inks) == 1
    assert fooled.inks[0].pixels == clean.inks[0].pixels
    assert isinstance(fooled.skin, SkinReference)
    assert isinstance(clean.skin, SkinReference)
    assert fooled.skin.lab == pytest.approx(clean.skin.lab, abs=0.1)
    (said,) = [flag for flag in fooled.flags if flag.code == "CHART_IN_INK_MASK"]
    assert 0.97 < int(said.message.split()[0]) / np.count_nonzero(on_chart) <= 1
    assert fooled.labels[on_chart].max() == 0


def page_of(shot: Shot, declared: str = "") -> tuple[Analysis, ColorPage]:
    rgb, ink = photo(shot)
    shelf = Shelf()
    analysis = document(shelf, Painting(rgb, ink, ink.astype(np.uint8) * 255, ()))
    analysis.job.tattoo.chart = declared
    page = asyncio.run(handle(analysis, shelf))
    analysis.color.CopyFrom(page)
    return analysis, page


def test_the_page_says_what_the_chart_gave_and_decision_hears_it() -> None:
    analysis, page = page_of(of(), "classic24@after_2014_11")
    protovalidate.validate(page)
    chart = page.chart
    assert page.calibrated
    assert (chart.layout, chart.edition, chart.grade) == ("classic24", "after_2014_11", "pass")
    assert chart.model.startswith("curve+")
    assert page.colour_sd == chart.loo_mean.value
    assert chart.fit_mean.value <= chart.loo_mean.value < chart.loo_max.value < chart.before_mean.value
    assert len(chart.patches) == 24
    assert len(chart.corners) == 4
    assert len(chart.tried) == 8
    assert not chart.HasField("px_per_mm")
    assert 3500 < chart.cct.value < 5000
    patch = chart.patches[1]
    assert patch.name == "light skin"
    assert patch.loo < patch.before
    assert "COLOUR_UNCALIBRATED" not in [flag.code for flag in page.flags]
    assert len(page.SerializeToString()) < 8_192
    image = case_of_analysis(analysis).image
    assert image.chart is True
    assert image.chart_loo_de00 == chart.loo_mean.value
    assert image.chart_loo_max_de00 == chart.loo_max.value


def test_a_chart_beyond_its_gates_leaves_the_photo_uncalibrated() -> None:
    analysis, page = page_of(of(tilt=38, pitch=48))
    assert not page.calibrated
    assert page.chart.grade == "fail"
    assert page.colour_sd == 5
    assert [flag.code for flag in page.flags][:2] == ["COLOUR_UNCALIBRATED", "CHART_REJECTED"]
    assert "tilted by" in page.flags[1].message
    image = case_of_analysis(analysis).image
    assert (image.chart, image.chart_loo_de00, image.quality_ok) == (False, None, True)


def test_a_declared_chart_that_is_not_there_is_said() -> None:
    _, page = page_of(of(offset=(-3000, 0)), "classic24")
    assert not page.HasField("chart")
    assert [flag.code for flag in page.flags][:2] == ["COLOUR_UNCALIBRATED", "CHART_NOT_FOUND"]


def test_a_declared_chart_that_nobody_knows_ends_the_job() -> None:
    with pytest.raises(InvalidInput) as refused:
        page_of(of(), "munsell")
    assert refused.value.field == "tattoo.chart"
