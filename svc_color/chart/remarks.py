"""What is said about a chart, found or missed, as quality flags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from svc_color.chart.measured import MeasuredChart
from svc_color.quality import UNCALIBRATED, Flag

_FIX: Final = {
    "CHART_FIT_POOR": "Use even, white light of one kind, and a chart that is clean and under two years old.",
    "CHART_GREYS_TINTED": "Use light of one kind; switch filters and night modes of the camera off.",
    "CHART_LIGHT_UNEVEN": "Light chart and skin from two sides, without shadow on either.",
    "CHART_TILTED": "Lay the chart flat beside the ink and hold the camera square above it.",
    "CHART_TOO_SMALL": "Bring the camera nearer, or use more of its resolution.",
    "CHART_PATCHES_MISSING": "Show the whole chart, without glare, fingers or overexposure.",
}
NOT_FOUND: Final = Flag(
    "CHART_NOT_FOUND",
    "warn",
    "A colour chart was declared, but none like it is seen. Show all of it, flat beside the ink.",
)


def remarks(chart: MeasuredChart | None, declared: str, ink_on_chart: int) -> tuple[Flag, ...]:
    """Flags about calibration, gravest first.

    Args:
        chart: the chart in the photo. declared: what the operator stated, or "".
        ink_on_chart: pixels of the ink mask that lay on the chart.
    """
    if chart is None:
        return (UNCALIBRATED, NOT_FOUND) if declared else (UNCALIBRATED,)
    flags = [*(_rejected(chart) if chart.grade == "fail" else _warned(chart))]
    if chart.lost and chart.chosen:
        message = (
            f"The chart was declared as {chart.lost}, but the reference of {chart.chosen.edition.name} fits "
            "clearly better and was used. Check the date on the back of the chart."
        )
        flags.append(Flag("CHART_EDITION_DIFFERS", "warn", message))
    left_out = sum(bool(why) for why in chart.samples.excluded)
    if left_out:
        message = f"{left_out} patches of the chart are clipped, in glare or hidden and took no part."
        flags.append(Flag("CHART_PATCHES_LEFT_OUT", "info", message))
    if ink_on_chart:
        message = f"{ink_on_chart} pixels that were taken for ink lie on the colour chart and were left out."
        flags.append(Flag("CHART_IN_INK_MASK", "info", message))
    return tuple(flags)


def _rejected(chart: MeasuredChart) -> tuple[Flag, ...]:
    failed = [each for each in chart.findings if each.grade == "fail"]
    why = "; ".join(each.said for each in failed)
    fixes = " ".join(dict.fromkeys(_FIX[each.code] for each in failed))
    uncalibrated = (
        "The colour chart in the photo cannot calibrate it: Lab, colour difference and ITA are estimates, "
        "with a standard uncertainty of 5 per channel; use the hue family only."
    )
    return (
        replace(UNCALIBRATED, message=uncalibrated),
        Flag("CHART_REJECTED", "warn", f"The colour chart was not used: {why}. {fixes}"),
    )


def _warned(chart: MeasuredChart) -> Iterator[Flag]:
    """One flag for each code."""
    for code in dict.fromkeys(each.code for each in chart.findings):
        why = "; ".join(each.said for each in chart.findings if each.code == code)
        yield Flag(code, "warn", f"The colour chart calibrates the photo, but less well: {why}. {_FIX[code]}")
