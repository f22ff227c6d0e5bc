"""A case as judged before any wavelength is looked at: skin, laser, facts, flags, missing answers, status."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from types import MappingProxyType

from svc_decision import flags as risk
from svc_decision import mandatory
from svc_decision.case import Case, Ink
from svc_decision.conditions import Facts
from svc_decision.decision import Missing
from svc_decision.devices import Laser, resolve
from svc_decision.facts import case_facts, region_facts
from svc_decision.flags import Firings
from svc_decision.ruleset import UNKNOWN_CLASS, Ruleset
from svc_decision.skin import SkinReading, read_skin

WITH_OPTIONS = ("ok", "deferred", "qualitative")


@dataclass(frozen=True, slots=True)
class Judged:
    """A case after the first four steps."""

    case: Case
    ruleset: Ruleset
    skin: SkinReading
    laser: Laser
    facts: Facts
    no_ink: frozenset[int]
    firings: Firings
    missing: tuple[Missing, ...]
    explained: bool


def is_extended(ruleset: Ruleset) -> bool:
    """Whether decisions carry what came with format 1.1; those of 1.0 are replayed byte for byte."""
    return ruleset.manifest.format != "1.0"


def judge(case: Case, ruleset: Ruleset, *, without: Collection[str] = (), explained: bool = True) -> Judged:
    """Judge a case.

    Counterfactuals ask to leave flags out (`without`), and do not ask for a trace (`explained` false).
    """
    skin, laser = read_skin(case, ruleset.skin), resolve(case.device, ruleset)
    facts = case_facts(case, ruleset, skin, laser)
    no_ink = frozenset(i for i, ink in enumerate(case.inks) if _is_no_ink(ink, case, ruleset))
    regions: list[tuple[int | None, Facts]] = [
        (i, MappingProxyType({**facts, **region_facts(case, ink, ruleset)}))
        for i, ink in enumerate(case.inks)
        if i not in no_ink
    ]
    # Where no ink is left, what was stated about it still counts: a referral is never lost with its region.
    bare: list[tuple[int | None, Facts]] = [(None, facts)] if is_extended(ruleset) else []
    firings = risk.fire(
        [f for f in ruleset.flags if f.id not in without], facts, regions or bare, explained=explained
    )
    missing = mandatory.missing_answers(ruleset.mandatory, facts, ruleset.text)
    return Judged(case, ruleset, skin, laser, facts, no_ink, firings, missing, explained)


def status_of(judged: Judged) -> str:
    """Status of the whole case."""
    firings = judged.firings
    indices = [i for i in range(len(judged.case.inks)) if i not in judged.no_ink]
    if judged.missing or judged.skin.safe is None:
        return "incomplete"
    if firings.effects("stop") or (indices and all(firings.effects("stop", i) for i in indices)):
        return "stopped"
    if firings.effects("no_colour") or not any(is_large(judged, i) for i in indices):
        return "no_colour"
    if any(f.level.effect in ("defer", "defer_unranked") for f in firings.fired):
        return "deferred"
    return "ok" if judged.case.image.chart else "qualitative"


def session_facts(judged: Judged) -> Facts:
    """What the factors beside the session estimate read: the facts of the case, and two that flags tell."""
    fired = {f.flag.id for f in judged.firings.fired}
    return {**judged.facts, "case.dense": "R16" in fired, "case.darkened": "R33" in fired}


def is_large(judged: Judged, region: int) -> bool:
    """Whether a region is big enough to be judged; an area nobody measured is."""
    share, rules = judged.case.inks[region].area_share, judged.ruleset.engine
    if share is None or share >= rules.min_area_share:
        return True
    return judged.case.area_cm2 is not None and share * judged.case.area_cm2 >= rules.min_area_cm2


def shown_class(judged: Judged, region: int) -> str:
    """The class, or in qualitative mode its hue family."""
    ink = judged.case.inks[region]
    if judged.case.image.chart is True:
        return ink.ink_class
    likely = by_family(judged, ink) if obstacle(judged, region) == "FAMILY_ONLY" else None
    row = judged.ruleset.efficacy.classes.get((likely or ink).ink_class)
    return row.hue_family if row is not None else ink.ink_class


def obstacle(judged: Judged, region: int) -> str | None:
    """Message code of what keeps this region from being ranked under its class."""
    if region in judged.no_ink:
        return "NO_INK"
    if judged.firings.effects("stop", region):
        return "REGION_EXCLUDED"
    if not is_large(judged, region):
        return "REGION_TOO_SMALL"
    if not judged.firings.effects("no_ranking", region):
        return None
    qualitative = judged.case.image.chart is not True
    known = qualitative and by_family(judged, judged.case.inks[region]) is not None
    return "FAMILY_ONLY" if known else "CLASS_UNCERTAIN"


def by_family(judged: Judged, ink: Ink) -> Ink | None:
    """The ink under its most probable class, when at least that class's hue family is probable enough.

    A named class that its posterior contradicts, or a colour far from every prototype, has no family.
    """
    classes, rules = judged.ruleset.efficacy.classes, judged.ruleset.engine
    posterior = ink.posterior or {}
    far = ink.prototype_de00 is not None and ink.prototype_de00 > rules.max_prototype_de00
    # A class probable enough that was not named all the same: colour found it too far from every prototype.
    top = max(posterior.values(), default=0.0)
    far = far or (ink.ink_class == UNKNOWN_CLASS and top >= rules.min_family_probability)
    if not posterior or far or ink.named_by == "operator":
        return None
    families: dict[str, float] = {}
    for name, probability in posterior.items():
        family = classes[name].hue_family
        families[family] = families.get(family, 0.0) + probability
    best = max(families, key=lambda name: families[name])
    if families[best] < rules.min_family_probability:
        return None
    # A family without the most probable class would be a guess against that class.
    if is_extended(judged.ruleset) and ink.ink_class in classes and classes[ink.ink_class].hue_family != best:
        return None
    members = {name: p for name, p in posterior.items() if classes[name].hue_family == best}
    return replace(ink, ink_class=max(members, key=lambda name: members[name]))


def _is_no_ink(ink: Ink, case: Case, ruleset: Ruleset) -> bool:
    """Opaque ink that does not stand out from the skin and that nobody says is there."""
    rule, row = ruleset.engine.no_ink, ruleset.efficacy.classes.get(ink.ink_class)
    # Without a chart no colour difference is measured, so nothing is argued away.
    if row is None or row.hue_family != rule.hue_family or ink.delta_e00 is None or not case.image.chart:
        return False
    # A suspected lesion is never argued away with its region.
    if is_extended(ruleset) and (ink.naevus or 0.0) >= ruleset.engine.candidate_min_probability:
        return False
    return ink.delta_e00 <= rule.max_delta_e00 and case.intake.get("white_or_skin_tone") is not True
