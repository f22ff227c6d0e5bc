"""Tattoo results for comparisons: real decisions of the engine on pages that a test varies."""

from __future__ import annotations

from typing import Any

from assay.color.v1.color_pb2 import ClassPosterior, ColorPage, InkCluster, SkinReference
from assay.common.v1.types_pb2 import ComponentVersion, FlagLevel, Lab, Measurement, Provenance, QualityFlag
from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis, Job

from svc_decision.stage import decision_page

CLASSES = ("black", "red", "dark_green", "dark_blue", "yellow")
LAB = Lab(l=60, a=10, b=5)


def intake(**changes: Any) -> pb.Intake:
    """Every question answered with no, as for a case without a risk."""
    answers: dict[str, Any] = {
        f.name: False for f in pb.Intake.DESCRIPTOR.fields if f.has_presence and f.cpp_type == f.CPPTYPE_BOOL
    }
    del answers["naevus_found"]
    answers |= {"age": 40, "isotretinoin_never": True, "naevus_checked": True, "tattoo_age_weeks": 150}
    return pb.Intake(**(answers | changes))


def result(
    *,
    ruleset: str = "tattoo@1.0.0",
    fitzpatrick: int = pb.FITZPATRICK_II,
    ita: float = 45.0,
    ita_u: float = 2.0,
    inks: tuple[str, ...] = ("black", "red"),
    contrast: float = 27.0,
    calibrated: bool = False,
    model: str = "1.0.0",
    blurred: bool = False,
    **answers: Any,
) -> Analysis:
    """A finished analysis of one photo, decided under a ruleset."""
    stated = pb.TattooCase(
        device=pb.Device(id="PW"),
        fitzpatrick_operator=fitzpatrick,  # type: ignore[arg-type]  # drawn as a number
        site="forearm",
        area_cm2=12.0,
        intake=intake(**answers),
    )
    document = Analysis(job=Job(kind="tattoo", ruleset=ruleset, language="en", tattoo=stated))
    document.ingest.source_sha256 = "5" * 64
    document.segment.provenance.CopyFrom(made_by("model", "ink-seg", model))
    document.color.CopyFrom(
        ColorPage(
            skin=SkinReference(ita=Measurement(id="ita", unit="deg", value=ita, standard_uncertainty=ita_u)),
            inks=[cluster(n, name, contrast) for n, name in enumerate(inks, 1)],
            calibrated=calibrated,
            provenance=made_by("code", "assay", "0.1.0"),
        )
    )
    if calibrated:
        document.color.chart.loo_mean.value = 1.0
    if blurred:
        document.ingest.flags.append(QualityFlag(code="IMAGE_BLURRED", level=FlagLevel.FLAG_LEVEL_FAIL))
    return decided(document)


def decided(document: Analysis) -> Analysis:
    """The document with the page that the stage writes."""
    document.decision.CopyFrom(decision_page(document)[0])
    return document


def cluster(number: int, name: str, contrast: float) -> InkCluster:
    """An ink that is certain of its class; its contrast has a 95 % interval of 4 units."""
    return InkCluster(
        id=number,
        area_share=1 / (1 + number),
        lab_t=LAB,
        delta_e_skin=Measurement(
            id="delta_e_2000", unit="1", value=contrast, low_95=contrast - 2, high_95=contrast + 2
        ),
        posterior=[ClassPosterior(ink_class=name, probability=0.99)],
        ink_class=name,
    )


def made_by(kind: str, name: str, version: str) -> Provenance:
    return Provenance(versions=[ComponentVersion(kind=kind, name=name, version=version)])
