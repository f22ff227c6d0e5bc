"""A colour chart, protected skin and a follow-up with realistic values."""

from __future__ import annotations

from assay.color.v1.color_pb2 import ChartPatch, ColourChart, FollowUp, InkChange, SkinReference
from assay.common.v1.types_pb2 import Lab, Measurement, ObjectRef, Point

EARLIER_ID = "019a8f00-1111-7d42-9a3b-2f6c8d10e4a7"

PATCHES = (
    ("dark skin", (38.0, 13.9, 14.6)),
    ("light skin", (65.7, 18.0, 17.3)),
    ("blue sky", (50.1, -4.0, -22.6)),
    ("foliage", (43.1, -13.8, 22.6)),
    ("blue flower", (55.3, 9.3, -24.9)),
    ("bluish green", (70.7, -32.7, -0.3)),
    ("orange", (62.6, 34.3, 57.5)),
    ("purplish blue", (40.1, 10.6, -45.3)),
    ("moderate red", (51.4, 47.3, 16.3)),
    ("purple", (30.5, 22.8, -20.9)),
    ("yellow green", (72.4, -24.7, 57.3)),
    ("orange yellow", (71.7, 19.0, 67.5)),
    ("blue", (29.1, 15.3, -50.6)),
    ("green", (55.1, -38.7, 32.0)),
    ("red", (42.3, 52.2, 28.3)),
    ("yellow", (82.1, 2.9, 80.1)),
    ("magenta", (51.0, 50.5, -14.6)),
    ("cyan", (50.0, -27.5, -29.3)),
    ("white", (95.2, -1.0, 2.9)),
    ("neutral 8", (81.3, -0.6, 0.4)),
    ("neutral 6.5", (66.9, -0.7, -0.1)),
    ("neutral 5", (50.8, -0.1, 0.1)),
    ("neutral 3.5", (35.6, -0.5, -0.5)),
    ("black", (20.6, 0.1, -0.5)),
)
"""Names and rounded CIELAB of a 24-patch chart."""


def measured(name: str, value: float, unit: str = "1", spread: float | None = None) -> Measurement:
    """A measurement, with a 95 % interval of two spreads to each side when there is a spread."""
    made = Measurement(id=name, value=value, unit=unit)
    if spread is not None:
        made.standard_uncertainty, made.low_95, made.high_95 = spread, value - 2 * spread, value + 2 * spread
    return made


def chart(*, grade: str = "pass") -> ColourChart:
    """A chart of 24 patches; one is left out for glare."""
    return ColourChart(
        layout="classic24",
        edition="after_2014_11",
        corners=[Point(x=1250, y=1050), Point(x=1750, y=1065), Point(x=1740, y=1400), Point(x=1245, y=1380)],
        tilt=measured("tilt", 6.2, "deg"),
        patch_px=61.0,
        px_per_mm=6.1,
        patches_used=23,
        model="root_polynomial_2" if grade != "fail" else "",
        fit_mean=measured("fit_mean", 0.94),
        loo_mean=measured("loo_mean", 1.36 if grade == "pass" else 4.1),
        loo_max=measured("loo_max", 3.4),
        before_mean=measured("before_mean", 9.8),
        tried=["linear/after_2014_11=1.71", "root_polynomial_2/after_2014_11=1.36"],
        cct=measured("cct", 5140, "K"),
        duv=measured("duv", 0.0031),
        non_uniformity=measured("non_uniformity", 3.8, "%"),
        neutral_chroma=measured("neutral_chroma", 0.9),
        grade=grade,
        patches=[
            ChartPatch(
                name=name,
                measured=Lab(l=lightness + 0.6, a=a - 0.4, b=b + 0.7),
                reference=Lab(l=lightness, a=a, b=b),
                before=8.0 + 0.2 * number,
                loo=0.6 + 0.1 * number,
                excluded="glare" if name == "white" else "",
            )
            for number, (name, (lightness, a, b)) in enumerate(PATCHES)
        ],
    )


def protected_skin() -> SkinReference:
    """Skin of the inner arm, lighter than beside the ink."""
    return SkinReference(
        lab=Lab(l=71.0, a=6.1, b=14.0),
        spread=Lab(l=1.2, a=0.6, b=0.8),
        linear_rgb=[0.662, 0.425, 0.301],
        pixels=90_110,
        ita=measured("ita", 56.3, "deg", 3.2),
        ita_class="very light",
        ita_classes=["very light", "light"],
    )


def follow_up(registered: ObjectRef) -> FollowUp:
    """One ink lighter, one unchanged, one darker."""
    rows = (
        ("black", 35.1, 26.4, 24.8, 41.0, "lighter", 9.8),
        ("red", 27.3, 26.1, 4.4, 9.0, "unchanged", 1.0),
        ("blue", 34.2, 38.9, -13.7, -18.0, "darker", -6.1),
    )
    return FollowUp(
        baseline_job_id=EARLIER_ID,
        overlap=measured("overlap", 0.97),
        registration_error=measured("registration_error", 1.4, "px"),
        inks=[
            InkChange(
                baseline_id=number,
                ink_class=name,
                contrast_then=measured("contrast_then", then, "1", 1.1),
                contrast_now=measured("contrast_now", now, "1", 1.2),
                clearance_contrast=measured("clearance_contrast", by_contrast, "%", 4.0),
                clearance_density=measured("clearance_density", by_density, "%", 5.0),
                mdc95=3.2,
                verdict=verdict,
                lightness_change=measured("lightness_change", lightness, "1", 1.0),
                compared_share=0.94,
            )
            for number, (name, then, now, by_contrast, by_density, verdict, lightness) in enumerate(rows, 1)
        ],
        skin_change=measured("skin_change", 1.1, "1", 0.6),
        skin_mdc95=2.6,
        days=56,
        registered=registered,
    )


def incomparable() -> FollowUp:
    """Two visits under different light."""
    return FollowUp(
        baseline_job_id=EARLIER_ID,
        not_comparable=["BASELINE_UNCALIBRATED", "CAMERA_DIFFERS"],
        reasons=["The earlier photo has no colour chart.", "Another camera took the earlier photo."],
        days=56,
    )
