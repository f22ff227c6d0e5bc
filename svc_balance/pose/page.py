"""The pose page: how good the landmarks are, in numbers and in flags, and what made them.

Thresholds follow the capture protocol of docs/pose.md; they are proposals, to be set on clinical videos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from assay.balance.v1.balance_pb2 import POSE_MODE_QUALITY, POSE_MODE_SINGLE_PASS, PosePage
from assay.common.v1.types_pb2 import (
    FLAG_LEVEL_FAIL,
    FLAG_LEVEL_INFO,
    FLAG_LEVEL_WARN,
    ComponentVersion,
    FlagLevel,
    Measurement,
    Provenance,
    QualityFlag,
)

from mesh.landmarks import INDEX, Landmarks
from svc_balance.pose.contract import Contract
from svc_balance.pose.estimate import Estimate
from svc_balance.pose.networks import Networks
from svc_balance.pose.roi import Floats

_FEET = [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("ankle", "heel", "foot_index")]
_BODY = [INDEX["nose"], *range(INDEX["left_shoulder"], len(INDEX))]
_EYES = [INDEX["left_eye"], INDEX["right_eye"]]
_EYE_HEIGHT = 0.936
"""Height of the eyes over stature (Drillis and Contini 1966)."""
_LIMBS = {
    "trunk": (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
    "thigh_left": (("left_hip",), ("left_knee",)),
    "thigh_right": (("right_hip",), ("right_knee",)),
    "shank_left": (("left_knee",), ("left_ankle",)),
    "shank_right": (("right_knee",), ("right_ankle",)),
}

LONGEST_GAP_S = 0.5
LEAST_HEIGHT_PX = 256
"""A body lower than the network's input is enlarged for it: less is seen than the model can use."""
GOOD_HEIGHT = 0.4
"""Share of the picture's height that the capture protocol asks for."""
LEAST_VISIBILITY = 0.7
LEAST_FOOT_VISIBILITY = 0.5
MOST_FEET_OUT = 0.05
MOST_VARIATION = 8.0
MOST_SWAPPED = 0.02
MOST_CROWDED = 0.1
"""Share of the counts at which somebody else may stand close by."""


@dataclass(frozen=True)
class Quality:
    """What the flags are decided on. Shares are 0 to 1 of the frames; NaN where it cannot be said."""

    person_share: float
    longest_gap_s: float
    visibility: float
    foot_visibility: float
    feet_out_share: float
    height_px: float
    """Median body height."""
    height_share: float
    """The same over the picture's height."""
    swapped_share: float
    """Frames in which the hips stand the other way round than in most."""
    variation: dict[str, float]
    """Coefficient of variation of segment lengths, %."""
    most_people: int
    counts: int
    """How often people were counted."""
    error_px: float


def quality(series: Landmarks) -> Quality:
    """Judges landmarks of at least one frame with a person."""
    found = np.isfinite(series.image_px[:, 0, 0])
    px, seen, there = series.image_px[found], series.visibility[found], series.presence[found]
    feet = px[:, _FEET]
    outside = ((feet < 0) | (feet > [series.width, series.height])).any(axis=2) | (there[:, _FEET] < 0.5)
    stature = (px[:, _FEET, 1].max(axis=1) - px[:, _EYES, 1].mean(axis=1)) / _EYE_HEIGHT
    errors = series.standard_error_px
    return Quality(
        person_share=float(found.mean()),
        longest_gap_s=longest_gap(series.time_s, found),
        visibility=float(seen[:, _BODY].mean()),
        foot_visibility=float(seen[:, _FEET].mean()),
        feet_out_share=float(outside.any(axis=1).mean()),
        height_px=float(np.median(stature)),
        height_share=float(np.median(stature) / series.height),
        swapped_share=swapped(px),
        variation={name: variation(px, *ends) for name, ends in _LIMBS.items()},
        most_people=int(max(series.people.max(), 0)) if series.people is not None else 0,
        counts=int((series.people >= 0).sum()) if series.people is not None else 0,
        error_px=float(np.median(errors[found][:, _BODY])) if errors is not None else float("nan"),
    )


def longest_gap(time_s: Floats, found: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    """The longest time without a person, s: from the frame before to the frame after."""
    if found.all():
        return 0.0
    times = time_s[found]
    inner = float(np.diff(times)[np.diff(np.flatnonzero(found)) > 1].max(initial=0.0))
    return max(inner, float(times[0] - time_s[0]), float(time_s[-1] - times[-1]))


def swapped(px: Floats) -> float:
    """Share of frames in which left and right hip stand the other way round than in most, (N, 33, 2) px."""
    width = px[:, INDEX["left_hip"], 0] - px[:, INDEX["right_hip"], 0]
    usual = float(np.median(width))
    return float((width * np.sign(usual) < -0.3 * abs(usual)).mean())


def variation(px: Floats, start: tuple[str, ...], end: tuple[str, ...]) -> float:
    """Coefficient of variation of a segment's length in the picture, %, between means of landmarks."""
    a = px[:, [INDEX[name] for name in start]].mean(axis=1)
    b = px[:, [INDEX[name] for name in end]].mean(axis=1)
    length = np.linalg.norm(a - b, axis=1)
    return float(100 * length.std() / length.mean())


def build(made: Estimate, with_: Networks, code_version: str, frames_expected: int = 0) -> PosePage:
    """The page without the stored landmarks. frames_expected is what ingest counted, 0 when unknown."""
    series = made.landmarks
    judged = quality(series)
    return PosePage(
        provenance=Provenance(
            versions=[
                ComponentVersion(kind="code", name="svc_balance.pose", version=code_version),
                _version(with_.pose.contract),
                _version(with_.finder.contract),
            ]
        ),
        frames=len(series),
        duration_s=float(series.time_s[-1] - series.time_s[0]),
        source="video",
        mode=POSE_MODE_QUALITY if made.regions > 1 else POSE_MODE_SINGLE_PASS,
        regions=made.regions,
        execution_provider=with_.pose.provider,
        quality=measurements(judged),
        flags=flags(judged, made, frames_expected),
    )


def _version(contract: Contract) -> ComponentVersion:
    return ComponentVersion(
        kind="model", name=contract.name, version=contract.version, sha256=contract.sha256
    )


def measurements(judged: Quality) -> list[Measurement]:
    """The quality of the landmarks as it travels."""

    def one(name: str, value: float, unit: str, why: str = "") -> Measurement:
        if np.isfinite(value):
            return Measurement(id=name, value=value, unit=unit)
        return Measurement(id=name, unit=unit, not_measurable=why)

    return [
        one("person_share", judged.person_share, "1"),
        one("longest_gap", judged.longest_gap_s, "s"),
        one("mean_visibility", judged.visibility, "1"),
        one("foot_visibility", judged.foot_visibility, "1"),
        one("feet_out_share", judged.feet_out_share, "1"),
        one("body_height", judged.height_px, "px"),
        one("body_height_share", judged.height_share, "1"),
        one("sides_swapped_share", judged.swapped_share, "1"),
        *(one(f"length_variation_{name}", value, "%") for name, value in judged.variation.items()),
        one("people_most", judged.most_people, "1"),
        one("region_error", judged.error_px, "px", "One region a frame tells no error."),
    ]


def flags(judged: Quality, made: Estimate, frames_expected: int) -> list[QualityFlag]:
    """What to know before the landmarks are used.

    Of what is out of sight only the whole recording is judged here, as warnings: somebody may walk into the
    picture before the test. Whether it withholds numbers is for sway to say, which knows when the test was.
    """
    frames = len(made.landmarks)
    crowded = made.crowded > MOST_CROWDED * judged.counts
    shaky = judged.variation["trunk"] > MOST_VARIATION or (
        min(judged.variation["shank_left"], judged.variation["shank_right"]) > MOST_VARIATION
    )
    told: list[tuple[bool, str, FlagLevel.ValueType, str]] = [
        (
            judged.longest_gap_s > LONGEST_GAP_S,
            "PERSON_LOST",
            FLAG_LEVEL_WARN,
            f"The person was out of sight for {judged.longest_gap_s:.1f} s.",
        ),
        (
            judged.person_share < 1 and judged.longest_gap_s <= LONGEST_GAP_S,
            "PERSON_LOST",
            FLAG_LEVEL_WARN,
            "The person was lost for single frames.",
        ),
        (
            crowded,
            "SEVERAL_PEOPLE",
            FLAG_LEVEL_FAIL,
            "Somebody else stands close to the person: their limbs may have been mixed up. Film one person.",
        ),
        (
            not crowded and judged.most_people > 1,
            "SEVERAL_PEOPLE",
            FLAG_LEVEL_WARN,
            f"{judged.most_people} people are in view; the largest and most central one was followed.",
        ),
        (
            made.changes > 0,
            "PERSON_CHANGED",
            FLAG_LEVEL_FAIL,
            "After a loss a person was found elsewhere, who may be another one.",
        ),
        (
            judged.feet_out_share > MOST_FEET_OUT,
            "FEET_OUT_OF_FRAME",
            FLAG_LEVEL_WARN,
            f"A foot is out of the picture in {100 * judged.feet_out_share:.0f} % of the frames.",
        ),
        (
            judged.height_px < LEAST_HEIGHT_PX,
            "BODY_TOO_SMALL",
            FLAG_LEVEL_FAIL,
            f"The body is {judged.height_px:.0f} pixels high; at least {LEAST_HEIGHT_PX} are needed. "
            "Stand the camera closer.",
        ),
        (
            judged.height_px >= LEAST_HEIGHT_PX and judged.height_share < GOOD_HEIGHT,
            "BODY_TOO_SMALL",
            FLAG_LEVEL_WARN,
            f"The body fills {100 * judged.height_share:.0f} % of the picture's height; better "
            f"{100 * GOOD_HEIGHT:.0f} % or more.",
        ),
        (
            judged.visibility < LEAST_VISIBILITY,
            "LOW_VISIBILITY",
            FLAG_LEVEL_WARN,
            "Much of the body is hidden or out of the picture.",
        ),
        (
            judged.foot_visibility < LEAST_FOOT_VISIBILITY,
            "FEET_HIDDEN",
            FLAG_LEVEL_WARN,
            "The feet cannot be seen well enough.",
        ),
        (
            judged.swapped_share > MOST_SWAPPED,
            "SIDES_SWAPPED",
            FLAG_LEVEL_WARN,
            "Left and right change places in some frames, or the person turned round.",
        ),
        (
            shaky,
            "SEGMENT_LENGTH_UNSTEADY",
            FLAG_LEVEL_WARN,
            "Segments of the body change their length in the picture: the person turned, came closer, or the "
            "landmarks are poor.",
        ),
        (
            0 < frames < frames_expected,
            "FRAMES_MISSING",
            FLAG_LEVEL_WARN,
            f"{frames} of {frames_expected} frames could be decoded.",
        ),
        (
            made.regions == 1,
            "SINGLE_PASS",
            FLAG_LEVEL_INFO,
            "One region a frame: sway below a few millimetres is not told apart from the model's noise.",
        ),
    ]
    return [QualityFlag(code=code, level=level, message=text) for true, code, level, text in told if true]
