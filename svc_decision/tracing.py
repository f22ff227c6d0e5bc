"""The trace of the rules that are no flags: skin fusion, override, no ink, caps, lookups, sessions.

Every rule of the ruleset is in the trace of a decision, at each place where it was judged, with the values
that it saw; a rule whose turn never came is there once, as not reached. Rulesets of format 1.0 keep the trace
that they always had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from svc_decision.case import Ink
from svc_decision.conditions import FactValue, fact_names
from svc_decision.decision import InkDecision, Option, Sessions, TraceEntry
from svc_decision.judging import Judged, is_extended, session_facts
from svc_decision.options import Setting, gate_at
from svc_decision.ruleset import UNKNOWN_CLASS, Ruleset

NAMED_CLASS = "N02"
CAPS = ("C01", "C02", "Q01", "Q02", "Q03")
LOOKUPS = ("E.", "S.", "L.")
"""Beginnings of the ids of table entries, which are traced where they were looked up."""


def engine_trace(judged: Judged, setting: Setting, inks: Sequence[InkDecision]) -> Iterator[TraceEntry]:
    """The rules that are no flags: skin fusion, override, no-ink, caps, lookups."""
    skin, case, extended = judged.skin, judged.case, is_extended(judged.ruleset)
    saw = (
        ("skin.fitzpatrick_operator", skin.operator),
        ("skin.ita", case.skin.ita if case.image.chart else None),
        ("skin.ita_class", skin.ita_class),
        ("skin.ita_class_used", skin.ita_class_used),
        ("skin.fused", skin.fused),
    )
    yield TraceEntry("F01", "fired" if skin.fused else "unknown", saw, f"skin type {skin.safe}")
    stated: tuple[tuple[str, FactValue], ...] = (
        ("override.fitzpatrick", case.override.fitzpatrick if case.override else None),
    )
    if extended and case.override is not None:
        stated += (("override.name", case.override.name), ("override.reason", case.override.reason))
    yield TraceEntry("V01", "fired" if skin.override == "applied" else "not_fired", stated, skin.override)
    for region, ink in enumerate(case.inks):
        outcome = "fired" if region in judged.no_ink else "not_fired"
        # Without a chart the difference is an estimate, which the rule does not look at.
        saw_difference = (("region.delta_e00", ink.delta_e00 if case.image.chart else None),)
        yield TraceEntry("N01", outcome, saw_difference, "", region)
        if extended:
            yield _named_class(region, ink, judged.ruleset)
    for advice in inks:
        for option in advice.options:
            for rule in CAPS:
                outcome = "fired" if rule in option.rules else "not_fired"
                effect = option.status if rule in option.rules else ""
                looked = _saw(rule, advice.region, option, judged, setting) if extended else ()
                yield TraceEntry(rule, outcome, looked, effect, advice.region, option.wavelength_nm)
            if extended:
                yield from _lookups(advice, option, setting)


def session_trace(judged: Judged, estimate: Sessions) -> Iterator[TraceEntry]:
    """The scale and the factors beside it."""
    effect = "; ".join(reason.rstrip(".") for reason in estimate.reasons) or f"score {estimate.score}"
    yield TraceEntry("KD", "fired" if estimate.estimable else "not_fired", estimate.points, effect)
    applied, facts = {rule for rule, _ in estimate.modifiers}, session_facts(judged)
    for modifier in judged.ruleset.sessions.modifiers:
        saw: tuple[tuple[str, FactValue], ...] = ()
        if is_extended(judged.ruleset):
            saw = tuple((name, facts.get(name)) for name in fact_names(modifier.when))
        yield TraceEntry(modifier.id, "fired" if modifier.id in applied else "not_fired", saw)


def unreached(judged: Judged, trace: Sequence[TraceEntry], status: str) -> Iterator[TraceEntry]:
    """The rules that nothing so far says anything of: their turn never came."""
    if not is_extended(judged.ruleset):
        return
    told = {entry.rule for entry in trace}
    for rule in rule_ids(judged.ruleset):
        if rule not in told:
            yield TraceEntry(rule, "not_reached", (("case.status", status),))


def rule_ids(ruleset: Ruleset) -> tuple[str, ...]:
    """Every rule that a trace speaks of; entries of tables are traced where they are looked up."""
    engine = ruleset.engine
    return (
        *(m.id for m in ruleset.mandatory),
        *(f.id for f in ruleset.flags),
        *("F01", "V01", engine.no_ink.id, NAMED_CLASS),
        *CAPS,
        *(rule.id for rule in engine.test_spots),
        *(step.id for step in engine.ladder),
        "KD",
        *(m.id for m in ruleset.sessions.modifiers),
    )


def _named_class(region: int, ink: Ink, ruleset: Ruleset) -> TraceEntry:
    """Whether a named class counts in full against its posterior (`facts.region_facts`)."""
    own = ink.posterior.get(ink.ink_class, 0.0) if ink.posterior else None
    weak = own is not None and (own < ruleset.engine.named_in_full_below or ink.named_by == "operator")
    fired = weak and ink.ink_class != UNKNOWN_CLASS
    saw = (("region.class", ink.ink_class), ("region.class_probability", own))
    return TraceEntry(
        NAMED_CLASS, "fired" if fired else "not_fired", saw, "counts in full" if fired else "", region
    )


def _saw(
    rule: str, region: int, option: Option, judged: Judged, setting: Setting
) -> tuple[tuple[str, FactValue], ...]:
    """What a cap looked at."""
    firings, posterior = judged.firings, judged.case.inks[region].posterior
    match rule:
        case "C01":
            return (("flags.caution", firings.effects("cap", region)),)
        case "C02":
            return (("flags.defer", tuple(f.flag.id for f in firings.fired if f.level.effect == "defer")),)
        case "Q02":
            return (("option.skin_gate_one_darker", gate_at(option.wavelength_nm, setting, darker=1)[0]),)
        case "Q03":
            return (("region.top_probability", max(posterior.values()) if posterior else None),)
        case _:
            return (("image.chart", judged.case.image.chart),)


def _lookups(advice: InkDecision, option: Option, setting: Setting) -> Iterator[TraceEntry]:
    """The entries of matrix, skin gate and device registry behind an option."""
    place = (advice.region, option.wavelength_nm)
    looked: dict[str, tuple[tuple[tuple[str, FactValue], ...], str]] = {
        "E.": (
            (("region.class", advice.ink_class), ("laser.pulse", option.pulse)),
            f"grade {option.efficacy}",
        ),
        "S.": ((("skin.fitzpatrick_safe", setting.fitzpatrick),), option.skin_gate),
        "L.": ((("laser", setting.laser.name), ("skin.fitzpatrick_safe", setting.fitzpatrick)), option.label),
    }
    for rule in option.rules:
        if rule.startswith(LOOKUPS):
            saw, effect = looked[rule[:2]]
            yield TraceEntry(rule, "fired", saw, effect, *place)
