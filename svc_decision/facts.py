"""The named facts that conditions read, built from a case. A fact that is None is unknown."""

from __future__ import annotations

from types import MappingProxyType

from svc_decision.case import Case, Ink, schema
from svc_decision.conditions import Facts, FactValue
from svc_decision.devices import Laser
from svc_decision.ruleset import FITZPATRICK, UNKNOWN_CLASS, Ruleset, Site
from svc_decision.skin import SkinReading

INTAKE_NAMES = tuple(schema()["properties"]["intake"]["properties"])
FACT_NAMES = frozenset(
    {f"intake.{name}" for name in INTAKE_NAMES}
    | {
        "device.known", "skin.fitzpatrick_operator", "skin.fitzpatrick_safe", "skin.class_gap",
        "skin.tan_difference", "site.tags", "area_cm2", "detector.naevus", "image.chart",
        "image.chart_loo_de00", "image.chart_loo_max_de00", "image.quality_ok", "policy.isotretinoin",
        "follow_up.skin_change_excess", "intake.lesion_check", "case.area_over_limit",
        "case.only_black_or_red", "case.dense", "case.darkened", "region.class", "region.class_agrees",
        "region.top_probability", "region.lightness_t", "region.coverage", "region.prototype_de00",
        "region.naevus", "region.delta_l_t", "option.efficacy", "option.skin_gate", "option.label",
        "option.tan_block", "option.region_hold", "option.grade_released", "region.spot_outcomes",
        "case.spot_outcomes", "spot.outcome", "spot.reviewed_after_weeks",
    }
)  # fmt: skip


def case_facts(case: Case, ruleset: Ruleset, skin: SkinReading, laser: Laser) -> Facts:
    """Facts about the whole case."""
    facts: dict[str, FactValue] = {f"intake.{name}": value for name, value in case.intake.items()}
    found, checked = case.intake.get("naevus_found"), case.intake.get("naevus_checked")
    site = find_site(case.site, ruleset)
    if checked is True:
        facts["intake.naevus_found"] = False
    # R29 asks one thing in two ways; either answer settles the other. The session scale takes only its own.
    if case.intake.get("scar") is False:
        facts.setdefault("intake.scarring", "none")
    if case.intake.get("scarring") == "none":
        facts.setdefault("intake.scar", False)
    if site is not None and site.kd_location != "head_neck":
        facts.setdefault("intake.inside_orbital_rim", False)
    facts |= {
        # A check that was not made is a missing answer, not a negative one.
        "intake.lesion_check": True if found is True or checked is True else None,
        "device.known": True if laser.known else None,
        "skin.fitzpatrick_operator": case.skin.fitzpatrick_operator,
        "skin.fitzpatrick_safe": None if skin.safe is None else FITZPATRICK.index(skin.safe) + 1,
        "skin.class_gap": skin.class_gap,
        "skin.tan_difference": skin.tan_difference,
        "site.tags": site.tags if site else None,
        "area_cm2": case.area_cm2,
        "detector.naevus": case.detector_naevus,
        "image.chart": case.image.chart,
        "image.chart_loo_de00": case.image.chart_loo_de00,
        "image.chart_loo_max_de00": case.image.chart_loo_max_de00,
        "image.quality_ok": case.image.quality_ok,
        "policy.isotretinoin": _stricter(case.isotretinoin_policy, ruleset.engine.isotretinoin_policy),
        "follow_up.skin_change_excess": _skin_change_excess(case, ruleset.engine.skin_change_de00),
        "case.area_over_limit": (
            None if case.area_cm2 is None else case.area_cm2 > ruleset.engine.area_limit_cm2
        ),
        "case.only_black_or_red": _only_black_or_red(case, ruleset),
        "case.spot_outcomes": tuple(dict.fromkeys(spot.outcome for spot in case.test_spots)),
    }
    return MappingProxyType(facts)


def region_facts(case: Case, ink: Ink, ruleset: Ruleset) -> Facts:
    """Facts about one ink region, posterior probabilities as `p.<class>` among them.

    A class that somebody named counts with probability 1 where the posterior prefers another one, or holds it
    below the ruleset's `named_in_full_below`: no posterior may talk a named class's hazards away.
    """
    posterior = dict(ink.posterior) if ink.posterior is not None else {ink.ink_class: 1.0}
    top = max(posterior, key=lambda name: posterior[name])
    named = ink.ink_class != UNKNOWN_CLASS
    own = posterior.get(ink.ink_class, 0.0)
    top_probability = posterior[top]
    agrees = not named or own >= top_probability
    possible = {name for name, p in posterior.items() if p >= ruleset.engine.candidate_min_probability}
    if named and (not agrees or own < ruleset.engine.named_in_full_below):
        posterior[ink.ink_class] = 1.0
    facts: dict[str, FactValue] = {f"p.{name}": value for name, value in posterior.items()}
    facts |= {
        "region.class": ink.ink_class,
        "region.class_agrees": agrees,
        "region.top_probability": top_probability if ink.posterior is not None or named else None,
        # Without a chart no lightness is measured.
        "region.lightness_t": ink.lab_t[0] if ink.lab_t and case.image.chart else None,
        "region.coverage": ink.coverage,
        "region.prototype_de00": ink.prototype_de00,
        "region.naevus": ink.naevus,
        "region.delta_l_t": ink.delta_l_t,
        # What a test spot showed counts for every region that may be that ink.
        "region.spot_outcomes": tuple(
            dict.fromkeys(s.outcome for s in case.test_spots if s.ink_class in possible | {ink.ink_class})
        ),
    }
    return MappingProxyType(facts)


def find_site(name: str | None, ruleset: Ruleset) -> Site | None:
    """The ruleset's site of that name; case, hyphens, spaces and "left"/"right" do not matter."""
    if name is None:
        return None
    words = name.casefold().replace("-", " ").replace("_", " ").split()
    return ruleset.sites.get("_".join(w for w in words if w not in ("left", "right")))


def _stricter(case_policy: str | None, own: str) -> str:
    return "defer" if "defer" in (case_policy, own) else own


def _skin_change_excess(case: Case, floor: float) -> float | None:
    if case.skin_change_de00 is None:
        return None
    return case.skin_change_de00 - max(floor, case.mdc95 or 0.0)


def _only_black_or_red(case: Case, ruleset: Ruleset) -> bool | None:
    rows = [ruleset.efficacy.classes.get(ink.ink_class) for ink in case.inks]
    if not rows or None in rows:
        return None
    return all(row is not None and row.kd_colour in ("black", "red") for row in rows)
