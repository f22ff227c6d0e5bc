"""Analyses with realistic values, and the pictures they refer to."""

from __future__ import annotations

import io
from dataclasses import dataclass

from assay.color.v1.color_pb2 import (
    Baseline,
    ClassPosterior,
    ColorPage,
    InkCluster,
    SkinReference,
)
from assay.common.v1.types_pb2 import (
    ComponentVersion,
    FlagLevel,
    Lab,
    Measurement,
    ObjectRef,
    Provenance,
    QualityFlag,
)
from assay.decision.v1.decision_pb2 import (
    Counterfactual,
    DecisionMessage,
    DecisionPage,
    DecisionStatus,
    Device,
    Fitzpatrick,
    InkDecision,
    Intake,
    OptionStatus,
    Pulse,
    Reference,
    RiskFlag,
    RuleSource,
    SessionEstimate,
    TattooCase,
    TestSpot,
    TraceEntry,
    WavelengthOption,
)
from assay.events.v1.analysis_pb2 import Analysis, Consent, Job, StageRun
from assay.ingest.v1.ingest_pb2 import IngestPage
from assay.segment.v1.segment_pb2 import InkRegion, SegmentPage
from google.protobuf.timestamp_pb2 import Timestamp
from PIL import Image, ImageDraw, ImageFilter

from tests.report.colour_cases import EARLIER_ID, chart, follow_up, incomparable, protected_skin

JOB_ID = "019ab3f0-5c1e-7d42-9a3b-2f6c8d10e4a7"
TENANT_ID = "7d0f4c52-3a8b-4e19-8f57-b1c2d3e4f506"
DECIDED_AT = 1_795_323_480

Status = OptionStatus


@dataclass(frozen=True)
class Colour:
    """An ink as the fixtures describe it."""

    name: str
    swatch: str
    lab: tuple[float, float, float]
    transmission: tuple[float, float, float]
    difference: float


PALETTE = (
    Colour("black", "#4d4a50", (36.1, -1.0, -3.2), (57.2, -3.1, -18.0), 35.1),
    Colour("red", "#b4473f", (47.2, 38.4, 12.1), (69.3, 43.0, -4.2), 27.3),
    Colour("blue", "#3a6f8b", (46.3, -11.0, -16.4), (73.1, -9.2, -40.1), 34.2),
    Colour("dark_green", "#4a6f4f", (45.2, -20.1, 7.3), (72.0, -28.1, -4.0), 33.8),
    Colour("purple", "#6a5c80", (41.3, 5.2, -19.4), (65.1, 11.0, -45.2), 35.4),
    Colour("yellow", "#d9a95c", (70.2, 5.1, 43.3), (104.0, -10.1, 44.2), 14.2),
    Colour("orange", "#c7794f", (57.4, 32.1, 29.2), (83.1, 30.0, 21.3), 17.1),
    Colour("teal", "#3f8388", (52.1, -20.4, -8.2), (82.0, -23.1, -29.4), 33.0),
    Colour("light_blue", "#7f9a9b", (61.2, -12.1, -3.3), (94.0, -16.2, -26.1), 26.4),
    Colour("pink", "#cf8d92", (62.0, 28.1, 5.2), (92.1, 30.2, -19.0), 19.3),
    Colour("grey", "#77757a", (50.1, -1.2, 3.0), (77.0, -6.1, -13.2), 20.2),
    Colour("unknown", "#8a7a70", (52.0, 5.0, 9.0), (80.0, 3.0, -6.0), 16.0),
)


def reference(name: str, media_type: str = "image/png") -> ObjectRef:
    """A reference whose key tells the name."""
    return ObjectRef(
        bucket="assay-artifacts",
        key=f"{TENANT_ID}/{JOB_ID}/stage/{name}/{'ab' * 32}",
        sha256="ab" * 32,
        media_type=media_type,
        size_bytes=1024,
        name=name,
    )


def photo(width: int = 1800, height: int = 1350, *, outlined: bool = False) -> bytes:
    """A PNG of three coloured shapes on a skin-coloured ground; outlined like a mask overlay."""
    image = Image.new("RGB", (width, height), "#c9a186")
    draw = ImageDraw.Draw(image)
    boxes = (
        ("#4d4a50", (0.15, 0.2, 0.45, 0.7)),
        ("#b4473f", (0.5, 0.25, 0.7, 0.5)),
        ("#3a6f8b", (0.55, 0.55, 0.85, 0.8)),
    )
    placed = [
        (colour, (x0 * width, y0 * height, x1 * width, y1 * height)) for colour, (x0, y0, x1, y1) in boxes
    ]
    for colour, box in placed:
        draw.ellipse(box, fill=colour)
    image = image.filter(ImageFilter.GaussianBlur(4))
    if outlined:
        draw = ImageDraw.Draw(image)
        for _, box in placed:
            draw.ellipse(box, outline="#00e5ff", width=5)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def tattoo(
    *,
    inks: int = 3,
    calibrated: bool = True,
    status: DecisionStatus.ValueType = DecisionStatus.DECISION_STATUS_OK,
) -> Analysis:
    """A decided analysis of the first `inks` colours of PALETTE, device PicoWay, skin type II."""
    return Analysis(
        job=job(),
        ingest=ingest_page(),
        segment=segment_page(inks),
        color=color_page(PALETTE[:inks], calibrated=calibrated),
        decision=decision_page(PALETTE[:inks], status),
        runs=[
            StageRun(
                stage=name,
                started_at=Timestamp(seconds=DECIDED_AT - 4 + step),
                finished_at=Timestamp(seconds=DECIDED_AT - 3 + step),
                delivery=1,
                code_version="0.1.0",
            )
            for step, name in enumerate(("ingest", "segment", "color", "decision"))
        ],
    )


def job() -> Job:
    """The order, with every mandatory question answered."""
    return Job(
        job_id=JOB_ID,
        tenant_id=TENANT_ID,
        region="eu-central-1",
        kind="tattoo",
        epoch=1,
        created_at=Timestamp(seconds=DECIDED_AT - 10),
        deadline=Timestamp(seconds=DECIDED_AT + 590),
        upload=reference("upload", "image/jpeg"),
        subject_id="Łódź-0042",
        consent=Consent(treatment=True, text_version="2026-09", given_at=Timestamp(seconds=DECIDED_AT - 60)),
        tattoo=TattooCase(
            device=Device(
                id="PW",
                manufacturer="Candela",
                model="PicoWay",
                clearance="K220853",
                wavelengths_nm=[532, 730, 785, 1064],
                pulse=Pulse.PULSE_PS,
            ),
            fitzpatrick_operator=Fitzpatrick.FITZPATRICK_II,
            site="forearm",
            area_cm2=38.5,
            intake=Intake(
                age=34,
                pmu=False,
                ink_reaction=False,
                laser_reaction=False,
                gold=False,
                isotretinoin_never=True,
                pregnant=False,
                infection=False,
                tan_4_weeks=False,
                naevus_checked=True,
                melanoma_history=False,
                gunpowder=False,
                traumatic=False,
                photosensitising=False,
                smoker=True,
                tattoo_age_weeks=210,
            ),
        ),
        language="en",
    )


def ingest_page() -> IngestPage:
    """A sharp photo with one warning."""
    return IngestPage(
        source_media_type="image/jpeg",
        source_sha256="cd" * 32,
        source_size_bytes=3_412_118,
        exif_orientation=6,
        width=4032,
        height=3024,
        original=reference("original.png"),
        working=reference("working.png"),
        working_width=2000,
        working_height=1500,
        quality=[
            Measurement(id="focus", value=0.183, unit="1", standard_uncertainty=0.012),
            Measurement(id="clipping", value=0.04, unit="%"),
            Measurement(id="glare", value=0.9, unit="%", low_95=0.6, high_95=1.3),
            Measurement(id="exposure", value=0.61, unit="1"),
            Measurement(id="resolution", unit="px/mm", not_measurable="no scale in the photo"),
        ],
        flags=[
            QualityFlag(
                code="IMAGE_GLARE",
                level=FlagLevel.FLAG_LEVEL_WARN,
                message="0.9 % of the photo is glare; soften the light or polarise it.",
            )
        ],
        provenance=Provenance(versions=[ComponentVersion(kind="code", name="svc_ingest", version="0.1.0")]),
    )


def segment_page(inks: int) -> SegmentPage:
    """A mask with two regions."""
    return SegmentPage(
        mask=reference("mask.png"),
        probability=reference("probability.png"),
        overlay=reference("overlay.png"),
        regions=[
            InkRegion(id=1, area_px=310_000, ink_share=0.7, mean_probability=0.94),
            InkRegion(id=2, area_px=132_000, ink_share=0.3, mean_probability=0.88),
        ]
        if inks
        else [],
        ink_share=Measurement(
            id="ink_share", value=0.147 if inks else 0.0, unit="1", low_95=0.131, high_95=0.162
        ),
        uncertainty=[Measurement(id="mean_entropy", value=0.071, unit="1")],
        threshold=0.5,
        execution_provider="CPUExecutionProvider",
        provenance=Provenance(
            versions=[
                ComponentVersion(kind="code", name="svc_segment", version="0.1.0"),
                ComponentVersion(kind="model", name="ink-seg", version="0.1.0", sha256="3f" * 32),
            ]
        ),
    )


def shares(count: int) -> list[float]:
    """Area shares that fall and sum to 1."""
    weights = [1 / (1 + step) for step in range(count)]
    return [weight / sum(weights) for weight in weights]


def color_page(colours: tuple[Colour, ...], *, calibrated: bool) -> ColorPage:
    """Measured inks on light skin."""
    return ColorPage(
        skin=SkinReference(
            lab=Lab(l=67.2, a=7.4, b=15.6),
            spread=Lab(l=1.8, a=0.9, b=1.2),
            linear_rgb=[0.584, 0.356, 0.239],
            pixels=184_220,
            ita=Measurement(
                id="ita", value=47.8, unit="deg", standard_uncertainty=4.1, low_95=39.8, high_95=55.8
            ),
            ita_class="light",
            ita_classes=["light", "intermediate"],
        ),
        inks=[
            InkCluster(
                id=number,
                lab=Lab(l=colour.lab[0], a=colour.lab[1], b=colour.lab[2]),
                spread=Lab(l=2.1, a=1.3, b=1.6),
                area_share=share,
                pixels=int(442_000 * share),
                delta_e_skin=Measurement(
                    id="delta_e_skin",
                    value=colour.difference,
                    unit="1",
                    standard_uncertainty=1.2,
                    low_95=colour.difference - 2.4,
                    high_95=colour.difference + 2.4,
                ),
                lab_t=Lab(l=colour.transmission[0], a=colour.transmission[1], b=colour.transmission[2]),
                optical_density=[0.62, 0.55, 0.41],
                posterior=[
                    ClassPosterior(ink_class="brown", probability=0.45)
                    if colour.name == "unknown"
                    else ClassPosterior(ink_class=colour.name, probability=0.87),
                    ClassPosterior(ink_class="dark_blue", probability=0.09),
                    ClassPosterior(ink_class="grey", probability=0.03),
                ],
                ink_class=colour.name,
                swatch=colour.swatch,
            )
            for number, (colour, share) in enumerate(
                zip(colours, shares(len(colours)) if colours else [], strict=True), start=1
            )
        ],
        clusters=reference("clusters.png"),
        calibrated=calibrated,
        chart=chart() if calibrated else None,
        illuminant="D65",
        observer="2",
        flags=[]
        if calibrated
        else [
            QualityFlag(
                code="COLOUR_UNCALIBRATED",
                level=FlagLevel.FLAG_LEVEL_WARN,
                message="No colour chart was found; colours are estimates.",
            )
        ],
        provenance=Provenance(
            versions=[
                ComponentVersion(kind="code", name="svc_color", version="0.1.0"),
                ComponentVersion(kind="model", name="ink-class", version="1.0.0", sha256="5a" * 32),
            ]
        ),
    )


def returning(*, comparable: bool = True, inks: int = 3) -> Analysis:
    """A second visit, 56 days after the first, with everything that a report can show."""
    analysis = tattoo(inks=inks)
    analysis.color.protected_skin.CopyFrom(protected_skin())
    analysis.job.tattoo.compare_with = EARLIER_ID
    analysis.job.tattoo.test_spots.append(
        TestSpot(
            ink_class="blue", wavelength_nm=1064, reviewed_after_weeks=6, outcome="lighter", name="Dr Ito"
        )
    )
    analysis.job.baseline.CopyFrom(
        Baseline(
            job_id=EARLIER_ID,
            created_at=Timestamp(seconds=DECIDED_AT - 56 * 86_400),
            working=reference("then.png"),
            camera="Example Phone 9",
        )
    )
    analysis.color.follow_up.CopyFrom(
        follow_up(reference("registered.png")) if comparable else incomparable()
    )
    return analysis


def pictures(analysis: Analysis, *, small: bool = False) -> dict[str, bytes]:
    """The pictures that a report of this analysis fetches, by file name."""
    size = (800, 600) if small else (1800, 1350)
    shown = {"overlay.jpg": photo(*size, outlined=True), "photo.jpg": photo(*size)}
    if analysis.color.follow_up.registered.key:
        shown |= {"then.jpg": photo(*size), "registered.jpg": photo(*size)}
    return shown


def option(
    nm: int,
    status: OptionStatus.ValueType,
    efficacy: int,
    label: str = "on_label",
    gate: str = "ok",
    rules: tuple[str, ...] = (),
) -> WavelengthOption:
    """One wavelength, with the reasons a ruleset gives."""
    return WavelengthOption(
        wavelength_nm=nm,
        status=status,
        efficacy=efficacy,
        evidence="B",
        label=label,
        skin_gate=gate,
        rules=rules,
        reasons=[f"Melanin takes up {(1064 / nm) ** 3.33:.1f} times as much light at {nm} nm as at 1064 nm."],
    )


OPTIONS = {
    "black": (
        option(1064, Status.OPTION_STATUS_RECOMMEND, 4, rules=("P6",)),
        option(785, Status.OPTION_STATUS_SPECIALIST, 3, "off_label", rules=("P4",)),
        option(730, Status.OPTION_STATUS_SPECIALIST, 3, "off_label", rules=("P4",)),
        option(532, Status.OPTION_STATUS_SPECIALIST, 2, "off_label", rules=("P4",)),
    ),
    "red": (
        option(532, Status.OPTION_STATUS_RECOMMEND, 4, rules=("P6",)),
        option(1064, Status.OPTION_STATUS_NOT_USEFUL, 1, "off_label", rules=("P3",)),
        option(785, Status.OPTION_STATUS_NOT_USEFUL, 1, "off_label", rules=("P3",)),
        option(730, Status.OPTION_STATUS_NOT_USEFUL, 1, "off_label", rules=("P3",)),
    ),
    "blue": (
        option(785, Status.OPTION_STATUS_RECOMMEND, 4, rules=("P6",)),
        option(730, Status.OPTION_STATUS_CONSIDER, 4, "unknown", "caution", rules=("P5", "R25")),
        option(1064, Status.OPTION_STATUS_HOLD, 2, rules=("P2", "R01")),
        option(532, Status.OPTION_STATUS_BLOCKED, 1, gate="block", rules=("P1",)),
    ),
}


RULE_SOURCES = (
    RuleSource(rule="R01", evidence="found", sources=["F18", "F20", "F23", "F51"]),
    RuleSource(rule="R25", evidence="found", sources=["F48"]),
    RuleSource(rule="P4", evidence="proposal", sources=["D"]),
    RuleSource(rule="P6", evidence="proposal", sources=["D"]),
    RuleSource(rule="F01", evidence="found", sources=["F13", "F14"]),
    RuleSource(rule="Q01", evidence="proposal", sources=["D"]),
)


def decision_page(colours: tuple[Colour, ...], status: DecisionStatus.ValueType) -> DecisionPage:
    """Ranked options where the status allows any."""
    ranked = status in (DecisionStatus.DECISION_STATUS_OK, DecisionStatus.DECISION_STATUS_DEFERRED)
    return DecisionPage(
        status=status,
        inks=[
            InkDecision(
                ink_class=colour.name,
                area_share=share,
                cluster_id=number,
                options=OPTIONS.get(colour.name, OPTIONS["blue"]) if ranked else (),
            )
            for number, (colour, share) in enumerate(
                zip(colours, shares(len(colours)) if colours else [], strict=True), start=1
            )
        ],
        flags=flags_of(status),
        fitzpatrick_safe=Fitzpatrick.FITZPATRICK_III,
        sessions=SessionEstimate(
            sessions=Measurement(id="sessions", value=11, unit="1", low_95=8.5, high_95=13.5),
            points=["fitzpatrick=3", "location=3", "colour=3", "amount=2", "scarring=0", "layering=0"],
            caveats=[
                "One retrospective study of 100 cleared patients (r² = 0.57).",
                "Not validated for picosecond lasers or for 730 to 785 nm.",
            ],
        ),
        missing=["intake.gold", "intake.naevus_checked"]
        if status == DecisionStatus.DECISION_STATUS_INCOMPLETE
        else [],
        messages=[
            DecisionMessage(
                code="SHARED_ORDER", text="Where inks share wavelengths, clinics usually begin with 1064 nm."
            )
        ],
        trace=[
            TraceEntry(
                rule=f"R{number:02d}",
                fired=number in (5, 28, 40),
                saw=[f"p.red={0.01 * number:.2f}"],
                effect=effect,
            )
            for number, effect in (
                (number, "text shown" if number in (5, 28, 40) else "condition is false")
                for number in range(1, 41)
            )
        ],
        counterfactuals=[
            Counterfactual(
                change="fitzpatrick=II",
                ink_class="blue",
                wavelength_nm=532,
                status=OptionStatus.OPTION_STATUS_BLOCKED,
                would_be=OptionStatus.OPTION_STATUS_NOT_USEFUL,
                rules=["S.532.III"],
                text="If the skin type were II, 532 nm would not be blocked for blue.",
            )
        ],
        rule_sources=RULE_SOURCES,
        references=[
            Reference(tag=tag, text=f"A publication on {tag}, 2015, J Example 30:303")
            for tag in ("F18", "F20", "F23", "F48", "F51", "F53", "F54", "F55", "F62", "K", "D")
        ],
        ruleset="tattoo@1.0.0",
        ruleset_sha256="9c" * 32,
        ruleset_approval="No clinician has signed this ruleset: clinical sign-off is pending.",
        provenance=Provenance(versions=[ComponentVersion(kind="code", name="svc_decision", version="0.1.0")]),
    )


def flags_of(status: DecisionStatus.ValueType) -> list[RiskFlag]:
    """The flags that go with a status, gravest first."""
    grave = {
        DecisionStatus.DECISION_STATUS_STOPPED: RiskFlag(
            id="R04",
            evidence="found",
            raised_by=["operator"],
            severity="refer",
            scope="case",
            text="The ink itches, is raised or has reacted before. Breaking up a pigment that the body is "
            "allergic to can spread the reaction to the whole body. Refer to dermatology.",
            sources=["F53", "F54"],
        ),
        DecisionStatus.DECISION_STATUS_DEFERRED: RiskFlag(
            id="R12",
            evidence="found",
            raised_by=["operator", "image"],
            severity="defer",
            scope="case",
            text="The skin is tanned: wavelengths below 1064 nm are blocked and treatment waits four weeks.",
            sources=["F62"],
        ),
    }
    usual = [
        RiskFlag(
            id="R01",
            evidence="found",
            raised_by=["model"],
            severity="hold",
            scope="region",
            text="White, skin-toned or pastel ink may be present. Titanium dioxide in such ink can turn grey "
            "or black at the first pulse and stay so. A reviewed test spot comes before any treatment.",
            sources=["F18", "F20", "F23", "F51"],
            ink_classes=["blue"],
        ),
        RiskFlag(
            id="R25",
            evidence="found",
            raised_by=["operator"],
            severity="caution",
            scope="case",
            text="Test spot with a review after six to eight weeks, longer intervals, strict sun avoidance.",
            sources=["F48"],
        ),
        RiskFlag(
            id="R05",
            evidence="found",
            raised_by=["model"],
            severity="info",
            scope="region",
            text="Red pigments are the commonest cause of tattoo allergy. Ask about past reactions.",
            sources=["F55"],
            ink_classes=["red"],
        ),
        RiskFlag(
            id="R40",
            evidence="knowledge",
            raised_by=["always"],
            severity="info",
            scope="case",
            text="Class 4 laser: eyewear with the optical density marked for each wavelength, a controlled "
            "area, plume extraction.",
            sources=["K"],
        ),
    ]
    return ([grave[status]] if status in grave else []) + usual
