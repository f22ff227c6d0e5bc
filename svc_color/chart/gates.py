"""Gates on a chart: what may be claimed from a photo that shows one.

Thresholds are the domain dossier's, section 6.4, all of them proposals [D] to be tuned on a pilot. One is
ours: the light's unevenness and the tilt are judged less their standard uncertainty, since noise of the fit
is judged by the leave-one-out error already. The dossier's gate on the white patch's level is for raw files;
in a photo that went through a tone curve it warns, and a white patch that is clipped is left out of the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Grade = Literal["pass", "warn", "fail"]
_ORDER: Final[tuple[Grade, ...]] = ("pass", "warn", "fail")


@dataclass(frozen=True)
class Gate:
    """One check. code: of its flag. best, worst: bounds of pass and of warn. said: with `{value}`
    and the `{bound}` that it missed."""

    code: str
    best: float
    worst: float
    said: str
    smaller_is_better: bool = True

    def judge(self, value: float) -> Grade:
        """The grade of a value; NaN fails."""
        if self.smaller_is_better:
            return "pass" if value <= self.best else "warn" if value <= self.worst else "fail"
        return "pass" if value >= self.best else "warn" if value >= self.worst else "fail"

    def bound(self, grade: Grade) -> float:
        """The bound that a value of this grade missed."""
        return self.best if grade == "warn" else self.worst


@dataclass(frozen=True)
class Finding:
    """A check that did not pass."""

    code: str
    grade: Grade
    said: str


LOO_MEAN: Final = Gate(
    "CHART_FIT_POOR", 2.0, 3.0, "the mean error of a patch left out is {value:.1f} ΔE00, above {bound:g}"
)
LOO_MAX: Final = Gate(
    "CHART_FIT_POOR", 5.0, 8.0, "the largest error of a patch left out is {value:.1f} ΔE00, above {bound:g}"
)
NEUTRAL_CHROMA: Final = Gate(
    "CHART_GREYS_TINTED", 2.0, 4.0, "the grey patches keep a chroma of {value:.1f}, above {bound:g}"
)
NON_UNIFORMITY: Final = Gate(
    "CHART_LIGHT_UNEVEN", 5.0, 10.0, "the light differs by {value:.0f} % over the chart, above {bound:g} %"
)
TILT: Final = Gate("CHART_TILTED", 10.0, 20.0, "the chart is tilted by {value:.0f} degrees, above {bound:g}")
PATCH_PX: Final = Gate(
    "CHART_TOO_SMALL",
    40.0,
    20.0,
    "a patch is {value:.0f} pixels wide, below {bound:g}",
    smaller_is_better=False,
)


def check(values: tuple[tuple[Gate, float], ...]) -> tuple[Finding, ...]:
    """The checks that did not pass, gravest first."""
    findings = [
        Finding(gate.code, grade, gate.said.format(value=value, bound=gate.bound(grade)))
        for gate, value in values
        if (grade := gate.judge(value)) != "pass"
    ]
    return tuple(sorted(findings, key=lambda each: -_ORDER.index(each.grade)))


def worst(findings: tuple[Finding, ...]) -> Grade:
    """The grade of all findings together."""
    return max((each.grade for each in findings), key=_ORDER.index, default="pass")
