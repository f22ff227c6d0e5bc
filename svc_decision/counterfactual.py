"""Counterfactuals: what a decision rests on, found by changing one thing of the case and deciding again.

Only changes that a reader can check are tried: another skin type that the photo does not contradict, the
only missing answer, the release of the only deferral, a good test spot, a colour chart. None removes a
referral or a contraindication, and an answer that was given is never tried the other way: a counterfactual
explains, it is no reason to answer differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType

from svc_decision.case import SINCE_INTAKE, YES_NO_INTAKE, Case, SpotRecord
from svc_decision.conditions import AllOf, AnyOf, Compare, Condition
from svc_decision.decision import Counterfactual, InkDecision, Option
from svc_decision.judging import WITH_OPTIONS, Judged
from svc_decision.naming import spoken, spoken_ink
from svc_decision.ruleset import FITZPATRICK, UNKNOWN_CLASS
from svc_decision.skin import read_skin
from svc_decision.spots import lifts

MAX_PER_KIND = 8
_OPEN = ("recommend", "consider", "specialist")
_WEEKS = "spot.reviewed_after_weeks"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision as far as counterfactuals look at it."""

    status: str
    inks: tuple[InkDecision, ...]
    judged: Judged


Retry = Callable[[Case, frozenset[str]], Outcome]
"""Decides a changed case, leaving out the flags named."""


@dataclass(frozen=True, slots=True)
class Found:
    """The counterfactuals shown, in a stable order, and how many more there were."""

    shown: tuple[Counterfactual, ...]
    left_out: int


def find(base: Outcome, retry: Retry) -> Found:
    """At most MAX_PER_KIND of each kind of change; none of a case that is stopped or has no colour."""
    if base.status == "incomplete":
        kinds = [_answered(base, retry)]
    elif base.status in WITH_OPTIONS and not base.judged.firings.effects("defer_unranked"):
        kinds = [
            _skin_types(base, retry),
            _released(base, retry),
            _test_spots(base, retry),
            _chart(base, retry),
        ]
    else:
        kinds = []
    shown: list[Counterfactual] = []
    left_out = 0
    for kind in kinds:
        shown += islice(kind, MAX_PER_KIND)
        left_out += sum(1 for _ in kind)
    return Found(tuple(shown), left_out)


def _skin_types(base: Outcome, retry: Retry) -> Iterator[Counterfactual]:
    """The nearest lighter and the nearest darker type that changes an option, as far as the photo lets it."""
    case, skin = base.judged.case, base.judged.skin
    if skin.operator is None or case.override is not None:
        return
    own = FITZPATRICK.index(skin.operator)
    reach = max(1, skin.class_gap or 0)
    places = sum(len(ink.options) for ink in base.inks)
    for types in (FITZPATRICK[:own][::-1], FITZPATRICK[own + 1 :]):
        told: set[tuple[int, int]] = set()
        for value in types:
            changed = replace(case, skin=replace(case.skin, fitzpatrick_operator=value))
            reading = read_skin(changed, base.judged.ruleset.skin)
            if (reading.class_gap or 0) > reach or len(told) == places:
                break
            if reading.safe == skin.safe:
                continue
            words = base.judged.ruleset.text("change.fitzpatrick", value=value)
            for entry in _differences(base, retry(changed, frozenset()), f"fitzpatrick={value}", words):
                place = (entry.region, entry.wavelength_nm)
                if place not in told:
                    told.add(place)
                    yield entry


def _answered(base: Outcome, retry: Retry) -> Iterator[Counterfactual]:
    """What rests on the only mandatory question without an answer, told with both answers."""
    if len(base.judged.missing) != 1:
        return
    (missing,) = base.judged.missing
    name = missing.path.removeprefix("intake.")
    if name not in YES_NO_INTAKE:
        return
    case, ruleset = base.judged.case, base.judged.ruleset
    # To have looked for a lesion and found none is what "no" is to the other questions.
    lesion = name == "naevus_checked"
    no, yes = (
        ({"naevus_checked": True}, {"naevus_found": True})
        if lesion
        else ({name: False}, {name: 0 if name in SINCE_INTAKE else True})
    )
    outcome, other = (
        retry(replace(case, intake=MappingProxyType({**case.intake, **answer})), frozenset())
        for answer in (no, yes)
    )
    for ink in base.inks:
        otherwise = {
            o.wavelength_nm: spoken(ruleset, "status", o.status) for o in other.inks[ink.region].options
        }
        for before, after in _changed(ink, outcome.inks[ink.region]):
            text = ruleset.text(
                "counterfactual.open",
                nm=after.wavelength_nm,
                ink=spoken_ink(ruleset, ink.ink_class, ink.basis == "hue_family"),
                question=missing.question,
                value=ruleset.text("answer.none_found" if lesion else "answer.no"),
                would_be=spoken(ruleset, "status", after.status),
                other=ruleset.text("answer.found" if lesion else "answer.yes"),
                otherwise=otherwise.get(after.wavelength_nm, spoken(ruleset, "case_status", other.status)),
            )
            yield _entry(ink, before, after, f"{name}={'none found' if lesion else 'no'}", text)


def _released(base: Outcome, retry: Retry) -> Iterator[Counterfactual]:
    """The day on which the only deferral ends."""
    deferring = {f.flag.id for f in base.judged.firings.fired if f.level.effect == "defer"}
    if base.status != "deferred" or len(deferring) != 1:
        return
    (rule,) = deferring
    ruleset = base.judged.ruleset
    words = ruleset.text("change.release", rule=rule, release=ruleset.text(f"release.{rule}"))
    outcome = retry(base.judged.case, frozenset(deferring))
    yield from _differences(base, outcome, f"released={rule}", words)


def _test_spots(base: Outcome, retry: Retry) -> Iterator[Counterfactual]:
    """A good test spot wherever an option is on hold; each speaks for its own place: one retry tries all."""
    case, ruleset = base.judged.case, base.judged.ruleset
    weeks = _weeks_needed(base)
    places = [
        (case.inks[ink.region].ink_class, option.wavelength_nm)
        for ink in base.inks
        for option in ink.options
        if option.status == "hold" and case.inks[ink.region].ink_class != UNKNOWN_CLASS
    ]
    if weeks is None or not places:
        return
    added = tuple(SpotRecord(name, nm, weeks, "unchanged", "") for name, nm in dict.fromkeys(places))
    outcome = retry(replace(case, test_spots=(*case.test_spots, *added)), frozenset())
    for ink in base.inks:
        tested = case.inks[ink.region].ink_class
        name = spoken(ruleset, "ink", tested)
        for before, after in _changed(ink, outcome.inks[ink.region]):
            nm = after.wavelength_nm
            words = ruleset.text("change.test_spot", nm=nm, weeks=f"{weeks:g}", ink=name)
            text = _if(base, ink, before, after, words)
            yield _entry(ink, before, after, f"test_spot={tested}@{nm}", text)


def _weeks_needed(base: Outcome) -> float | None:
    """The shortest review that the ruleset's test-spot rules ask for on this skin."""
    rules, facts = base.judged.ruleset.engine.test_spots, base.judged.facts
    bounds = sorted({bound for rule in rules for bound in _bounds(rule.when)})
    for weeks in bounds:
        spot = SpotRecord("", 0, weeks, "unchanged", "")
        if any(lifts(spot, rule, facts) for rule in rules):
            return weeks
    return None


def _bounds(condition: Condition) -> Iterator[float]:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _bounds(part)
        case Compare(fact, "at_least", bound) if fact == _WEEKS and isinstance(bound, int | float):
            yield float(bound)


def _chart(base: Outcome, retry: Retry) -> Iterator[Counterfactual]:
    """The same inks and the stated skin type under a chart; what only a chart measures stays unknown."""
    case = base.judged.case
    if case.image.chart is not False:
        return
    changed = replace(
        case,
        image=replace(case.image, chart=True, chart_loo_de00=0.0, chart_loo_max_de00=None),
        skin=replace(case.skin, ita=None),
        inks=tuple(replace(ink, delta_e00=None) for ink in case.inks),
    )
    words = base.judged.ruleset.text("change.chart")
    yield from _differences(base, retry(changed, frozenset()), "chart=true", words)


def _differences(base: Outcome, outcome: Outcome, change: str, words: str) -> Iterator[Counterfactual]:
    # A change that would make a referral or a contraindication vanish explains nothing that may be relied on.
    if not base.judged.firings.grave <= outcome.judged.firings.grave:
        return
    for ink in base.inks:
        for before, after in _changed(ink, outcome.inks[ink.region]):
            yield _entry(ink, before, after, change, _if(base, ink, before, after, words))


def _changed(ink: InkDecision, other: InkDecision) -> Iterator[tuple[Option | None, Option]]:
    """(before, after) of the options whose status differs and is open on one side, by wavelength."""
    before = {o.wavelength_nm: o for o in ink.options}
    for after in sorted(other.options, key=lambda o: o.wavelength_nm):
        own = before.get(after.wavelength_nm)
        status = own.status if own else None
        if status != after.status and (status in _OPEN or after.status in _OPEN):
            yield own, after


def _if(base: Outcome, ink: InkDecision, before: Option | None, after: Option, words: str) -> str:
    """The sentence for a change; `words` complete "if ..."."""
    ruleset = base.judged.ruleset
    now = spoken(ruleset, "status", before.status) if before else spoken(ruleset, "case_status", base.status)
    return ruleset.text(
        "counterfactual.option",
        change=words,
        nm=after.wavelength_nm,
        ink=spoken_ink(ruleset, ink.ink_class, ink.basis == "hue_family"),
        status=now,
        would_be=spoken(ruleset, "status", after.status),
    )


def _entry(ink: InkDecision, before: Option | None, after: Option, change: str, text: str) -> Counterfactual:
    return Counterfactual(
        change=change,
        region=ink.region,
        ink_class=ink.ink_class,
        wavelength_nm=after.wavelength_nm,
        status=before.status if before else None,
        would_be=after.status,
        rules=_only_on_one_side(before.rules if before else (), after.rules),
        text=text,
    )


def _only_on_one_side(now: tuple[str, ...], then: tuple[str, ...]) -> tuple[str, ...]:
    gone = (rule for rule in now if rule not in then)
    come = (rule for rule in then if rule not in now)
    return tuple(dict.fromkeys((*gone, *come)))
