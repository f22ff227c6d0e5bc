"""One measured quantity with its uncertainty, or the typed reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Reasons why there is no value, and what they say to people.
REASONS = {
    "NOT_IN_VIEW": "cannot be measured from this view",
    "VIEW_UNKNOWN": "the camera's view of the subject could not be told",
    "BODY_TURNED": "the body is turned away from the camera's plane by more than 15 degrees",
    "SIDE_UNKNOWN": "the standing leg is not known",
    "KNEE_FLEXION_UNKNOWN": "the knee's flexion cannot be told, and it would read as valgus",
    "KNEE_TOO_BENT": "the standing knee is bent too far for a projection angle in quiet stance",
    "LANDMARKS_MISSING": "the landmarks it needs are missing in too much of the window",
    "SCALE_UNKNOWN": "there is no scale from pixels to millimetres",
    "TOO_SHORT": "the window is too short",
    "NOT_COHERENT": "leg and trunk are not significantly coherent, so they have no common phase",
    "BELOW_NOISE": "the motion does not rise above the noise of the landmarks",
}


@dataclass(frozen=True)
class Reading:
    """A quantity. value is None when not measurable; `reason` then is a key of REASONS, else empty.

    standard_uncertainty in `unit`; low_95 and high_95 bound the 95 % interval; None when unknown.
    """

    id: str
    value: float | None
    unit: str
    standard_uncertainty: float | None = None
    low_95: float | None = None
    high_95: float | None = None
    reason: str = ""

    @property
    def why(self) -> str:
        """The reason as words; empty when there is a value."""
        return REASONS.get(self.reason, "")


def measured(id: str, value: float, unit: str, uncertainty: float | None) -> Reading:
    """A reading with its normal 95 % interval; LANDMARKS_MISSING when the value is not finite.

    An uncertainty of 0 is one that is not known: nothing measured here is certain.
    """
    if not math.isfinite(value):
        return unmeasured(id, unit, "LANDMARKS_MISSING")
    if uncertainty is None or not 0 < uncertainty < math.inf:
        return Reading(id, float(value), unit)
    half = 1.96 * float(uncertainty)
    return Reading(id, float(value), unit, float(uncertainty), float(value) - half, float(value) + half)


def unmeasured(id: str, unit: str, reason: str) -> Reading:
    """A reading without a value; reason: a key of REASONS."""
    if reason not in REASONS:
        raise ValueError(f"unknown reason {reason!r}")
    return Reading(id, None, unit, reason=reason)
