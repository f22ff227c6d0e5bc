"""Test spots: which reviewed records lift a hold for one ink at one wavelength (rules H of the ruleset).

A record speaks for its own ink class and wavelength only, and one bad record there outweighs all good ones.
What stops a case or a region is no hold, and nothing here touches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from svc_decision.case import Case, SpotRecord
from svc_decision.conditions import Facts, evaluate
from svc_decision.decision import TraceEntry
from svc_decision.flags import Firing
from svc_decision.ruleset import Release, TestSpotRule

GRADE_HOLD = Release("P2", "")
"""The hold of an ink whose efficacy grade is 0, which no flag makes."""


@dataclass(frozen=True, slots=True)
class Lift:
    """What the test spots of one ink at one wavelength do to its holds."""

    held: tuple[str, ...]
    """Flags that hold all the same."""
    lifted: tuple[str, ...]
    """Flags whose hold is lifted here."""
    grade_released: bool
    rules: tuple[TestSpotRule, ...]
    """The rules that lifted something."""


def spots_at(case: Case, ink_class: str, nm: int) -> tuple[SpotRecord, ...]:
    """The records for one ink class and wavelength."""
    return tuple(s for s in case.test_spots if s.ink_class == ink_class and s.wavelength_nm == nm)


def lift(
    spots: Sequence[SpotRecord],
    holds: Sequence[Firing],
    facts: Facts,
    rules: Sequence[TestSpotRule],
    efficacy: int,
) -> Lift:
    """Holds that `spots`, all records for one place, lift. `facts` are those of the case."""
    applying = tuple(rule for rule in rules if spots and all(lifts(s, rule, facts) for s in spots))
    if not applying:
        return Lift(tuple(hold.flag.id for hold in holds), (), False, ())
    used: list[TestSpotRule] = []
    held: list[str] = []
    lifted: list[str] = []
    for hold in holds:
        # A graver level does not hide a milder one behind it: every level that holds must be lifted.
        wanted = [Release(hold.flag.id, severity) for severity in hold.holding()]
        found = [next((r for r in applying if each in r.releases), None) for each in wanted]
        lifting = [rule for rule in found if rule is not None]
        (lifted if len(lifting) == len(wanted) else held).append(hold.flag.id)
        used += lifting if len(lifting) == len(wanted) else ()
    grade_rule = next((r for r in applying if GRADE_HOLD in r.releases), None)
    if grade_rule is not None and efficacy == 0:
        used.append(grade_rule)
    return Lift(tuple(held), tuple(lifted), grade_rule is not None, tuple(dict.fromkeys(used)))


def trace(
    spots: Sequence[SpotRecord],
    done: Lift,
    rules: Sequence[TestSpotRule],
    region: int,
    nm: int,
) -> Iterator[TraceEntry]:
    """One entry per rule at this option."""
    saw = (
        ("spot.outcome", tuple(s.outcome for s in spots)),
        ("spot.reviewed_after_weeks", tuple(f"{s.reviewed_after_weeks:g}" for s in spots)),
    )
    for rule in rules:
        fired = rule in done.rules
        outcome = "fired" if fired else "not_fired" if spots else "not_applicable"
        effect = f"lifts {', '.join(done.lifted) or GRADE_HOLD.rule}; at most {rule.cap}" if fired else ""
        yield TraceEntry(rule.id, outcome, saw, effect, region, nm)


def lifts(spot: SpotRecord, rule: TestSpotRule, facts: Facts) -> bool:
    """Whether one record meets a rule's conditions; `facts` are those of the case."""
    own: Facts = {
        **facts,
        "spot.outcome": spot.outcome,
        "spot.reviewed_after_weeks": spot.reviewed_after_weeks,
    }
    return evaluate(rule.when, own) is True
