"""The colour page: what the other stages learn about skin and inks."""

from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import version
from typing import Final

from assay.color.v1 import color_pb2
from assay.common.v1 import types_pb2

from svc_color.analyze import ILLUMINANT, OBSERVER, ColorResult, InkColour
from svc_color.chart.page import chart_page
from svc_color.classifier import Classifier
from svc_color.contrast import METRIC, Contrast
from svc_color.ita import Ita
from svc_color.quality import Flag
from svc_color.skin import SkinReference

# Probabilities below this are left out of the posterior.
_LEAST_LISTED: Final = 0.005
_COVERAGE_95: Final = 1.96
# Whatever takes part in the numbers.
_LIBRARIES: Final = ("assay", "numpy", "opencv-python-headless")


def page(result: ColorResult) -> color_pb2.ColorPage:
    """The page of a result; the reference to the stored label map is left empty."""
    return color_pb2.ColorPage(
        skin=skin_page(result.skin) if isinstance(result.skin, SkinReference) else None,
        inks=[_ink(ink) for ink in result.inks],
        calibrated=result.calibrated,
        illuminant=ILLUMINANT,
        observer=OBSERVER,
        difference_metric=METRIC,
        colour_sd=result.reading.sd,
        chart=chart_page(result.chart) if result.chart else None,
        flags=quality_flags(result.flags),
        provenance=types_pb2.Provenance(versions=[*code_versions(), _model_version(result.model)]),
    )


def quality_flags(flags: Iterable[Flag]) -> list[types_pb2.QualityFlag]:
    """Flags as the page has them."""
    return [
        types_pb2.QualityFlag(
            code=flag.code,
            level=types_pb2.FlagLevel.Value(f"FLAG_LEVEL_{flag.level.upper()}"),
            message=flag.message,
        )
        for flag in flags
    ]


@lru_cache(maxsize=1)
def code_versions() -> tuple[types_pb2.ComponentVersion, ...]:
    """Versions of the code that computes colours."""
    return tuple(
        types_pb2.ComponentVersion(kind="code", name=name, version=version(name)) for name in _LIBRARIES
    )


def _model_version(model: Classifier) -> types_pb2.ComponentVersion:
    """The classifier that named the inks."""
    name, version_ = model.label.split("@")
    return types_pb2.ComponentVersion(kind="model", name=name, version=version_, sha256=model.sha256)


def skin_page(skin: SkinReference) -> color_pb2.SkinReference:
    """The message of measured skin."""
    return color_pb2.SkinReference(
        lab=_lab(skin.lab),
        spread=_lab(skin.spread),
        linear_rgb=skin.linear_rgb,
        pixels=skin.pixels,
        ita=_ita(skin.ita),
        ita_class=skin.ita.skin_class if skin.ita else "",
        ita_classes=skin.ita.possible if skin.ita else (),
    )


def _ita(ita: Ita | None) -> types_pb2.Measurement:
    if ita is None:
        reason = (
            "The skin reference has no yellow in it (b* not positive, or C* below 3): the light is coloured."
        )
        return types_pb2.Measurement(id="ita", unit="deg", not_measurable=reason)
    reach = _COVERAGE_95 * ita.sd
    return types_pb2.Measurement(
        id="ita",
        unit="deg",
        value=ita.degrees,
        standard_uncertainty=ita.sd,
        low_95=max(-90.0, ita.degrees - reach),
        high_95=min(90.0, ita.degrees + reach),
    )


def _ink(ink: InkColour) -> color_pb2.InkCluster:
    return color_pb2.InkCluster(
        id=ink.id,
        lab=_lab(ink.lab),
        spread=_lab(ink.spread),
        area_share=ink.area_share,
        pixels=ink.pixels,
        delta_e_skin=_contrast(ink.contrast),
        lab_t=_lab(ink.lab_t) if ink.lab_t else None,
        optical_density=ink.optical_density or (),
        posterior=[
            color_pb2.ClassPosterior(ink_class=name, probability=probability)
            for name, probability in ink.posterior
            if probability >= _LEAST_LISTED
        ],
        ink_class=ink.ink_class,
        centroid=types_pb2.Point(x=ink.centroid[0], y=ink.centroid[1]),
        swatch=ink.swatch,
    )


def _contrast(contrast: Contrast | None) -> types_pb2.Measurement:
    if contrast is None:
        reason = "SKIN_REFERENCE_NOT_MEASURABLE: there is no skin to compare with."
        return types_pb2.Measurement(id="delta_e_2000", unit="1", not_measurable=reason)
    return types_pb2.Measurement(
        id="delta_e_2000",
        unit="1",
        value=contrast.value,
        standard_uncertainty=contrast.sd,
        low_95=contrast.low,
        high_95=contrast.high,
    )


def _lab(lab: tuple[float, float, float]) -> types_pb2.Lab:
    return types_pb2.Lab(l=lab[0], a=lab[1], b=lab[2])
