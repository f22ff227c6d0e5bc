"""Skin type for safety: the operator's reading, which a calibrated photo may darken and never lighten.

ITA = atan((L* - 50) / b*) in degrees (Chardon 1991); its classes are Del Bino and Bernerd's. The angle enters
as a normal distribution; the darkest class with at least the ruleset's probability is looked up together with
the operator's Fitzpatrick type.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from svc_decision.case import Case
from svc_decision.ruleset import FITZPATRICK, ItaClass, SkinRules


@dataclass(frozen=True, slots=True)
class SkinReading:
    """How the skin type for safety came about. Indices count Fitzpatrick types from I = 0."""

    operator: str | None
    ita_class: str | None
    """Class of the angle itself; None when no calibrated angle is there."""
    ita_class_used: str | None
    """Darkest class that is probable enough."""
    probabilities: tuple[tuple[str, float], ...]
    fused: str | None
    safe: str | None
    class_gap: int | None
    """Types between the operator's reading and the photo's, the larger of both classes'."""
    tan_difference: float | None
    """Degrees by which the margin is darker than protected skin."""
    sd_assumed: bool
    override: str
    """"none", "applied" or "refused"."""

    @property
    def safe_index(self) -> int | None:
        """0..5 for I..VI."""
        return None if self.safe is None else FITZPATRICK.index(self.safe)


def read_skin(case: Case, rules: SkinRules) -> SkinReading:
    """Fuse operator, photo and override. The photo counts only when a chart calibrated it."""
    operator = case.skin.fitzpatrick_operator
    ita = case.skin.ita if case.image.chart else None
    probabilities: tuple[tuple[str, float], ...] = ()
    point = used = None
    if ita is not None:
        sd = rules.assumed_ita_sd if case.skin.ita_sd is None else case.skin.ita_sd
        probabilities = class_probabilities(ita, sd, rules.ita_classes)
        point = _class_of(ita, rules.ita_classes)
        likely = [name for name, p in probabilities if p >= rules.min_class_probability]
        order = [c.id for c in rules.ita_classes]
        used = max([*likely, point], key=order.index)
    fused = operator
    if operator is not None and used is not None:
        fused = rules.fitzpatrick_safe[used][FITZPATRICK.index(operator)]
    safe, override = _override(case, fused)
    tan = None
    if ita is not None and case.skin.ita_protected is not None:
        tan = case.skin.ita_protected - ita
    return SkinReading(
        operator=operator,
        ita_class=point,
        ita_class_used=used,
        probabilities=probabilities,
        fused=fused,
        safe=safe,
        class_gap=_gap(operator, point, used, rules),
        tan_difference=tan,
        sd_assumed=ita is not None and case.skin.ita_sd is None,
        override=override,
    )


def class_probabilities(
    ita: float, sd: float, classes: tuple[ItaClass, ...]
) -> tuple[tuple[str, float], ...]:
    """P(class) for a normally distributed angle in degrees; sd 0 puts all on one class."""
    if sd <= 0:
        point = _class_of(ita, classes)
        return tuple((c.id, 1.0 if c.id == point else 0.0) for c in classes)
    result, above_before = [], 0.0
    for c in classes:
        above = 1.0 if c.above == -math.inf else 0.5 * math.erfc((c.above - ita) / (sd * math.sqrt(2)))
        result.append((c.id, above - above_before))
        above_before = above
    return tuple(result)


def _class_of(ita: float, classes: tuple[ItaClass, ...]) -> str:
    # An angle on a bound belongs to the darker class: 55.0 is light.
    return next(c.id for c in classes if ita > c.above or c.above == -math.inf)


def _override(case: Case, fused: str | None) -> tuple[str | None, str]:
    operator, override = case.skin.fitzpatrick_operator, case.override
    if override is None or operator is None:
        return fused, "none"
    if FITZPATRICK.index(override.fitzpatrick) < FITZPATRICK.index(operator):
        return fused, "refused"
    return override.fitzpatrick, "applied"


def _gap(operator: str | None, point: str | None, used: str | None, rules: SkinRules) -> int | None:
    if operator is None or point is None or used is None:
        return None
    types = {c.id: FITZPATRICK.index(c.fitzpatrick) for c in rules.ita_classes}
    return max(abs(types[name] - FITZPATRICK.index(operator)) for name in (point, used))
