"""A segmentation as the page that travels: measurements with intervals, flags with advice, versions."""

from __future__ import annotations

from assay.common.v1.types_pb2 import (
    FLAG_LEVEL_FAIL,
    FLAG_LEVEL_WARN,
    Box,
    ComponentVersion,
    FlagLevel,
    Measurement,
    Point,
    Provenance,
    QualityFlag,
)
from assay.segment.v1.segment_pb2 import InkRegion, SegmentPage

from svc_segment.core import Segmentation
from svc_segment.model import Model
from svc_segment.regions import Region

# Proposals, chosen on the annotated photos; to be set on clinical ones (docs/models.md).
_DOUBTFUL_MEAN = 0.75
_DOUBTFUL_BAND = 5.0
_BORDER = 0.02
# All of 126 photos of bare skin stay below it (docs/models.md); advice on a shadow would be worse than none.
_LEAST_INK = 0.001
_LITTLE_SKIN = 0.6


def build(result: Segmentation, model: Model, code_version: str) -> SegmentPage:
    """The page of a result, without its stored artefacts."""
    contract = model.contract
    return SegmentPage(
        regions=[_region(r) for r in result.regions],
        regions_omitted=result.regions_omitted,
        ink_share=Measurement(
            id="ink_share",
            value=result.uncertainty.ink_share,
            unit="1",
            low_95=result.uncertainty.ink_share_low,
            high_95=result.uncertainty.ink_share_high,
        ),
        uncertainty=[
            Measurement(id="boundary_share", value=result.uncertainty.boundary_share, unit="1"),
            Measurement(id="mean_entropy", value=result.uncertainty.mean_entropy_bits, unit="bit"),
            _mean_probability(result),
        ],
        flags=flags(result),
        threshold=contract.threshold,
        execution_provider=model.provider,
        provenance=Provenance(
            versions=[
                ComponentVersion(kind="code", name="svc_segment", version=code_version),
                ComponentVersion(
                    kind="model", name=contract.name, version=contract.version, sha256=contract.sha256
                ),
            ]
        ),
    )


def flags(result: Segmentation) -> list[QualityFlag]:
    """What to know before the mask is used; no ink is a valid answer, not an error."""
    if not result.regions:
        return [
            _flag("NO_INK_FOUND", FLAG_LEVEL_FAIL, "No ink was found: check that the tattoo is in the photo.")
        ]
    out = []
    if result.uncertainty.ink_share_low < _LEAST_INK:
        message = (
            "It is not certain that there is any ink: nothing may be concluded from what was outlined. "
            "Take the photo closer, in even light, against a plain background."
        )
        out.append(_flag("INK_NOT_CERTAIN", FLAG_LEVEL_FAIL, message))
    doubt = result.mean_probability < _DOUBTFUL_MEAN or result.uncertainty.boundary_share > _DOUBTFUL_BAND
    if doubt:
        message = "The edge of the ink is uncertain: compare the outline with the photo before use."
        out.append(_flag("LOW_CONFIDENCE", FLAG_LEVEL_WARN, message))
    if result.border_share > _BORDER:
        message = "Ink reaches the edge of the photo: area and shares cover only what is in the frame."
        out.append(_flag("INK_TOUCHES_BORDER", FLAG_LEVEL_WARN, message))
    if result.uncertainty.ink_share > _LITTLE_SKIN:
        message = "Little bare skin is in the photo: take it from farther away for a skin reference."
        out.append(_flag("LITTLE_BARE_SKIN", FLAG_LEVEL_WARN, message))
    return out


def _flag(code: str, level: FlagLevel.ValueType, message: str) -> QualityFlag:
    return QualityFlag(code=code, level=level, message=message)


def _mean_probability(result: Segmentation) -> Measurement:
    if not result.regions:
        return Measurement(id="mean_ink_probability", unit="1", not_measurable="No ink was found.")
    return Measurement(id="mean_ink_probability", value=result.mean_probability, unit="1")


def _region(region: Region) -> InkRegion:
    x, y, width, height = region.box
    return InkRegion(
        id=region.id,
        area_px=region.area_px,
        ink_share=region.ink_share,
        box=Box(x=x, y=y, width=width, height=height),
        centroid=Point(x=region.centroid[0], y=region.centroid[1]),
        mean_probability=region.mean_probability,
    )
