"""The chart's part of the colour page."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
from assay.color.v1 import color_pb2
from assay.common.v1 import types_pb2
from google.protobuf.json_format import MessageToDict

from svc_color.chart.identify import chart_cells
from svc_color.chart.lattice import pitch
from svc_color.chart.measured import MeasuredChart
from svc_color.space import Array

# Patches that a job's page holds: those of the common charts.
MOST_PATCHES: Final = 24
_COVERAGE_95: Final = 1.96
_UNREAD: Final = "CHART_PATCHES_MISSING: too few patches could be read."
_NO_TEMPERATURE: Final = "The light lies too far from the Planckian locus, or beyond 1000 K to 15 000 K."


def chart_page(chart: MeasuredChart) -> color_pb2.ColourChart:
    """The message of a measured chart."""
    fit, light = chart.chosen, chart.light
    used = chart.samples.used
    return color_pb2.ColourChart(
        layout=chart.layout.name,
        edition=fit.edition.name if fit else "",
        corners=[types_pb2.Point(x=float(x), y=float(y)) for x, y in chart.corners],
        tilt=_measured("tilt", "deg", chart.tilt.degrees, chart.tilt.sd),
        patch_px=chart.samples.patch_px,
        px_per_mm=_px_per_mm(chart),
        patches_used=int(np.count_nonzero(used)),
        model=fit.correction.name if fit else "",
        fit_mean=_measured("chart_fit", "1", float(fit.fitted.mean()) if fit else None),
        loo_mean=_measured("chart_loo_mean", "1", fit.loo_mean if fit else None),
        loo_max=_measured("chart_loo_max", "1", fit.loo_max if fit else None),
        before_mean=_measured("chart_before", "1", float(chart.before[used].mean()) if used.any() else None),
        tried=[f"{each.correction.name}/{each.edition.name}={each.loo_mean:.2f}" for each in chart.fits],
        cct=_measured("cct", "K", light.cct if light else None, why=_NO_TEMPERATURE if light else _UNREAD),
        duv=_measured("duv", "1", light.duv if light else None),
        non_uniformity=_measured(
            "non_uniformity",
            "%",
            chart.unevenness.percent if chart.unevenness else None,
            chart.unevenness.sd if chart.unevenness else None,
        ),
        neutral_chroma=_measured("neutral_chroma", "1", chart.neutral_chroma if fit else None),
        grade=chart.grade,
        patches=[_patch(chart, index) for index in range(len(chart.layout.patches))],
        patch_count=len(chart.layout.patches),
    )


def shorten(page: color_pb2.ColourChart) -> bytes | None:
    """Leaves the MOST_PATCHES patches that fit worst in the page, in their order; answers all as JSON.

    A fact has 64 KiB for all pages, and a custom chart up to 256 patches. None where nothing had to go.
    """
    every = list(page.patches)
    if len(every) <= MOST_PATCHES:
        return None
    worst = sorted(range(len(every)), key=lambda index: -every[index].loo)[:MOST_PATCHES]
    del page.patches[:]
    page.patches.extend(every[index] for index in sorted(worst))
    table = [MessageToDict(patch, preserving_proto_field_name=True) for patch in every]
    return json.dumps(table, ensure_ascii=False).encode()


def _patch(chart: MeasuredChart, index: int) -> color_pb2.ChartPatch:
    fit, why = chart.chosen, chart.samples.excluded[index]
    seen = bool(np.all(np.isfinite(chart.samples.colours[index])))
    reference = (fit.edition if fit else chart.layout.editions[0]).lab[index]
    return color_pb2.ChartPatch(
        name=chart.layout.patches[index],
        measured=_lab(fit.lab[index]) if fit and seen else None,
        reference=_lab(reference),
        before=float(chart.before[index]) if seen else 0.0,
        loo=float(fit.left_out[index]) if fit and seen else 0.0,
        excluded=why,
    )


def _px_per_mm(chart: MeasuredChart) -> float | None:
    """Scale at the chart: its pitch in pixels, the mean of both directions, over its pitch in mm."""
    if chart.layout.pitch_mm is None:
        return None
    pitches = pitch(chart.placement.homography, chart_cells(chart.layout))
    return float(pitches.mean()) / chart.layout.pitch_mm


def _measured(
    name: str, unit: str, value: float | None, sd: float | None = None, why: str = _UNREAD
) -> types_pb2.Measurement:
    if value is None:
        return types_pb2.Measurement(id=name, unit=unit, not_measurable=why)
    measured = types_pb2.Measurement(id=name, unit=unit, value=value)
    if sd is not None:
        reach = _COVERAGE_95 * sd
        measured.standard_uncertainty = sd
        # Neither a tilt nor an unevenness is below 0.
        measured.low_95, measured.high_95 = max(0.0, value - reach), value + reach
    return measured


def _lab(lab: Array) -> types_pb2.Lab:
    return types_pb2.Lab(l=float(lab[0]), a=float(lab[1]), b=float(lab[2]))
