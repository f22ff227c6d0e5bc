"""Balance analyses with realistic values, made from a synthetic person whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from assay.balance.v1.balance_pb2 import (
    Arms,
    BalanceEvent,
    BalanceIntake,
    BalanceMetric,
    BalanceTrial,
    Eyes,
    Phase,
    PoseMode,
    PosePage,
    StanceSide,
    Surface,
    SwayPage,
    Task,
    Trace,
    TraceSeries,
    View,
)
from assay.common.v1.types_pb2 import (
    ComponentVersion,
    FlagLevel,
    Measurement,
    Provenance,
    QualityFlag,
)
from assay.decision.v1.decision_pb2 import (
    BalanceDecision,
    Change,
    DecisionMessage,
    DecisionPage,
    DecisionStatus,
    NormComparison,
    RiskFlag,
    SubScore,
    TraceEntry,
)
from assay.events.v1.analysis_pb2 import Analysis, Job
from assay.ingest.v1.ingest_pb2 import DeviceLandmarks, IngestPage, Video
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from mesh import landmarks
from mesh.landmarks import Landmarks
from models.synth.standing.spec import Happening, StandingSpec, Truth
from models.synth.standing.trial import trial
from tests.report import cases

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

WIDTH, HEIGHT, FPS = 270, 480, 15.0
SIDE = StanceSide.STANCE_SIDE_LEFT


@dataclass(frozen=True)
class Recording:
    """A synthetic trial: its landmarks, what is true of it, its traces."""

    series: Landmarks
    truth: Truth
    traces: TraceSeries


@cache
def recording(view: str = "front", duration_s: float = 24.0) -> Recording:
    """Single-leg stance with two compensations and a touch-down two seconds before the end."""
    spec = StandingSpec(
        duration_s=duration_s,
        fps=FPS,
        view=view,
        foot_up_s=2.0,
        end_s=duration_s - 2,
        happenings=(
            Happening("trunk_lean", 8.0, 2.0, 9.0),
            Happening("hands_off", 14.0, 1.5, 30.0, "right"),
        ),
        mm_per_px=5.6,
        width=WIDTH,
        height=HEIGHT,
        noise_px=0.15,
        seed=7,
    )
    series, truth = trial(spec)
    return Recording(series, truth, traces_of(truth, view))


def traces_of(truth: Truth, view: str) -> TraceSeries:
    """Traces as the sway stage writes them, from the truth; NaN outside the stance."""
    assert truth.foot_up_s is not None
    assert truth.end_s is not None
    inside = (truth.time_s >= truth.foot_up_s + 1) & (truth.time_s <= truth.end_s - 0.5)
    rng = np.random.default_rng(3)

    def cut(values: Floats) -> Floats:
        return np.where(inside, values - values[inside].mean(), np.nan)

    def angle(values: Floats) -> Floats:
        return np.degrees(values) + rng.normal(0, 0.2, len(values))

    seen = {"com_ml": truth.com_mm[:, 0]} if view in ("front", "back") else {"com_ap": truth.com_mm[:, 1]}
    traces = [Trace(id=name, unit="mm", values=cut(values)) for name, values in seen.items()]
    traces += [
        Trace(id="com_x_px", unit="px", values=truth.com_px[:, 0]),
        Trace(id="com_y_px", unit="px", values=truth.com_px[:, 1]),
        Trace(id="trunk_lean", unit="deg", values=angle(truth.trunk_rad[:, 0])),
        Trace(id="pelvic_obliquity", unit="deg", values=angle(0.3 * truth.leg_rad[:, 0])),
        Trace(id="fppa", unit="deg", values=3 + angle(0.5 * truth.leg_rad[:, 0])),
    ]
    return TraceSeries(time_s=truth.time_s, traces=traces)


def balance(view: str = "front", *, source: str = "video") -> Analysis:
    """A decided analysis of `recording(view)`; source: "video" or "device"."""
    return Analysis(
        job=job(),
        ingest=ingest_page(source, recording(view)),
        pose=pose_page(source, recording(view)),
        sway=sway_page(view),
        decision=decision_page(),
    )


def objects(analysis: Analysis, view: str = "front", video: bytes = b"") -> dict[str, bytes]:
    """What the analysis refers to, by key."""
    made = recording(view)
    stored = {
        analysis.pose.landmarks.key: landmarks.encode(made.series),
        analysis.sway.traces.key: made.traces.SerializeToString(deterministic=True),
        analysis.ingest.video.object.key: video,
    }
    return {key: data for key, data in stored.items() if key}


def job() -> Job:
    """The order."""
    return Job(
        job_id=cases.JOB_ID,
        tenant_id=cases.TENANT_ID,
        region="eu-central-1",
        kind="balance",
        epoch=1,
        created_at=Timestamp(seconds=cases.DECIDED_AT),
        subject_id="Łódź-0042",
        upload_purpose="video",
        language="en",
        balance=BalanceTrial(
            task=Task.TASK_SINGLE_LEG,
            side=SIDE,
            eyes=Eyes.EYES_OPEN,
            arms=Arms.ARMS_HIPS,
            surface=Surface.SURFACE_FIRM,
            barefoot=True,
            height_cm=175,
            age_years=64,
            intake=BalanceIntake(falls_12_months=2, dizziness=False),
        ),
    )


def versions(*parts: tuple[str, str, str]) -> Provenance:
    """Components by kind, name and version."""
    return Provenance(
        versions=[
            ComponentVersion(kind=kind, name=name, version=version, sha256="5a" * 32)
            for kind, name, version in parts
        ]
    )


def ingest_page(source: str, made: Recording) -> IngestPage:
    """The video, or where the landmarks came from."""
    page = IngestPage(
        source_media_type="video/webm",
        provenance=versions(("code", "svc_ingest", "0.1.0")),
        quality=[
            Measurement(id="fps", value=FPS, unit="Hz"),
            Measurement(id="camera_motion", unit="px", not_measurable="the background has no texture"),
        ],
        flags=[
            QualityFlag(
                code="LOW_FRAME_RATE",
                level=FlagLevel.FLAG_LEVEL_WARN,
                message="15 frames per second; record with 30 or more.",
            )
        ],
    )
    if source == "device":
        page.device_landmarks.CopyFrom(
            DeviceLandmarks(device="Pixel 8", model="mlkit-pose 18", form="mlkit", frames=len(made.series))
        )
        return page
    page.video.CopyFrom(
        Video(
            object=cases.reference("video.webm", "video/webm"),
            container="webm",
            codec="vp9",
            width=WIDTH,
            height=HEIGHT,
            frames=len(made.series),
            duration_s=float(made.series.time_s[-1]),
            fps=FPS,
        )
    )
    return page


def pose_page(source: str, made: Recording) -> PosePage:
    """Landmarks of every frame."""
    return PosePage(
        landmarks=cases.reference("landmarks.pb", landmarks.MEDIA_TYPE),
        provenance=versions(("code", "svc_balance.pose", "0.1.0"), ("model", "blazepose-full", "0.10.14")),
        frames=len(made.series),
        duration_s=float(made.series.time_s[-1]),
        source=source,
        mode=PoseMode.POSE_MODE_QUALITY,
        regions=6,
        execution_provider="CPUExecutionProvider" if source == "video" else "",
        quality=[Measurement(id="mean_visibility", value=0.97, unit="1")],
    )


def metric(
    name: str, value: float, unit: str, group: str, *, cutoff: float = 5.0, band: tuple[float, float] = (0, 0)
) -> BalanceMetric:
    """A metric with a 95 % interval of 10 % to each side."""
    return BalanceMetric(
        measurement=Measurement(id=name, value=value, unit=unit, low_95=0.9 * value, high_95=1.1 * value),
        version="1",
        group=group,
        cutoff_hz=cutoff,
        band_low_hz=band[0],
        band_high_hz=band[1],
        snr=12.0,
    )


def sway_page(view: str) -> SwayPage:
    """What was measured: sideways from the front, fore-aft from a side."""
    axis, unseen = ("ML", "AP") if view == "front" else ("AP", "ML")
    missing = f"{unseen} is not measurable from this view"
    truth = recording(view).truth
    assert truth.end_s is not None
    start, end = 3.0, truth.end_s - 0.5
    band = (0.15, 3.0)
    return SwayPage(
        metrics=[
            metric(f"RDIST_{axis}", 5.21, "mm", "sway"),
            metric(f"RANGE_{axis}", 31.4, "mm", "sway"),
            metric(f"MVELO_{axis}", 11.9, "mm/s", "sway", cutoff=3.0),
            BalanceMetric(
                measurement=Measurement(id="AREA_PEA95", unit="mm2", not_measurable=missing),
                version="1",
                group="sway",
            ),
            BalanceMetric(
                measurement=Measurement(id=f"RANGE_{unseen}", unit="mm", not_measurable=missing),
                version="1",
                group="sway",
            ),
            metric(f"F50_{axis}", 0.31, "Hz", "frequency", cutoff=0, band=band),
            metric(f"F95_{axis}", 1.1, "Hz", "frequency", cutoff=0, band=band),
            metric("HSI", 0.22, "1", "strategy"),
            metric("FPPA_MEAN", 3.1, "deg", "alignment"),
            metric("MVELO_NOISE_ML", 1.4, "mm/s", "noise", cutoff=3.0),
        ],
        flags=[
            QualityFlag(
                code="SCALE_FROM_HEIGHT",
                level=FlagLevel.FLAG_LEVEL_INFO,
                message="Millimetres rest on the stated body height.",
            )
        ],
        provenance=versions(
            ("code", "svc_balance.sway", "0.1.0"), ("metric", "metrics", "1"), ("rules", "rules", "1.0.0")
        ),
        task=Task.TASK_SINGLE_LEG,
        side_found=SIDE,
        view=View.VIEW_FRONT if view == "front" else View.VIEW_LEFT,
        phases=[
            Phase(id="double", start_s=0, end_s=2),
            Phase(id="single_left", start_s=2, end_s=truth.end_s),
            Phase(id="double", start_s=truth.end_s, end_s=truth.end_s + 2),
        ],
        events=[
            event("foot_up", "start", 2.0),
            event("trunk_lean", "compensation", 8.0, 2.0, peak=9.1, unit="deg", confidence=0.9),
            event("hands_off", "error", 14.0, 1.5, peak=0.21, unit="L", side=StanceSide.STANCE_SIDE_RIGHT),
            event("touchdown", "failure", truth.end_s),
        ],
        window=Phase(id="single_left", start_s=start, end_s=end),
        time_to_failure=Measurement(
            id="time_to_failure",
            value=truth.end_s - 2,
            unit="s",
            low_95=truth.end_s - 2.1,
            high_95=truth.end_s - 1.9,
        ),
        ended_by="touchdown",
        strategy="ankle",
        mm_per_px=Measurement(id="mm_per_px", value=5.6, unit="mm/px", low_95=5.5, high_95=5.7),
        scale_method="height",
        traces=cases.reference("traces.pb", "application/x-protobuf"),
    )


def event(
    name: str,
    kind: str,
    onset_s: float,
    duration_s: float = 0.0,
    *,
    peak: float | None = None,
    unit: str = "",
    side: StanceSide.ValueType = SIDE,
    confidence: float = 0.95,
) -> BalanceEvent:
    """An event with an onset known to a frame."""
    return BalanceEvent(
        id=name,
        kind=kind,
        onset_s=onset_s,
        duration_s=duration_s,
        peak=peak,
        unit=unit,
        side=side,
        confidence=confidence,
        onset_uncertainty_s=0.04,
    )


def decision_page() -> DecisionPage:
    """A score with sub-scores, a norm, comparisons and a flag that refers."""
    names = (("time", 64.0), ("sway", 71.0), ("strategy", 80.0), ("alignment", 88.0))
    parts = [
        SubScore(
            id=name,
            score=Measurement(id=name, value=value, unit="1", standard_uncertainty=4.0),
            weight=0.25,
            rule=f"S-{name}",
            provisional=name != "time",
            **{"from": [f"{name}_metric={value} mm"]},
        )
        for name, value in names
    ]
    parts.append(
        SubScore(
            id="compensations", score=Measurement(not_measurable="arms were free"), weight=0.0, rule="S-comp"
        )
    )
    return DecisionPage(
        status=DecisionStatus.DECISION_STATUS_OK,
        flags=[
            RiskFlag(
                id="B01",
                severity="refer",
                scope="case",
                text="Two falls within twelve months: a clinician should look at the cause.",
                sources=["D1"],
            ),
            RiskFlag(id="B07", severity="caution", scope="case", text="The arms left their position once."),
        ],
        messages=[DecisionMessage(code="ONE_TRIAL", text="One trial only: average three for a comparison.")],
        trace=[
            TraceEntry(rule="B01", fired=True, saw=["falls_12_months=2"], effect="refer"),
            TraceEntry(rule="B02", fired=False, saw=["dizziness=false"], effect="no dizziness"),
        ],
        ruleset="balance@1.0.0",
        ruleset_sha256="7c" * 32,
        ruleset_approval="No clinician has signed this ruleset: clinical sign-off is pending.",
        provenance=versions(("code", "svc_decision", "0.1.0")),
        decision_json=cases.reference("decision.json", "application/json"),
        balance=BalanceDecision(
            score=Measurement(
                id="score", value=73.0, unit="1", standard_uncertainty=5.0, low_95=63, high_95=83
            ),
            sub_scores=parts,
            norms=[
                NormComparison(
                    metric="time_to_failure",
                    value=Measurement(id="time_to_failure", value=20.0, unit="s"),
                    age_group="60-69",
                    mean=26.9,
                    unit="s",
                    band="below",
                    source="Springer 2007",
                    protocol_differs=["arms: crossed there, hands on hips here"],
                ),
                NormComparison(
                    metric="RANGE_ML",
                    value=Measurement(id="RANGE_ML", value=31.4, unit="mm"),
                    age_group="60-69",
                    mean=28.0,
                    unit="mm",
                    band="within",
                    source="recalled",
                    provisional=True,
                ),
            ],
            asymmetry=[
                Change(
                    metric="time_to_failure",
                    now=20.0,
                    other=28.0,
                    difference=Measurement(value=-8.0, unit="s", low_95=-9.0, high_95=-7.0),
                    mdc95=5.0,
                    verdict="beyond_mdc",
                    source="test-retest of the norm's paper",
                )
            ],
            follow_up=[
                Change(
                    metric="RANGE_ML",
                    now=31.4,
                    other=30.0,
                    difference=Measurement(unit="mm"),
                    verdict="unknown",
                    not_comparable="another pose model made the earlier trial",
                )
            ],
        ),
    )


def unmeasurable() -> Analysis:
    """A recording in which nobody stands on one leg: no trace, no metric, no score."""
    analysis = balance()
    why = "nobody stands on one leg in this recording"
    page = SwayPage(
        metrics=[
            BalanceMetric(
                measurement=Measurement(id=name, unit="mm", not_measurable=why), version="1", group="sway"
            )
            for name in ("RDIST_ML", "RANGE_ML")
        ],
        flags=[
            QualityFlag(
                code="NO_SINGLE_LEG_PHASE",
                level=FlagLevel.FLAG_LEVEL_FAIL,
                message="No stance on one leg was found; lift one foot for at least ten seconds.",
            )
        ],
        task=Task.TASK_SINGLE_LEG,
        view=View.VIEW_FRONT,
        phases=[Phase(id="double", start_s=0, end_s=24)],
        time_to_failure=Measurement(id="time_to_failure", unit="s", not_measurable=why),
    )
    analysis.sway.CopyFrom(page)
    analysis.decision.CopyFrom(
        DecisionPage(
            status=DecisionStatus.DECISION_STATUS_NOT_MEASURABLE,
            messages=[DecisionMessage(code="NOT_MEASURABLE", text=f"No score: {why}.")],
            ruleset="balance@1.0.0",
            balance=BalanceDecision(score=Measurement(id="score", unit="1", not_measurable=why)),
        )
    )
    return analysis


def picture_of(points: Floats, width: int, height: int) -> Picture:
    """A person with a detailed face before a textured wall, drawn at 33 landmarks [33, 2] px."""
    grid = np.indices((height, width)).sum(axis=0) // 12 % 2
    picture = np.repeat((150 + 40 * grid)[..., None], 3, axis=2).astype(np.uint8)
    at = {name: tuple(int(v) for v in points[index]) for name, index in landmarks.INDEX.items()}
    for side in ("left", "right"):
        for bone in (("shoulder", "elbow", "wrist"), ("shoulder", "hip", "knee", "ankle", "foot_index")):
            joints = np.array([at[f"{side}_{name}"] for name in bone], np.int32)
            cv2.polylines(picture, [joints], False, (40, 60, 120), max(6, width // 30))
    centre = tuple(int(v) for v in points[:11].mean(axis=0))
    cv2.circle(picture, centre, width // 14, (224, 180, 150), -1)
    for feature in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right"):
        cv2.circle(picture, at[feature], max(2, width // 120), (0, 0, 0), -1)
    return picture


@cache
def video(folder: Path, view: str = "front", scale: int = 1) -> Path:
    """The recording as VP9 in WebM, made once; `scale` times as large as the landmarks say."""
    made = recording(view)
    path = folder / f"{view}-{scale}.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libvpx-vp9", rate=int(FPS), options={"deadline": "realtime", "cpu-used": "8"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH * scale, HEIGHT * scale, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.gop_size = 30
        for time_s, points in zip(made.series.time_s, made.series.image_px, strict=True):
            frame = av.VideoFrame.from_ndarray(
                picture_of(points * scale, WIDTH * scale, HEIGHT * scale), format="rgb24"
            )
            frame.pts, frame.time_base = round(1000 * time_s), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
