"""What raised a flag: a learned probability, a measurement on the photo, a statement, or nothing at all.

The learned part of a case is the posterior over ink classes and the probability of a pigmented lesion; all
else is measured by rule or stated by people.
"""

from __future__ import annotations

from svc_decision.case import Case
from svc_decision.conditions import (
    AllOf,
    Always,
    AnyOf,
    Compare,
    Condition,
    Facts,
    FactValue,
    Probability,
    evaluate,
    posterior_sum,
)
from svc_decision.flags import Firing
from svc_decision.ruleset import FITZPATRICK
from svc_decision.skin import SkinReading

ORIGINS = ("model", "image", "operator", "always")
_LEARNED = ("detector.naevus", "region.naevus")
_CLASS_FACTS = ("region.class", "region.class_agrees", "region.top_probability")
_MEASURED = (
    "image.", "region.lightness_t", "region.coverage", "region.prototype_de00", "region.delta_l_t",
    "follow_up.", "skin.tan_difference",
)  # fmt: skip


def support(condition: Condition, facts: Facts) -> tuple[Always | Compare | Probability, ...]:
    """The single comparisons that make a true condition true; empty for one that is not true."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            if evaluate(condition, facts) is not True:
                return ()
            return tuple(leaf for part in parts for leaf in support(part, facts))
        case _:
            return (condition,) if evaluate(condition, facts) is True else ()


def raised_by(firing: Firing, case: Case, skin: SkinReading) -> tuple[str, ...]:
    """Some of ORIGINS, in their order: everything that by itself or together made the flag fire."""
    found = {
        o for leaf in support(firing.level.when, firing.facts) for o in _origins(leaf, firing, case, skin)
    }
    return tuple(o for o in ORIGINS if o in found)


def because(firing: Firing) -> tuple[tuple[str, FactValue], ...]:
    """(name, value) of what made the flag fire; a sum of probabilities is named "P(a+b)"."""
    values: dict[str, FactValue] = {}
    for leaf in support(firing.level.when, firing.facts):
        if isinstance(leaf, Probability):
            values[f"P({'+'.join(leaf.classes)})"] = round(posterior_sum(leaf.classes, firing.facts), 4)
        elif isinstance(leaf, Compare):
            values[leaf.fact] = firing.facts.get(leaf.fact)
    return tuple(values.items())


def _origins(
    leaf: Always | Compare | Probability, firing: Firing, case: Case, skin: SkinReading
) -> tuple[str, ...]:
    if isinstance(leaf, Always):
        return ("always",)
    if isinstance(leaf, Probability):
        return _of_probability(leaf, firing, case)
    if leaf.fact in _LEARNED:
        return ("model",)
    if leaf.fact in _CLASS_FACTS and firing.region is not None:
        ink = case.inks[firing.region]
        if leaf.fact == "region.class_agrees" and ink.named_by == "operator":
            return ("model", "operator")
        return ("operator",) if ink.posterior is None else ("model",)
    if leaf.fact == "skin.class_gap":
        return ("image", "operator")
    if leaf.fact == "skin.fitzpatrick_safe":
        return _of_skin(leaf, skin)
    return ("image",) if leaf.fact.startswith(_MEASURED) else ("operator",)


def _of_probability(leaf: Probability, firing: Firing, case: Case) -> tuple[str, ...]:
    """A class stated as certain, or against its posterior, is a statement; the rest is learned."""
    if firing.region is None:
        return ("model",)
    ink = case.inks[firing.region]
    stated = ink.named_by == "operator" and ink.ink_class in leaf.classes
    posterior = {f"p.{name}": p for name, p in (ink.posterior or {}).items()}
    learned = posterior_sum(leaf.classes, posterior) >= leaf.at_least
    return ("model",) * (learned or not stated) + ("operator",) * stated


def _of_skin(leaf: Compare, skin: SkinReading) -> tuple[str, ...]:
    """The operator's own type, or a clinician's, where it is dark enough; else the photo darkened it."""
    if skin.override == "applied":
        return ("operator",)
    own = None if skin.operator is None else FITZPATRICK.index(skin.operator) + 1
    return ("operator",) if evaluate(leaf, {leaf.fact: own}) is True else ("image",)
