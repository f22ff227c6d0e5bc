"""Kirby-Desai scale: points to an expected number of sessions.

After Kirby et al. 2009, J Clin Aesthet Dermatol 2(3):32-37. The score is read as sessions at intervals of six
weeks or more. Nothing is filled in for scarring, layering or the amount of ink: an input nobody stated makes
the estimate not estimable, and the reason is named.
"""

from __future__ import annotations

from collections.abc import Mapping

from svc_decision.case import Case
from svc_decision.conditions import Facts, evaluate
from svc_decision.decision import InkDecision, Sessions
from svc_decision.facts import find_site
from svc_decision.naming import spoken, spoken_ink
from svc_decision.ruleset import Ruleset, SessionRules

_SHARE_SUM_TOLERANCE = 0.05


def points(
    rules: SessionRules,
    *,
    fitzpatrick: str,
    location: str,
    colour: str,
    amount: str,
    scarring: str,
    layering: str,
) -> tuple[tuple[str, int], ...]:
    """(parameter, points) of the six parameters; their sum, 4 to 26, is the score.

    Raises KeyError for a value that the scale does not know.
    """
    chosen = {
        "fitzpatrick": fitzpatrick,
        "location": location,
        "colour": colour,
        "amount": amount,
        "scarring": scarring,
        "layering": layering,
    }
    return tuple((name, rules.points[name][value]) for name, value in chosen.items())


def colour_class(shares: Mapping[str, float], rules: SessionRules) -> str | None:
    """Colour parameter from the area shares of black, red and other; None when the scale has no such class.

    "Some" is a share between the ruleset's two bounds; less counts as none. The scale knows no tattoo of one
    colour without black.
    """
    few, some = rules.some_share
    black, red, other = (shares.get(name, 0.0) for name in ("black", "red", "other"))
    if black < few:
        return "multiple" if red >= few and other >= few else None
    if other < few and red < few:
        return "black_only"
    if other < few and red <= some + 1e-9:
        return "mostly_black_some_red"
    if other <= some + 1e-9 and black + red >= 1 - some - 1e-9:
        return "mostly_black_and_red_some_other"
    return "multiple"


def estimate(
    case: Case, ruleset: Ruleset, fitzpatrick: str | None, facts: Facts, obstacles: tuple[str, ...]
) -> Sessions:
    """Sessions for a case; `obstacles` are reasons found elsewhere, such as an ink without any wavelength."""
    rules = ruleset.sessions
    modifiers = tuple(
        (m.id, ruleset.text(f"modifier.{m.id}")) for m in rules.modifiers if evaluate(m.when, facts)
    )
    inputs = _inputs(case, ruleset, fitzpatrick)
    reasons = tuple(
        ruleset.texts.get(f"kd.needs.{name}", f"{name} is not known: {fix}")
        for name, (value, fix) in inputs.items()
        if value is None
    )
    # Two regions of one class share their obstacle.
    reasons = tuple(dict.fromkeys(obstacles)) + reasons
    if reasons:
        return Sessions(None, None, None, None, (), reasons, (), modifiers)
    chosen = {name: str(value) for name, (value, _) in inputs.items()}
    parts = points(rules, **chosen)
    score = sum(p for _, p in parts)
    caveats = [ruleset.text(key) for key in rules.caveats]
    if score > rules.unrealistic_above:
        caveats.append(ruleset.text("kd.unrealistic"))
    if case.image.chart is False:
        caveats.append(ruleset.text("kd.qualitative"))
    multicolour = chosen["colour"] == "multiple" and chosen["amount"] != "amateur"
    floor = rules.multicolour_floor if multicolour else rules.floor
    low = max(score - rules.half_width, floor)
    return Sessions(score, float(score), low, score + rules.half_width, parts, (), tuple(caveats), modifiers)


def unranked(ruleset: Ruleset, status: str) -> str:
    """Why a case of that status has no estimate."""
    if "kd.unranked" not in ruleset.texts:
        return f"no wavelength is ranked ({status})."
    return ruleset.text("kd.unranked", status=spoken(ruleset, "case_status", status))


def no_wavelength(ruleset: Ruleset, ink: InkDecision) -> str:
    """Why an ink without an allowed wavelength has no estimate."""
    if "kd.no_wavelength" not in ruleset.texts:
        return f"{ink.ink_class} has no allowed wavelength."
    name = spoken_ink(ruleset, ink.ink_class, ink.basis == "hue_family")
    return ruleset.text("kd.no_wavelength", ink=name)


def _inputs(case: Case, ruleset: Ruleset, fitzpatrick: str | None) -> dict[str, tuple[str | None, str]]:
    """Each parameter's value, or None with what to state."""
    site = find_site(case.site, ruleset)
    layered = case.intake.get("cover_up")
    layering = None if layered is None else "layered" if layered else "none"
    return {
        "fitzpatrick": (fitzpatrick, "state the skin type."),
        "location": (site.kd_location if site else None, "state a narrower site, for example upper_arm."),
        "colour": (
            _colour(case, ruleset),
            "the scale needs class and share of every ink, and black among them.",
        ),
        "amount": (_choice(case, "ink_amount"), "state intake.ink_amount."),
        "scarring": (_choice(case, "scarring"), "state intake.scarring."),
        "layering": (layering, "state intake.cover_up."),
    }


def _choice(case: Case, name: str) -> str | None:
    value = case.intake.get(name)
    return value if isinstance(value, str) else None


def _colour(case: Case, ruleset: Ruleset) -> str | None:
    shares: dict[str, float] = {}
    for ink in case.inks:
        row = ruleset.efficacy.classes.get(ink.ink_class)
        share = 1.0 if len(case.inks) == 1 else ink.area_share
        if row is None or share is None:
            return None
        shares[row.kd_colour] = shares.get(row.kd_colour, 0.0) + share
    if abs(sum(shares.values()) - 1.0) > _SHARE_SUM_TOLERANCE:
        return None
    return colour_class(shares, ruleset.sessions)
