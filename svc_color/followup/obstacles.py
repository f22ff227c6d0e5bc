"""Whether two visits may be compared at all: only like with like (domain dossier, section 7)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from svc_color.quality import Flag

DAY_S: Final = 86_400
# "Wait at least 6 to 8 weeks", so that redness and pigment changes settle (domain dossier, section 7).
EARLY_DAYS, SETTLED_DAYS = 42, 56

_PHOTOGRAPH_WITH_CHART: Final = "Photograph each visit with the same colour chart beside the skin."
REASONS: Final = {
    "BASELINE_GONE": "The files of the earlier visit are no longer stored.",
    "BASELINE_UNREADABLE": "The files of the earlier visit cannot be read.",
    "NO_INK_THEN": "No ink was measured at the earlier visit.",
    "NOT_REGISTERED": (
        "The two photos could not be laid over each other: too few places of the tattoo agree. Photograph it "
        "from straight in front, whole, in the posture of the earlier photo."
    ),
    "LITTLE_OVERLAP": "Less than half of the earlier ink is in this photo. Photograph the tattoo whole.",
    "UNCALIBRATED_THEN": "No colour chart calibrated the earlier photo; colours are not compared without.",
    "UNCALIBRATED_NOW": f"No colour chart calibrated this photo. {_PHOTOGRAPH_WITH_CHART}",
    "CHART_DIFFERS": f"The colour charts differ in layout or edition. {_PHOTOGRAPH_WITH_CHART}",
    "ILLUMINANT_DIFFERS": "The colours are given for another illuminant or observer than then.",
    "METRIC_DIFFERS": "Contrast was recorded by another formula or other factors than then.",
    "CAMERA_DIFFERS": "Another camera took the earlier photo. Use the same device at every visit.",
    "SKIN_NOT_MEASURABLE_THEN": "The skin beside the ink could not be measured at the earlier visit.",
    "SKIN_NOT_MEASURABLE_NOW": "The skin beside the ink cannot be measured in this photo.",
}
"""Why two visits cannot be compared: code to a sentence for people."""

FOLLOW_UP_EARLY: Final = Flag(
    "FOLLOW_UP_EARLY",
    "warn",
    "Less than six weeks lie between the visits: redness and pigment changes have not settled; compare again "
    "after six to eight weeks.",
)
FOLLOW_UP_SOON: Final = Flag(
    "FOLLOW_UP_SOON",
    "info",
    "Less than eight weeks lie between the visits; redness may not have settled everywhere.",
)
SEGMENTER_DIFFERS: Final = Flag(
    "SEGMENTER_DIFFERS",
    "info",
    "Another model found the ink then. The earlier inks are measured where they lay, so that the change does "
    "not depend on it; which inks lie there now does.",
)
CAMERA_UNKNOWN: Final = Flag(
    "CAMERA_UNKNOWN",
    "info",
    "The camera of one of the visits is not known; the same device should take both photos.",
)
SOFTWARE_DIFFERS: Final = Flag(
    "SOFTWARE_DIFFERS",
    "info",
    "Another version of the software measured the earlier photo.",
)


@dataclass(frozen=True)
class Conditions:
    """How the colours of one visit came about.

    calibrated: a chart calibrated the photo and its grade is not fail. chart: its layout and edition.
    illuminant: with the observer. metric: formula and factors of differences. camera, segmenter: "" when
    unknown. software: version of the code that measured. at: UTC.
    """

    calibrated: bool
    chart: tuple[str, str]
    illuminant: tuple[str, str]
    metric: str
    camera: str
    segmenter: str
    software: str
    at: datetime


def obstacles(then: Conditions, now: Conditions) -> tuple[str, ...]:
    """Codes of `REASONS` for which colours that came about so may not be compared; none when they may."""
    both = then.calibrated and now.calibrated
    found = {
        "UNCALIBRATED_THEN": not then.calibrated,
        "UNCALIBRATED_NOW": not now.calibrated,
        "CHART_DIFFERS": both and then.chart != now.chart,
        "ILLUMINANT_DIFFERS": then.illuminant != now.illuminant,
        "METRIC_DIFFERS": then.metric != now.metric,
        "CAMERA_DIFFERS": bool(then.camera and now.camera) and then.camera != now.camera,
    }
    return tuple(code for code, holds in found.items() if holds)


def cautions(then: Conditions, now: Conditions) -> tuple[Flag, ...]:
    """What to bear in mind though two visits can be compared."""
    days = days_between(then, now)
    found = {
        FOLLOW_UP_EARLY: days < EARLY_DAYS,
        FOLLOW_UP_SOON: EARLY_DAYS <= days < SETTLED_DAYS,
        CAMERA_UNKNOWN: not (then.camera and now.camera),
        SEGMENTER_DIFFERS: then.segmenter != now.segmenter,
        SOFTWARE_DIFFERS: then.software != now.software,
    }
    return tuple(flag for flag, holds in found.items() if holds)


def days_between(then: Conditions, now: Conditions) -> float:
    """Days from the acceptance of the earlier photo to that of this one."""
    return (now.at - then.at).total_seconds() / DAY_S
