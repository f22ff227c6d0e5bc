"""One ink region to its wavelength options: efficacy, skin gate and label, the status ladder, then caps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from svc_decision import spots
from svc_decision.case import Case, Ink
from svc_decision.conditions import Facts, FactValue, evaluate
from svc_decision.decision import Candidate, CandidateOption, Option, TraceEntry
from svc_decision.devices import Laser, label_state
from svc_decision.flags import Firings
from svc_decision.naming import spoken
from svc_decision.ruleset import FITZPATRICK, RANKED, STATUSES, InkClass, Ruleset, Tan, TestSpotRule
from svc_decision.spots import Lift

_LIFTABLE = ("recommend", "consider", "specialist")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for every option of a case."""

    case: Case
    facts: Facts
    ruleset: Ruleset
    laser: Laser
    fitzpatrick: str
    firings: Firings
    learned_flags: frozenset[tuple[str, int | None]]
    """(flag, region) of the firings that a learned probability raised."""
    tan: Tan | None
    qualitative: bool
    deferred: bool
    explained: bool
    """Whether options come with their reasons and a trace."""


def rank_options(
    region: int, ink: Ink, setting: Setting, *, family_only: bool = False
) -> tuple[tuple[Option, ...], tuple[TraceEntry, ...]]:
    """All options of a region, best first, and the ladder's trace for each.

    family_only: the ink's class stands for its hue family, since only that is certain (rule Q03).
    """
    trace: list[TraceEntry] = []
    options = []
    for nm in setting.laser.wavelengths_nm:
        if nm in setting.ruleset.efficacy.wavelengths_nm:
            option, entries = _option(region, ink, nm, setting, family_only)
            options.append(option)
            trace.extend(entries)
    melanin = setting.ruleset.efficacy.melanin_index
    options.sort(key=lambda o: (STATUSES.index(o.would_be), -o.efficacy, melanin[o.wavelength_nm]))
    if not setting.qualitative and not setting.deferred:
        ranks = iter(range(1, len(options) + 1))
        options = [replace(o, rank=next(ranks)) if o.status in RANKED else o for o in options]
    return tuple(options), tuple(trace)


def candidates(ink: Ink, setting: Setting) -> tuple[Candidate, ...]:
    """Classes that an uncertain ink may be, with the tables' entries and no status."""
    posterior = dict(ink.posterior or {})
    if ink.ink_class in setting.ruleset.efficacy.classes:
        posterior.setdefault(ink.ink_class, 0.0)
    least = setting.ruleset.engine.candidate_min_probability
    names = [n for n, p in posterior.items() if p >= least or n == ink.ink_class]
    return tuple(
        Candidate(name, posterior[name], _candidate_options(setting.ruleset.efficacy.classes[name], setting))
        for name in sorted(names, key=lambda n: -posterior[n])
    )


def _candidate_options(row: InkClass, setting: Setting) -> tuple[CandidateOption, ...]:
    found = []
    for nm in setting.laser.wavelengths_nm:
        if nm not in row.cells:
            continue
        gate, blocked = gate_at(nm, setting)
        grade = row.cells[nm].grade(setting.laser.pulse)
        if gate != "block" and not blocked and grade > 1:
            label = label_state(setting.laser, nm, setting.fitzpatrick, row.label_colour)
            found.append(CandidateOption(nm, grade, label, gate))
    return tuple(sorted(found, key=lambda o: o.wavelength_nm))


def gate_at(nm: int, setting: Setting, darker: int = 0) -> tuple[str, bool]:
    """Gate column for the skin type, read darker under a tan; and whether the tan blocks outright."""
    tan = setting.tan if setting.tan and nm < setting.tan.block_below_nm else None
    column = FITZPATRICK.index(setting.fitzpatrick) + darker + (tan.columns_darker if tan else 0)
    columns = setting.ruleset.skin.gate[nm]
    return columns[min(column, len(columns) - 1)], tan is not None


def _option(
    region: int, ink: Ink, nm: int, setting: Setting, family_only: bool
) -> tuple[Option, list[TraceEntry]]:
    ruleset, laser = setting.ruleset, setting.laser
    own = ruleset.efficacy.classes[ink.ink_class]
    rows = ruleset.efficacy.family(own.hue_family) if setting.qualitative else (own,)
    grades = [row.cells[nm].grade(laser.pulse) for row in rows]
    row = rows[grades.index(min(grades))]
    cell, efficacy = row.cells[nm], min(grades)
    gate, tan_block = gate_at(nm, setting)
    label = label_state(laser, nm, setting.fitzpatrick, own.label_colour)
    lifted, spot_trace = _lift(region, ink, nm, efficacy, setting, family_only)
    facts: dict[str, FactValue] = {
        "option.efficacy": efficacy,
        "option.skin_gate": gate,
        "option.label": label,
        "option.tan_block": tan_block,
        "option.region_hold": bool(lifted.held),
    }
    if ruleset.engine.test_spots:
        facts["option.grade_released"] = lifted.grade_released
    step, trace = _ladder(region, nm, facts, setting)
    rules = [f"E.{row.id}.{nm}", f"S.{nm}.{setting.fitzpatrick}", f"L.{nm}.{label}", step]
    status = next((s.status for s in ruleset.engine.ladder if s.id == step), "blocked")
    if status == "hold":
        rules += lifted.held
    if tan_block:
        rules += [f.flag.id for f in setting.firings.fired if f.level.tan]
    status, caps = _capped(region, nm, status, setting, family_only, lifted.rules)
    would_be, status = status, "deferred" if setting.deferred and status in _LIFTABLE else status
    if status == "deferred":
        caps += ["C02", *setting.firings.effects("defer", region)]
    option = Option(
        wavelength_nm=nm,
        pulse=laser.pulse,
        status=status,
        would_be=would_be,
        rank=None,
        efficacy=efficacy,
        efficacy_range=(min(grades), max(grades)),
        evidence=cell.evidence,
        label=label,
        skin_gate=gate,
        rules=(*rules, *caps),
        reasons=_reasons(row, nm, [step, *caps], ruleset) if setting.explained else (),
        source=tuple(dict.fromkeys((*cell.source, *ruleset.skin.gate_source[nm], *_label_source(laser, nm)))),
        learned=_learned((*rules, *caps), region, ink, setting),
    )
    return option, [*spot_trace, *trace]


def _lift(
    region: int, ink: Ink, nm: int, efficacy: int, setting: Setting, family_only: bool
) -> tuple[Lift, tuple[TraceEntry, ...]]:
    """What test spots lift at this option; a class that is only a guess within its family has none."""
    own = () if family_only else spots.spots_at(setting.case, ink.ink_class, nm)
    rules, holds = setting.ruleset.engine.test_spots, setting.firings.having("hold", region)
    done = spots.lift(own, holds, setting.facts, rules, efficacy)
    return done, tuple(spots.trace(own, done, rules, region, nm)) if setting.explained else ()


def _learned(rules: tuple[str, ...], region: int, ink: Ink, setting: Setting) -> tuple[str, ...]:
    """Which of the rules of an option looked at a learned probability.

    The class of a posterior chooses the row of the matrix, the label's colour, the test spots and the family;
    skin gate, ladder and caps never see it.
    """
    by_class = ("E.", "L.", "H", "Q01", "Q03") if ink.posterior is not None else ()
    flags = {rule for rule, place in setting.learned_flags if place in (None, region)}
    return tuple(rule for rule in rules if rule in flags or (by_class and rule.startswith(by_class)))


def _ladder(region: int, nm: int, facts: Facts, setting: Setting) -> tuple[str, list[TraceEntry]]:
    """First step that holds; P0, which blocks, when none does."""
    saw: tuple[tuple[str, FactValue], ...] = tuple((k.removeprefix("option."), v) for k, v in facts.items())
    chosen = ""
    trace = []
    for step in setting.ruleset.engine.ladder:
        if chosen and not setting.explained:
            break
        holds = not chosen and evaluate(step.when, facts) is True
        outcome = "fired" if holds else "not_reached" if chosen else "not_fired"
        chosen = step.id if holds else chosen
        if setting.explained:
            trace.append(TraceEntry(step.id, outcome, saw, step.status if holds else "", region, nm))
    return chosen or "P0", trace


def _capped(
    region: int,
    nm: int,
    status: str,
    setting: Setting,
    family_only: bool,
    test_spots: tuple[TestSpotRule, ...],
) -> tuple[str, list[str]]:
    """Status after test spots, cautions and qualitative mode, and the rules that lowered it."""
    engine, rules = setting.ruleset.engine, []
    for rule in test_spots if status in _LIFTABLE else ():
        rules.append(rule.id)
        if _above(status, rule.cap):
            status = rule.cap
    cautions = setting.firings.effects("cap", region)
    if cautions and _above(status, engine.caution_cap):
        status = engine.caution_cap
        rules += ["C01", *cautions]
    if setting.qualitative and status in _LIFTABLE:
        rules.append("Q01")
        if _above(status, engine.qualitative_cap):
            status = engine.qualitative_cap
        if gate_at(nm, setting, darker=1)[0] in engine.margin_gates and _above(status, engine.margin_cap):
            status = engine.margin_cap
            rules.append("Q02")
        if family_only:
            rules.append("Q03")
            if _above(status, engine.family_cap):
                status = engine.family_cap
    return status, rules


def _above(status: str, cap: str) -> bool:
    return status in _LIFTABLE and STATUSES.index(status) < STATUSES.index(cap)


def _label_source(laser: Laser, nm: int) -> tuple[str, ...]:
    return laser.labels[nm].source if nm in laser.labels else ()


def _reasons(row: InkClass, nm: int, rules: list[str], ruleset: Ruleset) -> tuple[str, ...]:
    melanin = ruleset.efficacy.melanin_index[nm]
    if row.band_nm is not None:
        low, high = row.band_nm
        edge = ruleset.efficacy.band_edge_nm
        near = min(abs(nm - low), abs(nm - high)) <= edge
        place = ruleset.text(f"place.{'edge' if near else 'inside' if low < nm < high else 'outside'}")
        physics = ruleset.text(
            "reason.band",
            family=spoken(ruleset, "family", row.hue_family),
            low=low,
            high=high,
            nm=nm,
            place=place,
        )
    else:
        key = "reason.opaque" if row.hue_family == "light_opaque" else "reason.broadband"
        physics = ruleset.text(key, nm=nm)
    competitor = (ruleset.text("reason.melanin", nm=nm, melanin=melanin),) if melanin > 1 else ()
    return (
        physics,
        *competitor,
        *(ruleset.text(f"reason.{r}") for r in rules if f"reason.{r}" in ruleset.texts),
    )
